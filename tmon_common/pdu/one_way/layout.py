"""Numbers that encoder and decoder of one-way observations share; docs/protocol.md section 7 gives every octet."""

from tmon_common.observations import ONE_WAY_OBSERVATION
from tmon_common.observations.one_way import MAX_EXTRAS

VERSION = 1
ENDED, SIZES, WATERMARK = 1, 2, 4  # flags beside the version
FLAGS = ENDED | SIZES | WATERMARK

MAX_OBSERVATIONS = 4096  # of one PDU; of two octets and a half, a PDU of the greatest length holds no more
TIME_LIMIT_NS = (1 << 62) - 1  # times are no further from 1970 than that, 146 years; differences of two fit in a word
SOUND_NS = TIME_LIMIT_NS - 1_000_000  # nor than that before they are rounded
MAX_SIZE = (1 << 31) - 2  # octets
MAX_POINT = 255
MAX_FLOW = (1 << 62) - 1
MAX_RANKED = 64  # different sizes that a group lists

# words of a row
FLOW, POINT, SIGNATURE, TIME, OCTETS, LAST = (ONE_WAY_OBSERVATION.word_of(name) for name in (
    "flow", "point", "signature", "time", "octets", "last_time"))
EXTRA = ONE_WAY_OBSERVATION.word_of(next(c.name for c in ONE_WAY_OBSERVATION.expanded if c.name.startswith("extra_time")))
OPTIONAL = 1 + MAX_EXTRAS
"""Columns that only some rows have: last_time and the extra ones, one after the other from LAST on."""
WORDS = ONE_WAY_OBSERVATION.words

PARAMETER = 63  # part of an octet that holds a parameter of Rice's code
HAS_OPTIONAL = 64  # beside that of times: an octet follows that tells which optional columns there are
ALL_PRESENT = 64  # beside that of an optional column: no bitmap
CONSTANT = 64  # in place of that of sizes
RANKED = 128  # beside that of sizes
