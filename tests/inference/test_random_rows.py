"""Rows that are models of their own: engines against each other and pyhf; `scripts/random_models` fits a million."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.inference import compiled
from spec_builder.inference.newton import minimise
from tests.inference.random_rows import LARGE, as_pyhf, random_rows

if TYPE_CHECKING:
    from spec_builder.inference.minima import BatchFit


def fitted(seed: int, count: int, engine: str, monkeypatch: pytest.MonkeyPatch) -> BatchFit:
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", engine)
    _, likelihood, rows = random_rows(seed, count)
    return minimise(likelihood, rows=rows)


@pytest.mark.skipif(isinstance(compiled.find_library(), str), reason="no compiled engine")
@pytest.mark.parametrize(("seed", "count"), [(0, 20), *((seed, 250) for seed in range(1, 15))])
def test_engines_agree(seed: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (fitted(seed, count, engine, monkeypatch) for engine in ("compiled", "numpy"))
    assert one.valid.mean() > 0.95
    both = one.valid & other.valid
    assert both.mean() > 0.95
    np.testing.assert_allclose(one.twice_nll[both], other.twice_nll[both], rtol=1e-14, atol=1e-6)


@pytest.mark.parametrize("seed", range(30))
def test_a_row_is_a_model_of_pyhf(seed: int) -> None:
    workspace, likelihood, rows = random_rows(seed, 3)
    fits = minimise(likelihood, rows=rows)
    for row in np.flatnonzero(fits.valid).tolist():
        model, data = as_pyhf(workspace, likelihood, rows, row)
        order = [likelihood.index(name) for name in model.config.par_names]
        with np.errstate(all="ignore"):
            value = -2 * float(model.logpdf(fits.theta[row][order], data)[0])
        assert value == pytest.approx(fits.twice_nll[row], abs=1e-8)


def test_structures_are_of_all_kinds() -> None:
    seeds = [*range(1, 200), *range(0, 4 * LARGE, LARGE)]
    structures = [random_rows(seed, 1) for seed in seeds]
    kinds = {
        modifier["type"]
        for workspace, _, _ in structures
        for channel in workspace["channels"]
        for sample in channel["samples"]
        for modifier in sample["modifiers"]
    }
    assert kinds == {"normfactor", "normsys", "histosys", "lumi", "staterror", "shapesys", "shapefactor"}
    assert max(len(likelihood.free) for _, likelihood, _ in structures) >= 40
    assert {likelihood.observed.size for _, likelihood, _ in structures} == set(range(1, 13))
    assert any((rows.observed == 0).any() for _, _, rows in structures if rows.observed is not None)
