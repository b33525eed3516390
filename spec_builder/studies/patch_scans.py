"""Scans of anybody's patch set, and of recoil spectra."""

from __future__ import annotations

from functools import partial
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import check_path, checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import workers
from spec_builder.base.files import digest
from spec_builder.base.progress import Parts, silent
from spec_builder.base.reading import load_json
from spec_builder.base.version import __version__
from spec_builder.histfactory.checks import check_workspace
from spec_builder.histfactory.patchset import check_digest, check_labels, check_patch_set
from spec_builder.inference.patches import group_patches
from spec_builder.inference.points import ListedPoints, chunk_size
from spec_builder.model.given import as_analysis, as_spectra, as_workspace
from spec_builder.model.spectrum_patches import build_spectra_patch_set
from spec_builder.model.workspace import NEW_PHYSICS
from spec_builder.studies.scan_jobs import (
    NO_COMPARISON,
    REASON_TEXTS,
    SCAN_MODULES,
    Scan,
    ScanChunk,
    check_scan_output,
    label_column,
    run_scan,
)

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Mapping, Sequence

    from spec_builder.base.arrays import Column, IndexArray
    from spec_builder.experiments.spectra import RecoilSpectrum
    from spec_builder.inference.patches import PatchGroup
    from spec_builder.model.given import GivenAnalysis, GivenWorkspace
    from spec_builder.studies.scan_jobs import Labels
    from spec_builder.studies.scan_results import ScanResult

__all__ = ["scan_patches", "scan_spectra"]


@checked
def scan_patches(
    workspace: GivenWorkspace,
    patchset: GivenWorkspace,
    *,
    name: str | None = None,
    measurement: str | None = None,
    poi: str | None = None,
    hold: Mapping[str, float] | None = None,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    output: str | PathLike[str] | None = None,
    force: bool = False,
    report: Parts = silent,
    passed_over: Callable[[str], object] | None = None,
) -> ScanResult | None:
    """Profile 2NLL at every patch of a patch set; no physics involved.

    Args:
        workspace: content of the workspace's JSON file, or its path.
        patchset: content of the patch set's JSON file, or its path.
        name: what to call the patch set in messages; its path by default.
        measurement: the measurement to minimise; by default ``new_physics``, or the first where there is none.
        poi: parameter of interest in the place of the measurement's, '' for none.
        hold: values of parameters to hold, by name.
        executor: any ``concurrent.futures.Executor``; None computes here.
        jobs: worker processes in the place of an executor; see :func:`~spec_builder.studies.scans.scan_analysis`.
        output: an ``.npz``, ``.csv`` or ``.parquet`` file; see :func:`~spec_builder.studies.scans.scan_analysis`.
        force: replace a file that exists.
        report: told how many chunks are done, and of how many.
        passed_over: told what is wrong with each patch that does not apply or compile, which is then left out; by
            default the first ends the scan.

    Returns:
        The scan if no ``output`` is given. ``delta_chi2`` is against the minimum that the patch set states, or if it
        states none or parameters are held, against the least 2NLL of the scan; it is not there if the patches' models
        have different data, whose 2NLL cannot be compared. There is a column for each of the
        set's labels; a label that names a column of the scan (``patch``, ``twice_nll``, ``valid``, ``theta_...``) or
        begins with ``label_`` stands there with ``label_`` before it.

    Raises:
        SpecBuilderError: for a digest that does not match, a label that stands twice, or a patch that does not apply
            or compile.
    """
    check_scan_output(output, force=force)
    workspace, patchset, name = _as_patch_set(workspace, patchset, name, measurement)
    check_digest(workspace, patchset, name)
    check_labels(patchset["metadata"]["labels"], name)
    if measurement is None and NEW_PHYSICS in [one["name"] for one in workspace["measurements"]]:
        measurement = NEW_PHYSICS
    lost: dict[str, str] = {}
    patches = [(str(p["metadata"]["name"]), p["patch"]) for p in patchset["patches"]]
    failed = None if passed_over is None else lambda row, why: lost.setdefault(patches[row][0], why)
    try:
        groups = group_patches(workspace, patches, measurement, poi=poi, hold=hold, failed=failed)
    except SpecBuilderError as error:
        raise SpecBuilderError(f"{name}: {error}") from None
    if passed_over is not None:
        for why in lost.values():
            passed_over(f"{name}: {why}")
    if not groups:
        raise SpecBuilderError(f"{name}: no patch is left to scan")
    rows, chunks = _patch_chunks(groups)
    metadata = {
        "schema": "spec_builder/patch_scan/1",
        "version": __version__,
        "workspace_sha256": digest(workspace),
        "patchset_sha256": digest(patchset),
        "description": patchset["metadata"]["description"],
        "measurement": measurement,
        **({} if poi is None else {"poi": poi}),
        **({"held": dict(hold)} if hold else {}),
        **({"passed_over": lost} if lost else {}),
        **_reference(patchset, measurement, groups, held=bool(hold)),
        "reasons": REASON_TEXTS,
    }
    count = len(patches) - len(lost)
    scan = Scan(metadata, [workspace, patchset], chunks, _patch_labels(patchset, rows), count)
    with workers(executor, jobs, preload=SCAN_MODULES) as pool:
        return run_scan(scan, pool, output, report, force=force)


