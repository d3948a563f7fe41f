"""Manual pages and docs/commands.md, from the parsers of the commands and from docs/operation.md.

`scripts/generate_docs` writes them. Nothing here is needed to run a command.
"""
