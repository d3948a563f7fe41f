"""The file of secrets: what is taken, what is refused and why, and that `trafmon snmp-secrets` adds without changing."""

import traceback

import pytest

from tests.unit.config.documents import GOOD, write
from tmon_agent.secrets import Passphrases, SecretsError, add_missing, read_secrets, secrets_of
from tmon_agent.secrets_watch import SecretsWatch
from tmon_common.config.monitoring_model import Monitoring, SnmpUser
from trafmon.__main__ import main

MONITORING = '<monitoring><community name="old"/><user name="noc"/><user name="ops"/></monitoring><store'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "snmp.secrets"


def written(path, text, mode=0o600):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def test_what_it_says(path):
    """Quotes, comments, empty lines; of all this the configuration gets what it names."""
    written(path, '# ours\ncommunity old s3cret\n\nuser ops "long enough" \'as "this" is\' # both\nuser other 12345678 87654321\n')
    secrets = read_secrets(path)
    assert {"old": "s3cret"} == secrets.communities
    assert Passphrases("long enough", 'as "this" is') == secrets.users["ops"]
    monitoring = Monitoring(secrets=path, communities=("old",), users=(SnmpUser("ops"),))
    assert {"ops"} == set(secrets_of(monitoring).users)


@pytest.mark.parametrize(("text", "reason"), [
    ("user noc 1234567 long-enough-1", 'snmp.secrets:1: user "noc": a passphrase of 7 octets; expected 8 to 255'),
    ("\nuser noc long-enough-1 " + 256 * "x", "snmp.secrets:2:"),
    ("user noc long-enough-1", "snmp.secrets:1: expected"),
    ("community old ''", "0 octets"),
    ("community", "expected `community NAME STRING`"),
    ("password noc long-enough-1", "expected `community NAME STRING`"),
    ("community old a1\ncommunity old a2", 'snmp.secrets:2: community "old" is there already'),
    ('user noc "long-enough-1 long-enough-1', "quotation mark"),
    (b"community old \xff\xfe", "UTF-8"),
    (70_000 * "#", "longer than"),
])
def test_what_is_refused(path, text, reason):
    """With line and cure, and without the secret, wherever one looks."""
    written(path, text)
    with pytest.raises(SecretsError) as refused:
        read_secrets(path)
    assert reason in str(refused.value)
    assert "long-enough-1" not in "".join(traceback.format_exception(refused.value))


def test_who_else_may_read_it(path):
    written(path, "community old s3cret\n", 0o640)
    with pytest.raises(SecretsError, match="chmod 600"):
        read_secrets(path)


def test_missing_ones(path):
    """No file: how to make it. A file without one that is named: which. Nobody named: no file is wanted."""
    assert not secrets_of(Monitoring(secrets=path)).users
    with pytest.raises(SecretsError, match="there is none; make it with `trafmon snmp-secrets"):
        secrets_of(Monitoring(secrets=path, communities=("old",)))
    written(path, "community old s3cret\n")
    with pytest.raises(SecretsError, match='nothing of user "noc"'):
        secrets_of(Monitoring(secrets=path, communities=("old",), users=(SnmpUser("noc"),)))


def test_secrets_do_not_show():
    assert "hidden" not in repr(Passphrases("hidden-1", "hidden-2"))


def test_the_command_adds_what_is_missing(tmp_path, path, capsys):
    """For its owner alone; what is there stays; nothing secret is printed."""
    configuration = write(tmp_path, GOOD.replace("<store", MONITORING))
    written(path, "community old s3cret # by hand")
    assert main(["snmp-secrets", "-c", str(configuration)]) == 0
    first = path.read_text()
    assert first.startswith("community old s3cret # by hand\n")
    assert path.stat().st_mode & 0o777 == 0o600
    told = capsys.readouterr().out
    assert "user noc, user ops made" in told
    secrets = read_secrets(path)
    assert set(secrets.users) == {"noc", "ops"}
    made = {p for u in secrets.users.values() for p in (u.auth, u.priv)}
    assert len(made) == 4
    assert not any(secret in told for secret in made)
    assert main(["snmp-secrets", "-c", str(configuration)]) == 0
    assert first == path.read_text()


def test_the_command_says_why_not(tmp_path, path, capsys):
    configuration = write(tmp_path)
    assert main(["snmp-secrets", "-c", str(configuration)]) == 2
    assert "nothing to make" in capsys.readouterr().err
    write(tmp_path, GOOD.replace("<store", MONITORING))
    written(path, "community old s3cret\n", 0o644)
    assert main(["snmp-secrets", "-c", str(configuration)]) == 2
    assert "chmod 600" in capsys.readouterr().err


def test_it_is_made_anew(path):
    """Where there was none, with a word of what it is."""
    monitoring = Monitoring(secrets=path, communities=("old",))
    assert add_missing(monitoring) == ["community old"]
    assert path.read_text().startswith("# Secrets of SNMP")
    assert secrets_of(monitoring).communities["old"]


def test_a_file_that_changes(path, caplog):
    """Read anew when it is another and can be used; otherwise what was read before stays, and that is told."""
    monitoring = Monitoring(secrets=path, communities=("old",))
    written(path, "community old s3cret\n")
    watch = SecretsWatch(monitoring)
    assert watch.changed() is None
    written(path, "community old an-other\n")
    assert {"old": "an-other"} == watch.changed().communities
    assert watch.changed() is None
    written(path, "community young s3cret\n")
    assert watch.changed() is None
    assert "stay in use" in caplog.text
    assert {"old": "an-other"} == watch.secrets.communities
    written(path, "# the same\ncommunity old an-other\n")
    assert watch.changed() is None
    path.unlink()
    assert watch.changed() is None
