"""What the father counts about packets: one outcome per packet, `seen = relevant + irrelevant + malformed + other`."""

NAMES = (
    "seen",
    "relevant",  # passed on: in at least one flow class, or it may turn out to be
    "irrelevant",  # in none
    "malformed",  # not dissected further than the broken header; the reasons follow
    "other",  # not IP
    "malformed_link",  # link header cut
    "malformed_ip_cut",  # IP header longer than what was captured
    "malformed_ip_version",  # link layer and IP header disagree
    "malformed_ip_length",  # header or total length that cannot be
    "transport_cut",  # relevant or not, but the transport header is not whole
    "octets",  # on the wire, all packets
    "fragments_skipped",  # irrelevant: later fragments of datagrams whose first fragment told all
    "fragments_early",  # relevant: later fragments that came before their first
    "tunnelled",  # measured instead of the packet that carried them
    "ftp_data",  # relevant: between addresses that have an FTP session
    "merged",  # longer than the device can send: several packets in one, by receive offload
    # not packets: what bounded tables gave up for newer entries
    "first_fragments_evicted",
    "ftp_peers_evicted",
)
NOT_PACKETS = ("octets", "first_fragments_evicted", "ftp_peers_evicted")
COUNT = len(NAMES)
(SEEN, RELEVANT, IRRELEVANT, MALFORMED, OTHER, MALFORMED_LINK, MALFORMED_IP_CUT, MALFORMED_IP_VERSION, MALFORMED_IP_LENGTH,
 TRANSPORT_CUT, OCTETS, FRAGMENTS_SKIPPED, FRAGMENTS_EARLY, TUNNELLED, FTP_DATA, MERGED, FIRST_FRAGMENTS_EVICTED,
 FTP_PEERS_EVICTED) = range(COUNT)
