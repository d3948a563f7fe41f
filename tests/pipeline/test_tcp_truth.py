"""TCP connections found in the recorded demo traffic, against the log of the link that it crossed and against the clients' log."""

from collections import Counter
from dataclasses import replace
from functools import cache
from ipaddress import ip_address
from itertools import pairwise

import dpkt
import pytest

from tests.oracles.capture_files import write_pcap
from tests.oracles.demo_link import DEMO, SIDES, operations, passed, truth
from tests.oracles.demo_tcp import ACK, FIN, RST, SYN, Connection, Ends, connections, lost_and_copied, volume
from tests.pipeline_in_process import DELAYS, FIVE_TUPLE, measure
from tmon_common.config.model import SECOND, Analysis, Filter, FlowClass

CLASSES = (FlowClass("all", Filter(), (FIVE_TUPLE,), (Analysis("tcp_connection", 10 * SECOND),)),)
VOLUME = ("segments", "octets", "unique_octets", "retransmitted_segments", "retransmitted_octets")
DIRECTIONS = ((False, ""), (True, "_rev"))
TRACEROUTE_HOPS_EAST = 5
"""`traceroute -T -m 6`: the probe for the first hop ends before the link."""


@cache
def found(side: str) -> dict[Ends, dict]:
    """Rows by their ends. AssertionError if a connection has two."""
    rows = measure(DEMO / f"{side}.pcap", CLASSES).records("tcp_connection")
    by_ends = {Ends(*(r[name] for name in ("client_addr", "client_port", "server_addr", "server_port"))): r for r in rows}
    assert len(by_ends) == len(rows)
    return by_ends


@pytest.mark.parametrize("side", SIDES)
def test_connections_are_those_of_the_operations(side):
    """By the port of the server: FTP sessions and their data connections, DNS over TCP, HTTP, traceroute."""
    expected = Counter()
    for one in operations("ftp_get", "ftp_put", "ftp_list", "ftp_resume", "ftp_login", "ftp_abort", "ftp_session"):
        expected[ip_address(one["src_addr"]), ip_address(one["dst_addr"]), 21] += 1
        for data in one["data_connections"]:
            ends = [ip_address(one["src_addr"]), ip_address(one["dst_addr"])]
            expected[*(ends if data["mode"] in ("PASV", "EPSV") else ends[::-1]), data["port"]] += 1
    for one in operations("dns", "http"):
        if one["kind"] == "http" or one.get("transport") == "tcp":
            expected[ip_address(one["src_addr"]), ip_address(one["dst_addr"]), one["dst_port"]] += 1
    for one in operations("traceroute"):
        if one["method"] == "tcp":
            expected[ip_address(one["src_addr"]), ip_address(one["dst_addr"]), 80] += TRACEROUTE_HOPS_EAST
    assert expected == Counter((e.client_addr, e.server_addr, e.server_port) for e in found(side))


@pytest.mark.parametrize("side", SIDES)
def test_ports_that_the_clients_noted(side):
    """curl and dig say from which port they asked."""
    noted = {(ip_address(one["src_addr"]), one["src_port"], ip_address(one["dst_addr"]), one["dst_port"])
             for one in truth()["operations"] if one.get("src_port") and (one["kind"] == "http" or one["kind"].startswith("ftp"))}
    assert len(noted) > 20
    assert noted <= {(e.client_addr, e.client_port, e.server_addr, e.server_port) for e in found(side)}


@pytest.mark.parametrize("side", SIDES)
def test_times_are_those_of_the_log(side):
    """First segment, ACK that completes the handshake, last segment; all seen from the SYN on."""
    def expected(connection: Connection) -> tuple:
        established = connection.handshake_ack if connection.syn_ack else None
        return (connection.frames[0][0].time_ns(side), established.time_ns(side) if established else None,
                connection.frames[-1][0].time_ns(side), 1)

    assert {ends: expected(c) for ends, c in connections(side).items()} == {
        ends: tuple(r[n] for n in ("start", "established", "end", "from_start")) for ends, r in found(side).items()}


@pytest.mark.parametrize("side", SIDES)
def test_both_halves_of_the_handshake(side):
    """SYN to SYN-ACK, SYN-ACK to ACK, as the frames passed."""
    expected = {}
    for ends, connection in connections(side).items():
        times_ns = [f and f.time_ns(side) for f in (connection.syn, connection.syn_ack,
                                                    connection.syn_ack and connection.handshake_ack)]
        expected[ends] = tuple(b - a if a and b else None for a, b in pairwise(times_ns))
    assert expected == {ends: (r["handshake_server_rtt"], r["handshake_client_rtt"]) for ends, r in found(side).items()}


