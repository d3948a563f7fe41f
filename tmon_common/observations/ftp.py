"""FTP: every transfer of a session, and what sessions did per interval."""

from tmon_common.observations.column import Column, Merge, Type
from tmon_common.observations.counters import FLOW_INTERVAL
from tmon_common.observations.kind import Kind

MAX_TEXT = 512
"""Characters of a user or path that are kept; what is longer ends with an ellipsis."""

FTP_TRANSFER = Kind(
    name="ftp_transfer",
    number=28,
    meaning="A command of an FTP session that moves data (RETR, STOR, STOU, APPE, LIST, NLST, MLSD), with its data connection.",
    permanent=True,
    columns=(
        Column("flow", Type.INTEGER, "flow of the control connection, see flow_definition", merge=Merge.KEY,
               reference="RFC 7012 flowId (148)"),
        Column("session", Type.INTEGER, "number of the session within the probe's run", merge=Merge.KEY),
        Column("transfer", Type.INTEGER, "number of the transfer within the probe's run", merge=Merge.KEY),
        Column("client_addr", Type.ADDRESS, "client of the control connection"),
        Column("client_port", Type.INTEGER, "its port"),
        Column("server_addr", Type.ADDRESS, "server of the control connection"),
        Column("server_port", Type.INTEGER, "its port"),
        Column("user", Type.STRING, "as given to USER; empty if that was not seen", nullable=True,
               reference="RFC 959 section 4.1.1"),
        Column("command", Type.STRING, "RETR, STOR, STOU, APPE, LIST, NLST or MLSD", reference="RFC 959 section 4.1.3, RFC 3659 "
                                                                                               "section 7"),
        Column("path", Type.STRING, "argument of the command (of STOU: what the server answered); empty without one",
               nullable=True),
        Column("mode", Type.STRING, "active, passive, extended_active (EPRT), extended_passive (EPSV), long_active (LPRT), "
                                    "long_passive (LPSV); unknown if the command for it was not seen",
               reference="RFC 959 section 4.1.2, RFC 2428, RFC 1639"),
        Column("data_addr", Type.ADDRESS, "where the data connection was to go, as announced; not trusted where it is a third host",
               nullable=True),
        Column("data_port", Type.INTEGER, "and to which port", nullable=True),
        Column("third_party", Type.INTEGER, "1: the address announced is neither the client's nor the server's, and no connection "
                                            "between these two took its place, as it does where addresses are rewritten"),
        Column("type", Type.STRING, "representation: ASCII, EBCDIC, image, local 8; by default ASCII",
               reference="RFC 959 section 3.1.1"),
        Column("restart_offset", Type.INTEGER, "of the REST before it; 0 without one", unit="octets",
               reference="RFC 3659 section 5"),
        Column("announced_octets", Type.INTEGER, "size that the server told (150 reply, SIZE of that path)", unit="octets",
               nullable=True),
        Column("octets", Type.INTEGER, "octets that the data connection moved, each once; empty if none was seen", unit="octets",
               nullable=True),
        Column("start", Type.TIME, "the command", unit="s", merge=Merge.KEY),
        Column("end", Type.TIME, "the last of: final reply, data connection", unit="s"),
        Column("duration", Type.DURATION, "of the data: first to last segment of the data connection; empty if none was seen",
               unit="s",
               nullable=True),
        Column("throughput", Type.INTEGER, "octets over duration", unit="bit/s", nullable=True),
        Column("outcome", Type.STRING, "completed, aborted (by the client), refused (by the server, see reply_code), "
                                       "connection_lost, timed_out, unfinished (the capture ended before)"),
        Column("reply_code", Type.INTEGER, "of the final reply; empty without one", nullable=True, reference="RFC 959 section 4.2"),
        Column("data_segments", Type.INTEGER, "segments with payload", unit="segments", nullable=True),
        Column("retransmitted_segments", Type.INTEGER, "see tcp_connection", unit="segments", nullable=True),
        Column("retransmitted_octets", Type.INTEGER, "see tcp_connection", unit="octets", nullable=True),
        Column("out_of_order_segments", Type.INTEGER, "see tcp_connection", unit="segments", nullable=True),
        Column("missing_octets", Type.INTEGER, "see tcp_connection", unit="octets", nullable=True),
        Column("rtt_min", Type.DURATION, "probe to receiver of the data and back, see tcp_connection", unit="s", nullable=True),
        Column("rtt_mean", Type.DURATION, "mean", unit="s", nullable=True),
        Column("rtt_max", Type.DURATION, "longest", unit="s", nullable=True),
        Column("resumes", Type.INTEGER, "number of the earlier transfer of the file, not completed, that this one continues; "
                                        "empty if none", nullable=True),
        Column("fragment", Type.INTEGER, "1 for a file's first transfer, 2 for the one that resumes it, and so on"),
        Column("file_octets", Type.INTEGER, "octets of the file that all fragments up to this one cover", unit="octets",
               nullable=True),
    ),
)


def _count(name: str, meaning: str, unit: str = "", reference: str = "") -> Column:
    return Column(name, Type.INTEGER, meaning, unit=unit, merge=Merge.SAMPLE, reference=reference)


FTP_COUNTERS = Kind(
    name="ftp_counters",
    number=29,
    meaning="What the FTP sessions of a flow did in an interval.",
    columns=(
        *FLOW_INTERVAL,
        _count("sessions", "control connections that began", "sessions"),
        _count("encrypted", "of them, those that went over to TLS: nothing more is known of these", "sessions", "RFC 4217"),
        _count("logins", "accepted", "", "RFC 959 reply 230"),
        _count("logins_refused", "refused", "", "RFC 959 reply 530"),
        _count("commands", "of the client", "commands"),
        *(_count(f"replies_{n}xx", meaning, "replies", "RFC 959 section 4.2") for n, meaning in (
            (1, "preliminary"), (2, "positive"), (3, "intermediate"), (4, "transient negative"), (5, "permanent negative"))),
        *(_count(f"{what}_{outcome}", f"{meaning} that {ended}", "transfers")
          for what, meaning in (("retrievals", "RETR"), ("stores", "STOR, STOU and APPE"), ("listings", "LIST, NLST and MLSD"))
          for outcome, ended in (("completed", "were completed"), ("aborted", "the client aborted"), ("refused",
                                                                                                      "the server refused"),
                                 ("failed", "lost their connection or timed out"))),
        _count("octets_retrieved", "moved by RETR", "octets"),
        _count("octets_stored", "moved by STOR, STOU and APPE", "octets"),
        _count("octets_listed", "moved by LIST, NLST and MLSD", "octets"),
        _count("lines_skipped", "lines of a dialogue that were too long or broken to read", "lines"),
    ),
)
