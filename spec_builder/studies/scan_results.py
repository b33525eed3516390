"""A scan in memory: its columns, its picture and its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import unknown_name
from spec_builder.base.text import Report, Result, Shown
from spec_builder.drawing.curves import draw_profile, mass_coupling_axes
from spec_builder.drawing.style import axis_label, display_name, line_of, plain
from spec_builder.inference.profile import threshold
from spec_builder.studies.pictures import own_axes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import Column

__all__ = ["ScanResult"]

#: Delta chi^2 up to which a scan is drawn, and the level of its contours.
_SHOWN_HEIGHT, _DRAWN_LEVEL = 9.0, 0.9
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
