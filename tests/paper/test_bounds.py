"""Existing bounds: the shipped tables, a user's own, and every complaint with the mistake that causes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.paper.bounds import (
    FAMILIES,
    MOST_POINTS,
    PANELS,
    Bound,
    load_bounds,
    missing_bounds,
    read_bound,
    shipped_bounds,
    thin_curve,
    thinned,
)

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """# title: Mine
# source: nobody
# status: published
# unit: mass_MeV: MeV; g_low, g_high: 1
# family: CEvNS
# confidence: 90 % CL
mass_MeV,g_low,g_high
0.1,1e-5,inf
1,2e-5,
10,3e-5,1
"""


def write(folder: Path, text: str = GOOD, interaction: str = "scalar", name: str = "mine") -> Path:
    path = folder / interaction / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# ---------------------------------------------------------------- shipped


@pytest.mark.parametrize("bound", shipped_bounds(), ids=lambda b: f"{b.interaction}/{b.name}")
def test_shipped_curves_are_small_sorted_and_sourced(bound: Bound) -> None:
    assert 2 <= bound.mass_MeV.size <= MOST_POINTS
    assert np.isfinite(bound.mass_MeV).all()
    assert (np.diff(bound.mass_MeV) > 0).all()
    assert np.isfinite(bound.g_low).all()
    assert ((bound.g_low > 0) & (bound.g_low < bound.g_high)).all()
    assert np.isfinite(bound.g_high).all() or np.isinf(bound.g_high).all()
    assert bound.mass_MeV[-2] < 1000
    assert re.search(r"\d{4}", bound.source)
    assert bound.confidence == "90 % CL"
    assert "DarkCast v2.1" in bound.recast
    assert re.search(r"\d+ of \d+ points", bound.recast)
    assert bound.darkcast
    assert bound.status in ("published", "computed")


def test_shipped_curves_by_panel() -> None:
    names = {panel: {b.name for b in shipped_bounds() if b.interaction == panel} for panel in PANELS}
    assert names["scalar"] == set()
    assert names["vector_bl"] == names["vector_universal"]
    # pi0 and eta decays vanish for equal axial couplings of all quarks
    assert names["vector_bl"] - names["axial"] == {"nucal_pi0", "charm_dump", "nomad", "ps191"}
    assert names["axial"] < names["vector_bl"]


def test_beam_dumps_are_regions_and_others_are_not() -> None:
    for bound in shipped_bounds():
        assert bound.two_sided == (bound.family == "beam dump"), bound.name


@pytest.mark.parametrize(
    ("interaction", "name", "mass", "low", "high"),
    [
        # numbers of the DarkCast v2.1 recasts
        ("vector_bl", "e141", 1.03, 3.6568e-6, 1.149e-3),
        ("axial", "e141", 1.03, 1.1696e-5, 1.4716e-3),
        ("vector_universal", "e141", 1.03, 3.6474e-6, 1.6513e-3),
        ("vector_bl", "borexino", 31.155, 7.1421e-5, np.inf),
        ("axial", "borexino", 31.155, 5.91865e-5, np.inf),
    ],
)
def test_values_of_shipped_curves(interaction: str, name: str, mass: float, low: float, high: float) -> None:
    bound = next(b for b in shipped_bounds() if (b.interaction, b.name) == (interaction, name))
    found = np.exp(np.interp(np.log(mass), np.log(bound.mass_MeV), np.log(bound.g_low)))
    assert found == pytest.approx(low, rel=2.5e-3)
    assert bound.g_high[0] == pytest.approx(high, rel=1e-4)


def test_electron_scattering_is_the_same_for_both_vectors() -> None:
    # the product of the couplings to neutrinos and electrons is
    curves = {(b.interaction, b.name): b for b in shipped_bounds()}
    for name in ("borexino", "charm_ii", "texono"):
        bl, universal = curves["vector_bl", name], curves["vector_universal", name]
        inside = bl.mass_MeV >= universal.mass_MeV[0]
        low = np.interp(bl.mass_MeV[inside], universal.mass_MeV, universal.g_low)
        np.testing.assert_allclose(low, bl.g_low[inside], rtol=0.05)


def test_heavy_mediators_have_a_constant_ratio_in_electron_scattering() -> None:
    for bound in shipped_bounds():
        if bound.name in ("borexino", "texono"):
            ratio = (bound.g_low / bound.mass_MeV)[bound.mass_MeV > 60]
            assert ratio.max() / ratio.min() < 1.15, (bound.interaction, bound.name)


# ---------------------------------------------------------------- missing


def test_missing_bounds_have_a_reason_and_are_not_drawn() -> None:
    bounds = shipped_bounds()
    missing = missing_bounds(bounds)
    drawn = {(b.interaction, b.name) for b in bounds}
    for row in missing:
        assert row.interaction in PANELS
        assert row.title
        assert "arXiv:" in row.reference
        assert row.reason.startswith("no ")
        assert (row.interaction, row.name) not in drawn
    assert len({(row.interaction, row.name) for row in missing}) == len(missing)
    for panel in PANELS:
        assert {"coherent", "xenon_eves"} <= {row.name for row in missing if row.interaction == panel}


def test_a_curve_of_that_name_is_no_longer_missing(tmp_path: Path) -> None:
    write(tmp_path, name="coherent")
    before = missing_bounds(shipped_bounds())
    after = missing_bounds(load_bounds([tmp_path]))
    assert [(row.interaction, row.name) for row in before if row not in after] == [("scalar", "coherent")]


# ---------------------------------------------------------------- a user's own


def test_a_users_curve(tmp_path: Path) -> None:
    write(tmp_path)
    bounds = load_bounds([tmp_path])
    assert len(bounds) == len(shipped_bounds()) + 1
    mine = bounds[0]
    assert (mine.interaction, mine.name, mine.title, mine.family) == ("scalar", "mine", "Mine", "CEvNS")
    assert mine.g_high.tolist() == [np.inf, np.inf, 1.0]
    assert mine.recast == "as published"
    assert mine.darkcast == ""


def test_a_later_curve_of_the_same_name_replaces(tmp_path: Path) -> None:
    write(tmp_path / "first", interaction="axial", name="na64")
    write(tmp_path / "second", GOOD.replace("Mine", "Second"), interaction="axial", name="na64")
    bounds = load_bounds([tmp_path / "first", tmp_path / "second"])
    assert [b.title for b in bounds if (b.interaction, b.name) == ("axial", "na64")] == ["Second"]
    assert len(bounds) == len(shipped_bounds())


def test_a_written_curve_is_read_as_it_was(tmp_path: Path) -> None:
    for bound in shipped_bounds():
        path = write(tmp_path, bound.to_csv(), bound.interaction, bound.name)
        assert path.read_text("utf-8") == (
            data_path("comparison", "bounds", bound.interaction, f"{bound.name}.csv").read_text("utf-8")
        )
        assert read_bound(path).to_csv() == bound.to_csv()


def test_the_shipped_folder_can_be_given_back(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "missing.csv").write_text("", encoding="utf-8")
    assert len(load_bounds([tmp_path])) == len(shipped_bounds()) + 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("# family: CEvNS\n", "", "header line '# family: ...' is missing", id="no family"),
        pytest.param(
            "family: CEvNS", "family: reactor", f"'reactor' is unknown, expected one of {FAMILIES[0]}", id="f"
        ),
        pytest.param("mass_MeV: MeV", "mass_MeV: GeV", "the unit of mass_MeV is 'GeV', expected one of: MeV", id="GeV"),
        pytest.param("# confidence: 90 % CL\n", "", "header line '# confidence: ...' is missing", id="no CL"),
        pytest.param("# source: nobody\n", "", "header line '# source: ...' is missing", id="no source"),
        pytest.param("g_low,g_high", "low,g_high", "unknown column 'low'; did you mean 'g_low'?", id="column"),
        pytest.param("0.1,1e-5", "0,1e-5", "mass_MeV is 0, expected positive masses that increase", id="massless"),
        pytest.param("1,2e-5", "0.1,2e-5", "mass_MeV is 0.1, expected positive masses that increase", id="repeated"),
        pytest.param("10,3e-5", "0.5,3e-5", "mass_MeV is 0.5, expected positive masses that increase", id="unsorted"),
        pytest.param("1,2e-5", "1,2e300", "g_low is 2e+300, expected a number that can be drawn", id="too large"),
        pytest.param("1,2e-5", "1,2e-300", "g_low is 2e-300, expected a number that can be drawn", id="too small"),
        pytest.param("1,2e-5", "1,-2e-5", "g_low is -2e-05, expected 0 < g_low < g_high", id="negative"),
        pytest.param("3e-5,1", "3e-5,2e-5", "g_low is 3e-05, expected 0 < g_low < g_high", id="turned"),
        pytest.param("1,2e-5", "1,inf", ":9: g_low is 'inf', expected a finite number", id="endless low"),
        pytest.param("3e-5,1", "3e-5,nan", ":10: g_high is 'nan', expected a finite number, inf or nothing", id="NaN"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert GOOD.count(old) == 1
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(SpecBuilderError, match=re.escape(message)) as caught:
        load_bounds([tmp_path])
    assert str(caught.value).startswith(str(path))


def test_mistakes_in_the_layout(tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match="nothing: no such folder, expected one with scalar, axial, "):
        load_bounds([tmp_path / "nothing"])
    with pytest.raises(SpecBuilderError, match=r"no curve, expected <interaction>/<name>\.csv below it"):
        load_bounds([tmp_path])
    (tmp_path / "mine.csv").write_text(GOOD, encoding="utf-8")
    with pytest.raises(SpecBuilderError, match=r"mine\.csv: expected below a folder of its interaction, scalar, "):
        load_bounds([tmp_path])
    (tmp_path / "mine.csv").unlink()
    write(tmp_path, interaction="tensor")
    with pytest.raises(SpecBuilderError, match="tensor: unknown interaction, expected one of scalar, axial, "):
        load_bounds([tmp_path])


# ---------------------------------------------------------------- thinning


def test_thinning_keeps_the_ends_and_says_how_far_the_others_are() -> None:
    mass = np.geomspace(1, 100, 500)
    low = 1e-6 * np.sqrt(1 + (mass / 10) ** 4)
    index, distance = thin_curve(mass, low, np.full(500, np.inf), most=12)
    assert index[[0, -1]].tolist() == [0, 499]
    assert (np.diff(index) > 0).all()
    assert index.size <= 12
    lines = np.exp(np.interp(np.log(mass), np.log(mass[index]), np.log(low[index])))
    np.testing.assert_allclose(np.maximum(lines / low, low / lines) - 1, distance, atol=1e-9)
    assert distance.max() < 0.02


def test_thinning_stops_where_nothing_is_farther_off_than_it_promises() -> None:
    """0.2 %: no point more than are needed, and none left out that would be seen."""
    mass = np.geomspace(1, 100, 500)
    low = 1e-6 * np.sqrt(1 + (mass / 10) ** 4)
    index, distance = thin_curve(mass, low, np.full(500, np.inf), most=500)
    assert distance.max() <= 2.01e-3
    assert index.size < 30
    fewer, worse = thin_curve(mass, low, np.full(500, np.inf), most=index.size - 1)
    assert fewer.size == index.size - 1
    assert worse.max() > 2e-3


def test_thinning_sees_the_upper_end_too() -> None:
    mass = np.geomspace(1, 100, 101)
    low, high = np.full(101, 1e-6), np.full(101, 1e-3)
    high[40] = 1e-2
    index, _ = thin_curve(mass, low, high)
    assert {39, 40, 41} <= set(index.tolist())


def test_a_thinned_curve_ends_beyond_1_GeV_and_says_what_was_done() -> None:
    mass = np.geomspace(1, 1e5, 401)
    noise = np.random.default_rng(1).uniform(0.5, 1.5, 401)
    curve = Bound(
        "axial", "x", "X", "other", "s", "computed", "90 % CL", "r", "X", mass, 1e-5 * noise, np.full(401, np.inf)
    )
    thin = thinned(curve)
    assert thin.mass_MeV.size == MOST_POINTS
    assert thin.mass_MeV[-2] < 1000 <= thin.mass_MeV[-1]
    assert set(zip(thin.mass_MeV, thin.g_low, strict=True)) <= set(zip(mass, 1e-5 * noise, strict=True))
    assert re.fullmatch(r"r; 60 of 241 points up to 1 GeV, the others within \d+\.\d % .*", thin.recast)
