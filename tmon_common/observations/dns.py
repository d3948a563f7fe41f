"""DNS transactions in full."""

from tmon_common.observations.column import Column, Merge, Type
from tmon_common.observations.kind import Kind

DNS_TRANSACTION = Kind(
    name="dns_transaction",
    number=30,
    meaning="A DNS query over UDP with its response, or without one.",
    columns=(
        Column("flow", Type.INTEGER, "number of the flow within the probe's run, see flow_definition", merge=Merge.KEY,
               reference="RFC 7012 flowId (148)"),
        Column("time", Type.TIME, "when the query passed", unit="s", merge=Merge.KEY),
        Column("client_addr", Type.ADDRESS, "who asked"),
        Column("client_port", Type.INTEGER, "port it asked from"),
        Column("server_addr", Type.ADDRESS, "who was asked"),
        Column("server_port", Type.INTEGER, "port it asked at"),
        Column("id", Type.INTEGER, "message id", reference="RFC 1035 section 4.1.1"),
        Column("query_name", Type.STRING, "name asked for, in small letters, without the last dot, special octets escaped; the "
                                          "root is a dot; empty without a question", nullable=True,
               reference="RFC 1035 sections 4.1.2 and 5.1, RFC 4343"),
        Column("query_type", Type.STRING, "A, AAAA, MX, ... or TYPE and its number; empty without a question", nullable=True,
               reference="RFC 3597 section 5"),
        Column("latency", Type.DURATION, "from the query, the first of repeated ones, to the response; empty without one",
               unit="s", nullable=True),
        Column("rcode", Type.STRING, "NOERROR, NXDOMAIN, SERVFAIL, ... or RCODE and its number; empty without a response",
               nullable=True,
               reference="RFC 6895 section 2.3, RFC 6891 section 6.1.3"),
        Column("answers", Type.INTEGER, "records that the answer section is said to have; empty without a response", nullable=True),
        Column("answer", Type.STRING, "what they say, a semicolon and a blank between two, as far as there is room; of rare types "
                                      "the type alone", nullable=True, reference="RFC 1035 section 5.1"),
        Column("ttl", Type.INTEGER, "smallest time to live of the answers", unit="s", nullable=True),
        Column("truncated", Type.INTEGER, "1: the response did not fit in a datagram", nullable=True),
        Column("authoritative", Type.INTEGER, "1: the responder is an authority for the name", nullable=True),
        Column("retries", Type.INTEGER, "how often the same query was repeated before the response"),
        Column("query_octets", Type.INTEGER, "of the DNS message", unit="octets"),
        Column("response_octets", Type.INTEGER, "of the DNS message; empty without a response", unit="octets", nullable=True),
        Column("opcode", Type.STRING, "QUERY, NOTIFY, UPDATE, ... or OPCODE and its number", reference="RFC 6895 section 2.2"),
        Column("query_class", Type.STRING, "IN, CH, ... or CLASS and its number; empty without a question", nullable=True,
               reference="RFC 6895 section 3.2"),
    ),
)
