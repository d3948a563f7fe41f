"""The life of a connection: who is client, how it begins, when it ends, what begins another one."""

import numpy as np
import pytest

from tests.unit.child.tcp.segments import (
    ACK,
    CLIENT,
    FIN,
    MS,
    RST,
    SECOND,
    SERVER,
    START,
    SYN,
    Told,
    connection,
    handshake,
    segment,
)
from tmon_probe.child.round_trips.sample import ANSWERED, ERROR, TCP_HANDSHAKE_CLIENT, TCP_HANDSHAKE_SERVER, UNANSWERED
from tmon_probe.child.tcp.layout import ENDINGS

CLOSE = [segment(50, 0, 101, 501, flags=FIN), segment(60, 1, 501, 102, flags=FIN), segment(70, 0, 102, 502)]


def ended_by(row: np.void) -> str:
    return ENDINGS[row["ended_by"]]


def test_client_is_who_sends_the_syn():
    """Whatever the ports say."""
    low_port = (CLIENT[0], 20)
    state = connection([segment(0, 0, 1, flags=SYN, client=low_port)])
    assert (20, 80, 1) == (state["client_port"], state["server_port"], state["from_start"])


def test_server_is_who_sends_the_syn_ack():
    """Also where the SYN was not seen."""
    state = connection([segment(0, 1, 500, 101, flags=SYN), segment(1, 0, 101, 501)])
    assert (CLIENT[1], 1) == (state["client_port"], state["from_start"])
    assert (-1, START + MS) == (state["handshake_server_ns"], state["established_ns"])


@pytest.mark.parametrize("side", [0, 1])
def test_in_the_middle_the_server_has_the_lower_port(side):
    state = connection([segment(0, side, 101, 501, 10)])
    assert (CLIENT[1], SERVER[1], 0) == (state["client_port"], state["server_port"], state["from_start"])
    assert 10 == state["octets"][side]


def test_in_the_middle_with_equal_ports_the_server_receives_the_first_packet():
    ends = {"client": (CLIENT[0], 179), "server": (SERVER[0], 179)}
    state = connection([segment(0, 1, 1, 1, 5, **ends)])
    assert (SERVER[0], 5) == (state["client_lo"], state["octets"][0])


def test_handshake_takes_both_halves():
    told = Told().process(handshake()).finish()
    assert (20 * MS, 10 * MS) == (told.only["handshake_server_ns"], told.only["handshake_client_ns"])
    assert START + 30 * MS == told.only["established_ns"]
    names = ["metric", "outcome", "round_trip_ns", "identifier", "record", "requester_port"]
    found = [tuple(s[n] for n in names) for s in told.samples]
    assert [(TCP_HANDSHAKE_SERVER, ANSWERED, 20 * MS, 101, 1, CLIENT[1]),
            (TCP_HANDSHAKE_CLIENT, ANSWERED, 10 * MS, 501, 2, SERVER[1])] == found


@pytest.mark.parametrize("taken", [0, 20, 50])
def test_data_in_the_syn(taken):
    """The SYN-ACK takes the SYN with all, some or none of its data (RFC 7413 section 4.2): it is the handshake all the same."""
    told = Told().process([segment(0, 0, 100, octets=50, flags=SYN), segment(20, 1, 500, 101 + taken, flags=SYN),
                           segment(30, 0, 151, 501), segment(40, 0, 151, 501, 10)]).finish()
    state = told.only
    assert (20 * MS, 10 * MS, START + 30 * MS) == (
        state["handshake_server_ns"], state["handshake_client_ns"], state["established_ns"])
    assert (60, 60) == (state["octets"][0], state["unique_octets"][0])
    assert [(TCP_HANDSHAKE_SERVER, 20 * MS), (TCP_HANDSHAKE_CLIENT, 10 * MS)] == [
        (s["metric"], s["round_trip_ns"]) for s in told.samples if s["metric"] in (TCP_HANDSHAKE_SERVER, TCP_HANDSHAKE_CLIENT)]


def test_repeated_syn_counts_from_its_last_copy():
    """The first was lost, nearly always: the time until the client repeats it is no round trip."""
    state = connection([segment(-1000, 0, 100, flags=SYN), *handshake()])
    assert (20 * MS, 2) == (state["handshake_server_ns"], state["syn_segments"][0])
    assert START - 1000 * MS == state["start_ns"]


def test_repeated_syn_ack_begins_the_second_half_anew():
    """The first half ends at its first copy."""
    syn, syn_ack, _ = handshake()
    again = segment(1020, 1, 500, 101, flags=SYN)
    state = connection([syn, syn_ack, again, segment(1031, 0, 101, 501)])
    assert (20 * MS, 11 * MS) == (state["handshake_server_ns"], state["handshake_client_ns"])


def test_refused_syn_is_a_round_trip_with_an_error():
    told = Told().process([segment(0, 0, 100, flags=SYN), segment(7, 1, 0, 101, flags=RST)]).finish()
    assert ("rst", 2, 0) == (ended_by(told.only), told.only["closed_by"], told.only["established_ns"])
    assert [(ERROR, 7 * MS, 1)] == [(s["outcome"], s["round_trip_ns"], s["record"]) for s in told.samples]


