"""Toys of a coupling with which shapes of the signal change: minima by brute force, both sides of the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.exclusion import exclude
from spec_builder.inference.exclusion_by_toys import exclude_by_toys
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.mass_models import MassModel, mass_models
from spec_builder.inference.shaped_toys import ShapedSignal, ShapedToyChunk
from spec_builder.inference.toys import TOYS_PER_CHUNK, draw, generator_of
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose

if TYPE_CHECKING:
    from spec_builder.inference.data import Problem

MASS = np.array([10.0])


@pytest.fixture(scope="module")
def problems() -> dict[str, Problem]:
    analysis = load_analysis("coherent_csi", variants={"coherent_csi": "response_shapes"})
    return {name: analysis.problem(choose(name)) for name in ("scalar", "vector_universal")}


def shaped_of(model: MassModel) -> ShapedSignal:
    assert model.shaped is not None
    return model.shaped


@pytest.mark.parametrize(("name", "y"), [("scalar", 0.0), ("scalar", 0.4), ("vector_universal", 0.8)])
def test_statistics_of_toys_by_brute_force(problems: dict[str, Problem], name: str, y: float) -> None:
    problem = problems[name]
    (model,) = mass_models(problem, MASS)
    shaped, value, count = shaped_of(model), model.value(y), 5
    (truth,) = shaped.hypotheses(np.array([value]), "profiled")
    found = ShapedToyChunk(shaped, value, truth, 3, (0, 0), 0, count).compute()
    assert found["valid"].all()
    assert (found["statistic"] > 0.01).any()
    likelihood = Likelihood(shaped.specification)
    (rates,) = shaped.rates(likelihood, np.array([value]), truth)
    data = draw(likelihood, truth, generator_of(3, (0, 0), 0), TOYS_PER_CHUNK, rates).take(slice(0, count))
    start = np.tile(truth, (count, 1))
    held = shaped.profile(likelihood, np.full(count, value), start=start, data=data)
    at_best = shaped.profile(likelihood, found["best"], start=held.theta, data=data)
    assert found["statistic"] == pytest.approx(held.twice_nll - at_best.twice_nll, abs=1e-6)
    values = np.linspace(0.0, model.value(3.0), 301)
    for i in range(count):
        same = np.full(values.size, i)
        scan = shaped.profile(likelihood, values, start=held.theta[same], data=data.take(same))
        brute = held.twice_nll[i] - min(scan.twice_nll.min(), held.twice_nll[i])
        assert brute - 1e-6 < found["statistic"][i] < brute + 0.02  # steps of the scan


def test_rates_of_the_hypothesis_are_those_of_its_templates(problems: dict[str, Problem]) -> None:
    (model,) = mass_models(problems["scalar"], MASS)
    shaped = shaped_of(model)
    likelihood = Likelihood(shaped.specification)
    (standard,) = shaped.rates(likelihood, np.array([0.0]), likelihood.init)
    assert standard == pytest.approx(likelihood.rates(likelihood.init)[0], rel=1e-7)  # 8 digits there
    (more,) = shaped.rates(likelihood, np.array([model.value(1.0)]), likelihood.init)
    signal = shaped.yields["cevns"].nominal[0].sum()
    assert (more - standard).sum() == pytest.approx(signal, rel=1e-9)  # as large as the Standard Model


@pytest.mark.parametrize("name", ["scalar", "vector_universal"])
def test_asymptotic_side_is_that_of_the_curves(problems: dict[str, Problem], name: str) -> None:
    expected = exclude(problems[name], MASS, cl=0.9, dof=1).points[0]
    found = exclude_by_toys(problems[name], MASS, cl=0.9, toys=10, count=4).points[0]
    assert found.point.minimum == pytest.approx(expected.minimum, abs=1e-6)
    assert found.point.delta_chi2_sm == pytest.approx(expected.delta_chi2_sm, abs=1e-6)
    assert len(found.asymptotic) == len(expected.excluded)
    ends = [
        (a, b) for pair in zip(found.asymptotic, expected.excluded, strict=True) for a, b in zip(*pair, strict=True)
    ]
    assert [a is None for a, _ in ends] == [b is None for _, b in ends]
    numbers = [(a, b) for a, b in ends if a is not None and b is not None]
    assert [a for a, _ in numbers] == pytest.approx([b for _, b in numbers], rel=1e-5)


def test_the_minimum_over_the_plane_is_refused(problems: dict[str, Problem]) -> None:
    words = r"sample 'cevns' has shape uncertainties \(coherent_csi_efficiency, .*\) that change with the coupling"
    with pytest.raises(SpecBuilderError, match=words):
        exclude_by_toys(problems["scalar"], MASS, dof=2, toys=10)
    with pytest.raises(SpecBuilderError, match="ensemble 'mine' is unknown"):
        exclude_by_toys(problems["scalar"], MASS, toys=10, count=4, ensemble="mine")  # type: ignore[arg-type]
