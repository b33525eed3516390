"""Reading of TOML files and tables, key by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics.descriptions import Description, find_description, is_path, read_description

FILE = Path("some.toml")


def description(content: dict[str, object]) -> Description:
    return Description(FILE, content, folder=Path())


@pytest.mark.parametrize("text", ["./mine", "a/b", "mine.toml", "mine.py", "../up", ".\\mine"])
def test_paths(text: str) -> None:
    assert is_path(text)


@pytest.mark.parametrize("text", ["xenon", "solar_8b", "vector_bl"])
def test_names(text: str) -> None:
    assert not is_path(text)


def test_values() -> None:
    found = description({"a": 1, "b": 2.5, "c": [1, 2], "d": {"e": "x"}, "f": "word"})
    assert found.number("a") == 1
    assert found.positive("b") == 2.5
    assert found.positives("c") == (1, 2)
    assert found.section("d").text("e") == "x"
    assert found.one_of("f", ("word",)) == "word"
    assert found.positive("g", 3.0) == 3.0
    assert found.texts("h") == ()
    found.finish()


@pytest.mark.parametrize("value", [True, "1", float("nan"), float("inf"), None])
def test_numbers_are_finite_numbers(value: object) -> None:
    with pytest.raises(SpecBuilderError, match=r"some.toml: a must be a number"):
        description({"a": value}).number("a")


def test_mistakes_name_file_and_key() -> None:
    with pytest.raises(SpecBuilderError, match=r"some.toml: key 'a' is missing"):
        description({}).text("a")
    with pytest.raises(SpecBuilderError, match=r"some.toml: a must be a text, found ' '"):
        description({"a": " "}).text("a")
    with pytest.raises(SpecBuilderError, match=r"some.toml: a must be a table, found 3"):
        description({"a": 3}).section("a")
    with pytest.raises(SpecBuilderError, match=r"some.toml: a must be at least one table \[\[a\]\]"):
        description({"a": []}).sections("a")
    with pytest.raises(SpecBuilderError, match=r"some.toml: key 'a' does not apply here"):
        description({"a": 1, "b": 2}).finish()


def test_files(tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match=r"none.toml: no such file"):
        read_description(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"a = \xff")
    with pytest.raises(SpecBuilderError, match=r"bad.toml: not a UTF-8 text file"):
        read_description(tmp_path / "bad.toml")
    with pytest.raises(SpecBuilderError, match=r"target.toml: no such file"):
        find_description("targets", "target", tmp_path)


def test_shipped() -> None:
    assert find_description("targets", "target", "xenon").digest is None
