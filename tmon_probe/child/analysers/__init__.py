"""One file per analysis. `BUILT_IN` maps the kind named in the configuration to the analyser's factory."""

from tmon_probe.child.analysers.icmp_counters import IcmpCounters
from tmon_probe.child.analysers.ip_counters import IpCounters
from tmon_probe.child.analysers.ip_sizes import IpSizes
from tmon_probe.child.analysers.tcp_counters import TcpCounters
from tmon_probe.child.analysers.udp_counters import UdpCounters

BUILT_IN = {a.kind.name: a for a in (IpCounters, IpSizes, IcmpCounters, UdpCounters, TcpCounters)}
