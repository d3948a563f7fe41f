"""A bounded run of everything at once: real traffic of which every packet is known, probes, a collector and a loader over it.

Read in this order: `topology` (hosts and cables), `ledger` (what was sent), `traffic` (who sends it), `site` (the programs),
`watchers` (who asks their agents), `samples` (memory, descriptors and files of each, every second), `figures` (what the database
says), `judge` (compares), `switches` (all start anew), `play` (the run), `__main__` (the command). `docs/lab.md` is the guide.
"""
