"""Slow twins of the readers of DNS, SNMP and NTP, of the table of requests, and of the distribution of round trips."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, log

SECOND = 1_000_000_000
MAX_INT = 2**63 - 1


class MalformedError(Exception):
    pass


class CutError(Exception):
    pass


@dataclass
class Octets:
    """A payload of `declared` octets, of which `captured` are there. Whoever looks beyond one or the other is told."""

    captured: bytes
    declared: int

    def take(self, at: int, count: int, end: int) -> bytes:
        if at + count > min(end, self.declared):
            raise MalformedError
        if at + count > len(self.captured):
            raise CutError
        return self.captured[at : at + count]


def role_of(read, *arguments) -> tuple:
    """What `read` gives, ("malformed",) or ("cut",)."""
    try:
        return read(*arguments)
    except MalformedError:
        return ("malformed",)
    except CutError:
        return ("cut",)


def dns(o: Octets) -> tuple:
    """(role, id, question or None, rcode), RFC 1035 section 4.1."""
    header = o.take(0, 12, o.declared)
    number, flags, questions = (int.from_bytes(header[i : i + 2], "big") for i in (0, 2, 4))
    role = "answer" if flags >> 15 else "request"
    opcode = flags >> 11 & 15
    question = None
    if questions:
        try:
            question = opcode, *_question(o)
        except CutError:
            question = None
    elif role == "request":
        question = (opcode,)
    return role, number, question, flags & 15 if flags >> 15 else 0


def _question(o: Octets) -> tuple:
    labels, at = [], 12
    while True:
        length = o.take(at, 1, o.declared)[0]
        if length > 63 or at + 1 + length - 12 > 255 or at + 1 + length > o.declared:
            raise MalformedError
        label = o.take(at + 1, length, o.declared)
        at += 1 + length
        if not length:
            return tuple(labels), o.take(at, 4, o.declared)
        labels.append(bytes(x + 32 if 65 <= x <= 90 else x for x in label))


def element(o: Octets, at: int, end: int) -> tuple[int, int, int]:
    """(tag, begin, end of the contents) of the BER element at `at`, in one that ends at `end`. X.690 section 8.1."""
    tag, length = o.take(at, 2, end)
    at += 2
    if tag & 31 == 31:
        raise MalformedError
    if length & 128:
        count = length & 127
        if not 1 <= count <= 4:
            raise MalformedError
        length = int.from_bytes(o.take(at, count, end), "big")
        at += count
    if at + length > end:
        raise MalformedError
    return tag, at, at + length


def one(o: Octets, at: int, end: int, tag: int) -> tuple[int, int]:
    found, begin, stop = element(o, at, end)
    if found != tag:
        raise MalformedError
    return begin, stop


def number(o: Octets, at: int, end: int) -> tuple[int, int]:
    begin, stop = one(o, at, end, 2)
    if not 1 <= stop - begin <= 8:
        raise MalformedError
    return int.from_bytes(o.take(begin, stop - begin, end), "big", signed=True), stop


def snmp(o: Octets, src_port: int, dst_port: int) -> tuple:
    """(role, identifier, version, error-status)."""
    begin, end = one(o, 0, o.declared, 0x30)
    version, at = number(o, begin, end)
    if version in (0, 1):
        _, at = one(o, at, end, 4)
        role, request_id, code = pdu(o, at, end)
        return role, request_id, version, code
    if version == 2:
        return ("nothing",)
    if version != 3:
        raise MalformedError
    header, at = one(o, at, end, 0x30)
    message_id, header = number(o, header, at)
    _, header = number(o, header, at)
    header, stop = one(o, header, at, 4)
    if stop - header != 1:
        raise MalformedError
    flags = o.take(header, 1, stop)[0]
    number(o, stop, at)
    _, at = one(o, at, end, 4)
    if flags & 2:
        one(o, at, end, 4)
        if flags & 4:
            return "request", message_id, version, 0
        if dst_port == 162 and src_port != 162:
            return ("nothing",)
        return "answer", message_id, version, 0
    at, end = one(o, at, end, 0x30)
    for _ in range(2):
        _, at = one(o, at, end, 4)
    role, _, code = pdu(o, at, end)
    return role, message_id, version, code


def pdu(o: Octets, at: int, end: int) -> tuple:
    tag, at, end = element(o, at, end)
    if tag in (0xA4, 0xA7):
        return "nothing", 0, 0
    if not 0xA0 <= tag <= 0xA8:
        raise MalformedError
    request_id, at = number(o, at, end)
    if tag not in (0xA2, 0xA8):
        return "request", request_id, 0
    code, _ = number(o, at, end)
    if not 0 <= code <= 65535:
        raise MalformedError
    return "answer", request_id, code


def ntp(o: Octets) -> tuple:
    """(role, timestamp)."""
    mode = o.take(0, 1, o.declared)[0] & 7
    if mode in (0, 6, 7):
        return ("nothing",)
    if o.declared < 48:
        raise MalformedError
    if mode == 5:
        return ("nothing",)
    header = o.take(0, 48, o.declared)
    stamp = header[40:48] if mode in (1, 3) else header[24:32]
    if stamp == bytes(8):
        return ("nothing",)
    return "request" if mode in (1, 3) else "answer", int.from_bytes(stamp, "big")


@dataclass
class RequestTwin:
    """Requests in a list. told: as `Requests` tells it, (time, key, outcome, took, counted, way, flow, code)."""

    timeout_ns: int
    maximum: int = 1 << 60
    repeat_ns: int = 5 * SECOND
    jump_ns: int = 60 * SECOND
    waiting: list[dict] = field(default_factory=list)
    told: list[tuple] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)

    def message(self, m: dict) -> None:
        """m: asks, key (hashable), question (0: any), time, flow, way, code."""
        alike = [w for w in self.waiting if w["key"] == m["key"]]
        if m["asks"]:
            same = [w for w in alike if w["question"] == m["question"]]
            if same:
                age = m["time"] - same[0]["time"]
                if -self.jump_ns <= age <= min(self.repeat_ns, self.timeout_ns):
                    self.counts["repeated"] += 1
                    return
                self._give_up(same[0], m["time"])
            elif len(alike) >= 8:
                self.waiting.remove(min(alike, key=lambda w: w["time"]))
                self.counts["evicted"] += 1
            elif len(self.waiting) == self.maximum:
                oldest = sorted(self.waiting, key=lambda w: w["time"])[: max(self.maximum // 8, 1)]
                self.waiting = [w for w in self.waiting if w not in oldest]
                self.counts["evicted"] += len(oldest)
            self.waiting.append(m)
            return
        same = [w for w in alike if 0 in (w["question"], m["question"]) or w["question"] == m["question"]]
        asked = min(same, key=lambda w: w["time"], default=None)
        if asked is None or m["time"] < asked["time"]:
            self.counts["unmatched"] += 1
        elif m["time"] - asked["time"] > self.timeout_ns:
            self.counts["unmatched"] += 1
            self._give_up(asked, m["time"])
        else:
            self.waiting.remove(asked)
            outcome = "error" if m["code"] else "answered"
            took = m["time"] - asked["time"]
            self.told.append((asked["time"], asked["key"], outcome, took, m["time"], asked["way"], asked["flow"], m["code"]))

    def sweep(self, now_ns: int, flows=(), everything: bool = False) -> None:
        for w in list(self.waiting):
            age = now_ns - w["time"]
            if everything or age > self.timeout_ns or age < -self.jump_ns or w["flow"] in flows:
                self._give_up(w, now_ns)

    def _give_up(self, w: dict, now_ns: int) -> None:
        self.waiting.remove(w)
        self.counts["unanswered"] += 1
        due = w["time"] + self.timeout_ns
        counted = now_ns if w["time"] <= now_ns < due else due
        self.told.append((w["time"], w["key"], "unanswered", -1, counted, w["way"], w["flow"], 0))


def bucket_of(time_ns: int) -> int:
    """Least n >= 0 with time <= 1.04^n ns, by exact fractions."""
    if time_ns <= 1:
        return 0
    n = max(ceil(log(time_ns) / log(1.04)) - 2, 0)
    while Fraction(26, 25) ** n < time_ns:
        n += 1
    return n


class DistributionTwin:
    """rows[key][column], buckets[key]: what all rows of a key must add up to."""

    def __init__(self, interval_ns: int, bounds: tuple[int, ...]) -> None:
        self.interval_ns, self.bounds = interval_ns, bounds
        self.rows: dict = defaultdict(Counter)
        self.extremes: dict = defaultdict(list)
        self.buckets: Counter = Counter()

    def add(self, flow, metric, responder, way, outcome, took_ns, code, counted_ns) -> None:
        key = flow, counted_ns // self.interval_ns * self.interval_ns, metric, responder
        suffix = "_rev" * way
        if outcome == "unanswered":
            self.rows[key].update({"unanswered" + suffix: 1})
            return
        found = {"population": 1, "sum": took_ns, "sum_of_squares": int(Fraction(took_ns**2, 10**6) + Fraction(1, 2)),
                 f"slice_{1 + sum(took_ns > b for b in self.bounds):02d}": 1}
        if outcome == "error":
            found["errors"] = 1
            if code <= 5:
                found[f"error_code_{code:02d}"] = 1
        self.rows[key].update({name + suffix: n for name, n in found.items()})
        self.extremes[key, suffix].append(took_ns)
        self.buckets[(*key, bucket_of(took_ns), suffix)] += 1
