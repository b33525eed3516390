"""Odd surroundings: streams that are closed or full, settings of other programs that are none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.at_work import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="streams are closed by a shell")

DRAWN = ("fit", "xenonnt", "--parameter", "flux", "--plot", "f.pdf", "-o", "out.json")


@pytest.mark.parametrize(
    "environment",
    [
        {"MPLBACKEND": "nonsense", "SOURCE_DATE_EPOCH": "nonsense", "COLUMNS": "1", "TZ": "Nowhere/Never"},
        {"MATPLOTLIBRC": "usetex", "LC_ALL": "POSIX", "PYTHONIOENCODING": "latin-1", "PYTHONWARNINGS": "error"},
        {"PYTHONOPTIMIZE": "2", "HOME": "/nonexistent", "MPLCONFIGDIR": "/nonexistent", "NO_COLOR": "1"},
    ],
    ids=["numbers", "texts", "folders"],
)
def test_settings_of_other_programs_change_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "usetex").write_text("text.usetex: True\n")
    ended = run(DRAWN, tmp_path, environment=environment)
    assert (ended.status, ended.out) == (0, "")
    assert "Traceback" not in ended.err
    assert {"f.pdf", "f.txt", "out.json"} <= set(ended.files)


def test_a_file_of_settings_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe")
    ended = run(DRAWN, tmp_path)
    assert ended.status == 2
    line = ended.err.splitlines()[-1]  # after what matplotlib says itself
    assert "Traceback" not in ended.err
    assert line.startswith("spec-builder: error: matplotlib cannot be loaded: 'utf-8' codec can't decode")
    assert set(ended.files) == {"matplotlibrc"}


@pytest.mark.parametrize(
    ("closed", "words", "status"),
    [
        ("exec <&- >&- 2>&-", ("hs3", "w.json", "-o", "h.json"), 0),
        ("exec 2>&-", ("scan", "xenonnt", "--interaction", "scalar", "--masses", "1,10", "--couplings", "1e-5,2e-5",
                       "--jobs", "2", "-o", "h.json.csv"), 0),
        ("exec >&-", ("experiments",), 2),
        ("exec >/dev/full 2>/dev/full", ("experiments",), 2),
        ("exec >/dev/full", ("experiments",), 2),
    ],
    ids=["all", "standard error", "output", "both full", "output full"],
)  # fmt: skip
def test_streams_that_are_closed_or_full(tmp_path: Path, closed: str, words: tuple[str, ...], status: int) -> None:
    if words[0] == "hs3":
        made = run(("export", "xenonnt"), tmp_path)
        (tmp_path / "w.json").write_text(made.out)
    how = f'{closed}; exec "$@"'
    ended = run(words, tmp_path, shell=how)
    assert ended.status == status
    assert "Traceback" not in ended.err
    if status == 2 and "2>" not in closed:
        (line,) = ended.err.splitlines()
        assert line.startswith("spec-builder: error: standard output: ")
    if status == 0:
        assert any(name.startswith("h.json") for name in ended.files)


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    words = ("scan", "xenonnt", "--interaction", "scalar", "--masses", "1", "--couplings", "1e-5", "-o", "s.csv")
    how = 'rmdir "$PWD"; exec "$@"'
    ended = run(words, folder, shell=how)
    said = "spec-builder: error: the folder that this was started in: No such file or directory"
    assert (ended.status, ended.err.splitlines()) == (2, [said])
