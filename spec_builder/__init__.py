"""Solar-neutrino CEvNS likelihoods of XENONnT and PandaX-4T as pyhf workspaces, and the fits that follow.

The public names are loaded when they are first used: ``import spec_builder`` itself is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spec_builder.analysis import Analysis, load_analysis
    from spec_builder.errors import SpecBuilderError
    from spec_builder.experiments.description import Experiment, load_experiment
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.limits import find_limits
    from spec_builder.physics.interactions import parse_new_physics
    from spec_builder.results import fit_analysis, fit_workspace, profile_analysis
    from spec_builder.scans import scan_analysis, scan_patches

__version__ = "0.1.0"

__all__ = [
    "Analysis",
    "Experiment",
    "Likelihood",
    "SpecBuilderError",
    "__version__",
    "find_limits",
    "fit_analysis",
    "fit_workspace",
    "load_analysis",
    "load_experiment",
    "parse_new_physics",
    "profile_analysis",
    "scan_analysis",
    "scan_patches",
]

_HOME = {
    "Analysis": "analysis",
    "Experiment": "experiments.description",
    "Likelihood": "inference.likelihood",
    "SpecBuilderError": "errors",
    "find_limits": "limits",
    "fit_analysis": "results",
    "fit_workspace": "results",
    "load_analysis": "analysis",
    "load_experiment": "experiments.description",
    "parse_new_physics": "physics.interactions",
    "profile_analysis": "results",
    "scan_analysis": "scans",
    "scan_patches": "scans",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"spec_builder.{_HOME[name]}"), name)
    raise AttributeError(f"module 'spec_builder' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
