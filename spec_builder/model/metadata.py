"""What a workspace's file cannot say: the choices, sources and units behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spec_builder.base.files import digest
from spec_builder.base.version import __version__
from spec_builder.physics.constants import SIN2_THETA_W
from spec_builder.physics.flux import solar_flux

if TYPE_CHECKING:
    from spec_builder.experiments.description import Experiment
    from spec_builder.model.analysis import Analysis

__all__ = ["workspace_metadata"]

PAPER = "arXiv:2411.11749, JCAP 05 (2025) 012, doi:10.1088/1475-7516/2025/05/012"


def workspace_metadata(analysis: Analysis) -> dict[str, Any]:
    """What a workspace's file cannot say: the choices, sources and units behind it."""
    return {
        "schema": "spec_builder/workspace/1",
        "version": __version__,
        "paper": PAPER,
        "analysis": analysis.name,
        "law": analysis.law,
        "variants": analysis.variants,
        "by_construction": analysis.by_construction,
        "licence": analysis.licence or "not stated",
        "reference": {
            "flux_1e6_cm2_s1": round(solar_flux().total * 1e-6, 6),
            "meaning": "mu_8b = 1",
            "sin2_theta_w": SIN2_THETA_W,
        },
        "experiments": {
            experiment.name: _experiment_metadata(experiment, correction.tolist())
            for experiment, correction in zip(
                analysis.experiments, (kernel.correction for kernel in analysis.kernels), strict=True
            )
        },
        "sha256": digest(analysis.workspace),
    }


def _experiment_metadata(experiment: Experiment, correction: list[float]) -> dict[str, Any]:
    return {
        "title": experiment.title,
        "references": list(experiment.references),
        "channel": experiment.channel,
        "observable": {"name": experiment.observable.name, "unit": experiment.observable.unit},
        "runs": {
            run.name: {"exposure_t_yr": run.exposure_t_yr, "bin_edges": run.bin_edges.tolist()}
            for run in experiment.runs
        },
        "response": type(experiment.response).kind,
        "response_correction": [float(f"{factor:.6g}") for factor in correction],
        "tables": {
            what: {"status": status, "source": experiment.sources[what]} for what, status in experiment.statuses.items()
        },
    }
