"""Writing of files: whole or not at all, and never over something that exists."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.base.errors import ExistsError, SpecBuilderError
from spec_builder.base.files import (
    canonical_json,
    is_temporary,
    move_file,
    real_path,
    refuse_existing,
    write_bytes,
    write_files,
    write_text,
)

if TYPE_CHECKING:
    from pathlib import Path

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
json_values = plain | st.lists(plain, max_size=3) | st.dictionaries(st.text(), plain, max_size=3)


@given(content=st.dictionaries(st.text(), json_values, max_size=4))
def test_canonical_json_round_trip(content: dict[str, object]) -> None:
    text = canonical_json(content)
    assert json.loads(text) == content
    assert canonical_json(json.loads(text)) == text
    assert canonical_json(dict(reversed(content.items()))) == text


def test_canonical_json_refuses_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json([float("nan")])


def test_written_text_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.txt"
    write_text(path, "σ = 1\n")
    assert path.read_text(encoding="utf-8") == "σ = 1\n"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_written_files_have_ordinary_permissions(tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    write_text(tmp_path / "ours", "")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


def test_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(SpecBuilderError, match=r"file\.txt: exists already; give another name$"):
        write_text(path, "yours")
    assert path.read_text(encoding="utf-8") == "mine"


def test_force_replaces_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("mine", encoding="utf-8")
    write_text(path, "yours", force=True)
    assert path.read_text(encoding="utf-8") == "yours"


@pytest.mark.parametrize("force", [False, True])
def test_folder_is_never_replaced(tmp_path: Path, force: bool) -> None:
    with pytest.raises(SpecBuilderError, match="is a folder, expected a file name"):
        refuse_existing(tmp_path, force=force)


def test_new_name_is_not_refused(tmp_path: Path) -> None:
    refuse_existing(tmp_path / "new", force=False)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    # a file where a folder should be: not even a superuser can write below it
    (tmp_path / "file").touch()
    with pytest.raises(SpecBuilderError, match=r"out\.json: cannot be written \(.*file is not a folder\)"):
        write_text(tmp_path / "file" / "out.json", "")


@pytest.mark.parametrize("name", ["out.json", "new/folder/out.json"])
def test_a_folder_that_may_not_be_written_is_told_before_anything_is_computed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda folder, mode: not (folder == tmp_path and mode == os.W_OK))
    with pytest.raises(SpecBuilderError, match=rf"out\.json: cannot be written \({tmp_path} takes no files of yours\)"):
        refuse_existing(tmp_path / name, force=True)


def test_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def fail(temporary: Path) -> None:
        temporary.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(SpecBuilderError, match=r"file\.bin: cannot be written \(No space left on device\)"):
        write_bytes(path, fail, force=True)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpecBuilderError, match="pipe: is a device or a pipe, expected a file name"):
        write_text(tmp_path / "pipe", "text", force=True)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "target.txt").write_text("old", encoding="utf-8")
    (tmp_path / "link.txt").symlink_to(tmp_path / "target.txt")
    write_text(tmp_path / "link.txt", "new", force=True)
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "target.txt").read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("force", [False, True])
def test_files_that_belong_together_are_all_written_or_none(tmp_path: Path, *, force: bool) -> None:
    def fail(_: Path) -> None:
        raise OSError(28, "No space left on device")

    first, second = tmp_path / "a.png", tmp_path / "new" / "a.txt"
    if force:
        first.write_text("old")
    with pytest.raises(SpecBuilderError, match=r"a\.txt: cannot be written \(No space left on device\)"):
        write_files({first: "new", second: fail}, force=force)
    assert first.exists() == force
    assert not force or first.read_text() == "old"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [first] * force
    write_files({first: lambda path: path.write_text("new"), second: "text"}, force=force)
    assert (first.read_text(), second.read_text()) == ("new", "text")


def test_of_two_that_write_the_same_files_one_writes_all(tmp_path: Path) -> None:
    first, second = tmp_path / "a.png", tmp_path / "a.txt"

    def write(temporary: Path) -> None:
        temporary.write_text("ours")
        second.write_text("theirs")

    with pytest.raises(SpecBuilderError, match=r"a\.txt: exists already"):
        write_files({first: "ours", second: write})
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert second.read_text() == "theirs"


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


@pytest.mark.parametrize("length", [200, 245, 246, 254, 255])
@pytest.mark.parametrize("letter", ["a", "\N{GREEK SMALL LETTER NU}"])
def test_a_name_may_be_as_long_as_the_file_system_has_it(tmp_path: Path, letter: str, length: int) -> None:
    stem = letter * ((length - 4) // len(letter.encode()))
    path = tmp_path / f"{stem}.txt"
    seen: list[str] = []

    def write(temporary: Path) -> None:
        seen.append(temporary.name)
        temporary.write_text("text")

    write_bytes(path, write)
    assert path.read_text() == "text"
    assert [is_temporary(name) for name in seen] == [True]


def test_a_longer_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match=r"x\.txt: cannot be written \(File name too long\)"):
        write_text(tmp_path / f"{'x' * 252}.txt", "text")
    with pytest.raises(SpecBuilderError, match=r"cannot be written \(no name holds a NUL\)"):
        write_text(tmp_path / "a\0b.txt", "text")
    assert list(tmp_path.iterdir()) == []


def test_two_names_of_one_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "b.txt").symlink_to("a.txt")
    with pytest.raises(SpecBuilderError, match=r"b\.txt: is the same file as .*a\.txt, expected two files"):
        write_files({tmp_path / "a.txt": "1", tmp_path / "b.txt": "2"}, force=True)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.txt"]


def test_folders_that_were_made_go_where_nothing_is_written(tmp_path: Path) -> None:
    def fail(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(SpecBuilderError, match="No space left on device"):
        write_files({tmp_path / "a/b/c.txt": "text", tmp_path / "a/d/e.txt": fail})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_vanishes_is_made_again(tmp_path: Path) -> None:
    def write(temporary: Path) -> None:
        shutil.rmtree(tmp_path / "out")
        temporary.parent.mkdir()
        temporary.write_text("text")

    write_bytes(tmp_path / "out/a.txt", write)
    assert (tmp_path / "out/a.txt").read_text() == "text"
    with pytest.raises(SpecBuilderError, match=r"b\.txt: cannot be written \(No such file or directory\)"):
        write_bytes(tmp_path / "out/b.txt", lambda _: shutil.rmtree(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


def test_a_whole_file_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "draft", tmp_path / "a.txt"
    source.write_text("new")
    target.write_text("old")
    with pytest.raises(ExistsError, match=r"a\.txt: exists already"):
        move_file(source, target)
    assert (source.read_text(), target.read_text()) == ("new", "old")
    move_file(source, target, force=True)
    assert (source.exists(), target.read_text()) == (False, "new")

    def elsewhere(here: Path, *_: object, **__: object) -> None:
        if here == source:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        here.replace(target)

    source.write_text("newer")
    monkeypatch.setattr("spec_builder.base.files._put", elsewhere)
    move_file(source, target, force=True)
    assert (source.exists(), target.read_text()) == (False, "newer")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_another_process_gives_its_files_their_names_after_ours(tmp_path: Path) -> None:
    """Both write two files with ``force``: those of one of them stand there, not one of each."""
    program = (
        "import sys; from pathlib import Path; from spec_builder.base import files; put = files._put\n"
        "def slow(*what, **how): put(*what, **how); print('one', flush=True); sys.stdin.readline()\n"
        "files._put = slow\n"
        "files.write_files({Path('a'): 'theirs', Path('b'): 'theirs'}, force=True)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True, cwd=tmp_path)
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline() == "one\n"
    ours = threading.Timer(0.3, lambda: other.communicate("\n\n"))
    ours.start()
    write_files({tmp_path / "a": "ours", tmp_path / "b": "ours"}, force=True)
    ours.join()
    assert [(tmp_path / name).read_text() for name in ("a", "b")] == ["ours", "ours"]


def test_a_loop_of_links_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to("b.txt")
    (tmp_path / "b.txt").symlink_to("a.txt")
    assert real_path(tmp_path / "a.txt").parent == tmp_path
    for force in (False, True):
        with pytest.raises(SpecBuilderError, match=r"a\.txt: is a link that leads to nothing, expected a file name"):
            write_text(tmp_path / "a.txt", "text", force=force)


def test_a_link_that_leads_to_nothing_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link.txt").symlink_to(tmp_path / "elsewhere.txt")
    for force in (False, True):
        with pytest.raises(SpecBuilderError, match=r"link\.txt: is a link that leads to nothing, expected a file name"):
            write_text(tmp_path / "link.txt", "text", force=force)
    assert not (tmp_path / "elsewhere.txt").exists()
