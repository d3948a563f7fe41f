"""Loaded files in compressed tars: whole at any moment, nothing lost, nothing twice. tar and gzip judge."""

import hashlib
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.pipeline.small_disk import small_disk
from tmon_store.archive import Loaded, archive, expired, purge
from tmon_store.growing_tar import END, Entry, add, mend

ROOT = Path(__file__).resolve().parents[3]
DAY_NS = 86_400_000_000_000


def put(spool, name, data):
    """A file in the spool, as the manifest knows it."""
    spool.mkdir(exist_ok=True)
    path = spool / name
    path.write_bytes(data)
    return Loaded(path, len(data), hashlib.sha256(data).hexdigest())


def again(file):
    return file._replace(before=True)


def listed(tar):
    """Names in an archive, as tar gives them; fails if tar or gzip finds anything wrong."""
    subprocess.run(["gzip", "-t", tar], check=True)
    result = subprocess.run(["tar", "-tzf", tar], capture_output=True, text=True, check=True)
    assert result.stderr == ""
    return result.stdout.splitlines()


def unpacked(tar, directory):
    """Name -> octets, as tar unpacks it."""
    directory.mkdir()
    subprocess.run(["tar", "-xzf", tar, "-C", directory], check=True)
    return {p.name: p.read_bytes() for p in directory.iterdir()}


def test_end_is_what_ends_a_tar():
    """Two blocks of zeros, by gzip itself."""
    result = subprocess.run(["gzip", "-dc"], input=END, capture_output=True, check=True)
    assert bytes(1024) == result.stdout


def test_a_tar_for_each_day_and_collector(tmp_path):
    """However often files are added: every file once, octet by octet, and gone from the spool."""
    r, spool, out = random.Random(1), tmp_path / "spool", tmp_path / "archive"
    expected = {}
    for run in range(4):
        files = []
        for collector in ("c1", "c2.north"):
            for day in ("20231114", "20231115"):
                name = f"ip_counters.{collector}.{day}T0{run}0000_123456Z{'-1' if run == 2 else ''}.csv"
                data = r.randbytes(r.choice([0, 1, 511, 512, 513, 3_000_000]))
                files.append(put(spool, name, data))
                expected.setdefault(f"{collector}.{day}.tar.gz", {})[name] = data
        result = archive(out, files)
        assert (4, []) == (result.gone, result.left)
        assert list(spool.iterdir()) == []
        for name, content in expected.items():
            assert sorted(content) == sorted(listed(out / name))
    assert sorted(expected) == sorted(p.name for p in out.glob("*.gz"))
    for number, (name, content) in enumerate(expected.items()):
        assert content == unpacked(out / name, tmp_path / str(number))


def test_odd_names(tmp_path):
    """Without a time in its name, a file goes to the day of its own; any name is kept as it is."""
    spool, out = tmp_path / "spool", tmp_path / "archive"
    names = ["event.c1.1.csv", "event.csv", "event.c1.20239914T000000Z.csv", f"event.c1.{'x' * 200}.csv", "event.ünï-$(x).1.csv"]
    files = [put(spool, n, n.encode()) for n in names]
    for file in files:
        os.utime(file.path, (1_700_000_040, 1_700_000_040))
    result = archive(out, files)
    assert (5, []) == (result.gone, result.left)
    assert {"c1.20231114.tar.gz", "other.20231114.tar.gz", "ünï-$(x).20231114.tar.gz"} == {p.name for p in out.glob("*.gz")}
    content = unpacked(out / "c1.20231114.tar.gz", tmp_path / "x")
    assert {n: n.encode() for n in names if n.startswith("event.c1")} == content


def test_files_of_other_names_are_gone_or_of_no_time(tmp_path):
    """Their archive is that of their time: who has none is told, and a time that no calendar has is the last one of it."""
    late = Path("/dev/shm", f"ip_counters.{tmp_path.name}.csv")  # a file system that keeps any time
    try:
        late.write_bytes(b"x")
        os.utime(late, (1 << 40, 1 << 40))
        files = [Loaded(tmp_path / "ip_counters.gone.csv", 1, ""), Loaded(late, 1, hashlib.sha256(b"x").hexdigest())]
        done = archive(tmp_path / "archive", files)
    finally:
        late.unlink(missing_ok=True)
    assert (1, ["ip_counters.gone.csv: cannot be read, so it is not archived: No such file or directory"]) == (done.gone, done.left)
    assert [f"{tmp_path.name}.99991231.tar.gz"] == [p.name for p in (tmp_path / "archive").glob("*.tar.gz")]
    assert [] == purge(tmp_path / "archive", 1, (1 << 62) - 1)


