"""Reading of JSON and text: what is refused, and in which words."""

from __future__ import annotations

import io
import re
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.reading import load_json, parse_json

if TYPE_CHECKING:
    from pathlib import Path


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
