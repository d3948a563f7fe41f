"""How rows say which flow they are about: by a number and a table of flows, or by the description itself in every row.

The same rows of `ip_counters` in both forms, on DuckDB and MariaDB: what they take, how fast they load, how fast ten questions are.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import mysql.connector
import polars as pl

from benchmarks import circumstances
from benchmarks.store.mariadb_server import Server, server
from benchmarks.store.rows import frames
from benchmarks.store.site import Site

LOAD_MINUTES = 10
DESCRIPTION = ("probe", "run", "flow_class", "interface", "src_addr", "dst_addr", "protocol", "src_port", "dst_port")
TEXT_KEY = ("start", "probe", "run", "flow_class", "src_addr", "dst_addr", "protocol", "dst_port")
VALUES = ("packets", "packets_rev", "octets", "octets_rev")
QUESTIONS = {
    "octets by class": "SELECT {f}.probe, {f}.flow_class, sum(octets), sum(octets_rev) {from} GROUP BY 1, 2",
    "by protocol": "SELECT {f}.protocol, sum(packets), sum(octets + octets_rev) {from} GROUP BY 1",
    "services": "SELECT {f}.protocol, {f}.dst_port, sum(octets + octets_rev) o {from} GROUP BY 1, 2 ORDER BY o DESC LIMIT 10",
    "top sources": "SELECT {f}.src_addr, sum(octets + octets_rev) o {from} GROUP BY 1 ORDER BY o DESC LIMIT 10",
    "top destinations": "SELECT {f}.dst_addr, sum(octets + octets_rev) o {from} GROUP BY 1 ORDER BY o DESC LIMIT 10",
    "top conversations": "SELECT {f}.src_addr, {f}.dst_addr, {f}.protocol, {f}.dst_port, sum(octets + octets_rev) o {from}"
                         " GROUP BY 1, 2, 3, 4 ORDER BY o DESC LIMIT 10",
    "traffic over time": "SELECT start, sum(octets), sum(octets_rev) {from} GROUP BY 1 ORDER BY 1",
    "one host over time": "SELECT start, sum(octets + octets_rev) {from} WHERE {f}.src_addr = '10.0.0.12' GROUP BY 1 ORDER BY 1",
    "hosts of a service": "SELECT {f}.src_addr, sum(octets + octets_rev) o {from} WHERE {f}.dst_port = 53"
                          " GROUP BY 1 ORDER BY o DESC LIMIT 10",
    "hosts in a service": "SELECT {f}.dst_port, count(DISTINCT {f}.src_addr) {from} GROUP BY 1",
}
HASH_JOINS = "SET join_cache_level = 4, join_buffer_size = 67108864, join_buffer_space_limit = 268435456"
"""MariaDB looks up each row's flow by the primary key unless told so."""
REPEAT = 2
Ask = Callable[[str], list[tuple]]


@dataclass
class Result:
    """Seconds, rows and octets of one form in one engine. answers: of the questions, to be compared."""

    engine: str
    form: str
    rows: int
    load_s: float
    octets: int
    seconds: dict[str, float]
    answers: list[list[tuple]]


def main() -> int:
    parser = argparse.ArgumentParser("benchmarks.store.identity", description=__doc__)
    parser.add_argument("--minutes", type=int, default=100, help="of 10,000 flows each (100)")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "trafmon-identity")
    parser.add_argument("--engine", choices=("duckdb", "mariadb"), action="append", help="both, unless given")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    site, results = Site(), []
    engines = options.engine or ("duckdb", "mariadb")
    if "duckdb" in engines:
        results += [_in_duckdb(site, options.minutes, form, options.directory / f"{form}.duckdb") for form in ("number", "text")]
    if "mariadb" in engines:
        with server(options.directory / "mariadb") as running:
            results += [r for form in ("number", "text") for r in _in_mariadb(site, options.minutes, form, running)]
    _tell(results)
    return 0


