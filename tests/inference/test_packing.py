"""Models as flat arrays: every offset points inside, and the sizes are those of the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.packing import FIELDS, SIZES, Column, PackedModel, is_small, pack
from spec_builder.inference.rows import PLAIN, Layout, lay_out
from tests.inference.random_models import random_model


def packed(workspace: dict[str, Any]) -> tuple[Likelihood, PackedModel]:
    likelihood = Likelihood.from_workspace(workspace)
    return likelihood, pack(lay_out(likelihood.specification, PLAIN), likelihood.free, likelihood.bounds)


def test_sizes_are_the_model_s(generic: dict[str, Any]) -> None:
    likelihood, found = packed(generic)
    spec = likelihood.specification
    sizes = {name: getattr(found.model, name) for name in SIZES}
    assert (sizes["parameters"], sizes["free"]) == (len(spec.parameters), len(likelihood.free))
    assert (sizes["bins"], sizes["groups"], sizes["factors"]) == (5, len(spec.groups), len(spec.factors))
    constraints = [p.constraint.kind for p in spec.parameters if p.constraint]
    assert (sizes["normals"], sizes["poissons"]) == (constraints.count("normal"), constraints.count("poisson"))
    assert sizes["affine"] == 0


@pytest.mark.parametrize("seed", range(10))
def test_offsets_stay_inside(seed: int) -> None:
    likelihood, found = packed(random_model(seed, 1)[0])
    # without the number that ends each
    arrays: dict[str, npt.NDArray[Any]] = {name: array[:-1] for name, array in found.arrays.items()}
    assert set(arrays) == {name for name, _ in FIELDS}
    for name in ("slope_factor", "bend_factor", "bend_other", "term_factors"):
        assert ((arrays[name] >= 0) & (arrays[name] < len(likelihood.specification.factors))).all()
    assert (np.diff(arrays["term_at"]) >= 0).all()
    assert arrays["term_at"][-1] == arrays["term_factors"].size
    assert ((arrays["slope_free"] >= 0) & (arrays["slope_free"] < len(likelihood.free))).all()
    np.testing.assert_array_equal(np.sort(arrays["free_parameter"]), likelihood.free)
    np.testing.assert_array_equal(arrays["lower"], likelihood.bounds[0, arrays["free_parameter"]])


def test_groups_of_a_sample_share_its_events() -> None:
    """A row's own yields are kept once, whatever varies their shape."""
    modifiers = [{"name": "shape", "type": "histosys", "data": {"hi_data": [1, 2, 6], "lo_data": [1, 1, 3]}}]
    samples = [
        {"name": "signal", "data": [1.0, 2.0, 4.0], "modifiers": modifiers},
        {"name": "background", "data": [5.0, 5.0, 5.0], "modifiers": []},
    ]
    workspace = {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [5, 6, 7]}],
        "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
        "version": "1.0.0",
    }
    likelihood = Likelihood.from_workspace(workspace)
    found = pack(lay_out(likelihood.specification, Layout(yields=("signal",))), likelihood.free, likelihood.bounds)
    assert found.model.columns == 1
    assert (found.arrays["own_first"][0], found.arrays["own_last"][0]) == (0, 3)
    theirs = found.arrays["group_kind"][:-1] == 1
    first, begin = (found.arrays[f"group_{what}"][:-1][theirs] for what in ("first", "own"))
    assert set(first) == {0, 1}
    np.testing.assert_array_equal(begin, first)


@pytest.mark.parametrize("seed", range(30))
def test_factor_of_the_hessian_fills_no_other_entries(seed: int) -> None:
    likelihood, found = packed(random_model(seed, 1)[0])
    count = len(likelihood.free)
    at, rows = found.arrays["column_at"][:-1], found.arrays["column_rows"][:-1]
    lower = np.eye(count)
    for j in range(count):
        lower[rows[at[j] : at[j + 1]], j] = 1.0
    assert (np.triu(lower, 1) == 0).all()
    covered = np.zeros_like(lower)
    names = ("row", "rows", "column", "size")
    for row, rows, column, size in zip(*(found.arrays[f"block_{name}"][:-1] for name in names), strict=True):
        covered[row : row + rows, column : column + size] += 1
    blocks = np.tril(covered)
    assert (blocks <= lower).all()
    assert (np.triu(covered, 2) == 0).all()
    felt = np.less(found.arrays["free_first"][:-1], found.arrays["free_last"][:-1])
    np.testing.assert_array_equal(blocks.diagonal(), felt)
    hessian = (lower + lower.T > 0) + 2.0 * count * np.eye(count)
    np.testing.assert_array_equal(np.linalg.cholesky(hessian)[lower == 0], 0.0)


def test_parameters_of_single_bins_come_first_and_fill_nothing() -> None:
    samples = [
        {
            "name": "s",
            "data": [3.0, 4.0, 5.0],
            "modifiers": [
                {"name": "a", "type": "shapefactor", "data": None},
                {"name": "mu", "type": "normfactor", "data": None},
            ],
        }
    ]
    workspace = {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [9, 9, 9]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    likelihood, found = packed(workspace)
    last = likelihood.parameters[found.arrays["free_parameter"][3]]
    assert last == "mu"
    np.testing.assert_array_equal(found.arrays["column_rows"][:-1], [3, 3, 3])


def test_a_signal_alone_is_affine() -> None:
    samples = [
        {"name": "s", "data": [3.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
        {"name": "b", "data": [5.0], "modifiers": [{"name": "nu", "type": "normfactor", "data": None}]},
    ]
    workspace = {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [9]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    assert packed(workspace)[1].model.affine == 1
    samples[0]["modifiers"].append({"name": "nu", "type": "normfactor", "data": None})  # type: ignore[attr-defined]
    assert packed(workspace)[1].model.affine == 0


def test_columns_know_what_is_shared() -> None:
    steps = [(c.step, c.row) for c in map(Column.of, (np.ones((4, 3)), np.ones((4, 1)), np.ones((1, 3)), np.ones(4)))]
    assert steps == [(3, 1), (1, 0), (0, 1), (1, 0)]


def test_many_factors_on_one_sample_are_left_to_numpy() -> None:
    def model(count: int) -> Likelihood:
        modifiers = [{"name": f"n{i}", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}} for i in range(count)]
        return Likelihood.from_workspace(
            {
                "channels": [{"name": "c", "samples": [{"name": "s", "data": [10.0], "modifiers": modifiers}]}],
                "observations": [{"name": "c", "data": [12]}],
                "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
                "version": "1.0.0",
            }
        )

    small, large = model(20), model(300)
    assert is_small(lay_out(small.specification, PLAIN), small.free)
    assert not is_small(lay_out(large.specification, PLAIN), large.free)
