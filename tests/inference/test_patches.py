"""Patches of one sample's data share a compiled model; whatever else they do, they have one of their own."""

from __future__ import annotations

from typing import Any

import jsonpatch
import numpy as np
import pyhf
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference import newton
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.patches import PatchGroup, group_patches

WORKSPACE: dict[str, Any] = {
    "channels": [
        {
            "name": "c",
            "samples": [
                {
                    "name": "signal",
                    "data": [4.0, 6.0],
                    "modifiers": [
                        {"name": "size", "type": "normsys", "data": {"hi": 1.2, "lo": 0.8}},
                        {"name": "shape", "type": "histosys", "data": {"hi_data": [5.0, 6.6], "lo_data": [3.2, 5.7]}},
                    ],
                },
                {
                    "name": "background",
                    "data": [10.0, 8.0],
                    "modifiers": [{"name": "other", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}],
                },
            ],
        }
    ],
    "observations": [{"name": "c", "data": [15, 13]}],
    "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
    "version": "1.0.0",
}


def patch(scale: float, shape_off: float = 0.0) -> list[dict[str, Any]]:
    """The signal scaled, its shape likewise but for a part."""
    sample = WORKSPACE["channels"][0]["samples"][0]
    at = "/channels/0/samples/0"
    high, low = (np.array(sample["modifiers"][1]["data"][key]) * scale for key in ("hi_data", "lo_data"))
    high[0] *= 1 + shape_off
    return [
        {"op": "replace", "path": f"{at}/data", "value": [scale * x for x in sample["data"]]},
        {
            "op": "replace",
            "path": f"{at}/modifiers/1/data",
            "value": {"hi_data": high.tolist(), "lo_data": low.tolist()},
        },
    ]


def minima(groups: list[PatchGroup], count: int) -> np.ndarray:
    found = np.full(count, np.nan)
    for group in groups:
        fits = newton.minimise(group.likelihood, sample=group.sample, yields=group.yields)
        found[list(group.rows)] = fits.twice_nll
    return found


def by_pyhf(workspace: dict[str, Any], operations: list[dict[str, Any]]) -> float:
    """2NLL at the minimum of the patched workspace, by pyhf and scipy."""
    patched = pyhf.Workspace(jsonpatch.apply_patch(workspace, operations))
    model = patched.model(poi_name=None)
    return float(pyhf.infer.mle.fit(patched.data(model), model, return_fitted_val=True)[1])


def direct(operations: list[dict[str, Any]]) -> float:
    return float(newton.minimise(Likelihood.from_workspace(jsonpatch.apply_patch(WORKSPACE, operations))).twice_nll[0])


def test_proportional_patches_are_one_group() -> None:
    patches = [(f"p{i}", patch(0.5 + 0.25 * i)) for i in range(5)]
    groups = group_patches(WORKSPACE, patches, None)
    assert [(group.sample, group.rows) for group in groups] == [("signal", (0, 1, 2, 3, 4))]
    expected = [direct(operations) for _, operations in patches]
    np.testing.assert_allclose(minima(groups, 5), expected, atol=1e-9)


@pytest.mark.parametrize("off", [1e-3, 1e-6, 1e-9])
def test_a_shape_that_is_hardly_out_of_proportion_is_kept(off: float) -> None:
    """Taken for proportional it would be another likelihood, without a word."""
    patches = [("plain", patch(1.5)), ("bent", patch(1.5, off))]
    groups = group_patches(WORKSPACE, patches, None)
    assert len(groups) == 2
    found = minima(groups, 2)
    assert found[1] == pytest.approx(direct(patches[1][1]), abs=1e-10)
    (bent,) = (group for group in groups if group.rows == (1,))
    value = bent.likelihood.specification.groups
    assert any(group.sample == "signal" for group in value)


def test_a_patch_that_does_not_apply_is_named_or_passed_over() -> None:
    broken = [{"op": "replace", "path": "/channels/9/samples/0/data", "value": [1.0, 1.0]}]
    with pytest.raises(SpecBuilderError, match="patch 'broken'"):
        group_patches(WORKSPACE, [("good", patch(1.0)), ("broken", broken)], None)
    told: list[tuple[int, str]] = []
    groups = group_patches(
        WORKSPACE, [("good", patch(1.0)), ("broken", broken)], None, failed=lambda *x: told.append(x)
    )
    assert [row for row, _ in told] == [1]
    assert [group.rows for group in groups] == [(0,)]


