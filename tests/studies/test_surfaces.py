"""Profiles of two parameters: grid, contours and what is refused."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.newton import minimise
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.surfaces import (
    LEVELS,
    SurfaceResult,
    _contours,
    profile_two_of_analysis,
    profile_two_of_workspace,
)


@pytest.fixture(scope="module")
def surface() -> SurfaceResult:
    return profile_two_of_analysis(load_analysis("xenonnt"), ("flux", "xenonnt_accidental"), points=31)


def test_the_grid_is_profiled(surface: SurfaceResult) -> None:
    likelihood = load_analysis("xenonnt").likelihood("flux")
    a, b = surface.values
    assert surface.delta_chi2.shape == (31, 31)
    assert surface.valid.all()
    assert surface.delta_chi2.min() >= -1e-8
    start = likelihood.init.copy()
    start[[likelihood.index("flux"), likelihood.index("xenonnt_accidental")]] = a[3], b[9]
    alone = minimise(likelihood, start=start[None], fixed=("flux", "xenonnt_accidental")).twice_nll[0]
    assert surface.delta_chi2[3, 9] == pytest.approx(alone - surface.best.twice_nll, abs=1e-6)


def test_contours_are_at_their_height(surface: SurfaceResult) -> None:
    assert set(surface.contours) == set(LEVELS)
    a, b = surface.values
    inner, outer = (np.concatenate(list(surface.contours[cl])) for cl in LEVELS)
    assert np.ptp(inner[:, 0]) < np.ptp(outer[:, 0])
    assert (outer[:, 0] >= a[0]).all()
    assert (outer[:, 1] <= b[-1]).all()
    dict_ = surface.to_dict()
    assert [round(c["delta_chi2"], 3) for c in dict_["contours"]] == [2.296, 5.991]


def test_axes_and_contours_name_units_level_and_degrees_of_freedom(surface: SurfaceResult) -> None:
    panel = surface.plot(Figure().subplots())
    assert panel.get_xlabel() == r"$^8$B flux [$10^6$ cm$^{-2}$ s$^{-1}$]"
    assert panel.get_ylabel() == "xenonnt accidental [standard deviations]"
    legend = panel.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["68.27 % CL, dof 2", "95 % CL, dof 2"]
    assert panel.get_title() == "XENONnT*\nlaw normsys"
    assert surface.to_dict()["units"] == ["1e6 cm-2 s-1", "standard deviations"]
    assert "flux [1e6 cm-2 s-1] = " in surface.report().facts["minimum"]


def test_rows_of_the_table_are_the_grid(surface: SurfaceResult) -> None:
    lines = [line for line in surface.to_csv().splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(io.StringIO("\n".join(lines))))
    assert len(rows) == 31 * 31
    assert float(rows[32]["flux"]) == pytest.approx(surface.values[0][1], rel=1e-6)
    assert float(rows[32]["xenonnt_accidental"]) == pytest.approx(surface.values[1][1], rel=1e-6)
    assert float(rows[32]["delta_chi2"]) == pytest.approx(surface.delta_chi2[1, 1], abs=1e-5)


def test_a_workspace_gives_the_same_surface(surface: SurfaceResult) -> None:
    workspace = load_analysis("xenonnt").workspace
    found = profile_two_of_workspace(workspace, "BkgOnly.json", ("mu_8b", "xenonnt_accidental"), points=31)
    np.testing.assert_allclose(found.values[1], surface.values[1], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.values[0] * 5.46, surface.values[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("parameters", "points", "message"),
    [
        (("flux", "flux"), 31, "parameter 'flux' is given twice"),
        (
            ("flux", "xenonnt_accidental"),
            2,
            "points 2: a profile of two parameters needs at least 31, and at most 1001",
        ),
        (("flux", "sin2thetaw"), 31, "parameters flux and sin2thetaw: an analysis measures one of them at a time"),
        (("flux", "moon"), 31, "parameter 'moon' is unknown"),
    ],
)
def test_mistakes(parameters: tuple[str, str], points: int, message: str) -> None:
    with pytest.raises(SpecBuilderError, match=message):
        profile_two_of_analysis(load_analysis("xenonnt"), parameters, points=points)


def test_two_nuisance_parameters_with_the_sources_at_their_reference_sizes() -> None:
    analysis = load_analysis("xenonnt")
    names = ("flux_8b", "xenonnt_fiducial")
    found = profile_two_of_analysis(analysis, names, points=31)
    same = profile_two_of_workspace(analysis.workspace, "xenonnt", names, measurement="new_physics", points=31)
    np.testing.assert_allclose(found.delta_chi2, same.delta_chi2, atol=1e-12)


def test_contours_end_where_fits_are_not_valid_and_close_where_nothing_is_possible() -> None:
    a = np.linspace(-3, 3, 61)
    height = a[:, None] ** 2 + a**2
    known = np.ones(height.shape, dtype=bool)
    (whole,) = _contours(a, a, height, known, 1.0)
    assert whole[0].tolist() == whole[-1].tolist()
    gap = known & ~((a > 0.8) & (np.abs(a[:, None]) < 0.15))
    (cut,) = _contours(a, a, height, gap, 1.0)
    assert np.abs(cut[0] - cut[-1]).max() > 0.2
    impossible = np.where(a > 0.5, np.inf, height)
    (closed,) = _contours(a, a, impossible, np.isfinite(impossible), 1.0)
    assert closed[0].tolist() == closed[-1].tolist()
