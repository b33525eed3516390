"""Variants are laid over a description by one rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.variants import choose_variant

FILE = Path("experiment.toml")


def described(**block: Any) -> dict[str, Any]:
    return {
        "name": "mine",
        "references": ["a", "b"],
        "channels": [{"name": "one", "size": {"x": 1, "y": 2}, "edges": [1, 2]}, {"name": "two", "edges": [3, 4]}],
        "variants": {"other": {"description": "another one", **block}},
    }


def changed(**block: Any) -> dict[str, Any]:
    return choose_variant(FILE, described(**block), "other")[1]


def test_default_is_the_description_itself() -> None:
    descriptions, content = choose_variant(FILE, described(references=["c"]), None)
    assert descriptions == {"other": "another one"}
    assert content == {key: value for key, value in described().items() if key != "variants"}


def test_values_and_plain_lists_are_replaced() -> None:
    assert changed(references=["c"])["references"] == ["c"]
    assert changed(references=[])["references"] == []
    assert changed(licence="x")["licence"] == "x"


def test_named_blocks_are_changed_by_name_and_tables_by_key() -> None:
    content = changed(channels=[{"name": "two", "edges": [5, 6]}, {"name": "one", "size": {"y": 3, "z": 4}}])
    assert content["channels"] == [
        {"name": "one", "size": {"x": 1, "y": 3, "z": 4}, "edges": [1, 2]},
        {"name": "two", "edges": [5, 6]},
    ]


def test_false_takes_a_key_away() -> None:
    content = changed(channels=[{"name": "one", "size": {"x": False}}], references=False)
    assert content["channels"][0]["size"] == {"y": 2}
    assert "references" not in content


def test_a_table_takes_the_place_of_a_value_and_back() -> None:
    assert changed(channels=[{"name": "one", "size": "none"}])["channels"][0]["size"] == "none"
    assert changed(references={"a": 1})["references"] == {"a": 1}


def test_variants_are_laid_over_each_other_in_their_order() -> None:
    content = described(licence="x", references=["c"])
    content["variants"]["more"] = {
        "description": "more",
        "references": ["d"],
        "channels": [{"name": "two", "edges": [0, 1]}],
    }
    _, both = choose_variant(FILE, content, "other+more")
    assert (both["licence"], both["references"], both["channels"][1]["edges"]) == ("x", ["d"], [0, 1])
    assert choose_variant(FILE, content, "more+other")[1]["references"] == ["c"]
    with pytest.raises(SpecBuilderError, match="variant 'none' of mine is unknown, expected one of: other, more"):
        choose_variant(FILE, content, "more+none")


def test_the_description_is_left_as_it_is() -> None:
    content = described(channels=[{"name": "one", "size": {"y": 3}}])
    choose_variant(FILE, content, "other")
    assert content == described(channels=[{"name": "one", "size": {"y": 3}}])


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"channels": [{"name": "three"}]}, "channels[0].name must be one of one, two, found 'three'"),
        ({"licence": False}, "variants.other.licence: there is no such key to take away"),
        ({"channels": [{"name": "two", "size": False}]}, "channels[0].size: there is no such key to take away"),
        ({"license": "x"}, "unknown key 'variants.other.license'; did you mean 'licence'?"),
        ({"name": "yours"}, "variants.other.name: a variant cannot change this key"),
        ({"variants": {}}, "variants.other.variants: a variant cannot change this key"),
    ],
)
def test_changes_of_what_is_not_there(block: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecBuilderError) as caught:
        changed(**block)
    assert message in str(caught.value)