def test_syn_without_answer_is_given_up():
    """After half_open_timeout; the sample has no record."""
    told = Told(half_open_timeout_ns=60 * SECOND).process([segment(0, 0, 100, flags=SYN)])
    assert 0 == len(told.flush(59_000).rows)
    assert "timeout" == ended_by(told.flush(60_000).only)
    assert [(TCP_HANDSHAKE_SERVER, UNANSWERED, -1, -1, START)] == [
        (s["metric"], s["outcome"], s["round_trip_ns"], s["record"], s["time_ns"]) for s in told.samples]


def test_syn_ack_without_answer_is_the_clients():
    told = Told().process(handshake()[:2]).flush(200_000)
    found = [(s["metric"], s["outcome"]) for s in told.samples]
    assert [(TCP_HANDSHAKE_SERVER, ANSWERED), (TCP_HANDSHAKE_CLIENT, UNANSWERED)] == found


def test_simultaneous_open():
    """Both SYNs before either was answered (RFC 9293 section 3.5, figure 8): one connection; client is who was first."""
    state = connection([segment(0, 0, 100, flags=SYN), segment(1, 1, 500, flags=SYN), segment(20, 0, 100, 501, flags=SYN),
                        segment(21, 1, 500, 101, flags=SYN), segment(30, 0, 101, 501, 10), segment(40, 1, 501, 111, 20)])
    assert (1, START + 21 * MS) == (state["simultaneous_open"], state["established_ns"])
    assert ([10, 20], [0, 0]) == (state["unique_octets"].tolist(), state["missing_octets"].tolist())
    assert [2, 2] == state["syn_segments"].tolist()


def test_ends_by_fin_both_ways_after_lingering():
    """What comes within `linger` still belongs to it."""
    told = Told(linger_ns=10 * SECOND).process([*handshake(), *CLOSE]).flush(9_000)
    assert 0 == len(told.rows)
    told.process([segment(9_500, 1, 501, 102, flags=FIN)]).flush(19_000)
    assert 0 == len(told.rows)
    row = told.flush(20_000).only
    assert ("fin", 1, 3) == (ended_by(row), row["closed_by"], row["segments"][1])
    assert 0 == len(told.connections)


def test_half_closed_goes_on():
    """A FIN of one side ends nothing: the other may send on (RFC 9293 section 3.6)."""
    told = Told().process([*handshake(), CLOSE[0], segment(60_000, 1, 501, 102, 1000)]).flush(100_000)
    assert 0 == len(told.rows)
    assert ("capture_end", 1, 1000) == (ended_by(told.finish().only), told.only["closed_by"], told.only["octets"][1])


def test_one_direction_ends_with_its_fin():
    """Where the other side was never seen."""
    records = [handshake()[0], handshake()[2], CLOSE[0]]
    assert "fin" == ended_by(Told().process(records).flush(11_000).only)


@pytest.mark.parametrize(("records", "how"), [
    ([CLOSE[0], CLOSE[1], segment(65, 0, 102, flags=RST)], "fin"), ([CLOSE[0], segment(65, 1, 501, flags=RST)], "rst"),
    ([segment(65, 1, 501, flags=RST), segment(70, 0, 101, 501, 4)], "rst")])
def test_rst_ends_what_fin_has_not(records, how):
    state = Told().process([*handshake(), *records]).flush(11_000).only
    assert how == ended_by(state)


def test_idle_connection_times_out():
    """After idle_timeout, not half_open_timeout: more than its handshake was seen."""
    told = Told(idle_timeout_ns=1800 * SECOND).process(handshake()).flush(1_800_000)
    assert 0 == len(told.rows)
    assert "timeout" == ended_by(told.flush(1_801_000).only)


def test_port_used_again():
    """A SYN with another sequence number begins another connection, of its own slot; the slots of both are told apart in the
    batch."""
    told = Told().process([*handshake(), segment(40, 0, 101, 501, 10), *handshake(9000, 70, at_ms=100),
                           segment(140, 0, 9001, 71, 7)])
    connections = told.connections
    slots = connections.of_record.tolist()
    assert slots[:4] == [slots[0]] * 4
    assert slots[4:] == [slots[4]] * 4 != slots[:4]
    assert ([slots[0], slots[4]], [0, 4]) == (connections.opened.tolist(), connections.opened_by.tolist())
    assert 0 == len(told.rows)  # told at the next flush, when analysers know of the batch
    told.finish()
    assert [("replaced", 10), ("capture_end", 7)] == [(ended_by(r), r["octets"][0]) for r in told.rows]
    assert told.rows["serial"][0] != told.rows["serial"][1]


