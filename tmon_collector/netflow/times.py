"""When flows began and ended, from the several ways to tell it. Everything int64 ms since 1970-01-01 UTC."""

from __future__ import annotations

import numpy as np

from tmon_collector.netflow.layout import Layout

_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970 (RFC 7011 section 6.1.9)
_MASK = 0xFFFF_FFFF
UNKNOWN_UPTIME = -1


def start_and_end(flows: Layout, export_ms: np.ndarray, uptime_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(start_ms, end_ms, told) of records, all (n,).

    export_ms   when each was sent, by its exporter's clock
    uptime_ms   for how long the exporter ran then, modulo 2^32; UNKNOWN_UPTIME
    told        bool: False: the record tells neither end in a way that can be understood; both are export_ms then
    """
    start, end = (_one_end(flows, which, export_ms, uptime_ms) for which in ("start", "end"))
    duration = _duration(flows)
    if start is None and end is None:
        return export_ms.copy(), export_ms.copy(), np.zeros(flows.rows, bool)
    if end is None:
        end = start[0] + duration, start[1]
    elif start is None:
        start = end[0] - duration, end[1]
    told = start[1] & end[1]
    return np.where(told, start[0], export_ms), np.where(told, end[0], export_ms), told


def uptime_times(values: np.ndarray, export_ms: np.ndarray, uptime_ms: np.ndarray) -> np.ndarray:
    """Times of events that are told as uptime (ms, modulo 2^32): at most 24 days before or after the export."""
    before = (uptime_ms - values.astype(np.int64)) & _MASK
    return export_ms - np.where(before > _MASK >> 1, before - (_MASK + 1), before)


def _one_end(flows: Layout, which: str, export_ms: np.ndarray, uptime_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """(times, which of them are known), or None if no field tells."""
    all_known = np.ones(flows.rows, bool)
    for unit in ("ns", "us"):
        if f"{which}_{unit}_ntp" in flows:
            return _ntp_ms(flows.numbers(f"{which}_{unit}_ntp")), all_known
    if f"{which}_ms" in flows:
        ms = flows.numbers(f"{which}_ms")
        return np.minimum(ms, 1 << 52).astype(np.int64), all_known
    if f"{which}_s" in flows:
        return np.minimum(flows.numbers(f"{which}_s"), 1 << 42).astype(np.int64) * 1000, all_known
    if f"{which}_before_us" in flows:
        return export_ms - np.minimum(flows.numbers(f"{which}_before_us"), 1 << 52).astype(np.int64) // 1000, all_known
    if f"{which}_uptime" in flows:
        if "init_ms" in flows:
            init = np.minimum(flows.numbers("init_ms"), 1 << 52).astype(np.int64)
            uptime_ms = np.where(init > 0, (export_ms - init) & _MASK, uptime_ms)
        return uptime_times(flows.numbers(f"{which}_uptime"), export_ms, uptime_ms), uptime_ms != UNKNOWN_UPTIME
    return None


def _duration(flows: Layout) -> np.ndarray:
    for name, per_ms in (("duration_ms", 1), ("duration_us", 1000)):
        if name in flows:
            return np.minimum(flows.numbers(name), 1 << 42).astype(np.int64) // per_ms
    return np.zeros(flows.rows, np.int64)


def _ntp_ms(stamps: np.ndarray) -> np.ndarray:
    """Of NTP timestamps, 32 bits of seconds since 1900 and 32 of their fraction; from 2036 on they begin anew."""
    seconds = (stamps >> np.uint64(32)).astype(np.int64)
    seconds += np.where(seconds < _NTP_EPOCH_S, 1 << 32, 0)
    fraction = (stamps & np.uint64(_MASK)).astype(np.int64)
    return (seconds - _NTP_EPOCH_S) * 1000 + (fraction * 1000 >> 32)
