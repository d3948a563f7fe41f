"""Volumes, computed slowly from what was loaded: flows, counters, transfers, ports, places. Plain dictionaries, one row at a time.

flows       rows of flow_definition by their flow key; counters: (flow key, start in s, octets, octets_rev, packets, packets_rev)
transfers   rows of ftp_transfer, times in ns
ports       (protocol, port) -> (service, precedence); of two ports that of the smaller precedence is the service
places      address -> (activity, location, country)
"""

from collections import defaultdict
from dataclasses import dataclass, field

HOUR, DAY = 3600, 86400
NAMES = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 51: "ah", 58: "ipv6-icmp", 89: "ospf", 132: "sctp",
         33: "dccp", 136: "udplite"}
WITH_PORTS = (6, 17, 33, 132, 136)
SLACK_NS = 60 * 10**9


@dataclass
class Volume:
    """Of one row. flows: their keys; of a data connection of FTP, that of its session if the class has it."""

    octets_out: int = 0
    octets_in: int = 0
    packets_out: int = 0
    packets_in: int = 0
    flows: set = field(default_factory=set)

    @property
    def told(self) -> tuple[int, ...]:
        return self.octets_out, self.octets_in, self.packets_out, self.packets_in, len(self.flows)


def volumes(flows, counters, transfers, ports, places, day: int, length: int) -> dict[tuple, tuple]:
    """(start, probe, class, interface, host, peer, role, protocol, service, places of both, relation) -> volume, of one UTC day
    (its start in s), in intervals of length s."""
    data = ftp_data(flows, transfers, day)
    found: dict[tuple, Volume] = defaultdict(Volume)
    for flow_key, start, octets, octets_rev, packets, packets_rev in counters:
        flow = flows.get(flow_key)
        if flow is None or not day <= start < day + DAY:
            continue
        service, server = service_of(flow, data.get(flow_key), ports)
        host, peer, role, from_host = ends_of(flow, server, places)
        row = found[(start // length * length, flow["probe"], flow["flow_class"], flow["interface"], host, peer, role,
                     flow["protocol"], service, *places.get(host, (None,) * 3), *places.get(peer, (None,) * 3),
                     relation(places.get(host), places.get(peer)))]
        row.octets_out += octets if from_host else octets_rev
        row.octets_in += octets_rev if from_host else octets
        row.packets_out += packets if from_host else packets_rev
        row.packets_in += packets_rev if from_host else packets
        session = data[flow_key][1] if flow_key in data else None
        row.flows.add(flow_key if session is None else session)
    return {key: row.told for key, row in found.items()}


def ftp_data(flows, transfers, day: int) -> dict[int, tuple]:
    """Flows that carried data of FTP on a day: flow key -> (server's address, key of the session's flow or None)."""
    begin, end = day * 10**9, (day + DAY) * 10**9
    found: dict[int, tuple] = {}
    for transfer in sorted(transfers, key=lambda t: (t["start"], t["session"], t["transfer"], t["client_port"])):
        if transfer["start"] >= end + SLACK_NS or transfer["end"] < begin - SLACK_NS:
            continue
        for flow_key, flow in flows.items():
            if flow_key not in found and is_data_of(flow, transfer):
                found[flow_key] = transfer["server_addr"], session_of(flow, transfer, flows)
    return found


def is_data_of(flow, transfer) -> bool:
    """Whether the flow is the data connection: to the port that was announced, between the hosts of the session, at that time."""
    if flow["protocol"] != 6 or not transfer["start"] - SLACK_NS <= flow["first_seen"] <= transfer["end"] + SLACK_NS:
        return False
    server, client = transfer["server_addr"], transfer["client_addr"]
    if transfer["data_port"] is None:  # nothing was announced: from the server's data port
        listener, port, other = server, transfer["server_port"] - 1, client
    elif "passive" in transfer["mode"]:
        listener, port, other = server, transfer["data_port"], client
    else:
        listener, port, other = client, transfer["data_port"], server
    for to, frm in (("dst", "src"), ("src", "dst")):
        if (flow[f"{to}_addr"], flow[f"{to}_port"], flow[f"{frm}_addr"]) == (listener, port, other):
            far = flow[f"{frm}_port"]
            return far is None or far >= 1024 or far == transfer["server_port"] - 1
    return False


def session_of(flow, transfer, flows) -> int | None:
    """The newest flow of the control connection that the class and run of `flow` have."""
    client = transfer["client_addr"], transfer["client_port"]
    server = transfer["server_addr"], transfer["server_port"]
    candidates = []
    for key, other in flows.items():
        if (other["probe"], other["run"], other["flow_class"]) != (flow["probe"], flow["run"], flow["flow_class"]):
            continue
        ends = {(other["src_addr"], other["src_port"]), (other["dst_addr"], other["dst_port"])}
        if other["protocol"] == 6 and ends == {client, server} and other["first_seen"] <= transfer["start"] + SLACK_NS:
            candidates.append((other["first_seen"], key))
    return max(candidates)[1] if candidates else None


def service_of(flow, data, ports) -> tuple[str, str | None]:
    """Name of the service, and which end of the flow offers it: "src", "dst", None if that cannot be told."""
    if data is not None:
        return "ftp", "dst" if flow["dst_addr"] == data[0] else "src"
    protocol = flow["protocol"]
    ranks = {}
    for end in ("dst", "src"):
        port = flow[f"{end}_port"]
        if port is not None:
            _, precedence = ports.get((protocol, port), (None, 1_000_000 if port < 32768 else 2_000_000))
            ranks[end] = precedence
    if protocol is None:
        return "unknown", None
    if not ranks:
        name = NAMES.get(protocol, f"ip/{protocol}")
        return f"{name}/other" if protocol in WITH_PORTS else name, None
    best = min(ranks.values())
    ends = [end for end in ranks if ranks[end] == best]
    server = end = ends[0]
    if len(ends) == 2 and not flow["bidirectional"]:  # whose packet was seen first tells nothing here
        if flow["src_port"] == flow["dst_port"]:
            server = None
        elif best == 2_000_000:
            return f"{NAMES.get(protocol, f'ip/{protocol}')}/other", None
        else:
            server = end = min(ends, key=lambda e: flow[f"{e}_port"])
    port = flow[f"{end}_port"]
    name, _ = ports.get((protocol, port), (f"{NAMES.get(protocol, f'ip/{protocol}')}/{port}", None))
    return name, server


def ends_of(flow, server, places) -> tuple:
    """(host, peer, role of the host, whether source is the host).

    An own end before an unknown one before the Internet; of two alike the client, else the smaller address.
    """
    src, dst = flow["src_addr"], flow["dst_addr"]
    first_is_src = server == "dst" if server is not None else src is None or dst is None or src <= dst
    first, second = (src, dst) if first_is_src else (dst, src)
    role, other_role = ("client", "server") if server is not None else (None, None)
    if ownness(places.get(first)) < ownness(places.get(second)):
        return second, first, other_role, not first_is_src
    return first, second, role, first_is_src


def ownness(place) -> int:
    """2: the organisation's own, 1: nobody knows, 0: the Internet."""
    if place is None or place[1] is None or place[:2] == ("unknown", "unknown"):
        return 1
    return 0 if place[1] == "Internet" else 2


def relation(one, other) -> str:
    """Between two places."""
    if any(p is not None and p[1] == "Internet" for p in (one, other)):
        return "Internet"
    if any(p is None or p[0] in (None, "unknown") or p[1] in (None, "unknown") for p in (one, other)):
        return "unknown"
    words = ("other", "same")
    return f"{words[one[0] == other[0]]} activity, {words[one[1] == other[1]]} location"
