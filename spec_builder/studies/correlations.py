"""Correlations of the parameters of a fit, as JSON, CSV, text and a matrix."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.printing import counted
from spec_builder.base.text import Report, Shown
from spec_builder.drawing.matrix import draw_correlations, matrix_height
from spec_builder.studies.pictures import PicturedResult, heading, own_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.model.provenance import Choices

__all__ = ["CorrelationsResult"]

#: Rows of a picture, and of the text.
_DRAWN, _LISTED = 30, 20


@dataclass(frozen=True, repr=False)
class CorrelationsResult(PicturedResult):
    """Correlations of the parameters of a fit at its minimum, from the Hessian.

    Attributes:
        provenance: the choices behind it.
        fitted: the fit that it is about, in a line.
        parameters: names of those that were free, in the order of the model; without those on a bound, and those that
            2NLL does not depend on.
        matrix: shape (N, N), one on the diagonal.
        caveats: which parameters are left out, and why.
    """

    provenance: Choices
    fitted: str
    parameters: tuple[str, ...]
    matrix: FloatArray
    caveats: tuple[str, ...] = ()

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        left_out = len(self.parameters) - self._shown.size
        rest = f" {counted(left_out, 'parameter')} with the weakest ones left out." if left_out else ""
        return (
            "Correlations at the minimum, from the Hessian; columns have the numbers of the rows. Without numbers, "
            f"negative ones are hatched.{rest}"
        )

    @property
    def drawn_height(self) -> float:
        """Height of a figure of it [in]."""
        return matrix_height(self._shown.size)

    @property
    def _shown(self) -> IndexArray:
        """Places of the parameters that are drawn: all, or those with the strongest correlation to another."""
        others = np.abs(self.matrix) - np.eye(len(self.matrix))
        strongest = np.argsort(-others.max(axis=1), kind="stable")[:_DRAWN]
        return np.sort(strongest)

    def plot(self, ax: Axes | None = None) -> Axes:
        """The correlations as a matrix; of many parameters those with the strongest.

        Args:
            ax: axes to draw into; new ones if there are none.
        """
        panel, about, shown = own_axes(ax, self.drawn_height), self.provenance, self._shown
        draw_correlations(panel, [self.parameters[i] for i in shown], self.matrix[np.ix_(shown, shown)])
        panel.set_title(heading(about.at(None)), loc="right")
        return panel

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return self.provenance.to_dict() | {
            "schema": "spec_builder/correlations/1",
            "fit": self.fitted,
            "parameters": list(self.parameters),
            "matrix": self.matrix.tolist(),
            "caveats": list(self.caveats),
        }

    def report(self) -> Report:
        """Each pair of parameters once, the strongest correlation first; people see the first twenty."""
        pairs = sorted(itertools.combinations(range(len(self.parameters)), 2), key=lambda pair: -abs(self.matrix[pair]))
        columns: dict[str, Any] = {
            "parameter": [self.parameters[i] for i, _ in pairs],
            "other": [self.parameters[j] for _, j in pairs],
            "correlation": [float(self.matrix[pair]) for pair in pairs],
        }
        rows = tuple((self.parameters[i], self.parameters[j], f"{self.matrix[i, j]:+.3f}") for i, j in pairs[:_LISTED])
        weaker = len(pairs) - len(rows)
        if weaker:
            rows += ((counted(weaker, "weaker pair"), "", ""),)
        return Report(
            f"Correlations of {counted(len(self.parameters), 'parameter')} of a fit, {self.provenance.analysis}",
            {"fit": self.fitted} | self.provenance.rows(),
            columns,
            Shown(("parameter", "other", "correlation"), rows) if rows else Shown((), ()),
            {"errors": "; ".join(self.caveats)} if self.caveats else {},
        )
