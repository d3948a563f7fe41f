"""Diagnostics of the running programs: more and fewer messages, by signal and by file."""

import signal

from tests.pipeline.probe_process import Probe, configure, recording, start_collector, until

INTERFACE = '<interface name="lan" capture="replay" pace="own"><file path="waiting.pcap"/></interface>'


def test_a_collector_talks_more_and_less(tmp_path):
    """Each wake-up at level debug while it is asked for; a line of the file that is wrong is told, the others count; without
    the file all is as configured."""
    recording(tmp_path / "waiting.pcap", 100, 5)
    configuration = configure(tmp_path, INTERFACE)
    diag = tmp_path / "tmon_collector.diag"
    with start_collector(tmp_path) as collector:
        collector.process.send_signal(signal.SIGUSR1)
        until(lambda: "1 of 1 steps more talkative" in collector.messages, "it heeds the signal")
        with Probe(tmp_path, configuration) as probe:
            probe.until_capturing()
            until(lambda: " DEBUG tmon_collector.collector: " in collector.messages, "it tells what it receives")
            collector.process.send_signal(signal.SIGUSR2)
            until(lambda: "0 of 1 steps more talkative" in collector.messages, "as configured")
            diag.write_text("tmon_collector.spool debug file:spool.log\ntmon_collector loud\n* critical file:missing/log\n")
            until(lambda: "rules: 1" in collector.messages, "it reads the file")
            assert "tmon_collector.diag:2: loud: expected module, level" in collector.messages
            assert "tmon_collector.diag:3: " in collector.messages
            assert (tmp_path / "spool.log").exists()
            diag.unlink()
            until(lambda: "diagnostics: as the configuration says" in collector.messages, "it notices that the file has gone")
            probe.process.terminate()
            assert 0 == probe.wait()
        collector.process.terminate()
        assert 0 == collector.wait()
        assert "Traceback" not in collector.messages
        assert "stopped; " in collector.messages
