"""The file of the organisation: XML, or CSV by its name. All that is wrong in it is told together, by line."""

from __future__ import annotations

from pathlib import Path

from tmon_store.organisation.model import Organisation


def read_organisation(path: Path) -> Organisation:
    """The organisation in a file. tmon_common's ConfigurationError holds everything that is wrong; nothing else is raised."""
    if path.suffix.lower() == ".csv":
        from tmon_store.organisation.read_csv import read_csv

        return read_csv(path)
    from tmon_store.organisation.read_xml import read_xml

    return read_xml(path)
