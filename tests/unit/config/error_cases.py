"""What may be wrong: (replaced in the good document, by what, message, lines away from there where it is told)."""

from tmon_common.pdu.header import MAX_PDU_OCTETS

ANALYSIS = '<analysis kind="ip_counters"/>'
PROTOCOL = '<match field="protocol" is="tcp"/>'
FLOW = '<flow name="hosts" fields="src_addr dst_addr"/>'
INTERFACE = '<interface name="lan" device="eth0"/>'
PUBLISH = '<publish collector="central"/>'
PROBE = '<probe name="p1">'
SPOOL = '<spool directory="spool"/>'
COLLECTOR = 'host="collector.example.org" port="9000"'
CLASS = '<flow_class name="rest">'
FILTER = "      </filter>"


def match(attributes: str) -> tuple[str, str]:
    return PROTOCOL, f"<match {attributes}/>"


CASES = {
    # shape
    "unknown element": (
        ANALYSIS,
        '<analisys kind="ip_counters"/>',
        r'unknown element <analisys> in <flow_class>; did you mean "analysis"\?',
    ),
    "unknown element, nothing near": (SPOOL, SPOOL + "<zzz/>", r"unknown element <zzz> in <collector>; expected one of: spool"),
    "element with a namespace": (SPOOL, SPOOL + '<x:spool xmlns:x="urn:x"/>', r"unknown element <\{urn:x\}spool>"),
    "unknown attribute": (
        FLOW,
        FLOW.replace("/>", ' obsolesence="5s"/>'),
        r'unknown attribute "obsolesence" .*did you mean "obsolescence"\?',
    ),
    "attribute of another element": (
        ANALYSIS,
        '<analysis kind="ip_counters" port="1"/>',
        r'unknown attribute "port" of <analysis>; expected one',
    ),
    "missing attribute": (FLOW, '<flow fields="src_addr dst_addr"/>', r'<flow> lacks the attribute "name"'),
    "enumeration": ('level="info"', 'level="verbose"', r'level="verbose" of <diagnostics>; expected one of: debug, info'),
    "misplaced element": (SPOOL, SPOOL + ANALYSIS, r"<analysis> may not stand in <collector>; it belongs in <flow_class>"),
    "order": (PUBLISH,
              PUBLISH + '<interface name="b" device="b"/>', r"<probe> holds .*; expected \(interface\+, publish\+, agent\?\)", -2),
    "text": (PUBLISH, PUBLISH + "stray", r"<probe> holds text", -2),
    "text in an empty element": (SPOOL, '<spool directory="spool">x</spool>', r"<spool> holds text; expected none"),
    "missing element": (SPOOL, "", r"<collector> is empty; expected \(spool, agent\?\)", -1),
    "filter too deep": (
        '<match field="interface" is="lan"/>',
        f"<any>{PROTOCOL}</any>",
        r"<any> may not stand in <all>; a filter has three layers",
    ),
    "empty any": (FILTER, f"<any/>{FILTER}", r"<any> is empty; expected \(match\|all\)\+"),
    "empty all": ("        </any>", "<all/></any>", r"<all> is empty; expected \(match\)\+"),
    "all directly in filter": (
        FILTER,
        f"<all>{PROTOCOL}</all>{FILTER}",
        r"<all> may not stand in <filter>; a filter has three layers",
    ),
    "undeclared entity": (SPOOL, '<spool directory="&x;"/>', r"Entity 'x' not defined"),
    # names and references
    "two probes": (
        "  </probes>",
        f'<probe name="p1">{INTERFACE}{PUBLISH}</probe></probes>',
        r'second <probe> with name="p1" .* line 34',
    ),
    "two classes": (
        CLASS,
        '<flow_class name="web">',
        r'second <flow_class> with name="web" in the configuration; the first is in line 9',
    ),
    "two collectors": (
        "  </collectors>",
        f'<collector name="central">{SPOOL}</collector></collectors>',
        r'second <collector> with name="central"',
    ),
    "two histograms": ('name="delays"', 'name="sizes"', r'second <histogram> with name="sizes"'),
    "two interfaces": (INTERFACE, INTERFACE + INTERFACE, r'second <interface> with name="lan" in probe "p1"'),
    "two flows": (FLOW, FLOW + FLOW, r'second <flow> with name="hosts" in flow class "rest"'),
    "two analyses": (ANALYSIS, ANALYSIS + ANALYSIS, r'second <analysis> with kind="ip_counters" in flow class "web"'),
    "two publish": (PUBLISH, PUBLISH + PUBLISH, r'second <publish> with collector="central"'),
    "impossible name": (PROBE, '<probe name="p 1">', r'name="p 1": expected a name'),
    "empty name": (PROBE, '<probe name="">', r'name="": expected a name'),
    "collector in file names": (
        "  </collectors>",
        f'<collector name="a.b">{SPOOL}</collector></collectors>',
        r'name="a.b": expected letters A to Z',
    ),
    "histogram missing": (
        'histogram="sizes"',
        'histogram="size"',
        r'histogram="size": there is no such histogram; did you mean "sizes"\?',
    ),
    "histogram unit": ('histogram="sizes"', 'histogram="delays"', r'"delays" is in ns; ip_sizes expects one in octets'),
    "histogram needed": (
        'histogram="sizes" ',
        "",
        r'ip_sizes needs slices; expected histogram="..." .* in octets such as "sizes"$',
    ),
    "histogram unused": (ANALYSIS, '<analysis kind="ip_counters" histogram="sizes"/>', r"ip_counters uses no histogram"),
    "no metric": (
        ANALYSIS,
        '<analysis kind="round_trip" histogram="delays" metrics=""/>',
        r'metrics="": expected some of icmp_echo dns',
    ),
    "unknown metric": (
        ANALYSIS,
        '<analysis kind="round_trip" histogram="delays" metrics="dns http"/>',
        r'metrics="dns http": there is no metric "http"; expected some of',
    ),
    "unknown mode": (ANALYSIS, '<analysis kind="ftp" mode="some"/>', r'mode="some": expected all or boundaries'),
    "attribute that is no option": (
        ANALYSIS,
        '<analysis kind="ip_counters" records="yes"/>',
        r'ip_counters has no option "records"',
    ),
    "analysis kind": (
        ANALYSIS,
        '<analysis kind="ipcounters"/>',
        r'kind="ipcounters": there is no such analysis; did you mean "ip_counters"\?',
    ),
    "option": (ANALYSIS, '<analysis kind="ip_counters"><option name="a" value="b"/></analysis>', r'ip_counters has no option "a"'),
    "collector unknown": (
        PUBLISH,
        '<publish collector="centrl"/>',
        r'collector="centrl": there is no such collector; did you mean "central"\?',
    ),
    "class unknown": (PROBE, '<probe name="p1" classes="web wbe">', r'there is no flow class "wbe"; did you mean "web"\?'),
    "classes empty": (PROBE, '<probe name="p1" classes="">', r"expected names of flow classes"),
    "interface unknown": (*match('field="interface" in="lan wan"'), r'no probe has an interface "wan"; did you mean "lan"\?'),
    "collector nowhere": (COLLECTOR, 'port="9000"', r'collector "central" listens on all addresses and tells no host', 7),
    # predicates
    "field": (*match('field="protocl" is="tcp"'), r'field="protocl": there is no such field; did you mean "protocol"\?'),
    "no way": (*match('field="port"'), r"<match> on port has none; expected exactly one of is, in, range, masked"),
    "two ways": (*match('field="port" is="1" in="2"'), r"has is and in; expected exactly one"),
    "octet 300": (*match('field="addr" is="300.1.2.3/8"'), r"300.1.2.3 is not an address \(Octet 300"),
    "prefix 33": (*match('field="addr" is="10.0.0.0/33"'), r"10.0.0.0/33 is not a prefix; expected a length of 0 to 32 in IPv4"),
    "prefix 129": (*match('field="addr" is="2001:db8::/129"'), r"expected a length of 0 to 128 in IPv6"),
    "host bits": (
        *match('field="addr" is="10.1.2.3/8"'),
        r"10.1.2.3/8 has bits set beyond its length; expected 10.0.0.0/8 .* or 10.1.2.3",
    ),
    "host bits, v6": (*match('field="addr" in="2001:db8::1/32"'), r"expected 2001:db8::/32 "),
    "host name": (*match('field="addr" is="www.example.org"'), r"www.example.org is not an address; expected one such as"),
    "zone": (*match('field="addr" is="fe80::1%eth0"'), r"without zone"),
    "mixed range": (*match('field="addr" in="10.0.0.1-::2"'), r"mixes IPv4 and IPv6"),
    "address range": (*match('field="addr" range="10.0.0.2-10.0.0.1"'), r"is empty; expected 10.0.0.1-10.0.0.2\?"),
    "address mask": (*match('field="addr" masked="10.0.0.1/255.0.0.0"'), r"has bits that are not in the mask.*expected 10.0.0.0"),
    "address masked by length": (*match('field="addr" masked="10.0.0.0/8"'), r"expected value/mask"),
    "port": (*match('field="port" is="65536"'), r'"65536" is no value of port; expected 0 to 65535'),
    "negative": (*match('field="port" in="-5"'), r'"" is no value of port'),
    "range": (*match('field="port" in="90-80"'), r"range 90-80 is empty; expected 80-90\?"),
    "is with a list": (*match('field="port" is="1 2"'), r"is takes one value"),
    "is with a range": (*match('field="port" is="1-2"'), r"is takes one value; .*range for ranges"),
    "range without end": (*match('field="port" range="5"'), r"expected one range low-high"),
    "in empty": (*match('field="port" in=" "'), r"is empty; expected values and ranges"),
    "vlan width": (*match('field="vlan" is="4096"'), r"expected 0 to 4095"),
    "dscp width": (*match('field="dscp" is="64"'), r"expected 0 to 63, or a name"),
    "ip version": (*match('field="ip_version" is="5"'), r"expected 4 or 6"),
    "protocol name": (*match('field="protocol" is="tpc"'), r'"tpc" is no value of protocol; expected 0 to 255, or a name \(icmp'),
    "flag name": (*match('field="tcp_flags" is="syn+akc"'), r'"akc" is none of the names; did you mean "ack"\?'),
    "mask the wrong way round": (
        *match('field="tcp_flags" masked="syn+ack/syn"'),
        r'no packet would satisfy it; expected "syn/syn\+ack"',
    ),
    "mask zero": (*match('field="tos" masked="0/0"'), r"the mask is 0"),
    "mask missing": (*match('field="tos" masked="5"'), r"expected value/mask"),
    "interface range": (*match('field="interface" range="lan-wan"'), r"interfaces are named; expected is or in"),
    # flows, analyses, histograms
    "flow field": (
        FLOW,
        '<flow name="hosts" fields="src_adr dst_addr"/>',
        r'a flow has no field "src_adr"; did you mean "src_addr"\?',
    ),
    "flow field twice": (FLOW, '<flow name="hosts" fields="src_addr dst_addr src_addr"/>', r"src_addr stands there twice"),
    "half a pair": (FLOW, '<flow name="hosts" fields="src_addr"/>', r"with src_addr but without dst_addr"),
    "half the ports": (FLOW, '<flow name="hosts" fields="src_addr dst_addr dst_port"/>', r"with dst_port but without src_port"),
    "no direction": (FLOW, '<flow name="hosts" fields="protocol"/>', r"needs src_addr and dst_addr to tell its directions apart"),
    "obsolescence": (FLOW, FLOW.replace("/>", ' obsolescence="2d"/>'), r'obsolescence="2d": expected 1s to 1d'),
    "interval without unit": ('interval="5s"', 'interval="5"', r'interval="5": expected a length of time'),
    "interval too long": ('interval="5s"', 'interval="2h"', r"expected 1s to 1h"),
    "interval that does not divide": ('interval="5s"', 'interval="90s"', r"minutes and hours could not be summed up .*2min"),
    "interval that leaves the hour": ('interval="5s"', 'interval="7min"', r"minutes and hours could not be summed up"),
    "slices": ('"64 1k 1500"', f'"{" ".join(map(str, range(1, 17)))}"', r"16 bounds make 17 slices; expected at most 15"),
    "bounds not ascending": ('"64 1k 1500"', '"64 1k 1000"', r"1000 follows 1024; expected ascending bounds"),
    "bounds empty": ('"64 1k 1500"', '""', r"expected at least one upper bound"),
    "bounds of time": ('"1ms 1s"', '"1 2"', r"expected a length of time"),
    # probes and collectors
    "interface of nothing": (INTERFACE, '<interface name="lan"/>', r"neither device nor recording"),
    "replay of nothing": (INTERFACE, '<interface name="lan" capture="replay"/>', r"a replay needs recordings"),
    "live with files": (
        INTERFACE,
        '<interface name="lan" device="a" capture="libpcap"><file path="."/></interface>',
        r"takes no <file>",
    ),
    "live with pace": (INTERFACE, '<interface name="lan" device="a" pace="own"/>', r"pace is for replay only"),
    "live with another clock": (INTERFACE, '<interface name="lan" device="a" clock_ahead="1h"/>', r"clock_ahead is for replay"),
    "clock ahead of nothing": (
        INTERFACE,
        '<interface name="lan" clock_ahead="--1h"><file path="tmon.xml"/></interface>',
        r"expected a length of time such as",
    ),
    "replay with device": (
        INTERFACE,
        '<interface name="lan" device="a"><file path="tmon.xml"/></interface>',
        r"device is for live capture only",
    ),
    "replay with snaplen": (
        INTERFACE,
        '<interface name="lan" snaplen="96"><file path="tmon.xml"/></interface>',
        r"snaplen is for live capture only",
    ),
    "no such recording": (
        INTERFACE,
        '<interface name="lan"><file path="nix.pcap"/></interface>',
        r'path="nix.pcap": there is no file .*/nix.pcap',
    ),
    "recording is a directory": (
        INTERFACE,
        '<interface name="lan"><file path="."/></interface>',
        r"is a directory; expected a recording",
    ),
    "device name": (INTERFACE, '<interface name="lan" device="a device with blanks"/>', r"expected the name of a network device"),
    "libpcap filter": (
        INTERFACE,
        '<interface name="lan" device="a" filter="ip andd"/>',
        r'filter="ip andd": can\'t parse filter expression',
    ),
    "snaplen": (INTERFACE, '<interface name="lan" device="a" snaplen="20"/>', r'snaplen="20": expected 64 to 262144'),
    "buffer": (INTERFACE, '<interface name="lan" device="a" buffer="16 meg"/>', r"expected octets such as"),
    "block": (INTERFACE, '<interface name="lan" device="a" block="100k"/>', r"expected a power of two, such as 65536 or 131072"),
    "block larger than half the buffer": (
        INTERFACE,
        '<interface name="lan" device="a" block="1M" buffer="1M"/>',
        r"a block of 1048576 octets is more than half the buffer of 1048576",
    ),
    "afpacket's attributes with libpcap": (
        INTERFACE,
        '<interface name="lan" device="a" capture="libpcap" fathers="2"/>',
        r'fathers is for capture="afpacket" only',
    ),
    "fathers": (INTERFACE, '<interface name="lan" device="a" fathers="0"/>', r'fathers="0": expected 1 to 64'),
    "CPUs of fathers": (INTERFACE, '<interface name="lan" device="a" fathers="2" father_cpus="1"/>', r'"1": 2 fathers; expected'),
    "no traffic": (INTERFACE, '<interface name="lan" device="a" no_traffic="10ms"/>', r"expected 0 for never, or 1s to 1d"),
    "half a link": (INTERFACE, '<interface name="lan" device="a" link="wan"/>', r'is said of one interface; expected two, one for'),
    "link of two kinds": (
        INTERFACE,
        '<interface name="lan" device="a" link="wan"/><interface name="r" link="wan"><file path="tmon.xml"/></interface>',
        r'link="wan" joins a device and a recording',
    ),
    "ring octets": (PROBE, '<probe name="p1" ring_octets="3M">', r"expected a power of two, such as 2097152 or 4194304"),
    "ring slots": (PROBE, '<probe name="p1" ring_slots="50000">', r"expected a power of two, such as 32768 or 65536"),
    "ring slots, few": (PROBE, '<probe name="p1" ring_slots="4">', r"expected 1024 to 16777216"),
    "cpus": (PROBE, '<probe name="p1" child_cpus="1-x">', r"1-x is not a CPU; expected numbers and ranges such as 1-3 5"),
    "cpus range": (PROBE, '<probe name="p1" child_cpus="3-1">', r"range 3-1 is empty; expected 1-3\?"),
    "port of publish": (PUBLISH, '<publish collector="central" port="70000"/>', r'port="70000": expected 1 to 65535'),
    "port 0": (COLLECTOR, COLLECTOR.replace("9000", "0"), r'port="0": expected 1 to 65535'),
    "listen address": (COLLECTOR, f'{COLLECTOR} address="localhost"', r"expected an address of the machine, 0.0.0.0 or ::"),
    "publish address": (PUBLISH, '<publish collector="central" address="300.1.2.3"/>', r"expected an address or a host name"),
    "publish to all": (PUBLISH, '<publish collector="central" address="0.0.0.0"/>', r"expected the address of one machine"),
    "PDU too small": (PUBLISH, '<publish collector="central" max_pdu="100"/>', rf"expected 200 to {MAX_PDU_OCTETS} octets"),
    "PDU too long": (
        PUBLISH,
        f'<publish collector="central" max_pdu="{MAX_PDU_OCTETS + 1}"/>',
        f"expected 200 to {MAX_PDU_OCTETS} octets",
    ),
    "not in use yet": (PROBE, '<probe name="p1" no_traffic="5min">', r"no_traffic"),
    "multiplier": (PUBLISH, '<publish collector="central" timeout_multiplier="0.5"/>', r"expected 1 to 10, such as 1.5"),
    "final timeout": (
        PUBLISH,
        '<publish collector="central" initial_timeout="1min" final_timeout="5s"/>',
        r"final_timeout is shorter",
    ),
    "rotation": (SPOOL, '<spool directory="spool" rotate="0"/>', r'rotate="0": expected 1s to 1d'),
    "spool nowhere": (SPOOL, '<spool directory=""/>', r"expected a path"),
    "start without zone": ("<trafmon>", '<trafmon startAt="2026-11-22T10:00:00">', r"expected date, time and zone, such as 2026-"),
    "start nonsense": ("<trafmon>", '<trafmon startAt="tomorrow">', r"expected date, time and zone"),
    "diagnostics destination": ("file:probe.log", "probe.log", r"expected stderr, journal or file:PATH"),
    "diagnostics module": ('name="tmon_probe.father"', 'name="the father"', r"expected a module or package"),
    "store backend": ("<store ", '<store backend="oracle" ', r'backend="oracle" of <store>; expected one of: duckdb, mysql'),
}
