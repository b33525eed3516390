"""Interactions, their options, and choices."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics.choices import Option
from spec_builder.physics.interactions import STANDARD_MODEL, WEAK_MIXING_ANGLE, choose, shipped_interactions
from spec_builder.physics.sources import load_source
from spec_builder.physics.targets import load_target

ALL = (STANDARD_MODEL, WEAK_MIXING_ANGLE, *(interaction.choose() for interaction in shipped_interactions()))


@pytest.mark.parametrize("choice", ALL, ids=lambda choice: choice.name)
def test_choices_travel_and_can_be_keys(choice: object) -> None:
    assert pickle.loads(pickle.dumps(choice)) == choice  # noqa: S301
    assert {choice: 1}[choice] == 1


def test_options_and_what_changed() -> None:
    usual, other = choose("scalar"), choose("scalar", coupling_set="A")
    assert usual.options == {"coupling_set": "B", "scalar_form": "exact"}
    assert usual.changed == {}
    assert other.changed == {"coupling_set": "A"}
    assert other != usual
    assert other == choose("scalar", coupling_set="A", scalar_form=None)
    assert choose("vector_bl").options == {}
    assert choose(other) == other
    assert choose("vector", d=0).stated == {"u": 1.0, "d": 0.0, "nu": 1.0, "e": 1.0}  # one not given is not 0
    assert choose(other, scalar_form="nuclear").changed == {"coupling_set": "A", "scalar_form": "nuclear"}


def test_options_come_as_text_too() -> None:
    assert choose("tensor", longitudinal_factor="4").options == {"longitudinal_factor": 4}
    assert choose("vector", u="0.5").options == {"u": 0.5, "d": 1.0, "nu": 1.0, "e": 1.0}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("axial", {"coupling_set": "A"}, "interaction 'axial' has no option 'coupling_set', it has axial_sign"),
        ("vector_bl", {"u": 1}, "interaction 'vector_bl' has no option 'u', it has none"),
        ("scalar", {"coupling_set": "Z"}, "interaction 'scalar': coupling set 'Z', expected one of A, B, C, D, E"),
        ("tensor", {"longitudinal_factor": 2}, "interaction 'tensor': longitudinal factor '2', expected 1 or 4"),
        ("axial", {"axial_sign": "0"}, r"interaction 'axial': axial sign '0', expected \+ or -"),
        ("vector", {"u": "up"}, "interaction 'vector': u 'up', expected a number"),
        ("vector", {"u": float("nan")}, "interaction 'vector': u 'nan', expected a number"),
        ("vector", {"u": True}, "interaction 'vector': u 'True', expected a number"),
        ("nsi", {"quark": "s"}, "interaction 'nsi': quark 's', expected u or d"),
    ],
)
def test_mistakes_in_options(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecBuilderError, match=message):
        choose(name, **options)


def test_defaults_are_allowed() -> None:
    for interaction in shipped_interactions():
        for option in interaction.options:
            assert option.meaning
            assert option.value(option.default, interaction.name) == option.default


def test_an_option_without_a_list_takes_numbers() -> None:
    assert Option("u", "a charge", 1.0).value("-2.5", "mine") == -2.5


@pytest.mark.parametrize("choice", ALL, ids=lambda choice: choice.name)
@given(value=st.floats(1e-9, 1e3))
def test_x_is_the_square_but_of_what_has_a_sign(choice: object, value: float) -> None:
    chosen = choose(choice)
    assert float(chosen.x(value)) == pytest.approx(value if chosen.signed else value**2, rel=1e-14)


def test_signs() -> None:
    assert {c.name for c in ALL if c.signed} == {"weak_mixing_angle", "nsi", "millicharge"}
    assert float(choose("nsi").x(-0.3)) == -0.3
    for choice in ALL:
        low, high = choice.default_range
        assert low < high
        assert choice.signed or low > 0


def test_mediators() -> None:
    without = {c.name for c in ALL if not c.has_mediator}
    assert without == {"sm", "weak_mixing_angle", "nsi", "magnetic_moment", "millicharge"}
    assert (choose("magnetic_moment").unit, choose("millicharge").unit, choose("scalar").unit) == ("mu_B", "e", "")


def test_sources_name_what_takes_part() -> None:
    b8, xenon = load_source("solar_8b"), load_target("xenon")
    standard = STANDARD_MODEL.sources(b8, xenon)
    assert standard[-1] == "form factor of Klein and Nystrand, arXiv:hep-ph/9902259"
    assert set(standard) < set(choose("axial").sources(b8, xenon))
    assert "HERMES" in choose("axial").sources(b8, xenon)[-1]
    assert "1506.04142" in choose("scalar").sources(b8, xenon)[-1]
    assert "1708.02678" in choose("scalar", coupling_set="C").sources(b8, xenon)[-1]
    helm = STANDARD_MODEL.sources(b8, xenon.with_form_factor("helm"))
    assert "Helm" in helm[-1]
    assert "0508299" in choose("nsi").sources(b8, xenon)[-1]
    electrons = choose("axial").sources(load_source("solar"), load_target("xenon_electrons"))
    assert any("1610.04177" in text for text in electrons)
    assert any("survival probabilities" in text for text in electrons)
    assert not any("HERMES" in text or "Klein" in text for text in electrons)


def test_terms_are_refused_where_there_are_none() -> None:
    with pytest.raises(SpecBuilderError, match="interaction 'tensor' has no cross section on target 'csi_electrons'"):
        choose("tensor").terms(load_target("csi_electrons"), np.ones(1))
    assert not choose("nsi").acts_on(load_target("csi_electrons"))
    assert choose("axial").acts_on(load_target("csi_electrons"))
