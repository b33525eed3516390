"""The tables of bounds: every one with its reference, the missing ones with their reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.paper.bounds import missing_bounds, shipped_bounds
from spec_builder.paper.comparison import bounds_table, compare_analysis
from spec_builder.paper.plane import write_plane
from spec_builder.physics.mediators import vector_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from spec_builder.physics.terms import Term


class OfNuclei:
    """A vector whose terms are none for electrons."""

    name = "mine"
    terms: Callable[..., Sequence[Term]]

    def __init__(self, *, signed: bool) -> None:
        self.signed = signed
        self.terms = lambda target, T, _: vector_terms(target, T, 1, 1, 1) if target.kind == "nucleus" else ()


def test_every_bound_is_listed_once_with_its_panels() -> None:
    bounds = shipped_bounds()
    missing = missing_bounds(bounds)
    drawn, _, rest = bounds_table(bounds, missing).partition("## Bounds of the paper that are not drawn")
    for bound in bounds:
        (row,) = (line for line in drawn.splitlines() if f"| {bound.source} |" in line and f"| {bound.title} |" in line)
        assert bound.interaction in row
        assert bound.confidence in row
    for entry in missing:
        rows = [line for line in rest.splitlines() if line.startswith(f"| {entry.title} |")]
        assert any(entry.interaction in row and entry.reason in row and entry.reference in row for row in rows)


def test_rows_have_as_many_cells_as_their_heading() -> None:
    bounds = shipped_bounds()
    for line in bounds_table(bounds, missing_bounds(bounds)).splitlines():
        if line.startswith("|"):
            assert line.count("|") == 5


def test_sets_that_an_interaction_does_not_change_are_no_companions(tmp_path: Path) -> None:
    """Terms that are zero on electrons: their limits ended all of it."""
    told = compare_analysis("xenonnt", OfNuclei(signed=False), tmp_path / "out", [1, 10])
    assert told.startswith("Limits on mine computed here (90 % CL, dof 2): xenonnt, coherent_csi.")


@pytest.mark.parametrize("draw", [compare_analysis, write_plane])
def test_a_signed_parameter_has_no_logarithmic_axis(tmp_path: Path, draw: Any) -> None:
    """Half of what is excluded would not be seen."""
    mine = OfNuclei(signed=True)
    given: dict[str, Any] = {"output": tmp_path / "out", "analysis": "xenonnt"}
    given |= {"choices": [mine]} if draw is write_plane else {"choice": mine}
    with pytest.raises(SpecBuilderError, match="has a logarithmic axis, and the parameter has a sign"):
        draw(**given)
