"""The public names: a change here is a change for users, and stands in the changelog."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

import spec_builder
from spec_builder.cli import cli

NAMES = [
    "Analysis",
    "Channel",
    "Choice",
    "CorrelationsResult",
    "CoverageResult",
    "EventsResult",
    "ExpectedLimits",
    "ExpectedStrengths",
    "Experiment",
    "ExperimentDescription",
    "ExperimentList",
    "Explanation",
    "FitResult",
    "Likelihood",
    "LimitsResult",
    "Page",
    "PatchRequest",
    "ProfileResult",
    "Projection",
    "RankingResult",
    "ScanResult",
    "Source",
    "SpecBuilderError",
    "Spectrum",
    "StrengthLimits",
    "SurfaceResult",
    "Target",
    "ToyFitResult",
    "ToyLimitsResult",
    "__version__",
    "bibtex",
    "choose",
    "compare",
    "compare_analysis",
    "cover_analysis",
    "cover_couplings",
    "describe_experiment",
    "diagnose",
    "draw_expected",
    "draw_fit",
    "draw_result",
    "events_at_point",
    "events_of_analysis",
    "events_of_workspace",
    "expect_limits",
    "expect_strength_limits",
    "explain_point",
    "explain_spectrum",
    "explore",
    "export_point",
    "export_workspaces",
    "find_limits",
    "find_limits_by_toys",
    "find_strength_limits",
    "fit_analysis",
    "fit_analysis_by_toys",
    "fit_spectrum",
    "fit_workspace",
    "fit_workspace_by_toys",
    "hs3_workspace",
    "import_xenonnt",
    "list_experiments",
    "load_analysis",
    "load_experiment",
    "load_source",
    "load_target",
    "point_workspace",
    "profile_analysis",
    "profile_two_of_analysis",
    "profile_two_of_workspace",
    "profile_workspace",
    "rank_analysis",
    "rank_workspace",
    "read_spectra",
    "read_spectrum",
    "recoil_spectrum",
    "reproduce",
    "scan_analysis",
    "scan_patches",
    "scan_spectra",
    "shipped_interactions",
    "verify",
    "verify_archive",
    "verify_file",
    "with_data",
    "write_archives",
    "write_explorer",
    "write_plane",
]


def test_the_public_names_are_these() -> None:
    assert spec_builder.__all__ == NAMES
    assert dir(spec_builder) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(spec_builder, name) is not None


def test_public_names_are_documented() -> None:
    public = [getattr(spec_builder, name) for name in NAMES if not name.startswith("_")]
    assert [thing for thing in public if not (callable(thing) and thing.__doc__)] == []


def test_a_public_name_comes_from_where_it_is_defined() -> None:
    """What a type checker is told, what is loaded, and where the thing itself says it lives: all the same."""
    text = Path(spec_builder.__file__).read_text("utf-8")
    told = {
        alias.name: str(node.module)
        for block in ast.walk(ast.parse(text))
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted([*told, "__version__"]) == sorted(NAMES)
    for name, module in told.items():
        thing = getattr(spec_builder, name)
        assert thing.__module__ == module
        assert getattr(import_module(module), name) is thing


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'spec_builder' has no attribute 'xenon1t'"):
        spec_builder.xenon1t  # noqa: B018


def test_every_verb_has_a_name_in_python() -> None:
    """The table of docs/python.md: all verbs but the shell's completion, and public names only."""
    text = (Path(__file__).parents[1] / "docs" / "python.md").read_text("utf-8")
    table = text.partition("| verb | from Python |")[2].partition("\n\n")[0]
    cells = [line.split("|") for line in table.splitlines()[2:]]
    rows = {verb.strip(" `"): re.findall(r"`(\w+)`", names) for _, verb, names, _ in cells}
    assert list(rows) == [verb for verb in cli.commands if verb != "completion"]
    for verb, names in rows.items():
        assert names, verb
        assert set(names) <= set(NAMES), verb
    words = re.findall(r"`([a-z_]+)`", text.partition("Options are arguments")[2])
    assert set(words) - set(NAMES) == {"save", "plot", "jobs"}