def _patch_chunks(groups: Sequence[PatchGroup]) -> tuple[list[IndexArray], list[Callable[[], ScanChunk]]]:
    """Rows of the patches of each chunk, and its work."""
    rows: list[IndexArray] = []
    chunks: list[Callable[[], ScanChunk]] = []
    for group in groups:
        size = chunk_size(group.likelihood)
        for begin in range(0, len(group.rows), size):
            part = slice(begin, begin + size)
            yields = None if group.yields is None else group.yields[part]
            points = ListedPoints.of(group.likelihood.specification, group.sample, yields)
            chunks.append(lambda points=points: ScanChunk(points))  # type: ignore[misc]
            rows.append(np.array(group.rows[part]))
    return rows, chunks


def _patch_labels(patchset: Mapping[str, Any], rows: Sequence[IndexArray]) -> Labels:
    """Columns that tell the patches of each chunk."""
    names = np.array([str(patch["metadata"]["name"]) for patch in patchset["patches"]])
    values = [patch["metadata"]["values"] for patch in patchset["patches"]]
    labels: Labels = {
        "row": ("<i8", lambda index: rows[index]),
        "patch": (names.dtype.str, lambda index: names[rows[index]]),
    }
    for i, label in enumerate(patchset["metadata"]["labels"]):
        column = np.array([value[i] for value in values])
        labels[label_column(label)] = (column.dtype.str, partial(_take, column, rows))
    return labels


def _as_patch_set(
    workspace: GivenWorkspace, patchset: GivenWorkspace, name: str | None, measurement: str | None
) -> tuple[dict[str, Any], Mapping[str, Any], str]:
    """Contents of a workspace and a patch set; what comes from a file is looked at in full."""
    content, shown = as_workspace(workspace, measurement=measurement)
    check_workspace(content, "standard input" if shown == "-" else shown)
    if isinstance(patchset, str | PathLike):
        check_path("patchset", patchset)
        path = fspath(patchset)
        patches = load_json(path)
        check_patch_set(patches, path)
        return content, patches, name or path
    try:
        _ = patchset["metadata"]["labels"], [(p["metadata"], p["patch"]) for p in patchset["patches"]]
    except (IndexError, KeyError, TypeError):
        check_patch_set(patchset, "patch set")  # says what is wrong with it
        raise
    return content, patchset, name or "patch set"


def _reference(
    patchset: Mapping[str, Any], measurement: str | None, groups: Sequence[PatchGroup], *, held: bool
) -> dict[str, Any]:
    """What Delta chi^2 is against."""
    if len({group.data for group in groups}) > 1:
        return {"delta_chi2": NO_COMPARISON}
    stated = {} if held else _stated_minimum(patchset, measurement)  # with held parameters it is another model's
    return stated or {"delta_chi2": "against the least 2NLL of the scan"}


def _stated_minimum(patchset: Mapping[str, Any], measurement: str | None) -> dict[str, Any]:
    """The minimum over the plane that a patch set of ours states."""
    about = patchset["metadata"]
    try:
        least = float(about["minimum"]["twice_nll"])
    except (KeyError, TypeError, ValueError):
        return {}
    if about.get("measurement") != measurement or not np.isfinite(least):
        return {}
    return {"minimum": about["minimum"], "delta_chi2": "against the minimum that the patch set states"}


@checked
def scan_spectra(
    analysis: GivenAnalysis,
    spectra: RecoilSpectrum | str | PathLike[str] | Sequence[RecoilSpectrum],
    *,
    name: str | None = None,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
    **how: Any,
) -> ScanResult | None:
    """Profile 2NLL at strength 1 of each recoil spectrum, with a column for each of their labels.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        spectra: from :func:`spec_builder.experiments.spectra.read_spectra`, or the path of a table or folder.
        name: what to call them in messages.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.
        how: ``executor``, ``jobs``, ``output``, ``force`` and ``report`` of :func:`scan_patches`.

    Raises:
        SpecBuilderError: if a spectrum gives no events, or as :func:`scan_patches`.
    """
    loaded, tables = as_analysis(analysis, law, variants), as_spectra(spectra)
    patches = build_spectra_patch_set(loaded, tables)
    return scan_patches(loaded.workspace, patches, name=name or "spectra", **how)


def _take(column: Column, rows: Sequence[IndexArray], index: int) -> Column:
    taken: Column = column[rows[index]]
    return taken
