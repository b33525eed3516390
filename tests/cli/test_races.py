"""Two runs at once on one output: the content is that of one of them, and the other is told, or comes after it.

And runs that cannot write: nothing that is there is lost.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.at_once import Outcome, Races, prepare_rivals, rivals
from tests.cli.at_work import WORKS

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs are forks")

#: Works that write in each of the ways that there are. ``scripts/races`` tries all.
MEETING = ["events", "profile", "export", "point", "hs3", "archive alone", "scan", "coverage"]


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Races]:
    folder = tmp_path_factory.mktemp("inputs")
    prepare_rivals(folder)
    with Races(folder / "in") as made:
        yield made


@pytest.mark.parametrize("name", MEETING)
def test_two_runs_meet_when_they_write(name: str, races: Races) -> None:
    pair = rivals(name)
    alone = tuple(races.run(words) for words in pair)
    assert [run.statuses for run in alone] == [(0,), (0,)]
    assert alone[0].files != alone[1].files
    forced = races.run(*((*words, "--force") for words in pair), meet=True)
    assert forced.problem(alone, force=True) is None
    if name in ("profile", "export", "scan"):
        assert races.run(*pair, meet=True).problem(alone, force=False) is None


@pytest.mark.parametrize("name", MEETING)
def test_where_nothing_can_be_written_what_is_there_stays(name: str, races: Races) -> None:
    work = WORKS[name]
    there = {made: b"old" for made in work.made if "." in made}
    ended = races.run((*work.words, "--force"), most=300, there=there)
    assert ended.statuses == (2,)
    (line,) = [line for line in ended.errors[0].splitlines() if line.startswith("spec-builder: error: ")]
    assert line.endswith("cannot be written (File too large)")
    assert "Traceback" not in ended.errors[0]
    assert ended.files == there
    assert ended.temporary == ()


@pytest.mark.parametrize(
    ("statuses", "errors", "files", "said"),
    [
        ((0, 2), ("", "spec-builder: error: a: exists already\n"), {"a": b"0", "b": b"0"}, None),
        ((0, 0), ("", ""), {"a": b"0", "b": b"0"}, "2 runs got the output"),
        ((2, 2), ("spec-builder: error: a\n", "spec-builder: error: a\n"), {}, "0 runs got the output"),
        ((0, 2), ("", "spec-builder: error: a\n"), {"a": b"0", "b": b"1"}, "neither: a of 0, b of 1"),
        ((0, 2), ("", "spec-builder: error: a\n"), {"a": b"1", "b": b"1"}, "neither: a of 1, b of 1"),
        ((0, 2), ("", ""), {"a": b"0", "b": b"0"}, "status 2: "),
        ((0, 1), ("", "Traceback (most recent call last):"), {"a": b"0", "b": b"0"}, "status 1: Traceback"),
    ],
)
def test_what_is_wrong_with_two_runs(
    statuses: tuple[int, ...], errors: tuple[str, ...], files: dict[str, bytes], said: str | None
) -> None:
    alone = tuple(Outcome((0,), ("",), {"a": own, "b": own}, ()) for own in (b"0", b"1"))
    found = Outcome(statuses, errors, files, ()).problem(alone, force=False)
    assert said is None if found is None else said is not None and said in found
