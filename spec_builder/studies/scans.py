"""Grid scans of an analysis, and scans of anybody's patch set, into columnar files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import check_path, checked
from spec_builder.base.chunks import FileStore, MemoryStore, chunk_folder, compute_chunks
from spec_builder.base.columns import check_suffix, write_columns
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import workers
from spec_builder.base.files import digest, load_json, refuse_existing
from spec_builder.base.grids import json_mass
from spec_builder.base.names import unknown_name
from spec_builder.base.progress import Parts, silent
from spec_builder.base.text import Report, Result, Shown
from spec_builder.base.version import __version__
from spec_builder.drawing.curves import draw_profile, mass_coupling_axes
from spec_builder.drawing.style import axis_label, display_name, line_of, plain
from spec_builder.histfactory.checks import check_workspace
from spec_builder.histfactory.patchset import check_digest, check_labels, check_patch_set
from spec_builder.inference.compiled import engine_name
from spec_builder.inference.exclusion import exclude, plane_minimum
from spec_builder.inference.newton import REASONS
from spec_builder.inference.patches import group_patches
from spec_builder.inference.points import GridPoints, ListedPoints, chunk_size
from spec_builder.inference.profile import threshold
from spec_builder.model.given import (
    as_analysis,
    as_choice,
    as_couplings,
    as_masses,
    as_spectra,
    as_workspace,
    mass_axis,
)
from spec_builder.model.provenance import Choices, range_text
from spec_builder.model.signal import check_change
from spec_builder.model.spectrum_patches import build_spectra_patch_set
from spec_builder.model.workspace import NEW_PHYSICS
from spec_builder.studies.pictures import own_axes
from spec_builder.studies.plane import parameter_grid

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import Column, Columns, FloatArray, IndexArray
    from spec_builder.base.chunks import Store
    from spec_builder.base.grids import Numbers
    from spec_builder.experiments.spectra import RecoilSpectrum
    from spec_builder.inference.data import Problem
    from spec_builder.inference.patches import PatchGroup
    from spec_builder.inference.plane import Minimum
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.given import GivenAnalysis, GivenWorkspace
    from spec_builder.physics.choices import Choice

__all__ = [
    "ScanResult",
    "check_scan_output",
    "default_couplings",
    "scan_analysis",
    "scan_patches",
    "scan_spectra",
]

#: Masses, and couplings, that are not asked for otherwise.
_POINTS = 121
#: Masses at most at which it is asked what is excluded, to know where couplings should lie.
_FEW_MASSES = 9
#: Delta chi^2 up to which a scan is drawn, and the level of its contours.
_SHOWN_HEIGHT, _DRAWN_LEVEL = 9.0, 0.9
#: What worker processes need.
_MODULES = ("spec_builder.studies.scans",)
#: Points of a scan.
MOST_POINTS = 100_000_000
_KINDS = {"valid": "?", "reason": "i1", "at_bound": "?"}
#: Instead of a column ``delta_chi2``.
_NO_COMPARISON = "none: the patches' models have different data (channels, counts or auxiliary data)"
#: Which engine minimised: beside the columns of a chunk, and in the metadata.
_ENGINE = "engine"
#: What of the metadata hangs on the last digits of computed numbers; the inputs stand for the digests.
_COMPUTED = ("minimum", "workspace_sha256", "patchset_sha256")
_REASONS = {str(number): text for number, text in enumerate(REASONS)}
#: Columns of a scan, beside those that begin with ``theta_``, and what is kept beside them.
_OWN_COLUMNS = ("row", "patch", "delta_chi2", "twice_nll", "edm", "valid", "reason", "at_bound", "metadata")
#: What a result's facts leave out of the metadata: what stands in its title, its columns or in no text.
_NOT_SHOWN = (
    *("schema", "analysis", "interaction", "description", "statuses", "masses_MeV", "couplings", "minimum"),
    *("delta_chi2", "reasons", "workspace_sha256", "patchset_sha256"),
)


@dataclass(frozen=True, repr=False)
class ScanResult(Result):
    """A scan in memory.

    Attributes:
        metadata: the choices behind it, JSON content.
        columns: by name, each of shape (N,): ``mass_MeV``, ``g`` (or ``patch``), ``twice_nll``, ``delta_chi2``,
            ``edm``, ``valid``, ``reason`` (0, or why the row is not valid, by its number in the metadata),
            ``at_bound`` and ``theta_<parameter>`` for every parameter.
    """

    metadata: Mapping[str, Any]
    columns: Mapping[str, Column]

    def __getitem__(self, name: str) -> Column:
        """A column by its name.

        Raises:
            SpecBuilderError: naming those there are.
        """
        if name not in self.columns:
            raise unknown_name("column", name, self.columns)
        return self.columns[name]

    @property
    def delta_chi2(self) -> Column:
        """2NLL less the minimum, shape (N,)."""
        return self["delta_chi2"]

    @property
    def valid(self) -> Column:
        """Whether the fit of each row converged, shape (N,)."""
        return self["valid"]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Delta chi^2 of a grid: colours up to 9 over the plane, with the contours of 90 % CL; a curve without a mass.

        Args:
            ax: axes to draw into; new ones if there are none.

        Raises:
            SpecBuilderError: for a scan of patches or spectra, which is no grid, and for fewer than two values.
        """
        values = self.metadata.get("couplings") or ()
        if len(values) < 2:
            raise SpecBuilderError("this scan is no grid of couplings: there is nothing to draw")
        masses = self.metadata["masses_MeV"]
        label = axis_label(next(name for name in self.columns if name != "mass_MeV"))
        order, g = np.argsort(values), np.sort(values)
        panel = own_axes(ax)
        panel.set_title(f"{display_name(self.metadata['analysis'])}: {plain(self.metadata['interaction'])}")
        heights = np.asarray(self.delta_chi2, dtype=np.float64).reshape(-1, len(values))[:, order]
        if masses is None or len(masses) < 2:
            draw_profile(panel, g, heights[0], line=line_of(self.metadata["analysis"]))
            panel.set(xlabel=label, ylim=(0, _SHOWN_HEIGHT), xscale="log" if g[0] > 0 else "linear")
            return panel
        mass, rows = np.sort(masses), heights[np.argsort(masses)]
        mass_coupling_axes(panel, mass, label, (g[0], g[-1]))
        mesh = panel.pcolormesh(
            mass, g, rows.T, vmin=0, vmax=_SHOWN_HEIGHT, cmap="viridis", shading="nearest", rasterized=True
        )
        panel.contour(mass, g, rows.T, [threshold(_DRAWN_LEVEL, dof) for dof in (1, 2)], colors="white", linewidths=1.0)
        panel.figure.colorbar(mesh, ax=panel, label=r"$\Delta\chi^2$", extend="max")
        return panel

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON: metadata and columns; numbers that are not finite are None."""
        return dict(self.metadata) | {"columns": {name: _plain(column) for name, column in self.columns.items()}}

    def report(self) -> Report:
        """What was scanned; people see the first and the last rows."""
        about = self.metadata
        what = about.get("description") or f"{about['analysis']}: interaction {about['interaction']}"
        return Report(f"Scan of {what}", self._facts(), self.columns, Shown(tuple(self.columns), tuple(self._ends())))

    def _facts(self) -> dict[str, str]:
        valid, twice_nll = self.columns["valid"], self.columns["twice_nll"]
        best = int(np.argmin(twice_nll))
        wrong, at_bound = int(np.sum(~valid)), int(np.sum(self.columns["at_bound"]))
        state = f"{wrong} not valid" if wrong else "all valid"
        facts = {
            "points": f"{valid.size}, {state}, {at_bound or 'none'} at a bound",
            "least 2NLL": f"{twice_nll[best]:.9f} in row {best}",
            "delta_chi2": self.metadata["delta_chi2"],
        }
        for key, value in self.metadata.items():
            if value and key not in _NOT_SHOWN:
                facts[key] = "; ".join(value) if key == "notes" else str(value)
        return facts

    def _ends(self) -> list[tuple[str, ...]]:
        """The first and the last rows."""
        count = len(self.columns["valid"])
        rows = [*range(min(3, count)), *range(max(3, count - 3), count)]
        return [tuple(_shown(column[row]) for column in self.columns.values()) for row in rows]


def _plain(column: Column) -> list[Any]:
    """A column for JSON."""
    if column.dtype.kind == "f":
        return [value if np.isfinite(value) else None for value in column.tolist()]
    values: list[Any] = column.tolist()
    return values


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


@dataclass(frozen=True)
class _Points:
    """The work of a chunk, and which engine did it: an array of one name, beside the columns."""

    points: ListedPoints

    def compute(self) -> Columns:
        return self.points.compute() | {_ENGINE: np.array([engine_name()])}


@dataclass(frozen=True)
class _Scan:
    """Chunks to compute, and how to tell their rows."""

    metadata: dict[str, Any]
    inputs: Any  # content of the workspace, and of the patch set
    chunks: Sequence[Callable[[], _Points]]
    labels: Mapping[str, tuple[str, Callable[[int], Column]]]  # type and values of a chunk's rows
    count: int

    @property
    def job(self) -> str:
        """What makes this scan this scan: its choices and inputs, to as many digits as all processors agree on."""
        chosen = {key: value for key, value in self.metadata.items() if key not in _COMPUTED}
        identity = _rounded([chosen, self.inputs])
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _rounded(content: Any) -> Any:
    """JSON content with its numbers to ten significant digits: the last ones differ between processors."""
    if isinstance(content, float):
        return float(f"{content:.9e}")
    if isinstance(content, Mapping):
        return {key: _rounded(value) for key, value in content.items() if key != "digests"}
    if isinstance(content, list | tuple):
        return [_rounded(value) for value in content]
    return content


def _grid_scan(analysis: Analysis, choice: Choice, masses: FloatArray | None, couplings: FloatArray) -> _Scan:
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
        "reasons": _REASONS,
    }
    labels: dict[str, tuple[str, Callable[[int], Column]]] = {}
    if choice.has_mediator:
        labels["mass_MeV"] = ("<f8", lambda index: axis[points.places(index)[0]])
    labels[choice.parameter] = ("<f8", lambda index: couplings[points.places(index)[1]])
    chunks = [lambda index=index: _Points(points.chunk(index)) for index in range(points.chunks)]
    return _Scan(metadata, analysis.workspace, chunks, labels, len(points))


def _reference(analysis: Analysis, choice: Choice, problem: Problem, axis: FloatArray) -> tuple[Minimum, str]:
    """The minimum that a scan's Delta chi^2 is against, and its domain in words."""
    domain = choice.parameter if choice.signed else f"{choice.parameter} >= 0"
    if choice.has_mediator:
        return plane_minimum(problem, analysis.masses_MeV), f"{range_text(analysis.masses_MeV)} and {domain}"
    return exclude(problem, axis, dof=1).minimum, domain


