"""Columns of a connection that segments change one by one."""

import pytest

from tests.unit.child.tcp.segments import (
    CWR,
    ECE,
    FIN,
    MS,
    RST,
    SECOND,
    START,
    SYN,
    Told,
    connection,
    handshake,
    segment,
)


def test_keep_alives_are_no_retransmissions():
    """One octet, or none, before the next number, all of which was acknowledged (RFC 1122 section 4.2.3.6)."""
    records = [*handshake(), segment(40, 0, 101, 501, 10), segment(50, 1, 501, 111), segment(60_000, 0, 110, 501, 1),
               segment(60_020, 1, 501, 111), segment(120_000, 0, 110, 501, 0), segment(120_020, 1, 501, 111)]
    state = connection(records)
    assert (2, 10, 1) == (state["keep_alives"][0], state["octets"][0], state["data_segments"][0])
    assert (0, 0, [0, 0]) == (state["retransmitted_segments"][0], state["keep_alives"][1], state["duplicate_acks"].tolist())


def test_one_octet_without_acknowledgement_is_a_retransmission():
    state = connection([*handshake(), segment(40, 0, 101, 501, 1), segment(50, 1, 501, 101), segment(340, 0, 101, 501, 1)])
    assert (0, 1, 2) == (state["keep_alives"][0], state["retransmitted_octets"][0], state["octets"][0])


def test_pure_acks_before_a_fin_are_no_keep_alives():
    """One that the FIN overtook has the number before the next."""
    state = connection([*handshake(), segment(41, 0, 101, 501, flags=FIN), segment(42, 0, 101, 501)])
    assert 0 == state["keep_alives"][0]


def test_syn_and_fin_are_no_octets():
    """They take sequence space all the same: nothing is missing, also with data in the SYN (RFC 7413)."""
    state = connection([segment(0, 0, 100, flags=SYN, octets=20), segment(20, 1, 500, 121, flags=SYN), segment(30, 0, 121, 501, 10),
                        segment(40, 0, 131, 501, 5, flags=FIN), segment(41, 0, 136, 501, flags=FIN),
                        segment(50, 1, 501, 137, flags=FIN)])
    assert ([35, 0], [35, 0], [0, 0]) == (state["octets"].tolist(), state["unique_octets"].tolist(),
                                          state["missing_octets"].tolist())
    assert 0 == state["retransmitted_segments"][0]


def test_fin_tells_of_missing_octets():
    state = connection([*handshake(), segment(40, 0, 101, 501, 10), segment(50, 0, 211, 501, flags=FIN)])
    assert (100, 10) == (state["missing_octets"][0], state["unique_octets"][0])


def test_rst_has_no_data():
    """Its text is none of the stream (RFC 9293 section 3.5.3)."""
    state = connection([*handshake(), segment(40, 0, 101, 501, 30, flags=RST)])
    assert 0 == state["octets"][0]


def test_super_segments_are_one():
    """What the receiver's kernel merged counts as it came."""
    state = connection([*handshake(), segment(40, 0, 101, 501, 60_000), segment(41, 0, 60_101, 501, 60_000),
                        segment(42, 0, 50_101, 501, 20_000)])
    assert (140_000, 120_000, 1) == (state["octets"][0], state["unique_octets"][0], state["retransmitted_segments"][0])


@pytest.mark.parametrize(("last", "counted"), [
    (segment(70, 1, 501, 101), 1), (segment(70, 1, 501, 101, window=999), 0), (segment(70, 1, 501, 101, 3), 0),
    (segment(70, 1, 501, 101, flags=FIN), 0), (segment(70, 1, 501, 100), 0)], ids=["duplicate", "window", "data", "fin", "older"])
def test_duplicate_acks(last, counted):
    """RFC 5681 section 2: outstanding data, no data of its own, no SYN or FIN, the highest number again, the same window."""
    state = connection([*handshake(), segment(35, 1, 501, 101), segment(40, 0, 201, 501, 10), last])
    assert counted == state["duplicate_acks"][1]


def test_acks_without_outstanding_data_are_no_duplicates():
    state = connection([*handshake(), segment(40, 1, 501, 101), segment(50, 1, 501, 101)])
    assert [0, 0] == state["duplicate_acks"].tolist()


