"""A probe that cannot have its shared memory says why and what to do, and leaves nothing behind."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.probe_process import ROOT, START_LIMIT_S, configure, recording
from tmon_common.event_board import ENDING
from tmon_probe import health

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="takes root and unshare (util-linux)")
STRANGER = 65534
IN_THE_WAY = "is in the way, and another user's"
START = """
set -e
mount -t tmpfs -o size=$1,mode=1777,uid=$2 none /dev/shm
ls() { command ls -A /dev/shm; }
if [ -n "$3" ]; then setpriv --reuid $2 --clear-groups sh -c 'umask 0; : > "$0"' "/dev/shm/$3"; fi
status=0
"${@:4}" || status=$?
echo "status $status, left: $(ls)"
"""


@pytest.mark.parametrize(("size", "foreign", "message"), [
    ("16k", None, "no room for [0-9,]* octets of shared memory"),
    ("512m", "", IN_THE_WAY),
    ("512m", ENDING, IN_THE_WAY),
], ids=["full", "statistics of another user", "board of another user"])
def test_refused(tmp_path: Path, size: str, foreign: str | None, message: str):
    """The directory is not root's here, which without capabilities is a user like others."""
    recording(tmp_path / "recording.pcap", 10, 1)
    configuration = configure(tmp_path, f'<interface name="lan"><file path="{tmp_path}/recording.pcap"/></interface>')
    in_the_way = "" if foreign is None else health.segment_name(configuration, "probe") + foreign
    probe = [sys.executable, "-m", "tmon_probe", "-c", str(configuration.path), "probe"]
    done = subprocess.run(["unshare", "--mount", "bash", "-c", START, "start", size, str(STRANGER), in_the_way, *probe],
                          capture_output=True, text=True, timeout=START_LIMIT_S, check=False, cwd=ROOT)
    assert f"status 2, left: {in_the_way}\n" == done.stdout, done.stderr
    assert "Traceback" not in done.stderr
    assert re.search(f"^tmon_probe: .*{message}", done.stderr, re.MULTILINE), done.stderr
