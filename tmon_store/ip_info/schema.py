"""The tables of what is known about addresses."""

from __future__ import annotations

from tmon_store.schema import Field, Storage, Table

IP_INFO = Table("ip_info", (
    Field("address", Storage.ADDRESS),
    Field("activity", Storage.NAME), Field("location", Storage.NAME),
    Field("name", Storage.TEXT), Field("name_status", Storage.NAME), Field("name_checked", Storage.TIME),
    Field("country", Storage.NAME), Field("city", Storage.TEXT), Field("asn", Storage.INTEGER),
    Field("as_organisation", Storage.TEXT),
    Field("first_seen", Storage.TIME), Field("updated", Storage.TIME)), ("address",))
"""One row per address. activity and location: of the declared organisation, or Internet, or unknown; country: ISO 3166 code;
name_status: one of STATUSES, or empty as long as nobody was asked; name_checked: when the DNS was asked last; first_seen: when the
row was made; updated: when anything else in it changed last."""

FOUND, NONE, FAILED, SKIPPED, DECLARED = STATUSES = ("found", "none", "failed", "skipped", "declared")
"""found: the DNS has the name; none: it has none; failed: no server answered (an older name stays); skipped: an address that is not
asked for, such as multicast; declared: the name is that of the host in the organisation's file."""

MARKS = Table("ip_info_mark", (Field("source", Storage.NAME), Field("mark", Storage.INTEGER)), ("source",))
"""How far each source of addresses has been searched (flow_key, or seconds since 1970), and after which organisation and files of
geography all rows are (a digest)."""
