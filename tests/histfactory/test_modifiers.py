"""Normalisation uncertainties under the two laws."""

from __future__ import annotations

import pyhf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.histfactory.modifiers import LAWS, normalisation_modifier, normalisation_modifiers

nominals = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=8)


def test_laws() -> None:
    assert LAWS == ("normsys", "linear")


@given(relative=st.floats(1e-3, 0.999), nominal=nominals)
def test_normsys_is_symmetric_below_one(relative: float, nominal: list[float]) -> None:
    modifier = normalisation_modifier("normsys", "a", relative, nominal)
    assert modifier == {"name": "a", "type": "normsys", "data": {"hi": 1 + relative, "lo": 1 - relative}}


@given(relative=st.floats(1.0, 10.0), nominal=nominals)
def test_normsys_stays_positive_for_large_uncertainties(relative: float, nominal: list[float]) -> None:
    data = normalisation_modifier("normsys", "a", relative, nominal)["data"]
    assert data == {"hi": 1 + relative, "lo": 1 / (1 + relative)}


@given(relative=st.floats(1e-3, 10.0), nominal=nominals)
def test_linear_holds_exact_products(relative: float, nominal: list[float]) -> None:
    modifier = normalisation_modifier("linear", "a", relative, nominal)
    assert modifier["type"] == "histosys"
    assert modifier["data"]["hi_data"] == [n * (1 + relative) for n in nominal]
    assert modifier["data"]["lo_data"] == [n * (1 - relative) for n in nominal]


@pytest.mark.parametrize("alpha", [-3.0, -1.0, -0.4, 0.0, 0.7, 1.0, 5.0])
def test_linear_is_the_factor_of_equation_17(alpha: float) -> None:
    """The rate that pyhf makes of it is nominal x (1 + s alpha), inside and outside one standard deviation."""
    nominal, relative = [8.0, 2.0], 0.23
    modifiers = [
        {"name": "mu", "type": "normfactor", "data": None},
        normalisation_modifier("linear", "a", relative, nominal),
    ]
    model = pyhf.Model(
        {"channels": [{"name": "c", "samples": [{"name": "s", "data": nominal, "modifiers": modifiers}]}]},
        poi_name="mu",
        modifier_settings={"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}},
    )
    parameters = [alpha if name == "a" else 1.0 for name in model.config.par_order]
    expected = [n * (1 + relative * alpha) for n in nominal]
    assert model.expected_actualdata(parameters) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("law", LAWS)
def test_modifiers_of_a_sample_are_sorted(law: str) -> None:
    (known,) = (name for name in LAWS if name == law)
    names = [m["name"] for m in normalisation_modifiers(known, {"b": 0.1, "a": 0.2, "c": 0.3}, [1.0])]
    assert names == ["a", "b", "c"]
