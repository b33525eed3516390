"""All kinds of figures at both widths: no letters too small, no text over text or beyond the page, nothing hidden."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.drawing.page import WIDTHS, save_page
from spec_builder.figures.bins import draw_fit
from spec_builder.figures.expected import draw_expected
from spec_builder.figures.limits import draw_limits
from spec_builder.figures.pages import draw_result
from spec_builder.figures.plane import draw_plane
from spec_builder.figures.profiles import draw_profiles, draw_pulls
from spec_builder.model.analysis import ANALYSES
from spec_builder.studies.coverage import cover_analysis
from spec_builder.studies.events import events_of_workspace
from spec_builder.studies.expected import BAND, ExpectedLimits, expect_limits
from spec_builder.studies.explanation import explain_point
from spec_builder.studies.fits import fit_analysis, fit_workspace
from spec_builder.studies.impacts import rank_analysis, rank_workspace
from spec_builder.studies.limits import LimitsResult, find_limits
from spec_builder.studies.profiles import profile_analysis
from spec_builder.studies.spectrum import recoil_spectrum
from spec_builder.studies.surfaces import profile_two_of_analysis, profile_two_of_workspace
from tests.looks import problems

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from spec_builder.drawing.page import Page
    from spec_builder.inference.curves import Interval

MASSES = (0.1, 1.0, 10.0, 100.0)


@cache
def limits(analysis: str = "xenonnt", interaction: str = "scalar") -> LimitsResult:
    return find_limits(analysis, interaction, MASSES)


def changed(rows: Sequence[Sequence[Interval]], masses: Sequence[float] = MASSES) -> LimitsResult:
    """Limits with other numbers."""
    (first, *_), exclusion = limits().exclusion.points, limits().exclusion
    points = [replace(first, mass_MeV=mass, excluded=tuple(row)) for mass, row in zip(masses, rows, strict=True)]
    return replace(limits(), exclusion=replace(exclusion, points=tuple(points)))


def bars(interaction: str, rows: Sequence[Interval]) -> LimitsResult:
    result = find_limits("xenonnt", interaction)
    (point,) = result.exclusion.points
    return replace(result, exclusion=replace(result.exclusion, points=(replace(point, excluded=tuple(rows)),)))


def crowd(result: LimitsResult, count: int) -> list[LimitsResult]:
    """The same result of many analyses with long names."""
    names = [f"an_analysis_with_a_long_name_number_{i}" for i in range(count)]
    return [replace(result, provenance=replace(result.provenance, analysis=name)) for name in names]


@cache
def expected() -> ExpectedLimits:
    return expect_limits("xenonnt", "scalar", (1.0, 10.0, 100.0), kind="asimov")


def quantiles(*rows: Sequence[float]) -> ExpectedLimits:
    points = [
        replace(point, upper=dict(zip(BAND, row, strict=True)))
        for point, row in zip(expected().points, rows, strict=True)
    ]
    return replace(expected(), kind="toys", toys=100, points=tuple(points))


POI = "the_strength_of_the_signal_that_is_measured_here"


def model(*names: str) -> dict[str, Any]:
    """A workspace with a nuisance parameter of each name, and a long name of what is measured."""
    shifts = [
        {"name": name, "type": "normsys", "data": {"lo": 0.9, "hi": 1.1 + 0.01 * i}} for i, name in enumerate(names)
    ]
    signal = {"name": POI, "type": "normfactor", "data": None}
    samples = [
        {"name": "s", "data": [6.0, 9.0], "modifiers": [signal, *shifts[::2]]},
        {"name": "b", "data": [40.0, 35.0], "modifiers": shifts[1::2]},
        *({"name": f"another_background_with_a_long_name_{i}", "data": [1.0, 2.0], "modifiers": []} for i in range(6)),
    ]
    return {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [49, 48]}],
        "measurements": [{"name": "m", "config": {"poi": signal["name"], "parameters": []}}],
        "version": "1.0.0",
    }


INF = float("inf")
STRANGE = ("$\\alpha$", "100 %", "a^2_b", "μ_über", "中文", "{x", "name_" * 20)
MANY = tuple(f"n{i}" for i in range(40))
TWELVE = tuple(f"a_nuisance_parameter_with_a_name_{i}" for i in range(12))
PAGES: dict[str, Callable[[str], Page]] = {
    "spectra": lambda width: draw_fit("combined", fit_analysis("combined", "flux"), width=width),
    "one bin": lambda width: draw_fit("texono", fit_analysis("texono", "sin2thetaw"), width=width),
    "pulls": lambda width: draw_pulls([fit_analysis(name, "flux") for name in ANALYSES], width=width),
    "ranking": lambda width: draw_result(rank_analysis("combined", "flux"), width=width),
    "one row": lambda width: draw_result(rank_workspace(model("a_long_name" * 4)), width=width),
    "strange names": lambda width: draw_result(rank_workspace(model(*STRANGE)), width=width),
    "pulls of strange names": lambda width: draw_result(fit_workspace(model(*STRANGE)), width=width),
    "correlations": lambda width: draw_result(fit_analysis("combined", "flux").correlations, width=width),
    "events": lambda width: draw_result(events_of_workspace(model(*STRANGE)), width=width),
    "strange correlations": lambda width: draw_result(fit_workspace(model(*STRANGE)).correlations, width=width),
    "many correlations": lambda width: draw_result(fit_workspace(model(*MANY)).correlations, width=width),
    "twelve correlations": lambda width: draw_result(fit_workspace(model(*TWELVE)).correlations, width=width),
    "profiles": lambda width: draw_profiles(
        [profile_analysis("xenonnt", name, points=21) for name in ("flux", "sin2thetaw")], width=width
    ),
    "a nuisance parameter": lambda width: draw_result(
        profile_analysis("combined", "pandax4t_cathode", points=21), width=width
    ),
    "contours": lambda width: draw_result(
        profile_two_of_analysis("xenonnt", ("flux", "xenonnt_accidental"), points=31), width=width
    ),
    "contours of a long name": lambda width: draw_result(
        profile_two_of_workspace(model(*TWELVE), parameters=(POI, TWELVE[1]), points=31), width=width
    ),
    "explanation": lambda width: draw_result(explain_point("combined", "scalar", 1.0, 1e-4), width=width),
    "spectrum": lambda width: draw_result(recoil_spectrum("0.1:10:30"), width=width),
    "coverage": lambda width: draw_result(
        cover_analysis("xenonnt", "flux", values=(2.73, 5.46), toys=20, jobs=1), width=width
    ),
    "limits": lambda width: draw_result(limits(), width=width),
    "plane": lambda width: draw_plane(
        [limits(name, interaction) for name in ANALYSES for interaction in ("scalar", "axial")], width=width
    ),
    "many analyses": lambda width: draw_limits(crowd(limits(), 7), width=width),
    "everything": lambda width: draw_result(changed([[(0.0, None)]] * 4), width=width),
    "nothing": lambda width: draw_plane([changed([[]] * 4)], width=width),
    "at the edge": lambda width: draw_result(changed([[(1e-6, 1e-5)], [(1e-6, 1e-4)], [(0.0, 1e-3)], []]), width=width),
    "less than a decade": lambda width: draw_result(changed([[(1e-5, None)]] * 2, (2.0, 5.0)), width=width),
    "a hair": lambda width: draw_result(changed([[(1e-5, None)]] * 2, (2.0, 2.1)), width=width),
    "twelve decades": lambda width: draw_result(changed([[(1e-12, None)], [(1.0, None)]], (1e-6, 1e6)), width=width),
    "many bars": lambda width: draw_limits(crowd(bars("nsi", [(None, -0.1), (0.3, None)]), 12), width=width),
    "bars of nothing": lambda width: draw_limits([bars("magnetic_moment", [])], width=width),
    "bars of all": lambda width: draw_limits([bars("nsi", [(None, None)])], width=width),
    "wide bars": lambda width: draw_limits([bars("nsi", [(None, -1e3), (1e-4, 2e-4), (1e3, None)])], width=width),
    "expected": lambda width: draw_expected(expected(), limits(), width=width),
    "bands without an end": lambda width: draw_result(
        quantiles((1e-6, 2e-6, 3e-6, 4e-6, INF), (1e-6, 2e-6, 3e-6, INF, INF), (1e-6, 2e-6, INF, INF, INF)), width=width
    ),
}  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", PAGES)
def test_nothing_is_wrong_with_the_looks(kind: str, width: str) -> None:
    """Without a warning either: they are errors here."""
    page = PAGES[kind](width)
    assert page.figure.get_figwidth() == WIDTHS[width]
    assert problems(page.figure) == []


@pytest.mark.parametrize(("rows", "words"), [([[(0.0, None)]] * 4, "everything"), ([[]] * 4, "nothing")])
def test_a_figure_without_ends_says_why(rows: list[list[Interval]], words: str) -> None:
    for page in (draw_result(changed(rows)), draw_plane([changed(rows)])):
        texts = [*page.figure.legends, page.axes[0].get_legend()]
        names = [text.get_text() for legend in texts if legend is not None for text in legend.get_texts()]
        assert [name.partition(": ")[2] for name in names] == [f"{words} is excluded"]
        light = page.axes[0].collections
        assert bool(light) == (words == "everything")


def test_bars_without_ends_say_why() -> None:
    page = draw_limits([bars("magnetic_moment", []), bars("magnetic_moment", [(1e-9, None)])])
    assert [text.get_text() for text in page.axes[0].texts] == ["nothing is excluded"]


def test_nothing_expected_is_said() -> None:
    page = draw_expected(quantiles(*[[INF] * 5] * 3), changed([[]] * 4))
    legend = page.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()][-2:] == [
        "expected: no limit",
        "observed: nothing is excluded",
    ]


def test_a_band_without_an_end_reaches_to_the_frame() -> None:
    page = draw_result(quantiles((1e-6, 2e-6, 3e-6, 4e-6, INF), *[(1e-6, 2e-6, 3e-6, INF, INF)] * 2))
    (panel,) = page.axes
    tops = [np.asarray(band.get_paths()[0].vertices)[:, 1].max() for band in panel.collections]
    assert min(tops) > panel.get_ylim()[1]


def test_masses_whose_fits_are_not_valid_are_left_out_and_counted() -> None:
    first, *others = limits().exclusion.points
    points = (replace(first, valid=False), *others)
    result = replace(limits(), exclusion=replace(limits().exclusion, points=points))
    page = draw_result(result)
    assert page.axes[0].get_xlim()[0] == MASSES[1]
    assert "1 mass whose fits are not valid is left out: a gap." in " ".join(page.caption.to_text().split())


@pytest.mark.parametrize(
    ("masses", "ticks"),
    [
        ((2.0, 5.0), ["2", "3", "4", "5"]),
        ((2.0, 50.0), ["2", "5", "10", "20", "50"]),
        ((1e-6, 2e-6), [r"$1\times10^{-6}$", r"$1.5\times10^{-6}$", r"$2\times10^{-6}$"]),
    ],
)
def test_ticks_where_there_are_few_decades(masses: tuple[float, float], ticks: list[str]) -> None:
    page = draw_result(changed([[(1e-5, None)]] * 2, masses))
    assert [label.get_text() for label in page.axes[0].get_xticklabels()] == ticks


def test_ticks_of_many_decades_are_powers_of_ten_in_equal_steps() -> None:
    page = draw_result(changed([[(1e-12, None)], [(1.0, None)]], (1e-6, 1e6)))
    assert page.axes[0].get_xticks() == pytest.approx(np.geomspace(1e-6, 1e6, 7))


def test_a_second_result_does_not_narrow_the_axes() -> None:
    panel = changed([[(1e-5, None)]] * 4).plot()
    changed([[(2e-5, None)]] * 2, (1.0, 10.0)).plot(panel)
    assert panel.get_xlim() == (0.1, 100.0)


def test_letters_of_a_pdf_are_truetype(tmp_path: Path) -> None:
    save_page(draw_result(limits()), [tmp_path / "limit.pdf"])
    content = (tmp_path / "limit.pdf").read_bytes()
    assert b"/Type3" not in content
    assert b"/CIDFontType2" in content
