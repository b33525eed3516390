"""The joint likelihood against pyhf, and what it shares."""

from __future__ import annotations

import jsonpatch
import numpy as np
import pyhf
import pytest

from spec_builder.inference.newton import minimise
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.model.patches import PatchBuilder
from spec_builder.physics.interactions import choose

#: Around the joint limits: interaction, mass [MeV], g.
POINTS = [
    ("scalar", 0.01, 5.5e-7),
    ("scalar", 1.0, 7e-6),
    ("scalar", 100.0, 3.3e-5),
    ("vector_universal", 1.0, 2.8e-6),
    ("vector_universal", 10.0, 1.4e-5),
    ("vector_universal", 100.0, 5e-5),
    ("vector_bl", 0.001, 1.4e-7),
    ("vector_bl", 10.0, 1.7e-5),
    ("axial", 0.01, 2e-7),
    ("axial", 1000.0, 3.5e-3),
]


@pytest.fixture(scope="module")
def joint() -> Analysis:
    return load_analysis("global")


def pyhf_minimum(analysis: Analysis, interaction: str, mass: float, g: float) -> float:
    """2NLL of pyhf's own minimiser on the workspace with the point's patch."""
    choice = choose(interaction)
    yields = analysis.signal_yields(choice, np.array([mass]))
    uncertainties = {c.name: {signal.name: signal.uncertainties for signal in c.signals} for c in analysis.channels}
    operations = PatchBuilder(analysis.workspace, analysis.law, "total", uncertainties).operations(
        {channel: {name: y.template(float(choice.x(g))) for name, y in own.items()} for channel, own in yields.items()}
    )
    content = jsonpatch.apply_patch(analysis.workspace, operations)
    workspace = pyhf.Workspace(content)
    model = workspace.model(measurement_name="new_physics")
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-4, strategy=1))
    try:
        _, twice_nll = pyhf.infer.mle.fit(workspace.data(model), model, return_fitted_val=True)
    finally:
        pyhf.set_backend("numpy")
    return float(twice_nll)


@pytest.mark.parametrize(("interaction", "mass", "g"), POINTS)
def test_brute_force_with_pyhf(joint: Analysis, interaction: str, mass: float, g: float) -> None:
    problem = joint.problem(choose(interaction))
    rows = problem.rows(problem.yields(np.array([mass])), np.array([0]), problem.x(np.array([g])))
    ours = minimise(problem.likelihood, rows=rows)
    assert ours.valid.all()
    assert pyhf_minimum(joint, interaction, mass, g) == pytest.approx(float(ours.twice_nll[0]), abs=2e-5)


def test_the_parts_share_no_parameter() -> None:
    """So that 2NLL of the whole is the sum of theirs at any point."""
    parts = [load_analysis(name) for name in ("combined", "coherent_csi", "eves", "texono")]
    names = [
        {m["name"] for c in part.workspace["channels"] for s in c["samples"] for m in s["modifiers"]} for part in parts
    ]
    assert sum(len(own) for own in names) == len(set().union(*names))
    assert {"flux_pp", "flux_7be", "flux_other"} <= names[2]
    joint = load_analysis("global")
    together = {m["name"] for c in joint.workspace["channels"] for s in c["samples"] for m in s["modifiers"]}
    assert together == set().union(*names)


def test_the_whole_is_the_sum_of_its_parts_where_nothing_else_is_shared() -> None:
    choice, masses, g = choose("scalar"), np.array([1.0, 30.0]), np.array([5e-6, 2e-5])

    def heights(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        problem = load_analysis(name).problem(choice)
        rows = problem.rows(problem.yields(masses), np.array([0, 1]), problem.x(g))
        return minimise(problem.likelihood, rows=rows).twice_nll

    parts = sum(heights(name) for name in ("combined", "coherent_csi", "eves", "texono"))
    np.testing.assert_allclose(heights("global"), parts, atol=1e-6)
