"""Curves of excluded couplings against the mediator mass, of others and of one's own limits: what comparisons draw."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.cells import csv_line, header_line
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import number_of, real_number
from spec_builder.base.names import shown
from spec_builder.base.printing import percent
from spec_builder.base.reading import load_json, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from spec_builder.base.arrays import BoolArray, FloatArray
    from spec_builder.studies.limits import LimitsResult

__all__ = ["CURVE", "Bound", "bound_of_limits", "read_limits", "within_reach"]

#: Columns of a curve.
CURVE = ("mass_MeV", "g_low", "g_high")
_SCHEMA = "spec_builder/limits/2"
#: Axes reach no farther, and no nearer to 0 than its inverse.
_FARTHEST = 1e50
#: Words in a table of limits: nothing is excluded, or there is no end.
_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
#: How a curve of limits came to be one: it has one interval at each mass.
_OUTERMOST = "own limits; at each mass the outermost excluded interval"


@dataclass(frozen=True)
class Bound:
    """One experiment's excluded couplings g_low < g < g_high against the mediator mass.

    Attributes:
        interaction: one of :data:`spec_builder.paper.bounds.PANELS`.
        name: of the file, without suffix.
        title: for labels and tables.
        family: one of :data:`spec_builder.paper.bounds.FAMILIES`.
        source: reference.
        status: one of :data:`spec_builder.base.tables.STATUSES`.
        confidence: e.g. ``90 % CL``.
        recast: how the limit came to this interaction, with its assumptions.
        darkcast: its name in DarkCast, '' if it has none.
        mass_MeV: increasing, shape (n,).
        g_low: shape (n,).
        g_high: shape (n,); infinite where the region has no upper end.
    """

    interaction: str
    name: str
    title: str
    family: str
    source: str
    status: str
    confidence: str
    recast: str
    darkcast: str
    mass_MeV: FloatArray
    g_low: FloatArray
    g_high: FloatArray

    @property
    def two_sided(self) -> bool:
        """Whether the region ends somewhere above."""
        return bool(np.isfinite(self.g_high).any())

    def to_csv(self) -> str:
        """The table, as :func:`spec_builder.paper.bounds.read_bound` reads it."""
        header = {
            "title": self.title,
            "source": self.source,
            "status": self.status,
            "unit": "mass_MeV: MeV; g_low, g_high: 1",
            "family": self.family,
            "confidence": self.confidence,
            "recast": self.recast,
        }
        if self.darkcast:
            header["darkcast"] = self.darkcast
        lines = [header_line(key, value) for key, value in header.items()]
        lines.append(csv_line(CURVE))
        for mass, low, high in zip(self.mass_MeV, self.g_low, self.g_high, strict=True):
            lines.append(f"{mass:.5g},{low:.5g},{high:.5g}")
        return "\n".join(lines) + "\n"


def within_reach(values: FloatArray, *, endless: bool = False) -> BoolArray:
    """Which masses [MeV] or couplings can be drawn: positive, and not so large or small that axes overflow.

    Args:
        values: shape (n,).
        endless: whether infinity may stand there.
    """
    return (values >= 1 / _FARTHEST) & ((values <= _FARTHEST) | (endless & np.isinf(values)))


def bound_of_limits(limits: LimitsResult) -> Bound:
    """The curve of limits.

    Raises:
        SpecBuilderError: if they are of a parameter with a sign or without a mass, or nothing is excluded at a mass.
    """
    about = limits.provenance
    return _bound(limits.to_dict(), f"{about.analysis}_{limits.choice.name}", f"limits on {limits.choice.name}")


def read_limits(path: Path) -> Bound:
    """The curve of limits that were written as JSON or CSV.

    Raises:
        SpecBuilderError: for a file that is none, or as :func:`bound_of_limits`.
    """
    content = load_json(str(path)) if path.suffix.lower() == ".json" else _table(path)
    if not isinstance(content, dict) or content.get("schema") != _SCHEMA:
        raise SpecBuilderError(f"{path}: expected limits, as spec-builder limits writes them")
    return _bound(content, path.stem, str(path))


def _table(path: Path) -> dict[str, Any]:
    """The CSV of limits as content of their JSON, {} if it is none."""
    lines = read_text(path).split("\n")
    header = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)
    words = header.get("title", "").removeprefix("Exclusion of interaction ").split(", ", 1)
    try:
        rows = list(csv.DictReader((line for line in lines if not line.startswith("#")), restval=""))
    except csv.Error as error:  # a field of more than 131072 characters
        raise SpecBuilderError(f"{path}: not a table of numbers ({error})") from None
    if len(words) != 2 or not rows or not {*CURVE, "valid"} <= rows[0].keys():
        return {}
    points: dict[float, dict[str, Any]] = {}
    for row in rows:
        mass, low, high = (_number(row, name, path) for name in CURVE)
        point = points.setdefault(mass, {"mass_MeV": mass, "excluded": [], "valid": True})
        point["valid"] &= row["valid"] == "1"
        if not math.isnan(low):
            point["excluded"].append([low, None if math.isinf(high) else high])
    return {
        "schema": _SCHEMA,
        "interaction": words[0],
        "analysis": words[1],
        "signed": False,
        "level": header.get("confidence", "").split(",")[0],
        "points": list(points.values()),
    }


def _number(row: Mapping[str, str], name: str, path: Path) -> float:
    """A cell of a table of limits."""
    text = row[name]
    value = _WORDS[text] if text in _WORDS else number_of(text)
    if math.isnan(value) and text not in _WORDS:
        raise SpecBuilderError(f"{path}: {name} is {shown(text)}, expected a number")
    return value


def _bound(content: Mapping[str, Any], name: str, where: str) -> Bound:
    """The curve of limits in the form of their JSON."""
    try:
        interaction, analysis = str(content["interaction"]), str(content["analysis"])
        if content["signed"] or any(point["mass_MeV"] is None for point in content["points"]):
            raise SpecBuilderError(f"{where}: {interaction} has no coupling against a mass, expected one that has")
        rows = sorted(
            _interval(point, where) for point in content["points"] if point["mass_MeV"] not in ("inf", math.inf)
        )
        level = content.get("level") or f"{percent(real_number(content['cl']))} CL"
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise SpecBuilderError(f"{where}: these limits cannot be read, expected those of spec-builder") from None
    if len(rows) < 2:
        raise SpecBuilderError(f"{where}: {len(rows)} masses, expected two or more for a curve")
    mass, low, high = np.array(rows, dtype=np.float64).T
    drawable = within_reach(mass).all() and within_reach(low).all() and within_reach(high, endless=True).all()
    if not (drawable and (np.diff(mass) > 0).all() and (low < high).all()):
        raise SpecBuilderError(
            f"{where}: expected different positive masses, and intervals above 0 that end above their begin"
        )
    return Bound(
        interaction=interaction,
        name=name,
        title=f"{analysis}, {interaction}",
        family="other",
        source=f"own limits ({where})",
        status="computed",
        confidence=level,
        recast=_OUTERMOST,
        darkcast="",
        mass_MeV=mass,
        g_low=low,
        g_high=high,
    )


def _interval(point: Mapping[str, Any], where: str) -> tuple[float, float, float]:
    """Mass and outermost excluded interval."""
    mass, excluded = real_number(point["mass_MeV"]), point["excluded"]
    valid = point["valid"] is True
    if not excluded or not excluded[-1][0] or not valid:
        why = "no coupling above 0 is where exclusion begins" if valid else "the fits are not valid"
        raise SpecBuilderError(f"{where}: at {mass:g} MeV {why}: leave out that mass")
    low, high = excluded[-1]
    return mass, real_number(low), math.inf if high is None else real_number(high)
