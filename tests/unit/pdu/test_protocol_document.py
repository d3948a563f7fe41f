"""docs/protocol.md tells the truth: its examples are what the code makes."""

import re
from pathlib import Path

import numpy as np

from tests.unit.pdu import twin
from tmon_collector.probes import MAX_AHEAD, MAX_RUNS
from tmon_collector.sessions import Sessions
from tmon_collector.written import MAX_RANGES
from tmon_common.observations import ABSENT, HISTOGRAM_DEFINITION, IP_COUNTERS, ONE_WAY_OBSERVATION
from tmon_common.pdu.ack import MAX_IDS, pack_acks
from tmon_common.pdu.codec import MAX_PAYLOAD_OCTETS, Encoder
from tmon_common.pdu.columns import MODES
from tmon_common.pdu.contents import MAX_ROWS, Heartbeat, Observations, pack_heartbeat, pack_observations
from tmon_common.pdu.header import ACK, HEARTBEAT, MAX_PDU_OCTETS, OBSERVATIONS, probe_number
from tmon_common.pdu.key_watch import LOOK_EVERY_NS
from tmon_common.pdu.keys import Key
from tmon_common.pdu.one_way import Form, OneWayPacker
from tmon_common.pdu.one_way.layout import MAX_OBSERVATIONS
from tmon_common.pdu.one_way.rice import MAX_PARAMETER, QUOTIENTS
from tmon_common.pdu.replay import WIDTH
from tmon_common.pdu.session import ProbeSession
from tmon_probe.publish.gaps import MAX_GAPS
from tmon_probe.publish.one_way_construction import MAX_WAITING, QUEUE_PART

TEXT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
PROBE, RUN = probe_number("paris"), 1_700_000_000_123 << 16 | 7
KEY = Key(bytes(range(32)))


def closed(counter: int, pdu_type: int, content: bytes, keys=None) -> bytes:
    session = ProbeSession("paris", RUN, "rome", keys)
    session._counter = counter
    return session.close(pdu_type, content)


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
    content = pack_observations(header) + payload.octets
    assert closed(4, OBSERVATIONS, content) == example("observations")
    assert closed(4, OBSERVATIONS, content, (KEY,)) == example("sealed")
    assert payload.octets == twin.encode_all(rows, [])[0]


def test_heartbeat():
    assert closed(5, HEARTBEAT, pack_heartbeat(Heartbeat(6, 0, 1_700_000_000_987_654_421, 5_000_000))) == example("heartbeat")


def test_ack():
    sessions = Sessions("rome", {"paris": None})
    sessions.open(closed(4, OBSERVATIONS, b""))
    sessions._instance, sessions._counter = 0x0011223344556677, 1
    assert sessions.close(PROBE, RUN, ACK, pack_acks([5])[0]) == example("ack")


def test_strings():
    encoder = Encoder(HISTOGRAM_DEFINITION)
    encoder.offer(["octets", "unused", "sizes"])
    payload = encoder.encode(np.array([[2, 1, 0, 0, 64]], np.int64), 0, 1000)
    assert payload.octets == example("strings")
    assert payload.strings == 2


def test_one_way():
    start = 1_700_000_040 * 10**9
    words = np.full((5, ONE_WAY_OBSERVATION.words), ABSENT, np.int64)
    words[:, :5] = [[7, 2, 0xA1B2C3, start + 1_000, 40], [7, 2, 0x0D0E0F, start + 1_001_000, 1500],
                    [7, 2, 0x112233, start + 1_901_000, 1500], [7, 2, 0x445566, start + 4_001_000, 40],
                    [9, 2, 0x778899, start + 501_000, 1500]]
    words[4, 5] = start + 751_000
    packed = OneWayPacker(Form("backbone", 3, 1000, sizes=True)).pack(words, 0, 1000, 5, start + 10**9)
    assert packed.octets == example("one_way")
    assert packed.rows == 5


def test_limits_and_modes():
    assert f"at most {MAX_PDU_OCTETS:,} octets" in TEXT
    assert f"1 to {MAX_ROWS:,}; of `one_way_observation` 0 to {MAX_OBSERVATIONS:,} |" in TEXT
    assert f"more than {MAX_OBSERVATIONS:,} packets" in TEXT
    assert f"until there are {MAX_WAITING:,}, or an eighth of the queue" in TEXT
    assert QUEUE_PART == 8
    assert f"From {MAX_GAPS:,} rows on" in TEXT
    assert f"(at most {MAX_PARAMETER})" in TEXT
    assert f"From {QUOTIENTS} ones" in TEXT
    assert f"more than {MAX_AHEAD:,} it is `implausible`" in TEXT
    assert f"At {MAX_RANGES:,} ranges" in TEXT
    assert MAX_RUNS == 8
    assert "The last eight runs" in TEXT
    assert MODES == 12
    assert f"at most {MAX_PAYLOAD_OCTETS:,} octets, nothing behind" in TEXT
    assert f"at most {MAX_IDS} |" in TEXT
    assert f"{WIDTH:,} or more below" in TEXT
    assert f"noticed within {LOOK_EVERY_NS // 10**9} s" in TEXT
    for number, name in enumerate(twin.PREFERENCE):
        words = name.lower().split("_")
        assert f"| {number} | {(' ' if words[0] == 'all' else ', ').join(words)} |" in TEXT
