"""Every packet of every real capture: options, echo numbers and carried packets are those that tshark shows."""

from functools import lru_cache
from ipaddress import IPv6Address

import pytest

from tests.oracles import tshark
from tests.oracles.tshark_tunnels import innermost
from tests.pipeline_in_process import Dissector, frames_from
from tmon_common import ip_timestamp
from tmon_probe import records as r
from tmon_probe.father.capture.replay import Replay

pytestmark = [pytest.mark.oracle, pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)]

TCP = {"tcp_mss": "tcp.options.mss_val", "tcp_window_scale": "tcp.options.wscale.shift", "tcp_tsval": "tcp.options.timestamp.tsval",
       "tcp_tsecr": "tcp.options.timestamp.tsecr"}  # fmt: skip
SACK = ("tcp.options.sack_perm", "tcp.options.sack_le", "tcp.options.sack_re")
ECHO = ("icmp.ident", "icmp.seq", "icmpv6.echo.identifier", "icmpv6.echo.sequence_number", "icmp.type", "icmpv6.type")
IP = ("ip.opt.type", "ip.opt.flag", "ip.opt.overflow", "ip.opt.ptr", "ip.opt.time_stamp", "ip.opt.time_stamp_addr", "ip.dst",
      "ipv6.opt.router_alert")  # fmt: skip
SOURCE_ROUTED = {"ipv4_options_timestamp.pcap": (6, 7)}
"""tshark shows the last hop of the route for the destination, we the address in the header."""
FIELDS = ("frame.number", "frame.protocols", *TCP.values(), *SACK, *ECHO, *IP)


@lru_cache(maxsize=128)
def dissected(path, inner: bool = False) -> list:
    """(frame, its record or None) of every frame."""
    dissect = Dissector(inner=inner)
    return [(frame, dissect(frame.octets, frame.link_type, frame.wire).record) for frame in frames_from(Replay((path,)))]


def paired(path, layer: str):
    """(what tshark shows, our record, frame) of the frames whose outermost packet is of `layer`, which appears in them once."""
    for (frame, record), shown in zip(dissected(path), tshark.occurrences(path, FIELDS), strict=True):
        layers = shown["frame.protocols"][0].split(":")
        ip = [at for at, name in enumerate(layers) if name in ("ip", "ipv6")]
        if record is not None and len(ip) == 1 and layers.count(layer) == 1:
            yield shown, record, frame


def numbers(shown: dict, *names: str) -> list[int]:
    return [int(value, 0) for name in names for value in shown.get(name, ())]


def test_tcp_options(capture):
    """MSS, window scale, SACK permitted, SACK blocks, timestamps."""
    for shown, record, frame in paired(capture, "tcp"):
        flags = int(record["flags"])
        expected = {ours: numbers(shown, field)[-1:] for ours, field in TCP.items()}
        actual = {"tcp_mss": r.HAS_MSS, "tcp_window_scale": r.HAS_WINDOW_SCALE, "tcp_tsval": r.HAS_TIMESTAMPS,
                  "tcp_tsecr": r.HAS_TIMESTAMPS}  # fmt: skip
        actual = {ours: [int(record[ours])] if flags & flag else [] for ours, flag in actual.items()}
        expected["permitted"], actual["permitted"] = "tcp.options.sack_perm" in shown, flags & r.SACK_PERMITTED > 0
        edges = record["sack"][: 2 * record["sack_blocks"]].tolist() if flags & r.HAS_SACK else []
        expected["sack"] = list(zip(numbers(shown, SACK[1]), numbers(shown, SACK[2]), strict=True))
        actual["sack"] = list(zip(edges[::2], edges[1::2], strict=True))
        assert expected == actual, f"packet {frame.number}"


def test_echo(capture):
    """Identifier and sequence number of echo requests and replies, of ICMP and ICMPv6."""
    for layer, kinds in (("icmp", (0, 8)), ("icmpv6", (128, 129))):
        names = ECHO[:2] if layer == "icmp" else ECHO[2:4]
        for shown, record, frame in paired(capture, layer):
            echo = numbers(shown, f"{layer}.type")[:1] in ([k] for k in kinds)
            expected = numbers(shown, *names) if echo else []
            actual = [int(record["icmp_id"]), int(record["icmp_seq"])] if int(record["flags"]) & r.HAS_ECHO else []
            assert expected == actual, f"packet {frame.number}"


def test_ip_options(capture):
    """Timestamp, record route and router alert, the last of IPv6 too."""
    for layer in ("ip", "ipv6"):
        for shown, record, frame in paired(capture, layer):
            kinds = numbers(shown, "ip.opt.type")
            alert = 148 in kinds or "ipv6.opt.router_alert" in shown
            expected = (68 in kinds) * r.IP_TIMESTAMP | (7 in kinds) * r.RECORD_ROUTE | alert * r.ROUTER_ALERT
            assert expected == int(record["flags"]) & (r.IP_TIMESTAMP | r.RECORD_ROUTE | r.ROUTER_ALERT), f"packet {frame.number}"


def test_ip_timestamps(capture):
    """The entries of the Timestamp option that stand before its pointer."""
    for shown, record, frame in paired(capture, "ip"):
        if not int(record["flags"]) & r.IP_TIMESTAMP:
            continue
        found = ip_timestamp.read(frame.octets[frame.octets.index(b"\x08\0", 12) + 2 :])
        form, filled = numbers(shown, "ip.opt.flag")[0], numbers(shown, "ip.opt.ptr")[0] - 5
        count = filled // (4 if form == 0 else 8)
        addresses = shown.get("ip.opt.time_stamp_addr", [None] * count)[:count]
        assert (form, numbers(shown, "ip.opt.overflow")[0]) == (found.form, found.overflow)
        assert numbers(shown, "ip.opt.time_stamp")[:count] == [s.milliseconds for s in found.stamps]
        assert addresses == [s.address and str(s.address) for s in found.stamps]
        assert all(s.standard for s in found.stamps)


def test_carried_packets(capture):
    """With the tunnels' inside asked for: addresses, length, TTL, transport and ports of the innermost packet."""
    for (frame, record), expected in zip(dissected(capture, inner=True), innermost(capture), strict=True):
        assert (expected is None) == (record is None), f"packet {frame.number}"
        if expected is None:
            continue
        src, dst = (IPv6Address((int(record[f"{side}_hi"]) << 64) | int(record[f"{side}_lo"])) for side in ("src", "dst"))
        v4 = int(record["ip_version"]) == 4
        actual = [str(a.ipv4_mapped) if v4 else str(a) for a in (src, dst)]
        if frame.number in SOURCE_ROUTED.get(capture.name, ()):
            actual[1] = expected.dst
        actual = int(record["ip_version"]), *actual, int(record["ip_octets"]), int(record["ttl"])
        assert (expected.version, expected.src, expected.dst, expected.octets, expected.ttl) == actual, f"packet {frame.number}"
        assert (expected.tunnels > 0) == (int(record["flags"]) & r.TUNNELLED > 0)
        if expected.transport is not None:
            assert expected.transport == int(record["protocol"])
        if expected.ports:
            assert expected.ports == (int(record["src_port"]), int(record["dst_port"])), f"packet {frame.number}"