def test_zero_windows():
    """How often, and how long in all; one that is still closed at the end counts to the last segment."""
    acks = [segment(100 * i, 1, 501, 101, window=w) for i, w in enumerate((0, 0, 5, 5, 0, 7, 0), start=1)]
    state = connection([*handshake(), *acks, segment(750, 0, 101, 501)])
    assert (3, (200 + 100 + 50) * MS) == (state["zero_windows"][1], state["zero_window_ns"][1])
    assert (0, 0) == (state["zero_windows"][0], state["zero_window_ns"][0])


def test_zero_window_while_packet_time_goes_back():
    """Opened before it was closed, as far as the clock tells: no time at all."""
    state = connection([*handshake(), segment(1000, 1, 501, 101, window=0), segment(900, 1, 501, 101, window=5)])
    assert (1, 0) == (state["zero_windows"][1], state["zero_window_ns"][1])


def test_window_is_scaled_where_both_offered_it():
    """RFC 7323 section 2.2: not in segments with SYN."""
    both = [segment(0, 0, 100, flags=SYN, scale=7, window=60_000), segment(20, 1, 500, 101, flags=SYN, scale=3, window=50_000)]
    state = connection([*both, segment(30, 0, 101, 501, window=1_000), segment(40, 1, 501, 101, window=7_000)])
    assert ([128_000, 56_000], [7, 3]) == (state["largest_window"].tolist(), state["window_scale"].tolist())
    one = connection([both[0], segment(20, 1, 500, 101, flags=SYN, window=50_000), segment(30, 0, 101, 501, window=1_000)])
    assert ([60_000, 50_000], [7, -1]) == (one["largest_window"].tolist(), one["window_scale"].tolist())


def test_options_of_the_syns():
    state = connection([segment(0, 0, 100, flags=SYN, mss=1460, sack_permitted=True), segment(20, 1, 500, 101, flags=SYN),
                        segment(30, 0, 101, 501, sack=3), segment(31, 0, 101, 501, sack=1)])
    assert ([1460, -1], [1, 0], [4, 0]) == (state["mss"].tolist(), state["sack_permitted"].tolist(), state["sack_blocks"].tolist())


@pytest.mark.parametrize(("asked", "answered", "agreed"), [
    (ECE | CWR, ECE, 1), (ECE | CWR, 0, 0), (0, ECE, 0), (ECE | CWR, ECE | CWR, 0)])
def test_ecn(asked, answered, agreed):
    """RFC 3168 section 6.1.1: ECN-setup SYN and SYN-ACK. CE and ECE are counted as they come."""
    state = connection([segment(0, 0, 100, flags=SYN | asked), segment(20, 1, 500, 101, flags=SYN | answered),
                        segment(30, 0, 101, 501, 5, tos=3), segment(40, 1, 501, 106, flags=ECE), segment(41, 1, 501, 106, tos=2)])
    assert (agreed, [1, 0], [0, 1]) == (state["ecn"], state["ce_marked"].tolist(), state["ece_segments"].tolist())


def test_times():
    state = connection([*handshake(), segment(40, 0, 101, 501, 10), segment(900, 0, 111, 501, 10), segment(950, 1, 501, 121)])
    assert (860 * MS, START, START + 950 * MS) == (state["longest_silence_ns"], state["start_ns"], state["end_ns"])
    assert ([START + 40 * MS, 0], [START + 900 * MS, 0]) == (state["first_data_ns"].tolist(), state["last_data_ns"].tolist())


def test_round_trips_of_data_leave_out_what_was_sent_twice():
    """Karn: neither the segment sent again, nor those behind it that its loss held up."""
    data = [segment(100 + i, 0, 101 + 100 * i, 501, 100) for i in range(3)]
    state = connection([*handshake(), *data, segment(130, 1, 501, 201), segment(400, 0, 201, 501, 100), segment(430, 1, 501, 401),
                        segment(500, 0, 401, 501, 100), segment(525, 1, 501, 501)])
    assert (2, (30 + 25) * MS) == (state["rtt_samples"][0], state["rtt_sum_ns"][0])
    assert (25 * MS, 30 * MS) == (state["rtt_min_ns"][0], state["rtt_max_ns"][0])