def check_scan_output(output: str | PathLike[str] | None, *, force: bool) -> None:
    """Refuse a file that a scan cannot write, before anything is computed.

    A file beside which there are chunks may be that of a scan that was killed at its very end: this is seen later.

    Args:
        output: the file; None for a scan in memory.
        force: replace a file that exists.

    Raises:
        SpecBuilderError: for a suffix that no scan has, or a file that exists.
    """
    if output is not None:
        path = Path(output)
        check_suffix(path)
        refuse_existing(path, force=force or chunk_folder(path).exists())


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
    with workers(executor, jobs, preload=_MODULES) as pool:
        return _run(scan, pool, output, report, force=force)


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
        jobs: worker processes in the place of an executor; see :func:`scan_analysis`.
        output: an ``.npz``, ``.csv`` or ``.parquet`` file; see :func:`scan_analysis`.
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
        "delta_chi2": "against the least 2NLL of the scan",
        **({} if poi is None else {"poi": poi}),
        **({"held": dict(hold)} if hold else {}),
        **({"passed_over": lost} if lost else {}),
        **({} if hold else _stated_minimum(patchset, measurement)),  # with held parameters it is another model's
        "reasons": _REASONS,
    }
    if len({group.data for group in groups}) > 1:
        metadata |= {"delta_chi2": _NO_COMPARISON}
        metadata.pop("minimum", None)
    count = len(patches) - len(lost)
    scan = _Scan(metadata, [workspace, patchset], chunks, _patch_labels(patchset, rows), count)
    with workers(executor, jobs, preload=_MODULES) as pool:
        return _run(scan, pool, output, report, force=force)


