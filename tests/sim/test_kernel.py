"""The kernel: time in order, ties in order of scheduling."""

import pytest

from outlast.sim.kernel import Kernel


def test_ties_come_out_as_they_went_in() -> None:
    """Events of one instant come out in the order in which they were scheduled."""
    kernel: Kernel[str] = Kernel()
    for name in "zyxw":
        kernel.after(5, name)
    kernel.after(1, "first")
    assert [kernel.take() for _ in range(5)] == ["first", *"zyxw"]
    assert kernel.now_ns == 5
    assert len(kernel) == 0


def test_nothing_happens_before_now() -> None:
    """An event cannot be scheduled in the past."""
    kernel: Kernel[str] = Kernel()
    with pytest.raises(ValueError, match="before now"):
        kernel.after(-1, "late")


def test_the_clock_never_goes_back() -> None:
    """Whatever is scheduled while it runs, the clock only grows."""
    kernel: Kernel[int] = Kernel()
    kernel.after(10, 10)
    seen = []
    while len(kernel):
        length = kernel.take()
        seen.append(kernel.now_ns)
        if length > 1:
            kernel.after(length // 2, length // 2)
            kernel.after(0, 0)
    assert seen == sorted(seen)
