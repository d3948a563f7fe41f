"""The service at its port: who comes in, who has to go, what is said of a port that cannot be had."""

import asyncio
import http.client
import logging
import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from tests.pipeline.probe_process import until
from tests.unit.agent.programs import probe_source, setting, view_of
from tmon_agent.metrics import service as module
from tmon_agent.metrics.http import MAX_HEAD_OCTETS
from tmon_agent.metrics.listening import listen
from tmon_agent.metrics.service import MAX_CONNECTIONS, MetricsService
from tmon_agent.service import ServiceError

LIMIT_S = 10


@contextmanager
def serving(address="127.0.0.1"):
    """The service in an event loop of its own; gives its port."""
    started, holder = threading.Event(), {}

    async def main():
        service = MetricsService(setting(address=address, metrics_port=0))
        task = asyncio.create_task(service.run(view_of(probe_source(), address=address, metrics_port=0)))
        holder.update(loop=asyncio.get_running_loop(), task=task, service=service)
        while not (task.done() or service.port):
            await asyncio.sleep(0)
        started.set()
        with suppress(asyncio.CancelledError):
            await task

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert started.wait(LIMIT_S)
    try:
        yield holder["service"]
    finally:
        holder["loop"].call_soon_threadsafe(holder["task"].cancel)
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def connect(service, address="127.0.0.1"):
    return socket.create_connection((address, service.port), LIMIT_S)


def get(service, path, address="127.0.0.1", **fields):
    connection = http.client.HTTPConnection(address, service.port, timeout=LIMIT_S)
    connection.request("GET", path, headers=fields)
    response = connection.getresponse()
    return response.status, response.read().decode()


def until_closed(connection):
    """What came before the other side closed, in whatever way."""
    found = b""
    with suppress(ConnectionResetError):
        while octets := connection.recv(65536):
            found += octets
    connection.close()
    return found


def count(service, outcome):
    _, page = get(service, "/metrics")
    [line] = [x for x in page.splitlines() if x.startswith(f'trafmon_agent_http_connections_total{{outcome="{outcome}"}}')]
    return float(line.split()[1])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::"])
def test_it_answers(address):
    """At the address it was told; :: is all addresses."""
    with serving(address) as service:
        for there in ("127.0.0.1", "::1") if address == "::" else (address,):
            status, page = get(service, "/metrics", there)
            assert status == 200
            assert 'trafmon_probe_up{probe="edge"} 1.0' in page
        assert get(service, "/-/healthy", there) == (200, "probe edge runs\n")


def test_many_connections_are_refused_and_counted():
    """Beyond the maximum; those that are in stay, and one that goes makes room."""
    with serving() as service:
        inside = [connect(service) for _ in range(MAX_CONNECTIONS)]
        for connection in inside:
            connection.sendall(b"GET /metrics")
        refused = connect(service)
        assert until_closed(refused) == b""
        inside.pop().close()
        for connection in inside:
            connection.sendall(b" HTTP/1.1\r\n\r\n")
            assert until_closed(connection).startswith(b"HTTP/1.1 200 OK\r\n")
        assert count(service, "refused") == 1
        assert count(service, "cut") == 0


@pytest.mark.parametrize("what", [b"", b"GET /metrics HTTP/1.1\r\nAccept: "])
def test_who_is_slow_is_cut_and_counted(what, monkeypatch):
    """Whether it says nothing or does not come to an end."""
    monkeypatch.setattr(module, "MAX_CONNECTION_S", 0.05)
    with serving() as service:
        slow = connect(service)
        slow.sendall(what)
        assert until_closed(slow) == b""
        monkeypatch.undo()
        assert count(service, "cut") == 1


def test_who_does_not_read_is_cut(monkeypatch):
    """A response that is not taken is not kept."""
    monkeypatch.setattr(module, "MAX_CONNECTION_S", 0.3)
    monkeypatch.setattr(module, "written", lambda _response: bytes(64 << 20))
    with serving() as service:
        lazy = connect(service)
        lazy.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert lazy.recv(1) == b"\0"
        until(lambda: service.connections["cut"], "it is cut")
        lazy.close()


@pytest.mark.parametrize("head", [b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n",
                                  b"GET /metrics HTTP/1.1\r\nA: " + b"A" * 2 * MAX_HEAD_OCTETS + b"\r\n\r\n"])
def test_what_is_no_request(head):
    """Is told so, or cut off; it is counted."""
    with serving() as service:
        odd = connect(service)
        odd.sendall(head)
        assert until_closed(odd)[:12] in (b"HTTP/1.1 400", b"")
        assert count(service, "garbled") == 1


def test_a_port_scan_harms_nobody():
    with serving() as service:
        connect(service).close()
        assert count(service, "garbled") == 0


def test_a_port_that_is_taken():
    """Which one, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError) as error:
            listen(setting(metrics_port=port))
    assert str(error.value) == (
        f"metrics cannot be had at 127.0.0.1 port {port}: address already in use: another program listens there; choose another "
        "metrics_port of the <agent> of probe edge in /etc/trafMon/xml/tmon.xml")


def test_an_address_of_another_machine():
    with pytest.raises(ServiceError, match="no address of this machine"):
        listen(setting(address="192.0.2.1", metrics_port=0))


def test_where_it_answers_is_told(caplog):
    """Also when the port was chosen by the system."""
    with caplog.at_level(logging.INFO, "tmon_agent"), serving() as service:
        assert f"metrics of probe edge at http://127.0.0.1:{service.port}/metrics" in caplog.text
