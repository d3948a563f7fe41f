"""What the service manager is told."""

import os
import socket
import threading
from contextlib import suppress

import pytest

from tmon_common import service_manager
from tmon_common.service_manager import Watchdog


@pytest.fixture
def manager(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_fields_are_lines(manager):
    service_manager.ready("listening on port 9777\nMAINPID=1")
    assert b"READY=1\nSTATUS=listening on port 9777 MAINPID=1" == manager.recv(1000)


def test_the_abstract_socket(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0trafmon-test-{os.getpid()}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@trafmon-test-{os.getpid()}")
        service_manager.notify(STOPPING=1)
        assert b"STOPPING=1" == listening.recv(1000)


def test_that_nobody_listens_is_no_error(monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    service_manager.ready()
    monkeypatch.delenv("NOTIFY_SOCKET")
    service_manager.ready()


def full(manager: socket.socket) -> None:
    with suppress(BlockingIOError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        while True:
            sender.sendto(bytes(1000), manager.getsockname())


def test_a_manager_that_is_busy_hears_that_it_is_ready(manager):
    """It is told once, and who is never ready is ended. Nobody waits to tell the rest."""
    full(manager)
    service_manager.notify(STATUS="left out")
    telling = threading.Thread(target=service_manager.ready)
    telling.start()
    told = b""
    manager.settimeout(5)
    while told != b"READY=1":
        told = manager.recv(1000)
        assert b"left out" not in told
    telling.join()


def test_what_comes_before_a_switch_may_take_as_long_as_a_start(manager):
    """A collector that has much to write before: the watchdog does not end it in the middle."""
    service_manager.reloading("writing")
    assert f"EXTEND_TIMEOUT_USEC={service_manager.STEP_S}000000".encode() in manager.recv(1000).split(b"\n")


@pytest.mark.parametrize(("usec", "pid", "period"), [
    ("", "", None), ("2000000", "", 2_000_000_000), ("2000000", "1", None), ("2000000", str(os.getpid()), 2_000_000_000),
    ("nonsense", "", None), ("0", "", None)])
def test_whether_it_watches(monkeypatch, usec, pid, period):
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid)
    assert period == service_manager.watchdog_period_ns()


def test_only_progress_is_told():
    watchdog = Watchdog(4_000)
    assert watchdog.due(0, 1, 1)
    assert not watchdog.due(999, 2, 2)  # too early
    assert not watchdog.due(1_000, 2, 1)  # one of them stands still
    assert not watchdog.due(5_000, 9, 1)
    assert watchdog.due(5_001, 9, 2)
    assert not Watchdog(None).due(0, 1)
