"""What has several steps tells each of them, and what has one its parts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from spec_builder.base.progress import silent

if TYPE_CHECKING:
    from spec_builder.base.progress import Parts, Steps


def test_parts_of_a_step_are_told_by_who_is_told_of_steps() -> None:
    told: list[tuple[str, int, int]] = []

    def note(step: str, done: int = 0, total: int = 0) -> None:
        told.append((step, done, total))

    report: Steps = note
    report("fits")
    parts: Parts = partial(report, "planes")
    parts(1, 2)
    assert told == [("fits", 0, 0), ("planes", 1, 2)]


def test_who_takes_no_note_takes_none_of_both() -> None:
    steps: Steps = silent
    parts: Parts = silent
    for answer in (steps("fits"), steps("planes", 1, 2), parts(1, 2)):
        assert answer is None
