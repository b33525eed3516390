"""Limits of interactions with a mass and without, of signed parameters and of the contact limit."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import threshold
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.constants import FERMI_CONSTANT
from spec_builder.physics.interactions import choose
from spec_builder.physics.terms import Term
from spec_builder.studies.limits import find_limits

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.model.analysis import Analysis
    from spec_builder.studies.limits import LimitsResult


@cache
def xenonnt() -> Analysis:
    return load_analysis("xenonnt")


def profiled(name: str, values: FloatArray) -> FloatArray:
    """2NLL at values of a parameter without a mass, each fitted from the start."""
    problem = xenonnt().problem(choose(name))
    signal = problem.yields(np.array([np.nan]))
    x = values if choose(name).signed else values**2
    fits = minimise(problem.likelihood, rows=problem.rows(signal, np.zeros(values.size, dtype=np.intp), x))
    assert fits.valid.all()
    return fits.twice_nll


@pytest.mark.parametrize(("name", "reach"), [("nsi", 1.5), ("millicharge", 3e-7), ("magnetic_moment", 5e-9)], ids=str)
def test_intervals_are_those_of_a_brute_force_scan(name: str, reach: float) -> None:
    result = find_limits(xenonnt(), name)
    (point,) = result.exclusion.points
    signed = choose(name).signed
    values = np.linspace(-reach if signed else 0.0, reach, 20_001)
    heights = profiled(name, values)
    assert point.minimum == pytest.approx(heights.min(), abs=2e-4)
    above = heights - point.minimum > threshold(0.9)
    changes = [(a + b) / 2 for (a, b), (p, q) in zip(pairwise(values), pairwise(above), strict=True) if p != q]
    ends = [end for interval in point.excluded for end in interval if end is not None]
    assert ends == pytest.approx(changes, abs=values[1] - values[0])
    assert (point.excluded[0][0] is None) == signed
    assert point.excluded[-1][1] is None
    assert len(changes) == {"nsi": 4, "millicharge": 4, "magnetic_moment": 1}[name]


def test_json_of_a_parameter_without_a_mass() -> None:
    content = json.loads(find_limits(xenonnt(), "nsi").to_json())
    assert content["schema"] == "spec_builder/limits/2"
    assert (content["parameter"], content["unit"], content["signed"]) == ("epsilon", "1", True)
    (point,) = content["points"]
    assert point["mass_MeV"] is None
    assert point["excluded"][0][0] is None
    assert content["minimum"]["mass_MeV"] is None
    assert content["minimum"]["at"] == ("sm" if content["minimum"]["g"] == 0 else "point")
    moment = json.loads(find_limits(xenonnt(), "magnetic_moment").to_json())
    assert (moment["parameter"], moment["unit"], moment["signed"]) == ("mu_nu", "mu_B", False)


def test_csv_of_a_parameter_without_a_mass() -> None:
    result = find_limits(xenonnt(), "nsi")
    columns = result.report().columns
    assert list(columns) == ["epsilon_low", "epsilon_high", "best_epsilon", "delta_chi2_sm", "valid"]
    assert columns["epsilon_low"][0] == -math.inf
    assert columns["epsilon_high"][-1] == math.inf
    assert "against the minimum over epsilon\n" in str(result)
    assert "< -" in str(result)


def test_the_contact_limit_is_the_limit_of_heavy_mediators() -> None:
    result = find_limits(xenonnt(), "vector_universal", np.array([1e6, np.inf]))
    heavy, contact = result.exclusion.points
    for (low, high), (low_c, high_c) in zip(heavy.excluded, contact.excluded, strict=True):
        for end, end_c in ((low, low_c), (high, high_c)):
            assert (end is None) == (end_c is None)
            if end is not None:
                assert end_c == pytest.approx(end / 1e3, rel=1e-4)  # g/m in 1/GeV, of 1000 GeV
    content = json.loads(result.to_json())["points"][1]
    assert content["mass_MeV"] == "inf"
    assert content["g_over_m_per_GeV"] == content["excluded"]
    first = content["excluded"][0][0]
    assert content["C_a"][0][0] == pytest.approx(math.sqrt(2) * (first / 1e3) ** 2 / FERMI_CONSTANT)
    assert "the numbers are g/m [1/GeV]" in str(result)


def test_one_degree_of_freedom_is_the_default() -> None:
    masses = np.array([1.0, 100.0])
    plain, one, two = (find_limits(xenonnt(), "axial", masses, **how) for how in ({}, {"dof": 1}, {"dof": 2}))
    assert plain.to_dict() == one.to_dict()
    assert ends(two) > ends(one)


def ends(result: LimitsResult) -> list[float]:
    return [point.excluded[-1][0] or 0.0 for point in result.exclusion.points]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nsi", {"masses": np.array([1.0])}, "interaction 'nsi' has no mediator: masses do not apply"),
        ("nsi", {"dof": 2}, "dof 2: interaction 'nsi' has no mass and so no plane, expected 1"),
        ("scalar", {}, "interaction 'scalar' has a mediator: give its masses [MeV]"),
        ("scalar", {"masses": np.array([1.0]), "dof": 3}, "dof 3: expected 1 or 2"),
        ("scalar", {"masses": np.array([1e60])}, "mass 1e+60 is beyond floating range"),
        ("scalar", {"masses": np.array([1e40]), "cl": 2.0}, "confidence level 2"),
        ("sm", {}, "interaction 'sm' is the Standard Model, expected one of scalar, "),
        ("lefthanded", {}, "interaction 'lefthanded' is unknown"),
    ],
)
def test_mistakes(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecBuilderError) as error:
        find_limits(xenonnt(), name, **options)
    assert message in str(error.value)
    assert "--" not in str(error.value)


def test_an_interaction_that_changes_nothing_is_refused() -> None:
    with pytest.raises(SpecBuilderError, match="interaction 'vector' changes no yield of this analysis"):
        find_limits(xenonnt(), choose("vector", u=0, d=0), np.array([1.0]))


@pytest.mark.parametrize("signed", [False, True])
def test_an_interference_without_its_square_is_refused(signed: bool) -> None:
    def terms(_scatterers: object, recoil_energy_MeV: FloatArray, _flavour: str) -> list[Term]:
        return [Term(1, 1, (-1e-8 / recoil_energy_MeV, 0.0, 0.0))]  # type: ignore[arg-type]

    model = SimpleNamespace(name="half", title="t", references=["a note"], parameter="k", signed=signed, terms=terms)
    with pytest.raises(SpecBuilderError, match="interaction 'half' makes the signal negative in bin 0 from") as error:
        find_limits(xenonnt(), model, np.array([1.0]))
    symbol, value = ("|k|" if signed else "k"), float(str(error.value).split(" = ")[1].split()[0])
    assert f"from {symbol} = " in str(error.value)
    assert "at a mass of 1 MeV" in str(error.value)
    signal = xenonnt().problem(choose(model)).yields(np.array([1.0]))["cevns"].nominal[:, 0, 0]
    x = value if signed else value**2
    assert signal[0] + signal[1] * x == pytest.approx(0.0, abs=1e-3 * signal[0])


def test_destructive_interference_with_its_square_is_not_refused() -> None:
    for name in ("vector_universal", "vector", "vector_bl"):
        find_limits(xenonnt(), name, np.array([0.01, 1000.0, np.inf]))


def test_where_all_is_excluded_the_text_says_everything() -> None:
    zero = replace(xenonnt().experiments[0].channels[0], observed=np.array([0.0, 0.0, 0.0]), backgrounds=())
    experiment = replace(xenonnt().experiments[0], channels=(zero,))
    result = find_limits(replace(xenonnt(), experiments=(experiment,)), "vector", np.array([1e-3]), cl=0.5, dof=2)
    assert result.exclusion.points[0].excluded == ((0.0, None),)
    assert "  everything\n" in str(result)
