"""Tables of volumes, and the names that stand in them."""

from __future__ import annotations

from tmon_store.schema import Field, Storage, Table

PROBE, NETFLOW = "probe", "netflow"
"""Sources: counters of our own probes (`ip_counters`), reports of exporters (`netflow`)."""
SOURCES = (PROBE, NETFLOW)
CLIENT, SERVER = "client", "server"

SAME_SAME = "same activity, same location"
SAME_OTHER = "same activity, other location"
OTHER_SAME = "other activity, same location"
OTHER_OTHER = "other activity, other location"
INTERNET = "Internet"
"""Activity and location of what is not the organisation's own; relation of own hosts to it."""
UNKNOWN = "unknown"
"""Activity, location or relation that cannot be told."""

_PLACE = ("activity", "location", "country")


def _volume(granularity: str, span: str) -> Table:
    text = Storage.NAME
    return Table(f"volume_{granularity}", (
        Field("start", Storage.TIME), Field("source", text), Field("probe", text), Field("flow_class", text),
        Field("interface", text), Field("host", Storage.ADDRESS), Field("peer", Storage.ADDRESS), Field("host_role", text),
        Field("protocol", Storage.INTEGER), Field("service", text),
        *(Field(f"{end}_{what}", text) for end in ("host", "peer") for what in _PLACE), Field("relation", text),
        *(Field(f"{unit}_{way}", Storage.WIDE) for unit in ("octets", "packets") for way in ("out", "in")),
        Field("flows", Storage.INTEGER)), time="start", span=span)


VOLUME_1H = _volume("1h", "day")
"""One row per hour, source, probe, flow class, interface, pair of hosts and service; each octet of a class once.

host        the organisation's own of the two; of two alike the client, or, where that cannot be told, the smaller address
host_role   client or server of the service; empty where that cannot be told
*_out       from host to peer
flows       of the counters; a data connection of FTP counts as its session
"""
VOLUME_1DAY = _volume("1day", "month")
VOLUMES = {"1h": VOLUME_1H, "1day": VOLUME_1DAY}

FTP_DATA_FLOW = Table("ftp_data_flow", (
    Field("start", Storage.TIME), Field("flow_key", Storage.INTEGER), Field("session_flow_key", Storage.INTEGER),
    Field("server_addr", Storage.ADDRESS), Field("server_port", Storage.INTEGER)), ("start", "flow_key"), "start")
"""Flows that carried data of FTP on a day (start). session_flow_key: of the control connection in the same class and run of the
probe, empty if the class does not have it; server_addr, server_port: of the control connection."""
TABLES = (VOLUME_1H, VOLUME_1DAY, FTP_DATA_FLOW)
