"""What a probe tells of the packets of a one-way class, on every capture: each by the slow twins, datagrams and times in packets by
tshark."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.conftest import NOT_THERE, OWN_CAPTURES, SHARED_CAPTURES
from tests.oracles import tshark
from tests.oracles.header_walk import network_of, walk
from tests.oracles.signature_twin import sign
from tests.oracles.tshark_datagrams import reassembled
from tests.pipeline.test_reassembly_tshark import CAPTURES as WITH_FRAGMENTS
from tests.pipeline_in_process import Measured, frames_of, identity, measure
from tests.unit.child.one_way.bench import HERE, THERE, one_way_class
from tmon_common.config.model import Hop
from tmon_common.observations import ABSENT, ONE_WAY_OBSERVATION
from tmon_common.pdu.one_way import OneWayPacker, decode
from tmon_common.pdu.one_way.packer import in_order, sound
from tmon_probe import records as r
from tmon_probe.child.one_way.stamps import NTP_PLACES

VARIANTS = [
    {"signature_octets": 4}, {"signature_octets": 3, "nat": True, "hashed_octets": 200},
    {"signature_octets": 2, "algorithm": "md5", "hashed_octets": 64},
]  # fmt: skip
TIMES = [ONE_WAY_OBSERVATION.word_of(c.name) for c in ONE_WAY_OBSERVATION.expanded if "time" in c.name]
needs_tshark = pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)


def packets_of(capture) -> list[tuple[bytes, int, dict]]:
    """(packet as far as it was captured, its time, what its headers say) of each frame with a good one."""
    found = []
    for frame in frames_of(capture):
        outcome, fields, _ = walk(frame.octets, frame.link_type, frame.wire)
        if outcome == "relevant":
            found.append((network_of(frame.octets, frame.link_type)[: fields["ip_octets"]], frame.time_ns, fields))
    return found


def expected(packet: bytes, time_ns: int, fields: dict, octets: int, last_ns: int = ABSENT, **options) -> tuple:
    digest = sign(packet, options.get("nat", False), options.get("algorithm") == "md5", options.get("hashed_octets", 65535))
    ends = tuple(fields[f"{side}_hi"] << 64 | fields[f"{side}_lo"] for side in ("src", "dst"))
    return (digest & (1 << 8 * options["signature_octets"]) - 1, time_ns, octets, last_ns, *ends)


def told(measured: Measured) -> Counter:
    rows = [row for rows in measured.published.get("one_way_observation", ()) for row in rows.values]
    return Counter((int(row["signature"]), int(row["time"]), int(row["octets"]), int(row["last_time"]),
                    *identity(measured.definitions[int(row["flow"])])[:2]) for row in rows)


@pytest.mark.parametrize("options", VARIANTS, ids=lambda o: f"{8 * o['signature_octets']} bits")
def test_packet_by_packet(capture, options):
    """Every packet, fragments too, once: its digest by the twin, its time and length, the addresses of its flow."""
    wanted = Counter(expected(packet, time_ns, fields, fields["ip_octets"], **options)
                     for packet, time_ns, fields in packets_of(capture))
    measured = measure(capture, (one_way_class(**options),))
    assert wanted == told(measured)
    counters = measured.chain.counters()
    assert (wanted.total(), 0, 0) == tuple(counters[f"one_way_{n}"] for n in ("observations", "elsewhere", "unsigned"))


@needs_tshark
@pytest.mark.oracle
@pytest.mark.parametrize("path", WITH_FRAGMENTS, ids=lambda p: p.stem)
@pytest.mark.parametrize("options", VARIANTS[:2], ids=lambda o: f"{8 * o['signature_octets']} bits")
def test_datagram_by_datagram(path, options):
    """Whole packets as above; of fragments the datagrams that tshark puts together, signed as if they had not been fragmented."""
    if not path.exists():
        pytest.skip(NOT_THERE)
    packets = packets_of(path)
    wanted = Counter(expected(packet, time_ns, fields, fields["ip_octets"], **options) for packet, time_ns, fields in packets
                     if not fields["flags"] & r.FRAGMENT)
    for datagram in reassembled(path):
        fields, packet = next((fields, whole(packet, datagram.payload)) for packet, time_ns, fields in packets
                              if datagram.oldest_ns <= time_ns <= datagram.newest_ns
                              and is_first_of(packet, fields, datagram.payload))
        wanted[expected(packet, datagram.oldest_ns, fields, len(packet), datagram.newest_ns, **options)] += 1
    assert wanted == told(measure(path, (one_way_class(per="datagram", **options),)))


def body_of(packet: bytes) -> int:
    """Where what was fragmented begins; one extension header at most stands before the fragment header."""
    if packet[0] >> 4 == 4:
        return (packet[0] & 15) * 4
    return 48 if packet[6] == 44 else 40 + 8 * (packet[41] + 1) + 8


def is_first_of(packet: bytes, fields: dict, payload: bytes) -> bool:
    first = fields["flags"] & (r.FRAGMENT | r.LATER_FRAGMENT) == r.FRAGMENT
    return bool(first) and payload.startswith(packet[body_of(packet) :])


def whole(first: bytes, payload: bytes) -> bytes:
    """The packet before it was fragmented: RFC 791, RFC 8200 section 4.5."""
    body = body_of(first)
    if first[0] >> 4 == 4:
        return first[:2] + (body + len(payload)).to_bytes(2, "big") + first[4:6] + b"\0\0" + first[8:body] + payload
    header, following = bytearray(first[: body - 8]), first[body - 8]
    header[6 if len(header) == 40 else 40] = following
    header[4:6] = (len(header) - 40 + len(payload)).to_bytes(2, "big")
    return bytes(header) + payload


@pytest.mark.parametrize("side", ["west", "east"])
@pytest.mark.parametrize("per", ["packet", "datagram"])
def test_batches_do_not_matter(side, per):
    """A few packets at a time or thousands: the same is told."""
    path, classes = OWN_CAPTURES / "demo" / f"{side}.pcap", (one_way_class(per=per),)
    assert told(measure(path, classes, ring_slots=4)) == told(measure(path, classes))


def test_watermarks(capture):
    """They never go back, nothing comes that is older than one told before, and the last rows say that they are."""
    times = [time_ns for _, time_ns, _ in packets_of(capture)]
    if times != sorted(times):
        pytest.skip("not in order of time: nobody can tell up to when it is complete")
    for per in ("packet", "datagram"):
        reached = ABSENT
        emitted = measure(capture, (one_way_class(per=per),)).published.get("one_way_observation", [])
        for rows in emitted:
            assert all(time_ns >= reached for time_ns in rows.values["time"].tolist())
            assert rows.watermark_ns >= reached
            reached = rows.watermark_ns
        assert [True] == [rows.ended for rows in emitted][-1:]
        assert 1 == sum(rows.ended for rows in emitted)
        assert not times or reached > times[-1]


@needs_tshark
@pytest.mark.oracle
@pytest.mark.parametrize("path", [SHARED_CAPTURES / "ntp_client_server.pcap", *(OWN_CAPTURES / "demo" / f"{side}.pcap" for side in
                                  ("west", "east"))], ids=lambda p: p.stem)
def test_ntp_timestamps(path):
    """All four of each message are those that tshark shows, to its last digit; what is days away is no time (chrony sends such)."""
    if not path.exists():
        pytest.skip(NOT_THERE)
    names = {"reference": "ntp.reftime", "origin": "ntp.org", "receive": "ntp.rec", "transmit": "ntp.xmt"}
    measured = measure(path, (one_way_class(hops=(HERE, *(Hop(n, ntp=n) for n in names), THERE)),))
    found = Counter(tuple(int(row[f"extra_time_{n:02}"]) for n in range(1, 5)) for row in measured.rows["one_way_observation"])
    wanted, odd = Counter(), 0
    for frame in tshark.occurrences(path, ("udp.port", "frame.time_epoch", *names.values())):
        if "ntp.xmt" in frame and "123" in frame.get("udp.port", ()):
            passed = int(frame["frame.time_epoch"][0].replace(".", ""))
            times = [_date(",".join(frame.get(field, ["NULL"]))) for field in names.values()]
            far = [t != ABSENT and abs(t - passed) > 86_400 * 10**9 for t in times]
            wanted[tuple(ABSENT if is_far else t for t, is_far in zip(times, far, strict=True))] += 1
            odd += sum(far)
    nothing = (ABSENT,) * 4
    del wanted[nothing], found[nothing]
    assert wanted
    assert wanted == found
    assert odd == measured.chain.counters()["one_way_stamps_odd"]


def _date(text: str) -> int:
    """ "Apr 10, 2016 18:54:29.121701769 UTC" in ns."""
    if text == "NULL":
        return ABSENT
    moment, _, fraction = text.removesuffix(" UTC").partition(".")
    found = datetime.strptime(moment, "%b %d, %Y %H:%M:%S").replace(tzinfo=UTC)
    return (found - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * 10**9 + int(fraction.ljust(9, "0"))


@needs_tshark
@pytest.mark.oracle
def test_ip_timestamps():
    """Filled entries that tshark shows, by position and by address, on the day that is nearest."""
    path = SHARED_CAPTURES / "ipv4_options_timestamp.pcap"
    if not path.exists():
        pytest.skip(NOT_THERE)
    address = 0xFFFF << 32 | 10 << 24 | 138
    hops = (HERE, Hop("1", ip_timestamp=1), Hop("2", ip_timestamp=2), Hop("of", stamped_by=address), THERE)
    measured = measure(path, (one_way_class(hops=hops),))
    found = {int(row["time"]): [int(row[f"extra_time_{n:02}"]) for n in range(1, 5)] for row in
             measured.rows["one_way_observation"]}
    frames = tshark.occurrences(path, ("frame.time_epoch", "ip.opt.type", "ip.opt.ptr", "ip.opt.flag", "ip.opt.time_stamp",
                                       "ip.opt.time_stamp_addr"))
    stamped = 0
    for frame in frames:
        time_ns = int(frame["frame.time_epoch"][0].replace(".", "").ljust(19, "0"))
        wanted = [ABSENT] * 4
        if "68" in frame["ip.opt.type"]:
            stamped += 1
            with_address = frame["ip.opt.flag"] == ["0x01"]
            filled = (int(frame["ip.opt.ptr"][0]) - 5) // (8 if with_address else 4)
            times = [_on_its_day(int(ms), time_ns) for ms in frame["ip.opt.time_stamp"][:filled]]
            wanted[:2] = (times + [ABSENT] * 2)[:2]
            if "10.0.0.138" in frame.get("ip.opt.time_stamp_addr", ())[:filled]:
                wanted[2] = times[frame["ip.opt.time_stamp_addr"].index("10.0.0.138")]
        assert wanted == found[time_ns]
    assert 2 == stamped


def _on_its_day(milliseconds: int, time_ns: int) -> int:
    day = 86_400 * 10**9
    midnight = time_ns // day * day
    return min((midnight + n * day + milliseconds * 10**6 for n in (-1, 0, 1)), key=lambda t: abs(t - time_ns))


@pytest.mark.parametrize("path", [*(OWN_CAPTURES / "demo" / f"{side}.pcap" for side in ("west", "east"))], ids=lambda p: p.stem)
@pytest.mark.parametrize("per", ["packet", "datagram"])
def test_what_is_told_travels(path, per):
    """Rows with all that they may have, through the code of observations and back: times rounded down, the rest as it was."""
    hops = (HERE, *(Hop(n, ntp=n) for n in NTP_PLACES), THERE)
    measured = measure(path, (one_way_class(hops=hops, per=per, resolution_ns=1000, signature_octets=3),))
    emitted = measured.published["one_way_observation"]
    for sequence, rows in enumerate(emitted):
        packer, start, words = OneWayPacker(rows.form), 0, in_order(rows.words)
        assert sound(words).all()
        back = []
        while True:
            packed = packer.pack(words, start, 1300, sequence, rows.watermark_ns, ended=rows.ended)
            block = decode(packed.octets, 0, len(packed.octets))
            assert (rows.form, sequence) == (block.form, block.sequence)
            back.append(block.words)
            start += packed.rows
            if start == len(words):
                break
        words[:, TIMES] = rounded_down(words[:, TIMES])
        found = np.concatenate(back)
        assert sorted(map(tuple, words.tolist())) == sorted(map(tuple, found.tolist()))
        assert (rounded_down(rows.watermark_ns), rows.ended) == (block.watermark_ns, block.ended)
    assert 1000 < sum(len(rows) for rows in emitted)


def rounded_down(times_ns: np.ndarray | int) -> np.ndarray:
    return np.where(times_ns == ABSENT, ABSENT, times_ns - np.where(times_ns == ABSENT, 0, np.asarray(times_ns) % 1000))
