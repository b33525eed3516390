"""Directions that data and constraints leave open, and the rounding of 2NLL."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spec_builder.inference import diagnosis
from spec_builder.inference.diagnosis import flat_directions, rounding
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise


def likelihood(signal: list[dict[str, Any]], background: list[dict[str, Any]], scale: float = 1.0) -> Likelihood:
    samples = [
        {"name": "signal", "data": [5.0 * scale, 2.0 * scale], "modifiers": signal},
        {"name": "background", "data": [12.0 * scale, 9.0 * scale], "modifiers": background},
    ]
    return Likelihood.from_workspace(
        {
            "channels": [{"name": "sr", "samples": samples}],
            "observations": [{"name": "sr", "data": [19 * scale, 10 * scale]}],
            "measurements": [{"name": "fit", "config": {"poi": "", "parameters": []}}],
            "version": "1.0.0",
        }
    )


def factor(name: str) -> dict[str, Any]:
    return {"name": name, "type": "normfactor", "data": None}


def norm(name: str, size: float) -> dict[str, Any]:
    return {"name": name, "type": "normsys", "data": {"hi": 1 + size, "lo": 1 - size}}


@pytest.mark.parametrize(
    ("signal", "background", "flat"),
    [
        ([factor("mu")], [norm("b", 0.1)], ()),
        ([factor("mu"), factor("nu")], [norm("b", 0.1)], (("mu", "nu"),)),
        ([factor("mu"), norm("s", 1e-9)], [factor("nu")], ()),
        ([factor("mu")], [factor("nu"), factor("xi")], (("nu", "xi"),)),
    ],
)
def test_flat_directions(
    signal: list[dict[str, Any]], background: list[dict[str, Any]], flat: tuple[tuple[str, ...], ...]
) -> None:
    model = likelihood(signal, background)
    assert flat_directions(model, minimise(model).theta[0]) == flat


def test_flat_directions_do_not_depend_on_the_parts_they_are_sought_in(monkeypatch: pytest.MonkeyPatch) -> None:
    model = likelihood([factor("mu"), norm("s", 0.1), norm("t", 0.2)], [factor("nu"), factor("xi"), norm("b", 0.1)])
    theta = minimise(model).theta[0]
    together = flat_directions(model, theta)
    assert ("nu", "xi") in together
    monkeypatch.setattr(diagnosis, "_NUMBERS", 1)
    assert flat_directions(model, theta) == together


def test_a_factor_of_nothing_is_flat() -> None:
    model = likelihood([factor("mu")], [norm("b", 0.1)])
    samples = [
        {"name": "nothing", "data": [0.0], "modifiers": [factor("mu")]},
        {"name": "b", "data": [9.0], "modifiers": [factor("nu")]},
    ]
    nothing = Likelihood.from_workspace(
        {
            "channels": [{"name": "sr", "samples": samples}],
            "observations": [{"name": "sr", "data": [9]}],
            "measurements": [{"name": "fit", "config": {"poi": "mu", "parameters": []}}],
            "version": "1.0.0",
        }
    )
    assert flat_directions(nothing, nothing.init) == (("mu",),)
    assert flat_directions(model, model.init) == ()


@pytest.mark.parametrize("scale", [1.0, 1e5, 1e10])
def test_rounding_bounds_what_is_seen(scale: float) -> None:
    """2NLL moves by about its rounding where the parameters move by nothing to speak of."""
    model = likelihood([factor("mu")], [norm("b", 0.1)], scale)
    theta = minimise(model).theta[0]
    points = theta * (1 + 1e-15 * np.linspace(-50, 50, 201)[:, None])
    spread = float(np.ptp(model.twice_nll(points)))
    estimate = rounding(model, theta)
    assert spread <= 8 * estimate
    assert estimate <= 1e-15 * 2 * scale * 1e3
