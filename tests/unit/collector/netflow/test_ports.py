"""Which ports make a flow."""

import pytest

from tmon_collector.netflow.ports import keep_ports
from tmon_collector.netflow.records import NO_NUMBER, records

N = NO_NUMBER


@pytest.mark.parametrize(("ports", "service"), [
    ((40000, 53), (N, 53)), ((53, 40000), (53, N)), ((123, 123), (123, 123)), ((20, 21), (20, 21)), ((2000, 80), (N, 80)),
    ((8080, 3000), (N, 3000)), ((40000, 50000), (N, N)), ((5060, 5060), (5060, 5060)), ((40000, 40000), (N, N)),
    ((0, 0), (0, 0)), ((N, N), (N, N)), ((1023, 1024), (1023, N)), ((32767, 32768), (32767, N))])
def test_policies(ports, service):
    for policy, expected in (("service", service), ("both", ports), ("none", (N, N))):
        flows = records(1)
        flows["src_port"], flows["dst_port"] = ports
        keep_ports(flows, policy)
        assert expected == (flows["src_port"][0], flows["dst_port"][0]), policy
