"""Running one client program and keeping what it did, as the client saw it: the unit of truth.json."""

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.topology import Lan
from tests.linkemu import Namespace

LIMIT_S = 30.0
"""No operation takes longer; then it is ended and its result is `timeout`."""
_POLL_S = 0.01
_STOP_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known when a program has ended."""

    argv: list[str]
    start_ns: int
    end_ns: int
    status: int | None
    """Exit status; negative: ended by that signal; None: it was ended because it took too long."""
    stdout: str
    stderr: str


@dataclass(slots=True)
class Operation:
    """One entry of truth.json. Times are ns UTC; `facts` depend on the kind (docs/lab.md lists them)."""

    kind: str
    host: str
    program: str
    command: list[str]
    start_ns: int
    end_ns: int
    protocol: str
    src_addr: str
    dst_addr: str
    dst_port: int | None
    exit_status: int | None
    result: str
    """ok, failed (an error was reported), aborted (on purpose), no_answer, or timeout."""
    facts: dict[str, Any] = field(default_factory=dict)
    phase: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the facts beside the common fields, nothing that is not known."""
        common = {name: getattr(self, name) for name in self.__slots__ if name != "facts"}
        return {name: value for name, value in {**common, **self.facts}.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Actor:
    """A host whose client programs run one after the other, in a directory of their own."""

    host: Namespace
    lan: Lan
    work: Path
    stop: threading.Event
    """Set to end the program that runs."""

    def address(self, other: str) -> str:
        """This host's address of the family of `other`."""
        return self.lan.host6 if ":" in other else self.lan.host4

    def run(
        self,
        argv: Sequence[str],
        *,
        feed: str = "",
        interrupt_when: Callable[[], bool] | None = None,
        interrupt_by: signal.Signals = signal.SIGINT,
    ) -> Outcome:
        """Runs a program; `feed` is its standard input; `interrupt_by` is sent as soon as `interrupt_when` says so."""
        environment = {**os.environ, "HOME": str(self.work), "LC_ALL": "C", "MIBS": ""}
        environment["SNMP_PERSISTENT_DIR"] = str(self.work / "snmp")
        environment["PATH"] += ":/usr/sbin:/sbin"
        with (
            tempfile.TemporaryFile("w+") as stdin,
            tempfile.TemporaryFile("w+") as stdout,
            tempfile.TemporaryFile("w+") as stderr,
        ):
            stdin.write(feed)
            stdin.seek(0)
            start_ns = time.time_ns()
            streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
            process = self.host.start(argv, cwd=self.work, env=environment, start_new_session=True, **streams)
            try:
                status = self._wait(process, interrupt_when, interrupt_by)
            except BaseException:
                process.kill()
                process.wait()
                raise
            end_ns = time.time_ns()
            return Outcome(list(argv), start_ns, end_ns, status, _content(stdout), _content(stderr))

    def _wait(
        self, process: subprocess.Popen[Any], interrupt_when: Callable[[], bool] | None, interrupt_by: signal.Signals
    ) -> int | None:
        """The exit status, known as soon as the program ends; None when it had to be ended."""
        end = time.monotonic() + LIMIT_S
        descriptor = os.pidfd_open(process.pid)
        try:
            while time.monotonic() < end and not self.stop.is_set():
                if select.select([descriptor], [], [], _POLL_S if interrupt_when else _STOP_POLL_S)[0]:
                    return process.wait()
                if interrupt_when is not None and interrupt_when():
                    process.send_signal(interrupt_by)
                    interrupt_when = None
        finally:
            os.close(descriptor)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None

    def operation(
        self,
        kind: str,
        outcome: Outcome,
        *,
        protocol: str,
        dst_addr: str,
        dst_port: int | None = None,
        result: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Operation:
        """The operation that `outcome` was; without `result` the exit status decides."""
        if outcome.status is None:
            result = "timeout"
        return Operation(
            kind=kind,
            host=self.lan.label,
            program=outcome.argv[0],
            command=outcome.argv,
            start_ns=outcome.start_ns,
            end_ns=outcome.end_ns,
            protocol=protocol,
            src_addr=self.address(dst_addr),
            dst_addr=dst_addr,
            dst_port=dst_port,
            exit_status=outcome.status,
            result=result or ("ok" if outcome.status == 0 else "failed"),
            facts=dict(facts or {}),
        )


def _content(file: Any) -> str:
    file.seek(0)
    return file.read()
