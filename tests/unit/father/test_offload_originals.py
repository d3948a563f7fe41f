"""What was on outlives the probe that switched it off, and is put back once, by the last one."""

import fcntl
import json
import os
import tempfile
import threading
from pathlib import Path

import pytest

from tmon_probe.father.capture.offload import originals
from tmon_probe.father.capture.offload.originals import Originals

INDEX, DEVICE = 7, "eth0"
ON = frozenset({"rx-gro", "tx-tcp-segmentation"})


class Device:
    """Features that are on, and how often they were put back."""

    def __init__(self, on: frozenset[str] = ON) -> None:
        self.on, self.times = on, 0

    def on_now(self) -> frozenset[str]:
        now = self.on
        os.sched_yield()  # the moment for another thread
        return now

    def off(self) -> None:
        self.on = frozenset()

    def put_back(self, on: frozenset[str]) -> bool:
        self.on, self.times = on, self.times + 1
        os.sched_yield()
        return True


def take(place: Originals, device: Device) -> originals.Held:
    held = place.hold(INDEX, DEVICE, device.on_now)
    device.off()
    return held


def file_of(directory: Path) -> Path:
    [path] = directory.iterdir()
    return path


@pytest.fixture
def open_originals(tmp_path):
    """Opens those of one directory, each as another probe would."""
    opened = []

    def one_more() -> Originals:
        opened.append(Originals(tmp_path / "o"))
        return opened[-1]

    yield one_more
    for one in opened:
        one.close()


def test_the_last_one_puts_back(open_originals, tmp_path):
    """Locks of one process on two descriptors are as those of two processes."""
    device, places = Device(), [open_originals() for _ in range(3)]
    held = [take(p, device) for p in places]
    for n in (1, 0):
        places[n].leave(held[n], device.put_back)
        assert (frozenset(), 0) == (device.on, device.times)
    places[2].leave(held[2], device.put_back)
    assert (ON, 1) == (device.on, device.times)
    assert [] == list((tmp_path / "o").iterdir())


def test_it_is_written_before_anything_is_changed(open_originals, tmp_path):
    """For a person too: device and features."""
    device = Device()
    open_originals().hold(INDEX, DEVICE, device.on_now)
    told = json.loads(file_of(tmp_path / "o").read_text())
    assert (DEVICE, sorted(ON)) == (told["device"], told["on"])


def test_a_dead_holder_s_are_put_back_by_the_next(open_originals):
    """With what was switched on since."""
    device, place = Device(), open_originals()
    os.close(take(place, device).descriptor)  # as a kill does
    device.on = frozenset({"rx-lro"})
    held = take(place, device)
    place.leave(held, device.put_back)
    assert ON | {"rx-lro"} == device.on


@pytest.mark.parametrize("left", [b"", b'{"device": "eth0", "on": ["rx-', b"[]", b'{"on": 3, "here": 4}', b"\xff\xfe", b"null"])
def test_a_file_that_was_not_written_to_its_end(open_originals, tmp_path, left):
    """Then nothing had been changed: what is on now counts."""
    device, place = Device(), open_originals()
    os.close(take(place, device).descriptor)
    file_of(tmp_path / "o").write_bytes(left)
    device.on = frozenset({"rx-lro"})
    held = take(place, device)
    place.leave(held, device.put_back)
    assert frozenset({"rx-lro"}) == device.on


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_of_another_boot_or_namespace(open_originals, tmp_path, which):
    """The numbers of device and namespace are the same by chance."""
    device, place = Device(), open_originals()
    os.close(take(place, device).descriptor)
    told = json.loads(file_of(tmp_path / "o").read_text())
    told["here"][which] = "another"
    file_of(tmp_path / "o").write_text(json.dumps(told))
    held = take(place, device)
    place.leave(held, device.put_back)
    assert frozenset() == device.on


def test_what_a_shorter_text_leaves_of_a_longer_one(open_originals):
    """A device with a shorter name: the file is still read by the one after."""
    device, place = Device(), open_originals()
    os.close(place.hold(INDEX, "a-long-name-eth", device.on_now).descriptor)
    device.off()
    os.close(place.hold(INDEX, "e", device.on_now).descriptor)
    place.leave(take(place, device), device.put_back)
    assert ON == device.on


def test_putting_back_that_fails(open_originals):
    """The file stays for the next one."""
    device, place = Device(), open_originals()
    held = take(place, device)
    shared = os.dup(held.descriptor)  # of a forked process, which ends later
    place.leave(held, lambda _: False)
    assert frozenset() == device.on
    place.leave(take(place, device), device.put_back)
    assert ON == device.on
    os.close(shared)


