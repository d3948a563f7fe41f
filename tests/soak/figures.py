"""What the database says, in the words of the ledger."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import duckdb

from tests.soak.ledger import Connection, Count, Flow, Query, Transfer, Way

_FLOW = "f.protocol, f.src_addr, f.dst_addr, f.src_port, f.dst_port"
_DIRECTIONS = ("", "_rev")
_COUNTED = {"ip_counters": (("packets", "octets", "fragments"), ("packets", "octets", "fragments")),
            "udp_counters": (("datagrams", "payload_octets"), ("messages", "payload"))}
"""Columns, and what the ledger calls them."""
_ENDED_LATE = ("timeout", "capture_end", "replaced")


class Figures:
    """Of a database that nobody has open."""

    def __init__(self, database: Path) -> None:
        self._database = duckdb.connect(str(database), read_only=True)

    def close(self) -> None:
        self._database.close()

    def flows(self, place: str) -> dict[Flow, Count]:
        """Sums of ip_counters and udp_counters of class `all`, each direction by itself."""
        found: dict[Flow, Count] = {}
        for kind, (columns, names) in _COUNTED.items():
            sums = ", ".join(f"sum(c.{column}{way}_sum)" for way in _DIRECTIONS for column in columns)
            for row in self._all(f"""SELECT {_FLOW}, {sums} FROM {kind}_1min c JOIN flow f USING (flow_key)
                    WHERE f.probe = ? AND f.flow_class = 'all' GROUP BY {_FLOW}""", place):
                flow, values = Flow(*row[:5]), [int(value) for value in row[5:]]
                for one, of_one in ((flow, values[:len(columns)]), (flow.reverse, values[len(columns):])):
                    if any(of_one):
                        count = found.setdefault(one, Count())
                        for name, value in zip(names, of_one, strict=True):
                            setattr(count, name, getattr(count, name) + value)
        return found

    def connections(self, place: str) -> Counter[Connection]:
        """What ended without an end in words is `timeout`: who waits longer, or the end of the probe, makes no difference."""
        rows = self._all("""SELECT client_addr, client_port, server_addr, server_port, segments, segments_rev, unique_octets,
            unique_octets_rev, ended_by FROM tcp_connection JOIN flow f USING (flow_key) WHERE f.probe = ?""", place)
        return Counter(Connection(*row[:6], row[6] or 0, row[7] or 0, "timeout" if row[8] in _ENDED_LATE else row[8])
                       for row in rows)

    def queries(self, place: str) -> Counter[Query]:
        return Counter(Query(*row) for row in self._all("""SELECT client_addr, client_port, server_addr, query_name, rcode,
            query_octets, response_octets FROM dns_transaction JOIN flow f USING (flow_key) WHERE f.probe = ?""", place))

    def transfers(self, place: str) -> Counter[Transfer]:
        return Counter(Transfer(*row) for row in self._all("""SELECT client_addr, command, path, mode, octets, outcome, reply_code
            FROM ftp_transfer JOIN flow f USING (flow_key) WHERE f.probe = ?""", place))

    def echoes(self, place: str) -> dict[tuple[str, str], Counter[str]]:
        """By (requester, responder)."""
        found: dict[tuple[str, str], Counter[str]] = {}
        for requester, responder, outcome in self._all("""SELECT requester_addr, responder_addr, outcome FROM round_trip
                JOIN flow f USING (flow_key) WHERE f.probe = ? AND metric = 'icmp_echo'""", place):
            found.setdefault((requester, responder), Counter())[outcome] += 1
        return found

    def ways(self) -> Counter[Way]:
        return Counter(Way(*row) for row in self._all("""SELECT f.src_port, f.dst_port, signature, octets, verdict
            FROM one_way_packet JOIN flow f USING (flow_key)"""))

    def verdicts(self) -> Counter[str]:
        """By the counters, which are made apart from the rows of packets."""
        row, = self._all("SELECT sum(packets), sum(complete), sum(lost), sum(dropped), sum(missed), sum(injected), sum(clashes) "
                         "FROM one_way_counters_1min")
        names = ("packets", "complete", "lost", "dropped", "missed", "injected", "clashes")
        return Counter({name: int(value) for name, value in zip(names, row, strict=True) if value})

    def sizes(self, place: str) -> tuple[int, int]:
        """(packets, octets) of all histograms of sizes."""
        row, = self._all("""SELECT sum(population + population_rev), sum(c.sum + sum_rev) FROM ip_sizes_1min c
            JOIN flow f USING (flow_key) WHERE f.probe = ?""", place)
        return int(row[0] or 0), int(row[1] or 0)

    def events(self) -> Counter[tuple[str, str, str]]:
        """By (severity, code, subject)."""
        return Counter(self._all("SELECT severity, code, coalesce(subject, '') FROM event"))

    def rejected(self) -> int:
        """Rows that the loader refused."""
        row, = self._all("SELECT sum(rejected) FROM loaded_file")
        return int(row[0] or 0)

    def _all(self, statement: str, *values: str) -> list[tuple]:
        return self._database.execute(statement, values).fetchall()
