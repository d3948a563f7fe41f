"""<collectors> and <diagnostics>: who collects, what the programs tell about themselves."""

from __future__ import annotations

import re
from pathlib import Path

from tmon_common.config.model import SECOND, Collector, Diagnostics
from tmon_common.config.monitoring import read_agent
from tmon_common.config.node import Node, check_unique
from tmon_common.config.quantities import parse_duration, parse_file_part, parse_listen_address, parse_octets, parse_port

DAY = 86_400 * SECOND


def read_collectors(nodes: list[Node]) -> tuple[Collector, ...]:
    check_unique(nodes, "the configuration")
    return tuple(_collector(n) for n in nodes)


def _collector(node: Node) -> Collector:
    spool = node.child("spool")
    return Collector(
        name=node.name(parse_file_part),
        host=node.text("host") or "",
        address=node.value("address", parse_listen_address),
        port=node.value("port", parse_port),
        receive_buffer_octets=node.value("receive_buffer", parse_octets, 4 << 10, 1 << 30),
        clock_tolerance_ns=node.value("clock_tolerance", parse_duration, 1_000, 3600 * SECOND),
        spool=spool.path("directory") if spool else Path(),
        agent=read_agent(node),
        **({} if spool is None else {
            "rotate_ns": spool.value("rotate", parse_duration, SECOND, DAY),
            "rotate_octets": spool.value("rotate_size", parse_octets, 4 << 10, 64 << 30),
            "sync": spool.flag("sync"),
        }),
    )


def read_diagnostics(node: Node | None) -> Diagnostics:
    if node is None:
        return Diagnostics()
    modules = node.children("module")
    check_unique(modules, "<diagnostics>")
    return Diagnostics(
        node.text("level") or "warning",
        _destination(node),
        tuple((m.value("name", _module) or "", m.text("level") or "", _destination(m)) for m in modules),
    )


def _destination(node: Node) -> str:
    def parse(text: str) -> str:
        if text in {"stderr", "journal"}:
            return text
        if text.startswith("file:") and text != "file:":
            return f"file:{node.resolve(text.removeprefix('file:'))}"
        raise ValueError("expected stderr, journal or file:PATH")

    return node.value("destination", parse) or ""


def _module(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", text):
        raise ValueError("expected a module or package, such as tmon_probe.father")
    return text
