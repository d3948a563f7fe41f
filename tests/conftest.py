"""What all tests share: the hypothesis profile, and the real captures at hand."""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.left_segments import remove_left
from tests.mariadb import IN_MEMORY, MariaDB, enough_memory, running

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_CAPTURES = REPOSITORY.parent / "shared" / "captures"
OWN_CAPTURES = REPOSITORY / "tests" / "captures"
NOT_THERE = "no capture in ../shared/captures beside the checkout, and none in tests/captures"

# A shell starts what runs in the background with SIGINT ignored, and programs under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "project", deadline=None, derandomize=True, max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])  # fmt: skip
settings.load_profile("project")


def real_captures() -> list[Path]:
    """Every pcap and pcapng file of the shared folder (when it is there) and of the project."""
    shared = SHARED_CAPTURES.glob("*.pcap*")
    return [*sorted(shared), *sorted(OWN_CAPTURES.glob("**/*.pcap*"))]


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A server that all tests of the session share; each takes databases of its own (`mariadb.store()`)."""
    with tempfile.TemporaryDirectory(prefix="tmdb-", dir=IN_MEMORY if enough_memory() else None) as folder:
        Path(folder).chmod(0o755)  # the server runs as another user
        with running(Path(folder, "m")) as server:
            yield server


@pytest.fixture(scope="session", autouse=True)
def no_shared_memory_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs that were killed leave theirs."""
    yield
    remove_left(tmp_path_factory.getbasetemp())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `capture` runs once for every real capture."""
    if "capture" not in metafunc.fixturenames:
        return
    found = [pytest.param(path, id=f"{path.parent.name}/{path.name}") for path in real_captures()]
    metafunc.parametrize("capture", found or [pytest.param(None, marks=pytest.mark.skip(reason=NOT_THERE))])


def pytest_report_header() -> str:
    if SHARED_CAPTURES.is_dir():
        return f"captures: {len(real_captures())} files"
    return "captures: ../shared/captures is not there; tests that compare on those real captures do not run"
