"""The JSON schema of ``experiment.toml`` says what the reader says."""

from __future__ import annotations

import json
import runpy
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.experiments.former import translate
from spec_builder.experiments.reading import load_experiment, shipped_experiments
from spec_builder.experiments.variants import choose_variant

SCHEMA = json.loads(data_path("experiment.schema.json").read_text("utf-8"))
#: The mistakes that the reader is tested with.
DESCRIPTION_MISTAKES: dict[str, tuple[str, str, str]] = runpy.run_path(
    str(Path(__file__).with_name("test_reading.py"))
)["DESCRIPTION_MISTAKES"]
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

#: Mistakes that only the tables, other keys or other files can show.
BEYOND_A_SCHEMA = {
    "unknown source",
    "unknown target",
    "source of its own that is not there",
    "source outside the folder",
    "decreasing edges",
    "edges of another run",
    "one bin less than the tables",
    "one bin more than the tables",
    "response for another run",
    "response for one run more",
    "exposure without years",
    "variation of what has a size",
    "timing with one axis",
    "table is missing",
    "table is a folder",
    "table outside the folder",
    "table at the root",
    "NUL in a table's name",
    "names that differ by case",
    "two sizes of one parameter",
    "flux of an unknown component",
    "form factor of electrons",
    "unknown component",
    "two samples of one component",
    "several samples without components",
    "background left out",
    "background that is not in the table",
    "background with the signal's name",
    "exposure is infinite",
    "exposure is NaN",
    "edge is NaN",
    "edge is infinite",
}
NOT_TOML = {"broken TOML", "repeated key", "integer of 5000 digits"}

#: The description in which the mistakes are made.
MINE = (
    data_path("experiments", "pandax4t", "experiment.toml")
    .read_text("utf-8")
    .replace('name = "pandax4t"\n', 'name = "mine"\n')
)


def content(name: str) -> dict[str, Any]:
    return tomllib.loads(data_path("experiments", name, "experiment.toml").read_text("utf-8"))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", shipped_experiments())
def test_shipped_descriptions(name: str) -> None:
    VALIDATOR.validate(content(name))
    for variant in load_experiment(name).variants:
        _, laid_over = choose_variant(Path("experiment.toml"), content(name), variant)
        VALIDATOR.validate(laid_over)


@pytest.mark.parametrize("name", ["xenonnt", "pandax4t"])
def test_the_former_form_is_translated_into_it(name: str) -> None:
    file = Path(__file__).parent / "former" / f"{name}.toml"
    former = tomllib.loads(file.read_text("utf-8"))
    assert not VALIDATOR.is_valid(former)
    VALIDATOR.validate(translate(file, former))


@pytest.mark.parametrize("mistake", sorted(set(DESCRIPTION_MISTAKES) - BEYOND_A_SCHEMA - NOT_TOML))
def test_mistakes_are_no_good_by_the_schema_either(mistake: str) -> None:
    old, new, _ = DESCRIPTION_MISTAKES[mistake]
    text = MINE.replace(old, new)
    assert not VALIDATOR.is_valid(tomllib.loads(text))


def test_what_is_beyond_the_schema_is_named_right() -> None:
    assert set(DESCRIPTION_MISTAKES) >= BEYOND_A_SCHEMA | NOT_TOML
    text = MINE
    for mistake in BEYOND_A_SCHEMA - {"exposure without years"}:
        old, new, _ = DESCRIPTION_MISTAKES[mistake]
        assert VALIDATOR.is_valid(tomllib.loads(text.replace(old, new))), mistake


def every_key() -> set[str]:
    """Names of all keys that the schema knows, wherever they stand."""
    found: set[str] = set()
    waiting: list[Any] = [SCHEMA]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            found |= set(item.get("properties", {}))
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return found


def test_every_key_is_in_the_howto() -> None:
    text = (Path(__file__).parents[2] / "docs/howto/add_experiment.md").read_text("utf-8")
    assert {key for key in every_key() if f"`{key}`" not in text} == set()


def test_the_reader_refuses_what_the_schema_refuses_in_a_variant(tmp_path: Path) -> None:
    (tmp_path / "experiment.toml").write_text('name = "x"\n[variants.v]\nvariants = {}\ndescription = "d"\n', "utf-8")
    assert not VALIDATOR.is_valid(tomllib.loads((tmp_path / "experiment.toml").read_text("utf-8")))
    with pytest.raises(SpecBuilderError, match="a variant cannot change this key"):
        load_experiment(str(tmp_path), "v")
