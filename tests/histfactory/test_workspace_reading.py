"""pyhf's JSON as a flat model: parameters, channels, measurements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyhf
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.workspace_reading import read_specification


def workspace() -> dict[str, Any]:
    background = {
        "name": "background",
        "data": [10.0, 20.0],
        "modifiers": [
            {"name": "size", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
            {"name": "stat", "type": "staterror", "data": [1.0, 0.0]},
            {"name": "bins", "type": "shapesys", "data": [2.0, 0.0]},
        ],
    }
    signal = {"name": "signal", "data": [1.0, 2.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]}
    settings = [{"name": "mu", "inits": [0.5], "bounds": [[0.0, 7.0]]}, {"name": "size", "fixed": True}]
    return {
        "channels": [
            {"name": "z", "samples": [signal, background]},
            {"name": "a", "samples": [{"name": "signal", "data": [3.0], "modifiers": []}]},
        ],
        "observations": [{"name": "a", "data": [4]}, {"name": "z", "data": [12, 21]}],
        "measurements": [
            {"name": "first", "config": {"poi": "mu", "parameters": settings}},
            {"name": "second", "config": {"poi": "", "parameters": []}},
        ],
        "version": "1.0.0",
    }


def test_parameters_are_pyhfs() -> None:
    spec = read_specification(workspace(), None)
    assert spec.poi == "mu"
    names = [parameter.name for parameter in spec.parameters]
    assert names == sorted(pyhf.Workspace(workspace()).model(measurement_name="first").config.par_names)
    mu, size = (spec.parameters[names.index(name)] for name in ("mu", "size"))
    assert (mu.init, mu.lower, mu.upper, mu.fixed, mu.constraint) == (0.5, 0.0, 7.0, False, None)
    assert size.fixed
    assert size.constraint is not None
    assert (size.constraint.kind, size.constraint.auxiliary, size.constraint.scale) == ("normal", 0.0, 1.0)
    bins = spec.parameters[names.index("bins[0]")].constraint
    assert bins is not None
    assert (bins.kind, bins.scale) == ("poisson", 25.0)  # (10 / 2)^2


def test_channels_stand_by_their_names() -> None:
    spec = read_specification(workspace(), None)
    assert spec.channels == {"a": slice(0, 1), "z": slice(1, 3)}
    np.testing.assert_array_equal(spec.observed, [4, 12, 21])


def test_a_measurement_is_chosen() -> None:
    assert read_specification(workspace(), "second").poi == ""
    assert not any(p.fixed for p in read_specification(workspace(), "second").parameters if p.name == "size")
    with pytest.raises(SpecBuilderError, match="measurement 'third' is unknown, expected one of first, second"):
        read_specification(workspace(), "third")
    with pytest.raises(SpecBuilderError, match="parameter 'nu' is unknown, expected one of "):
        read_specification(workspace(), None, poi="nu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w["channels"][0]["samples"][0].update(data=[1.0]), "z"),
        (lambda w: w["channels"][0]["samples"][0]["modifiers"][0].update(type="morph"), "morph"),
        (lambda w: w.pop("channels"), "not a pyhf workspace: KeyError 'channels'"),
        (lambda w: w["observations"].pop(), "z"),
    ],
)
def test_what_is_wrong_is_named(change: Any, message: str) -> None:
    content = workspace()
    change(content)
    with pytest.raises(SpecBuilderError, match=message):
        read_specification(content, None)
