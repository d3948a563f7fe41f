"""Round trips found in the recorded demo traffic, against the log of the link that it crossed and against the clients' log."""

from collections import Counter, defaultdict
from functools import cache

import pytest

from tests.oracles import tshark
from tests.oracles.demo_link import (
    DEMO,
    NEAR,
    SIDES,
    Exchange,
    Frame,
    Transaction,
    exchanges,
    fragmented,
    messages,
    of_operation,
    operations,
    passed,
    transaction_of,
)
from tests.oracles.demo_tcp import ACK, FIN, SYN, connections, timestamps
from tests.pipeline_in_process import DELAYS, FIVE_TUPLE, Measured, measure
from tmon_common.config.model import SECOND, Analysis, Filter, FlowClass

SERVICES = ("icmp_echo", "dns", "snmp", "ntp")
ROUND_TRIPS = Analysis("round_trip", 10 * SECOND, DELAYS.name, (("records", "yes"),))
MODULUS = 1 << 32


@cache
def measured(side: str, analysis: Analysis = ROUND_TRIPS) -> Measured:
    return measure(DEMO / f"{side}.pcap", (FlowClass("all", Filter(), (FIVE_TUPLE,), (analysis,)),))


@cache
def rows(side: str, *metrics: str) -> list[dict]:
    return [r for r in measured(side).records("round_trip") if r["metric"] in metrics]


def transaction_of_row(row: dict) -> Transaction:
    names = ("metric", "requester_addr", "requester_port", "responder_addr", "responder_port", "identifier")
    return Transaction(*(row[name] for name in names))


@cache
def found(side: str) -> dict[Transaction, list[dict]]:
    """Rows of the services, those of one transaction in the order of their requests."""
    by_transaction = defaultdict(list)
    for row in sorted(rows(side, *SERVICES), key=lambda r: r["time"]):
        by_transaction[transaction_of_row(row)].append(row)
    return dict(by_transaction)


# Requests and answers in one datagram each


@pytest.mark.oracle
@pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)
@pytest.mark.parametrize("side", SIDES)
def test_the_log_implies_what_tshark_measures(side):
    """Of ICMP echo (IPv4) and DNS: the oracle of this file beside another one."""
    fields = ("icmp.resptime", "dns.time")
    measured_by_tshark, compared = tshark.occurrences(DEMO / f"{side}.pcap", fields), 0
    for transaction, mine in exchanges(side).items():
        answer = mine[0].answer
        if answer and answer.fragment is None and transaction.metric in ("icmp_echo", "dns"):
            frame = measured_by_tshark[getattr(answer.row, f"{side}_frame") - 1]
            for name, ns in zip(fields, (1_000_000, 1_000_000_000), strict=True):
                for value in frame.get(name, ()):
                    assert abs(float(value) * ns - mine[0].implied(side)[1]) < 1_500, "tshark computes with fewer digits"
                    compared += 1
    assert compared > 500


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("metric", SERVICES)
def test_every_round_trip_is_what_the_log_implies(side, metric):
    """To the nanosecond: all requests that passed the tap are found, with the time until the first answer, or without one."""
    expected = {t: [x.implied(side) for x in mine] for t, mine in exchanges(side).items() if t.metric == metric}
    assert expected == {t: [(r["time"], r["round_trip"]) for r in mine] for t, mine in found(side).items() if t.metric == metric}


@pytest.mark.parametrize("side", SIDES)
def test_outcome_and_code_are_those_of_the_answer(side):
    """An rcode or error-status other than 0 makes an error; a request whose answer never passed is unanswered."""
    codes = {(said.metric, frame.row): said.code for said, frame in messages(side)}

    def outcome(transaction: Transaction, exchange: Exchange) -> tuple[str, int | None]:
        if exchange.answer is None:
            return "unanswered", None
        code = codes[transaction.metric, exchange.answer.row]
        return "error" if code else "answered", code

    expected = {t: [outcome(t, x) for x in mine] for t, mine in exchanges(side).items()}
    assert expected == {t: [(r["outcome"], r["code"]) for r in mine] for t, mine in found(side).items()}


