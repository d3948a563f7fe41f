"""From when to when: what may be written, and the granularity that answers it."""

from datetime import datetime as at
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon_store.questions.span import EARLIEST, LATEST, MAX_STEPS, STEPS, choose, parse_address, parse_span, parse_time

NOW = at(2026, 11, 26, 7, 20, 33)  # noqa: DTZ001


def day(number, hour=0, minute=0, second=0):
    return at(2026, 11, number, hour, minute, second)  # noqa: DTZ001


@pytest.mark.parametrize(("text", "moment"), [
    ("2026-11-22", day(22)), ("20261122", day(22)), ("2026-11-22T10:30", day(22, 10, 30)),
    ("2026-11-22 10:30:05", day(22, 10, 30, 5)),
    ("2026-11-22T10:30Z", day(22, 10, 30)), ("2026-11-22T10:30:00+01:00", day(22, 9, 30)),
    ("2026-11-22T00:30-23:59", day(23, 0, 29)),
    ("now", NOW), ("today", day(26)), ("yesterday", day(25)), ("1970-01-01", EARLIEST), ("2262-01-01", LATEST)])
def test_times(text, moment):
    """ISO 8601, UTC unless a zone is said."""
    assert moment == parse_time(text, NOW)


@pytest.mark.parametrize("text", ["", "x", "10:30", "2026-13-01", "2026-11-22T25:00", "22.11.2026", "1969-12-31", "2262-01-02",
                                  "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "tomorrow", "-1", "1e9",
                                  "2026-11-22T10:30+99:00"])
def test_what_is_no_time(text):
    """Told what was expected, never anything else."""
    with pytest.raises(ValueError, match="expected"):
        parse_time(text, NOW)


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_refused(text):
    """No exception but ValueError, no moment beyond the limits."""
    try:
        moment = parse_time(text, NOW)
    except ValueError:
        return
    assert EARLIEST <= moment <= LATEST


def test_spans():
    """--last ends now, or where --until says."""
    assert (None, None) == parse_span(None, None, None, NOW)
    assert (day(26, 6, 20, 33), NOW) == parse_span(None, None, "1h", NOW)
    assert (day(21), day(22)) == parse_span(None, "2026-11-22", "1d", NOW)
    assert (day(21), day(22)) == parse_span("2026-11-21", "2026-11-22", None, NOW)
    assert (EARLIEST, NOW) == parse_span(None, None, "106000d", NOW)


@pytest.mark.parametrize(("arguments", "told"), [
    (("2026-11-22", None, "1d"), "--last 1d: expected either --since or --last"),
    (("2026-11-22", "2026-11-22", None), "ends before it begins"),
    (("2026-11-23", "2026-11-22", None), "ends before it begins"),
    (("x", None, None), "--since x: expected a day or a moment"),
    ((None, "x", None), "--until x: expected a day or a moment"),
    ((None, None, "7"), "--last 7: expected a length of time"),
    ((None, None, "0"), "--last 0: expected"),
    ((None, None, "107000d"), "--last 107000d: expected")])
def test_spans_that_are_none(arguments, told):
    """The option is named."""
    with pytest.raises(ValueError, match=told):
        parse_span(*arguments, NOW)


@pytest.mark.parametrize(("since", "until", "granularity"), [
    (None, None, "1day"), (day(1), day(20), "1day"), (day(1), None, "1day"), (None, day(2), "1day"),
    (day(1, 5), day(20), "1h"), (day(1, 5, 1), day(1, 6), "1min"), (day(1, 5, 1), day(1, 11, 1), "1min"),
    (day(1, 5, 1), day(1, 12), "1h"), (day(1, 5, 0, 1), day(12), "1day"), (day(25, 5, 1), None, "1h"),
    (None, day(1, 5, 1), "1day"), (day(1, 5, 0, 1), day(1, 6), "1min")])
def test_granularity_of_sums(since, until, granularity):
    """The longest intervals that fit; else as long as the span allows."""
    assert granularity == choose(since, until, None, NOW).granularity


def test_ends_move_outward():
    """To whole intervals; ends that fit stay."""
    span = choose(day(1, 5, 7, 1), day(3, 5), None, NOW)
    assert (day(1, 5), day(3, 5), "1h") == (span.since, span.until, span.granularity)
    span = choose(day(1, 5, 7, 1), day(3, 5, 0, 1), "1day", NOW)
    assert (day(1), day(4), "1day") == (span.since, span.until, span.granularity)


@pytest.mark.parametrize(("since", "until", "held", "granularity"), [
    (day(1), day(1, 3, 20), None, "1min"), (day(1), day(1, 3, 21), None, "1h"), (day(1), day(9, 8), None, "1h"),
    (day(1), day(9, 9), None, "1day"), (None, None, (day(1), day(1, 2)), "1min"), (None, None, (day(1), day(5)), "1h"),
    (None, None, None, "1day"), (day(1), None, (day(1), day(1, 1)), "1min")])
def test_granularity_of_courses(since, until, held, granularity):
    """At most so many points, where days allow that; open ends are those of the data."""
    assert granularity == choose(since, until, None, NOW, course=True, held=held).granularity
    assert granularity == "1day" or STEPS[granularity] * MAX_STEPS >= (until or held[1]) - (since or held[0])


MOMENTS = st.datetimes(EARLIEST, LATEST - timedelta(days=2))


@given(since=st.none() | MOMENTS, until=st.none() | MOMENTS, by=st.sampled_from([None, *STEPS]), course=st.booleans())
def test_any_span_is_covered(since, until, by, course):
    """Whole intervals that hold the span, and not one more at either end."""
    span = choose(since, until, by, NOW, course=course)
    assert by in (None, span.granularity)
    for asked, given_ in ((since, span.since), (until, span.until)):
        assert (asked is None) == (given_ is None)
        assert given_ is None or (given_ - EARLIEST) % span.step == timedelta()
    assert since is None or timedelta() <= since - span.since < span.step
    assert until is None or timedelta() <= span.until - until < span.step


@pytest.mark.parametrize(("text", "address"), [
    ("192.0.2.1", "192.0.2.1"), ("2001:DB8:0::1", "2001:db8::1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::1", "::1")])
def test_addresses(text, address):
    """As the database writes them."""
    assert address == parse_address(text)


@pytest.mark.parametrize("text", ["", "1.2", "192.0.2.0/24", "www", "192.0.2.01", "' OR 1=1 --"])
def test_what_is_no_address(text):
    with pytest.raises(ValueError, match=r"--address .*expected an IPv4 or IPv6 address"):
        parse_address(text)
