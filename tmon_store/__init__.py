"""From spool files to a database, and questions to it. Knows observations, never packets.

`load.load_spool` loads what is complete in a spool, `report` asks the ready-made questions. polars and DuckDB are imported
only when there is something to load or to ask.
"""
