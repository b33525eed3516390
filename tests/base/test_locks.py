"""One process at a time on one folder."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spec_builder.base.errors import ExistsError, SpecBuilderError
from spec_builder.base.files import write_bytes
from spec_builder.base.locks import FolderLock, alone_in

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


def test_a_folder_without_a_file_goes_again(tmp_path: Path) -> None:
    with alone_in(tmp_path / "a" / "b"):
        assert another(tmp_path / "a" / "b") != ""
    assert list(tmp_path.iterdir()) == []
    with alone_in(tmp_path / "c"):
        (tmp_path / "c" / "x").touch()
    assert (tmp_path / "c" / "x").exists()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(SpecBuilderError, match="x: cannot be written"), alone_in(tmp_path / "x"):
        pass


def test_a_file_that_comes_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"

    def write(temporary: Path) -> None:
        temporary.write_text("ours")
        path.write_text("theirs")

    with pytest.raises(ExistsError, match="exists already"):
        write_bytes(path, write)
    assert path.read_text() == "theirs"
    assert [found.name for found in tmp_path.iterdir()] == ["x.txt"]
    write_bytes(path, lambda temporary: temporary.write_text("ours"), force=True)
    assert path.read_text() == "ours"


def test_who_waits_for_a_folder_that_goes_makes_its_own(tmp_path: Path) -> None:
    """The first run leaves without a file, and removes what the second has opened."""
    folder = tmp_path / "out"
    program = (
        "import sys; from pathlib import Path; from spec_builder.base.locks import alone_in\n"
        "with alone_in(Path(sys.argv[1]), wait_s=30):\n"
        "    Path(sys.argv[1], 'x').touch(); print('in', flush=True); sys.stdin.read()\n"
    )
    with alone_in(folder):
        command = [sys.executable, "-c", program, str(folder)]
        second = subprocess.Popen(command, stdin=-1, stdout=-1, text=True)
        while folder.stat().st_nlink and not _opens(second.pid, folder):
            assert second.poll() is None
    assert second.stdout is not None
    assert second.stdout.readline() == "in\n"
    assert another(folder) != ""  # the new folder is held, not the one that went
    second.communicate()
    assert another(folder) == ""
    assert [path.name for path in folder.iterdir()] == ["x"]


def _opens(number: int, folder: Path) -> bool:
    """Whether a process has the folder open."""
    places = Path(f"/proc/{number}/fd")
    if not places.is_dir():
        pytest.skip("needs /proc")
    with contextlib.suppress(OSError):
        return any(os.path.realpath(place) == str(folder) for place in places.iterdir())
    return False


def test_a_wait_has_an_end(tmp_path: Path) -> None:
    with alone_in(tmp_path):
        program = TRY.replace("Path('out.npz'))", "Path('out.npz'), wait_s=0.2)")
        run = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
        )
    assert run.stderr.strip() == "out.npz: another run writes it; wait for its end, or give another name"
