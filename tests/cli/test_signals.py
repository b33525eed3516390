"""Verbs that are stopped: one line, the status that a shell would give, nothing half written, what was there kept."""

from __future__ import annotations

import itertools
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spec_builder.base.files import is_temporary
from tests.cli.at_work import WORKS, prepare, run

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")

WRITING = [name for name, work in WORKS.items() if work.made and not work.slow]
COMPUTING = ("scan", "scan with workers", "limits by many toys", "explore", "verify", "doctor")
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
every_signal = pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)


def in_turn(names: Sequence[str]) -> list[Any]:
    """Each verb with one signal: what handles them is the same for all."""
    turns = zip(names, itertools.cycle(STATUS), strict=False)
    return [pytest.param(name, number, id=f"{name}-{number.name}") for name, number in turns]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    prepare(folder)
    return folder / "in"


@pytest.mark.parametrize(("name", "number"), in_turn(WRITING))
def test_stopped_while_it_writes(name: str, number: signal.Signals, inputs: Path, tmp_path: Path) -> None:
    work = WORKS[name]
    (tmp_path / "in").symlink_to(inputs)
    old = {made: b"old" for made in work.made if "." in made}
    for made, content in old.items():
        (tmp_path / made).write_bytes(content)
    ended = run((*work.words, "--force"), tmp_path, number=number, seconds=0)
    assert ended.status == STATUS[number]
    assert ended.err.splitlines()[-1].startswith("spec-builder: error: stopped")
    assert "Traceback" not in ended.err
    assert ended.files == old
    assert not ended.temporary
    assert not ended.alive


@every_signal
@pytest.mark.parametrize("name", ["limits", "point", "coverage"])
def test_stopped_between_two_names(name: str, number: signal.Signals, inputs: Path, tmp_path: Path) -> None:
    """All files are new, and nothing is kept of a run whose output is there."""
    work = WORKS[name]
    (tmp_path / "in").symlink_to(inputs)
    for made in work.made:
        (tmp_path / made).write_bytes(b"old")
    ended = run((*work.words, "--force"), tmp_path, number=number, seconds=-1)
    assert ended.status == STATUS[number]
    assert ended.err.splitlines()[-1].startswith("spec-builder: error: stopped")
    new = {made for made in work.made if ended.files[made] != b"old"}
    assert new == (set() if work.resumes else set(work.made))  # of a run that resumes the first file is a chunk
    assert {file for file in ended.files if ".parts/" not in file} == set(work.made)
    assert not ended.temporary
    assert not ended.alive


@pytest.mark.parametrize(("name", "number"), in_turn(COMPUTING))
def test_stopped_while_it_computes(name: str, number: signal.Signals, inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "in").symlink_to(inputs)
    ended = run(WORKS[name].words, tmp_path, number=number, seconds=0.03)
    assert ended.status == STATUS[number]
    assert ended.err.splitlines()[-1].startswith("spec-builder: error: stopped")
    assert "Traceback" not in ended.err
    assert not [file for file in ended.files if is_temporary(Path(file).name) or ".parts/" not in file]
    assert not ended.temporary
    assert not ended.alive


def test_killed_with_its_workers(inputs: Path, tmp_path: Path) -> None:
    """Of what was there nothing is lost; no worker stays."""
    work = WORKS["scan with workers"]
    (tmp_path / "in").symlink_to(inputs)
    (tmp_path / "s.csv").write_bytes(b"old")
    ended = run((*work.words, "--force"), tmp_path, number=signal.SIGKILL, seconds=0.1)
    assert ended.status == -signal.SIGKILL
    assert ended.files["s.csv"] == b"old"
    assert not ended.alive


def test_nohup_is_heeded(tmp_path: Path) -> None:
    how = "trap '' HUP; exec \"$@\""
    program = "import os, signal, sys; from spec_builder.cli import main; from spec_builder.base import files\n"
    program += "put = files._put\n"
    program += "files._put = lambda *a, **b: (os.kill(os.getpid(), signal.SIGHUP), put(*a, **b))\nmain()"
    ended = run((*WORKS["point"].words,), tmp_path, shell=how, program=program)
    assert ended.status == 0
    assert set(ended.files) == {"p.json", "p.meta.json"}


def test_what_a_signal_broke_off_is_a_stop(tmp_path: Path) -> None:
    """A compiled module that is being loaded makes an ImportError of the signal."""
    program = """
import os, signal, sys
from spec_builder.cli import main
def load():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except KeyboardInterrupt:
        raise ImportError("initialization failed")
sys.modules['spec_builder.cli.doctor']._surroundings = load
main()
"""
    ended = run(("doctor",), tmp_path, program=program)
    assert (ended.status, ended.err) == (143, "spec-builder: error: stopped\n")


@every_signal
def test_stopped_while_the_line_is_parsed(number: signal.Signals, tmp_path: Path) -> None:
    program = f"""
import os, signal, sys, click
from spec_builder.cli import main
signal.signal(signal.SIGHUP, signal.SIG_DFL)
click.Group.parse_args = lambda *_: os.kill(os.getpid(), {int(number)})
main()
"""
    ended = run(("doctor",), tmp_path, program=program)
    assert (ended.status, ended.err) == (STATUS[number], "\nspec-builder: error: stopped\n")


def test_a_stream_that_ends_is_no_stop(tmp_path: Path) -> None:
    program = """
import sys
from spec_builder.cli import main
def lost():
    raise EOFError('unexpected EOF')
sys.modules['spec_builder.cli.doctor']._surroundings = lost
main()
"""
    ended = run(("doctor",), tmp_path, program=program)
    assert ended.status == 2
    assert ended.err.strip() == "spec-builder: error: a process that was to answer has ended; run again"
