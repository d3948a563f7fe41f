"""What the programs make is for their user, and its group to read; whatever the umask is."""

import os
import stat
from pathlib import Path

from tests.pipeline.probe_process import Probe, configure, recording, start_collector, until
from tmon_common.diagnostics.logs import open_log
from tmon_probe.father.capture.offload.originals import Originals

INTERFACE = '<interface name="lan" capture="replay" pace="own"><file path="waiting.pcap"/></interface>'


def too_open(paths) -> dict[str, str]:
    """Those that others may read, or the group may write; into directories everybody may look."""
    modes = {p: p.stat().st_mode for p in paths}
    return {str(p): oct(mode) for p, mode in modes.items() if mode & (0o022 if stat.S_ISDIR(mode) else 0o027)}


def test_files_and_shared_memory(tmp_path):
    """Logs, spool, journal, statistics, board of events."""
    recording(tmp_path / "waiting.pcap", 50, 1)
    configuration = configure(tmp_path, INTERFACE)
    text = (tmp_path / "tmon.xml").read_text()
    (tmp_path / "tmon.xml").write_text(text.replace('<diagnostics level="info"/>', f"""<diagnostics level="info">
      <module name="tmon_probe" level="info" destination="file:{tmp_path}/probe.log"/>
      <module name="tmon_collector" level="info" destination="file:{tmp_path}/collector.log"/></diagnostics>"""))
    before = {*tmp_path.iterdir()}
    umask = os.umask(0)
    try:
        with start_collector(tmp_path) as collector, Probe(tmp_path, configuration) as probe:
            until(lambda: probe.capturing() and probe.numbers()["pdus_acknowledged"], "something is written")
            segments = [probe.segment.parent / name for name in probe.segments()]
            made = [p for p in tmp_path.rglob("*") if p not in before and p.suffix != ".messages"]
            assert {"probe.log", "collector.log"} <= {p.name for p in made}
            assert any(p.name.endswith(".part") for p in made)
            assert len(segments) == 2
            assert too_open([*made, *segments]) == {}
            for program in (probe, collector):
                program.process.terminate()
                assert program.wait() == 0, program.messages
    finally:
        os.umask(umask)
    assert too_open(p for p in (tmp_path / "spool").iterdir()) == {}


def test_what_is_remembered_of_offloads(tmp_path):
    """Nobody else reads or writes there: it says what is to be switched on, by whoever is last."""
    umask = os.umask(0)
    try:
        originals = Originals(tmp_path / "run" / "offloads")
        held = originals.hold(1, "lo", frozenset)
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "run", tmp_path / "run" / "offloads", held.path)}
        originals.leave(held, lambda _: True)
        originals.close()
    finally:
        os.umask(umask)
    assert modes == {"run": 0o755, "offloads": 0o700, held.path.name: 0o600}


def test_a_log_that_is_there_stays_as_it_is(tmp_path):
    """An administrator may have opened it to others."""
    log = Path(tmp_path, "x.log")
    log.touch()
    log.chmod(0o664)
    open_log(log).close()
    assert stat.S_IMODE(log.stat().st_mode) == 0o664
