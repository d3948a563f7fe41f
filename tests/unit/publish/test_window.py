"""The window grows while PDUs arrive and halves when they do not."""

from tmon_probe.publish.window import INITIAL, LEAST, Window


def test_a_small_limit_is_the_window():
    window = Window(4)
    window.acknowledged()
    window.timed_out(0, 1)
    assert window.size == 4


def test_doubles_per_round_until_the_limit():
    window = Window(1000)
    for expected in (2 * INITIAL, 4 * INITIAL, 8 * INITIAL, 1000):
        for _ in range(window.size):
            window.acknowledged()
        assert window.size == expected


def test_what_times_out_together_halves_once():
    """Then it grows by about one a round."""
    window = Window(1000)
    for now in (100, 101, 102):
        window.timed_out(now, 50)
    assert window.size == INITIAL // 2
    for _ in range(window.size + 1):
        window.acknowledged()
    assert window.size == INITIAL // 2 + 1
    for now in range(200, 2000, 50):
        window.timed_out(now, 50)
    assert window.size == LEAST