def test_other_operations_have_a_model_of_their_own() -> None:
    added = {"name": "new", "data": [1.0, 2.0], "modifiers": []}
    patches: list[tuple[str, list[dict[str, Any]]]] = [
        ("counts", [{"op": "replace", "path": "/observations/0/data", "value": [20, 20]}]),
        ("sample", [{"op": "add", "path": "/channels/0/samples/-", "value": added}]),
    ]
    groups = group_patches(WORKSPACE, patches, None)
    assert sorted(group.rows for group in groups) == [(0,), (1,)]
    np.testing.assert_allclose(minima(groups, 2), [direct(operations) for _, operations in patches], atol=1e-9)


SIZE = "/channels/0/samples/0/modifiers/0/data"


def test_a_normalisation_uncertainty_that_a_patch_changes_is_not_passed_over() -> None:
    wide = {"op": "replace", "path": SIZE, "value": {"hi": 3.0, "lo": 0.4}}
    patches = [("same", patch(2.0)), ("wide", [*patch(2.0), wide]), ("alone", [wide])]
    groups = group_patches(WORKSPACE, patches, None)
    expected = [by_pyhf(WORKSPACE, operations) for _, operations in patches]
    assert expected[0] - expected[1] > 0.1
    np.testing.assert_allclose(minima(groups, 3), expected, atol=1e-5)


@pytest.mark.parametrize("nominal", [[0.0, 0.0], [5.0, 0.0]])
def test_a_shape_in_a_bin_without_nominal_events_is_kept(nominal: list[float]) -> None:
    shape = {"name": "bend", "type": "histosys", "data": {"hi_data": [9.0, 2.0], "lo_data": [1.0, -2.0]}}
    sample = {"name": "new", "data": nominal, "modifiers": [shape]}
    workspace = jsonpatch.apply_patch(WORKSPACE, [{"op": "add", "path": "/channels/0/samples/-", "value": sample}])
    at = "/channels/0/samples/2/modifiers/0/data"

    def bent(high: float) -> list[dict[str, Any]]:
        value = {"hi_data": [2 * nominal[0], high], "lo_data": [0.0, -high]}
        return [{"op": "replace", "path": at, "value": value}]

    patches = [(f"p{high}", bent(float(high))) for high in range(1, 7)]
    groups = group_patches(workspace, patches, None)
    expected = [by_pyhf(workspace, operations) for _, operations in patches]
    assert max(expected) - min(expected) > 0.01
    np.testing.assert_allclose(minima(groups, 6), expected, atol=1e-5)


def test_a_shape_without_nominal_events_is_kept_in_a_channel_that_a_patch_leaves_alone() -> None:
    shape = {"name": "bend", "type": "histosys", "data": {"hi_data": [1.5, 3.0], "lo_data": [0.5, 0.5]}}
    sample = {"name": "signal", "data": [1.0, 0.0], "modifiers": [shape]}
    other = {"name": "background", "data": [3.0, 2.0], "modifiers": []}
    operations = [
        {"op": "add", "path": "/channels/-", "value": {"name": "z", "samples": [sample, other]}},
        {"op": "add", "path": "/observations/-", "value": {"name": "z", "data": [4, 9]}},
    ]
    workspace = jsonpatch.apply_patch(WORKSPACE, operations)
    patches = [(f"p{i}", patch(1.0 + i)) for i in range(3)]
    groups = group_patches(workspace, patches, None)
    expected = [by_pyhf(workspace, operations) for _, operations in patches]
    np.testing.assert_allclose(minima(groups, 3), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("/channels/0/samples/0/data", ["4.0", "6.0"], "place 0: expected a number, found '4.0'"),
        ("/channels/0/samples/0/data", [True, 6.0], "place 0: expected a number, found True"),
        (SIZE, {"hi": 1.2, "lo": 0.8, "mid": 1.0}, "key 'mid' is unknown"),
        (
            "/channels/0/samples/0/modifiers/1/data",
            {"hi_data": [5.0, "6.6"], "lo_data": [3.2, 5.7]},
            "place 1: expected a number, found '6.6'",
        ),
        (
            "/channels/0/samples/0/modifiers/1/data",
            {"hi_data": [5.0, 6.6], "lo_data": [3.2, 5.7], "mid": []},
            "key 'mid' is unknown",
        ),
    ],
)
def test_what_is_no_number_is_refused_in_a_patch_as_in_a_workspace(path: str, value: object, told: str) -> None:
    with pytest.raises(SpecBuilderError, match=told):
        group_patches(WORKSPACE, [("odd", [{"op": "replace", "path": path, "value": value}])], None)
