"""Bins of data and of distributions in HS3: other ones were fitted together without a word."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.hs3_axes import check_bins
from spec_builder.histfactory.hs3_reading import workspace_of_hs3
from tests.histfactory.root_hs3 import of_root

if TYPE_CHECKING:
    from collections.abc import Callable

REGULAR = {"name": "x", "min": 0.0, "max": 2.0, "nbins": 2}
EDGES = {"name": "x", "edges": [0.0, 1.0, 2.0]}


def checked(first: list[dict[str, Any]] | None, second: list[dict[str, Any]] | None, bins: int = 2) -> None:
    samples = [{"name": "s", "data": {"contents": [1.0] * bins}}]
    distribution = {"name": "d", "samples": samples, "axes": first}
    check_bins(distribution, {"name": "n", "contents": [3] * bins, "axes": second})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (REGULAR, REGULAR),
        (REGULAR, EDGES),
        (REGULAR | {"min": None}, EDGES | {"edges": [0.0, 1.5, 2.0]}),
        ({"name": "x"}, EDGES),
        ({"name": "x", "bounds": [0.0, 1.0, 2.0], "min": 0, "max": 2}, EDGES | {"nbins": 2}),
    ],
)
def test_axes_that_agree_or_do_not_tell(first: dict[str, Any], second: dict[str, Any]) -> None:
    checked([first], [second])
    checked([first], None)
    checked(None, [second])


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (REGULAR, REGULAR | {"nbins": 3}, "data 'n': its axes have 3 bins, and its contents 2"),
        (REGULAR | {"nbins": 1}, EDGES, "distribution 'd': its axes have 1 bin, and data 'n' 2"),
        (REGULAR, REGULAR | {"max": 4.0}, "data 'n', axis 'x': has other edges than that of distribution 'd'"),
        (REGULAR, EDGES | {"edges": [0.0, 1.5, 2.0]}, "axis 'x': has other edges"),
        (REGULAR, EDGES | {"name": "y"}, "data 'n': have the axes y, and distribution 'd' x"),
        (EDGES | {"nbins": 3}, EDGES, "axis 'x': has 2 bins between its edges, and nbins 3"),
        (EDGES | {"max": 3.0}, EDGES, "axis 'x', max: expected the edge 2, found 3.0"),
        (EDGES | {"edges": [0.0, 2.0, 1.0]}, EDGES, "edges: expected ascending numbers"),
        (REGULAR | {"nbins": 2.5}, EDGES, "nbins: expected a number of bins, found 2.5"),
    ],
)
def test_axes_that_disagree(first: dict[str, Any], second: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecBuilderError, match=message):
        checked([first], [second])


def test_two_axes_have_the_product_of_their_bins() -> None:
    checked([REGULAR, EDGES | {"name": "y"}], [REGULAR, EDGES | {"name": "y"}], bins=4)
    with pytest.raises(SpecBuilderError, match="distribution 'd': its axes have 2 x 2 bins, and data 'n' 5"):
        checked([REGULAR, EDGES | {"name": "y"}], None, bins=5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c["data"][1].update(contents=[24], axes=[]),
            "its axes have 2 bins, and data 'obsData_SR' 1",
        ),
        (
            lambda c: c["distributions"][0]["samples"][1]["data"].update(contents=[6, 4, 1]),
            "sample 'rare': has 3 bins, and data 'obsData_SR' 2",
        ),
        (lambda c: c["data"][1].update(uncertainty={"sigma": [1, 1]}), "'obsData_SR': have an uncertainty"),
        (lambda c: c["data"][1]["axes"][0].update(max=3.0), "'obs_x_SR': has other edges"),
    ],
)
def test_a_file_with_other_bins_is_refused(change: Callable[[dict[str, Any]], object], message: str) -> None:
    content = of_root()
    content["data"] = copy.deepcopy(content["data"])
    change(content)
    with pytest.raises(SpecBuilderError, match=message):
        workspace_of_hs3(content, "simPdf_obsData")
