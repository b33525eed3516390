"""A scan of 18 000 points, and readers of scans."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.studies.scans import scan_analysis

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from spec_builder.studies.scan_results import ScanResult

    Column = np.ndarray[Any, np.dtype[Any]]

MASSES = np.geomspace(0.01, 1000, 90)
COUPLINGS = np.geomspace(3e-6, 4e-3, 200)


def scan_vector(law: str = "normsys", **how: Any) -> ScanResult | None:
    """18 000 points, three chunks, of the universal vector in XENONnT."""
    return scan_analysis(load_analysis("xenonnt", law), choose("vector_universal"), MASSES, COUPLINGS, **how)


def run(executor: Executor | None = None, **how: Any) -> ScanResult:
    """The same, in memory."""
    result = scan_vector(executor=executor, **how)
    assert result is not None
    return result


def same(one: ScanResult, other: ScanResult) -> bool:
    """Bit by bit."""
    assert one.metadata == other.metadata
    assert list(one.columns) == list(other.columns)
    return all(column.tobytes() == other.columns[name].tobytes() for name, column in one.columns.items())


def read_npz(path: Path) -> tuple[dict[str, Any], dict[str, Column]]:
    with np.load(path) as archive:
        columns = {name: archive[name] for name in archive.files}
    return json.loads(str(columns.pop("metadata"))), columns


def read_csv(path: Path) -> tuple[dict[str, Any], dict[str, list[str]]]:
    lines = path.read_text("utf-8").splitlines()
    metadata = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    names, *rows = [line.split(",") for line in lines[len(metadata) :]]
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return {key: json.loads(value) for key, value in metadata.items()}, columns


def chunk_files(output: Path) -> dict[str, tuple[int, int]]:
    """Which file a chunk is and when it was written."""
    found = {}
    for path in sorted(output.with_name(output.name + ".parts").glob("chunk-*.npz")):
        about = path.stat()
        found[path.name] = (about.st_ino, about.st_mtime_ns)
    return found