def test_replaced_connections_keep_their_slots_until_the_flush():
    """Batches before it find other slots; then the end is told, with the SYN that got no answer."""
    told = Told().process([segment(0, 0, 100, flags=SYN), segment(10, 0, 9000, flags=SYN)])
    replaced = int(told.connections.of_record[0])
    told.process([segment(20, 0, 7, flags=SYN, client=(1, 1)), segment(21, 0, 7, flags=SYN, client=(1, 2))])
    assert replaced not in told.connections.opened.tolist()
    assert 0 == len(told.rows) == len(told.samples)
    told.flush(30)
    assert ("replaced", replaced) == (ended_by(told.only), told.only["slot"])
    assert [(UNANSWERED, START)] == [(s["outcome"], s["time_ns"]) for s in told.samples]


def test_port_used_again_after_the_end():
    told = Told().process([*handshake(), *CLOSE, *handshake(9000, 70, at_ms=100)]).finish()
    assert ["fin", "capture_end"] == [ended_by(r) for r in told.rows]


def test_syn_ack_to_an_older_syn_changes_nothing():
    """RFC 9293 section 3.5, figure 9: an old duplicate is answered by RST, the handshake goes on."""
    state = connection([segment(0, 0, 100, flags=SYN), segment(1, 1, 300, 91, flags=SYN), segment(20, 1, 500, 101, flags=SYN),
                        segment(30, 0, 101, 501, 10)])
    assert (20 * MS, 10 * MS) == (state["handshake_server_ns"], state["handshake_client_ns"])


def test_syn_that_comes_late_belongs_to_its_connection():
    """The capture, or the network, gave the SYN-ACK first."""
    syn, syn_ack, ack = handshake()
    state = connection([syn_ack, syn, ack])
    assert ([2, 1], 1) == (state["segments"].tolist(), state["syn_segments"][0])


def test_lasting_connection_gets_interim_rows():
    told = Told(interim_ns=3600 * SECOND, idle_timeout_ns=24 * 3600 * SECOND).process([*handshake(), segment(40, 0, 101, 501, 10)])
    told.flush(3_500_000)
    assert 0 == len(told.rows)
    told.flush(3_700_000)
    told.process([segment(3_800_000, 0, 111, 501, 5)]).flush(3_900_000)
    told.flush(7_300_000).finish()
    assert [("interim", 10), ("interim", 15), ("capture_end", 15)] == [(ended_by(r), r["octets"][0]) for r in told.rows]
    assert 1 == len(set(told.rows["serial"].tolist()))


def test_time_may_fall_back():
    """An earlier recording after a later one: the connections of the later one end, nothing is negative."""
    told = Told().process([*handshake(), segment(40, 0, 101, 501, 10)]).flush(1000)
    told.process([segment(-10_000_000, 0, 5, 5, 10, client=(1, 1)), segment(-9_999_900, 0, 15, 5, 10, client=(1, 1))])
    told.flush(-9_999_000)
    assert "capture_end" == ended_by(told.only)
    told.process([segment(-9_998_000, 0, 101, 501, 3)]).finish()
    assert (told.rows["longest_silence_ns"] >= 0).all()
    assert (told.rows["end_ns"] >= told.rows["start_ns"]).all()


def test_slots_are_used_again_only_after_the_end_was_told():
    """peek gives living connections; what on_ended gets is the last of them."""
    told = Told().process(handshake())
    slot = int(told.connections.opened[0])
    assert ("interim", 3) == (ended_by(told.connections.peek([slot])[0]), told.connections.peek([slot])[0]["segments"].sum())
    told.process([segment(50, 0, 101, 501, flags=RST)]).flush(20_000)
    assert slot == told.only["slot"]
    told.process(handshake(7, 8, at_ms=30_000))
    assert [slot] == told.connections.opened.tolist()


def test_places_are_told_apart():
    """VLANs, and interfaces that are no two halves of a link, see connections of their own."""
    seen = [segment(0, 0, 1, 1, 5, vlan=v, interface=i) for v, i in ((0, 0), (7, 0), (0, 1), (0, 2), (0, 256))]
    told = Told(points=(0, 1, 0)).process(seen).finish()
    assert [5, 5, 5, 10] == sorted(told.rows["octets"].sum(axis=1).tolist())


def test_what_is_not_of_the_class_is_passed_over():
    """Records of other classes, quoted ones, and fragments that are not put together."""
    from tmon_probe.records import FRAGMENT, FTP_PEERS, HAS_TCP, QUOTED, REASSEMBLED

    plain = [segment(0, class_mask=2), segment(0, flags=ACK), segment(0, flags=ACK), segment(0, flags=ACK),
             segment(0, class_mask=0)]
    plain[1]["flags"] |= QUOTED
    plain[2]["flags"] |= FRAGMENT
    plain[3]["flags"] |= FRAGMENT | REASSEMBLED
    plain[4]["flags"], plain[4]["ftp_mask"] = HAS_TCP | FTP_PEERS, 1
    told = Told().process(plain)
    assert [-1, -1, -1, 0, -1] == told.connections.of_record.tolist()
    followed = Told()
    followed.connections.follow_ftp_data()
    followed.process(plain)
    assert [-1, -1, -1, 0, 0] == followed.connections.of_record.tolist()
    assert 1 == followed.finish().only["ftp_data"]
