"""Any result with a picture makes a page, whose caption is what it says of itself."""

from __future__ import annotations

import numpy as np
import pytest

from spec_builder.figures.pages import caption_of, draw_result
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.studies.explanation import explain_point
from spec_builder.studies.limits import find_limits
from spec_builder.studies.spectrum import recoil_spectrum
from spec_builder.studies.surfaces import profile_two_of_analysis


def test_an_explanation_is_bars_that_add_up() -> None:
    found = explain_point(load_analysis("xenonnt"), choose("scalar"), 1.0, 1e-5)
    page = draw_result(found)
    (panel,) = page.axes
    sizes = [bar.get_width() for container in panel.containers for bar in container]
    assert sum(sizes) == pytest.approx(found.parts.delta_chi2)
    assert f"{found.parts.delta_chi2:.4f}" in page.caption.to_text()


def test_contours_are_those_of_the_result() -> None:
    found = profile_two_of_analysis(load_analysis("xenonnt"), ("flux", "xenonnt_accidental"), points=31)
    (panel,) = draw_result(found).axes
    drawn = [np.asarray(line.get_xydata()) for line in panel.get_lines()]
    lines = [line for lines in found.contours.values() for line in lines]
    for own, line in zip(drawn, lines, strict=False):
        np.testing.assert_array_equal(own, line)


def test_shared_choices_stand_once_and_others_by_result() -> None:
    masses = [1.0, 10.0]
    results = [find_limits(load_analysis("xenonnt", law), choose("scalar"), masses) for law in ("linear", "normsys")]
    caption = caption_of("Two laws", results, "What.")
    assert "law" not in caption.facts
    assert caption.facts["coupling set"] == "B"
    first, second = caption.lists["drawn"]
    assert "law: linear" in first
    assert "law: normsys" in second
    assert len(caption.lists["by construction (*)"]) == 1


def test_a_recoil_spectrum_is_drawn(tmp_path: object) -> None:
    del tmp_path
    found = recoil_spectrum([0.5, 1.0, 2.0])
    (line,) = found.plot().get_lines()
    assert np.asarray(line.get_ydata()).tolist() == list(found.standard_model)
