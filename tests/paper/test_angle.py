"""Points of Fig. 3: schemes, scales, our own fits, and their table."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.tables import packaged_table
from spec_builder.inference.profile import ONE_SIGMA
from spec_builder.model.analysis import load_analysis
from spec_builder.paper.angle import (
    AnglePoint,
    analysis_scale,
    fitted_points,
    points_csv,
    published_points,
    running_angle,
)
from spec_builder.physics.constants import SIN2_THETA_W
from spec_builder.studies.fits import FitResult, fit_analysis

if TYPE_CHECKING:
    from spec_builder.model.analysis import Analysis


def of_analyses(fits: list[FitResult]) -> list[tuple[Analysis, FitResult]]:
    """Each fit with its analysis."""
    return [(load_analysis(fit.provenance.analysis, "linear"), fit) for fit in fits]


@pytest.fixture(scope="module")
def fits() -> list[FitResult]:
    return [
        fit_analysis(load_analysis(name, "linear"), "sin2thetaw", cl=ONE_SIGMA)
        for name in ("pandax4t", "xenonnt", "combined")
    ]


@pytest.fixture(scope="module")
def published() -> dict[str, AnglePoint]:
    return {point.label: point for point in published_points()}


def test_the_running_begins_at_the_low_energy_limit_and_passes_the_Z_mass() -> None:
    assert running_angle(1e-4) == pytest.approx(SIN2_THETA_W, abs=1e-9)
    assert running_angle(91.1876) == pytest.approx(0.23121, abs=1e-9)
    table = packaged_table("comparison/sin2thetaw_running", ("scale_GeV", "sin2thetaw"))
    assert (np.diff(table["scale_GeV"]) > 0).all()
    below = table["scale_GeV"] < 80
    assert (np.diff(table["sin2thetaw"][below]) <= 0).all()
    assert ((table["sin2thetaw"] > 0.23) & (table["sin2thetaw"] < 0.25)).all()


def test_schemes(published: dict[str, AnglePoint]) -> None:
    assert published["E158"].value == published["E158"].quoted == 0.2397
    assert published["Tevatron"].value == pytest.approx(0.23148 - 0.00032)
    # NuTeV's 3 sigma are 3 sigma in the MS-bar scheme too
    nutev = published["NuTeV"]
    assert nutev.up is not None
    assert (nutev.value - running_angle(4.5)) / nutev.up == pytest.approx((0.2277 - 0.22336) / 0.0016)
    # evolved from the Z mass to its own scale, where the angle is larger
    pvdis = published["PVDIS"]
    assert pvdis.value - running_angle(1.4) == pytest.approx(pvdis.quoted - 0.23121)


def test_published_points_have_references_and_a_place(published: dict[str, AnglePoint]) -> None:
    assert len(published) == len(published_points()) > 12
    for point in published.values():
        assert point.up is not None
        assert point.down is not None
        assert 0 < point.value - point.down < point.value + point.up < 1
        assert re.search(r"\d{4}", point.reference)
        assert point.status in ("published", "recalled")
        assert 0.3 < point.drawn_at_GeV / point.scale_GeV < 3
    places = sorted(point.drawn_at_GeV for point in published.values())
    assert (np.diff(np.log(places)) > 0.15).all()


def test_recalled_values_are_the_unconfirmed_ones(published: dict[str, AnglePoint]) -> None:
    table = packaged_table(
        "comparison/sin2thetaw_measurements",
        ("scale_GeV", "drawn_at_GeV", "value", "up", "down"),
        ("label", "scheme", "status", "reference", "confirmed"),
    )
    for label, status, confirmed in zip(
        table.labels["label"], table.labels["status"], table.labels["confirmed"], strict=True
    ):
        assert (status == "recalled") == (confirmed == "no"), label
    assert {label for label, point in published.items() if point.status == "recalled"} == {
        *("APV (Cs)", "Dresden-II", "COHERENT CsI + LAr", "Qweak", "PVDIS")
    }


def test_scale_is_the_mean_momentum_transfer() -> None:
    xenonnt, pandax4t, combined = (analysis_scale(load_analysis(n)) for n in ("xenonnt", "pandax4t", "combined"))
    # sqrt(2 m T) of the paper's windows: 0.97-5.10 keV and 0.66-1.19 keV; smearing lets some below
    assert 15 < xenonnt < 35
    assert 12.7 < pandax4t < 17.1
    assert combined == pytest.approx((11.128 * xenonnt + 48.8 * pandax4t) / (11.128 + 48.8), rel=1e-6)
    assert xenonnt == pytest.approx(18.27, abs=0.01)
    assert pandax4t == pytest.approx(14.24, abs=0.01)


def test_our_points_are_our_fits(fits: list[FitResult]) -> None:
    points = fitted_points(of_analyses(fits), {"combined": "both"})
    assert [p.label for p in points] == ["pandax4t", "xenonnt", "both"]
    for point, result in zip(points, fits, strict=True):
        assert (point.value, point.up, point.down) == (result.fit.value, result.fit.up, result.fit.down)
        assert point.status == "computed"
        assert "law linear" in point.reference
    assert len({round(point.drawn_at_GeV, 4) for point in points}) == 3


def test_points_csv(fits: list[FitResult]) -> None:
    points = [*fitted_points(of_analyses(fits), {}), *published_points()]
    lines = points_csv(points, {"title": "T", "unit": "1"}).splitlines()
    assert lines[:2] == ["# title: T", "# unit: 1"]
    rows = list(csv.DictReader(lines[2:]))
    assert [row["label"] for row in rows] == [point.label for point in points]
    assert float(rows[2]["value"]) == pytest.approx(points[2].value, rel=1e-5)
    assert all(row["reference"] and row["status"] for row in rows)


def test_an_end_that_does_not_exist_is_empty() -> None:
    point = AnglePoint("x", 1e-2, 1e-2, 0.2, "msbar", 0.2, None, 0.1, "computed", "r")
    (row,) = csv.DictReader(points_csv([point], {}).splitlines())
    assert (row["up"], row["down"]) == ("", "0.1")