def test_cumulative_acknowledgement_of_no_segment_s_end_is_no_sample():
    state = connection([*handshake(), segment(100, 0, 101, 501, 100), segment(130, 1, 501, 150)])
    assert 0 == state["rtt_samples"][0]


def test_only_wanted_round_trips_are_samples():
    """The connection has those of data in any case."""
    told = Told(["tcp_handshake_client"]).process([*handshake(), segment(40, 0, 101, 501, 5), segment(60, 1, 501, 106)]).finish()
    assert ([5], 1) == (told.samples["metric"].tolist(), told.only["rtt_samples"][0])


def boundaries(*records, **changes):
    told = Told(["tcp_handshake_server"], boundaries=True, line_rate=changes.pop("line_rate", 1_000_000_000), **changes)
    return told.process([handshake()[0], handshake()[1], *records]).finish().only


def test_boundaries_measure_by_sequence_numbers():
    """SYN, FIN and RST alone; everything else is passed over. RST where there was no FIN."""
    state = boundaries(segment(40, 0, 101, 501, 10), segment(50, 0, 2101, 501, 5, flags=FIN),
                       segment(60, 1, 2**32 + 450, 2107, flags=RST))
    assert ([2005, 2**32 - 51], [2005, 2**32 - 51]) == (state["octets"].tolist(), state["unique_octets"].tolist())
    assert ([2, 2], 1) == (state["segments"].tolist(), state["by_boundaries"])


def test_boundaries_say_when_they_cannot_tell():
    """4 GiB could have gone by at the line's rate; or an end is missing."""
    fin = segment(34_000, 0, 2101, 501, flags=FIN)
    assert [2000, -1] == boundaries(fin)["octets"].tolist()
    late = segment(35_000, 0, 2101, 501, flags=FIN)
    assert [-1, -1] == boundaries(late)["octets"].tolist()
    assert [2000, -1] == boundaries(late, line_rate=100_000_000)["octets"].tolist()


def test_boundaries_give_way_to_what_others_want():
    """A round trip of data needs every segment: all is measured."""
    told = Told(["tcp_data"], boundaries=True).process([*handshake(), segment(40, 0, 101, 501, 10)]).finish()
    assert (10, 0) == (told.only["octets"][0], told.only["by_boundaries"])


def test_ftp_data_outside_the_class_may_come_as_boundaries():
    from tmon_probe.records import FTP_PEERS

    told = Told(ftp_boundaries=True)
    told.connections.follow_ftp_data()
    records = [*handshake()[:2], segment(50, 1, 7501, 102, flags=FIN)]
    for record in records:
        record["class_mask"], record["ftp_mask"], record["flags"] = 0, 1, record["flags"] | FTP_PEERS
    state = told.process(records).finish().only
    assert (7000, 0, 1, 1) == (state["octets"][1], state["missing_octets"][1], state["by_boundaries"], state["ftp_data"])


def test_more_than_four_gibibytes():
    """Sequence numbers wrap as often as they like; counts do not."""
    step = 1 << 30
    records = [*handshake()] + [segment(100 + i, 0, 101 + i * step, 501, step) for i in range(9)]
    state = connection(records)
    assert (9 * step, 9 * step, 0) == (state["octets"][0], state["unique_octets"][0], state["missing_octets"][0])


def test_silence_of_hours_is_measured():
    told = Told(idle_timeout_ns=86_400 * SECOND).process([*handshake(), segment(7_200_000, 0, 101, 501, 5)]).finish()
    assert 7_200_000 * MS - 30 * MS == told.only["longest_silence_ns"]


@pytest.mark.parametrize("first", [0, 10, 2**32 - 700])
def test_more_than_a_sequence_space_is_missing(first):
    """Picked up in the middle, next to nothing of 4 GiB was captured: what fills a hole then is not earlier octets too."""
    far = 2**31 - 1
    records = [segment(0, 0, first, 1, octets=10), segment(1, 0, first + far, 1, octets=10),
               segment(2, 0, first + 2 * far, 1, octets=10), segment(3, 0, first + 2 * far + 1000, 1, octets=10),
               segment(4, 0, first + 2 * far - 1500, 1, octets=1502)]
    state = connection(records)
    assert (1542, 1540, 2) == (state["octets"][0], state["unique_octets"][0], state["retransmitted_octets"][0])
