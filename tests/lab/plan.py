"""Who does what while the link behaves how: the phases of the demo recording."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.lab import topology
from tests.lab.dns_clients import dig
from tests.lab.ftp_clients import curl_ftp, lftp_killed, lftp_session, tnftp_abort, tnftp_session
from tests.lab.http_clients import curl_http
from tests.lab.icmp_clients import ping, traceroute
from tests.lab.management_clients import chronyd_query, ntpdig, snmp
from tests.lab.operations import Actor, Operation
from tests.lab.udp_clients import udp_big
from tests.linkemu import Impairment

Step = Callable[[Actor], Operation]
SEED = 20_260
MS = 1_000_000
S4, S6 = topology.SERVER.host4, topology.SERVER.host6
N4, N6 = topology.NARROW.host4, topology.NARROW.host6
_SYSTEM, _INTERFACES = "1.3.6.1.2.1.1", "1.3.6.1.2.1.2.2"
_NAME = "www.lab.example"


@dataclass(frozen=True, slots=True)
class Phase:
    """An impairment each way, and each host's work under it; hosts work at the same time."""

    name: str
    west_to_east: Impairment
    east_to_west: Impairment
    work: Mapping[str, Sequence[Step]]


def _step(function: Callable[..., Operation], *arguments: object, **options: object) -> Step:
    return lambda actor: function(actor, *arguments, **options)


CLEAN = Phase(
    "clean",
    Impairment(delay_ns=10 * MS),
    Impairment(delay_ns=10 * MS),
    {
        "client": [
            _step(ping, S4, identifier=1001, count=5),
            _step(ping, S6, identifier=1002, count=5),
            _step(dig, _NAME, "A", server=S4, src_port=41001),
            _step(dig, _NAME, "AAAA", server=S6, src_port=41002),
            _step(dig, "nobody.lab.example", "A", server=S4, src_port=41003),
            _step(dig, "lab.example", "TXT", server=S4, src_port=41004),
            _step(dig, "lab.example", "MX", server=S4, src_port=41005, options=("+tcp",)),
            _step(dig, "big.lab.example", "TXT", server=S4, src_port=41006),
            _step(dig, _NAME, "A", server=S4, src_port=41007, port=5300),
            _step(dig, _NAME, "A", server=topology.SILENT4, src_port=41008),
            _step(curl_ftp, "ftp_get", "pub/large.bin", server=S4, mode="EPSV"),
            _step(curl_ftp, "ftp_get", "pub/medium.bin", server=S4, mode="PASV", local="medium.bin"),
            _step(curl_ftp, "ftp_get", "pub/medium.bin", server=S4, mode="PORT"),
            _step(curl_ftp, "ftp_get", "pub/medium.bin", server=S6, mode="EPRT"),
            _step(curl_ftp, "ftp_get", "pub/small.txt", server=S6, mode="EPSV"),
            _step(curl_ftp, "ftp_list", "pub/", server=S4, mode="PASV"),
            _step(curl_ftp, "ftp_list", "pub/", server=S4, mode="EPRT", options=("--list-only",)),
            _step(curl_ftp, "ftp_put", "incoming/a.bin", server=S4, mode="PASV", upload="medium.bin"),
            _step(curl_ftp, "ftp_put", "incoming/b.bin", server=S6, mode="EPSV", upload="medium.bin"),
            _step(curl_ftp, "ftp_resume", "pub/large.bin", server=S4, resume_from=40_000),
            _step(curl_ftp, "ftp_login", "pub/small.txt", server=S4, user="demo", password="wrong"),
            _step(curl_ftp, "ftp_get", "pub/missing.bin", server=S4, mode="PASV"),
            _step(tnftp_abort, S4, "pub/huge.bin", after_octets=30_000),
            _step(lftp_session, S4, files=("small.txt", "medium.bin")),
            _step(ping, S4, identifier=1003, octets=1_472),
            _step(ping, S4, identifier=1004, octets=4_000, count=2),
            _step(ping, S6, identifier=1005, octets=8_000, count=2),
            _step(udp_big, S4, 4_000, seed=1),
            _step(udp_big, S6, 4_000, seed=2),
            _step(udp_big, S4, 20_000, count=1, seed=3),
            _step(udp_big, S6, 12_000, count=1, seed=4),
            _step(ping, topology.NO_SUCH_HOST4, identifier=1006, count=1, options=("-W", "4")),
        ],
        "branch": [
            _step(ping, S4, identifier=2001, count=5),
            _step(ping, S6, identifier=2002, count=5),
            _step(curl_http, "small.txt", server=S4),
            _step(curl_http, "large.bin", server=S6),
            _step(curl_http, "small.txt", "nothing.txt", "medium.bin", server=S4),
            _step(curl_http, "small.txt", server=S4, port=81),
            _step(curl_http, "small.txt", server=topology.SILENT4, options=("--connect-timeout", "4")),
            _step(traceroute, S4),
            _step(traceroute, S6),
            _step(traceroute, S4, method="icmp"),
            _step(traceroute, S6, method="icmp"),
            _step(traceroute, N4, method="tcp"),
            _step(ping, N4, identifier=2003, octets=1_400, count=2, options=("-M", "do")),
            _step(ping, N6, identifier=2004, octets=1_400, count=2, options=("-M", "do")),
            _step(ping, N4, identifier=2006, octets=2_000, count=2),
            _step(ping, topology.PROHIBITED6, identifier=2005, count=2),
            _step(udp_big, S4, 9_000, seed=5),
            _step(tnftp_session, S4, "pub/small.txt"),
        ],
        "metro": [
            _step(ntpdig, S4),
            _step(ntpdig, S6),
            _step(snmp, "snmpget", S4, f"{_SYSTEM}.1.0", f"{_SYSTEM}.5.0"),
            _step(snmp, "snmpget", S6, f"{_SYSTEM}.1.0", version="v3"),
            _step(snmp, "snmpwalk", S4, _SYSTEM),
            _step(snmp, "snmpbulkwalk", S4, _INTERFACES),
            _step(snmp, "snmpget", S4, f"{_SYSTEM}.1.0", version="wrong"),
            _step(chronyd_query, S4),
            _step(ping, topology.PROHIBITED4, identifier=3001, count=2),
            _step(dig, _NAME, "A", server=S6, src_port=43001),
        ],
    },
)