def test_more_that_goes_off_while_held(open_originals):
    """It is put back with the rest, by whoever is the last."""
    device, places = Device(), [open_originals(), open_originals()]
    held = [take(p, device) for p in places]
    device.on = frozenset({"rx-lro"})
    places[0].renew(held[0], DEVICE, device.on_now)
    device.off()
    for place, one in zip(places, held, strict=True):
        place.leave(one, device.put_back)
    assert ON | {"rx-lro"} == device.on


def test_a_forked_process_keeps_the_lock_of_a_dead_one(open_originals):
    """While it lives after its father it counts as a holder."""
    device, other = Device(), open_originals()
    held = take(open_originals(), device)
    shared = os.dup(held.descriptor)  # what a fork does: the same open file
    os.close(held.descriptor)  # the father dies
    other.leave(take(other, device), device.put_back)
    assert 0 == device.times
    os.close(shared)
    other.leave(take(other, device), device.put_back)
    assert (ON, 1) == (device.on, device.times)


def test_a_forked_process_that_is_slow_to_end(open_originals):
    """Its father has left before another probe does: that one is the last."""
    device, places = Device(), [open_originals(), open_originals()]
    held = [take(p, device) for p in places]
    shared = os.dup(held[0].descriptor)
    places[0].leave(held[0], device.put_back)
    places[1].leave(held[1], device.put_back)
    assert 1 == device.times
    os.close(shared)


def test_one_at_a_time_looks_at_the_device_and_puts_back(open_originals, tmp_path):
    """Or one would put back between what another sees and what it writes down."""
    place, alone = open_originals(), []

    def look(*_: object) -> frozenset[str]:
        directory = os.open(tmp_path / "o", os.O_RDONLY)
        try:
            fcntl.flock(directory, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            alone.append(True)
        finally:
            os.close(directory)
        return ON

    held = place.hold(INDEX, DEVICE, look)
    place.renew(held, DEVICE, look)
    place.leave(held, look)
    assert [True] * 3 == alone
    look()
    assert [True] * 3 == alone, "and lets go of it"


def test_many_that_come_and_go(open_originals, tmp_path):
    """Whoever holds the device finds it off all the time, and at the end it is as it was: no order of events breaks that."""
    device, wrong = Device(), []

    def probe() -> None:
        place = open_originals()
        for _ in range(100):
            held = take(place, device)
            if device.on:
                wrong.append(device.on)
            place.leave(held, device.put_back)

    threads = [threading.Thread(target=probe) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == wrong
    assert ON == device.on
    assert [] == list((tmp_path / "o").iterdir())


def test_a_directory_that_somebody_has_tidied_away(open_originals, tmp_path):
    """What this process knows is put back; a file that another has made there since is not touched."""
    device, place = Device(), open_originals()
    held = take(place, device)
    (tmp_path / "o").rename(tmp_path / "away")
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / held.path.name).write_text("of another")
    place.leave(held, device.put_back)
    assert ON == device.on
    assert "of another" == (tmp_path / "o" / held.path.name).read_text()


def test_a_link_in_place_of_the_file_is_not_followed(open_originals, tmp_path):
    """Nothing outside the directory is written to."""
    device, place = Device(), open_originals()
    path = place.hold(INDEX, DEVICE, device.on_now).path
    path.unlink()
    path.symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        place.hold(INDEX, DEVICE, device.on_now)
    assert not (tmp_path / "precious").exists()


def test_the_next_best_directory(tmp_path, monkeypatch):
    """The well-known one, that of the systemd unit, a temporary one; the first that may be used."""
    def chosen() -> Path:
        found = Originals()
        found.close()
        return found.directory

    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    monkeypatch.setattr(originals, "DEFAULT", tmp_path / "run" / "offloads")
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}/unit:{tmp_path}/second")
    assert tmp_path / "run" / "offloads" == chosen()
    monkeypatch.setattr(originals, "DEFAULT", tmp_path / "file" / "offloads")
    assert tmp_path / "unit" / "offloads" == chosen()
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    found = chosen()
    assert (tmp_path / "t", 0o700) == (found.parent, found.stat().st_mode & 0o777)


@pytest.mark.parametrize("trap", ["link", "writable", "foreign"])
def test_a_directory_that_is_not_to_be_trusted(tmp_path, trap):
    """Named in the error with the reason; nothing is written."""
    if trap == "foreign" and os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    real = tmp_path / "real"
    real.mkdir()
    if trap == "link":
        (tmp_path / "o").symlink_to(real)
    else:
        (tmp_path / "o").mkdir()
        (tmp_path / "o").chmod(0o777 if trap == "writable" else 0o755)
        if trap == "foreign":
            os.chown(tmp_path / "o", 12345, 12345)
    with pytest.raises(OSError, match=f"{tmp_path}/o: it belongs to somebody else"):
        Originals(tmp_path / "o")
    assert [] == list((tmp_path / "o").iterdir())
