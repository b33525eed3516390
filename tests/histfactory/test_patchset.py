"""Names and values of patches, and records of patch sets."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyhf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.patchset import patch_name, patch_set, patch_set_json, patch_values, round_value
from spec_builder.model.analysis import load_analysis
from spec_builder.model.patches import build_patch_set
from spec_builder.physics.interactions import choose, shipped_interactions

if TYPE_CHECKING:
    from spec_builder.model.analysis import Analysis

INTERACTIONS = tuple(interaction.name for interaction in shipped_interactions())


@lru_cache
def analysis(law: str, name: str = "combined") -> Analysis:
    return load_analysis(name, law)


# ---------------------------------------------------------------- names and values

numbers = st.floats(1e-8, 1e6).map(round_value)


def pattern_of_pyhf() -> re.Pattern[str]:
    schemas = Path(pyhf.__file__).parent / "schemas" / "1.0.0"
    definitions = json.loads((schemas / "defs.json").read_text("utf-8"))["definitions"]
    return re.compile(definitions["patchset"]["patch"]["properties"]["metadata"]["properties"]["name"]["pattern"])


PYHFS_NAME = pattern_of_pyhf()


@given(interaction=st.sampled_from(INTERACTIONS), mass=numbers, g=numbers)
def test_a_name_can_be_read_back_and_pyhf_takes_it(interaction: str, mass: float, g: float) -> None:
    name = patch_name(interaction, mass, g)
    assert patch_values(name) == (interaction, mass, g)
    assert PYHFS_NAME.search(name)


@given(value=st.floats(1e-8, 1e6))
def test_a_rounded_value_can_be_typed(value: float) -> None:
    rounded = round_value(value)
    assert rounded == pytest.approx(value, rel=5.0001e-6)
    assert float(f"{rounded:.6g}") == rounded == round_value(rounded)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "scalar",
        "scalar_m1.000e1_g2p500em5",
        "scalar_m1p000e-1_g2p500em5",
        "scalar_m1p000e1",
        "m1p000e1_g2p5em5",
        "scalar_m10p0e1_g2p500em5",
        "scalar_m1p000e1_g2p500em5x",
    ],
)
def test_a_name_of_somebody_else_is_refused(name: str) -> None:
    with pytest.raises(SpecBuilderError, match=f"patch name '{re.escape(name)}': expected INTERACTION_mMASS_gCOUPLING"):
        patch_values(name)


def test_yields_are_those_of_the_rounded_values() -> None:
    xenonnt, choice = analysis("normsys", "xenonnt"), choose("vector_bl")
    typed, exact = ([(10.0, 2.5e-5)], [(10.0000004, 2.500001e-5)])
    assert build_patch_set(xenonnt, choice, typed) == build_patch_set(xenonnt, choice, exact)


@pytest.mark.parametrize(
    "record", ["", "1234567", "ins123456", "ins12345678", "INS1234567", " ins1234567", "insABCDEFG"]
)
def test_other_hepdata_records_are_refused(record: str) -> None:
    with pytest.raises(SpecBuilderError, match=f"hepdata '{record}': expected ins and seven digits"):
        patch_set("a set", "0" * 64, [], hepdata=record)


def test_infinity_is_no_json() -> None:
    content = {"version": "1.0.0", "patches": [], "metadata": {"minimum": {"mass_MeV": float("inf")}}}
    with pytest.raises(ValueError, match="not JSON compliant"):
        patch_set_json(content)
