"""The scheduled switch of the configuration, by programs that share it."""

import os
import signal
import subprocess
import time

import pytest

from tests.pipeline.probe_process import START_LIMIT_S, Probe, Program, configure, recording, rows, until
from tests.pipeline.switch_site import PACKETS, PROBES, Site, now, zombies

INTERFACE = '<interface name="lan" capture="replay" pace="own"><file path="waiting.pcap"/></interface>'


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path) as site:
        site.until_all_seen()
        yield site


def test_all_switch_at_the_same_moment_and_again(site):
    """The same processes go on with the new version; all that was measured before is in the files; events tell it."""
    start = now() + 8
    site.put(site.version("second", start))
    site.collector.process.send_signal(signal.SIGHUP)
    site.until_told("is valid and takes force at 20")
    assert site.next.exists()
    site.until_told("started with configuration")
    assert start <= now()
    assert not site.next.exists()
    site.until_all_seen()
    assert all([] == zombies(p) for p in site.programs)

    site.put(site.version("third"))
    site.until_told("is valid and takes force at once")
    site.until_told("started with configuration", 2)
    site.until_all_seen()
    site.stop()

    for probe in PROBES:
        assert [PACKETS] * 3 == site.packets_by_run(probe)
        stopped = site.events("probe_stopped", probe)
        assert ["configuration switch", "configuration switch", "asked to"] == [e["text"].split(": ")[-1] for e in stopped]
        assert start <= float(stopped[0]["time"]) < start + 2
        assert 2 == len(site.events("configuration_scheduled", probe)) == len(site.events("configuration_switched", probe))
    assert [1, 1] == [len(site.events(f"configuration_{what}", "collector")) // 2 for what in ("scheduled", "switched")]
    assert {"first", "second", "third"} == {r["flow_class"] for r in rows(site.directory, "flow_definition")}


def test_what_is_refused_changes_nothing(site):
    """A wrong file and one without this probe are told, once, with the reason; the others go on to be measured."""
    site.put("<trafmon>")
    site.until_told("is refused: line 1: this is not well-formed XML")
    site.put(site.version("second").replace('kind="ip_counters"', 'kind="nonsense"'))
    site.until_told('is refused: line 7: kind="nonsense"')
    site.put(site.version("second", now() + 3600, probes=("west",)))
    site.until_told('is refused: there is no probe "east"; expected one of: west', programs=[site.probes["east"]])
    site.until_told("is valid and takes force at", programs=[site.collector, site.probes["west"]])
    site.next.unlink()
    site.until_told("does not take force", programs=[site.collector, site.probes["west"]])
    assert all(2 <= p.messages.count("is refused") <= 3 for p in site.programs)
    site.stop()
    assert [PACKETS] == site.packets_by_run("east")
    assert [3, 2] == [len(site.events("configuration_refused", p)) for p in PROBES]


def test_a_collector_that_is_away_for_a_while(site):
    """Longer than a probe that is told to stop would wait: what was measured before the switch arrives all the same."""
    os.kill(site.collector.process.pid, signal.SIGSTOP)
    site.put(site.version("second"))
    probes = list(site.probes.values())
    site.until_told("stopped: configuration switch", programs=probes)
    since = time.monotonic()
    until(lambda: time.monotonic() - since > 7, "a while", 10)
    os.kill(site.collector.process.pid, signal.SIGCONT)
    site.until_told("started with configuration")
    site.until_all_seen()
    site.stop()
    assert [[PACKETS] * 2] * 2 == [site.packets_by_run(p) for p in PROBES]


def test_a_signal_to_stop_counts_more_than_a_switch(site):
    """While a probe delivers before it starts anew, and while a collector waits for the last: they end for good."""
    os.kill(site.collector.process.pid, signal.SIGSTOP)
    site.put(site.version("second"))
    east = site.probes["east"]
    site.until_told("stopped: configuration switch", programs=[east])
    east.process.terminate()
    assert east.wait() in {0, 1}
    until(lambda: not east.relatives(), "nothing is left of it", 3)
    assert "started with configuration" not in east.messages
    site.collector.process.terminate()
    os.kill(site.collector.process.pid, signal.SIGCONT)
    assert 0 == site.collector.wait()
    assert "started with configuration" not in site.collector.messages


def test_a_directory_that_cannot_be_written(tmp_path):
    """Told; everything goes on, nobody starts anew."""
    made = ["unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"']
    if os.geteuid() != 0 or subprocess.run([*made, str(tmp_path)], capture_output=True, check=False).returncode:
        pytest.skip("needs root, and a kernel that lets it have mounts of its own")
    recording(tmp_path / "waiting.pcap", PACKETS, 3)
    conf = tmp_path / "conf"
    conf.mkdir()
    configuration = configure(conf, INTERFACE.replace("waiting", "../waiting"))
    read_only = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                 'mount --bind conf conf && mount -o remount,ro,bind conf && exec "$@"', "sh"]
    with Probe(tmp_path, configuration, "-c", "conf/tmon.xml", command=lambda argv: [*read_only, *argv]) as probe:
        until(lambda: "probe probe: started" in probe.messages, "it has started", START_LIMIT_S)
        (conf / "tmon-new.xml").write_bytes((conf / "tmon.xml").read_bytes())
        until(lambda: "is refused: it cannot take the place of conf/tmon.xml: the file system is read-only" in probe.messages,
              "it is told")
        assert probe.process.poll() is None
        assert "stopped" not in probe.messages
        probe.process.terminate()
        probe.wait()
        assert 1 == probe.messages.count("is refused")


def test_without_a_collector_it_starts_anew_all_the_same(tmp_path):
    """When its patience is over: what could not be delivered is told."""
    recording(tmp_path / "waiting.pcap", PACKETS, 3)
    configure(tmp_path, INTERFACE)
    (tmp_path / "impatient.py").write_text(
        "import sys\n"
        "from tmon_probe import processes\n"
        "from tmon_probe.__main__ import main\n"
        "processes.SWITCH_PATIENCE_S = 1.0\n"
        "sys.exit(main(['-l']))\n")
    with Program("impatient", tmp_path) as probe:
        until(lambda: "probe probe: started" in probe.messages, "it has started", START_LIMIT_S)
        (tmp_path / "tmon-new.xml").write_bytes((tmp_path / "tmon.xml").read_bytes())
        until(lambda: "started with configuration" in probe.messages, "it has switched", START_LIMIT_S)
        assert "PDUs not acknowledged" in probe.messages
        assert probe.process.poll() is None
        probe.process.terminate()
        assert 1 == probe.wait()
