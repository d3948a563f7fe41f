"""Which rule counts for which table, and what moment follows from it."""

from datetime import datetime

import pytest

from tmon_common.config.store_model import DAY_NS, Retention
from tmon_common.observations import KINDS
from tmon_store.retention import ageing, keep_ns, last_kept, limit, referring, table_of
from tmon_store.schema import Field, Storage, Table

RULES = (Retention("", "", 1), Retention("", "1h", 2), Retention("event", "", 3), Retention("ip_counters", "", 4),
         Retention("ip_counters", "1h", 5), Retention("ip_counters", "1h", 6))


@pytest.mark.parametrize(("kind", "granularity", "expected"), [
    ("ip_counters", "1h", 5), ("ip_counters", "1min", 4), ("ip_counters", "1day", 4), ("tcp_counters", "1h", 2),
    ("tcp_counters", "1min", 1), ("event", "record", 3), ("round_trip", "record", 1), ("volume", "1h", 2),
])
def test_the_most_specific_rule_counts(kind, granularity, expected):
    """Kind and granularity before kind before granularity before neither, in whatever order they are written."""
    assert expected == keep_ns(RULES, kind, granularity)
    assert expected in (5, 6) if expected == 5 else expected == keep_ns(RULES[::-1], kind, granularity)


def test_without_a_rule_rows_stay():
    """For ever."""
    assert keep_ns((), "event", "record") is None
    assert keep_ns((Retention("event", "", 1), Retention("", "1h", 1)), "ip_counters", "1min") is None


def test_every_table_with_a_time_ages():
    """Rollups at each granularity, records, volumes; definitions do not. Those about flows tell how they refer to them."""
    found = {(t.kind, t.granularity): t for t in ageing(KINDS.values()) if t.name != "ftp_data_flow"}
    assert {"1min", "1h", "1day"} == {g for k, g in found if k == "ip_counters"}
    assert {"record"} == {g for k, g in found if k == "event"} == {g for k, g in found if k == "ftp_transfer"}
    assert {"1h", "1day"} == {g for k, g in found if k == "volume"}
    assert not {"flow_definition", "histogram_definition", "one_way_gap"} & {k for k, _ in found}
    assert all(table_of(t.what).time for t in found.values())
    assert ((), ("flow_key",)) == (found["event", "record"].flow_keys, found["tcp_counters", "1h"].flow_keys)


def test_midnight_or_the_first_of_the_month():
    """Never later than the moment itself; nothing before 1970."""
    day, month = (Table("t", (Field("start", Storage.TIME),), (), "start", span) for span in ("day", "month"))
    now_ns = 1_700_000_040_123_456_789  # 2023-11-14 22:14
    assert datetime(2023, 11, 14) == limit(day, 0, now_ns)  # noqa: DTZ001
    assert datetime(2023, 11, 4) == limit(day, 10 * DAY_NS, now_ns)  # noqa: DTZ001
    assert datetime(2023, 10, 1) == limit(month, 20 * DAY_NS, now_ns)  # noqa: DTZ001
    assert datetime(1970, 1, 1) == limit(day, 100_000 * DAY_NS, now_ns)  # noqa: DTZ001


def test_tables_that_refer_to_all_flows():
    """The coarsest suffices where it stays longest; else others count, too."""
    tables = [t for t in ageing([KINDS["ip_counters"], KINDS["tcp_connection"], KINDS["event"]]) if t.kind != "volume"]

    def names(minute, hour, day):
        kept = {"ip_counters_1min": minute, "ip_counters_1h": hour, "ip_counters_1day": day, "tcp_connection": 1, "event": 1}
        found = referring([t for t in tables if t.name in kept], kept)
        return [t.name.removeprefix("ip_counters_") for t in found if t.kind == "ip_counters"]

    assert ["1day"] == names(1, 2, 3) == names(1, 1, 1) == names(None, None, None) == names(1, 2, None)
    assert ["1min", "1h", "1day"] == names(3, 2, 1)
    assert ["1min", "1day"] == names(None, 1, 2)
    assert ["1h", "1day"] == names(1, 3, 2)
    assert "tcp_connection" in [t.name for t in referring(tables, dict.fromkeys((t.name for t in tables), 1))]
    assert "event" not in [t.name for t in referring(tables, dict.fromkeys((t.name for t in tables), 1))]


def test_when_nothing_is_left_of_a_kind():
    """After the longest of its tables; never if one stays for ever; definitions with the last of all."""
    kinds = [KINDS[n] for n in ("ip_counters", "event", "flow_definition")]
    tables = [t for t in ageing(kinds) if t.kind != "volume"]
    kept = {"ip_counters_1min": 1, "ip_counters_1h": 9, "ip_counters_1day": 2, "event": 3}
    assert {"ip_counters": 9, "event": 3, "flow_definition": 9} == last_kept(tables, kinds, kept)
    assert {"event": 3} == last_kept(tables, kinds, kept | {"ip_counters_1day": None})
