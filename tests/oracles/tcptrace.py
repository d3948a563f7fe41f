"""What tcptrace finds in a capture: one dict per connection, columns of `tcptrace -l -r -n --csv`."""

import shutil
import subprocess
from collections import defaultdict
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

AVAILABLE = shutil.which("tcptrace") is not None
WHY_NOT = "tcptrace is not installed (apt-get install tcptrace)"
Ends = tuple[tuple[str, int], tuple[str, int]]


def ends_of(one: object, port: object, other: object, other_port: object) -> Ends:
    """The two ends of a connection, in an order that does not depend on who opened it."""
    return tuple(sorted([(str(ip_address(str(one))), int(port)), (str(ip_address(str(other))), int(other_port))]))


@lru_cache(maxsize=64)
def connections(path: Path) -> dict[Ends, list[dict[str, str]]]:
    """By their ends, in order of their beginning."""
    text = subprocess.run(["tcptrace", "-l", "-r", "-n", "--csv", str(path)], capture_output=True, text=True, check=False).stdout
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    header = next((i for i, line in enumerate(lines) if line.startswith("conn_#")), len(lines))
    found = defaultdict(list)
    for line in lines[header + 1 :]:
        row = dict(zip(lines[header].split(","), [v.strip() for v in line.split(",")], strict=False))
        if row["conn_#"].isdigit():
            found[ends_of(row["host_a"], row["port_a"], row["host_b"], row["port_b"])].append(row)
    return dict(found)


def of_sender(row: dict[str, str], column: str, address: object, port: int) -> float:
    """A column of the direction whose sender is given."""
    sends = (str(ip_address(row["host_a"])), int(row["port_a"])) == (str(address), port)
    return float(row[f"{column}_{'a2b' if sends else 'b2a'}"])
