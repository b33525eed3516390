"""Columnar files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.columns import columns_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Columns = dict[str, np.ndarray[Any, np.dtype[Any]]]

# ---------------------------------------------------------------- columnar files


def pieces(*arrays: list[Any]) -> Callable[[], Iterator[np.ndarray[Any, np.dtype[Any]]]]:
    return lambda: (np.array(array) for array in arrays)


TABLE: dict[str, tuple[str, Callable[[], Iterator[np.ndarray[Any, np.dtype[Any]]]]]] = {
    "patch": ("<U3", pieces(["a", "bcd"], ["e"])),
    "g": ("<f8", pieces([0.1, 1e-300], [float("inf")])),
    "count": ("<i8", pieces([1, 2], [3])),
    "valid": ("?", pieces([True, False], [True])),
}


def test_npz_and_csv_hold_the_same(tmp_path: Path) -> None:
    metadata = {"law": "linear", "masses": [1.0, 2.5], "note": "µ, ≥ 0"}
    for suffix in ("npz", "csv"):
        columns_content(f".{suffix}", TABLE, 3, metadata)(tmp_path / f"scan.{suffix}")
    with np.load(tmp_path / "scan.npz") as archive:
        assert json.loads(str(archive["metadata"])) == metadata
        columns = {name: archive[name].tolist() for name in archive.files if name != "metadata"}
    assert columns == {
        "patch": ["a", "bcd", "e"],
        "g": [0.1, 1e-300, float("inf")],
        "count": [1, 2, 3],
        "valid": [True, False, True],
    }
    lines = (tmp_path / "scan.csv").read_text("utf-8").splitlines()
    header = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    assert {key: json.loads(value) for key, value in header.items()} == metadata
    assert lines[len(header) :] == ["patch,g,count,valid", "a,0.1,1,1", "bcd,1e-300,2,0", "e,inf,3,1"]


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_the_same_columns_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        columns_content(f".{suffix}", TABLE, 3, {"b": 1, "a": 2})(tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()


def test_parquet_holds_columns_and_metadata(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    metadata = {"law": "linear", "names": ["Δ", "b"]}
    columns_content(".parquet", TABLE, 3, metadata)(tmp_path / "scan.parquet")
    table = parquet.read_table(tmp_path / "scan.parquet")
    assert table.num_rows == 3
    assert table.column_names == list(TABLE)
    for name, (_, pieces) in TABLE.items():
        assert table[name].to_pylist() == np.concatenate(list(pieces())).tolist()
    assert json.loads(table.schema.metadata[b"spec_builder"]) == metadata
