"""Figures: what is drawn, not only that something is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.patches import StepPatch
from scipy.stats import poisson

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.reading import load_experiment
from spec_builder.figures.profiles import draw_profiles, draw_pulls
from spec_builder.figures.spectra import draw_spectra, poisson_interval
from spec_builder.figures.style import save_figure
from spec_builder.inference.profile import ONE_SIGMA
from spec_builder.model.analysis import ANALYSES, load_analysis
from spec_builder.studies.fits import fit_analysis
from spec_builder.studies.profiles import profile_analysis

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spec_builder.model.analysis import Analysis
    from spec_builder.studies.fits import FitResult
    from spec_builder.studies.profiles import ProfileResult


@pytest.fixture(scope="module")
def combined() -> Analysis:
    return load_analysis("combined", "linear")


@pytest.fixture(scope="module")
def flux_fits() -> list[FitResult]:
    return [fit_analysis(load_analysis(name, "linear"), "flux", cl=ONE_SIGMA) for name in ANALYSES]


@pytest.fixture(scope="module")
def profiles() -> list[ProfileResult]:
    return [
        profile_analysis(load_analysis(name, "linear"), parameter, points=31)
        for parameter in ("flux", "sin2thetaw")
        for name in ("pandax4t", "xenonnt", "combined")
    ]


@pytest.fixture(scope="module")
def spectra(combined: Analysis, flux_fits: list[FitResult]) -> Figure:
    return draw_spectra(combined, flux_fits[2])


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


def legend(panel: Axes) -> list[str]:
    found = panel.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


def steps(panel: Axes) -> dict[str, Any]:
    """Step data by label."""
    return {str(p.get_label()): p.get_data() for p in panel.patches if isinstance(p, StepPatch)}


# ---------------------------------------------------------------- Fig. 1


def test_spectra_stack_the_samples_at_the_best_fit(
    spectra: Figure, combined: Analysis, flux_fits: list[FitResult]
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
        "cevns": r"CE$\nu$NS, best fit",
    }
    for panel, experiment in zip(spectra.axes, combined.experiments, strict=True):
        drawn = steps(panel)
        place = likelihood.specification.channels[experiment.channel]
        for sample in ("cevns", *(b.name for b in experiment.backgrounds)):
            values, _, baseline = drawn[labels[sample]]
            np.testing.assert_allclose(values - baseline, rates[sample][place], rtol=1e-12)
        np.testing.assert_allclose(drawn["total"].values, likelihood.rates(theta)[0, place], rtol=1e-12)
        np.testing.assert_allclose(drawn[labels["cevns"]].values, drawn["total"].values, rtol=1e-12)


def test_spectra_show_the_data_with_poisson_intervals(spectra: Figure, combined: Analysis) -> None:
    for panel, experiment in zip(spectra.axes, combined.experiments, strict=True):
        (data,) = (c for c in panel.containers if isinstance(c, ErrorbarContainer))
        points, _, (bars,) = data.lines
        np.testing.assert_array_equal(points.get_ydata(), experiment.observed)
        down, up = poisson_interval(experiment.observed)
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        np.testing.assert_allclose(ends, np.stack([experiment.observed - down, experiment.observed + up], axis=1))


def test_spectra_put_the_data_in_the_middle_of_the_bins(spectra: Figure, combined: Analysis) -> None:
    for panel in spectra.axes:
        (data,) = (c for c in panel.containers if isinstance(c, ErrorbarContainer))
        edges = steps(panel)["total"].edges
        np.testing.assert_allclose(np.asarray(data.lines[0].get_xdata(), dtype=float), (edges[1:] + edges[:-1]) / 2)
    shared = combined.experiments[1].runs[0].bin_edges
    np.testing.assert_array_equal(steps(spectra.axes[1])["total"].edges, shared)


def test_spectra_have_labels_with_units(spectra: Figure) -> None:
    xenonnt, pandax4t = spectra.axes
    assert "XENONnT" in xenonnt.get_title()
    assert "3.52 t yr" in xenonnt.get_title()
    assert xenonnt.get_xlabel() == "cS2 bin (edges differ between the runs)"
    assert xenonnt.get_ylabel() == "events / bin"
    assert "PandaX-4T" in pandax4t.get_title()
    assert pandax4t.get_xlabel() == "$N_{e^-}$ [electrons]"
    assert pandax4t.get_ylabel() == "events / 0.5 electrons"
    for panel in spectra.axes:
        assert {"data", "total", r"CE$\nu$NS, best fit"} <= set(legend(panel))


def test_spectra_say_law_flux_and_what_is_by_construction(spectra: Figure) -> None:
    small_print = texts(spectra)
    assert "law linear" in small_print
    assert "6.17 x 10$^6$ cm$^{-2}$ s$^{-1}$" in small_print
    assert "68 % Poisson intervals" in small_print
    for name in ("xenonnt", "pandax4t"):
        assert f"{name}: {load_experiment(name).by_construction}" in small_print


@pytest.mark.parametrize("count", [0, 1, 7, 73])
def test_poisson_intervals(count: int) -> None:
    down, up = poisson_interval(np.array([float(count)]), cl=0.9)
    # the means at which a count as high, or as low, has a probability of 5 %
    assert poisson.cdf(count, count + up[0]) == pytest.approx(0.05)
    if count:
        assert poisson.sf(count - 1, count - down[0]) == pytest.approx(0.05)
    else:
        assert down[0] == 0


# ---------------------------------------------------------------- Fig. 2


def test_profiles_are_drawn_as_they_are(profiles: list[ProfileResult]) -> None:
    figure = draw_profiles(profiles)
    assert len(figure.axes) == 2
    for panel, three in zip(figure.axes, (profiles[:3], profiles[3:]), strict=True):
        curves = [line for line in panel.lines if len(np.atleast_1d(line.get_xdata())) == 31]
        assert len(curves) == 3
        for curve, result in zip(curves, three, strict=True):
            np.testing.assert_array_equal(curve.get_xdata(), result.values)
            np.testing.assert_array_equal(curve.get_ydata(), result.delta_chi2)
        assert len({(line.get_color(), line.get_linestyle()) for line in curves}) == 3


def test_profiles_name_axes_results_and_levels(profiles: list[ProfileResult]) -> None:
    flux, angle = draw_profiles(profiles).axes
    assert flux.get_xlabel() == r"$^8$B flux [$10^6$ cm$^{-2}$ s$^{-1}$]"
    assert angle.get_xlabel() == r"$\sin^2\theta_W$"
    assert flux.get_ylabel() == angle.get_ylabel() == r"$\Delta\chi^2$"
    assert legend(flux) == [
        "PandaX-4T$^{*}$: $7.7^{+6.3}_{-5.5}$",
        "XENONnT$^{*}$: $5.7^{+3.2}_{-2.8}$",
        "combined$^{*}$: $6.2^{+2.8}_{-2.6}$",
        "Standard Model",
    ]
    assert legend(angle)[1] == "XENONnT$^{*}$: $0.25^{+0.09}_{-0.10}$"


def test_profiles_mark_standard_model_and_confidence_levels(profiles: list[ProfileResult]) -> None:
    for panel, expected in zip(draw_profiles(profiles).axes, (5.46, 0.23857), strict=True):
        vertical = [line for line in panel.lines if line.get_label() == "Standard Model"]
        assert np.ravel(vertical[0].get_xdata()) == pytest.approx([expected, expected])
        levels = {
            str(text.get_text()): float(text.xy[1])  # type: ignore[attr-defined]
            for text in panel.texts
        }
        assert levels == pytest.approx({"68 % CL": 0.98894, "90 % CL": 2.70554}, abs=1e-4)
        heights = [np.ravel(line.get_ydata())[0] for line in panel.lines if np.ptp(line.get_ydata()) == 0]
        assert sorted(heights) == pytest.approx(sorted(levels.values()))


def test_profiles_say_law_and_what_is_by_construction(profiles: list[ProfileResult]) -> None:
    small_print = texts(draw_profiles(profiles))
    assert "Law linear" in small_print
    assert "* By construction: " in small_print
    assert small_print.count("the signal normalisation") == 1


def test_a_profile_by_nobodys_construction_has_no_star() -> None:
    analysis = load_analysis("xenonnt", "normsys", {"xenonnt": "absolute_normalisation"})
    figure = draw_profiles([profile_analysis(analysis, "flux", points=5)])
    assert legend(figure.axes[0])[0].startswith("XENONnT, absolute_normalisation: $5.")
    assert "By construction" not in texts(figure)
    assert "Law normsys" in texts(figure)


# ---------------------------------------------------------------- pulls


def test_pulls_are_drawn_at_their_names(flux_fits: list[FitResult]) -> None:
    (panel,) = draw_pulls(flux_fits).axes
    rows = {label.get_text(): height for height, label in zip(panel.get_yticks(), panel.get_yticklabels(), strict=True)}
    assert set(rows) == {name for result in flux_fits for name in result.fit.pulls}
    bars = [c for c in panel.containers if isinstance(c, ErrorbarContainer)]
    assert [c.get_label() for c in bars] == ["XENONnT*", "PandaX-4T*", "combined*"]
    for container, result in zip(bars, flux_fits, strict=True):
        points, _, (lines,) = container.lines
        pulls = result.fit.pulls
        np.testing.assert_array_equal(points.get_xdata(), [pull.value for pull in pulls.values()])
        heights = np.asarray(points.get_ydata(), dtype=float)
        assert [round(height) for height in heights] == [rows[name] for name in pulls]
        widths = [np.ptp(segment[:, 0]) / 2 for segment in lines.get_segments()]
        np.testing.assert_allclose(widths, [pull.uncertainty for pull in pulls.values()])


def test_pulls_name_axis_parameter_and_law(flux_fits: list[FitResult]) -> None:
    figure = draw_pulls(flux_fits)
    (panel,) = figure.axes
    assert panel.get_xlabel() == r"pull $(\hat\theta - \theta_0)/\sigma_0$"
    assert panel.get_title() == r"fit of the $^8$B flux"
    assert legend(panel) == ["XENONnT*", "PandaX-4T*", "combined*"]
    assert "Law linear" in texts(figure)
    assert "* By construction: xenonnt" in texts(figure)


def test_pulls_lie_inside_the_frame(flux_fits: list[FitResult]) -> None:
    (panel,) = draw_pulls(flux_fits).axes
    low, high = panel.get_xlim()
    for result in flux_fits:
        for pull in result.fit.pulls.values():
            assert low < pull.value - pull.uncertainty < pull.value + pull.uncertainty < high


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_two_saves_give_the_same_bytes(tmp_path: Path, flux_fits: list[FitResult], suffix: str) -> None:
    paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
    for path in paths:
        save_figure(draw_pulls(flux_fits), path)
    first, second = (path.read_bytes() for path in paths)
    assert len(first) > 5000
    assert first == second


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")])
def test_the_suffix_chooses_the_format(tmp_path: Path, flux_fits: list[FitResult], suffix: str, start: bytes) -> None:
    path = tmp_path / f"pulls{suffix}"
    save_figure(draw_pulls(flux_fits), path)
    assert path.read_bytes().startswith(start)


def test_unknown_suffix(tmp_path: Path, flux_fits: list[FitResult]) -> None:
    with pytest.raises(SpecBuilderError, match=r"pulls\.jpg: expected a name that ends in \.png, \.pdf, \.svg"):
        save_figure(draw_pulls(flux_fits), tmp_path / "pulls.jpg")


def test_figures_are_not_overwritten(tmp_path: Path, flux_fits: list[FitResult]) -> None:
    path = tmp_path / "pulls.png"
    path.write_bytes(b"mine")
    with pytest.raises(SpecBuilderError, match="exists already; give another name or --force"):
        save_figure(draw_pulls(flux_fits), path)
    assert path.read_bytes() == b"mine"
    save_figure(draw_pulls(flux_fits), path, force=True)
    assert path.read_bytes() != b"mine"