@pytest.mark.parametrize("side", SIDES)
def test_datagrams_that_came_in_fragments(side):
    """As many are put together as came whole by the log; of the others the link had lost a fragment. The west saw them all."""
    counters, (whole, cut_short) = measured(side).chain.counters(), fragmented(side)
    assert whole > 30
    assert (whole, cut_short, 0) == tuple(counters[f"datagrams_{n}"] for n in ("reassembled", "incomplete", "evicted"))
    assert (side == "east") == bool(cut_short)


def test_what_the_link_lost_is_unanswered_or_not_there():
    """A request lost on its way east is not there at the east tap; an answer lost on its way west leaves its request unanswered
    at the west tap, and answered at the east tap."""
    lost = Counter()
    for near, is_answer in (("west", False), ("east", True)):
        for said, frame in messages(near):
            if frame.row.exit_frame or said.is_answer != is_answer or NEAR[frame.row.direction] != near:
                continue
            transaction = transaction_of(said, frame)
            came_again = len(exchanges("east").get(transaction, ())) > 1
            assert ["unanswered"] == [r["outcome"] for r in found("west")[transaction]] or came_again
            assert (["answered"] if is_answer else []) == [r["outcome"] for r in found("east").get(transaction, ())] or came_again
            lost[is_answer] += 1
    assert min(lost[False], lost[True]) > 5


def test_the_two_taps_differ_by_what_the_link_took():
    """Round trip in the west minus round trip in the east: the delays of just those two frames."""
    compared = 0
    for transaction in found("west").keys() & found("east").keys():
        [west, *_], [east, *_] = exchanges("west")[transaction], exchanges("east")[transaction]
        if not west.answer or not east.answer or (west.request.row, west.answer.row) != (east.request.row, east.answer.row):
            continue  # lost, or the second answer overtook the first
        difference = found("west")[transaction][0]["round_trip"] - found("east")[transaction][0]["round_trip"]
        assert west.request.crossing_ns + west.answer.crossing_ns == difference
        assert west.request.row.delay_ns + west.answer.row.delay_ns <= difference
        compared += 1
    assert compared > 800


# What the clients noted


@pytest.mark.parametrize("side", SIDES)
def test_every_ping_is_there(side):
    """In the west just those sequence numbers are answered that ping got an answer to, and the others are unanswered; the east tap
    also knows answers that were lost after it, and not the requests that were lost before it."""
    for ping in operations("ping"):
        outcomes = {t.identifier & 0xFFFF: found(side)[t][0]["outcome"] for t in of_operation(ping, "icmp_echo", side)
                    if t.identifier >> 16 == ping["id"]}
        answered = {seq for seq, outcome in outcomes.items() if outcome == "answered"}
        heard = {a["seq"] for a in ping["answers"]}
        assert {"answered", "unanswered"} >= set(outcomes.values())
        assert heard == answered if side == "west" else heard <= answered
        # The second request after "too big" was not sent at all: the host knew the path by then.
        kept_home = any("Frag needed" in e["error"] or "too big" in e["error"] for e in ping["errors"])
        assert side == "east" or len(outcomes) == (1 if kept_home else ping["sent"])


