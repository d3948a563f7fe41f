"""docs/protocol.md tells the truth: its examples are what the code makes."""

import re
from pathlib import Path

import numpy as np

from tests.unit.pdu import twin
from tmon_collector.probes import MAX_AHEAD, MAX_RANGES, MAX_RUNS
from tmon_common.observations import HISTOGRAM_DEFINITION, IP_COUNTERS
from tmon_common.pdu.ack import pack_acks
from tmon_common.pdu.codec import Encoder
from tmon_common.pdu.columns import MODES
from tmon_common.pdu.header import (
    ACK,
    MAX_PDU_OCTETS,
    MAX_ROWS,
    Observations,
    pack_heartbeat,
    pack_observations,
    probe_number,
)
from tmon_common.pdu.seal import CrcSeal

TEXT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
SEAL = CrcSeal()
PROBE, RUN = probe_number("paris"), 1_700_000_000_123


def example(name: str) -> bytes:
    """Octets of a block of the document: what stands in the first 44 characters of its lines, in hexadecimal."""
    block = re.search(rf"```hex {name}\n(.*?)```", TEXT, re.DOTALL).group(1)
    pairs = [re.match(r"(?:[0-9a-f]{2}\s+)*(?:[0-9a-f]{2}(?=\s|$))?", line + "\n").group() for line in block.splitlines()]
    return bytes.fromhex("".join(pairs))


def test_observations():
    start, end = 1_700_000_040 * 10**9, 1_700_000_100 * 10**9
    rows = [[7, start, end, 2, 0, 120, 0, 0, 0], [9, start, end, 1, 1, 60, 60, 0, 0],
            [10, start, end, 300, 150, 450_000, 9000, 2, 0]]
    payload = Encoder(IP_COUNTERS).encode(np.array(rows, np.int64), 0, 1000)
    header = Observations(pdu=5, behind=2, kind=IP_COUNTERS.number, rows=3, words=9, strings=0)
    assert SEAL.close(pack_observations(PROBE, RUN, header) + payload.octets) == example("observations")
    assert payload.octets == twin.encode_all(rows, [])[0]


def test_heartbeat():
    assert SEAL.close(pack_heartbeat(PROBE, RUN, 6, 0)) == example("heartbeat")


def test_ack():
    assert pack_acks(ACK, PROBE, RUN, [5], SEAL) == [example("ack")]


def test_strings():
    encoder = Encoder(HISTOGRAM_DEFINITION)
    encoder.offer(["octets", "unused", "sizes"])
    payload = encoder.encode(np.array([[2, 1, 0, 0, 64]], np.int64), 0, 1000)
    assert payload.octets == example("strings")
    assert payload.strings == 2


def test_limits_and_modes():
    assert f"at most {MAX_PDU_OCTETS:,} octets" in TEXT
    assert f"1 to {MAX_ROWS:,} |" in TEXT
    assert f"more than {MAX_AHEAD:,} it is `implausible`" in TEXT
    assert f"At {MAX_RANGES:,} ranges" in TEXT
    assert MAX_RUNS == 8
    assert "The last eight runs" in TEXT
    assert MODES == 10
    for number, name in enumerate(twin.PREFERENCE):
        words = name.lower().split("_")
        assert f"| {number} | {(' ' if words[0] == 'all' else ', ').join(words)} |" in TEXT
