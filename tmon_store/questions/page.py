"""docs/queries.md, from the questions. `scripts/generate_docs` writes it."""

from __future__ import annotations

from tmon_store.questions import QUESTIONS
from tmon_store.questions.question import Form, Question
from tmon_store.questions.signs import SIGNS
from tmon_store.questions.span import HOURS_UP_TO, MAX_STEPS, MINUTES_UP_TO

_HOURS = int(MINUTES_UP_TO.total_seconds()) // 3600
_HEAD = f"""\
# Queries

<!-- Written by scripts/generate_docs from tmon_store/questions/. Do not edit. -->

`trafmon query` asks a database a ready-made question, whichever engine it is; the answer is the same, row by row.

    trafmon query results/trafmon.duckdb talkers                       # a DuckDB file
    trafmon query -c trafmon.xml round-trips --last 24h --limit 5      # the database of a configuration, MySQL or DuckDB
    trafmon query -c trafmon.xml trafMon_lab traffic --since yesterday # another database on that server
    trafmon query -c trafmon.xml lost --since 2026-11-22T10:00 --until 2026-11-22T12:00 -o lost.parquet
    trafmon query --list

Without `-c` and without a database the configuration is `/etc/trafMon/xml/tmon.xml`. Exit status: 0 answered (no rows is an
answer, too, and stderr says why there are none); 1 the database cannot be read, or the answer cannot be written; 2 an argument or
the configuration is not usable; 130 interrupted.

A DuckDB file that the loader has open cannot be read meanwhile: a query waits up to 10 s for it.

## A walk

Is everything there? `loaded` and `gaps`. What goes on? `traffic`, `services`, `talkers`. What goes wrong? `errors` tells the
kinds, `flow-errors` the flows, and which of them are touched now and then or all the time. `story --flow N` then tells one of
them over time:

    trafmon query -c trafmon.xml errors --last 24h
    trafmon query -c trafmon.xml flow-errors --last 24h --address 192.0.2.7
    trafmon query -c trafmon.xml story --last 24h --flow 4711

`flow` in any answer is the number to give. It stands for all flows that are the same but for their number: after a silence, or a
restart of the probe, a flow gets another one. Numbers are those of one database alone.

## When

| option | |
|---|---|
| `--since TIME` | from then on: `2026-11-22`, `2026-11-22T10:30`, `2026-11-22T10:30+01:00`; UTC without a zone; `today` |
| `--until TIME` | before that |
| `--last LENGTH` | so long before `--until`, or before now: `90min`, `24h`, `7d` |
| `--by 1min`, `1h`, `1day` | by intervals of that length |

Without any, all that is held. Counters are kept by minute, hour and day. Sums are taken from days or hours where the time begins
and ends with one, so they are exact; else from minutes up to {_HOURS} hours, from hours up to {HOURS_UP_TO.days} days, from days
beyond, and the ends move outward to whole intervals, which the title and stderr tell. A question over time takes the shortest
intervals of which there are at most {MAX_STEPS}. `--by 1min` makes any time exact, and reads that many rows more. Records
(connections, transfers, queries, events) are found to the microsecond.

## Of what

| option | |
|---|---|
| `--probe NAME`, `--class NAME` | of this probe, of this flow class |
| `--address ADDR` | with this address at either end; repeated: with any of them |
| `--host NAME` | the same by name, as `scripts/trafmon_update_ip_info.py` found it |
| `--flow N` | of one flow |
| `--activity`, `--location`, `--service`, `--source probe` or `netflow` | of volumes |
| `--limit N`, `--limit all` | rows; most questions give 20 |

A packet counts in every class that it belongs to, and at every probe that sees it. So nothing is summed over classes or probes:
each row is about one of each, and the same traffic stands in several rows where there are several.

## As what

| `--format` | |
|---|---|
| `table` | for people: units, names of protocols; columns in which nothing is known are left out |
| `csv` | RFC 4180 with LF, UTF-8, a header; empty: not known |
| `json` | one array, an object a line |
| `jsonl` | an object a line, without the array |
| `parquet` | strings, 64-bit numbers, doubles, time stamps in UTC |

`-o FILE` writes a file, whole or not at all: under a name that ends in `.part`, then under its own; the name's ending says the
format unless `--format` does. Names and values are the same in all formats but the table: lengths of time in ns (`_ns`), octets,
shares from 0 to 1, times as ISO 8601 in UTC. Text comes from the network as it is: a spreadsheet may take a path or a name that
begins with `=` for a formula.

Percentiles come from buckets that grow by 4 %: they are within 2 % of the true ones (`p50_ns`, `p95_ns`, `p99_ns`).

"""


def queries_page() -> str:
    """The whole page."""
    lines = [_HEAD.rstrip("\n"), "", "## Questions", "", "| question | |", "|---|---|"]
    lines += [f"| [{q.name}](#{q.name}) | {q.title} |" for q in QUESTIONS.values()]
    for question in QUESTIONS.values():
        lines += ["", *_section(question)]
    return "\n".join(lines) + "\n"


def _section(question: Question) -> list[str]:
    notes = [f"By {', '.join(question.granularities)}." if question.rollups else "",
             "Without a limit." if question.limit is None else f"{question.limit} rows unless `--limit` says more or less.",
             f"From {', '.join(f'`{name}`' for name in question.tables)}."]
    lines = [f"### {question.name}", "", question.about, "", " ".join(filter(None, notes)), "", "| column | | |", "|---|---|---|"]
    lines += [f"| `{c.name}` | {_form(c.form)} | {c.meaning} |" for c in question.columns]
    if question.name == "errors":
        lines += ["", "| error | |", "|---|---|", *(f"| `{s.name}` | {s.text}, of {_kind(s.kind)} |" for s in SIGNS)]
    return lines


def _form(form: Form) -> str:
    return {Form.TEXT: "text", Form.NUMBER: "number", Form.PROTOCOL: "number", Form.COUNT: "number", Form.TIME: "time",
            Form.MOMENT: "time", Form.SHARE: "0 to 1"}.get(form, form.value)


def _kind(kind: str) -> str:
    return f"[{kind}](observations.md#{kind})"
