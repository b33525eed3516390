"""Spectra show what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.patches import StepPatch
from scipy.stats import poisson

from spec_builder.drawing.spectra import poisson_interval
from spec_builder.experiments.reading import load_experiment
from spec_builder.figures.spectra import can_be_spectra, draw_spectra
from spec_builder.inference.expectation import covariance, expect, prior
from spec_builder.inference.profile import ONE_SIGMA
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.fits import fit_analysis
from tests.pages import legend, small_print

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spec_builder.drawing.page import Page
    from spec_builder.model.analysis import Analysis
    from spec_builder.studies.fits import FitResult


@pytest.fixture(scope="module")
def combined() -> Analysis:
    return load_analysis("combined", "linear")


@pytest.fixture(scope="module")
def spectra(combined: Analysis, flux_fits: list[FitResult]) -> Page:
    return draw_spectra(combined, flux_fits[2])


def steps(panel: Axes) -> dict[str, Any]:
    """Step data by label."""
    return {str(p.get_label()): p.get_data() for p in panel.patches if isinstance(p, StepPatch)}


# ---------------------------------------------------------------- Fig. 1


def test_spectra_stack_the_samples_at_the_best_fit(
    spectra: Page, combined: Analysis, flux_fits: list[FitResult]
) -> None:
    likelihood = combined.likelihood("flux")
    theta = np.array([flux_fits[2].fit.theta[name] for name in likelihood.parameters])
    rates = likelihood.sample_rates(theta)
    labels = {
        "cathode": "cathode",
        "micro_discharge": "micro-discharge",
        "accidental": "accidental coincidences",
        "neutron": "neutrons",
        "electron_recoil": "electron recoils",
        "cevns": r"CE$\nu$NS",
    }
    for panel, channel in zip(spectra.axes[::2], combined.channels, strict=True):
        drawn = steps(panel)
        place = likelihood.specification.channels[channel.name]
        for sample in ("cevns", *(b.name for b in channel.backgrounds)):
            values, _, baseline = drawn[labels[sample]]
            np.testing.assert_allclose(values - baseline, rates[sample][place], rtol=1e-12)
        np.testing.assert_allclose(drawn["total"].values, likelihood.rates(theta)[0, place], rtol=1e-12)
        np.testing.assert_allclose(drawn[labels["cevns"]].values, drawn["total"].values, rtol=1e-12)


def test_spectra_show_the_data_with_poisson_intervals(spectra: Page, combined: Analysis) -> None:
    for panel, channel in zip(spectra.axes[::2], combined.channels, strict=True):
        (data,) = (c for c in panel.containers if isinstance(c, ErrorbarContainer))
        points, _, (bars,) = data.lines
        np.testing.assert_array_equal(points.get_ydata(), channel.observed)
        down, up = poisson_interval(channel.observed)
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        np.testing.assert_allclose(ends, np.stack([channel.observed - down, channel.observed + up], axis=1))


def test_spectra_put_the_data_in_the_middle_of_the_bins(spectra: Page, combined: Analysis) -> None:
    for panel in spectra.axes[::2]:
        (data,) = (c for c in panel.containers if isinstance(c, ErrorbarContainer))
        edges = steps(panel)["total"].edges
        np.testing.assert_allclose(np.asarray(data.lines[0].get_xdata(), dtype=float), (edges[1:] + edges[:-1]) / 2)
    shared = combined.channels[1].axes[0].common_edges
    np.testing.assert_array_equal(steps(spectra.axes[2])["total"].edges, shared)


def test_spectra_have_labels_with_units(spectra: Page) -> None:
    xenonnt, xenonnt_ratio, pandax4t, pandax4t_ratio = spectra.axes
    assert "XENONnT" in xenonnt.get_title()
    assert "3.52 t yr" in xenonnt.get_title()
    assert xenonnt_ratio.get_xlabel() == "cS2 [PE]\nedges from top to bottom: SR0, SR1"
    runs = [label.get_text() for label in xenonnt_ratio.get_xticklabels()]
    assert runs == ["90\n90", "170\n156", "250\n232", "500\n500"]
    assert xenonnt.get_ylabel() == "events / bin"
    assert "PandaX-4T" in pandax4t.get_title()
    assert pandax4t_ratio.get_xlabel() == "$N_{e^-}$ [electrons]"
    assert pandax4t.get_ylabel() == "events / 0.5 electrons"
    assert [text.get_text() for text in spectra.figure.legends[0].get_texts()] == [
        "data", "total", "uncertainty", "pre-fit"
    ]  # fmt: skip
    for panel, samples in zip(spectra.axes[::2], (4, 3), strict=True):
        assert r"CE$\nu$NS" in legend(panel)
        assert len(legend(panel)) == samples


def test_spectra_say_law_flux_and_what_is_by_construction(spectra: Page) -> None:
    text = small_print(spectra)
    assert "law linear" in text
    assert "fit of flux [1e6 cm-2 s-1] = 6.167" in text
    assert "68 % Poisson intervals" in text
    for name in ("xenonnt", "pandax4t"):
        (built,) = load_experiment(name).by_construction
        assert f"{name}: {built}" in text


@pytest.mark.parametrize("count", [0, 1, 7, 73])
def test_poisson_intervals(count: int) -> None:
    down, up = poisson_interval(np.array([float(count)]), cl=0.9)
    # the means at which a count as high, or as low, has a probability of 5 %
    assert poisson.cdf(count, count + up[0]) == pytest.approx(0.05)
    if count:
        assert poisson.sf(count - 1, count - down[0]) == pytest.approx(0.05)
    else:
        assert down[0] == 0


def test_the_band_is_the_uncertainty_after_the_fit(
    spectra: Page, combined: Analysis, flux_fits: list[FitResult]
) -> None:
    likelihood = combined.likelihood("flux")
    theta = np.array([flux_fits[2].fit.theta[name] for name in likelihood.parameters])
    expected = expect(likelihood, theta, covariance(likelihood, theta))
    for panel, channel in zip(spectra.axes[::2], combined.channels, strict=True):
        place = likelihood.specification.channels[channel.name]
        values, _, baseline = steps(panel)["uncertainty"]
        np.testing.assert_allclose((values - baseline) / 2, expected.errors["total"][place], rtol=1e-9)
        before = steps(panel)["pre-fit"].values
        np.testing.assert_allclose(before, likelihood.rates(prior(likelihood)[0][None])[0, place], rtol=1e-3)


@pytest.fixture(scope="module")
def fit_of_all() -> FitResult:
    return fit_analysis("global", "sin2thetaw", cl=ONE_SIGMA)


@pytest.mark.parametrize("width", ["single", "double"])
def test_eight_panels_fit_on_a_page_and_legends_cover_nothing(fit_of_all: FitResult, width: str) -> None:
    page = draw_spectra(load_analysis("global"), fit_of_all, width=width)
    assert page.figure.get_size_inches()[1] <= 9.2
    page.figure.draw_without_rendering()
    panels = page.axes[::2]
    assert len(panels) == 8
    for panel in panels:
        legend_of = panel.get_legend()
        (bars,) = (c for c in panel.containers if isinstance(c, ErrorbarContainer))
        ends = [point[1] for segments in bars.lines[2] for line in segments.get_segments() for point in line]
        if legend_of is None:
            assert max(ends) < panel.get_ylim()[1]
            continue
        box, frame = legend_of.get_window_extent(), panel.get_window_extent()
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1, panel.get_title()
        assert frame.y0 <= box.y0 < box.y1 <= frame.y1
        assert max(ends) < panel.transData.inverted().transform(box.get_points()).min(axis=0)[1], panel.get_title()
        assert min(float(text.get_fontsize()) for text in legend_of.get_texts()) >= 6


def test_narrow_panels_show_signal_and_background_and_the_caption_says_of_what(fit_of_all: FitResult) -> None:
    analysis = load_analysis("global")
    page = draw_spectra(analysis, fit_of_all, width="single")
    shared = [text.get_text() for text in page.figure.legends[0].get_texts()]
    # three columns, which are read row by row
    assert shared == ["data", "pre-fit", "total", "signal", "uncertainty", "background"]
    likelihood = analysis.likelihood("sin2thetaw")
    theta = np.array([fit_of_all.fit.theta[name] for name in likelihood.parameters])
    rates = likelihood.sample_rates(theta)
    place = likelihood.specification.channels["xenonnt_cs2"]
    background = sum(rates[name][place] for name in ("accidental", "neutron", "electron_recoil"))
    drawn = steps(page.axes[0])
    np.testing.assert_allclose(drawn["background"].values, background, rtol=1e-12)
    np.testing.assert_allclose(drawn["signal"].values, drawn["total"].values, rtol=1e-12)
    assert "xenonnt_cs2: cevns over accidental + neutron + electron_recoil" in small_print(page)


def test_names_of_strangers_fit_into_spectra(combined: Analysis, flux_fits: list[FitResult]) -> None:
    xenonnt, *others = combined.experiments
    (channel,) = xenonnt.channels
    odd = replace(channel, axes=(replace(channel.axes[0], name="my_$axis", unit="100_%"),))
    long = replace(xenonnt, title="a $title_with ünïcode 中 and %, " * 3, channels=(odd,))
    page = draw_spectra(replace(combined, experiments=(long, *others)), flux_fits[2], width="double")
    page.figure.draw_without_rendering()
    title, _, exposure = page.axes[0].get_title().partition("\n")
    assert len(title) <= 34
    assert exposure == "3.52 t yr"
    assert page.axes[1].get_xlabel().startswith(r"my \$axis [100_%]")


def test_classes_and_many_panels_are_no_spectra(combined: Analysis) -> None:
    assert can_be_spectra(combined)
    assert can_be_spectra(load_analysis("global"))
    xenonnt, *others = combined.experiments
    (channel,) = xenonnt.channels
    axes = (*channel.axes, replace(channel.axes[0], unit="class"))
    classes = replace(xenonnt, channels=(replace(channel, axes=axes),))
    assert not can_be_spectra(replace(combined, experiments=(classes, *others)))
    many = replace(xenonnt, channels=(channel,) * 10)
    assert not can_be_spectra(replace(combined, experiments=(many,)))
