"""Toys with their minimum over the plane, by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from spec_builder.inference.curves import Curves
from spec_builder.inference.data import Problem
from spec_builder.inference.exclusion import PLANE_MASSES
from spec_builder.inference.mass_models import VARIABLE, mass_models
from spec_builder.inference.plane_toys import PlaneToyChunk, YieldTable
from spec_builder.inference.toys import TOYS_PER_CHUNK, ToyChunk, draw, generator_of, hypotheses
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose


def test_a_toys_minimum_over_the_plane_by_brute_force() -> None:
    problem = load_analysis("xenonnt").problem(choose("vector_universal"))
    (model,) = mass_models(problem, np.array([3.0]))
    (truth,) = hypotheses(model.likelihood, VARIABLE, np.array([0.4]))
    inner = ToyChunk(model.likelihood.specification, VARIABLE, truth, 5, (0, 0), 0, 6)
    table = YieldTable.of(problem, PLANE_MASSES, 2)
    chunk = PlaneToyChunk(inner, problem.likelihood.specification, problem.samples, signed=False, table=table)
    found = chunk.compute()
    assert found["valid"].all()
    one_dof = inner.compute()
    assert (found["statistic"] >= one_dof["statistic"] - 1e-9).all()
    assert (found["statistic"] > one_dof["statistic"] + 0.01).any()
    data = draw(model.likelihood, truth, generator_of(5, (0, 0), 0), TOYS_PER_CHUNK)
    masses = np.geomspace(*PLANE_MASSES, 151)
    signal = problem.yields(masses)
    for i in range(6):
        own = Problem(problem.likelihood, data.take(slice(i, i + 1)), problem.samples, problem.yields, signed=False)
        brute = float(Curves(own, signal).minimum.min())
        at_mass = float(Curves(own, problem.yields(np.array([3.0]))).minimum[0])
        expected = one_dof["statistic"][i] + max(at_mass - brute, 0.0)
        assert found["statistic"][i] == pytest.approx(expected, abs=5e-3)
        assert found["statistic"][i] >= expected - 1e-3  # the lattice is as fine


def test_table_gives_the_yields_of_its_masses() -> None:
    problem = load_analysis("xenonnt").problem(choose("scalar"))
    table = YieldTable.of(problem, PLANE_MASSES, 1)
    assert table.masses.size == 121
    some = table.masses[[0, 17, 120]] * (1 + 1e-13)
    expected = problem.yields(some)["cevns"].nominal
    assert np.allclose(table(some)["cevns"].nominal, expected, rtol=1e-9, atol=0)
