"""What can happen to the programs that is worth telling: each event declared once, with its severity, its text and its cure.

Log lines, rows of the kind `event` and docs/events.md derive from the declarations. Codes are never renamed: people search for
them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

SUBJECT_CHARACTERS = 64
VALUE_CHARACTERS = 160
"""What is longer is cut: an event fits in a PDU, and its line in a pipe."""


class Severity(StrEnum):
    """info: good to know when figures are read; warning: figures are incomplete, or soon will be; error: nothing is measured."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def level(self) -> int:
        """The level of `logging`."""
        return logging.getLevelNamesMapping()[self.name]


@dataclass(frozen=True)
class Parameter:
    """A value that events of one code carry. type: int or str."""

    name: str
    type: type
    meaning: str


@dataclass(frozen=True)
class Declaration:
    """text: `str.format` of `subject` and the parameters; subject: what an event of this code is about."""

    code: str
    severity: Severity
    subject: str
    text: str
    meaning: str
    action: str
    parameters: tuple[Parameter, ...] = ()


def _int(name: str, meaning: str) -> Parameter:
    return Parameter(name, int, meaning)


def _str(name: str, meaning: str) -> Parameter:
    return Parameter(name, str, meaning)


_SECONDS = _int("seconds", "how long")

_DECLARATIONS = (
    Declaration(
        "probe_started", Severity.INFO, "probe", "probe {subject}: started, version {version}, interfaces: {interfaces}",
        "A run of the probe begins: its flows are numbered anew.",
        "Nothing. Without a probe_stopped before it, the probe or its machine was cut off.",
        (_str("version", "of the program"), _int("interfaces", "how many it reads"))),
    Declaration(
        "probe_stopped", Severity.INFO, "probe", "probe {subject}: stopped: {reason}",
        "The run ends in order; everything measured is handed over.",
        "Nothing, if it was meant.",
        (_str("reason", "a signal, the end of the recordings, a failure"),)),
    Declaration(
        "no_traffic", Severity.WARNING, "interface", "interface {subject}: no packet for {seconds} s",
        "Nothing has come for as long as `no_traffic` of the interface says; told once.",
        "Look at the cable, the mirror port or tap, and the BPF filter; raise `no_traffic` if the link is just quiet.",
        (_SECONDS,)),
    Declaration(
        "traffic_back", Severity.INFO, "interface", "interface {subject}: packets again after {seconds} s",
        "The silence told by no_traffic has ended.", "Nothing.",
        (_SECONDS,)),
    Declaration(
        "kernel_drops", Severity.WARNING, "interface",
        "interface {subject}: packets dropped by the kernel: {packets:,} within {seconds} s",
        "More came than was read in time: the figures of this time are too low. Told at once, then at most once a minute.",
        "A larger `buffer`, more `fathers`, a CPU of its own for each, a BPF filter for what nobody wants.",
        (_int("packets", "dropped since this was last told"), _SECONDS)),
    Declaration(
        "kernel_drops_ended", Severity.INFO, "interface",
        "interface {subject}: no more drops; the kernel dropped {packets:,} within {seconds} s",
        "A minute without drops has followed those told by kernel_drops.", "See kernel_drops.",
        (_int("packets", "dropped in all since the first"), _int("seconds", "from the first to the last"))),
    Declaration(
        "ring_saturated", Severity.WARNING, "ring", "{subject}: full ({slots:,} packets); the father waits for the child",
        "Packets come faster than the child measures; while the father waits, the kernel's buffer fills and may drop.",
        "A larger `ring_slots`, more CPUs for the child, fewer flows or analyses.",
        (_int("slots", "packets that it holds"), _int("waits", "how often the father has waited so far"))),
    Declaration(
        "ring_restored", Severity.INFO, "ring",
        "{subject}: below half again after {duration_ms} ms; the father waited {waits:,} times",
        "The saturation told by ring_saturated is over.", "Look for kernel_drops of the same time.",
        (_int("duration_ms", "from the saturation on"), _int("waits", "of the father in that time"))),
    Declaration(
        "datagrams_incomplete", Severity.WARNING, "counter", "{subject}: {count:,} of which some fragments did not come",
        "Fragments were lost on the way, or not captured: these datagrams are not analysed. Told at once, then at most once a "
        "minute.",
        "If many: look for loss on the path, or a path that carries only some of the fragments past the probe.",
        (_int("count", "since this was last told"),)),
    Declaration(
        "fragments_overlap", Severity.WARNING, "counter", "{subject}: {count:,} with octets that others had brought before",
        "No sound sender does that; the first data counts. Told at once, then at most once a minute.",
        "Look at them with tcpdump: an attack that means to deceive monitors, or a broken stack (RFC 5722, RFC 1858).",
        (_int("count", "since this was last told"),)),
    Declaration(
        "analysis_gave_up", Severity.WARNING, "counter", "{subject}: {count:,} given up for want of room",
        "A table of an analysis is full: the oldest entries go, and their figures end early. Told at once, then at most once a "
        "minute.",
        "Raise the maximum of that analysis (docs/configuration.md), or look for a flood of requests or SYNs at that time.",
        (_int("count", "since this was last told"),)),
    Declaration(
        "malformed_packets", Severity.WARNING, "interface",
        "interface {subject}: malformed packets, {reason}: {packets:,} within {seconds} s",
        "Packets whose headers contradict themselves or the capture. They are counted, not measured. Told at once, then at most "
        "once a minute for each interface and reason.",
        "Look at some with tcpdump: a device that sends them, a capture that cuts them (`snaplen`), or a tunnel not known here.",
        (_int("packets", "since this was last told"), _SECONDS, _str("reason", "what is wrong with them"))),
    Declaration(
        "offloads_on", Severity.WARNING, "interface", "interface {subject}: offloads are on: {features}; {why}",
        "The NIC or the kernel merges packets before they are captured: sizes, counts and gaps are not those of the wire.",
        "`offloads=\"off\"`, with CAP_NET_ADMIN; or ethtool -K DEVICE gro off lro off ...",
        (_str("features", "which"), _str("why", "the configuration keeps them, or what stood in the way"))),
    Declaration(
        "packets_merged", Severity.WARNING, "interface",
        "interface {subject}: merged packets: {packets:,} within {seconds} s",
        "Packets longer than the device can send: offloads have merged several. Told at once, then at most once a minute.",
        "See offloads_on.",
        (_int("packets", "since this was last told"), _SECONDS)),
    Declaration(
        "device_lost", Severity.ERROR, "interface", "interface {subject}: device {device} is gone: {why}",
        "The device was removed or set down; it is tried again every few seconds.",
        "Bring it up: ip link set DEVICE up.",
        (_str("device", "name"), _str("why", "the system's words"))),
    Declaration(
        "device_back", Severity.INFO, "interface", "interface {subject}: device {device} is back after {seconds} s",
        "Capture goes on after device_lost.", "Nothing.",
        (_str("device", "name"), _SECONDS)),
    Declaration(
        "timestamps_not_hardware", Severity.WARNING, "interface",
        "interface {subject}: no hardware timestamps: {why}; the kernel's are used",
        "The configuration asks for the clock of the NIC, which does not give its time.",
        "ethtool -T DEVICE tells what it can; `timestamps=\"kernel\"` if it cannot.",
        (_str("why", "the system's words"),)),
    Declaration(
        "capture_warning", Severity.WARNING, "interface", "interface {subject}: {what}",
        "Anything else that a capture source tells: a recording cut short, a packet longer than it may be.",
        "What the text says.",
        (_str("what", "its words"),)),
    Declaration(
        "father_lost", Severity.ERROR, "probe", "probe {subject}: its father process died; the child finishes what it has",
        "Nothing more is captured; what was in the ring is measured and sent.",
        "Look for the reason in the log and the kernel's (out of memory?); report it if it is a fault of ours. Let the service "
        "manager restart the probe."),
    Declaration(
        "events_lost", Severity.WARNING, "probe", "probe {subject}: {events} events could not be told",
        "More events than the child could take.", "Look at the log of that time.",
        (_int("events", "since this was last told"),)),
)

