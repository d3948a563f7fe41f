"""The engine of thresholds on simulated time: when it compares, what it takes, what it tells."""

from dataclasses import replace

import pytest

from tests.unit.collector.thresholds.make import CLASSES, HOSTS, RUN, SECOND, T0, Simulation, configuration, threshold, told
from tmon_collector.thresholds import engine, watch
from tmon_collector.thresholds.flow_map import KEPT_RUNS, PAGE
from tmon_common.config.model import Analysis, Baseline, Filter, FlowClass, GranularFlow

LOW, HIGH, BETWEEN = 60, 900, 540
"""Packets of a minute: 1, 15 and 9 a second; `threshold()` is crossed above 10, and back at 8."""


def play(simulation: Simulation, *packets: int | None, first: int = 0, **more) -> list[tuple[str, int]]:
    """An interval after the other, its row (none: None) six seconds after its end; then until all are compared."""
    for interval, count in enumerate(packets, first):
        simulation.until((interval + 1) * 60 + 6)
        if count is not None:
            simulation.packets(interval, count, **more)
    simulation.until((first + len(packets)) * 60 + 30)
    return told(simulation.events)


@pytest.fixture
def simulation():
    found = Simulation(configuration(threshold()))
    found.define((1, "web", 1), (2, "web", 2), (3, "rest", 3))
    return found


# Hysteresis


def test_inside_the_band_nothing_happens(simulation):
    """However the metric moves between limit and value to come back to."""
    assert [("crossed", 1), ("back", 7)] == play(simulation, LOW, HIGH, BETWEEN, 600, 481, HIGH, 599, 480, BETWEEN, 600)


def test_the_limit_itself_is_not_above_it(simulation):
    assert [] == play(simulation, 600, 600)


def test_below():
    """The other way round."""
    simulation = Simulation(configuration(threshold(limit=8, back=10, above=False)))
    simulation.define((1, "web", 1))
    assert [("crossed", 1), ("back", 4)] == play(simulation, HIGH, 479, 480, 599, 600, 480)


def test_as_many_intervals_in_a_row_both_ways():
    """An interval between that is not beyond begins the count anew."""
    simulation = Simulation(configuration(threshold(consecutive=3)))
    simulation.define((1, "web", 1))
    assert [("crossed", 5), ("back", 11)] == play(simulation, HIGH, HIGH, LOW, HIGH, HIGH, HIGH, LOW, LOW, BETWEEN, LOW, LOW, LOW)


def test_an_interval_without_a_value_begins_the_count_anew():
    """Of a ratio with fewer samples than asked for; what is crossed stays so."""
    simulation = Simulation(configuration(threshold("fragment_ratio", 0.1, 0.05, consecutive=2, samples=100)))
    simulation.define((1, "web", 1))
    counted = [(100, 50), (99, 99), (100, 50), (100, 50), (5, 0), (5, 0), (100, 0), (100, 0)]
    for interval, (packets, fragments) in enumerate(counted):
        simulation.until((interval + 1) * 60 + 6)
        simulation.packets(interval, packets)
        start = T0 + interval * 60 * SECOND
        simulation.take("ip_counters", {"flow": 1, "start": start, "end": start + 60 * SECOND, "fragments": fragments})
    simulation.until(600)
    assert [("crossed", 3), ("back", 7)] == told(simulation.events)


# When


def test_compared_when_the_grace_is_over(simulation):
    """Not before, as rows may still come; and without rows of a later interval."""
    simulation.until(66)
    simulation.packets(0, HIGH)
    assert [] == simulation.until(76)
    [event] = simulation.until(77)  # ten seconds after the row was looked at
    assert (T0 + 77 * SECOND, "t") == (event.time_ns, event.subject)


def test_a_row_extends_the_wait(simulation):
    """What comes of an interval puts its comparison off: more may be on the way."""
    simulation.until(69)
    simulation.packets(0, 500)
    assert [] == simulation.until(78)
    simulation.packets(0, 400, flow=2)
    assert [("crossed", 0)] == told(simulation.until(90))


