"""The tables of bounds: every one with its reference, the missing ones with their reasons."""

from __future__ import annotations

from spec_builder.paper.bounds import missing_bounds, shipped_bounds
from spec_builder.paper.comparison import bounds_table


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
