"""Lines of a text that say something else than they should."""

from __future__ import annotations

import pytest

from spec_builder.sharing.comparison import different_lines

WANTED = "# title\n| a | 25.25 |\n| b | 3 |\nlast words\n"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("25.25", "25.35", 2),
        ("| 3 |", "| 4 |", 3),
        ("# title", "# other", 1),
        ("last words\n", "", 4),
        ("| 3", "| -3", 3),
    ],
)
def test_the_line_is_named(old: str, new: str, line: int) -> None:
    assert [number for number, _ in different_lines(WANTED.replace(old, new), WANTED, same_words=True)] == [line]


def test_the_same_text_has_no_different_line() -> None:
    assert list(different_lines(WANTED, WANTED, same_words=True)) == []


def test_other_words_are_passed_over_and_other_numbers_are_not() -> None:
    found = WANTED.replace("# title", "# a new title\nand a line more").replace("25.25", "25.35")
    assert list(different_lines(found, WANTED, same_words=False)) == [(3, "'| a | 25.35 |', expected '| a | 25.25 |'")]


@pytest.mark.parametrize("number", ["25.3", "25.2", "25.250", "25.254", "2.525e1"])
def test_other_words_may_have_other_digits(number: str) -> None:
    found = WANTED.replace("25.25", number)
    assert list(different_lines(found, WANTED, same_words=False)) == []
    strict = list(different_lines(found, WANTED, same_words=True))
    assert len(strict) == (float(number) != 25.25)


@pytest.mark.parametrize("number", ["25.256", "25.4", "25.26", "-25.25", "30"])
def test_other_words_may_not_have_other_numbers(number: str) -> None:
    assert len(list(different_lines(WANTED.replace("25.25", number), WANTED, same_words=False))) == 1


def test_numbers_may_be_near() -> None:
    near = WANTED.replace("25.25", "25.2501")
    assert list(different_lines(near, WANTED, same_words=True, relative=1e-5)) == []
    assert len(list(different_lines(near, WANTED, same_words=True, relative=1e-6))) == 1


def test_a_text_without_end_is_not_compared() -> None:
    assert list(different_lines("x\n" * 2000, WANTED, same_words=True)) == [(5, "2000 lines, expected 4")]
