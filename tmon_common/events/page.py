"""docs/events.md, from the catalogue. `scripts/generate_docs` writes it."""

from __future__ import annotations

from tmon_common.events.catalogue import CATALOGUE
from tmon_common.events.declaration import Declaration
from tmon_common.events.troubles import shown

_HEAD = """\
# Events

<!-- Written by scripts/generate_docs from tmon_common/events/. Do not edit. -->

What happens to the programs and explains the figures. Every event is a line in the log and a row of the kind
[event](observations.md#event): it travels to the collector like any observation, into files `event.<collector>.<UTC>.csv` and the
table `event`. `details` holds the values as a JSON object, for programs; `text` says the same to people.

```sql
SELECT time, probe, severity, text FROM event ORDER BY time;
SELECT probe, subject, sum((details->>'packets')::BIGINT) FROM event WHERE code = 'kernel_drops' GROUP BY ALL;
```

| severity | |
|---|---|
| info | good to know when the figures of that time are read |
| warning | figures are incomplete, or soon will be |
| error | nothing is measured |

| code | severity | about | |
|---|---|---|---|
"""


def events_page() -> str:
    """The whole page."""
    lines = [_HEAD.rstrip("\n")]
    lines += [f"| [{d.code}](#{d.code}) | {d.severity} | {d.subject} | {shown(d.meaning)} |" for d in CATALOGUE.values()]
    for declaration in CATALOGUE.values():
        lines += ["", *_section(declaration)]
    return "\n".join(lines) + "\n"


def _section(declaration: Declaration) -> list[str]:
    d = declaration
    lines = [f"## {d.code}", "", f"{d.severity.capitalize()}, about the {d.subject}: `{d.text}`", "", shown(d.meaning), "",
             f"**What to do**: {shown(d.action)}"]
    if d.parameters:
        lines += ["", "| value | | |", "|---|---|---|"]
        lines += [f"| `{p.name}` | {'number' if p.type is int else 'text'} | {p.meaning} |" for p in d.parameters]
    return lines
