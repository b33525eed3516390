"""The parts of Delta chi^2 add up to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.decomposition import decompose
from spec_builder.inference.likelihood import Likelihood


def workspace(signal: list[float], observed: list[float], constrained: str = "size") -> dict[str, Any]:
    modifiers = [
        {"name": constrained, "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
        {"name": "mu", "type": "normfactor", "data": None},
    ]
    background = [{"name": "stat", "type": "shapesys", "data": [2.0, 3.0]}]
    return {
        "version": "1.0.0",
        "channels": [
            {
                "name": "a",
                "samples": [
                    {"name": "s", "data": signal, "modifiers": modifiers},
                    {"name": "b", "data": [10.0, 20.0], "modifiers": background},
                ],
            }
        ],
        "observations": [{"name": "a", "data": observed}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    }


def test_bins_and_pulls_add_up() -> None:
    first = Likelihood.from_workspace(workspace([1.0, 2.0], [12.0, 0.0]))
    second = Likelihood.from_workspace(workspace([5.0, 2.0], [12.0, 0.0]))
    at_first = first.init.copy()
    at_second = second.init + np.array([0.1, -0.2, 0.05, 0.1])
    parts = decompose(second, at_second, first, at_first)
    expected = second.twice_nll(at_second[None])[0] - first.twice_nll(at_first[None])[0]
    assert parts.delta_chi2 == pytest.approx(expected, abs=1e-10)
    sums = sum(part.delta_chi2 for part in parts.bins) + sum(part.delta_chi2 for part in parts.pulls)
    assert sums == pytest.approx(expected, abs=1e-10)
    assert [(part.channel, part.bin, part.observed) for part in parts.bins] == [("a", 0, 12.0), ("a", 1, 0.0)]
    assert {part.parameter for part in parts.pulls} == {"size", "stat[0]", "stat[1]"}


def test_hypotheses_about_other_data_are_refused() -> None:
    first = Likelihood.from_workspace(workspace([1.0, 2.0], [12.0, 0.0]))
    for other in (workspace([1.0, 2.0], [12.0, 1.0]), workspace([1.0, 2.0], [12.0, 0.0], "other")):
        second = Likelihood.from_workspace(other)
        with pytest.raises(SpecBuilderError, match="two hypotheses about the same data are needed"):
            decompose(second, second.init, first, first.init)
