"""The model at one mass: its variable y."""

from __future__ import annotations

import numpy as np
import pytest

from spec_builder.inference.mass_models import mass_models
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose


def test_the_variable_is_one_where_the_new_physics_is_as_large_as_the_rest() -> None:
    analysis = load_analysis("xenonnt")
    scalar_problem = analysis.problem(choose("scalar"))
    (scalar,) = mass_models(scalar_problem, np.array([10.0]))
    assert scalar.power == 2  # nothing interferes: linear in g^4
    (vector,) = mass_models(analysis.problem(choose("vector_bl")), np.array([10.0]))
    assert vector.power == 1
    signal = scalar_problem.yields(np.array([10.0]))["cevns"].nominal[:, 0]
    x = scalar.value(1.0) ** 2
    assert signal[2].sum() * x**2 == pytest.approx(signal[0].sum(), rel=1e-12)
    for model in (scalar, vector):
        assert model.y(model.value(0.7)) == pytest.approx(0.7, rel=1e-12)
