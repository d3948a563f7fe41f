"""A link in a process of its own, inside a network namespace, steered over its standard input.

One line of JSON each way: the first line in is the `LinkConfig`, answered by {"ready": pid}; then requests
{"do": "impair" | "drain" | "totals", ...}, each answered by one line. The end of the input ends the link, which says
its totals as a last line. So the link also ends when the process that started it dies.
"""

import json
import selectors
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.linkemu.config import LinkConfig
from tests.linkemu.impairment import Impairment
from tests.linkemu.netns import Namespace

ANSWER_WITHIN_S = 20.0
_REPOSITORY = Path(__file__).resolve().parents[2]


class LinkProcess:
    """Runs a `Link` in `namespace`: `with LinkProcess(namespace, config) as link: ...`.

    The files in `config.directory` are complete when the `with` block has ended; `totals` holds the counters then.
    """

    def __init__(self, namespace: Namespace, config: LinkConfig) -> None:
        self._namespace = namespace
        self.config = config
        self.totals: dict[str, Any] = {}

    @property
    def west_pcap(self) -> Path:
        """What the tap at the west end saw."""
        return self.config.directory / "west.pcap"

    @property
    def east_pcap(self) -> Path:
        """What the tap at the east end saw."""
        return self.config.directory / "east.pcap"

    @property
    def frame_log(self) -> Path:
        """What was done to every frame; read it with `read_frame_log`."""
        return self.config.directory / "frames.csv.gz"

    def __enter__(self) -> Self:
        self._process = self._namespace.start(
            [sys.executable, "-m", "tests.linkemu", "--steered"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd=_REPOSITORY,
            start_new_session=True,  # Ctrl-C is for us; we then close the link in good order
        )
        try:
            self._say(self.config.to_json())
            self._answer()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self._process.stdin.close()
            self.totals = self._answer()
        except (OSError, TimeoutError):
            if error is None:
                raise
        finally:
            try:
                self._process.wait(ANSWER_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def impair(self, west_to_east: Impairment, east_to_west: Impairment | None = None) -> dict[str, int]:
        """Other impairments from now on (the same both ways unless told); gives {"phase": n, "at_ns": UTC}."""
        self._say(
            json.dumps(
                {
                    "do": "impair",
                    "west_to_east": west_to_east.as_dict(),
                    "east_to_west": (east_to_west or west_to_east).as_dict(),
                }
            )
        )
        return self._answer()

    def drain(self) -> dict[str, Any]:
        """Waits until nothing is on its way, and gives the totals of that moment."""
        self._say('{"do": "drain"}')
        return self._answer()

    def read_totals(self) -> dict[str, Any]:
        """The counters so far."""
        self._say('{"do": "totals"}')
        return self._answer()

    def _say(self, line: str) -> None:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        """The next line of the link; OSError when it has ended, TimeoutError when it stays silent."""
        end = time.monotonic() + ANSWER_WITHIN_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(end - time.monotonic()):
                raise TimeoutError(f"the link gave no answer within {ANSWER_WITHIN_S} s")
        line = self._process.stdout.readline()
        if not line:
            raise OSError(f"the link ended with status {self._process.wait(ANSWER_WITHIN_S)}; see its messages above")
        answer = json.loads(line)
        if "error" in answer:
            raise OSError(f"link: {answer['error']}")
        return answer
