"""Every packet that was followed, into one CSV file, in order of time. DuckDB sorts, on the disk where memory is short."""

# ruff: noqa: S608  no part of a statement comes from outside; the number of hops is an integer

from __future__ import annotations

import re
from pathlib import Path

from tmon_store.errors import StoreError

MEMORY = "1GiB"
"""For sorting; beyond that, files beside the database are used."""
_FLOW = ("src_addr", "dst_addr", "protocol", "src_port", "dst_port")


def write_packets(database: Path, file: Path, hops: int) -> int:
    """A row for every one_way_packet; gives how many. StoreError if that cannot be.

    Columns: those of the flow, octets, time_1 ... of each hop, one_way_delay, verdict, lost_after. Times are epoch seconds, delays
    seconds, with nine decimals; what is not known is empty.
    """
    import duckdb

    times = ", ".join(f"{_seconds(f'epoch_ns(p.time_at_{n:02d})')} AS time_{n}" for n in range(1, hops + 1))
    flow = ", ".join(f"f.{name}" for name in _FLOW)
    question = (f"SELECT {flow}, p.octets, {times}, {_seconds('p.one_way_delay')} AS one_way_delay, p.verdict, p.lost_after"
                f" FROM one_way_packet p JOIN flow f ON f.flow_key = p.flow_key ORDER BY p.time, {flow}, p.signature")
    try:
        with duckdb.connect(database, read_only=True) as store:
            store.execute(f"SET memory_limit = '{MEMORY}'; SET enable_progress_bar = false")
            return store.execute(f"COPY ({question}) TO $file (FORMAT csv, HEADER, DELIMITER ',')",
                                 {"file": str(file)}).fetchall()[0][0]
    except duckdb.Error as error:
        message = f"{file}: cannot be written: {_reason(str(error))}"
        raise StoreError(message) from error


def _reason(text: str) -> str:
    """Of what DuckDB says of an error: the words of the operating system, if there are any."""
    within = re.search(r': ([^":]+)","errno"', text)
    return within[1] if within else text.splitlines()[0]


def _seconds(ns: str) -> str:
    """SQL for whole ns as seconds with nine decimals."""
    fraction = f"lpad((abs({ns}) % 1000000000)::VARCHAR, 9, '0')"
    return f"CASE WHEN {ns} < 0 THEN '-' ELSE '' END || (abs({ns}) // 1000000000)::VARCHAR || '.' || {fraction}"
