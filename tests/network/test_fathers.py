"""Several fathers on one device, and linked devices, live: what they see, the order it is in, and how their processes end."""

import os
import signal
import socket
from collections import Counter

import pytest

from tests.linkemu.netns import inside
from tests.network.conftest import DEVICE, SENDER, WATCHER
from tests.network.test_probe_live import udp_frame
from tests.pipeline.probe_process import Probe, configure, rows, start_collector, until

pytestmark = pytest.mark.network
PORT = 9778  # of the collector, on loopback of a namespace
FATHERS, FLOWS, ROUNDS = 3, 40, 25
SHARED = f'<interface name="all" device="{DEVICE}" capture="afpacket" fathers="{FATHERS}"/>'


def send_flows(host, first: int = 6000, device: str = DEVICE) -> int:
    """ROUNDS frames of each of FLOWS flows, in turns; how many."""
    with inside(host.name):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with raw:
        raw.bind((device, 0))
        for _ in range(ROUNDS):
            for n in range(FLOWS):
                raw.send(udp_frame(port=first + n))
    return FLOWS * ROUNDS


@pytest.fixture
def programs(cable, tmp_path):
    """(collector, probe with FATHERS fathers that capture, how many frames were sent): all are seen, none is dropped."""
    sender, watcher = cable
    configuration = configure(tmp_path, SHARED, port=PORT)
    with (start_collector(tmp_path, command=watcher.command) as collector,
          Probe(tmp_path, configuration, fathers=FATHERS, command=watcher.command) as probe):
        probe.until_capturing()
        sent = send_flows(sender)
        until(lambda: probe.numbers()["packets_seen"] == sent, "all are seen")
        yield collector, probe, sent


def father(probe: Probe, number: int) -> int:
    """Its process id."""
    return probe.numbers()[f"father_{number}_pid"]


def delivered(directory, collector) -> Counter:
    """Packets of each source port in the collector's files, after its end."""
    collector.process.terminate()
    assert 0 == collector.wait()
    ports = {r["flow"]: int(r["src_port"]) for r in rows(directory, "flow_definition")}
    found = Counter()
    for r in rows(directory, "ip_counters"):
        found[ports[r["flow"]]] += int(r["packets"]) + int(r["packets_rev"])
    return found


EVERYTHING = Counter({6000 + n: ROUNDS for n in range(FLOWS)})


def test_fathers_share_a_device(programs, tmp_path):
    """Every packet is seen once, by one of them; several have work; every flow is whole; all ends with one signal to the group."""
    collector, probe, sent = programs
    numbers = probe.numbers()
    shares = [numbers[f"interface_0_father_{n}_packets_seen"] for n in range(FATHERS)]
    assert sent == sum(shares)
    assert sum(share > 0 for share in shares) > 1
    assert 0 == numbers["kernel_drops"]
    assert FATHERS + 1 == len({numbers["child_pid"], *(father(probe, n) for n in range(FATHERS))} & probe.relatives())
    os.killpg(probe.process.pid, signal.SIGINT)
    assert 0 == probe.wait(), probe.messages
    until(probe.gone, "nothing is left of the probe", 2)
    assert EVERYTHING == delivered(tmp_path, collector)
    assert "Traceback" not in probe.messages


@pytest.mark.parametrize(("who", "told"), [
    ("father_1_pid", "father 1 of probe probe died (killed by SIGKILL); the probe ends"),
    ("child_pid", "its child process died (killed by SIGKILL); the probe ends"),
])
def test_a_process_that_is_killed_ends_the_probe(programs, tmp_path, who, told):
    """Exit status 3 and a line that says which; a dead father costs nothing of what had been seen."""
    collector, probe, _ = programs
    os.kill(probe.numbers()[who], signal.SIGKILL)
    assert 3 == probe.wait()
    until_dead(probe)
    assert told in probe.messages
    assert "Traceback" not in probe.messages
    if who != "child_pid":
        assert "its father process died; the child finishes what it has" in probe.messages
        assert EVERYTHING == delivered(tmp_path, collector)


def until_dead(probe: Probe) -> None:
    """Nothing is left but the counters, of which the next run learns that this one did not end in order."""
    until(lambda: not probe.relatives(), "all its processes have ended", 2)
    assert [probe.segment.name] == probe.segments()
    probe.segment.unlink()


def test_the_main_process_is_killed(programs, tmp_path):
    """The other fathers end, the child delivers what was seen."""
    collector, probe, _ = programs
    os.kill(probe.process.pid, signal.SIGKILL)
    assert -signal.SIGKILL == probe.wait()
    until(probe.gone, "all its processes end, and nothing is left")
    assert EVERYTHING == delivered(tmp_path, collector)
    assert "Traceback" not in probe.messages


