"""The system clock never goes backwards, and its nonces do not repeat."""

import re
import time

from outlast.drivers.clock import SystemClock


def test_the_time_is_utc_in_nanoseconds() -> None:
    before = time.time_ns()
    now = SystemClock().now_ns()
    assert before <= now <= time.time_ns()


def test_a_clock_that_is_set_back_repeats_its_last_instant() -> None:
    times = iter([5, 9, 3, 8, 10])
    clock = SystemClock(lambda: next(times))
    assert [clock.now_ns() for _ in range(5)] == [5, 9, 9, 9, 10]


def test_nonces_are_16_hex_digits_and_differ() -> None:
    clock = SystemClock()
    nonces = [clock.nonce() for _ in range(1000)]
    assert all(re.fullmatch("[0-9a-f]{16}", nonce) for nonce in nonces)
    assert len(set(nonces)) == 1000
