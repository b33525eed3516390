"""Profiles and pulls are drawn as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from spec_builder.figures.profiles import draw_profiles, draw_pulls
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.profiles import profile_analysis
from tests.pages import legend, small_print

if TYPE_CHECKING:
    from spec_builder.studies.fits import FitResult
    from spec_builder.studies.profiles import ProfileResult


@pytest.fixture(scope="module")
def profiles() -> list[ProfileResult]:
    return [
        profile_analysis(load_analysis(name, "linear"), parameter, points=31)
        for parameter in ("flux", "sin2thetaw")
        for name in ("pandax4t", "xenonnt", "combined")
    ]


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
        "PandaX-4T*: $7.7^{+6.3}_{-5.5}$",
        "XENONnT*: $5.7^{+3.2}_{-2.8}$",
        "XENONnT + PandaX-4T*: $6.2^{+2.8}_{-2.6}$",
        "Standard Model",
    ]
    assert legend(angle)[0].startswith("PandaX-4T*: $0.30^{+0.1")


def test_profiles_mark_standard_model_and_confidence_levels(profiles: list[ProfileResult]) -> None:
    for panel, expected in zip(draw_profiles(profiles).axes, (5.46, 0.23857), strict=True):
        vertical = [line for line in panel.lines if line.get_label() == "Standard Model"]
        assert np.ravel(vertical[0].get_xdata()) == pytest.approx([expected, expected])
        levels = {
            str(text.get_text()): float(text.xy[1])  # type: ignore[attr-defined]
            for text in panel.texts
        }
        assert levels == pytest.approx({"68.27 % CL, dof 1": 1.0, "90 % CL, dof 1": 2.70554}, abs=1e-4)
        heights = [np.ravel(line.get_ydata())[0] for line in panel.lines if np.ptp(line.get_ydata()) == 0]
        assert sorted(heights) == pytest.approx(sorted(levels.values()))


def test_profiles_say_law_and_what_is_by_construction(profiles: list[ProfileResult]) -> None:
    text = small_print(draw_profiles(profiles))
    assert "law: linear" in text
    assert "by construction (*): " in text
    assert text.count("the signal normalisation") == 1


def test_a_profile_by_nobodys_construction_has_no_star() -> None:
    analysis = load_analysis("xenonnt", "normsys", {"xenonnt": "absolute_normalisation"})
    figure = draw_profiles([profile_analysis(analysis, "flux", points=5)])
    assert legend(figure.axes[0])[0].startswith("XENONnT, absolute_normalisation: $5.")
    assert "by construction (*)" not in small_print(figure)
    assert "law: normsys" in small_print(figure)


# ---------------------------------------------------------------- pulls


def test_pulls_are_drawn_at_their_names(flux_fits: list[FitResult]) -> None:
    (panel,) = draw_pulls(flux_fits).axes
    rows = {label.get_text(): height for height, label in zip(panel.get_yticks(), panel.get_yticklabels(), strict=True)}
    assert set(rows) == {name.replace("_", " ") for result in flux_fits for name in result.fit.pulls}
    bars = [c for c in panel.containers if isinstance(c, ErrorbarContainer)]
    assert [c.get_label() for c in bars] == ["XENONnT*", "PandaX-4T*", "XENONnT + PandaX-4T*"]
    for container, result in zip(bars, flux_fits, strict=True):
        points, _, (lines,) = container.lines
        pulls = result.fit.pulls
        np.testing.assert_array_equal(points.get_xdata(), [pull.value for pull in pulls.values()])
        heights = np.asarray(points.get_ydata(), dtype=float)
        assert [round(height) for height in heights] == [rows[name.replace("_", " ")] for name in pulls]
        widths = [np.ptp(segment[:, 0]) / 2 for segment in lines.get_segments()]
        np.testing.assert_allclose(widths, [pull.uncertainty for pull in pulls.values()])


def test_pulls_name_axis_parameter_and_law(flux_fits: list[FitResult]) -> None:
    figure = draw_pulls(flux_fits)
    (panel,) = figure.axes
    assert panel.get_xlabel() == r"pull $(\hat\theta - \theta_0)/\sigma_0$"
    (found,) = figure.figure.legends
    assert found.get_title().get_text() == r"fit of $^8$B flux, law linear"
    assert [text.get_text() for text in found.get_texts()] == ["XENONnT*", "PandaX-4T*", "XENONnT + PandaX-4T*"]
    assert len({round(text.get_window_extent().y0) for text in found.get_texts()}) == 1, "one row"
    assert "law linear" in small_print(figure)
    assert "by construction (*): - xenonnt" in small_print(figure)


def test_pulls_lie_inside_the_frame(flux_fits: list[FitResult]) -> None:
    (panel,) = draw_pulls(flux_fits).axes
    low, high = panel.get_xlim()
    for result in flux_fits:
        for pull in result.fit.pulls.values():
            assert low < pull.value - pull.uncertainty < pull.value + pull.uncertainty < high