@pytest.mark.parametrize("side", SIDES)
def test_how_connections_ended(side):
    """FIN of both sides, or RST; who said so first. One that nobody answered has neither."""
    for ends, connection in connections(side).items():
        row, flags = found(side)[ends], [(f.transport.flags, by_server) for f, by_server in connection.frames]
        closing = [by_server for bits, by_server in flags if bits & (FIN | RST)]
        finished = {by_server for bits, by_server in flags if bits & FIN} == {False, True}
        reset = any(bits & RST for bits, _ in flags)
        assert ("server" if closing[0] else "client") == row["closed_by"] if closing else row["closed_by"] is None
        if reset != finished:
            assert ("rst" if reset else "fin") == row["ended_by"], ends
        elif reset:
            assert row["ended_by"] in ("fin", "rst")
        else:
            assert row["ended_by"] in ("timeout", "capture_end")


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("from_server", "suffix"), DIRECTIONS, ids=["client", "server"])
def test_segments_and_octets(side, from_server, suffix):
    """Of each connection: what the slow twin counts of the frames that the log lets pass that tap."""
    expected = {ends: vars(volume(c.sent(from_server))) for ends, c in connections(side).items()}
    assert expected == {ends: {name: r[name + suffix] for name in VOLUME} for ends, r in found(side).items()}


@pytest.mark.parametrize(("from_server", "suffix"), DIRECTIONS, ids=["client", "server"])
def test_octets_of_the_two_taps_differ_by_what_the_link_lost_and_copied(from_server, suffix):
    """Near the sender, less what was lost, and what was copied on top, is what came by at the far end. Where nothing of the
    connection is missing there, this is a balance of retransmissions: what was lost had to be sent again."""
    unbalanced = 0
    for ends, west in found("west").items():
        east = found("east")[ends]
        sender = ends.server_addr if from_server else ends.client_addr
        near, far = (west, east) if _is_west(sender) else (east, west)
        lost, copied = lost_and_copied(ends)[from_server]
        assert near["octets" + suffix] - lost + copied == far["octets" + suffix]
        if near["unique_octets" + suffix] == far["unique_octets" + suffix]:
            again, seen_again = near["retransmitted_octets" + suffix], far["retransmitted_octets" + suffix]
            assert again - lost + copied == seen_again
        unbalanced += bool(lost or copied)
    assert unbalanced > 3


def test_nothing_is_retransmitted_in_the_clean_phase():
    """No loss, no jitter, no queue."""
    clean = truth()["phases"][0]
    for side in SIDES:
        calm = [r for r in found(side).values() if r["end"] < clean["end_ns"]]
        assert len(calm) > 40
        for row in calm:
            assert [0, 0, 0, 0] == [row[n + s] for n in ("retransmitted_segments", "out_of_order_segments") for s in ("", "_rev")]


def test_connections_that_never_got_an_answer():
    """The SYN to a silent host is repeated; the SYN to a closed port is reset."""
    for side in SIDES:
        [silent] = [r for r in found(side).values() if r["server_addr"] == ip_address("198.51.100.99")]
        syns = [f for f in passed(side) if f.dst == silent["server_addr"] and hasattr(f.transport, "flags")]
        assert (len(syns), len(syns), 0) == (silent["segments"], silent["syn_segments"], silent["segments_rev"])
        [closed] = [r for r in found(side).values() if r["server_port"] == 81]
        assert ("rst", "server", None) == (closed["ended_by"], closed["closed_by"], closed["established"])


def _is_west(address) -> bool:
    return any(str(address) in truth()["topology"]["lans"][lan]["addresses"] for lan in ("client", "branch", "metro"))


@pytest.mark.parametrize("answer_to", ["first", "second"])
def test_a_handshake_with_a_repeated_syn(tmp_path, answer_to):
    """The row counts from the last SYN on, which may be too short. Nobody can know which was answered: no round trip is told."""
    def frame(flags: int, seq: int, ack: int, from_server: bool = False) -> bytes:
        ports = {"sport": 80, "dport": 5000} if from_server else {"sport": 5000, "dport": 80}
        segment = dpkt.tcp.TCP(flags=flags, seq=seq, ack=ack, win=1000, **ports)
        ends = [bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))]
        src, dst = reversed(ends) if from_server else ends
        return bytes(12) + b"\x08\x00" + bytes(dpkt.ip.IP(src=src, dst=dst, p=dpkt.ip.IP_PROTO_TCP, data=segment, len=40))

    answered_us = 10_000 if answer_to == "first" else 21_000
    packets = [(1000, 0, frame(SYN, 1, 0)), (1001, 0, frame(SYN, 1, 0)), (1001, answered_us, frame(SYN | ACK, 7, 2, True)),
               (1001, answered_us + 300, frame(ACK, 2, 8))]
    (tmp_path / "syns.pcap").write_bytes(write_pcap([(*packet, len(packet[2])) for packet in packets]))
    round_trips = Analysis("round_trip", 10 * SECOND, DELAYS.name, (("records", "yes"),))
    measured = measure(tmp_path / "syns.pcap", (replace(CLASSES[0], analyses=(*CLASSES[0].analyses, round_trips)),))
    [row] = measured.records("tcp_connection")
    expected = (1000 * SECOND, answered_us * 1000, 300_000, 2)
    assert expected == (row["start"], row["handshake_server_rtt"], row["handshake_client_rtt"], row["syn_segments"])
    assert ["tcp_handshake_client"] == [r["metric"] for r in measured.records("round_trip")]
