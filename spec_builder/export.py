"""Writing of workspaces with their metadata, to share."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from spec_builder import __version__
from spec_builder.analysis import load_analysis
from spec_builder.errors import SpecBuilderError
from spec_builder.files import canonical_json, refuse_existing, write_text
from spec_builder.physics.constants import SIN2_THETA_W
from spec_builder.physics.flux import solar_flux

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from spec_builder.analysis import Analysis
    from spec_builder.experiments.description import Experiment

__all__ = ["digest", "export_workspaces", "workspace_metadata"]

PAPER = "arXiv:2411.11749, JCAP 05 (2025) 012, doi:10.1088/1475-7516/2025/05/012"
WORKSPACE_FILE = "BkgOnly.json"
METADATA_FILE = "BkgOnly.meta.json"


def digest(content: object) -> str:
    """SHA-256 of JSON content, equal to what ``pyhf digest`` prints.

    Examples:
        >>> digest({"version": "1.0.0"})[:8]
        '662b2028'
    """
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


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


def export_workspaces(
    analyses: Iterable[str],
    output: Path,
    *,
    law: str = "normsys",
    variants: Mapping[str, str] | None = None,
    force: bool = False,
) -> list[Path]:
    """Write ``<output>/<analysis>/BkgOnly.json`` and its ``.meta.json`` for each analysis.

    The same inputs give the same bytes. A variant applies to every analysis that holds its experiment.

    Args:
        analyses: names, as :func:`spec_builder.analysis.load_analysis` takes them.
        output: the folder.
        law: ``normsys`` or ``linear``.
        variants: variant by experiment name.
        force: replace files that exist.

    Raises:
        SpecBuilderError: for an unknown analysis, law or variant, or a file that exists; then nothing is written.
    """
    files: dict[Path, str] = {}
    unused = dict(variants or {})
    for name in analyses:
        members = {experiment.name for experiment in load_analysis(name, law).experiments}
        analysis = load_analysis(name, law, {k: v for k, v in (variants or {}).items() if k in members})
        unused = {k: v for k, v in unused.items() if k not in members}
        folder = output / analysis.name
        files[folder / WORKSPACE_FILE] = canonical_json(analysis.workspace)
        files[folder / METADATA_FILE] = canonical_json(workspace_metadata(analysis))
    if unused:
        raise SpecBuilderError(f"variant of '{next(iter(unused))}' given, but no exported analysis holds it")
    for path in files:
        refuse_existing(path, force=force)
    for path, text in files.items():
        write_text(path, text, force=force)
    return list(files)
