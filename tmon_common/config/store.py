"""<store>: the database, how long it keeps rows, and what is known beside it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path

from tmon_common.config.model import SECOND, FlowClass
from tmon_common.config.node import Node, check_unique
from tmon_common.config.quantities import parse_duration, parse_number, parse_port, split_list
from tmon_common.config.store_model import DAY_NS, Names, Retention, Server, Store

DATABASE_PREFIX = "trafMon"
"""The accounts of the server may use databases whose names begin so, and no other."""
MAX_KEEP_NS = 100_000 * DAY_NS
DNS_PORT = 53


def read_store(root: Node, classes: Sequence[FlowClass]) -> Store:
    """What the element says; without it, the default file beside the configuration."""
    node = root.child("store")
    if node is None:
        return Store(database=root.resolve(str(Store().database)))
    backend = node.text("backend") or "duckdb"
    server, archive, organisation = node.child("server"), node.child("archive"), node.child("organisation")
    if server and backend != "mysql":
        server.problem('a server is of backend="mysql" only')
    names = node.child("names")
    return Store(
        backend=backend,
        database=_database_name(node) if backend == "mysql" else node.path("database"),
        server=_server(server) if server else Server(),
        archive=archive.path("directory") if archive else None,
        archive_keep_ns=archive.value("keep", parse_duration, DAY_NS, MAX_KEEP_NS) if archive else None,
        retention=tuple(_retention(n) for n in node.children("retention")),
        organisation=organisation.path("file") if organisation else None,
        geoip=tuple(n.path("file") for n in node.children("geoip")),
        names=_names(names) if names else None,
        volumes=_volumes(node.children("volumes"), classes),
    )


def parse_database(text: str) -> str:
    """Name of a MySQL database of ours."""
    if not re.fullmatch(rf"{DATABASE_PREFIX}[A-Za-z0-9_]{{0,50}}", text) or text == f"{DATABASE_PREFIX}_template":
        raise ValueError(f"expected a name of letters, digits and _ that begins with {DATABASE_PREFIX}, at most 57 characters "
                         f"({DATABASE_PREFIX}_template is taken)")
    return text


def _database_name(node: Node) -> str:
    if not node.given("database"):
        return DATABASE_PREFIX
    text = node.text("database") or ""
    try:
        return parse_database(text)
    except ValueError as error:
        node.problem(f'database="{text}": {error}', "database")
        return DATABASE_PREFIX


def _server(node: Node) -> Server:
    return Server(
        host=node.text("host") or "",
        port=node.value("port", parse_port),
        socket=node.path("socket") if node.given("socket") else None,
        option_file=Path(node.value("option_file", lambda text: text if text.startswith("~") else node.resolve(text)) or ""),
        group=node.value("group", _group) or "",
    )


def _group(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text):
        raise ValueError("expected the name of a section, such as trafmon_loader")
    return text


def _retention(node: Node) -> Retention:
    return Retention(node.text("kind") or "", node.text("granularity") or "",
                     node.value("keep", parse_duration, DAY_NS, MAX_KEEP_NS) or MAX_KEEP_NS)


def _names(node: Node) -> Names:
    return Names(
        servers=node.value("servers", _dns_servers) or (),
        rate=node.value("rate", parse_number, 1, 10_000),
        parallel=node.value("parallel", parse_number, 1, 1000),
        timeout_ns=node.value("timeout", parse_duration, SECOND // 10, 60 * SECOND),
        refresh_ns=node.value("refresh", parse_duration, 3600 * SECOND, 3650 * DAY_NS),
    )


def _dns_servers(text: str) -> tuple[tuple[str, int], ...]:
    return tuple(_dns_server(part) for part in split_list(text))


def _dns_server(text: str) -> tuple[str, int]:
    match = re.fullmatch(r"\[([^\]]*)\](?::([0-9]+))?|([0-9.]+)(?::([0-9]+))?|([0-9A-Fa-f:.]+)", text)
    try:
        if match:
            return (str(ipaddress.ip_address(match[1] or match[3] or match[5])),
                    parse_port(match[2] or match[4] or str(DNS_PORT)))
    except ValueError:
        pass
    raise ValueError(f"{text!r}: expected an address, with its port as in 192.0.2.1:5353 or [2001:db8::1]:5353")


def _volumes(nodes: Sequence[Node], classes: Sequence[FlowClass]) -> tuple[str, ...]:
    check_unique(nodes, "<store>", "flow_class")
    known = [c.name for c in classes]
    for node in nodes:
        name = node.text("flow_class")
        if name is not None and name not in known:
            node.problem(f'flow_class="{name}": there is no such flow class; there is {", ".join(known)}', "flow_class")
    return tuple(n.text("flow_class") or "" for n in nodes)
