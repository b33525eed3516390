"""Existing bounds on the mediators of Fig. 5: one small table for each curve, and a list of those without numbers.

Tables lie in ``<folder>/<interaction>/<name>.csv``; the project's own in ``data/comparison/bounds``, a user's in any
folder of the same layout.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from spec_builder.base.arguments import check_path
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.base.names import shown, unknown_name
from spec_builder.base.tables import packaged_table, read_table
from spec_builder.paper.curves import CURVE, Bound, bound_of_limits, read_limits, within_reach
from spec_builder.studies.limits import LimitsResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import FloatArray, IndexArray

__all__ = [
    "FAMILIES",
    "PANELS",
    "Bound",
    "GivenCurves",
    "MissingBound",
    "bounds_on",
    "load_bounds",
    "missing_bounds",
    "read_bound",
    "shipped_bounds",
    "thin_curve",
    "thinned",
]

#: The interactions of Fig. 5, panel by panel.
PANELS = ("scalar", "axial", "vector_bl", "vector_universal")
#: What shares a colour.
FAMILIES = ("beam dump", "fixed target", "NA64", "collider", "EvES", "CEvNS", "cosmology", "astrophysics", "other")
#: A shipped curve has no more points than this.
MOST_POINTS = 60
#: A shipped curve goes no farther than its first point beyond this [MeV].
_HEAVIEST = 1000.0

#: Folders with curves, the JSON or CSV of limits, or limits themselves; one or several.
GivenCurves: TypeAlias = "LimitsResult | str | PathLike[str] | Sequence[LimitsResult | str | PathLike[str]]"
_MISSING_FILE = "missing.csv"


@dataclass(frozen=True)
class MissingBound:
    """A bound of the paper's Fig. 5 that is not drawn.

    Attributes:
        interaction: one of :data:`PANELS`.
        name: the file name that a table of it would have.
        title: for labels and tables.
        reference: its reference.
        reason: why it is not drawn.
    """

    interaction: str
    name: str
    title: str
    reference: str
    reason: str


def read_bound(path: Path) -> Bound:
    """Read and check one curve.

    Raises:
        SpecBuilderError: for what :func:`spec_builder.base.tables.read_table` refuses, a missing or unknown ``family``,
            no ``confidence``, masses that do not increase, or an empty interval.
    """
    table = read_table(path, columns=CURVE, endless=("g_high",))
    table.check_units({"mass_MeV": ("MeV",), "g_low": ("1",), "g_high": ("1",)})
    for key in ("family", "confidence"):
        if not table.metadata.get(key):
            raise SpecBuilderError(f"{path}: header line '# {key}: ...' is missing")
    family = table.metadata["family"]
    if family not in FAMILIES:
        raise SpecBuilderError(f"{path}: {unknown_name('family', family, FAMILIES)}")
    mass, low, high = (table[column] for column in CURVE)
    table.check("mass_MeV", np.diff(mass, prepend=0) > 0, "positive masses that increase")
    table.check("g_low", (low > 0) & (low < high), "0 < g_low < g_high")
    for column in CURVE:
        good = within_reach(table[column], endless=column == "g_high")
        table.check(column, good, "a number that can be drawn, from 1e-50 to 1e50")
    return Bound(
        interaction=path.parent.name,
        name=path.stem,
        title=table.metadata["title"],
        family=family,
        source=table.metadata["source"],
        status=table.status,
        confidence=table.metadata["confidence"],
        recast=table.metadata.get("recast", "as published"),
        darkcast=table.metadata.get("darkcast", ""),
        mass_MeV=mass,
        g_low=low,
        g_high=high,
    )


def _read_folder(folder: Path) -> list[Bound]:
    if not folder.is_dir():
        raise SpecBuilderError(f"{folder}: no such folder, expected one with {', '.join(PANELS)} below it")
    found: list[Bound] = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            if entry.name not in PANELS:
                raise SpecBuilderError(f"{entry}: unknown interaction, expected one of {', '.join(PANELS)}")
            found += [read_bound(path) for path in sorted(entry.glob("*.csv"))]
        elif entry.suffix == ".csv" and entry.name != _MISSING_FILE:
            raise SpecBuilderError(f"{entry}: expected below a folder of its interaction, {', '.join(PANELS)}")
    if not found:
        raise SpecBuilderError(f"{folder}: no curve, expected <interaction>/<name>.csv below it")
    return found


def shipped_bounds() -> list[Bound]:
    """The project's own curves."""
    return _read_folder(data_path("comparison", "bounds"))


