"""Columnar files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.columns import write_columns
from spec_builder.base.errors import SpecBuilderError

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
        write_columns(tmp_path / f"scan.{suffix}", TABLE, 3, metadata)
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
        write_columns(tmp_path / f"{name}.{suffix}", TABLE, 3, {"b": 1, "a": 2})
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()


@pytest.mark.parametrize("name", ["scan", "scan.txt", "scan.npz.gz", "npz"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecBuilderError, match=rf"{name}: expected a name that ends in \.npz, \.csv or \.parquet"):
        write_columns(tmp_path / name, TABLE, 3, {})
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_pyarrow_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(
        SpecBuilderError, match=r"scan\.parquet: \.parquet needs pyarrow: pip install 'spec_builder\["
    ) as e:
        write_columns(tmp_path / "scan.parquet", TABLE, 3, {})
    assert "\n" not in str(e.value)


def test_parquet_holds_columns_and_metadata(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_columns(tmp_path / "scan.parquet", TABLE, 3, {"law": "linear", "names": ["Δ", "b"]})
    table = parquet.read_table(tmp_path / "scan.parquet")
    assert table.num_rows == 3
    assert table.column_names == list(TABLE)
    for name, (_, pieces) in TABLE.items():
        assert table[name].to_pylist() == np.concatenate(list(pieces())).tolist()
    assert json.loads(table.schema.metadata[b"spec_builder"]) == {"law": "linear", "names": ["Δ", "b"]}


def test_nothing_that_exists_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "scan.csv").write_text("mine", "utf-8")
    with pytest.raises(SpecBuilderError, match=r"scan\.csv: exists already"):
        write_columns(tmp_path / "scan.csv", TABLE, 3, {})
    assert (tmp_path / "scan.csv").read_text("utf-8") == "mine"
    write_columns(tmp_path / "scan.csv", TABLE, 3, {}, force=True)
    assert (tmp_path / "scan.csv").read_text("utf-8").startswith("patch,g")