def test_what_is_archived_already_only_leaves_the_spool(tmp_path):
    """As after a kill between archive and spool."""
    spool, out = tmp_path / "spool", tmp_path / "archive"
    one = put(spool, "event.c1.20231114T000000Z.csv", b"one")
    assert archive(out, [one]).gone == 1
    two = put(spool, "event.c1.20231114T001000Z.csv", b"two")
    put(spool, one.path.name, b"one")
    assert archive(out, [again(one), again(two)]).gone == 2
    assert [one.path.name, two.path.name] == listed(out / "c1.20231114.tar.gz")
    assert list(spool.iterdir()) == []


def test_what_was_not_loaded_stays(tmp_path):
    """A file that has changed since, in length or not, is neither archived nor removed, but told."""
    spool, out = tmp_path / "spool", tmp_path / "archive"
    files = [put(spool, f"event.c1.20231114T00000{i}Z.csv", b"abc") for i in range(4)]
    files[1].path.write_bytes(b"abd")
    files[2].path.write_bytes(b"abcd")
    files[3].path.unlink()
    result = archive(out, files)
    assert result.gone == 1
    assert [f.path.name for f in files[1:]] == [line.split(":")[0] for line in result.left]
    assert "is not what was loaded" in result.left[0]
    assert [files[0].path.name] == listed(out / "c1.20231114.tar.gz")
    assert (b"abd", b"abcd") == (files[1].path.read_bytes(), files[2].path.read_bytes())
    files[0] = put(spool, files[0].path.name, b"other")._replace(sha256=files[0].sha256, before=True)
    assert archive(out, files[:1]).gone == 0
    assert files[0].path.read_bytes() == b"other"


def test_an_archive_that_is_none(tmp_path):
    """Is not touched; the files of its day stay and are told, other days go on."""
    spool, out = tmp_path / "spool", tmp_path / "archive"
    out.mkdir()
    for damaged in (b"", b"no tar at all" * 100):
        (out / "c1.20231114.tar.gz").write_bytes(damaged)
        files = [put(spool, f"event.c1.2023111{d}T000000Z.csv", b"abc%d" % d) for d in (4, 5)]
        result = archive(out, files)
        assert result.gone == 1
        assert len(result.left) == 1
        assert "c1.20231114.tar.gz: is not an archive of the loader, or damaged; move it away" in result.left[0]
        assert damaged == (out / "c1.20231114.tar.gz").read_bytes()
        assert files[0].path.exists()
        listed(out / "c1.20231115.tar.gz")
        (out / "c1.20231115.tar.gz").unlink()


def test_links_are_not_followed(tmp_path):
    """Neither as archive, nor as its lock."""
    spool, out, victim = tmp_path / "spool", tmp_path / "archive", tmp_path / "victim"
    out.mkdir()
    victim.write_bytes(b"precious" + END)
    file = put(spool, "event.c1.20231114T000000Z.csv", b"abc")
    for name in ("c1.20231114.tar.gz", ".archive.lock"):
        (out / name).unlink(missing_ok=True)
        (out / name).symlink_to(victim)
        result = archive(out, [file])
        assert (0, 1) == (result.gone, len(result.left)), result.left
        assert victim.read_bytes() == b"precious" + END
        (out / name).unlink()
    assert file.path.exists()


def test_another_loader_archives(tmp_path):
    """Files stay for the next run."""
    import fcntl

    spool, out = tmp_path / "spool", tmp_path / "archive"
    file = put(spool, "event.c1.20231114T000000Z.csv", b"abc")
    out.mkdir()
    with (out / ".archive.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another loader is archiving there" in archive(out, [file]).left[0]
    assert archive(out, [file]).gone == 1


def test_full_disk(tmp_path):
    """Files stay, it is told, and the archive is what it was; with room again all go."""
    r, spool = random.Random(2), tmp_path / "spool"
    with small_disk(tmp_path, "256k") as disk:
        out = disk / "archive"
        small = put(spool, "event.c1.20231114T000000Z.csv", r.randbytes(40_000))
        assert archive(out, [small]).gone == 1
        big = put(spool, "event.c1.20231114T001000Z.csv", r.randbytes(500_000))
        for _ in range(2):
            result = archive(out, [big])
            assert result.gone == 0
            assert "No space left on device" in result.left[0]
            assert [small.path.name] == listed(out / "c1.20231114.tar.gz")
        other = put(spool, "event.c1.20231115T000000Z.csv", r.randbytes(500_000))
        assert archive(out, [other]).gone == 0
        assert {"c1.20231114.tar.gz", ".archive.lock"} == {p.name for p in out.iterdir()}
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        assert archive(out, [big, other]).gone == 2
        assert [small.path.name, big.path.name] == listed(out / "c1.20231114.tar.gz")
        assert [other.path.name] == listed(out / "c1.20231115.tar.gz")


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.unit.store.test_archive import loaded_in
from tmon_store.archive import archive
left = int(sys.argv[3])
def counted(real):
    def call(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            if real is pwrite:  # in the middle of writing
                real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2], arguments[2])
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return call
pwrite = os.pwrite
for name in ("open", "pwrite", "fsync", "rename", "unlink", "ftruncate", "mkdir", "scandir"):
    setattr(os, name, counted(getattr(os, name)))