def _patch_chunks(groups: Sequence[PatchGroup]) -> tuple[list[IndexArray], list[Callable[[], _Points]]]:
    """Rows of the patches of each chunk, and its work."""
    rows: list[IndexArray] = []
    chunks: list[Callable[[], _Points]] = []
    for group in groups:
        size = chunk_size(group.likelihood)
        for begin in range(0, len(group.rows), size):
            part = slice(begin, begin + size)
            yields = None if group.yields is None else group.yields[part]
            points = ListedPoints.of(group.likelihood.specification, group.sample, yields)
            chunks.append(lambda points=points: _Points(points))  # type: ignore[misc]
            rows.append(np.array(group.rows[part]))
    return rows, chunks


def _patch_labels(
    patchset: Mapping[str, Any], rows: Sequence[IndexArray]
) -> dict[str, tuple[str, Callable[[int], Column]]]:
    """Columns that tell the patches of each chunk."""
    names = np.array([str(patch["metadata"]["name"]) for patch in patchset["patches"]])
    values = [patch["metadata"]["values"] for patch in patchset["patches"]]
    labels: dict[str, tuple[str, Callable[[int], Column]]] = {
        "row": ("<i8", lambda index: rows[index]),
        "patch": (names.dtype.str, lambda index: names[rows[index]]),
    }
    for i, label in enumerate(patchset["metadata"]["labels"]):
        column = np.array([value[i] for value in values])
        labels[_label_column(label)] = (column.dtype.str, partial(_take, column, rows))
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


