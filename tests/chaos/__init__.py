"""Publication under chaos: real programs in network namespaces, a link that misbehaves, and what became of every row.

Read in this order: `scenarios` (the table of what happens), `numbered` (rows that can be counted), `driver` (the sending
program), `stage` (namespaces, link, programs), `recording` (spool, ledgers and wire read back), `judge` (verdicts).
`python -m tests.chaos` runs them; `docs/lab.md` is the guide.
"""
