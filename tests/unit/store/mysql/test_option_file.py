"""User and password from an option file: what MySQL's own programs would read, and what is refused."""

import subprocess

import pytest

from tmon_store.errors import StoreError
from tmon_store.mysql.option_file import credentials, groups_of

NASTY = """\
# a comment
[other]
user=other
[trafmon_loader]   # ours
user = tmon_db
password = "a b#c"   # quoted
ssl-ca = /etc/ca.pem
no-value
[escapes]
user='tmon'
password=a\\sb\\\\c\\td
[hash]
user=tmon
password=a#b
[blank]
user=tmon
password=a #b
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my.cnf"
    path.touch(0o600)
    path.write_text(NASTY)
    return path


def test_a_group_has_its_own_values(file):
    """Those of other groups do not count."""
    found = credentials(file, "trafmon_loader")
    assert ("tmon_db", "a b#c", {"ssl_ca": "/etc/ca.pem"}) == (found.user, found.password, found.tls)
    assert ["other", "trafmon_loader", "escapes", "hash", "blank"] == groups_of(file)


@pytest.mark.parametrize("group", ["other", "trafmon_loader", "escapes", "hash", "blank"])
def test_values_are_those_that_mysqls_programs_read(file, group):
    """Quotes, comments and escapes as my_print_defaults, which the clients share their reader with, sees them."""
    told = subprocess.run(["my_print_defaults", f"--defaults-file={file}", group], capture_output=True, text=True, check=True)
    options = dict(line.removeprefix("--").partition("=")[::2] for line in told.stdout.splitlines())
    found = credentials(file, group)
    assert (options["user"], options.get("password", "")) == (found.user, found.password)


def test_the_password_is_not_shown(file):
    """Wherever credentials are printed."""
    assert "a b" not in repr(credentials(file, "trafmon_loader"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o660])
def test_a_file_that_others_can_read_is_refused(file, mode):
    """With what to do about it."""
    file.chmod(mode)
    with pytest.raises(StoreError, match=f"mode {mode:04o}.*chmod 600"):
        credentials(file, "trafmon_loader")


@pytest.mark.parametrize(("text", "reason"), [
    ("[a]\nuser=x", r"no group \[trafmon_loader\].*there is \[a\]"),
    ("", "there is none"),
    ("[trafmon_loader]\npassword=x", r"no user in \[trafmon_loader\]"),
    ("[trafmon_loader\nuser=x", ":1: a group without"),
])
def test_what_is_missing_is_told(file, text, reason):
    """File and reason; never a value."""
    file.write_text(text)
    with pytest.raises(StoreError, match=reason):
        credentials(file, "trafmon_loader")


def test_what_is_no_file_is_told(tmp_path):
    """Neither there, nor a file, nor text."""
    with pytest.raises(StoreError, match="No such file"):
        credentials(tmp_path / "none", "g")
    with pytest.raises(StoreError, match=r"not a file|Is a directory"):
        credentials(tmp_path, "g")
    binary = tmp_path / "binary"
    binary.touch(0o600)
    binary.write_bytes(b"[g]\nuser=\xff")
    with pytest.raises(StoreError, match="not UTF-8"):
        credentials(binary, "g")
