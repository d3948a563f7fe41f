"""kill -9 at any step, on both engines: every row counts once, every file is in the spool or an archive, once."""

import random
import signal
import subprocess
import sys
import time

import pytest

from tests.mariadb import MariaDB
from tests.pipeline.loader_site import ROOT, SCRIPT, Site
from tests.unit.store.spool_files import START, row_of, write_file
from tmon_common.config.store_model import Store
from tmon_store.load import load_spool

KILLS = 10


@pytest.fixture(params=["duckdb", "mysql"])
def site(request, tmp_path) -> Site:
    archive = tmp_path / "archive"
    if request.param == "mysql":
        server: MariaDB = request.getfixturevalue("mariadb")
        store = server.store(archive=archive)
    else:
        store = Store(database=tmp_path / "t.duckdb", archive=archive)
    site = Site(tmp_path, store)
    site.configure()
    return site


class Arriving:
    """Files of several kinds whose rows meet in the same minutes, hours and days, those of earlier ones too."""

    def __init__(self, site: Site, seed: int) -> None:
        self._site, self._r, self._files = site, random.Random(seed), 0
        self.counters: list[dict] = []
        self.sizes: list[dict] = []
        self.events = 0
        self.names: set[str] = set()

    def more(self) -> None:
        r = self._r
        flows = [r.randint(1, 5) for _ in range(20)]
        starts = [(START + r.choice([0, 60, 4000, 100_000]) + r.randint(0, 90)) * 10**9 for _ in flows]
        counters = [row_of("ip_counters", flow=f, start=s, packets=r.randint(0, 1 << 40), octets=r.randint(0, 10**6))
                    for f, s in zip(flows, starts, strict=True)]
        sizes = [row_of("ip_sizes", flow=f, start=s, histogram="h", population=2, sum=r.randint(0, 9), minimum=r.randint(0, 4),
                        maximum=r.randint(5, 9)) for f, s in zip(flows, starts, strict=True)]
        self.counters += counters
        self.sizes += sizes
        self.events += 1
        self._put("ip_counters", counters[:10])
        self._put("ip_counters", counters[10:])
        self._put("ip_sizes", sizes)
        self._put("event", [row_of("event", code="x", time=starts[0])])
        self._put("flow_definition", [row_of("flow_definition", flow=f, flow_class="all") for f in range(1, 6)])

    def _put(self, kind: str, rows: list[dict]) -> None:
        self._files += 1
        self.names.add(write_file(self._site.spool, kind, rows, f"2023111{4 + self._files % 2}T000000_{self._files:06d}Z").name)

    def check(self) -> None:
        """Everything that arrived is in the database and in archives, once; nothing is in the spool."""
        site = self._site
        site.check_rollups("ip_counters", self.counters)
        site.check_rollups("ip_sizes", self.sizes)
        assert [(self.events, 0)] == site.ask("SELECT count(*), count(*) - count(code) FROM event")
        assert [(5, 5, 5)] == site.ask("SELECT count(*), count(flow_class), count(DISTINCT flow_key) FROM flow")
        assert sorted(self.names) == sorted(name for name, in site.ask("SELECT name FROM loaded_file"))
        self.check_files()
        assert site.spooled() == set()
        assert not list(site.store.archive.glob("*.part"))

    def check_files(self) -> None:
        """What holds at any moment."""
        archived = self._site.archived() if self._site.store.archive.exists() else {}
        assert all(number == 1 for number in archived.values()), archived
        # While files are added to an archive it has another name; those of it are counted when it is mended.
        if not list(self._site.store.archive.glob("*.part")):
            assert self.names == set(archived) | self._site.spooled()


def killed(site: Site, step: int | str, place: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.pipeline.killed_loader", site.config, str(step), place]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_killed_at_steps(site):
    """Before, within and after random steps, among them the first and last; now and then twice before a run goes to its end."""
    r = random.Random(5)
    arriving = Arriving(site, 6)
    arriving.more()
    whole = killed(site, 0, "before")  # also makes the database, so that what follows counts the steps of ordinary runs
    assert whole.returncode == 0, whole.stderr
    arriving.check()
    arriving.more()
    steps = int(killed(site, 0, "before").stdout)
    assert steps > 40
    survived = 0
    for number in range(KILLS):
        arriving.more()
        step = steps if number == 0 else r.randint(steps // 5, steps)
        result = killed(site, step, r.choice(["before", "within", "after"]))
        assert result.returncode in (0, -signal.SIGKILL), result.stderr
        survived += result.returncode == 0
        arriving.check_files()
        if number % 4 == 3:
            continue
        assert load_spool(site.spool, site.store).warnings == []
        arriving.check()
    load_spool(site.spool, site.store)
    arriving.check()
    assert survived < KILLS / 2


@pytest.mark.parametrize("place", ["before", "after"])
def test_killed_at_the_commit(site, place):
    """Before it nothing has happened, after it all has: no run sees anything between."""
    arriving = Arriving(site, 10)
    arriving.more()
    load_spool(site.spool, site.store)
    arriving.more()
    assert killed(site, "COMMIT", place).returncode == -signal.SIGKILL
    load_spool(site.spool, site.store)
    arriving.check()


def test_killed_while_the_database_is_made(site):
    """Tables half made: the next run makes the others."""
    r = random.Random(8)
    arriving = Arriving(site, 7)
    arriving.more()
    for step in sorted(r.randint(1, 40) for _ in range(3)):
        assert killed(site, step, r.choice(["before", "after"])).returncode == -signal.SIGKILL
    assert load_spool(site.spool, site.store).warnings == []
    arriving.check()


def test_killed_at_random_moments(site):
    """The program itself, killed after a random time, with files arriving in between."""
    r = random.Random(7)
    arriving = Arriving(site, 9)
    arriving.more()
    load_spool(site.spool, site.store)
    for _ in range(4):
        arriving.more()
        process = subprocess.Popen([sys.executable, SCRIPT, "-c", site.config], cwd=ROOT, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + r.uniform(0.3, 1.5)
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.wait()
        arriving.check_files()
    assert load_spool(site.spool, site.store).warnings == []
    arriving.check()