def _batches(site: Site, minutes: int) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """(new flows, rows by number of their flow) of ten minutes each, rows in the order of time and number."""
    for first in range(0, minutes, LOAD_MINUTES):
        made = frames(site, range(first, min(first + LOAD_MINUTES, minutes)), ("flow_definition", "ip_counters"))
        flows = made["flow_definition"].select(pl.col("flow").alias("flow_key"), *DESCRIPTION)
        start = (pl.col("start") // 1000).cast(pl.Datetime("us"))
        yield flows, made["ip_counters"].select(start, pl.col("flow").alias("flow_key"), *VALUES).sort("start", "flow_key")


class _Text:
    """Rows with the description instead of the number."""

    def __init__(self) -> None:
        self._known: pl.DataFrame | None = None

    def __call__(self, flows: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        self._known = pl.concat([self._known, flows]) if self._known is not None else flows
        rows = rows.join(self._known, on="flow_key", how="left", maintain_order="left")
        # Flows of one description (one was forgotten, then seen again) are one row.
        return rows.group_by("start", *DESCRIPTION, maintain_order=True).agg(pl.col(VALUES).sum()).sort(TEXT_KEY)


def _in_duckdb(site: Site, minutes: int, form: str, path: Path) -> Result:
    path.unlink(missing_ok=True)
    text, load_s, total = _Text(), 0.0, 0
    with duckdb.connect(path) as connection:
        for number, (flows, rows) in enumerate(_batches(site, minutes)):
            tables = {"flow": flows, "fact": rows} if form == "number" else {"fact": text(flows, rows)}
            total += rows.height
            began = time.perf_counter()
            for name, frame in tables.items():
                connection.register("given", _Arrow(frame))
                connection.execute(f"CREATE TABLE {name} AS FROM given" if not number else f"INSERT INTO {name} FROM given")
                connection.unregister("given")
            load_s += time.perf_counter() - began
        connection.execute("CHECKPOINT")
    with duckdb.connect(path, read_only=True) as connection:
        seconds, answers = _ask(form, lambda sql: connection.execute(sql).fetchall())
    return Result("DuckDB", form, total, load_s, path.stat().st_size, seconds, answers)


class _Arrow:
    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


_TYPES = {"start": "DATETIME", "probe": "VARCHAR(190)", "flow_class": "VARCHAR(190)", "interface": "VARCHAR(190)",
          "src_addr": "VARCHAR(45)", "dst_addr": "VARCHAR(45)"}


def _in_mariadb(site: Site, minutes: int, form: str, running: Server) -> list[Result]:
    database, text, load_s, total = f"identity_{form}", _Text(), 0.0, 0
    connection = mysql.connector.connect(unix_socket=str(running.socket), user="root", allow_local_infile=True, autocommit=True)
    cursor = connection.cursor()
    cursor.execute(f"DROP DATABASE IF EXISTS {database}")
    cursor.execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
    cursor.execute(f"USE {database}")
    for name, columns, key in (
            ("flow", ("flow_key", *DESCRIPTION), "flow_key"),
            ("fact", ("start", "flow_key", *VALUES) if form == "number" else ("start", *DESCRIPTION, *VALUES),
             ", ".join(("start", "flow_key") if form == "number" else TEXT_KEY))):
        fields = ", ".join(f"{c} {_TYPES.get(c, 'BIGINT')}" for c in columns)
        cursor.execute(f"CREATE TABLE {name} ({fields}, PRIMARY KEY ({key}))")
    for flows, rows in _batches(site, minutes):
        tables = {"flow": flows, "fact": rows} if form == "number" else {"fact": text(flows, rows)}
        total += rows.height
        began = time.perf_counter()
        for name, frame in tables.items():
            _load(cursor, name, frame)
        load_s += time.perf_counter() - began
    cursor.execute("ANALYZE TABLE flow, fact")
    cursor.fetchall()

    def ask(sql: str) -> list[tuple]:
        cursor.execute(sql)
        return cursor.fetchall()

    octets = running.octets(database)
    results = [Result("MariaDB", form, total, load_s, octets, *_ask(form, ask))]
    if form == "number":
        cursor.execute(HASH_JOINS)
        results.append(Result("MariaDB", "number, hash joins", total, load_s, octets, *_ask(form, ask)))
    connection.close()
    return results


def _load(cursor: mysql.connector.cursor.MySQLCursor, table: str, frame: pl.DataFrame) -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as text:
        frame.write_csv(text, include_header=False, separator="\t", quote_style="never", null_value="\\N",
                        datetime_format="%Y-%m-%d %H:%M:%S")
        text.flush()
        cursor.execute(f"LOAD DATA LOCAL INFILE '{text.name}' INTO TABLE {table}")


def _ask(form: str, ask: Ask) -> tuple[dict[str, float], list[list[tuple]]]:
    """Seconds of each question, the best of REPEAT, and what was answered."""
    source = "FROM fact c JOIN flow f ON f.flow_key = c.flow_key" if form == "number" else "FROM fact c"
    seconds, answers = {}, []
    for name, question in QUESTIONS.items():
        sql = question.replace("{from}", source).replace("{f}", "f" if form == "number" else "c")
        times = []
        for _ in range(REPEAT):
            gc.collect()
            began = time.perf_counter()
            rows = ask(sql)
            times.append(time.perf_counter() - began)
        seconds[name] = min(times)
        answers.append(sorted(tuple(str(v) for v in row) for row in rows))
    return seconds, answers


def _tell(results: list[Result]) -> None:
    for a in results:
        print(f"{a.engine}, {a.form}: {a.rows} rows, {a.rows / a.load_s:,.0f} rows/s, {a.octets / a.rows:.1f} octets a row")
    for name in QUESTIONS:
        print(f"{name:22}", *(f"{r.seconds[name]:9.3f}" for r in results))
    same = all(r.answers == results[0].answers for r in results)
    print("answers are the same" if same else "ANSWERS DIFFER")
    print(circumstances.machine())


if __name__ == "__main__":
    raise SystemExit(main())
