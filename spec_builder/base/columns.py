"""Columnar files, written piece by piece."""

from __future__ import annotations

import json
import zipfile
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.cells import csv_line, header_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from spec_builder.base.arrays import Column

    Columns = Mapping[str, tuple[str, Callable[[], Iterator[Column]]]]

__all__ = ["columns_content", "in_one_piece"]


def in_one_piece(arrays: Mapping[str, Column]) -> dict[str, tuple[str, Callable[[], Iterator[Column]]]]:
    """Arrays in memory, as :func:`columns_content` takes columns."""
    return {name: (array.dtype.str, partial(iter, [array])) for name, array in arrays.items()}


def columns_content(suffix: str, columns: Columns, count: int, metadata: Mapping[str, Any]) -> Callable[[Path], None]:
    """What writes a columnar file, piece by piece, to the path that it is given.

    Args:
        suffix: ``.npz`` for numpy, ``.parquet`` for tables, ``.csv`` for everything else. The same content gives the
            same bytes.
        columns: by name, the numpy type and a function that iterates over the pieces.
        count: rows.
        metadata: JSON content: the array ``metadata`` of an NPZ file, ``# key: value`` lines of a CSV file, the entry
            ``spec_builder`` of a Parquet file's own metadata.
    """
    text = json.dumps(metadata, sort_keys=True, ensure_ascii=False)

    def as_npz(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name, (kind, pieces) in columns.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                    header = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": (count,)}
                    np.lib.format.write_array_header_1_0(member, header)
                    for piece in pieces():
                        member.write(np.ascontiguousarray(piece, dtype=kind).tobytes())
            with archive.open(zipfile.ZipInfo("metadata.npy"), "w") as member:
                np.lib.format.write_array(member, np.array(text), allow_pickle=False)

    def as_csv(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{header_line(key, json.dumps(value))}\n" for key, value in sorted(metadata.items()))
            file.write(csv_line(columns) + "\n")
            for rows in zip(*(pieces() for _, pieces in columns.values()), strict=True):
                lists = [np.asarray(piece).tolist() for piece in rows]
                file.writelines(csv_line(row) + "\n" for row in zip(*lists, strict=True))

    def as_parquet(temporary: Path) -> None:
        _write_parquet(temporary, columns, text)

    return {".npz": as_npz, ".csv": as_csv, ".parquet": as_parquet}[suffix]


def _write_parquet(path: Path, columns: Columns, metadata: str) -> None:
    """A group of rows for each piece."""
    import pyarrow as pa  # noqa: PLC0415  # an extra
    from pyarrow import parquet  # noqa: PLC0415

    kinds = {name: np.dtype(kind) for name, (kind, _) in columns.items()}
    fields = [(name, pa.string() if kind.kind == "U" else pa.from_numpy_dtype(kind)) for name, kind in kinds.items()]
    schema = pa.schema(fields, metadata={"spec_builder": metadata})
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in zip(*(pieces() for _, pieces in columns.values()), strict=True):
            arrays = [np.asarray(piece, kind) for piece, kind in zip(rows, kinds.values(), strict=True)]
            writer.write_batch(pa.record_batch([pa.array(array) for array in arrays], schema=schema))
