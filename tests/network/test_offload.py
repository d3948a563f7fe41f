"""Offloads of veth devices, as ethtool sees them: off while probes run, afterwards as before, whatever happens to the probes."""

import json
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.linkemu import Network, why_unavailable
from tests.linkemu.netns import inside
from tests.pipeline.probe_process import until
from tmon_common.config.model import Interface
from tmon_probe.father.capture.offload import longest_frame, short, switch_off, told_on
from tmon_probe.father.capture.offload.features import SHORT, SWITCHED

pytestmark = [pytest.mark.network, pytest.mark.oracle]
ROOT = Path(__file__).parents[2]
DEVICE = "cap0"
EAST, WEST = "192.0.2.1", "192.0.2.2"
MTU, HEADER, TAGS = 1500, 14, 8
OBJECT_OCTETS = 4_000_000
TIME_LIMIT_S = 20
NAMES_OF_ETHTOOL = {"rx-gro": "generic-receive-offload", "rx-lro": "large-receive-offload", "rx-checksum": "rx-checksumming",
                    "tx-generic-segmentation": "generic-segmentation-offload"}
SEGMENTATION = "tcp-segmentation-offload"  # ethtool's sum of the tx-tcp ones
TRUNCATED = socket.MSG_TRUNC | socket.MSG_DONTWAIT
SO_RCVBUFFORCE = 33


@pytest.fixture
def hosts():
    """(east, west): a veth pair cap0 - cap0 as the kernel makes it, offloads on; receive merging (GRO) is on too."""
    reason = why_unavailable() or (None if shutil.which("ethtool") else "the program ethtool is not installed")
    if reason:
        pytest.skip(reason)
    with Network() as network:
        east, west = network.namespace("east"), network.namespace("west")
        east.ip(f"link add {DEVICE} type veth peer name {DEVICE} netns {west.name}")
        for host, address in ((east, EAST), (west, WEST)):
            host.sysctl("ipv6/conf/all/disable_ipv6", 1)
            host.ip(f"addr add {address}/24 dev {DEVICE}")
            host.ip(f"link set {DEVICE} up")
            set_features(host, "gro on")
        yield east, west


def set_features(host, changes: str) -> None:
    done = host.run(["ethtool", "-K", DEVICE, *changes.split()])
    assert 0 == done.returncode, done.stderr


def ethtool(host, device: str = DEVICE) -> dict[str, str]:
    """Feature -> on, off, on [fixed], off [fixed]."""
    lines = host.run(["ethtool", "-k", device]).stdout.splitlines()[1:]
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def that_should_be_off(features: dict[str, str]) -> set[str]:
    """ethtool's names of those that this kernel has and that are not fixed."""
    named = {NAMES_OF_ETHTOOL.get(name, name) for name in SWITCHED} | {SEGMENTATION}
    return {name for name in named if "[fixed]" not in features.get(name, "[fixed]")}


def with_off(features: dict[str, str]) -> dict[str, str]:
    return features | dict.fromkeys(that_should_be_off(features), "off")


