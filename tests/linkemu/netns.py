"""Network namespaces for tests and recordings: made with names of their own, removed in every case."""

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.linkemu.offload import turn_off_offloads

_CLONE_NEWNET = 0x40000000
_NETNS_DIRECTORY = Path("/run/netns")
_libc = ctypes.CDLL(None, use_errno=True)


def why_unavailable() -> str | None:
    """Why namespaces cannot be made here, for a test that has to skip; None when they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "the program ip (package iproute2) is missing"
    name = f"probe-{secrets.token_hex(4)}"
    added = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if added.returncode != 0:
        return f"ip netns add: {added.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return None


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """The calling thread is in the namespace `name`; sockets it opens there stay there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(_NETNS_DIRECTORY / name, os.O_RDONLY)
    try:
        _setns(there)
        try:
            yield
        finally:
            _setns(home)
    finally:
        os.close(there)
        os.close(home)


class Namespace:
    """One network namespace, and running things in it."""

    def __init__(self, name: str, label: str) -> None:
        self.name = name
        self.label = label

    def ip(self, arguments: str) -> None:
        """`ip ARGUMENTS` in here; RuntimeError with its message when it fails."""
        done = subprocess.run(["ip", "-n", self.name, *arguments.split()], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{self.label}: ip {arguments}: {done.stderr.strip()}")

    def sysctl(self, key: str, value: int | str) -> None:
        """Sets net.* of this namespace: `sysctl("ipv4/ip_forward", 1)`."""
        with inside(self.name):
            Path("/proc/sys/net", key).write_text(f"{value}\n")

    def command(self, argv: Sequence[str]) -> list[str]:
        """The argument list that runs `argv` in here; the process started is the program itself."""
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """`subprocess.run` in here, output captured as text."""
        return subprocess.run(self.command(argv), check=False, capture_output=True, text=True, **options)

    def start(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """`subprocess.Popen` in here."""
        return subprocess.Popen(self.command(argv), **options)


class Network:
    """Some namespaces and the veth pairs between them; leaving it removes all."""

    def __init__(self) -> None:
        self._prefix = f"lab-{secrets.token_hex(3)}"
        self._namespaces: list[Namespace] = []

    def namespace(self, label: str) -> Namespace:
        """A new namespace with its loopback up; IPv6 addresses are usable at once (no duplicate detection)."""
        namespace = Namespace(f"{self._prefix}-{label}", label)
        subprocess.run(["ip", "netns", "add", namespace.name], check=True, capture_output=True)
        self._namespaces.append(namespace)
        for scope in ("all", "default"):
            namespace.sysctl(f"ipv6/conf/{scope}/accept_dad", 0)
            namespace.sysctl(f"ipv6/conf/{scope}/accept_ra", 0)
        namespace.ip("link set lo up")
        return namespace

    def veth(self, left: tuple[Namespace, str], right: tuple[Namespace, str], *, mtu: int = 1500) -> None:
        """A pair of interfaces, up, offloads off at both ends: `veth((client, "eth0"), (router, "lan"))`."""
        (left_ns, left_name), (right_ns, right_name) = left, right
        left_ns.ip(f"link add {left_name} mtu {mtu} type veth peer name {right_name} mtu {mtu} netns {right_ns.name}")
        for namespace, interface in (left, right):
            with inside(namespace.name):
                turn_off_offloads(interface)
            namespace.ip(f"link set {interface} up")

    def link_namespace(self, west: tuple[Namespace, str], east: tuple[Namespace, str]) -> Namespace:
        """A namespace for a link, its ends `west` and `east` wired to the two interfaces given; silent by itself."""
        middle = self.namespace("link")
        for scope in ("all", "default"):
            middle.sysctl(f"ipv6/conf/{scope}/disable_ipv6", 1)
        self.veth((middle, "west"), west)
        self.veth((middle, "east"), east)
        return middle

    def close(self) -> None:
        """Removes the namespaces, with their interfaces; a process that is still in one, started by us, is ended."""
        while self._namespaces:
            name = self._namespaces.pop().name
            left = subprocess.run(["ip", "netns", "pids", name], check=False, capture_output=True, text=True)
            for pid in map(int, left.stdout.split()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")
