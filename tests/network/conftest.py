"""Namespaces for tests of live capture: a host that sends and a host that watches, one cable between them."""

from collections.abc import Iterator

import pytest

from tests.linkemu import Namespace, Network, why_unavailable

SENDER, WATCHER = "192.0.2.1", "192.0.2.2"
DEVICE = "eth0"


@pytest.fixture(scope="module")
def cable() -> Iterator[tuple[Namespace, Namespace]]:
    """(sender, watcher): 192.0.2.1 and 192.0.2.2 on eth0, nothing else on the cable: IPv6 and its chatter are off."""
    reason = why_unavailable()
    if reason:
        pytest.skip(reason)
    with Network() as network:
        hosts = network.namespace("sender"), network.namespace("watcher")
        for host in hosts:
            for scope in ("all", "default"):
                host.sysctl(f"ipv6/conf/{scope}/disable_ipv6", 1)
        network.veth((hosts[0], DEVICE), (hosts[1], DEVICE))
        for host, address in zip(hosts, (SENDER, WATCHER), strict=True):
            host.ip(f"addr add {address}/24 dev {DEVICE}")
        yield hosts
