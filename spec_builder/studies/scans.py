"""Scans of an analysis on a grid of masses and couplings, in memory or into columnar files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import workers
from spec_builder.base.files import digest
from spec_builder.base.grids import json_mass
from spec_builder.base.progress import Parts, silent
from spec_builder.inference.exclusion import exclude, plane_minimum
from spec_builder.inference.points import GridPoints
from spec_builder.model.given import as_analysis, as_choice, as_couplings, as_masses, mass_axis
from spec_builder.model.provenance import Choices, range_text
from spec_builder.model.signal import check_change
from spec_builder.studies.plane import parameter_grid
from spec_builder.studies.scan_jobs import REASON_TEXTS, SCAN_MODULES, Scan, ScanChunk, check_scan_output, run_scan

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Mapping
    from os import PathLike

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.grids import Numbers
    from spec_builder.inference.data import Problem
    from spec_builder.inference.plane import Minimum
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.given import GivenAnalysis
    from spec_builder.physics.choices import Choice
    from spec_builder.studies.scan_jobs import Labels
    from spec_builder.studies.scan_results import ScanResult

__all__ = ["default_couplings", "scan_analysis"]

#: Masses, and couplings, that are not asked for otherwise.
_POINTS = 121
#: Masses at most at which it is asked what is excluded, to know where couplings should lie.
_FEW_MASSES = 9
#: Points of a scan.
MOST_POINTS = 100_000_000


def _grid_scan(analysis: Analysis, choice: Choice, masses: FloatArray | None, couplings: FloatArray) -> Scan:
    axis = np.array([np.nan]) if masses is None else masses
    _refuse_infinite(axis)
    if axis.size * couplings.size > MOST_POINTS:
        raise SpecBuilderError(f"{axis.size * couplings.size} points: expected at most {MOST_POINTS} in a scan")
    problem = analysis.problem(choice)
    signal = problem.yields(axis)
    check_change(choice, signal)
    minimum, against = _reference(analysis, choice, problem, axis)
    points = GridPoints(problem, signal, couplings)
    metadata = {
        "schema": "spec_builder/scan/1",
        **Choices.of(analysis, choice, axis, couplings=couplings.tolist()).to_dict(),
        "workspace_sha256": digest(analysis.workspace),
        "masses_MeV": axis.tolist() if choice.has_mediator else None,
        "couplings": couplings.tolist(),
        "minimum": {"twice_nll": minimum.twice_nll, "mass_MeV": json_mass(minimum.mass_MeV), "g": minimum.g},
        "delta_chi2": f"against the minimum over {against}",
        "reasons": REASON_TEXTS,
    }
    labels: Labels = {}
    if choice.has_mediator:
        labels["mass_MeV"] = ("<f8", lambda index: axis[points.places(index)[0]])
    labels[choice.parameter] = ("<f8", lambda index: couplings[points.places(index)[1]])
    chunks = [lambda index=index: ScanChunk(points.chunk(index)) for index in range(points.chunks)]
    return Scan(metadata, analysis.workspace, chunks, labels, len(points))


def _reference(analysis: Analysis, choice: Choice, problem: Problem, axis: FloatArray) -> tuple[Minimum, str]:
    """The minimum that a scan's Delta chi^2 is against, and its domain in words."""
    domain = choice.parameter if choice.signed else f"{choice.parameter} >= 0"
    if choice.has_mediator:
        return plane_minimum(problem, analysis.masses_MeV), f"{range_text(analysis.masses_MeV)} and {domain}"
    return exclude(problem, axis, dof=1).minimum, domain


def default_couplings(analysis: Analysis, choice: Choice, masses: Numbers | None = None) -> FloatArray:
    """Couplings of a scan that are not asked for otherwise: 121 that hold what is excluded at 90 % CL.

    Args:
        analysis: what is scanned.
        choice: the interaction.
        masses: of the scan, as :func:`scan_analysis` takes them.
    """
    axis = mass_axis(choice, as_masses(masses, choice, analysis, _POINTS))
    _refuse_infinite(axis)
    few = np.unique(np.linspace(0, axis.size - 1, _FEW_MASSES).astype(int))
    return parameter_grid(choice, _POINTS, exclude(analysis.problem(choice), np.sort(axis)[few], dof=1))


def _refuse_infinite(axis: FloatArray) -> None:
    if np.isinf(axis).any():
        raise SpecBuilderError("mass inf: a scan has finite masses; limits take the contact limit")


@checked
def scan_analysis(
    analysis: GivenAnalysis,
    choice: Choice | str | object,
    masses: Numbers | None = None,
    couplings: Numbers | None = None,
    *,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    output: str | PathLike[str] | None = None,
    force: bool = False,
    report: Parts = silent,
) -> ScanResult | None:
    """Profile 2NLL over the nuisance parameters at every point of a grid.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        choice: an interaction, as :func:`spec_builder.physics.interactions.choose` takes and gives it.
        masses: mediator masses [MeV]: a number, a list, an array of shape (M,) or the text of a grid; by default 121
            over the range of the analysis; None where there is no mediator.
        couplings: g or the interaction's own parameter, likewise, shape (G,); by default 121 around what is excluded at
            90 % CL.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.
        executor: any ``concurrent.futures.Executor``; None computes here. The result does not depend on it.
        jobs: worker processes in the place of an executor; a script that asks for them has its calls below
            ``if __name__ == "__main__":``.
        output: an ``.npz``, ``.csv`` or ``.parquet`` file. Finished chunks are kept beside it until it is written, so
            that a scan that was stopped goes on where it stood, and on the same engine ends in the same bytes.
        force: replace a file that exists.
        report: told how many chunks are done, and of how many.

    Returns:
        The scan if no ``output`` is given.

    Raises:
        SpecBuilderError: for values that are no numbers of their range or stand twice, a file that exists, or a chunk
            that is not this scan's.
    """
    check_scan_output(output, force=force)
    loaded, chosen = as_analysis(analysis, law, variants), as_choice(choice)
    axis = as_masses(masses, chosen, loaded, _POINTS)
    values = default_couplings(loaded, chosen, masses) if couplings is None else as_couplings(couplings, chosen)
    scan = _grid_scan(loaded, chosen, axis, values)
    with workers(executor, jobs, preload=SCAN_MODULES) as pool:
        return run_scan(scan, pool, output, report, force=force)
