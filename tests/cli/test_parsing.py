"""What was typed, and what the package takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.parsing import analysis_and_choice, is_workspace, jobs_or_cores, only, patch_style

if TYPE_CHECKING:
    from pathlib import Path


def test_a_workspace_is_told_from_an_analysis(tmp_path: Path) -> None:
    (tmp_path / "BkgOnly").write_text("{}", "utf-8")
    (tmp_path / "experiment.toml").write_text("", "utf-8")
    assert all(map(is_workspace, ("-", "a.json", str(tmp_path / "BkgOnly"))))
    assert not any(map(is_workspace, ("xenonnt", "xenonnt+./mine", str(tmp_path), str(tmp_path / "experiment.toml"))))


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
