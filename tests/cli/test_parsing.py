"""What was typed, and what the package takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.parsing import (
    analysis_and_choice,
    couplings_of,
    is_workspace,
    jobs_or_cores,
    masses_of,
    only,
    patch_style,
    plane_grid,
)
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose

if TYPE_CHECKING:
    from pathlib import Path


def test_a_workspace_is_told_from_an_analysis(tmp_path: Path) -> None:
    (tmp_path / "BkgOnly").write_text("{}", "utf-8")
    (tmp_path / "experiment.toml").write_text("", "utf-8")
    assert all(map(is_workspace, ("-", "a.json", str(tmp_path / "BkgOnly"))))
    assert not any(map(is_workspace, ("xenonnt", "xenonnt+./mine", str(tmp_path), str(tmp_path / "experiment.toml"))))


def test_masses_with_the_contact_limit_among_them() -> None:
    analysis, vector = load_analysis("xenonnt"), choose("vector_bl")
    np.testing.assert_array_equal(masses_of("1,10,inf", analysis, vector, 5), [1, 10, np.inf])
    np.testing.assert_array_equal(masses_of("inf", analysis, vector, 5), [np.inf])
    default = masses_of(None, analysis, vector, 5)
    assert default is not None
    np.testing.assert_allclose(default, np.geomspace(*analysis.masses_MeV, 5), rtol=1e-12)
    assert masses_of(None, analysis, choose("nsi"), 5) is None
    with pytest.raises(SpecBuilderError, match="interaction 'nsi' has no mediator: --masses does not apply"):
        masses_of("1", analysis, choose("nsi"), 5)


def test_couplings_of_a_sign_are_evenly_spaced() -> None:
    assert couplings_of("-1:1:5", signed=True) == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert couplings_of("1e-6:1e-4:3", signed=False) == pytest.approx([1e-6, 1e-5, 1e-4])
    with pytest.raises(SpecBuilderError, match="couplings"):
        couplings_of("-1,1", signed=False)


def test_a_plane_has_defaults_and_what_was_typed() -> None:
    analysis = load_analysis("xenonnt")
    masses, couplings = plane_grid(analysis, choose("scalar"), {"masses": None, "couplings": None})
    assert masses is not None
    assert (masses.size, couplings.size) == (121, 121)
    assert couplings[0] == pytest.approx(choose("scalar").default_range[0])
    masses, couplings = plane_grid(analysis, choose("nsi"), {"masses": None, "couplings": "-1,0,1"})
    assert masses is None
    assert couplings.tolist() == [-1, 0, 1]


def test_options_that_do_not_belong_are_named_as_typed() -> None:
    only({"law"}, {"law", "cl"}, "an analysis")
    with pytest.raises(SpecBuilderError, match="--variant does not apply to a workspace"):
        only({"variants"}, {"law"}, "a workspace")
    with pytest.raises(SpecBuilderError, match="--coupling-set does not apply to a workspace"):
        only({"coupling_set"}, set(), "a workspace")


def test_styles_jobs_and_the_rest() -> None:
    assert patch_style("signal") == "signal"
    with pytest.raises(SpecBuilderError, match="style 'both' is unknown, expected one of total, signal"):
        patch_style("both")
    assert jobs_or_cores(3) == 3
    assert jobs_or_cores(None) >= 1
    typed = {"interaction": "scalar", "coupling_set": "A", "options": (), "law": "linear", "variants": {}}
    analysis, choice = analysis_and_choice("xenonnt", typed)
    assert (analysis.law, choice.changed) == ("linear", {"coupling_set": "A"})
