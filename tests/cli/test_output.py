"""What long verbs say on stderr while they work."""

from __future__ import annotations

import itertools
import re
import sys
from typing import TYPE_CHECKING

import pytest

from spec_builder.cli import cli
from spec_builder.cli.output import Progress, ResumableProgress, StoppedError, say_written

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A terminal on which every look at the clock takes so many seconds."""

    def make(seconds: float) -> None:
        clock = itertools.count(0, seconds)
        monkeypatch.setattr("spec_builder.cli.output.monotonic", lambda: float(next(clock)))
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    return make


def work(parts: int = 4) -> None:
    with Progress() as report:
        report("first step")
        for done in range(parts + 1):
            report("second step", done, parts)
        report("last step")


def test_a_step_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    work()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == ["first step", "second step", "last step"]


def test_a_long_step_shows_the_time_left(capsys: pytest.CaptureFixture[str], terminal: Callable[[float], None]) -> None:
    terminal(3.0)
    work()
    assert re.split(r"[\r\n]+", capsys.readouterr().err.rstrip()) == [
        *("first step", "second step"),
        # the clock was looked at when the step began, and once for each part
        *(" 25 %     18 s left ", " 50 %      9 s left ", " 75 %      4 s left ", "100 %      0 s left "),
        "last step",
    ]


def test_a_quick_step_shows_no_time(capsys: pytest.CaptureFixture[str], terminal: Callable[[float], None]) -> None:
    terminal(0.1)
    work()
    assert capsys.readouterr().err.splitlines() == ["first step", "second step", "last step"]


def test_what_was_done_before_does_not_count(
    capsys: pytest.CaptureFixture[str], terminal: Callable[[float], None]
) -> None:
    """A scan that goes on where it stood."""
    terminal(3.0)
    with Progress() as report:
        report("", 8, 10)
        report("", 9, 10)
    assert capsys.readouterr().err == "\r 90 %      6 s left \n"


def test_the_name_of_a_file_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say_written("a\x1b[31m\r  b\nc.json: ok")
    assert capsys.readouterr().out == "a\\x1b[31m\\x0d  b\\nc.json: ok\n"
    with Progress() as report:
        report("limits of a\x1b[2J")
    assert capsys.readouterr().err == "limits of a\\x1b[2J\n"


#: A verb that computes a result or writes a file, and suffixes that it writes.
WRITTEN = {
    "fit xenonnt --parameter flux": ".txt, .csv, .json, .md, .html, .npz or .parquet",
    "profile xenonnt --parameter flux": ".txt, .csv, .json, .md, .html, .npz or .parquet",
    "events xenonnt --parameter flux": ".txt, .csv, .json, .md, .html, .npz or .parquet",
    "limits xenonnt --interaction scalar --masses 1": ".txt, .csv, .json, .md, .html, .npz or .parquet",
    "explain xenonnt --interaction scalar --mass 1 --coupling 1e-5": ".txt, .csv, .json, .md, .html, .npz or .parquet",
    "spectrum --energies 1": ".txt, .csv, .json, .md, .html, .npz or .parquet",
    "coverage xenonnt --parameter flux": ".txt, .csv, .json, .md, .html, .npz or .parquet",
    "experiments": ".txt, .csv, .json, .md, .html, .npz or .parquet",
    "point xenonnt --interaction scalar --mass 1 --coupling 1e-5": ".json",
    "hs3 workspace.json": ".json",
    "scan xenonnt --interaction scalar --masses 1 --couplings 1e-5": ".npz, .csv or .parquet",
    "explore xenonnt": ".html",
}


@pytest.mark.parametrize("name", [".json", ".npz", ".hidden", "a.b.", "result.jpeg"])
@pytest.mark.parametrize("typed", WRITTEN)
def test_a_name_without_a_stem_or_of_an_unknown_form_is_refused(
    spec_builder: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run = spec_builder(*typed.split(), "--output", name)
    assert (run.returncode, run.stdout) == (2, "")
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"spec-builder: error: {name}: ")
    assert line.endswith(f"expected a name that ends in {WRITTEN[typed]}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "typed",
    [*WRITTEN, "export xenonnt", "plane xenonnt", "archive xenonnt", "reproduce", "compare", "import xenonnt x"],
)
def test_a_name_that_is_empty_is_refused(
    spec_builder: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run = spec_builder(*typed.split(), "--output", "")
    assert (run.returncode, run.stderr) == (2, "spec-builder: error: output '': expected a name\n")
    assert list(tmp_path.iterdir()) == []


def test_every_verb_that_has_json_has_csv() -> None:
    """And a file whose suffix says the form; ``experiments`` and the others alike."""
    flags = {name: {flag for option in verb.params for flag in option.opts} for name, verb in cli.commands.items()}
    of_results = {name for name, own in flags.items() if own & {"--json", "--csv"}}
    assert {"fit", "limits", "profile", "events", "explain", "coverage", "spectrum", "experiments"} <= of_results
    assert {name: sorted({"--json", "--csv", "--output"} - flags[name]) for name in of_results} == {
        name: [] for name in of_results
    }


@pytest.mark.parametrize(
    "words",
    ["--parameter flux", "--parameter flux --ranking", "--parameter flux --correlations", "--parameter flux --toys 20"],
)
def test_csv_of_a_fit_is_that_of_the_file(spec_builder: Command, tmp_path: Path, words: str) -> None:
    typed = ["fit", "xenonnt", *words.split()]
    if "--toys" in typed:
        typed += ["--method", "feldman-cousins", "--jobs", "1"]
    printed = spec_builder(*typed, "--csv")
    assert printed.returncode == 0, printed.stderr
    assert spec_builder(*typed, "-o", tmp_path / "x.csv").returncode == 0
    assert printed.stdout == (tmp_path / "x.csv").read_text("utf-8")
    assert len(printed.stdout.splitlines()) > 3


def test_a_run_that_is_stopped_when_its_output_is_there_says_so(tmp_path: Path) -> None:
    """The same command again would be refused, or do all of it again."""
    output = tmp_path / "out.json"

    def work() -> None:
        with ResumableProgress(output):
            output.write_text("result")
            raise KeyboardInterrupt

    with pytest.raises(StoppedError) as stop:
        work()
    assert str(stop.value) == f"stopped when {output} was written"


def test_chunks_of_the_parts_before_are_counted(tmp_path: Path) -> None:
    for name, chunks in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.parts").mkdir()
        for index in range(chunks):
            (tmp_path / f"{name}.parts/chunk-{index:06d}.npz").touch()

    def work() -> None:
        with ResumableProgress(tmp_path / "b", tmp_path / "a"):
            raise KeyboardInterrupt

    with pytest.raises(StoppedError) as stop:
        work()
    places = f"{tmp_path / 'a.parts'} and {tmp_path / 'b.parts'}"
    assert str(stop.value) == f"stopped; 3 chunks are kept in {places}: give the same command again to go on from there"
