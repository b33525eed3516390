"""Solar-neutrino CEvNS likelihoods of XENONnT and PandaX-4T as pyhf workspaces, and the fits that follow.

The public names are loaded when they are first used: ``import spec_builder`` itself is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from spec_builder.base.version import __version__

if TYPE_CHECKING:
    from spec_builder.base.errors import SpecBuilderError
    from spec_builder.cli.doctor import diagnose
    from spec_builder.drawing.page import Page
    from spec_builder.experiments.description import Channel, Experiment
    from spec_builder.experiments.reading import load_experiment
    from spec_builder.experiments.releases.xenonnt import import_xenonnt
    from spec_builder.experiments.spectra import read_spectra, read_spectrum
    from spec_builder.figures.bins import draw_fit
    from spec_builder.figures.expected import draw_expected
    from spec_builder.figures.explorer import write_explorer
    from spec_builder.figures.pages import draw_result
    from spec_builder.histfactory.hs3 import hs3_workspace
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.model.analysis import Analysis, load_analysis
    from spec_builder.model.points import point_workspace
    from spec_builder.paper.comparison import compare, compare_analysis
    from spec_builder.paper.plane import write_plane
    from spec_builder.paper.reproduce import reproduce
    from spec_builder.physics.choices import Choice
    from spec_builder.physics.interactions import choose, shipped_interactions
    from spec_builder.physics.sources import Source, load_source
    from spec_builder.physics.targets import Target, load_target
    from spec_builder.sharing.archive import write_archives
    from spec_builder.sharing.citations import bibtex
    from spec_builder.sharing.export import PatchRequest, export_point, export_workspaces
    from spec_builder.sharing.verification import verify
    from spec_builder.sharing.verify import verify_file
    from spec_builder.sharing.verify_archive import verify_archive
    from spec_builder.studies.catalogue import (
        ExperimentDescription,
        ExperimentList,
        describe_experiment,
        list_experiments,
    )
    from spec_builder.studies.correlations import CorrelationsResult
    from spec_builder.studies.coverage import CoverageResult, cover_analysis, cover_couplings
    from spec_builder.studies.events import EventsResult, events_at_point, events_of_analysis, events_of_workspace
    from spec_builder.studies.expected import ExpectedLimits, expect_limits
    from spec_builder.studies.expected_strengths import ExpectedStrengths, expect_strength_limits
    from spec_builder.studies.explanation import Explanation, explain_point, explain_spectrum
    from spec_builder.studies.explorer import explore
    from spec_builder.studies.fits import FitResult, fit_analysis, fit_workspace
    from spec_builder.studies.fits_by_toys import ToyFitResult, fit_analysis_by_toys, fit_workspace_by_toys
    from spec_builder.studies.impacts import RankingResult, rank_analysis, rank_workspace
    from spec_builder.studies.limits import LimitsResult, find_limits
    from spec_builder.studies.limits_by_toys import ToyLimitsResult, find_limits_by_toys
    from spec_builder.studies.patch_scans import scan_patches, scan_spectra
    from spec_builder.studies.profiles import ProfileResult, profile_analysis, profile_workspace
    from spec_builder.studies.projections import Projection, with_data
    from spec_builder.studies.scan_results import ScanResult
    from spec_builder.studies.scans import scan_analysis
    from spec_builder.studies.spectrum import Spectrum, recoil_spectrum
    from spec_builder.studies.strengths import StrengthLimits, find_strength_limits, fit_spectrum
    from spec_builder.studies.surfaces import SurfaceResult, profile_two_of_analysis, profile_two_of_workspace

__all__ = [
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

_HOME = {
    "Analysis": "model.analysis",
    "Channel": "experiments.description",
    "Choice": "physics.choices",
    "CorrelationsResult": "studies.correlations",
    "CoverageResult": "studies.coverage",
    "EventsResult": "studies.events",
    "ExpectedLimits": "studies.expected",
    "ExpectedStrengths": "studies.expected_strengths",
    "Experiment": "experiments.description",
    "ExperimentDescription": "studies.catalogue",
    "ExperimentList": "studies.catalogue",
    "Explanation": "studies.explanation",
    "FitResult": "studies.fits",
    "Likelihood": "inference.likelihood",
    "LimitsResult": "studies.limits",
    "Page": "drawing.page",
    "PatchRequest": "sharing.export",
    "ProfileResult": "studies.profiles",
    "Projection": "studies.projections",
    "RankingResult": "studies.impacts",
    "ScanResult": "studies.scan_results",
    "Source": "physics.sources",
    "SpecBuilderError": "base.errors",
    "Spectrum": "studies.spectrum",
    "StrengthLimits": "studies.strengths",
    "SurfaceResult": "studies.surfaces",
    "Target": "physics.targets",
    "ToyFitResult": "studies.fits_by_toys",
    "ToyLimitsResult": "studies.limits_by_toys",
    "bibtex": "sharing.citations",
    "choose": "physics.interactions",
    "compare": "paper.comparison",
    "compare_analysis": "paper.comparison",
    "cover_analysis": "studies.coverage",
    "cover_couplings": "studies.coverage",
    "describe_experiment": "studies.catalogue",
    "diagnose": "cli.doctor",
    "draw_expected": "figures.expected",
    "draw_fit": "figures.bins",
    "draw_result": "figures.pages",
    "events_at_point": "studies.events",
    "events_of_analysis": "studies.events",
    "events_of_workspace": "studies.events",
    "expect_limits": "studies.expected",
    "expect_strength_limits": "studies.expected_strengths",
    "explain_point": "studies.explanation",
    "explain_spectrum": "studies.explanation",
    "explore": "studies.explorer",
    "export_point": "sharing.export",
    "export_workspaces": "sharing.export",
    "find_limits": "studies.limits",
    "find_limits_by_toys": "studies.limits_by_toys",
    "find_strength_limits": "studies.strengths",
    "fit_analysis": "studies.fits",
    "fit_analysis_by_toys": "studies.fits_by_toys",
    "fit_spectrum": "studies.strengths",
    "fit_workspace": "studies.fits",
    "fit_workspace_by_toys": "studies.fits_by_toys",
    "hs3_workspace": "histfactory.hs3",
    "import_xenonnt": "experiments.releases.xenonnt",
    "list_experiments": "studies.catalogue",
    "load_analysis": "model.analysis",
    "load_experiment": "experiments.reading",
    "load_source": "physics.sources",
    "load_target": "physics.targets",
    "point_workspace": "model.points",
    "profile_analysis": "studies.profiles",
    "profile_two_of_analysis": "studies.surfaces",
    "profile_two_of_workspace": "studies.surfaces",
    "profile_workspace": "studies.profiles",
    "rank_analysis": "studies.impacts",
    "rank_workspace": "studies.impacts",
    "read_spectra": "experiments.spectra",
    "read_spectrum": "experiments.spectra",
    "recoil_spectrum": "studies.spectrum",
    "reproduce": "paper.reproduce",
    "scan_analysis": "studies.scans",
    "scan_patches": "studies.patch_scans",
    "scan_spectra": "studies.patch_scans",
    "shipped_interactions": "physics.interactions",
    "verify": "sharing.verification",
    "verify_archive": "sharing.verify_archive",
    "verify_file": "sharing.verify",
    "with_data": "studies.projections",
    "write_archives": "sharing.archive",
    "write_explorer": "figures.explorer",
    "write_plane": "paper.plane",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"spec_builder.{_HOME[name]}"), name)
    raise AttributeError(f"module 'spec_builder' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
