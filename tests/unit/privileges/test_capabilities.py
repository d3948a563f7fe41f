"""What a process has after `keep`, by the words of the system; in processes of their own, for there is no way back."""

import os
import subprocess
import sys
import textwrap

import pytest

from tests.conftest import REPOSITORY

NET_RAW, SYS_ADMIN = 13, 21
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes capabilities to give up")


def told(program: str) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS")}
    made = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False,
                          env=environment | {"PYTHONPATH": str(REPOSITORY)})
    assert made.stderr == ""
    return made.stdout.split()


@pytest.mark.parametrize("kept", [(), (NET_RAW,)])
def test_only_what_is_kept(kept):
    """In effect and permitted, in no other set; a program that root starts gets nothing, though it is root."""
    mask = f"{sum(1 << n for n in kept):016x}"
    nothing = "0" * 16
    assert told(f"""
        import subprocess
        from tmon_probe.privileges.capabilities import keep
        keep({kept!r})
        for read in (lambda: open("/proc/self/status").read(),
                     lambda: subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True).stdout):
            lines = dict(line.split(":", 1) for line in read().splitlines())
            print(*(lines[n].strip() for n in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs")))
        """) == [nothing, mask, mask, nothing, nothing, "1", *[nothing] * 5, "1"]


def test_what_was_given_up_does_not_come_back():
    """Nothing that is not there can be kept."""
    assert told(f"""
        from tmon_probe.privileges.capabilities import keep, permitted
        keep([{NET_RAW}])
        keep([{NET_RAW}, {SYS_ADMIN}])
        print(*permitted())
        """) == [str(NET_RAW)]


def test_a_thread_that_was_there_before():
    """It keeps what it has, and is found; this thread, and those that come, are not."""
    before, after, ended = told("""
        import threading
        from tmon_probe.privileges.capabilities import keep, threads_with_any
        end, ends = threading.Event(), [threading.Event() for _ in range(2)]
        early = threading.Thread(target=end.wait)
        early.start()
        keep([])
        late = threading.Thread(target=ends[0].wait)
        late.start()
        print(threads_with_any() == [early.native_id])
        end.set(); early.join()
        print(threads_with_any() == [])
        ends[0].set(); late.join()
        keep([])
        print(threads_with_any() == [])
        """)
    assert (before, after, ended) == ("True",) * 3


def test_the_probe_starts_no_thread_before():
    """Numpy's are there when it is loaded, unless it is told not to."""
    assert told("""
        import os
        import tmon_probe.privileges.giving_up, tmon_probe.__main__
        from numpy import linalg
        print(len(os.listdir("/proc/self/task")))
        """) == ["1"]


def test_the_keeper_cannot_be_taken_over():
    """By a process of the same user that has nothing: it gets what it asks for, but cannot look into the keeper's memory."""
    assert told(f"""
        import socket
        from tmon_probe.privileges.capabilities import keep
        from tmon_probe.privileges.kept import Kept
        keeper = Kept.start([{NET_RAW}])
        keep([])
        try:
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except PermissionError:
            print("refused")
        with keeper.packet_socket() as given:
            print(given.family == socket.AF_PACKET)
        try:
            open(f"/proc/{{keeper.pid}}/mem", "rb")
        except PermissionError:
            print("refused")
        keeper.close()
        """) == ["refused", "True", "refused"]
