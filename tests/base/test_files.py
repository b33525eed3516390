"""Reading and writing of files: strict, atomic, never over something that exists."""

from __future__ import annotations

import io
import json
import os
import re
import stat
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import (
    canonical_json,
    load_json,
    parse_json,
    refuse_existing,
    write_bytes,
    write_files,
    write_text,
)

if TYPE_CHECKING:
    from pathlib import Path

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
json_values = plain | st.lists(plain, max_size=3) | st.dictionaries(st.text(), plain, max_size=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('{"a": 1,\n "b" 2}', r":2: not valid JSON (Expecting ':' delimiter, column 6)", id="broken"),
        pytest.param("", ":1: not valid JSON (Expecting value, column 1)", id="empty"),
        pytest.param('{"a": NaN}', "NaN is not a number that JSON allows, expected a finite one", id="NaN"),
        pytest.param("[Infinity]", "Infinity is not a number that JSON allows, expected a finite one", id="infinity"),
        pytest.param("[-Infinity]", "-Infinity is not a number that JSON allows", id="minus infinity"),
        pytest.param("[1e400]", "1e400 is not a number that JSON allows, expected a finite one", id="too large"),
        pytest.param('{"b": {"a": 1, "a": 2}}', "key 'a' stands twice in one object", id="repeated key"),
        pytest.param("[" * 100_000, "nested too deeply for JSON of this kind", id="deep"),
        pytest.param('{"a": "x\\ud800"}', r"\ud800 is half a character, which is no text; remove it", id="surrogate"),
        pytest.param(f"[{'9' * 5000}]", "is not a number that JSON allows, expected a finite one", id="long number"),
    ],
)
def test_unreadable_json(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecBuilderError, match=re.escape(message)) as caught:
        load_json(str(path))
    assert str(caught.value).startswith(str(path))


def test_missing_json(tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match=r"nothing\.json: no such file"):
        load_json(str(tmp_path / "nothing.json"))


def test_json_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": [1]}'))
    assert load_json("-") == {"a": [1]}


def test_standard_input_is_named_in_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("{"))
    with pytest.raises(SpecBuilderError, match="standard input:1: not valid JSON"):
        load_json("-")


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


def test_a_byte_order_mark_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "windows.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": "\xce\xbc"}')
    assert load_json(str(path)) == {"a": "μ"}
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes()), encoding="cp1252"))
    assert load_json("-") == {"a": "μ"}, "standard input is UTF-8 whatever the terminal says"


def test_many_keys_are_compared_in_no_time() -> None:
    text = "{" + ",".join(f'"k{i}":1' for i in range(60_000)) + ',"k59999":2}'
    begin = monotonic()
    with pytest.raises(SpecBuilderError, match="key 'k59999' stands twice"):
        parse_json(text, "x")
    assert monotonic() - begin < 2


def test_a_pair_of_halves_is_a_character() -> None:
    assert parse_json('"\\ud83d\\ude00"', "x") == "\N{GRINNING FACE}"


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


def test_a_link_that_leads_to_nothing_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link.txt").symlink_to(tmp_path / "elsewhere.txt")
    for force in (False, True):
        with pytest.raises(SpecBuilderError, match=r"link\.txt: is a link that leads to nothing, expected a file name"):
            write_text(tmp_path / "link.txt", "text", force=force)
    assert not (tmp_path / "elsewhere.txt").exists()