class Holder:
    """A process with offloads switched off."""

    def __init__(self, host, directory: Path, *devices: str, drop: tuple[str, ...] = ()) -> None:
        argv = [*drop, sys.executable, "-m", "tests.network.offload_holder", str(directory), *devices]
        self.process = host.start(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first = self._answer()

    def ask(self, command: str) -> dict:
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._answer()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(TIME_LIMIT_S)

    def _answer(self) -> dict:
        watch = threading.Timer(TIME_LIMIT_S, self.process.kill)
        watch.start()
        line = self.process.stdout.readline()
        watch.cancel()
        return json.loads(line)


@pytest.fixture
def hold(tmp_path):
    """Starts holders that share a directory; those that are left are ended."""
    started = []

    def start(host, *devices: str, drop: tuple[str, ...] = ()) -> Holder:
        started.append(Holder(host, tmp_path / "offloads", *devices or (DEVICE,), drop=drop))
        return started[-1]

    yield start
    for holder in started:
        holder.kill()
        holder.process.stdin.close()
        holder.process.stdout.close()


def files(tmp_path: Path) -> list[str]:
    return sorted(p.read_text() for p in (tmp_path / "offloads").iterdir())


def test_off_while_held_and_as_before_afterwards(hosts, hold, tmp_path):
    """Exactly the features that matter go off; what was off stays off afterwards. It is told, and nothing is left on disk."""
    east, west = hosts
    set_features(east, "rx-gro-list on tx-udp-segmentation off tx-tcp-ecn-segmentation off")
    before, neighbour = ethtool(east), ethtool(west)
    holder = hold(east)
    assert with_off(before) == ethtool(east) != before
    assert neighbour == ethtool(west)
    [[device, switched]] = holder.first["switched_off"]
    changed = {name for name, value in before.items() if value != ethtool(east)[name]} - {SEGMENTATION}
    assert (DEVICE, changed) == (device, {NAMES_OF_ETHTOOL.get(n, n) for n in switched})
    assert [] == holder.first["warnings"]
    assert {"restored": [[DEVICE, switched]], "warnings": []} == holder.ask("restore")
    assert before == ethtool(east)
    assert [] == files(tmp_path)
    assert {"restored": [[DEVICE, switched]], "warnings": []} == holder.ask("restore"), "once is enough"


def test_only_devices_that_ask_for_it(hosts, tmp_path):
    """offloads="keep" changes nothing and needs no directory; replays have no device."""
    before = ethtool(hosts[0])
    with inside(hosts[0].name):
        offloads = switch_off([Interface("a", DEVICE), Interface("b", files=(Path("x.pcap"),))], tmp_path / "offloads")
    assert before == ethtool(hosts[0])
    assert ([], [], []) == (offloads.switched_off, offloads.warnings, offloads.restore())
    assert not (tmp_path / "offloads").exists()


def test_a_device_of_two_interfaces_and_what_comes_on_meanwhile(hosts, hold, tmp_path):
    """Named twice, switched once; a feature that is switched on meanwhile goes off when asked again, and is restored too."""
    east, _ = hosts
    set_features(east, "gro off")
    before = ethtool(east)
    holder = hold(east, DEVICE, DEVICE)
    assert 1 == len(holder.first["switched_off"])
    set_features(east, "gro on")
    holder.ask(f"off {DEVICE}")
    assert with_off(before) == ethtool(east)
    assert 1 == len(files(tmp_path))
    holder.ask("restore")
    assert before | {"generic-receive-offload": "on"} == ethtool(east)


@pytest.mark.parametrize("leaving", [(0, 1), (1, 0)])
def test_the_last_of_two_probes_restores(hosts, hold, tmp_path, leaving):
    """Whoever came first."""
    east, _ = hosts
    before = ethtool(east)
    holders = [hold(east), hold(east)]
    assert [] == holders[1].first["switched_off"]
    first, last = (holders[n] for n in leaving)
    assert [] == first.ask("restore")["restored"]
    assert with_off(before) == ethtool(east)
    assert 1 == len(last.ask("restore")["restored"])
    assert before == ethtool(east)
    assert [] == files(tmp_path)


def test_after_kill_9_the_next_probe_restores(hosts, hold, tmp_path):
    """Killed twice in a row, with a feature that somebody switched on in between."""
    east, _ = hosts
    set_features(east, "gro off")
    before = ethtool(east)
    hold(east).kill()
    assert with_off(before) == ethtool(east)
    set_features(east, "gro on")
    hold(east).kill()
    third = hold(east)
    assert with_off(before) == ethtool(east)
    third.ask("restore")
    assert before | {"generic-receive-offload": "on"} == ethtool(east)
    assert [] == files(tmp_path)


def test_a_killed_probe_beside_a_living_one(hosts, hold):
    """The one that lives restores what the dead one had found."""
    east, _ = hosts
    before = ethtool(east)
    first, second = hold(east), hold(east)
    first.kill()
    assert with_off(before) == ethtool(east)
    second.ask("restore")
    assert before == ethtool(east)


def test_a_child_that_outlives_its_father_restores(hosts, hold, tmp_path):
    """It has the father's lock, so another probe that leaves in between does not restore."""
    east, _ = hosts
    before = ethtool(east)
    first, second = hold(east), hold(east)
    first.ask("fork")
    first.kill()
    until(lambda: second.ask("restore") and before == ethtool(east), "the last one has restored")
    until(lambda: [] == files(tmp_path), "nothing is left")


def test_what_another_namespace_left_is_not_taken_over(hosts, hold, tmp_path):
    """A file of a killed probe, by chance for a device of the same numbers: nothing comes on that was off."""
    east, _ = hosts
    hold(east).kill()
    [left] = (tmp_path / "offloads").iterdir()
    told = json.loads(left.read_text())
    told["here"][1] += 1  # the namespace that had this inode before
    left.write_text(json.dumps(told))
    now = ethtool(east)
    holder = hold(east)
    assert {"restored": [], "warnings": []} == holder.ask("restore")
    assert now == ethtool(east)


def test_without_the_capability(hosts, hold, tmp_path):
    """A warning with the features, what it means and how to grant it; nothing is changed. With nothing on: nothing to say."""
    if not shutil.which("setpriv"):
        pytest.skip("the program setpriv (package util-linux) is missing")
    east, west = hosts
    before = ethtool(east)
    holder = hold(east, drop=("setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin"))
    assert before == ethtool(east)
    assert [] == holder.first["switched_off"]
    [warning] = holder.first["warnings"]
    assert warning.startswith(f"device {DEVICE}: GRO, TSO, USO, ")
    assert "cannot be switched off, so packets longer than its MTU may be several that were merged" in warning
    assert "CAP_NET_ADMIN is missing. Run as root, or grant it: setcap cap_net_raw,cap_net_admin+ep" in warning
    assert not (tmp_path / "offloads").exists()
    assert {"restored": [], "warnings": []} == holder.ask("restore")
    hold(west)
    holder = hold(west, drop=("setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin"))
    assert [] == holder.first["warnings"]


def test_rights_lost_before_the_end(hosts, hold, tmp_path):
    """The warning has the ethtool command that does it, and the next probe that may does it as well."""
    east, _ = hosts
    before = ethtool(east)
    for cure in ("command", "next"):
        holder = hold(east)
        holder.ask("unprivileged")
        [warning] = holder.ask("restore")["warnings"]
        assert f"device {DEVICE}: its offloads stay off: " in warning
        assert with_off(before) == ethtool(east)
        if cure == "command":
            command = warning[warning.index("ethtool -K") : warning.index(" (the next")]
            assert 0 == east.run(command.split()).returncode
        else:
            holder.kill()
            hold(east).ask("restore")
            assert [] == files(tmp_path)
        assert before == ethtool(east)


def test_a_device_renamed_meanwhile(hosts, hold, tmp_path):
    """It is restored under its new name, by the last one, whatever name that knew; this is told."""
    east, _ = hosts
    before = ethtool(east)
    first = hold(east)
    east.ip(f"link set {DEVICE} down")
    east.ip(f"link set {DEVICE} name new0")
    second = hold(east, "new0")
    assert {"restored": [], "warnings": []} == second.ask("restore")
    answer = first.ask("restore")
    assert [f"device {DEVICE}: it is called new0 now; its offloads are switched on again there"] == answer["warnings"]
    assert "new0" == answer["restored"][0][0]
    assert before == ethtool(east, "new0")
    assert [] == files(tmp_path)


def test_a_device_gone_meanwhile(hosts, hold, tmp_path):
    """Told; nothing stays behind."""
    east, _ = hosts
    holder = hold(east)
    east.ip(f"link delete {DEVICE}")
    assert [f"device {DEVICE}: it is gone, and its offloads with it"] == holder.ask("restore")["warnings"]
    assert [] == files(tmp_path)


def test_a_device_made_anew_again_and_again(hosts, hold, tmp_path):
    """Each is another device under the same name; those before leave neither a descriptor nor a file behind."""
    east, west = hosts
    holder = hold(east)
    open_at_first = len(list(Path(f"/proc/{holder.process.pid}/fd").iterdir()))
    for _ in range(3):
        east.ip(f"link delete {DEVICE}")
        east.ip(f"link add {DEVICE} type veth peer name {DEVICE} netns {west.name}")
        before = ethtool(east)
        assert [] == holder.ask(f"off {DEVICE}")["warnings"]
        assert with_off(before) == ethtool(east)
        assert 1 == len(files(tmp_path))
        assert open_at_first == len(list(Path(f"/proc/{holder.process.pid}/fd").iterdir()))
    assert [] == holder.ask("restore")["warnings"]
    assert before == ethtool(east)
    assert [] == files(tmp_path)


def test_devices_that_cannot_be_switched(hosts, hold):
    """A sentence for each; features that the driver fixes are told, the others are off."""
    east, _ = hosts
    before = ethtool(east, "lo")
    holder = hold(east, "none0", "none0", "any", "a-name-too-long-for-a-device", "lo")
    missing, every, long, fixed = holder.first["warnings"]
    assert missing.startswith("device none0: its offloads cannot be read: it does not exist; `trafmon interfaces` lists ")
    assert every.startswith("device any: it stands for all devices")
    assert "it does not exist" in long
    assert "on [fixed]" == before["rx-checksumming"]
    assert ("device lo: receive checksums cannot be switched off, so packets with a wrong checksum may be missing: "
            "the driver keeps that on") == fixed
    assert with_off(before) == ethtool(east, "lo")
    holder.ask("restore")
    assert before == ethtool(east, "lo")


def test_a_device_made_of_others(hosts, hold):
    """What those merge is merged for it too, so they are named."""
    east, _ = hosts
    east.ip("link add top0 type bridge")
    east.ip(f"link set {DEVICE} master top0")
    warnings = hold(east, "top0").first["warnings"]
    assert any(w.startswith(f"device top0: it is made of {DEVICE}, whose offloads are as they were") for w in warnings)


def test_an_unusable_directory(hosts):
    """Nothing is changed that could not be put back after a kill."""
    east, _ = hosts
    before = ethtool(east)
    with inside(east.name):
        offloads = switch_off([Interface("a", DEVICE, offloads="off")], Path("/proc/nowhere"))
    [warning] = offloads.warnings
    assert f"device {DEVICE}: offloads are left as they are, because what was on cannot be remembered: /proc/nowhere: " in warning
    assert before == ethtool(east)


def test_longest_frame_follows_the_mtu(hosts):
    """MTU, Ethernet header, two tags; 0 for a device that does not exist."""
    east, _ = hosts
    with inside(east.name):
        assert (MTU + HEADER + TAGS, 65536 + HEADER + TAGS, 0) == tuple(longest_frame(d) for d in (DEVICE, "lo", "none0"))
    east.ip(f"link set {DEVICE} mtu 9000")
    with inside(east.name):
        assert 9000 + HEADER + TAGS == longest_frame(DEVICE)


def test_told_on_has_what_merges_only(hosts):
    """Not generic segmentation, which cuts before a capture sees the packets, nor checksums."""
    east, _ = hosts
    with inside(east.name):
        assert {"rx-gro", "tx-tcp-segmentation", "tx-udp-segmentation"} < set(told_on(DEVICE))
        assert () == told_on("none0")
    set_features(east, "gro off tso off tx-udp-segmentation off tx-sctp-segmentation off tx-gso-list off")
    with inside(east.name):
        assert () == told_on(DEVICE)
    assert "on" == ethtool(east)["generic-segmentation-offload"]


def frame_lengths(sender, receiver, watcher) -> list[int]:
    """Of a TCP transfer of OBJECT_OCTETS, as a capture socket on the device of `watcher` sees it."""
    with inside(watcher.name):
        capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        capture.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        capture.bind((DEVICE, 3))
    with inside(receiver.name):
        listener = socket.create_server((address_of(receiver), 0))
    with inside(sender.name):
        sending = socket.create_connection(listener.getsockname(), TIME_LIMIT_S)
    with capture, listener, sending:
        receiving, _ = listener.accept()
        with receiving:
            thread = threading.Thread(target=lambda: (sending.sendall(bytes(OBJECT_OCTETS)), sending.shutdown(socket.SHUT_WR)))
            thread.start()
            receiving.settimeout(TIME_LIMIT_S)
            left = OBJECT_OCTETS
            while left and (octets := receiving.recv(1 << 20)):
                left -= len(octets)
            thread.join(TIME_LIMIT_S)
            assert not left
        lengths = []
        while True:
            try:
                lengths.append(capture.recv_into(bytearray(1), flags=TRUNCATED))
            except BlockingIOError:
                return lengths


def address_of(host) -> str:
    return EAST if host.label == "east" else WEST


@pytest.mark.parametrize("side", ["sender", "receiver"])
def test_a_transfer_is_seen_as_on_the_wire(hosts, hold, side):
    """With offloads on, frames longer than the device carries; with offloads off, none, and all octets in frames of the wire.

    A veth hands its neighbour what it has not cut, so for the receiver the sender cuts, as a NIC would.
    """
    sender, receiver = hosts
    watcher = sender if side == "sender" else receiver
    if side == "receiver":
        set_features(sender, "tso off")
    with inside(watcher.name):
        longest = longest_frame(DEVICE)
    assert longest < max(frame_lengths(sender, receiver, watcher))
    holder = hold(watcher)
    lengths = frame_lengths(sender, receiver, watcher)
    assert MTU + HEADER == max(lengths)
    assert OBJECT_OCTETS < sum(length for length in lengths if length > HEADER + 60)
    holder.ask("restore")
    assert longest < max(frame_lengths(sender, receiver, watcher))


def test_what_the_neighbour_of_a_veth_does_not_cut_is_seen_uncut(hosts, hold):
    """No feature of the receiving end changes that; such frames are recognised by their length."""
    sender, receiver = hosts
    hold(receiver)
    with inside(receiver.name):
        longest = longest_frame(DEVICE)
    assert longest < max(frame_lengths(sender, receiver, receiver))


def test_features_have_the_names_that_people_use():
    """Each once, whatever the kernel divides them into."""
    assert "GRO, LRO, TSO, USO" == short(("rx-gro", "rx-gro-hw", "rx-lro", "tx-tcp-segmentation", "tx-tcp6-segmentation",
                                          "tx-udp-segmentation"))
    assert set(SWITCHED) - set(SHORT) == {f for f in SWITCHED if f.startswith("tx-tcp")}
