"""The keys that the reader takes are those of the schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from spec_builder.base.files import data_path
from spec_builder.experiments import keys

if TYPE_CHECKING:
    from typing import Any

SCHEMA: dict[str, Any] = json.loads(data_path("experiment.schema.json").read_text("utf-8"))


def objects(content: Any) -> list[set[str]]:
    """The keys of every table whose keys the schema names."""
    if isinstance(content, list):
        return [found for item in content for found in objects(item)]
    if not isinstance(content, dict):
        return []
    own = [set(content["properties"])] if content.get("additionalProperties") is False else []
    return own + [found for item in content.values() for found in objects(item)]


@pytest.mark.parametrize("name", [name for name in keys.__all__ if name != "RESPONSE"])
def test_a_table_of_the_schema_has_these_keys(name: str) -> None:
    assert set(getattr(keys, name)) in objects(SCHEMA)


@pytest.mark.parametrize("kind", keys.RESPONSE)
def test_responses_by_kind(kind: str) -> None:
    assert set(keys.RESPONSE[kind]) == set(SCHEMA["$defs"][kind]["properties"])
