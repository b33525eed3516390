"""TOML tables that are read key by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.sections import Section, read_toml

FILE = Path("x.toml")


def test_what_is_left_is_unknown() -> None:
    section = Section(FILE, {"a": 1.5, "b": {"c": 2}})
    assert section.positive("a") == 1.5
    assert section.keys() == ["b"]
    with pytest.raises(SpecBuilderError, match=r"x\.toml: unknown key b"):
        section.finish()
    assert section.section("b").positive("c") == 2
    section.finish()


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
