"""Columnar files, written piece by piece."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from spec_builder.base.arrays import Column

__all__ = ["check_suffix", "write_columns"]


def write_columns(
    path: Path,
    columns: Mapping[str, tuple[str, Callable[[], Iterator[Column]]]],
    count: int,
    metadata: Mapping[str, Any],
    *,
    force: bool = False,
) -> None:
    """Write a columnar file piece by piece: ``.npz`` for numpy, ``.csv`` for everything else.

    Args:
        path: the file; the same content gives the same bytes.
        columns: by name, the numpy type and a function that iterates over the pieces.
        count: rows.
        metadata: JSON content: the array ``metadata`` of an NPZ file, ``# key: value`` lines of a CSV file.
        force: replace a file that exists.

    Raises:
        SpecBuilderError: for another suffix, or a file that exists and no ``force``.
    """
    check_suffix(path)
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
            file.writelines(f"# {key}: {json.dumps(value)}\n" for key, value in sorted(metadata.items()))
            file.write(",".join(map(_cell, columns)) + "\n")
            for rows in zip(*(pieces() for _, pieces in columns.values()), strict=True):
                lists = [np.asarray(piece).tolist() for piece in rows]
                file.writelines(",".join(_cell(value) for value in row) + "\n" for row in zip(*lists, strict=True))

    write_bytes(path, as_npz if path.suffix == ".npz" else as_csv, force=force)


def check_suffix(path: Path) -> None:
    """Refuse a scan's output of unknown kind.

    Raises:
        SpecBuilderError: unless the name ends in ``.npz`` or ``.csv``.
    """
    if path.suffix not in (".npz", ".csv"):
        raise SpecBuilderError(f"{path}: expected a name that ends in .npz or .csv")


def _cell(value: float | bool | str) -> str:
    if isinstance(value, str) and any(special in value for special in ',"\r\n'):
        return '"' + value.replace('"', '""') + '"'
    return str(int(value)) if isinstance(value, bool) else str(value)