def test_late_rows_are_counted_and_change_nothing(simulation):
    simulation.until(100)
    simulation.packets(0, 10 * HIGH)
    assert [] == simulation.until(300)
    assert 1 == simulation.engine.statistics.rows_late


def test_intervals_out_of_order(simulation):
    """Those of a later interval may come first."""
    simulation.until(55)
    simulation.packets(1, LOW)
    simulation.packets(0, HIGH)
    assert [("crossed", 0), ("back", 1)] == told(simulation.until(300))


def test_too_many_open_intervals(simulation):
    """Rows of a clock that is far ahead neither fill memory nor keep out those of the present."""
    for interval in range(100, 100 + watch.MAX_OPEN + 5):
        simulation.packets(interval, LOW)
    assert [("crossed", 1)] == play(simulation, LOW, HIGH)
    assert 6 == simulation.engine.statistics.rows_late  # five beyond the maximum, and one that made way


@pytest.mark.parametrize("by_s", [7200, -7200])
def test_the_wall_clock_is_set(by_s):
    """Ahead: the hours between are not taken for hours without traffic. Back: it goes on at once, not hours later."""
    simulation = Simulation(configuration(threshold(limit=1, back=2, above=False)))
    simulation.define((1, "web", 1))
    play(simulation, HIGH, HIGH)
    simulation.wall_s = by_s
    assert [] == simulation.until(178)
    for interval in range(3, 6):
        simulation.until((interval + 1) * 60 + 6)
        simulation.packets(interval + by_s // 60, HIGH)
    assert [] == simulation.events
    simulation.until(540)
    assert [("crossed", 6 + by_s // 60)] == told(simulation.events)


@pytest.mark.parametrize("time", [-(1 << 63), -1, (1 << 63) - 1])
def test_impossible_times(simulation, time):
    """Whatever a row says, nothing fails, and the others go on."""
    simulation.take("ip_counters", {"flow": 1, "start": time, "end": 0, "packets": -(1 << 63), "packets_rev": (1 << 63) - 1})
    simulation.take("ip_counters", {"flow": time, "start": T0, "end": 0})
    assert [("crossed", 1)] == play(simulation, LOW, HIGH)


def test_a_longer_interval_than_that_of_the_rows():
    """Rows are put into the interval that holds them."""
    simulation = Simulation(configuration(threshold(interval_ns=120 * SECOND)))
    simulation.define((1, "web", 1))
    offset = T0 // SECOND % 120 // 60  # T0 is in the middle of two minutes or at their beginning
    play(simulation, *([LOW] * offset), LOW, HIGH, HIGH, HIGH)
    assert ["15/s"] == [dict(e.values)["what"] for e in simulation.events]


# Nothing comes


def test_nothing_comes_from_a_probe_that_lives():
    """Then nothing is zero: a rate falls below its limit, from the first whole interval on, though there never was a row."""
    simulation = Simulation(configuration(threshold(limit=1, back=2, above=False)))
    assert [("crossed", 0)] == told(simulation.until(100))
    assert {"value": "0", "what": "0/s"} == {k: v for k, v in simulation.events[0].values if k in ("value", "what")}


def test_nothing_comes_from_a_dead_probe():
    """Then nothing is known; what was crossed stays so, and the probe's return is no low rate either."""
    simulation = Simulation(configuration(threshold(limit=1, back=2, above=False)))
    simulation.define((1, "web", 1))
    play(simulation, HIGH, HIGH)
    simulation.silent.add("p1")
    assert [] == simulation.until(1200)
    simulation.silent.clear()
    assert [] == simulation.until(1230)
    assert simulation.engine.statistics.intervals_unknown > 10
    assert [("crossed", 21)] == told(simulation.until(1400))  # the first interval after its return is 21


def test_no_rows_have_no_ratio():
    """Nor a percentile: nothing can be said."""
    simulation = Simulation(configuration(threshold("fragment_ratio", 0.5, 0.6, above=False)))
    simulation.define((1, "web", 1))
    play(simulation, HIGH)
    simulation.until(2000)
    assert [("crossed", 0)] == told(simulation.events)


def test_the_first_interval_of_a_run_is_not_whole(simulation):
    """It began before the probe: its rate is no rate. A probe that starts in the middle of interval 2."""
    simulation.define((1, "web", 1), run=RUN + 150_000)
    simulation.until(186)
    simulation.packets(2, HIGH, run=RUN + 150_000)
    simulation.until(246)
    simulation.packets(3, HIGH, run=RUN + 150_000)
    assert [("crossed", 3)] == told(simulation.until(300))


def test_all_probes_together_wait_for_each_other():
    """And a probe that was never heard is not waited for."""
    simulation = Simulation(configuration(threshold(per=()), probes=("p1", "p2", "p3")))
    simulation.silent.add("p3")
    simulation.define((1, "web", 1))
    simulation.define((7, "web", 1), probe="p2")
    simulation.until(66)
    simulation.packets(0, 500)
    simulation.until(67)
    simulation.packets(0, 500, flow=7, probe="p2")
    [event] = simulation.until(100)
    assert "class web, all probes" == dict(event.values)["series"]


# Recordings


def test_recordings_have_a_time_of_their_own():
    """Rows of long ago, as fast as they come: compared by the time that they tell, and at the pace of the clock at their end."""
    simulation = Simulation(configuration(threshold(), live=False), start_s=86_400)
    simulation.define((1, "web", 1))
    for interval, packets in enumerate((HIGH, LOW, HIGH, HIGH, LOW)):
        simulation.packets(interval, packets)
        simulation.until(simulation.now_s + 1)
    assert [] == simulation.until(86_400 + 10)
    # the first interval of a recording is not whole
    assert [("crossed", 2)] == told(simulation.until(86_400 + 30))
    # nor the last one, as far as anybody can tell
    assert [] == simulation.until(86_400 + 1000)
    assert 3 == simulation.engine.statistics.intervals_compared


def test_another_recording_may_be_of_another_time():
    """What the first one left is compared when the next one begins, as far as it is known; then its own time counts."""
    ratio = threshold("fragment_ratio", 0.5, 0.1)
    simulation = Simulation(configuration(threshold(), replace(ratio, name="r"), live=False), start_s=86_400)
    for run, shift in ((RUN, 100), (RUN + 1, 0), (RUN + 2, 0)):
        simulation.define((1, "web", 1), run=run)
        for interval, packets in enumerate((LOW, HIGH, LOW, HIGH)):
            simulation.packets(interval + shift, packets, run=run)
        start = T0 + (3 + shift) * 60 * SECOND
        simulation.take("ip_counters", {"flow": 1, "start": start, "end": start + 60 * SECOND, "fragments": HIGH}, run=run)
        simulation.until(simulation.now_s + 30)
    assert [("crossed", n) if up else ("back", n + 1) for n in (101, 1, 1) for up in (True, False)] == [
        t for t, e in zip(told(simulation.events), simulation.events, strict=True) if e.subject == "t"]
    # the interval with fragments is the last of its recording: compared when the next one begins, and over in that
    assert [("crossed", 103), ("back", 0), ("crossed", 3), ("back", 0)] == [
        t for t, e in zip(told(simulation.events), simulation.events, strict=True) if e.subject == "r"]


def test_a_recording_may_be_over_when_it_is_compared():
    """Its probe, that ran for a second, is gone by then; rows of later intervals are proof enough."""
    simulation = Simulation(configuration(threshold(), live=False), start_s=86_400)
    simulation.define((1, "web", 1))
    for interval, packets in enumerate((LOW, HIGH, LOW, LOW)):
        simulation.packets(interval, packets)
    simulation.until(86_401)
    simulation.silent.add("p1")
    simulation.until(87_000)
    assert [("crossed", 1), ("back", 2)] == told(simulation.events)


# Flows


def test_rows_wait_for_their_definition():
    """As long as it comes within the grace."""
    simulation = Simulation(configuration(threshold()))
    simulation.until(64)
    simulation.packets(0, HIGH)
    simulation.until(68)
    simulation.define((1, "web", 1))
    assert [("crossed", 0)] == told(simulation.until(100))
    assert 0 == simulation.engine.statistics.rows_undefined


def test_rows_do_not_wait_for_ever(monkeypatch):
    """Nor too many of them; what is given up is counted."""
    monkeypatch.setattr(engine, "MAX_WAITING_ROWS", 3)
    simulation = Simulation(configuration(threshold()))
    simulation.until(64)
    for flow in range(5):
        simulation.packets(0, HIGH, flow=flow)
    simulation.until(66)
    assert 2 == simulation.engine.statistics.rows_undefined
    simulation.until(66 + engine.WAIT_FACTOR * 10 + 1)
    assert 5 == simulation.engine.statistics.rows_undefined


def test_runs_do_not_mix(simulation):
    """The same number in another run is another flow."""
    simulation.define((1, "rest", 1), run=RUN + 1)
    simulation.until(66)
    simulation.packets(0, HIGH, run=RUN + 1)
    assert [] == simulation.until(100)


def test_old_runs_are_forgotten(simulation):
    """The oldest of too many: its flows take no room."""
    for run in range(1, KEPT_RUNS + 1):
        simulation.define((1, "web", 1), run=RUN + run)
    simulation.until(66)
    simulation.packets(0, HIGH)
    simulation.until(200)
    assert 1 == simulation.engine.statistics.rows_undefined


def test_a_flow_that_is_used_is_not_forgotten():
    """Room for two pages of flows: the one that nobody asked for goes, and is counted."""
    simulation = Simulation(configuration(threshold(), max_flows=2 * PAGE))
    for page in range(10):
        simulation.define((1, "web", 1), (2 + page * PAGE, "web", 1))
    simulation.until(66)
    simulation.packets(0, HIGH)
    assert [("crossed", 0)] == told(simulation.until(100))
    assert simulation.engine.statistics.flows_forgotten == 8  # one in each page but the first, which has two, and the last


def test_one_granular_flow_of_several():
    """A class that counts each packet in two kinds of flow: those of the one that the threshold names."""
    ports = GranularFlow("ports", HOSTS.fields | {"src_port", "dst_port"})
    vlans = GranularFlow("vlans", frozenset(("src_addr", "dst_addr", "vlan")))
    two = FlowClass("web", Filter(), (vlans, HOSTS), (Analysis("ip_counters"),))
    simulation = Simulation(configuration(threshold(), classes=(two,)))
    simulation.define((1, "web", 1))  # interface, addresses and protocol: hosts
    other = Simulation(configuration(threshold(flow="vlans"), classes=(two,)))
    other.define((1, "web", 1))
    assert ([("crossed", 0)], []) == (play(simulation, HIGH), play(other, HIGH))
    first = FlowClass("web", Filter(), (ports, HOSTS), (Analysis("ip_counters"),))
    with_ports = Simulation(configuration(threshold(flow="ports"), classes=(first,)))
    with_ports.define((1, "web", 1))  # of a protocol without ports: the first whose fields it has
    assert [("crossed", 0)] == play(with_ports, HIGH)


# Series


def test_series_are_bounded():
    """What is beyond the maximum is refused and counted; those that are there go on."""
    simulation = Simulation(configuration(threshold(per=("probe", "src_addr")), max_series=2))
    simulation.define(*((n, "web", n) for n in range(1, 6)))
    simulation.until(66)
    for flow in range(1, 6):
        simulation.packets(0, HIGH, flow=flow)
    names = sorted(dict(e.values)["series"].split(", ")[2] for e in simulation.until(100))
    assert ["src_addr 0.0.0.1", "src_addr 0.0.0.2"] == names
    assert 3 == simulation.engine.statistics.series_refused


def test_a_series_without_rows_is_given_up():
    """After a while, told if it was crossed; another takes its place, and it may come again."""
    simulation = Simulation(configuration(threshold("fragment_ratio", 0.1, 0.05, per=("probe", "src_addr")), max_series=1))
    simulation.define((1, "web", 1), (2, "web", 2))

    def fragments(interval: int, flow: int) -> None:
        start = T0 + interval * 60 * SECOND
        simulation.until((interval + 1) * 60 + 6)
        simulation.take("ip_counters", {"flow": flow, "start": start, "end": start + 60 * SECOND, "packets": 9, "fragments": 9})

    fragments(0, 1)
    fragments(1, 2)  # refused
    simulation.until(60 * (watch.FORGET_AFTER + 3))
    crossed, back = simulation.events
    assert ("threshold_crossed", "threshold_back") == (crossed.code, back.code)
    assert {"what": "no rows any more", "value": "", "lasted": 60 * watch.FORGET_AFTER} == {
        k: v for k, v in back.values if k in ("what", "value", "lasted")}
    fragments(70, 2)
    fragments(71, 1)  # refused
    simulation.until(5000)
    [event] = simulation.events[2:]
    assert "src_addr 0.0.0.2" in event.text


# Baselines


@pytest.mark.parametrize("kind", ["median", "ewma"])
def test_a_baseline_adapts(kind):
    """Nothing before there is a history; a jump crosses; as it lasts it becomes usual, and the series comes back by itself."""
    simulation = Simulation(configuration(threshold(limit=2, back=1.5, baseline=Baseline(kind, 5, 4))))
    simulation.define((1, "web", 1))
    [crossed, back] = play(simulation, 60, 600, 60, 60, 60, 61, *[600] * 10)
    assert ("crossed", 6) == crossed
    assert ("back" == back[0], 7 < back[1] < 16) == (True, True)
    values = dict(simulation.events[0].values)
    assert float(values["limit_value"]) == pytest.approx(2 * float(values["baseline"]))
    assert "2 times the usual" in simulation.events[0].text


def test_at_least():
    """Three times next to nothing is nothing to tell; and what was crossed is over when it is below that again."""
    simulation = Simulation(configuration(threshold(limit=3, back=1.5, baseline=Baseline("median", 20, 1), at_least=100)))
    simulation.define((1, "web", 1))
    assert [("crossed", 3), ("back", 5)] == play(simulation, 6, 6, 600, 60_000, 60 * 51, 60 * 50)


# Restart


def test_a_crossing_is_told_once_over_restarts():
    """And the return is told, with its whole length; counts and baselines go on."""
    simulation = Simulation(configuration(threshold()))
    simulation.define((1, "web", 1))
    assert [("crossed", 1)] == play(simulation, LOW, HIGH)
    again = simulation.restarted()
    again.define((1, "web", 1))
    assert [("back", 6)] == play(again, HIGH, HIGH, HIGH, LOW, first=3)
    assert 300 == dict(again.events[0].values)["lasted"]


@pytest.mark.parametrize("kind", ["median", "ewma"])
def test_what_is_usual_outlives_a_restart(kind):
    per = ("probe", "interface", "src_addr", "protocol")
    simulation = Simulation(configuration(threshold(limit=2, back=1.5, baseline=Baseline(kind, 3, 2), per=per)))
    simulation.define((1, "web", 0xC0000201))
    play(simulation, 60, 60, 60, 60)
    again = simulation.restarted()
    again.define((1, "web", 0xC0000201))
    assert [("crossed", 6)] == play(again, 60, 600, first=5)
    assert "probe p1, interface lan, src_addr 192.0.2.1, protocol 6" in again.events[0].text


def test_a_state_of_another_threshold_is_left_out():
    """Of the same name, about something else. A changed limit is the same threshold still."""
    simulation = Simulation(configuration(threshold()))
    simulation.define((1, "web", 1))
    play(simulation, HIGH)
    for other, expected in ((threshold("octet_rate"), {}), (threshold(limit=50), simulation.engine.state())):
        restarted = Simulation(configuration(other), start_s=100)
        restarted.engine.restore(simulation.engine.state())
        assert expected == restarted.engine.state()


def test_after_a_restart_a_part_is_not_taken_for_the_whole():
    """Of the interval in which a collector starts, some rows may have come before."""
    simulation = Simulation(configuration(threshold(limit=8, back=10, above=False)), start_s=30)
    simulation.define((1, "web", 1))
    assert [("crossed", 1)] == play(simulation, LOW, LOW)


# Metrics of other kinds


def test_records_are_put_into_intervals_by_their_time():
    """DNS transactions: unanswered, failed, slow; connections: interim rows are left out."""
    classes = (FlowClass("web", Filter(), (HOSTS,), (Analysis("dns_transaction"), Analysis("tcp_connection"))),)

    def value(metric: str, kind: str, *rows: dict, **more) -> float:
        simulation = Simulation(configuration(threshold(metric, 0, 0, **more), classes=classes))
        simulation.define((1, "web", 1))
        simulation.until(66)
        simulation.take(kind, *({"flow": 1, "time" if kind[0] == "d" else "end": T0 + 30 * SECOND, **row} for row in rows))
        [event] = simulation.until(100)
        return float(dict(event.values)["value"])

    queries = [{"rcode": "NOERROR", "latency": 5_000_000}, {"rcode": "SERVFAIL", "latency": 7_000_000}, {}, {"rcode": "NXDOMAIN",
               "latency": 9_000_000}]
    assert 0.25 == value("dns_unanswered_ratio", "dns_transaction", *queries)
    assert 0.25 == value("dns_failure_ratio", "dns_transaction", *queries)
    assert 0.007 == pytest.approx(value("dns_latency", "dns_transaction", *queries, percentile=50.0), rel=0.02)
    sent = {"data_segments": 30, "data_segments_rev": 10, "retransmitted_segments": 1, "retransmitted_segments_rev": 3}
    assert 0.1 == value("tcp_retransmission_ratio", "tcp_connection", {**sent, "ended_by": "fin"}, {**sent, "data_segments": 999,
                        "ended_by": "interim"}, {"ended_by": "rst"})


def test_severity_and_collector():
    """The event is as severe as the threshold says; probes that publish elsewhere do not count."""
    simulation = Simulation(configuration(threshold(severity="error")))
    simulation.define((1, "web", 1))
    play(simulation, HIGH, LOW)
    assert ["error", "info"] == [e.severity.value for e in simulation.events]
    elsewhere = engine.ThresholdEngine(configuration(threshold(per=())), "another", T0)
    assert [] == elsewhere.tick(0, T0, {})
    assert CLASSES[0].name == "web"


def test_counts_that_no_probe_has_seen():
    """Whatever rows hold, a percentile of them is found; sums beyond what a float64 tells apart, or an int64 holds."""
    simulation = Simulation(configuration(threshold("round_trip", 0.1, 0.09, service="dns", percentile=100.0)))
    simulation.define((1, "web", 1))
    for n in range(1000):
        row = {"flow": 1, "start": T0, "end": T0 + 60 * SECOND, "metric": "dns", "bucket": 900 + n % 2}
        simulation.take("round_trip_bucket", *[{**row, "count": (1 << 62) + 2 * n + 1}] * 100)
    simulation.until(90)
    assert [("crossed", 0)] == told(simulation.events)


def test_many_rows_at_once_after_a_silence():
    """They come before the next tick, and are not all: what was observed meanwhile is unknown, not little."""
    simulation = Simulation(configuration(threshold(limit=8, back=10, above=False)))
    simulation.define((1, "web", 1))
    assert [] == play(simulation, HIGH, HIGH)
    simulation.silent = {"p1"}
    simulation.until(200)
    simulation.silent = set()
    for _ in range(engine.BATCH_ROWS):
        simulation.packets(2, 0)
    assert [] == simulation.until(260)


def test_a_run_whose_clock_is_behind():
    """The runs heard last are known, whatever their numbers: a machine may start without knowing the time."""
    simulation = Simulation(configuration(threshold()))
    for run in range(RUN, RUN + KEPT_RUNS):
        simulation.define((1, "rest", 1), run=run)
    simulation.define((1, "web", 1), run=5)
    assert [("crossed", 1)] == play(simulation, LOW, HIGH, run=5)