def bounds_on(interaction: str, folders: GivenCurves = ()) -> list[Bound]:
    """The shipped curves on an interaction, and a user's; a later curve of the same name replaces an earlier one.

    Args:
        interaction: its name; not only one of :data:`PANELS`.
        folders: with curves as ``<interaction>/<name>.csv``; limits as files or results.

    Raises:
        SpecBuilderError: for a folder that is missing or has none of this interaction, or a broken table.
    """
    bounds = {bound.name: bound for bound in shipped_bounds() if bound.interaction == interaction}
    for given in _curves(folders):
        if isinstance(given, Path):
            paths = sorted((given / interaction).glob("*.csv"))
            if not paths:
                raise SpecBuilderError(f"{given}: no curve, expected {interaction}/<name>.csv below it")
            bounds |= {bound.name: bound for bound in map(read_bound, paths)}
        elif given.interaction != interaction:
            raise SpecBuilderError(f"{given.title}: limits on {given.interaction}, expected some on {interaction}")
        else:
            bounds[given.name] = given
    return list(bounds.values())


def _curves(given: GivenCurves) -> list[Path | Bound]:
    """Folders as they are, and limits as curves."""
    items = [given] if isinstance(given, str | PathLike | LimitsResult) else given
    if not isinstance(items, list | tuple):
        raise SpecBuilderError(f"bounds {shown(given)}: expected folders, files of limits, or limits")
    found: list[Path | Bound] = []
    for item in items:
        if isinstance(item, LimitsResult):
            found.append(bound_of_limits(item))
            continue
        check_path("bounds", item)
        path = Path(item)
        is_file = path.suffix.lower() in (".json", ".csv") and not path.is_dir()
        found.append(read_limits(path) if is_file else path)
    return found


def load_bounds(folders: GivenCurves = ()) -> list[Bound]:
    """The shipped curves and a user's; a later curve of the same interaction and name replaces an earlier one.

    Raises:
        SpecBuilderError: for a folder that is missing, empty or of another layout, or a broken table.
    """
    bounds = {(bound.interaction, bound.name): bound for bound in shipped_bounds()}
    for given in _curves(folders):
        own = _read_folder(given) if isinstance(given, Path) else [given]
        for bound in own:
            if bound.interaction not in PANELS:
                raise SpecBuilderError(f"{bound.title}: interaction {bound.interaction} has no panel in Fig. 5")
        bounds |= {(bound.interaction, bound.name): bound for bound in own}
    return [bound for panel in PANELS for bound in bounds.values() if bound.interaction == panel]


def missing_bounds(bounds: Sequence[Bound]) -> list[MissingBound]:
    """What the paper's Fig. 5 has and ``bounds`` have not."""
    columns = ("interaction", "name", "title", "reference", "reason")
    table = packaged_table("comparison/bounds/missing", (), columns)
    drawn = {(bound.interaction, bound.name) for bound in bounds}
    rows = [MissingBound(*row) for row in zip(*(table.labels[column] for column in columns), strict=True)]
    return [row for row in rows if (row.interaction, row.name) not in drawn]


def thin_curve(
    mass: FloatArray, g_low: FloatArray, g_high: FloatArray, most: int = MOST_POINTS
) -> tuple[IndexArray, FloatArray]:
    """Choose points such that the lines between them follow the whole curve.

    Beginning with the first and the last, the point that lies farthest from the lines (in log g, against log mass)
    is added until there are ``most`` of them, or none is farther off than 0.2 %.

    Args:
        mass: increasing, shape (n,).
        g_low: lower ends, shape (n,).
        g_high: upper ends, shape (n,); infinite for none.
        most: points to keep.

    Returns:
        Indices of the points kept, and the relative distance in g of every point from the lines, shape (n,).

    Examples:
        >>> mass = np.geomspace(1, 100, 9)
        >>> index, distance = thin_curve(mass, 1e-6 * mass, np.full(9, np.inf))
        >>> index.tolist(), bool(distance.max() < 1e-9)
        ([0, 8], True)
    """
    x = np.log(mass)
    curves = [np.log(g) for g in (g_low, g_high) if np.isfinite(g).all()]
    kept = [0, mass.size - 1] if mass.size > 1 else [0]

    def distances() -> FloatArray:
        off: FloatArray = np.max([np.abs(y - np.interp(x, x[kept], y[kept])) for y in curves], axis=0)
        return off

    off = distances()
    while len(kept) < min(most, mass.size) and off.max() > 2e-3:
        kept = sorted([*kept, int(np.argmax(off))])
        off = distances()
    return np.array(kept), np.expm1(off)


def thinned(bound: Bound) -> Bound:
    """A curve as it is shipped: up to its first point beyond 1 GeV, thinned by :func:`thin_curve`, and saying so."""
    end = int(np.searchsorted(bound.mass_MeV, _HEAVIEST)) + 1
    mass, low, high = bound.mass_MeV[:end], bound.g_low[:end], bound.g_high[:end]
    index, distance = thin_curve(mass, low, high)
    largest, typical = 100 * distance.max(), 100 * np.median(distance)
    note = (
        f"{index.size} of {mass.size} points up to 1 GeV, the others within {largest:.1f} % of the lines "
        f"(median {typical:.1f} %)"
    )
    return replace(bound, recast=f"{bound.recast}; {note}", mass_MeV=mass[index], g_low=low[index], g_high=high[index])