def test_no_round_trip_is_longer_than_the_one_ping_printed():
    """ping adds what the host itself takes; it prints three digits at least."""
    compared = 0
    for ping in operations("ping"):
        printed = {a["seq"]: a["rtt_ms"] for a in ping["answers"] if not a.get("dup")}
        for transaction in of_operation(ping, "icmp_echo", "west"):
            if transaction.identifier >> 16 == ping["id"] and transaction.identifier & 0xFFFF in printed:
                milliseconds = found("west")[transaction][0]["round_trip"] / 1_000_000
                assert milliseconds <= printed[transaction.identifier & 0xFFFF] * 1.01 + 1
                compared += 1
    assert compared > 600


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", ["dns", "ntp", "snmp"])
def test_every_query_is_there(side, kind):
    """With its outcome: dig, ntpdig, chronyd and the SNMP programs each say whether they got an answer."""
    rcodes = {"NOERROR": "answered", "NXDOMAIN": "error"}
    for operation in operations(kind):
        mine = [row for t in of_operation(operation, kind, side) for row in found(side)[t]
                if operation.get("src_port") in (None, t.requester_port)]
        outcomes = Counter(r["outcome"] for r in mine)
        if kind == "dns" and (operation["dst_port"] != 53 or operation.get("transport") == "tcp"):
            # Another port than DNS; or over TCP, at once or after an answer that was cut short
            assert Counter(answered=1 if operation.get("truncated_first") else 0) == +outcomes + Counter(answered=0)
        elif kind == "dns":
            assert Counter([rcodes.get(operation.get("rcode"), "unanswered")]) == outcomes
        elif operation["result"] == "ok":
            assert outcomes["answered"] >= 1
        else:
            assert {"unanswered"} == set(outcomes)


@pytest.mark.parametrize("side", SIDES)
def test_every_dns_query_is_a_transaction_of_its_own(side):
    """Name, type, rcode, and the time that the round trip has too."""
    known = {(r["client_addr"], r["client_port"], r["id"]): r
             for r in measured(side, Analysis("dns_transaction")).records("dns_transaction")}
    queries = {t: r for t, [r, *_] in found(side).items() if t.metric == "dns"}
    expected = {(t.requester, t.requester_port, t.identifier): (r["time"], r["round_trip"]) for t, r in queries.items()}
    assert expected == {key: (r["time"], r["latency"]) for key, r in known.items()}
    for dig in operations("dns"):
        if dig["dst_port"] == 53 and dig.get("transport") != "tcp":
            [row] = [r for r in known.values() if r["client_port"] == dig["src_port"]]
            assert ((dig["name"], dig["record"], dig.get("rcode"), dig.get("octets"))
                    == (row["query_name"], row["query_type"], row["rcode"], row["response_octets"]))


# TCP


@pytest.mark.parametrize("side", SIDES)
def test_both_halves_of_every_handshake(side):
    """SYN to SYN-ACK, SYN-ACK to ACK; a SYN that is answered by RST is an error."""
    expected = {}
    for ends, connection in connections(side).items():
        client, server = (ends.client_addr, ends.client_port), (ends.server_addr, ends.server_port)
        asked_ns, accepted = connection.syn.time_ns(side), connection.syn_ack
        if answer := accepted or connection.refusal:
            expected["tcp_handshake_server", *client, *server] = (
                asked_ns, answer.time_ns(side) - asked_ns, "answered" if accepted else "error")
        if accepted and (done := connection.handshake_ack):
            asked_ns = accepted.time_ns(side)
            expected["tcp_handshake_client", *server, *client] = asked_ns, done.time_ns(side) - asked_ns, "answered"
    assert expected == {key: values for key, values in _handshakes(side).items() if "unanswered" not in values}


@pytest.mark.parametrize("side", SIDES)
def test_a_syn_that_nobody_answers_is_unanswered(side):
    """Half a minute after it the recording ends: longer than a round trip may take. From the first of repeated SYNs on."""
    expected = {("tcp_handshake_server", e.client_addr, e.client_port, e.server_addr, e.server_port):
                (c.syn.time_ns(side), None, "unanswered")
                for e, c in connections(side).items() if not c.syn_ack and not c.refusal}
    assert expected
    assert expected == {key: values for key, values in _handshakes(side).items() if "unanswered" in values}


