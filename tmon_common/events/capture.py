"""Events of capture: what an interface gets, or does not."""

from tmon_common.events.declaration import SECONDS, Declaration, Severity, number, text

DECLARATIONS = (
    Declaration(
        "no_traffic", Severity.WARNING, "interface", "interface {subject}: no packet for {seconds} s",
        "Nothing has come for as long as `no_traffic` of the interface says; told once.",
        "Look at the cable, the mirror port or tap, and the BPF filter; raise `no_traffic` if the link is just quiet.",
        (SECONDS,)),
    Declaration(
        "traffic_back", Severity.INFO, "interface", "interface {subject}: packets again after {seconds} s",
        "The silence told by no_traffic has ended.", "Nothing.",
        (SECONDS,)),
    Declaration(
        "kernel_drops", Severity.WARNING, "interface",
        "interface {subject}: packets dropped by the kernel: {packets:,} within {seconds} s",
        "More came than was read in time: the figures of this time are too low. Told at once, then at most once a minute.",
        "A larger `buffer`, more `fathers`, a CPU of its own for each, a BPF filter for what nobody wants.",
        (number("packets", "dropped since this was last told"), SECONDS)),
    Declaration(
        "kernel_drops_ended", Severity.INFO, "interface",
        "interface {subject}: no more drops; the kernel dropped {packets:,} within {seconds} s",
        "A minute without drops has followed those told by kernel_drops.", "See kernel_drops.",
        (number("packets", "dropped in all since the first"), number("seconds", "from the first to the last"))),
    Declaration(
        "malformed_packets", Severity.WARNING, "interface",
        "interface {subject}: malformed packets, {reason}: {packets:,} within {seconds} s",
        "Packets whose headers contradict themselves or the capture. They are counted, not measured. Told at once, then at most "
        "once a minute for each interface and reason.",
        "Look at some with tcpdump: a device that sends them, a capture that cuts them (`snaplen`), or a tunnel not known here.",
        (number("packets", "since this was last told"), SECONDS, text("reason", "what is wrong with them"))),
    Declaration(
        "offloads_on", Severity.WARNING, "interface", "interface {subject}: offloads are on: {features}; {why}",
        "The NIC or the kernel merges packets before they are captured: sizes, counts and gaps are not those of the wire.",
        "`offloads=\"off\"`, with CAP_NET_ADMIN; or ethtool -K DEVICE gro off lro off ...",
        (text("features", "which"), text("why", "the configuration keeps them, or what stood in the way"))),
    Declaration(
        "packets_merged", Severity.WARNING, "interface",
        "interface {subject}: merged packets: {packets:,} within {seconds} s",
        "Packets longer than the device can send: offloads have merged several. Told at once, then at most once a minute.",
        "See offloads_on.",
        (number("packets", "since this was last told"), SECONDS)),
    Declaration(
        "device_lost", Severity.ERROR, "interface", "interface {subject}: device {device} is gone: {why}",
        "The device was removed or set down; it is tried again every few seconds.",
        "Bring it up: ip link set DEVICE up.",
        (text("device", "name"), text("why", "the system's words"))),
    Declaration(
        "device_back", Severity.INFO, "interface", "interface {subject}: device {device} is back after {seconds} s",
        "Capture goes on after device_lost.", "Nothing.",
        (text("device", "name"), SECONDS)),
    Declaration(
        "timestamps_not_hardware", Severity.WARNING, "interface",
        "interface {subject}: no hardware timestamps: {why}; the kernel's are used",
        "The configuration asks for the clock of the NIC, which does not give its time.",
        "ethtool -T DEVICE tells what it can; `timestamps=\"kernel\"` if it cannot.",
        (text("why", "the system's words"),)),
    Declaration(
        "capture_warning", Severity.WARNING, "interface", "interface {subject}: {what}",
        "Anything else that a capture source tells: a recording cut short, a packet longer than it may be.",
        "What the text says.",
        (text("what", "its words"),)),
)