def test_a_second_signal_ends_all_at_once(cable, tmp_path):
    """Without a collector the first one waits for acknowledgements."""
    sender, watcher = cable
    with Probe(tmp_path, configure(tmp_path, SHARED, port=PORT), fathers=FATHERS, command=watcher.command) as probe:
        probe.until_capturing()
        send_flows(sender)
        until(lambda: probe.numbers()["pdus_sent"] > 0, "there is something to deliver")
        probe.process.terminate()
        until(lambda: not {father(probe, n) for n in range(1, FATHERS)} & probe.relatives(), "the other fathers end")
        probe.process.terminate()
        assert 3 == probe.wait(3)
        until_dead(probe)


@pytest.mark.parametrize("source", ["afpacket", "libpcap"])
def test_linked_devices_keep_requests_before_replies(cable, tmp_path, source):
    """A tap gives each direction on a device of its own. Requests pass on the one, then replies on the other: so they are measured.

    The device of the replies is read first: without the link, many flows would seem to be begun by them.
    """
    _, watcher = cable
    for device in ("there", "back"):
        watcher.ip(f"link add {device} type veth peer name {device}-tap")
        for end in (device, f"{device}-tap"):
            watcher.ip(f"link set {end} up")
    interfaces = "".join(f'<interface name="{device}" device="{device}-tap" capture="{source}" link="tap" filter="udp"/>'
                         for device in ("back", "there"))
    configuration = configure(tmp_path, interfaces, port=PORT)
    text = (tmp_path / "tmon.xml").read_text().replace('fields="interface ', 'fields="')
    (tmp_path / "tmon.xml").write_text(text)
    flows = 400
    with (start_collector(tmp_path, command=watcher.command) as collector,
          Probe(tmp_path, configuration, command=watcher.command) as probe):
        probe.until_capturing()
        send_dialogues(watcher, flows)
        until(lambda: probe.numbers()["packets_seen"] == 2 * flows, "all are seen")
        probe.process.terminate()
        assert 0 == probe.wait(), probe.messages
        collector.process.terminate()
        assert 0 == collector.wait()
    for device in ("there", "back"):
        watcher.ip(f"link delete {device}")
    definitions = rows(tmp_path, "flow_definition")
    assert flows == len(definitions)
    assert {SENDER} == {r["src_addr"] for r in definitions}
    packets = Counter()
    for r in rows(tmp_path, "ip_counters"):
        packets[r["flow"], "forward"] += int(r["packets"])
        packets[r["flow"], "reverse"] += int(r["packets_rev"])
    assert {(r["flow"], direction): 1 for r in definitions for direction in ("forward", "reverse")} == packets


def send_dialogues(host, flows: int) -> None:
    """A request on one device, then its reply on the other, for each flow."""
    with inside(host.name):
        there, back = (socket.socket(socket.AF_PACKET, socket.SOCK_RAW) for _ in range(2))
    with there, back:
        there.bind(("there", 0))
        back.bind(("back", 0))
        for n in range(flows):
            request = udp_frame(port=6000 + n)
            there.send(request)
            back.send(request[:26] + socket.inet_aton(WATCHER) + socket.inet_aton(SENDER) + request[34:])


def test_a_shared_device_is_made_anew(cable, tmp_path):
    """Every father opens it again, though the other processes hold its old socket too; they share its packets again."""
    _, watcher = cable
    interface = f'<interface name="all" device="shared0" capture="afpacket" fathers="{FATHERS}" filter="udp"/>'

    def make() -> None:
        watcher.ip("link add shared0 type veth peer name shared1")
        for end in ("shared0", "shared1"):
            watcher.ip(f"link set {end} up")

    make()
    configuration = configure(tmp_path, interface, port=PORT)
    with (start_collector(tmp_path, command=watcher.command) as collector,
          Probe(tmp_path, configuration, fathers=FATHERS, command=watcher.command) as probe):
        probe.until_capturing()
        watcher.ip("link delete shared0")
        until(lambda: probe.messages.count("device shared0 is gone: ") == FATHERS, "the loss is told")
        make()
        until(lambda: probe.messages.count("device shared0 is back") == FATHERS, "it is back")
        sent = send_flows(watcher, device="shared1")
        until(lambda: probe.numbers()["packets_seen"] == sent, "all are seen")
        numbers = probe.numbers()
        probe.process.terminate()
        assert 0 == probe.wait(), probe.messages
        assert EVERYTHING == delivered(tmp_path, collector)
    watcher.ip("link delete shared0")
    assert sum(numbers[f"interface_0_father_{n}_packets_seen"] > 0 for n in range(FATHERS)) > 1
