"""dns_transaction rows of every capture with DNS, beside what tshark finds there."""

from collections import Counter, defaultdict

import pytest

from tests.conftest import SHARED_CAPTURES
from tests.oracles import tshark
from tests.oracles.tshark_dns import PORT, RETRANSMISSION_S, messages, transactions
from tests.pipeline_in_process import FIVE_TUPLE, measure
from tmon_common.config.model import Analysis, Filter, FlowClass, GranularFlow
from tmon_probe.child.dns.registry import RCODES, TYPES

pytestmark = [pytest.mark.oracle, pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)]
PEERS = GranularFlow("peers", frozenset(("src_addr", "dst_addr")))
TYPE_NUMBERS, RCODE_NUMBERS = ({name: number for number, name in names.items()} for names in (TYPES, RCODES))
WITHOUT_DNS = "no DNS message of port 53 in the capture"


def measured(path, *flows: GranularFlow) -> tuple[list[dict], dict[str, int]]:
    """Rows and counters. The time allowed is that of tshark."""
    analysis = Analysis("dns_transaction", options=(("timeout", f"{RETRANSMISSION_S}s"),))
    found = measure(path, (FlowClass("dns", Filter(), flows or (FIVE_TUPLE,), (analysis,)),))
    return found.records("dns_transaction"), found.chain.counters()


def told(row: dict) -> tuple:
    """As `Transaction.told`."""
    type_, rcode = row["query_type"], row["rcode"]
    return (row["time"], row["client_addr"], row["client_port"], row["server_addr"], row["server_port"], row["id"],
            row["query_name"], type_ and (TYPE_NUMBERS.get(type_) or int(type_.removeprefix("TYPE"))),
            rcode and (RCODE_NUMBERS[rcode] if rcode in RCODE_NUMBERS else int(rcode.removeprefix("RCODE"))),
            row["answers"], row["latency"])


def excused_of(path) -> set[tuple]:
    """Peers and id (see `Message.peers`) about which we may differ from tshark, because some message between them

    - has another question than the others: tshark matches by id alone, and takes a query with another question for a repetition;
    - is malformed, tshark says, or has octets in its name that the two write differently (RFC 1035 section 5.1 here).
    """
    questions, excused = defaultdict(set), set()
    for message in messages(path):
        if message.odd:
            excused.add(message.peers)
        if any(message.question):
            questions[message.peers].add(message.question)
    return excused | {peers for peers, asked in questions.items() if len(asked) > 1}


def test_every_transaction(capture):
    """Time, peers, id, name, type, rcode, number of answers, latency of each, unanswered ones among them; but see `excused_of`."""
    if not messages(capture):
        pytest.skip(WITHOUT_DNS)
    rows, counters = measured(capture)
    found, expected, excused = Counter(map(told, rows)), Counter(t.told for t in transactions(capture)), excused_of(capture)
    assert [] == [t for t in sorted(expected - found, key=str) if t[1:6] not in excused]
    assert [] == [t for t in sorted(found - expected, key=str) if t[1:6] not in excused]
    if not any(m.odd for m in messages(capture)):
        assert 0 == counters["dns_messages_bad"]


@pytest.mark.parametrize("capture_name", ["dns_transactions.pcap", "mixed_many_protocols.pcap"])
def test_flows_of_addresses(capture_name):
    """Transactions are the same whatever a flow is, and each row names the flow of its addresses."""
    path = SHARED_CAPTURES / capture_name
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the checkout")
    (one, _), (both, _) = measured(path), measured(path, FIVE_TUPLE, PEERS)
    assert sorted([*map(told, one), *map(told, one)], key=str) == sorted(map(told, both), key=str)


def test_there_is_something_to_compare():
    """Some hundred transactions, most of them answered, in the captures at hand."""
    path = SHARED_CAPTURES / "dns_transactions.pcap"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the checkout")
    found = transactions(path)
    assert len(found) > 200
    assert all(PORT == t.query.dst_port for t in found)
    assert sum(t.response is not None for t in found) > 200
