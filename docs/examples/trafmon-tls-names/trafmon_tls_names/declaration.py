"""What probe, collector and loader must know. Collector and loader have no use for the analyser: it is not imported here."""

from tmon_common.analyses.declaration import AnalysisDeclaration, Option
from tmon_common.observations import Column, Kind, Merge, Type

KIND = Kind(
    name="tls_client_hello",
    number=0x8001,
    meaning="A TLS client began a handshake.",
    columns=(
        Column("flow", Type.INTEGER, "number of the flow within the probe's run, see flow_definition", merge=Merge.KEY),
        Column("time", Type.TIME, "of the segment with the ClientHello", unit="s", merge=Merge.KEY),
        Column("client_addr", Type.ADDRESS, "who sent it"),
        Column("client_port", Type.INTEGER, "its port"),
        Column("server_addr", Type.ADDRESS, "who got it"),
        Column("server_port", Type.INTEGER, "its port"),
        Column("server_name", Type.STRING, "host name asked for; empty if it asks for none, or not in its first segment",
               nullable=True, reference="RFC 6066 section 3"),
        Column("protocol_name", Type.STRING, "first application protocol offered; empty without any", nullable=True,
               reference="RFC 7301 section 3.1"),
        Column("complete", Type.INTEGER, "1: all of the ClientHello was in the first segment"),
    ),
)


def ports_of(text: str) -> frozenset[int]:
    """ValueError says what was expected: the configuration is told with its line."""
    numbers = text.split()
    if not numbers or not all(n.isdecimal() and 0 < int(n) < 65536 for n in numbers):
        raise ValueError("expected TCP ports, such as 443 8443")
    return frozenset(map(int, numbers))


TLS_CLIENT_HELLO = AnalysisDeclaration(
    name="tls_client_hello",
    meaning="server names that TLS clients ask for",
    analyser="trafmon_tls_names.analyser:TlsClientHello",
    kinds=(KIND,),
    options=(Option("ports", "443", "TCP ports of TLS servers", ports_of),),
    standard=False,
)
