"""Types of the arrays that functions take and return; shapes and units stand in their docstrings."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BoolArray", "Column", "Columns", "FloatArray", "IndexArray"]

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]
#: Of any type, and several of one length by name.
Column = npt.NDArray[Any]
Columns = dict[str, Column]
