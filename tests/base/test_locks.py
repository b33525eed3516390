"""One process at a time on one folder."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spec_builder.base.locks import FolderLock

TRY = (
    "import sys; from pathlib import Path; from spec_builder.base.locks import FolderLock\n"
    "try: FolderLock(Path(sys.argv[1]), Path('out.npz'))\n"
    "except Exception as error: sys.exit(str(error))\n"
)


def another(folder: Path) -> str:
    """What another process is told, '' if it gets the folder."""
    run = subprocess.run([sys.executable, "-c", TRY, str(folder)], capture_output=True, text=True, check=False)
    return run.stderr.strip()


def test_others_stay_out_until_it_is_released(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path, tmp_path)
    FolderLock(tmp_path, tmp_path).release()  # this process does not keep itself out
    assert another(tmp_path) == "out.npz: another run writes it; wait for its end, or give another name"
    lock.release()
    assert another(tmp_path) == ""


def test_who_waits_for_a_folder_that_goes_is_told(tmp_path: Path) -> None:
    """The first process removes what the second has opened, and waits for."""
    folder = tmp_path / "out"
    folder.mkdir()
    lock = FolderLock(folder, folder)
    program = TRY.replace("Path('out.npz'))", "Path('out.npz'), waits=True)")
    second = subprocess.Popen([sys.executable, "-c", program, str(folder)], stderr=-1, text=True)
    while not _opens(second.pid, folder):
        assert second.poll() is None
    folder.rmdir()
    lock.release()
    assert second.communicate()[1].strip() == "out.npz: cannot be written (No such file or directory)"


def _opens(number: int, folder: Path) -> bool:
    """Whether a process has the folder open."""
    places = Path(f"/proc/{number}/fd")
    if not places.is_dir():
        pytest.skip("needs /proc")
    with contextlib.suppress(OSError):
        return any(os.path.realpath(place) == str(folder) for place in places.iterdir())
    return False


def test_who_waits_says_so_and_comes_after_the_other(tmp_path: Path) -> None:
    """However long the other holds the folder: here until the second has said that it waits."""
    lock = FolderLock(tmp_path, tmp_path)
    program = (
        "import sys; from pathlib import Path; from spec_builder.base.files import write_text\n"
        "write_text(Path(sys.argv[1]) / 'x', 'text')\n"
    )
    second = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stderr=-1, text=True)
    assert second.stderr is not None
    said = second.stderr.readline()
    assert said == f"{tmp_path}: another run writes there; its end is waited for\n"
    assert not (tmp_path / "x").exists()
    lock.release()
    assert second.communicate()[1] == ""
    assert (tmp_path / "x").read_text() == "text"
