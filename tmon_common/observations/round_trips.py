"""Round trips: each one for itself, and their distribution per flow, interval and server."""

from tmon_common.observations.column import Column, Merge, Type
from tmon_common.observations.counters import FLOW_INTERVAL
from tmon_common.observations.kind import Kind
from tmon_common.observations.sizes import MAX_SLICES

ERROR_CODES = 5
"""Error codes that are counted each for itself."""

_METRIC = ("what was asked and answered: icmp_echo, dns, snmp, ntp, tcp_handshake_server, tcp_handshake_client, tcp_timestamps, "
           "tcp_data")
_SERVER = Column("responder_addr", Type.ADDRESS, "who answers", merge=Merge.KEY)

ROUND_TRIP = Kind(
    name="round_trip",
    number=25,
    meaning="One round trip, from the request to the first answer as both passed the probe, or a request that got no answer. Of a "
            "DNS, SNMP, NTP or echo request repeated within 5 s, the first copy counts; of a message in fragments, the last one "
            "to pass. Only where the analysis says records=\"yes\".",
    columns=(
        Column("flow", Type.INTEGER, "number of the flow within the probe's run, see flow_definition", merge=Merge.KEY,
               reference="RFC 7012 flowId (148)"),
        Column("time", Type.TIME, "when the request passed", unit="s", merge=Merge.KEY),
        Column("metric", Type.STRING, _METRIC, merge=Merge.KEY),
        Column("requester_addr", Type.ADDRESS, "who asked"),
        Column("responder_addr", Type.ADDRESS, "who was asked"),
        Column("identifier", Type.INTEGER, "what ties answer and request together: ICMP identifier * 65536 + sequence number; DNS "
                                           "message id; SNMP request-id; NTP transmit timestamp (63 bits); TCP timestamp value; "
                                           "TCP sequence number after the data or SYN", nullable=True),
        Column("round_trip", Type.DURATION, "from request to answer; empty without an answer", unit="s", nullable=True,
               reference="RFC 2681 section 2.4"),
        Column("outcome", Type.STRING, "answered, unanswered, or error: an answer that says that it could not be done"),
        Column("code", Type.INTEGER, "error code of the answer: DNS rcode, SNMP error-status; 0: none; empty without an answer",
               nullable=True, reference="RFC 1035 section 4.1.1, RFC 3416 section 3"),
        Column("requester_port", Type.INTEGER, "port of who asked; empty for ICMP", nullable=True),
        Column("responder_port", Type.INTEGER, "port of who was asked; empty for ICMP", nullable=True),
    ),
)

ROUND_TRIP_HISTOGRAM = Kind(
    name="round_trip_histogram",
    number=26,
    meaning="Distribution of the round trips of a flow with one server in an interval. `_rev`: those asked from the destination "
            "of the flow. A round trip counts in the interval of its answer, a request without one where it was given up.",
    columns=(
        *FLOW_INTERVAL,
        Column("metric", Type.STRING, _METRIC, merge=Merge.KEY),
        _SERVER,
        Column("histogram", Type.STRING, "histogram whose slices are used, see histogram_definition", merge=Merge.KEY),
        Column("population", Type.INTEGER, "round trips, answers with an error code among them", merge=Merge.SUM, reverse=True),
        Column("sum", Type.DURATION, "sum of the round trips", unit="s", merge=Merge.SUM, reverse=True),
        Column("sum_of_squares", Type.INTEGER, "sum of the squared round trips, each rounded", unit="us^2", merge=Merge.SUM,
               reverse=True),
        Column("minimum", Type.DURATION, "shortest; empty without any", unit="s", merge=Merge.MINIMUM, reverse=True, nullable=True,
               reference="RFC 2681 section 4.3"),
        Column("maximum", Type.DURATION, "longest; empty without any", unit="s", merge=Merge.MAXIMUM, reverse=True, nullable=True),
        Column("unanswered", Type.INTEGER, "requests without an answer within the time allowed", merge=Merge.SUM, reverse=True),
        Column("errors", Type.INTEGER, "answers with an error code", merge=Merge.SUM, reverse=True),
        Column("error_code", Type.INTEGER, "answers with that error code: DNS 1 FormErr, 2 ServFail, 3 NXDomain, 4 NotImp, 5 "
                                           "Refused; SNMP 1 tooBig, 2 noSuchName, 3 badValue, 4 readOnly, 5 genErr",
                                           merge=Merge.SUM,
               reverse=True, repeat=ERROR_CODES, reference="RFC 6895 section 2.3, RFC 3416 section 3"),
        Column("slice", Type.INTEGER, "round trips that lie in the slice", merge=Merge.SUM, reverse=True, repeat=MAX_SLICES),
    ),
)

ROUND_TRIP_BUCKET = Kind(
    name="round_trip_bucket",
    number=27,
    meaning="Log-spaced buckets beside a round_trip_histogram, only those that hold something: bucket n counts round trips above "
            "1.04^(n-1) ns up to 1.04^n ns, so that any percentile is known within 2 % at every level of aggregation.",
    columns=(
        *FLOW_INTERVAL,
        Column("metric", Type.STRING, _METRIC, merge=Merge.KEY),
        _SERVER,
        Column("bucket", Type.INTEGER, "number of the bucket", merge=Merge.KEY),
        Column("count", Type.INTEGER, "round trips in it", merge=Merge.SUM, reverse=True),
    ),
)
