"""Files of strangers: what is read has a largest size, and what it becomes a largest memory."""

from __future__ import annotations

import io
import os
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from spec_builder.base import reading
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.reading import (
    MAX_JSON_MEMORY,
    json_memory,
    load_json,
    parse_json,
    parse_toml,
    read_bytes,
    read_text,
)
from spec_builder.base.tables import read_table

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "# title: x\n# source: x\n# status: computed\n# unit: x\n"


def test_a_file_of_the_largest_size_is_read_and_a_larger_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("a" * reading.MAX_TEXT)
    assert len(read_text(path)) == reading.MAX_TEXT
    path.write_text("a" * (reading.MAX_TEXT + 1))
    with pytest.raises(SpecBuilderError, match=r"file\.csv: is larger than 4 MB, which no file of this kind is"):
        read_text(path)
    with pytest.raises(SpecBuilderError, match="is larger than 0 MB"):
        read_bytes(path, most=100)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs a device without end")  # noqa: PTH110
def test_a_device_without_end_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "zero.csv"
    link.symlink_to("/dev/zero")
    for read in (read_text, read_bytes):
        with pytest.raises(SpecBuilderError, match=r"zero\.csv: is a device or a pipe, expected a file"):
            read(link)
    with pytest.raises(SpecBuilderError, match="/dev/zero: is larger than 64 MB"):
        load_json("/dev/zero")
    with open("/dev/zero", "rb") as stream:  # noqa: PTH123
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream))
        with pytest.raises(SpecBuilderError, match="standard input: is larger than 64 MB"):
            load_json("-")


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "table.csv"
    os.mkfifo(pipe)
    with pytest.raises(SpecBuilderError, match=r"table\.csv: is a device or a pipe, expected a file"):
        read_table(pipe, columns=("a",))


def test_a_nul_in_a_name_is_a_name_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match="cannot be read"):
        read_text(tmp_path / "a\0b")


def test_line_ends_are_one_character(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")
    assert read_text(path) == "a\nb\nc\n"


@pytest.mark.parametrize("text", ["{}", '{"a":1}', "[]", "1.234567", '"ab"', '{"a":{"b":[1,2]}}'])
def test_memory_is_told_from_above_before_it_is_taken(text: str) -> None:
    many = "[" + ",".join([text] * 1000) + "]"
    told = json_memory(many)
    assert told > 1000 * (len(text) + 32)
    repeats = MAX_JSON_MEMORY // json_memory(text) + 1
    with pytest.raises(SpecBuilderError, match=r"x\.json: holds more values than fit into 512 MB of memory"):
        parse_json("[" + ",".join([text] * repeats) + "]", "x.json")
    assert len(parse_json(many, "x.json")) == 1000


def test_a_patch_set_of_many_points_is_still_read() -> None:
    """Of 31 x 31 points in 243 bins with two shapes, the largest that the defaults make."""
    point = "[" + ",".join(["0.01234567"] * 5 * 243) + "]"
    assert 5 * 31 * 31 * json_memory(point) < MAX_JSON_MEMORY


def test_a_long_number_is_not_printed_whole() -> None:
    with pytest.raises(SpecBuilderError) as caught:
        parse_json(f"[{'9' * 100_000}]", "x.json")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a = " + "9" * 5000, "not valid TOML: Exceeds the limit", id="long number"),
        pytest.param("a = " + "[" * 100_000, "not valid TOML: maximum recursion depth", id="brackets"),
        pytest.param("b = 1\na" + ".a" * 200 + " = 1", ":2: more than 100 points, which no line", id="parts of a key"),
        pytest.param("[" + "11 . " * 300 + "a]", ":1: more than 100 points, which no line", id="parts with spaces"),
        pytest.param("[" + "1.1." * 300 + "a]", ":1: more than 100 points, which no line", id="parts like numbers"),
        pytest.param("#" * 2**20 + "\n", "is larger than 1 MB, which no file of this kind is", id="long"),
    ],
)
def test_toml_that_takes_time_or_memory(text: str, message: str) -> None:
    with pytest.raises(SpecBuilderError, match=re.escape(message)) as caught:
        parse_toml(text, "x.toml")
    assert str(caught.value).startswith("x.toml:")


def test_a_long_line_of_numbers_is_toml() -> None:
    numbers = [0.5, 1.25e-3, -2.5] * 200
    assert parse_toml(f"edges = {numbers}", "x.toml") == {"edges": numbers}


def test_a_long_field_is_not_a_number(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{HEADER}a\n{'4' + ' ' * 140_000}\n")
    with pytest.raises(SpecBuilderError, match=r"table\.csv: not a table of numbers \(field larger than field limit"):
        read_table(path, columns=("a",))
    path.write_text(f"{HEADER}a\n{'x' * 100_000}\n")
    with pytest.raises(SpecBuilderError, match=r"a is 'x{40}\.\.\.', expected a finite number"):
        read_table(path, columns=("a",))


def test_lines_of_a_file_that_is_no_table_are_not_told(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    for text in ("# password = hunter2\n", "password: hunter2\n", f"{HEADER}# password = hunter2\na\n1\n"):
        path.write_text(text)
        with pytest.raises(SpecBuilderError) as caught:
            read_table(path, columns=("a",))
        assert "hunter2" not in str(caught.value)


def test_standard_input_that_is_text_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"\xef\xbb\xbf[1]")))
    assert load_json("-") == [1]


@pytest.mark.parametrize("number", ["0x" + "f" * 100_000, "0b" + "1" * 100_000, "[{ a = 0o" + "7" * 5000 + " }]"])
def test_a_long_number_to_another_base(number: str) -> None:
    with pytest.raises(SpecBuilderError, match=r"x\.toml: not valid TOML: a whole number has more than 1100 bits"):
        parse_toml(f"a = {number}", "x.toml")
    assert parse_toml("a = 0xffff_ffff", "x.toml") == {"a": 2**32 - 1}


@pytest.mark.parametrize("mark", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_a_line_ends_at_line_ends_alone(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{HEADER}a\n1{mark}2\n", encoding="utf-8")
    with pytest.raises(SpecBuilderError, match=r"table\.csv:6: a is '.*', expected a finite number"):
        read_table(path, columns=("a",))


def test_a_table_of_more_rows_than_any_has_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(HEADER + "a\n" + "1\n" * 20_001)
    with pytest.raises(SpecBuilderError, match=r"long\.csv: 20001 rows, expected at most 20000"):
        read_table(path, columns=("a",))


def test_columns_are_looked_up_and_not_looked_for(tmp_path: Path) -> None:
    """Each of a hundred thousand once: looked for one by one they would take minutes."""
    path = tmp_path / "wide.csv"
    names = [f"bin{i}" for i in range(100_000)]
    path.write_text(HEADER + ",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n")
    assert len(read_table(path, columns=names).columns) == len(names)
    path.write_text(HEADER + ",".join([*names, "bin7"]) + "\n")
    with pytest.raises(SpecBuilderError, match=r"wide\.csv:5: column 'bin7' stands twice"):
        read_table(path, columns=names)


def test_what_a_table_says_of_itself_is_one_line_that_steers_nothing(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(HEADER.replace("# source: x", "# source: a\x1b[2J\tb\u2028c") + "a\n1\n", encoding="utf-8")
    assert read_table(path, columns=("a",)).metadata["source"] == r"a\x1b[2J b c"