CATALOGUE: Mapping[str, Declaration] = {d.code: d for d in _DECLARATIONS}


@dataclass(frozen=True)
class Event:
    """Something that happened. time_ns: ns since 1970-01-01 UTC, when it was noticed; values: those of its declaration.

    ValueError for a code that is not in the catalogue, or values that are not the declared ones. Texts lose what cannot be
    printed, and what is too long.
    """

    time_ns: int
    code: str
    subject: str = ""
    values: tuple[tuple[str, int | str], ...] = ()

    def __post_init__(self) -> None:
        declaration = CATALOGUE.get(self.code)
        if declaration is None:
            raise ValueError(f"no event {self.code!r}")
        expected = [(p.name, p.type) for p in declaration.parameters]
        if [(name, type(value)) for name, value in self.values] != expected:
            raise ValueError(f"event {self.code}: values {self.values!r}, expected {expected!r}")
        object.__setattr__(self, "subject", _plain(self.subject, SUBJECT_CHARACTERS))
        object.__setattr__(self, "values", tuple(
            (name, _plain(value, VALUE_CHARACTERS) if isinstance(value, str) else value) for name, value in self.values))

    @property
    def severity(self) -> Severity:
        return CATALOGUE[self.code].severity

    @property
    def text(self) -> str:
        """A sentence for a person."""
        return CATALOGUE[self.code].text.format(subject=self.subject, **dict(self.values))


def event(code: str, time_ns: int, subject: str = "", **values: int | str) -> Event:
    """An Event, its values by name in any order. KeyError for a code, ValueError for values that are not in the catalogue."""
    order = [p.name for p in CATALOGUE[code].parameters]
    return Event(time_ns, code, subject, tuple(sorted(values.items(), key=lambda v: order.index(v[0]))))


def _plain(text: str, characters: int) -> str:
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: characters + 1])
    return text if len(text) <= characters else text[: characters - 1] + "…"
