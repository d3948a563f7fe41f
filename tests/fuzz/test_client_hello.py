"""The parser of the example plug-in, on what OpenSSL writes, cut and changed."""

import random
import ssl
import sys

import pytest

from tests.conftest import REPOSITORY

sys.path.append(str(REPOSITORY / "docs" / "examples" / "trafmon-tls-names"))
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
