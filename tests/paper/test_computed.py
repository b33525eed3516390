"""Where our own curves cross, and what drives the joint limit."""

from __future__ import annotations

import numpy as np
import pytest

from spec_builder.model.analysis import load_analysis
from spec_builder.paper.bounds import PANELS
from spec_builder.paper.computed import (
    COMPUTED,
    GLOBAL,
    PARTS,
    computed_tables,
    crossings,
    everything_above,
    first_excluded,
)
from spec_builder.studies.limits import LimitsResult, find_limits

MASSES = np.geomspace(1e-3, 1e3, 19)


@pytest.fixture(scope="module")
def results() -> dict[tuple[str, str], LimitsResult]:
    found: dict[tuple[str, str], LimitsResult] = {}
    for name in COMPUTED:
        analysis = load_analysis(name, "linear")
        found |= {(name, panel): find_limits(analysis, panel, MASSES, dof=2) for panel in PANELS}
    return found


def test_a_crossing_is_where_the_limits_are_equal(results: dict[tuple[str, str], LimitsResult]) -> None:
    one, other = results["combined", "scalar"], results["coherent_csi", "scalar"]
    ((mass, stronger),) = crossings(one, other)
    assert stronger == "coherent_csi"
    low, high = (first_excluded(r) for r in (one, other))
    place = int(np.searchsorted(MASSES, mass))
    assert low[place - 1] < high[place - 1]
    assert low[place] > high[place]
    # a calculation of its own has 68 MeV
    assert mass == pytest.approx(68, rel=0.1)
    assert crossings(one, one) == []


def test_every_part_has_a_column_and_their_sum_is_the_height(results: dict[tuple[str, str], LimitsResult]) -> None:
    """The parts share no parameter: at the joint limit their Delta chi^2 add up to the threshold."""
    text = computed_tables(list(results.values()))
    header = next(line for line in text.splitlines() if "best part alone" in line)
    assert [cell.strip() for cell in header.split("|")[5:-1]] == list(PARTS)
    rows = [line for line in text.splitlines() if line.startswith("| scalar | ") and "e-0" in line]
    assert len(rows) == 7
    joint = results[GLOBAL, "scalar"].exclusion
    for row in rows:
        cells = [cell.strip() for cell in row.split("|")[1:-1]]
        heights = [float(cell) for cell in cells[4:]]
        assert sum(heights) == pytest.approx(joint.threshold - joint.points[0].delta_chi2_sm, abs=0.03)


@pytest.mark.parametrize("panel", PANELS)
def test_the_joint_limit_is_nowhere_much_weaker_than_its_parts(
    results: dict[tuple[str, str], LimitsResult], panel: str
) -> None:
    """A part that prefers a coupling above zero lowers the sum; by so much no more than 5 % of the coupling."""
    joint = everything_above(results[GLOBAL, panel])
    strongest = np.min([everything_above(results[name, panel]) for name in PARTS], axis=0)
    assert (joint < 1.05 * strongest).all()
