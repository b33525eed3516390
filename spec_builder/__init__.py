"""Solar-neutrino CEvNS likelihoods of XENONnT and PandaX-4T as pyhf workspaces, and the fits that follow.

The public names are loaded when they are first used: ``import spec_builder`` itself is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from spec_builder.base.version import __version__

if TYPE_CHECKING:
    from spec_builder.analysis import Analysis, load_analysis
    from spec_builder.archive.build import write_archives
    from spec_builder.archive.verify import verify_archive
    from spec_builder.base.errors import SpecBuilderError
    from spec_builder.citations import bibtex
    from spec_builder.comparison.writing import compare
    from spec_builder.doctor import diagnose
    from spec_builder.experiments.description import Experiment, load_experiment
    from spec_builder.export import PatchRequest, export_workspaces
    from spec_builder.histfactory.hs3 import hs3_workspace
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.limits import LimitsResult, find_limits
    from spec_builder.physics.interactions import NewPhysics, parse_new_physics
    from spec_builder.plane import write_plane
    from spec_builder.results import FitResult, ProfileResult, fit_analysis, fit_workspace, profile_analysis
    from spec_builder.scans import ScanResult, scan_analysis, scan_patches
    from spec_builder.spectrum import Spectrum, recoil_spectrum
    from spec_builder.verify import verify_file

__all__ = [
    "Analysis",
    "Experiment",
    "FitResult",
    "Likelihood",
    "LimitsResult",
    "NewPhysics",
    "PatchRequest",
    "ProfileResult",
    "ScanResult",
    "SpecBuilderError",
    "Spectrum",
    "__version__",
    "bibtex",
    "compare",
    "diagnose",
    "export_workspaces",
    "find_limits",
    "fit_analysis",
    "fit_workspace",
    "hs3_workspace",
    "load_analysis",
    "load_experiment",
    "parse_new_physics",
    "profile_analysis",
    "recoil_spectrum",
    "scan_analysis",
    "scan_patches",
    "verify_archive",
    "verify_file",
    "write_archives",
    "write_plane",
]

_HOME = {
    "Analysis": "analysis",
    "Experiment": "experiments.description",
    "FitResult": "results",
    "Likelihood": "inference.likelihood",
    "LimitsResult": "limits",
    "NewPhysics": "physics.interactions",
    "PatchRequest": "export",
    "ProfileResult": "results",
    "ScanResult": "scans",
    "SpecBuilderError": "base.errors",
    "Spectrum": "spectrum",
    "bibtex": "citations",
    "compare": "comparison.writing",
    "diagnose": "doctor",
    "export_workspaces": "export",
    "find_limits": "limits",
    "fit_analysis": "results",
    "fit_workspace": "results",
    "hs3_workspace": "histfactory.hs3",
    "load_analysis": "analysis",
    "load_experiment": "experiments.description",
    "parse_new_physics": "physics.interactions",
    "profile_analysis": "results",
    "recoil_spectrum": "spectrum",
    "scan_analysis": "scans",
    "scan_patches": "scans",
    "verify_archive": "archive.verify",
    "verify_file": "verify",
    "write_archives": "archive.build",
    "write_plane": "plane",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"spec_builder.{_HOME[name]}"), name)
    raise AttributeError(f"module 'spec_builder' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