archive(Path(sys.argv[2]), loaded_in(Path(sys.argv[1]), sys.argv[4]))
"""


def loaded_in(spool, before):
    """What the manifest of `test_killed_at_each_step` knows of the spool."""
    return [Loaded(p, p.stat().st_size, hashlib.sha256(content_of(p.name)).hexdigest(), before=p.name < before)
            for p in sorted(spool.iterdir())]


def content_of(name):
    r = random.Random(name)
    return r.randbytes(r.choice([100, 70_000]))


def test_killed_at_each_step(tmp_path):
    """kill -9 at every call that changes anything on the disk: archives are whole under their names at once; each file is in the
    spool or an archive; after the next run each is in its archive, once."""
    step, kills = 0, 0
    while True:
        step += 1
        spool, out = tmp_path / f"spool{step}", tmp_path / f"archive{step}"
        first = "event.c1.20231114T000000Z.csv"
        archive(out, [put(spool, first, content_of(first))])
        names = [f"event.c1.2023111{d}T0{h}0000Z.csv" for d in (4, 5) for h in (1, 2)]
        for name in names:
            put(spool, name, content_of(name))
        kept = None
        for before in ("", "z"):  # killed at the same step of the next run, too
            process = subprocess.run([sys.executable, "-c", KILLED, spool, out, str(step), before], cwd=ROOT, check=False)
            assert process.returncode in (0, -signal.SIGKILL)
            if before == "":
                kept = process.returncode
                kills += kept != 0
            archived = [n for tar in out.glob("*.tar.gz") for n in listed(tar)]
            spooled = {p.name for p in spool.iterdir()}
            assert set(names) <= set(archived) | spooled
            assert max(Counter(archived).values(), default=1) == 1
        assert archive(out, loaded_in(spool, "z")).left == []
        assert list(spool.iterdir()) == []
        assert {p.name for p in out.iterdir()} >= {"c1.20231114.tar.gz", "c1.20231115.tar.gz"}
        assert not list(out.glob("*.part"))
        for day in ("20231114", "20231115"):
            content = unpacked(out / f"c1.{day}.tar.gz", tmp_path / f"x{step}.{day}")
            wanted = [n for n in (first, *names) if day in n]
            assert {n: content_of(n) for n in wanted} == content
            assert len(wanted) == len(listed(out / f"c1.{day}.tar.gz"))
        if kept == 0:
            break
    assert kills > 15


def test_two_of_one_archive(tmp_path):
    """A copy beside what a kill left: nobody can know which counts, so none is touched."""
    spool, out = tmp_path / "spool", tmp_path / "archive"
    assert archive(out, [put(spool, "event.c1.20231114T000000Z.csv", b"abc")]).gone == 1
    part = out / "c1.20231114.tar.gz.10.part"
    part.write_bytes(b"x")
    result = archive(out, [put(spool, "event.c1.20231114T001000Z.csv", b"abc")])
    assert result.gone == 0
    assert f"{part}: left beside c1.20231114.tar.gz" in result.left[0]
    assert part.exists()


def test_mend_takes_back(tmp_path):
    """What was there before is whole again; a new archive disappears."""
    tar = tmp_path / "c1.20231114.tar.gz"
    add(tar, [Entry("a", 1, b"first")])
    size = tar.stat().st_size - len(END)
    part = tmp_path / f"c1.20231114.tar.gz.{size}.part"
    tar.rename(part)
    with part.open("ab") as file:
        file.write(b"torn")
    assert tar == mend(part)
    assert ["a"] == listed(tar)
    part = tmp_path / "c1.20231115.tar.gz.0.part"
    part.write_bytes(b"torn")
    assert mend(part) is None
    assert [tar] == list(tmp_path.iterdir())


def test_old_archives_go(tmp_path):
    """A day is kept so long from its end; other files are not ours to remove."""
    end = 1_700_006_400 * 10**9  # 2023-11-15 00:00
    names = ["c1.20231114.tar.gz", "c2.north.20231113.tar.gz", "c1.20239999.tar.gz", "notes.txt", "c1.20231114.tar.gz.bak"]
    assert [] == expired(names, DAY_NS, end - 1)
    assert ["c2.north.20231113.tar.gz"] == expired(names, DAY_NS, end)
    assert ["c2.north.20231113.tar.gz"] == expired(names, DAY_NS, end + DAY_NS - 1)
    assert sorted(names[:2]) == expired(names, DAY_NS, end + DAY_NS)
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "c3.20200101.tar.gz").symlink_to(tmp_path / "notes.txt")
    assert sorted(names[:2]) == purge(tmp_path, DAY_NS, end + DAY_NS)
    assert {*names[2:], "c3.20200101.tar.gz", ".archive.lock"} == {p.name for p in tmp_path.iterdir()}
    assert purge(tmp_path / "none", DAY_NS, end) == []
