"""Names that steer a terminal, or that it cannot show."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.base.printing import in_line, json_text, one_line, printable, tolerant_streams


@given(st.text(st.characters(categories=("Cc", "Cf", "Zl", "Zp", "Lu")) | st.sampled_from("\x1b\n\t ab")))
def test_no_control_character_is_left(text: str) -> None:
    left = {character for character in printable(text) if unicodedata.category(character) == "Cc"}
    assert left <= {"\n", "\t"}
    for line in (one_line(text), in_line(text)):
        assert "\n" not in line
        assert "\t" not in line
    assert in_line("a  b\n\tc") == "a  b  c"


@given(st.text(st.characters(categories=("Cc", "Cf", "Zl", "Zp", "Lu", "So"))))
def test_json_without_control_characters_has_the_same_content(text: str) -> None:
    written = json_text(json.dumps([text], ensure_ascii=False))
    assert json.loads(written) == [text]
    assert printable(written) == written


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("\x9b31m", "\\x9b31m"),
        ("left\u202eright", "left\\u202eright"),
        ("soft\u00adhyphen\ufeff", "soft\\xadhyphen\\ufeff"),
        ("\udcc3\udca9", "é"),
        ("\udcff", "\\udcff"),
        ("\udcc2\udc9b", "\\x9b"),
        ("half \ud800", "half \\ud800"),
        ("ν μ ☀ é", "ν μ ☀ é"),
    ],
)
def test_what_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == one_line(text) == shown


def test_streams_are_utf_8_whatever_the_terminal_says(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="cp1252"))
    monkeypatch.setattr("sys.stderr", io.StringIO())  # cannot be reconfigured, and need not be
    tolerant_streams()
    print("é ν")  # noqa: T201
    import sys

    sys.stdout.flush()
    assert raw.getvalue().strip() == "é ν".encode()
