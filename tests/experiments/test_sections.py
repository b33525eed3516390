"""TOML tables that are read key by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.sections import Section, read_toml

FILE = Path("x.toml")


def test_what_is_left_does_not_apply() -> None:
    section = Section(FILE, {"a": 1.5, "b": {"c": 2}})
    assert section.positive("a") == 1.5
    assert section.keys() == ["b"]
    with pytest.raises(SpecBuilderError, match=r"x\.toml: key 'b' does not apply here"):
        section.finish()
    assert section.section("b").positive("c") == 2
    section.finish()


def test_a_misspelt_key_is_said_before_the_one_that_is_missing() -> None:
    section = Section(FILE, {"efficency": "table.csv"}, "response")
    with pytest.raises(SpecBuilderError) as caught:
        section.only("kind", "efficiency")
    assert str(caught.value) == "x.toml: unknown key 'response.efficency'; did you mean 'efficiency'?"
    with pytest.raises(SpecBuilderError, match=r"unknown key 'response\.efficency', expected one of up, down"):
        section.only("up", "down")
    section.only("efficency")


def test_one_of_a_few_words() -> None:
    section = Section(FILE, {"law": "linaer"})
    with pytest.raises(SpecBuilderError) as caught:
        section.one_of("law", ("normsys", "linear"))
    assert str(caught.value) == ("x.toml: law must be one of normsys, linear, found 'linaer'; did you mean 'linear'?")


def test_paths_are_shown_as_the_file_has_them() -> None:
    section = Section(FILE, {"a": [{"b": {}}]}, shown=lambda path: path.upper(), remark=" (so)")
    inner = section.sections("a")[0].section("b")
    with pytest.raises(SpecBuilderError) as caught:
        inner.take("c")
    assert str(caught.value) == "x.toml: key 'A[0].B.C' is missing (so)"


def test_not_toml(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    for text in ("a = ", f"a = {'9' * 5000}", "a = " + "[" * 5000):
        file.write_text(text, "utf-8")
        with pytest.raises(SpecBuilderError, match=r"x\.toml: not valid TOML: "):
            read_toml(file)


@pytest.mark.parametrize(("value", "good"), [(2.0, True), (2.01, False), (12, False), (0.12, True)])
def test_a_relative_size_is_no_percentage(value: float, good: bool) -> None:
    section = Section(FILE, {"sizes": {"flux": value}})
    if good:
        assert section.sizes("sizes") == {"flux": value}
    else:
        with pytest.raises(SpecBuilderError, match=r"sizes\.flux must be a relative size of at most 2 \(percent\?"):
            section.sizes("sizes")