def _label_column(label: str) -> str:
    """The column of a patch set's label, never one that the scan has of its own."""
    taken = label in _OWN_COLUMNS or label.startswith(("theta_", "label_"))
    return f"label_{label}" if taken else label


def _take(column: Column, rows: Sequence[IndexArray], index: int) -> Column:
    taken: Column = column[rows[index]]
    return taken


def _run(
    scan: _Scan,
    executor: concurrent.futures.Executor | None,
    output: str | PathLike[str] | None,
    report: Parts,
    *,
    force: bool,
) -> ScanResult | None:
    if output is None:
        memory = MemoryStore()
        compute_chunks(scan.chunks, memory, executor=executor, report=report)
        return ScanResult(_header(scan, memory), _whole_columns(_columns(scan, memory)))
    path = Path(output)
    store = FileStore(path, scan.job)
    if store.finished:  # by a run that was killed before it had tidied up
        store.remove()
        return None
    refuse_existing(path, force=force)
    for index in range(len(scan.chunks)):
        if index in store:
            _check_chunk(scan, store, index)
    compute_chunks(scan.chunks, store, executor=executor, report=report)
    columns = _columns(scan, store)
    if "row" in columns:  # the patches of a set fit into memory, and their order is wanted back
        content = _whole_columns(columns)
        columns = {name: (column.dtype.str, partial(_whole, column)) for name, column in content.items()}
    store.finish(lambda draft: write_columns(draft, columns, scan.count, _header(scan, store), force=True), force=force)
    return None


def _check_chunk(scan: _Scan, store: FileStore, index: int) -> None:
    """Refuse a chunk that another run left, and that has not this scan's columns, a number for each of its points.

    Raises:
        SpecBuilderError: naming its file.
    """
    _, of_chunk = next(iter(scan.labels.values()))
    wanted = (len(of_chunk(index)),)
    names = set(store.names(index))
    columns = names - {_ENGINE}
    known = all(name in _OWN_COLUMNS or name.startswith("theta_") for name in columns)
    if not known or not {_ENGINE, "twice_nll", *_KINDS} <= names:
        raise store.strange(index)
    if any(store.load(index, name).shape != wanted for name in columns):
        raise store.strange(index)


def _header(scan: _Scan, store: Store) -> dict[str, Any]:
    """The metadata, with the engine: a scan may go on on another one."""
    engines = {str(name) for index in range(len(scan.chunks)) for name in store.load(index, _ENGINE)}
    return scan.metadata | {_ENGINE: " and ".join(sorted(engines))}


def _whole_columns(columns: Mapping[str, tuple[str, Callable[[], Iterator[Column]]]]) -> dict[str, Column]:
    return _in_order({name: np.concatenate(list(pieces())) for name, (_, pieces) in columns.items()})


def _whole(column: Column) -> Iterator[Column]:
    yield column


def _in_order(columns: dict[str, Column]) -> dict[str, Column]:
    """Rows of a patch set in its own order."""
    if "row" not in columns:
        return columns
    order = np.argsort(columns.pop("row"))
    return {name: column[order] for name, column in columns.items()}


def _columns(scan: _Scan, store: Store) -> dict[str, tuple[str, Callable[[], Iterator[Column]]]]:
    """Type and pieces of every column, read chunk by chunk."""
    indices = range(len(scan.chunks))
    names = list(dict.fromkeys(name for index in indices for name in store.names(index) if name != _ENGINE))
    comparable = scan.metadata["delta_chi2"] != _NO_COMPARISON
    if "minimum" in scan.metadata:
        least = float(scan.metadata["minimum"]["twice_nll"])
    else:
        least = min(float(np.min(store.load(index, "twice_nll"))) for index in indices)

    def label(values: Callable[[int], Column]) -> Iterator[Column]:
        return (values(index) for index in indices)

    def stored(name: str) -> Iterator[Column]:
        for index in indices:
            if name in store.names(index):
                yield store.load(index, name)
            else:  # a parameter that only some patches have
                yield np.full(store.load(index, "twice_nll").shape, np.nan)

    columns: dict[str, tuple[str, Callable[[], Iterator[Column]]]] = {
        name: (kind, partial(label, values)) for name, (kind, values) in scan.labels.items()
    }
    if comparable:
        columns["delta_chi2"] = ("<f8", lambda: (piece - least for piece in stored("twice_nll")))
    for name in names:
        columns[name] = (_KINDS.get(name, "<f8"), partial(stored, name))
    return columns
