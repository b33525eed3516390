"""The steps of the batched minimiser: 2NLL never rises on the way, whichever engine takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.inference import compiled, descent, newton
from spec_builder.inference.likelihood import Likelihood

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

ENGINES = [
    "numpy",
    pytest.param(
        "compiled",
        marks=pytest.mark.skipif(isinstance(compiled.find_library(), str), reason="there is no compiled library"),
    ),
]


def steep(observed: list[float], high: float, low: float) -> dict[str, Any]:
    """Two factors that act exponentially, so that whole Newton steps overshoot."""
    one = {"name": "size", "type": "normsys", "data": {"hi": high, "lo": low}}
    other = {"name": "other", "type": "normsys", "data": {"hi": high, "lo": 1 / high}}
    return {
        "channels": [
            {
                "name": "one",
                "samples": [
                    {"name": "signal", "data": [100.0, 30.0], "modifiers": [one]},
                    {"name": "background", "data": [50.0, 50.0], "modifiers": [other]},
                ],
            }
        ],
        "observations": [{"name": "one", "data": observed}],
        "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
        "version": "1.0.0",
    }


def heights(monkeypatch: pytest.MonkeyPatch, likelihood: Likelihood, count: int) -> FloatArray:
    """2NLL after 1, 2, ... evaluations, of a path that does not depend on where it is cut off."""
    found = []
    monkeypatch.setattr(descent, "CAREFUL_EVALUATIONS", 1)
    for evaluations in range(1, count + 1):
        monkeypatch.setattr(descent, "MAX_EVALUATIONS", evaluations)
        found.append(float(newton.minimise(likelihood).twice_nll[0]))
    return np.array(found)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("observed", "high", "low"),
    [([2.0, 900.0], 3.0, 0.3), ([2.0, 900.0], 8.0, 0.1), ([900.0, 2.0], 8.0, 0.1), ([1.0, 5000.0], 8.0, 0.1)],
)
def test_2nll_never_rises_where_whole_steps_would_raise_it(
    monkeypatch: pytest.MonkeyPatch, engine: str, observed: list[float], high: float, low: float
) -> None:
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", engine)
    likelihood = Likelihood.from_workspace(steep(observed, high, low))
    path = heights(monkeypatch, likelihood, 20)
    assert (np.diff(path) <= 1e-11 * path[:-1]).all()
    moving = np.flatnonzero(np.diff(path) < -1e-6)
    assert moving[-1] >= 3  # the way is long enough to tell
    # a step that is refused leaves 2NLL where it was, and the way goes on
    assert (np.diff(path)[: moving[-1]] == 0).any()
    assert newton.minimise(likelihood).valid.all()


@pytest.mark.parametrize("engine", ENGINES)
def test_few_evaluations_are_enough(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    """A line search that refuses good steps, or shortens others by little, would take more."""
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", engine)
    monkeypatch.setattr(descent, "MAX_EVALUATIONS", 16)
    monkeypatch.setattr(descent, "CAREFUL_EVALUATIONS", 1)
    for observed in ([2.0, 900.0], [900.0, 2.0], [1.0, 5000.0], [130.0, 80.0]):
        for high, low in ((1.5, 0.6), (3.0, 0.3), (8.0, 0.1)):
            assert newton.minimise(Likelihood.from_workspace(steep(observed, high, low))).valid.all()
