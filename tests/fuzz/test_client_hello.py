"""The parser of the example plug-in, on what OpenSSL writes, cut and changed."""

import random
import ssl
import sys

import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tmon_probe import records as r
from tmon_probe.child.batch import FlowBatch

sys.path.append(str(REPOSITORY / "docs" / "examples" / "trafmon-tls-names"))
from trafmon_tls_names.analyser import find_hellos
from trafmon_tls_names.client_hello import MAX_NAME, read_client_hello


def hello(server_name: str | None, protocols: list[str]) -> bytes:
    """As a client sends it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = server_name is not None
    if protocols:
        context.set_alpn_protocols(protocols)
    sent = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=server_name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return sent.read()


@pytest.mark.parametrize("server_name", ["www.example.org", "x", "a" * 60 + ".example", None])
@pytest.mark.parametrize("protocols", [[], ["h2", "http/1.1"]])
def test_what_openssl_writes(server_name, protocols):
    """Name and first protocol are those that it was given; cut anywhere, never another one."""
    octets, first = hello(server_name, protocols), protocols[0] if protocols else None
    found = read_client_hello(octets)
    assert (server_name, first, True) == (found.server_name, found.protocol_name, found.complete)
    for length in range(len(octets)):
        cut = read_client_hello(octets[:length])
        assert cut is None or (cut.server_name in (None, server_name) and cut.protocol_name in (None, first) and not cut.complete)


@pytest.mark.parametrize("seed", range(20))
def test_anything_changed(seed):
    """No exception, no name longer than it may be."""
    rng, octets = random.Random(seed), hello("www.example.org", ["h2"])
    for _ in range(300):
        changed = bytearray(octets)
        for _ in range(rng.randint(1, 6)):
            changed[rng.randrange(9, len(changed))] = rng.choice((0, 1, 255, rng.randrange(256)))
        found = read_client_hello(bytes(changed))
        assert found is not None
        assert all(text is None or len(text) <= 4 * MAX_NAME for text in (found.server_name, found.protocol_name))


@pytest.mark.parametrize("seed", range(20))
def test_the_kernel_finds_what_python_finds(seed):
    """Records of any kind, payload of any length anywhere in the area: those of our flows and service with a ClientHello."""
    rng = np.random.default_rng(seed)
    areas = rng.choice(np.array([1, 3, 22], np.uint8), (2, 256))
    records, n = np.zeros(300, r.PACKET), 300
    records["flags"] = r.SERVICE | rng.choice([r.HAS_TCP, r.HAS_TCP, r.HAS_UDP, r.HAS_TCP | r.QUOTED, r.HAS_TCP | r.REASSEMBLED], n)
    records["service"] = rng.integers(0, 4, n)
    records["bytes_length"] = rng.integers(0, 60, n)
    records["payload_at"] = np.minimum(rng.choice([0, 40, 52], n), records["bytes_length"])
    records["bytes_offset"] = rng.integers(0, 1 << 24, n) << 8 | rng.integers(0, 257 - records["bytes_length"]) & 0xFF
    records["bytes_offset"] = np.where(records["bytes_offset"] % 256 + records["bytes_length"] > 256, 0, records["bytes_offset"])
    flow, lanes = rng.integers(-1, 3, (1, n)).astype(np.int32), rng.integers(0, 2, n).astype(np.int16)
    batch = FlowBatch(records, 10, 290, flow, flow.astype(np.uint8), np.arange(3), lanes, areas, areas)
    found = np.zeros(n, np.int64)
    hits = find_hellos(records, batch.first, batch.count, flow[0], lanes, areas, np.uint8(2), found)
    expected = []
    for i in range(10, 290):
        payload = batch.payload_of(i)
        ours = records["flags"][i] == r.SERVICE | r.HAS_TCP and records["service"][i] & 2 and flow[0, i] >= 0
        if ours and len(payload) >= 6 and (payload[0], payload[1], payload[5]) == (22, 3, 1):
            expected.append(i)
    assert expected == found[:hits].tolist()
