"""Ask a database a ready-made question: top talkers, worst round trips, lost packets, failed transfers, one flow's story over time.

trafmon query --list tells the questions. Times are UTC unless they say their zone.

Exit status: 0 answered; 1 the database cannot be read, or the answer cannot be written; 2 an argument or the configuration is not
usable; 130 interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from trafmon.database_argument import (
    DATABASE_HELP,
    NoDatabaseError,
    add_configuration_argument,
    configuration_of,
    database_of,
)

if TYPE_CHECKING:
    from tmon_common.config.model import Configuration
    from tmon_store.questions.question import Answer, Question

NAME = "trafmon query"
FORMATS = ("table", "csv", "json", "jsonl", "parquet")
FAILED, MISUSED, INTERRUPTED = 1, 2, 130
BUSY_WAIT_S = 10
"""While a loader has a DuckDB file, for some seconds most often, it is waited for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="[DATABASE] QUESTION",
                        help=f"DATABASE: {DATABASE_HELP}")
    add_configuration_argument(parser)
    parser.add_argument("--list", action="store_true", help="tell the questions")
    parser.add_argument("--since", metavar="TIME", help="from then on: 2026-11-22, 2026-11-22T10:30, today, yesterday")
    parser.add_argument("--until", metavar="TIME", help="before that")
    parser.add_argument("--last", metavar="LENGTH", help="so long before --until, or before now: 90min, 24h, 7d")
    parser.add_argument("--by", choices=("1min", "1h", "1day"),
                        help="intervals that are summed up, or shown; by default as the time asked for is long")
    parser.add_argument("--probe", metavar="NAME", help="of this probe only")
    parser.add_argument("--class", dest="flow_class", metavar="NAME", help="of this flow class only")
    parser.add_argument("--address", action="append", default=[], metavar="ADDR", help="with this address at either end; may be "
                                                                                       "repeated")
    parser.add_argument("--host", action="append", default=[], metavar="NAME",
                        help="the same by name, as scripts/trafmon_update_ip_info.py found it")
    parser.add_argument("--activity", metavar="NAME", help="volumes of this activity only")
    parser.add_argument("--location", metavar="NAME", help="volumes of this location only")
    parser.add_argument("--service", metavar="NAME", help="volumes of this service only")
    parser.add_argument("--source", choices=("probe", "netflow"), help="volumes that probes counted, or that NetFlow told (probe)")
    parser.add_argument("--flow", type=int, metavar="N", help="the flow of that number, from the column flow of another answer")
    parser.add_argument("--limit", metavar="N", help="rows at most, or all (20 of most questions)")
    parser.add_argument("--format", choices=FORMATS,
                        help="table; csv; json: one array; jsonl: an object a line; parquet (as the name of FILE ends, else table)")
    parser.add_argument("-o", dest="file", metavar="FILE",
                        help="where to write the answer, whole or not at all (-: standard output)")