def test_handshakes_of_the_two_taps_differ_by_what_the_link_took():
    """Near the client SYN to SYN-ACK takes longer than at the far end, by what those two segments took to cross the link."""
    compared = 0
    halves = {side: {(r["requester_addr"], r["requester_port"], r["responder_addr"], r["responder_port"]): r["round_trip"]
                     for r in rows(side, "tcp_handshake_server")} for side in SIDES}
    for ends, west in connections("west").items():
        east = connections("east")[ends]
        if west.syn_ack and (west.syn.row, west.syn_ack.row) == (east.syn.row, east.syn_ack.row):
            key = ends.client_addr, ends.client_port, ends.server_addr, ends.server_port
            near, far = (halves[side][key] for side in sorted(SIDES, key=lambda s: s != NEAR[west.syn.row.direction]))
            assert west.syn.crossing_ns + west.syn_ack.crossing_ns == near - far
            compared += 1
    assert compared > 55


@pytest.mark.parametrize("side", SIDES)
def test_every_timestamp_round_trip_is_what_the_log_implies(side):
    """From the first segment with that TSval to the first that echoes it."""
    first, echoed = {}, {}
    for frame in passed(side):
        if options := _timestamps(frame):
            ends = frame.src, frame.transport.sport, frame.dst, frame.transport.dport
            first.setdefault((*ends, options[0]), frame)
            if frame.transport.flags & ACK:
                echoed.setdefault((*ends[2:], *ends[:2], options[1]), frame)
    ours = rows(side, "tcp_timestamps")
    assert len(ours) > 300
    for row in ours:
        key = (row["requester_addr"], row["requester_port"], row["responder_addr"], row["responder_port"], row["identifier"])
        asked_ns = first[key].time_ns(side)
        assert (asked_ns, echoed[key].time_ns(side) - asked_ns) == (row["time"], row["round_trip"])


@pytest.mark.parametrize("side", SIDES)
def test_every_round_trip_of_data_is_what_the_log_implies(side):
    """From a segment to the first acknowledgement of just its end; until then it had passed once (Karn)."""
    segments, acknowledged = _data(side)
    ours = rows(side, "tcp_data")
    assert len(ours) > 300
    for row in ours:
        key = (row["requester_addr"], row["requester_port"], row["responder_addr"], row["responder_port"], row["identifier"])
        asked_ns = segments[key][0].time_ns(side)
        answered_ns = next(t for t in acknowledged[key] if t >= asked_ns)
        assert 1 == sum(segment.time_ns(side) <= answered_ns for segment in segments[key])
        assert (asked_ns, answered_ns - asked_ns) == (row["time"], row["round_trip"])


def _handshakes(side: str) -> dict[tuple, tuple]:
    """(metric, requester and its port, responder and its port) -> (time, round trip, outcome)."""
    return {(r["metric"], r["requester_addr"], r["requester_port"], r["responder_addr"], r["responder_port"]):
            (r["time"], r["round_trip"], r["outcome"]) for r in rows(side, "tcp_handshake_server", "tcp_handshake_client")}


def _timestamps(frame: Frame) -> tuple[int, int] | None:
    return timestamps(frame.transport) if hasattr(frame.transport, "opts") and hasattr(frame.transport, "ack") else None


def _data(side: str) -> tuple[dict, dict]:
    """(sender, receiver, sequence number after it) -> frames that carried data up to there (a FIN counts); -> times of
    acknowledgements."""
    segments, acknowledged = defaultdict(list), defaultdict(list)
    for connection in connections(side).values():
        for frame, _ in connection.frames:
            segment = frame.transport
            ends = frame.src, segment.sport, frame.dst, segment.dport
            if segment.data:
                end = segment.seq + len(segment.data) + bool(segment.flags & SYN) + bool(segment.flags & FIN)
                segments[*ends, end % MODULUS].append(frame)
            if segment.flags & ACK:
                acknowledged[*ends[2:], *ends[:2], segment.ack].append(frame.time_ns(side))
    return segments, acknowledged
