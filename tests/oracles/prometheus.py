"""Prometheus and promtool, as programs: a server of its own, in a directory of the test, at a port that is free."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from tests.pipeline.probe_process import until

AVAILABLE = shutil.which("prometheus") is not None and shutil.which("promtool") is not None
WHY_NOT = "Prometheus is not installed (apt-get install --no-install-recommends prometheus)"
LIMIT_S = 60
SCRAPE_S = 0.2


def promtool(*arguments: str, given: str = "", directory: Path | None = None) -> str:
    """What it says. AssertionError if it is not content."""
    done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, text=True, check=False, timeout=LIMIT_S,
                          cwd=directory)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class Prometheus:
    """Asks the targets ("127.0.0.1:9778") five times a second. rules: files with rules."""

    def __init__(self, directory: Path, targets: list[str], rules: tuple[Path, ...] = ()) -> None:
        self._directory = directory
        (directory / "prometheus.yml").write_text(json.dumps({  # JSON is YAML
            "global": {"scrape_interval": f"{SCRAPE_S * 1000:.0f}ms", "scrape_timeout": f"{SCRAPE_S * 1000:.0f}ms",
                       "evaluation_interval": "200ms"},
            "rule_files": [str(p) for p in rules],
            "scrape_configs": [{"job_name": "trafmon", "static_configs": [{"targets": targets}]}]}))

    def __enter__(self) -> Self:
        self._log = (self._directory / "prometheus.log").open("w+")
        self._process = subprocess.Popen(
            ["prometheus", f"--config.file={self._directory / 'prometheus.yml'}", f"--storage.tsdb.path={self._directory / 'data'}",
             "--web.listen-address=127.0.0.1:0", "--log.format=json"], stdout=self._log, stderr=subprocess.STDOUT)
        until(self._ready, "Prometheus is ready", LIMIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def query(self, expression: str) -> list[tuple[Mapping[str, str], float]]:
        """(labels, value) of each series there is now. AssertionError with its message if it does not understand."""
        answer = self.ask("query", query=expression)
        assert answer["status"] == "success", f"{expression}: {answer}"
        return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]

    def ask(self, what: str, **parameters: str) -> Any:
        """Of its API."""
        url = f"http://{self._address}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=LIMIT_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    def _ready(self) -> bool:
        assert self._process.poll() is None, self._told()
        told = [json.loads(line) for line in self._told().splitlines() if line.endswith("}")]
        for line in told:
            if line.get("msg") == "Listening on" and line.get("component") == "web":
                self._address = line["address"]
        return any("is ready to receive" in line.get("msg", "") for line in told)

    def _told(self) -> str:
        return (self._directory / "prometheus.log").read_text()
