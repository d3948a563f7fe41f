"""The Debian package, built once, and a host on which it is installed."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.package.container import Host, why_unavailable

PYTHON = "/usr/bin/python3"
BUILD_LIMIT_S = 600


@pytest.fixture(scope="session")
def own_hosts() -> None:
    """Skips where no host of its own can be made."""
    if reason := why_unavailable():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from this checkout by scripts/package, for the Python of Debian."""
    if subprocess.run([PYTHON, "-c", "import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))"], check=False,
                      capture_output=True).returncode:
        pytest.skip(f"{PYTHON} cannot make virtual environments for Python 3.11 or later (Debian: python3-venv)")
    output = tmp_path_factory.mktemp("package")
    output.chmod(0o755)
    built = subprocess.run([REPOSITORY / "scripts" / "package", "--output", output, "--compression", "gzip -z1"],
                           capture_output=True, text=True, timeout=BUILD_LIMIT_S, check=False)
    assert 0 == built.returncode, built.stderr
    return Path(built.stdout.strip())


@pytest.fixture(scope="module")
def installed(own_hosts, package: Path) -> Iterator[Host]:
    """A host without network, with the package and nothing else of ours; kernels are compiled when programs start."""
    with Host([package.parent]) as host:
        host.run("dpkg", "--install", str(package), TRAFMON_KERNELS="no")
        yield host


@pytest.fixture(scope="module")
def where_packages_come_from() -> dict[str, str]:
    """How pip is told on this machine, by the environment."""
    return {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_")) or k.lower().endswith("_proxy")}
