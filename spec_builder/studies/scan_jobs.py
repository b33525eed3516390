"""Scans as chunks of work, whose results go to memory or piece by piece into a columnar file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.chunks import FileStore, MemoryStore, chunk_folder, compute_chunks
from spec_builder.base.columns import columns_content, in_one_piece
from spec_builder.base.files import refuse_existing, write_bytes
from spec_builder.base.saving import check_form
from spec_builder.inference.compiled import engine_name
from spec_builder.inference.minima import REASONS
from spec_builder.studies.scan_results import ScanResult

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Iterator, Sequence
    from os import PathLike

    from spec_builder.base.arrays import Column, Columns
    from spec_builder.base.chunks import Store
    from spec_builder.base.progress import Parts
    from spec_builder.inference.points import ListedPoints

    #: Columns that tell the rows apart, by name: their type, and the values of a chunk's rows.
    Labels = dict[str, tuple[str, Callable[[int], Column]]]
    #: Columns of a scan, by name: their type, and the pieces that they consist of.
    Pieces = dict[str, tuple[str, Callable[[], Iterator[Column]]]]

__all__ = [
    "NO_COMPARISON",
    "REASON_TEXTS",
    "SCAN_MODULES",
    "Scan",
    "ScanChunk",
    "check_scan_output",
    "label_column",
    "run_scan",
]

#: What worker processes need.
SCAN_MODULES = ("spec_builder.inference.points", "spec_builder.studies.scan_jobs")
#: Suffixes of a scan's file.
_FORMS = (".npz", ".csv", ".parquet")
#: Types of columns that are no floating-point numbers.
_KINDS = {"valid": "?", "reason": "i1", "at_bound": "?"}
#: Instead of a column ``delta_chi2``.
NO_COMPARISON = "none: the patches' models have different data (channels, counts or auxiliary data)"
#: Which engine minimised: beside the columns of a chunk, and in the metadata.
_ENGINE = "engine"
#: What of the metadata hangs on the last digits of computed numbers; the inputs stand for the digests.
_COMPUTED = ("minimum", "workspace_sha256", "patchset_sha256")
#: Why a row is not valid, by what stands in the column ``reason``.
REASON_TEXTS = {str(number): text for number, text in enumerate(REASONS)}
#: Columns of a scan, beside those that begin with ``theta_``, and what is kept beside them.
_OWN_COLUMNS = ("row", "patch", "delta_chi2", "twice_nll", "edm", "valid", "reason", "at_bound", "metadata")


@dataclass(frozen=True)
class ScanChunk:
    """The work of a chunk, and which engine did it: an array of one name, beside the columns."""

    points: ListedPoints

    def compute(self) -> Columns:
        """Minimise at every point."""
        return self.points.compute() | {_ENGINE: np.array([engine_name()])}


@dataclass(frozen=True)
class Scan:
    """Chunks to compute, and how to tell their rows.

    Attributes:
        metadata: the choices behind it, JSON content.
        inputs: content of the workspace, and of the patch set.
        chunks: the work.
        labels: what tells the rows apart.
        count: of the rows.
    """

    metadata: dict[str, Any]
    inputs: Any
    chunks: Sequence[Callable[[], ScanChunk]]
    labels: Labels
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
        check_form(path, _FORMS)
        refuse_existing(path, force=force or chunk_folder(path).exists())


def label_column(label: str) -> str:
    """The column of a patch set's label, never one that the scan has of its own."""
    taken = label in _OWN_COLUMNS or label.startswith(("theta_", "label_"))
    return f"label_{label}" if taken else label


def run_scan(
    scan: Scan,
    executor: concurrent.futures.Executor | None,
    output: str | PathLike[str] | None,
    report: Parts,
    *,
    force: bool,
) -> ScanResult | None:
    """Compute the chunks of a scan that are not there yet.

    Args:
        scan: what to compute.
        executor: who computes; None for this process.
        output: the file to write, beside which finished chunks are kept until then; None for a scan in memory.
        report: told how many chunks are done, and of how many.
        force: replace a file that exists.

    Returns:
        The scan if no ``output`` is given.

    Raises:
        SpecBuilderError: for a file that exists, or a chunk that is not this scan's.
    """
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
        columns = in_one_piece(_whole_columns(columns))
    write = columns_content(path.suffix.lower(), columns, scan.count, _header(scan, store))
    store.finish(lambda draft: write_bytes(draft, write, force=True), force=force)
    return None


def _check_chunk(scan: Scan, store: FileStore, index: int) -> None:
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


def _header(scan: Scan, store: Store) -> dict[str, Any]:
    """The metadata, with the engine: a scan may go on on another one."""
    engines = {str(name) for index in range(len(scan.chunks)) for name in store.load(index, _ENGINE)}
    return scan.metadata | {_ENGINE: " and ".join(sorted(engines))}


def _whole_columns(columns: Pieces) -> dict[str, Column]:
    """All rows of every column; those of a patch set in its own order."""
    whole = {name: np.concatenate(list(pieces())) for name, (_, pieces) in columns.items()}
    if "row" not in whole:
        return whole
    order = np.argsort(whole.pop("row"))
    return {name: column[order] for name, column in whole.items()}


def _columns(scan: Scan, store: Store) -> Pieces:
    """Type and pieces of every column, read chunk by chunk."""
    indices = range(len(scan.chunks))
    names = list(dict.fromkeys(name for index in indices for name in store.names(index) if name != _ENGINE))
    comparable = scan.metadata["delta_chi2"] != NO_COMPARISON
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

    columns: Pieces = {name: (kind, partial(label, values)) for name, (kind, values) in scan.labels.items()}
    if comparable:
        columns["delta_chi2"] = ("<f8", lambda: (piece - least for piece in stored("twice_nll")))
    for name in names:
        columns[name] = (_KINDS.get(name, "<f8"), partial(stored, name))
    return columns
