"""The log of what became of each frame."""

from tests.linkemu.engine import LinkEngine
from tests.linkemu.framelog import COLUMNS, FrameLog, FrameRecord, read_frame_log
from tests.linkemu.impairment import Direction, Fate, Impairment

RECORDS = [
    FrameRecord(Direction.WEST_TO_EAST, 0, 0, 0, Fate.FORWARDED, True, False, 98, 1_000, 500, 1_510, 1, 1),
    FrameRecord(Direction.WEST_TO_EAST, 0, 1, 0, Fate.FORWARDED, True, False, 98, 1_000, 500, 1_511, None, 2),
    FrameRecord(Direction.EAST_TO_WEST, 0, 0, 1, Fate.LOST, False, False, 60, 2_000, None, None, None, 3),
]


def test_rows_come_back_as_they_were_written(tmp_path):
    with FrameLog(tmp_path / "frames.csv.gz") as log:
        for record in RECORDS:
            log.write(record)
    assert read_frame_log(tmp_path / "frames.csv.gz") == RECORDS


def test_the_same_rows_give_the_same_octets(tmp_path):
    for name in ("a.csv.gz", "b.csv.gz"):
        with FrameLog(tmp_path / name) as log:
            log.write(RECORDS[0])
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


def test_near_and_far_end_follow_the_direction():
    assert [(record.entry_frame, record.exit_frame) for record in RECORDS] == [(1, 1), (None, 2), (3, None)]


def test_records_are_made_from_what_the_engine_decided():
    engine = LinkEngine(Impairment(delay_ns=500), Impairment(loss=1.0))
    engine.receive(bytes(60), Direction.WEST_TO_EAST, 1_000)
    (delivery,) = engine.due(1_500)
    forwarded = FrameRecord.of_delivery(delivery, Fate.FORWARDED, 1_510, 1, 4)
    lost = FrameRecord.of_arrival(engine.receive(bytes(60), Direction.EAST_TO_WEST, 2_000), 5)
    assert (
        forwarded.delay_ns,
        forwarded.delivered_ns,
        forwarded.west_frame,
        forwarded.east_frame,
    ) == (500, 1_510, 1, 4)
    assert (lost.fate, lost.delivered_ns, lost.west_frame, lost.east_frame) == (Fate.LOST, None, None, 5)
    assert len(COLUMNS) == 13
