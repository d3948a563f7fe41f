"""A program that starts itself anew: the same process, nothing of before."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from tests.conftest import REPOSITORY
from tmon_common.restart import VARIABLE, changed

PROGRAM = textwrap.dedent("""
    import json, os, signal, sys
    from tmon_common.restart import Launch

    launch = Launch()
    signals = {n: str(signal.getsignal(n)) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)}
    print(json.dumps([os.getpid(), sys.argv[1:], sys.flags.dev_mode, launch.previous, sorted(os.sched_getaffinity(0)),
                      sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), sorted(map(int, os.listdir("/proc/self/fd"))),
                      os.environ.get("TRAFMON_SWITCHED"), open("/proc/self/task/%d/children" % os.getpid()).read()]), flush=True)
    if launch.previous:
        sys.exit(0)
    from multiprocessing import shared_memory
    memory = shared_memory.SharedMemory(create=True, size=100)
    memory.close()
    memory.unlink()
    opened, pipe, directory = open(sys.argv[0]), os.pipe(), os.open(".", os.O_RDONLY)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, print)
    if "--stop" in sys.argv:
        os.kill(os.getpid(), signal.SIGTERM)
    sys.exit(launch.restart("0123", lambda: bool(stopped), {"--ready-fd": None, "--port": "4711"}) + 40)
""")


def run(tmp_path, *arguments: str, environment: dict[str, str] | None = None) -> tuple[int, list]:
    """Exit status, and what each start of the program told."""
    (tmp_path / "program.py").write_text(PROGRAM)
    made = subprocess.run([sys.executable, "-X", "dev", "program.py", *arguments], cwd=tmp_path, capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | (environment or {}), check=False)
    assert "Traceback" not in made.stderr
    return made.returncode, [json.loads(line) for line in made.stdout.splitlines()]


def test_the_same_process_with_nothing_of_before(tmp_path):
    """Process id, options of Python and arguments (but those that are to change), CPUs, signal mask and descriptors are the same;
    no child is left as a zombie; the next program knows what it comes from, and those that it starts do not."""
    status, (first, second) = run(tmp_path, "-l", "--port", "0", "--ready-fd=7", "name")
    assert 0 == status
    pid, _, dev, previous, *others = first
    assert (pid, ["-l", "--port=4711", "name"], dev, "0123") == tuple(second[:4])
    assert "" == previous
    assert others == second[4:]
    assert None is second[7]
    assert "" == second[8]


def test_a_signal_to_stop_counts(tmp_path):
    """Also when it comes after everything is closed."""
    status, told = run(tmp_path, "--stop")
    assert 40 == status
    assert 1 == len(told)


def test_who_inherits_the_variable_did_not_come_by_a_switch(tmp_path):
    """Only the process itself did."""
    _, (first, _) = run(tmp_path, environment={VARIABLE: "1:beef"})
    assert "" == first[3]


def test_a_start_after_a_switch_ends_by_a_signal_sent_before(tmp_path):
    """Blocked while the program was exchanged, it is pending then."""
    code = ("import os, signal, sys\n"
            "if len(sys.argv) == 1:\n"
            "    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
            "    os.kill(os.getpid(), signal.SIGTERM)\n"
            "    os.environ['TRAFMON_SWITCHED'] = f'{os.getpid()}:beef'\n"
            "    os.execv(sys.executable, [sys.executable, sys.argv[0], 'again'])\n"
            "from tmon_probe.__main__ import main\n"
            "sys.exit(main(['-l']))\n")
    (tmp_path / "program.py").write_text(code)
    made = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
                          capture_output=True, check=False)
    assert 130 == made.returncode


@pytest.mark.parametrize(("arguments", "expected"), [
    ([], []),
    (["-l", "--ready-fd", "7", "name"], ["-l", "name"]),
    (["--ready-fd=7", "--port=0"], ["--port=5"]),
    (["--port", "0", "-c", "FILE"], ["--port=5", "-c", "FILE"]),
    (["-l", "--", "--port", "0"], ["-l", "--", "--port", "0"]),
    (["--ready-fd"], []),
])
def test_options_are_changed(arguments, expected):
    assert expected == changed(arguments, {"--ready-fd": None, "--port": "5"})


def test_control_signals_do_not_kill_who_is_starting(tmp_path):
    code = ("import os, signal; from tmon_common.restart import Launch, CONTROL_SIGNALS; Launch()\n"
            "for n in CONTROL_SIGNALS: os.kill(os.getpid(), n)")
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(REPOSITORY)})


HANDING = textwrap.dedent("""
    import os, sys
    from tmon_common.restart import Handed, Launch

    launch = Launch()
    if launch.previous:
        descriptor = int(os.environ["TRAFMON_TEST"])
        print(os.read(descriptor, 100).decode(), len(os.listdir("/proc/self/fd")))
        sys.exit(0)
    print(len(os.listdir("/proc/self/fd")), flush=True)
    (reader, writer), _others = os.pipe(), os.pipe()
    os.write(writer, b"over")
    launch.restart("0123", lambda: False, handed=Handed({"TRAFMON_TEST": str(reader)}, (reader,)))
""")


def test_what_is_handed_over(tmp_path):
    """A descriptor and a variable; of all other descriptors none."""
    (tmp_path / "program.py").write_text(HANDING)
    made = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, check=False)
    before, after = made.stdout.splitlines()
    assert after == f"over {int(before) + 1}"
    assert made.stderr == ""