IMPAIRED = Phase(
    "jitter, loss, duplication, reordering",
    Impairment(delay_ns=20 * MS, jitter_ns=6 * MS, loss=0.01, duplicate=0.01, reorder=0.02, reorder_extra_ns=15 * MS),
    Impairment(delay_ns=25 * MS, jitter_ns=4 * MS, loss=0.01, duplicate=0.01, reorder=0.02, reorder_extra_ns=15 * MS),
    {
        "client": [
            _step(ping, S4, identifier=1101, count=150, interval_s=0.02),
            _step(ping, S6, identifier=1102, count=150, interval_s=0.02),
            _step(curl_ftp, "ftp_get", "pub/large.bin", server=S4, mode="PASV"),
            _step(curl_ftp, "ftp_get", "pub/medium.bin", server=S6, mode="EPRT"),
            _step(curl_ftp, "ftp_put", "incoming/c.bin", server=S4, mode="PORT", upload="medium.bin"),
            _step(curl_ftp, "ftp_list", "pub/", server=S6, mode="EPSV"),
            _step(lftp_session, S4, mode="PORT", files=("small.txt", "medium.bin")),
            _step(dig, _NAME, "A", server=S4, src_port=41101),
            _step(dig, _NAME, "AAAA", server=S4, src_port=41102),
            _step(udp_big, S4, 4_000, count=4, seed=6),
            _step(udp_big, S6, 12_000, count=2, seed=7),
        ],
        "branch": [
            _step(curl_http, "large.bin", server=S4),
            _step(curl_http, "medium.bin", "small.txt", server=S6),
            _step(traceroute, S4, queries=3),
            _step(traceroute, S6, queries=3),
            _step(ping, S4, identifier=2101, count=150, octets=150, interval_s=0.02),
            _step(udp_big, S6, 6_000, count=2, seed=8),
        ],
        "metro": [
            _step(ping, S4, identifier=3101, count=200, octets=100, interval_s=0.02),
            _step(snmp, "snmpwalk", S4, _SYSTEM),
            _step(chronyd_query, S6),
        ],
    },
)

RATE_LIMITED = Phase(
    "rate limited",
    Impairment(delay_ns=15 * MS, rate_bps=512_000, queue_octets=16_000),
    Impairment(delay_ns=15 * MS, rate_bps=2_000_000, queue_octets=20_000),
    {
        "client": [
            _step(ping, S4, identifier=1201, count=20, interval_s=0.1),
            _step(curl_ftp, "ftp_get", "pub/large.bin", server=S6, mode="EPSV"),
            _step(curl_ftp, "ftp_put", "incoming/d.bin", server=S4, mode="PASV", upload="medium.bin"),
            _step(lftp_killed, S4, "pub/huge.bin", after_octets=40_000),
            _step(tnftp_abort, S4, "pub/huge.bin", after_octets=30_000, active=True),
            _step(udp_big, S4, 4_000, count=2, seed=9),
            _step(udp_big, S4, 18_000, count=2, seed=10),
        ],
        "branch": [
            _step(curl_http, "large.bin", server=S4),
            _step(dig, _NAME, "A", server=S4, src_port=42201),
            _step(ping, S6, identifier=2201, count=20, octets=400, interval_s=0.1),
        ],
        "metro": [
            _step(ping, S6, identifier=3201, count=20, interval_s=0.1),
            _step(ntpdig, S4),
            _step(snmp, "snmpbulkwalk", S6, _INTERFACES),
        ],
    },
)

PHASES = (CLEAN, IMPAIRED, RATE_LIMITED)