def run(options: argparse.Namespace) -> int:
    from tmon_store.errors import StoreError
    from tmon_store.questions import QUESTIONS

    if options.list:
        return _list()
    try:
        question, database = _question(options, QUESTIONS)
        format_ = _format(options)
        answer, hint = _ask(options, question, database)
    except (_Misused, NoDatabaseError) as error:
        return _fail(str(error), MISUSED)
    except StoreError as error:
        return _fail(str(error), FAILED)
    for line in hint:
        print(f"{NAME}: {line}", file=sys.stderr)
    try:
        _give(answer, format_, options.file)
    except StoreError as error:
        return _fail(str(error), FAILED)
    except OSError as error:
        return _fail(f"standard output cannot be written: {error.strerror or error}", FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


class _Misused(Exception):  # noqa: N818
    """What is wrong with the arguments."""


def _fail(message: str, status: int) -> int:
    print(f"{NAME}: {message}", file=sys.stderr)
    return status


def _question(options: argparse.Namespace, known: dict[str, Question]) -> tuple[Question, str | None]:
    if len(options.words) not in (1, 2):
        raise _Misused("expected [DATABASE] QUESTION; --list tells the questions")
    *database, name = options.words
    if name not in known:
        raise _Misused(f"no question {name!r}; there is {', '.join(known)}")
    question = known[name]
    given = {"time": ("--since, --until, --last", options.since or options.until or options.last), "by": ("--by", options.by),
             "probe": ("--probe", options.probe), "class": ("--class", options.flow_class),
             "address": ("--address, --host", options.address or options.host), "activity": ("--activity", options.activity),
             "location": ("--location", options.location), "service": ("--service", options.service),
             "source": ("--source", options.source), "flow": ("--flow", options.flow is not None)}
    for what, (option, value) in given.items():
        if value and not {what, f"one {what}"} & question.narrowed:
            can = ", ".join(o for w, (o, _) in given.items() if {w, f"one {w}"} & question.narrowed)
            raise _Misused(f"{name} cannot be narrowed by {option}; by {can or 'nothing'}")
    if "one address" in question.narrowed and len(options.address) + len(options.host) > 1:
        raise _Misused(f"{name} knows one --address; expected no more")
    if options.by and options.by not in question.granularities:
        raise _Misused(f"--by {options.by}: {name} has {', '.join(question.granularities)}")
    if question.needs_flow and options.flow is None:
        raise _Misused(f"{name} is about one flow; expected --flow N, a number of the column flow of another answer")
    return question, database[0] if database else None


def _format(options: argparse.Namespace) -> str:
    to_file = options.file not in (None, "-")
    ending = Path(options.file).suffix.lstrip(".") if to_file else ""
    chosen = options.format or (ending if ending in FORMATS else "table")
    if chosen == "parquet" and not to_file and sys.stdout.isatty():
        raise _Misused("a Parquet file is nothing for a terminal; expected -o FILE")
    return chosen


def _ask(options: argparse.Namespace, question: Question, database: str | None) -> tuple[Answer, list[str]]:
    from tmon_store.access import Access
    from tmon_store.errors import StoreError
    from tmon_store.questions.ask import Wishes, addresses_of, ask, moved, why_empty
    from tmon_store.questions.span import parse_address, parse_span

    now = datetime.now(UTC).replace(tzinfo=None)
    try:
        since, until = parse_span(options.since, options.until, options.last, now)
        addresses = tuple(parse_address(text) for text in options.address)
        limit = _limit(options.limit)
    except ValueError as error:
        raise _Misused(str(error)) from None
    configuration = configuration_of(options, database)
    access = Access(database_of(configuration, database), BUSY_WAIT_S)
    if not access.exists:
        msg = f"{access.name}: no such database; expected a file that the loader has filled"
        raise StoreError(msg)
    with access.opened(read_only=True) as store:
        addresses += addresses_of(store, options.host)
        if "one address" in question.narrowed and len(addresses) > 1:
            raise _Misused(f"--host {options.host[0]}: {', '.join(addresses)}; expected one of them as --address")
        wishes = Wishes(since, until, options.by, options.probe, options.flow_class, addresses, options.flow,
                        options.activity, options.location, options.service, options.source or "probe", limit)
        answer = ask(store, question, wishes, now, _hops(configuration))
        told = [text for text in ("" if options.last else moved(answer, wishes), why_empty(store, answer)) if text]
    if not answer.rows and not told and (narrowed := _narrowed(options)):
        told.append(f"nothing fits {narrowed}")
    if answer.more and options.limit is None and _format(options) != "table":
        told.append(f"only the first {len(answer.rows)} rows; --limit all gives all")
    return answer, told


def _narrowed(options: argparse.Namespace) -> str:
    """By what the answer was narrowed, besides time, as it was given."""
    given = (("--probe", options.probe), ("--class", options.flow_class), ("--flow", options.flow),
             ("--activity", options.activity), ("--location", options.location), ("--service", options.service),
             ("--source", options.source), *(("--address", a) for a in options.address), *(("--host", h) for h in options.host))
    return ", ".join(f"{option} {value}" for option, value in given if value is not None)


def _limit(text: str | None) -> int | None:
    if text in (None, "all"):
        return None if text is None else 0
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:18])):
        raise ValueError(f"--limit {text}: expected a number from 1 on, or all")
    return int(text[:18])


def _hops(configuration: Configuration | None) -> dict[str, tuple[str, ...]]:
    """Names of hops by class."""
    classes = configuration.classes if configuration else ()
    return {c.name: tuple(hop.name for hop in c.one_way.hops) for c in classes if c.one_way}


def _give(answer: Answer, format_: str, file: str | None) -> None:
    from tmon_store import export

    if file in (None, "-"):
        _print(answer, format_)
        return
    from trafmon.query_table import table_text

    signal.signal(signal.SIGINT, signal.default_int_handler)  # half a file is removed
    pieces: Iterable[str | bytes] = ([export.parquet(answer)] if format_ == export.PARQUET else [table_text(answer)]
                                     if format_ == "table" else export.TEXTS[format_](answer))
    export.write_file(pieces, Path(file))


def _print(answer: Answer, format_: str) -> None:
    from tmon_store import export

    if format_ == export.PARQUET:
        sys.stdout.buffer.write(export.parquet(answer))
        sys.stdout.buffer.flush()
        return
    if format_ == "table":
        from rich.console import Console

        from trafmon.query_table import print_answer, table_text

        if sys.stdout.isatty():
            print_answer(Console(), answer)
        else:
            sys.stdout.write(table_text(answer))
    else:
        quiet = _for_terminal if sys.stdout.isatty() else str
        for line in export.TEXTS[format_](answer):
            sys.stdout.write(quiet(line))
    sys.stdout.flush()


def _for_terminal(text: str) -> str:
    from trafmon.console_table import printable

    return "\n".join(map(printable, text.split("\n")))


def _list() -> int:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tmon_store.questions import QUESTIONS

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for question in QUESTIONS.values():
        table.add_row(Text(question.name, style="bold"), Text(question.plain_about))
    Console().print(table)
    return 0
