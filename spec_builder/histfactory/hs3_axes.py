"""Axes in HS3: the bins of data must be those of the distribution that they are fitted with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import real_number
from spec_builder.base.names import shown
from spec_builder.base.printing import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spec_builder.base.arrays import FloatArray

__all__ = ["check_bins"]

#: Edges of two axes that differ by less, relative to their range, are the same.
_SAME = 1e-9


def check_bins(distribution: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Refuse data, or samples, of other bins than the axes have; a workspace has no axes to tell it later.

    Args:
        distribution: a ``histfactory_dist``.
        data: what is fitted with it. Either may have no axes, or some that do not tell the bins.

    Raises:
        SpecBuilderError: naming the axis, or what has another number of bins.
    """
    ours, theirs = f"distribution '{distribution['name']}'", f"data '{data['name']}'"
    if data.get("uncertainty") is not None:
        raise SpecBuilderError(f"{theirs}: have an uncertainty, which counts of a pyhf workspace have not")
    bins = len(data["contents"])
    for where, entry, others in ((ours, distribution, theirs), (theirs, data, "its contents")):
        counts = [_count(f"{where}, axis '{axis['name']}'", axis) for axis in entry.get("axes") or []]
        if counts and None not in counts and math.prod(filter(None, counts)) != bins:
            raise SpecBuilderError(f"{where}: its axes have {_product(counts)}, and {others} {bins}")
    for sample in distribution["samples"]:
        count = len(sample["data"]["contents"])
        if count != bins:
            raise SpecBuilderError(
                f"{ours}, sample '{sample['name']}': has {counted(count, 'bin')}, and {theirs} {bins}"
            )
    _check_same(ours, distribution.get("axes") or [], theirs, data.get("axes") or [])


def _check_same(
    ours: str, first: Sequence[Mapping[str, Any]], theirs: str, second: Sequence[Mapping[str, Any]]
) -> None:
    names = [[str(axis["name"]) for axis in axes] for axes in (first, second)]
    if all(names) and names[0] != names[1]:
        raise SpecBuilderError(f"{theirs}: have the axes {', '.join(names[1])}, and {ours} {', '.join(names[0])}")
    for axis, other in zip(first, second, strict=False):  # either may have none
        edges = [_edges(axis), _edges(other)]
        if edges[0] is None or edges[1] is None:
            continue
        if not np.allclose(edges[0], edges[1], rtol=0, atol=_SAME * np.ptp(edges[0])):
            raise SpecBuilderError(f"{theirs}, axis '{axis['name']}': has other edges than that of {ours}")


def _product(counts: Sequence[int | None]) -> str:
    if len(counts) == 1:
        return counted(counts[0] or 0, "bin")
    return f"{' x '.join(map(str, counts))} bins"


def _count(where: str, axis: Mapping[str, Any]) -> int | None:
    """Number of bins, None if the axis does not tell.

    Raises:
        SpecBuilderError: if it tells two, or what it tells is no axis.
    """
    edges, count = _given_edges(axis), axis.get("nbins")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise SpecBuilderError(f"{where}, nbins: expected a number of bins, found {shown(count)}")
    if edges is None:
        return count
    if edges.size < 2 or not (np.diff(edges) > 0).all():
        raise SpecBuilderError(f"{where}, edges: expected ascending numbers, found {shown(_listed(axis))}")
    if count not in (None, edges.size - 1):
        raise SpecBuilderError(f"{where}: has {edges.size - 1} bins between its edges, and nbins {count}")
    for key, edge in (("min", edges[0]), ("max", edges[-1])):
        if axis.get(key) is not None and abs(real_number(axis[key]) - edge) > _SAME * np.ptp(edges):
            raise SpecBuilderError(f"{where}, {key}: expected the edge {edge:g}, found {shown(axis[key])}")
    return edges.size - 1


def _listed(axis: Mapping[str, Any]) -> Any:
    """The edges as they stand in the file; None where they do not."""
    return axis.get("edges", axis.get("bounds"))


def _given_edges(axis: Mapping[str, Any]) -> FloatArray | None:
    """The edges that stand in the file; None where they do not."""
    listed = _listed(axis)
    return None if listed is None else np.array([real_number(edge) for edge in listed])


def _edges(axis: Mapping[str, Any]) -> FloatArray | None:
    """Edges of the bins, None if the axis does not tell."""
    given = _given_edges(axis)
    if given is not None:
        return given
    low, high = real_number(axis.get("min")), real_number(axis.get("max"))
    if axis.get("nbins") is None or not np.isfinite([low, high]).all():
        return None
    return np.linspace(low, high, axis["nbins"] + 1)
