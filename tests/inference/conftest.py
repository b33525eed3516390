"""A workspace with every modifier, and pyhf's own view of any workspace."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest

from spec_builder.histfactory.modifiers import LAWS
from spec_builder.model.analysis import ANALYSES, load_analysis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.fit import Fit


@dataclass(frozen=True)
class PyhfModel:
    """A pyhf model with its data; parameters are given by name, as ours are."""

    model: Any
    data: Any

    @property
    def names(self) -> list[str]:
        return list(self.model.config.par_names)

    def arrange(self, points: FloatArray, parameters: Sequence[str]) -> FloatArray:
        """Points (..., P) in the order of ``parameters`` put into pyhf's order."""
        assert sorted(self.names) == sorted(parameters)
        return points[..., [list(parameters).index(name) for name in self.names]]

    def twice_nll(self, points: FloatArray, parameters: Sequence[str]) -> FloatArray:
        """-2 ln L at points (N, P)."""
        arranged = self.arrange(points, parameters)
        return np.array([-2 * float(self.model.logpdf(point, self.data)[0]) for point in arranged])

    def at(self, best: Fit) -> float:
        """-2 ln L at the minimum of a fit of ours."""
        return float(self.twice_nll(np.array([[*best.theta.values()]]), [*best.theta])[0])

    def rates(self, points: FloatArray, parameters: Sequence[str]) -> FloatArray:
        """Expected events (N, bins) at points (N, P)."""
        return np.array([self.model.expected_actualdata(point) for point in self.arrange(points, parameters)])


@pytest.fixture(scope="session")
def pyhf_model() -> Callable[..., PyhfModel]:
    """Makes pyhf's model of a workspace, with the interpolation codes of pyhf's command line by default."""

    def make(
        workspace: dict[str, Any], measurement: str | None = None, normsys: str = "code4", histosys: str = "code4p"
    ) -> PyhfModel:
        read = pyhf.Workspace(workspace)
        model = read.model(
            measurement_name=measurement,
            modifier_settings={"normsys": {"interpcode": normsys}, "histosys": {"interpcode": histosys}},
        )
        return PyhfModel(model, read.data(model))

    return make


@pytest.fixture
def generic() -> dict[str, Any]:
    """Two channels with every supported modifier, some shared; bins without an uncertainty or without events."""
    free = {"name": "mu", "type": "normfactor", "data": None}
    lumi = {"name": "lumi", "type": "lumi", "data": None}
    size = {"name": "size", "type": "normsys", "data": {"hi": 1.25, "lo": 0.85}}
    return {
        "channels": [
            {
                "name": "right",
                "samples": [
                    {
                        "name": "signal",
                        "data": [4.0, 6.0],
                        "modifiers": [
                            free,
                            lumi,
                            {"name": "size", "type": "normsys", "data": {"hi": 0.9, "lo": 1.2}},
                            {"name": "stat_right", "type": "staterror", "data": [0.4, 0.5]},
                        ],
                    },
                    {
                        "name": "background",
                        "data": [12.0, 0.0],
                        "modifiers": [
                            lumi,
                            {
                                "name": "shape",
                                "type": "histosys",
                                "data": {"hi_data": [13.0, 0.5], "lo_data": [11.5, 0.0]},
                            },
                            {"name": "bins_right", "type": "shapesys", "data": [1.5, 0.5]},
                        ],
                    },
                ],
            },
            {
                "name": "left",
                "samples": [
                    {
                        "name": "signal",
                        "data": [3.0, 5.0, 2.0],
                        "modifiers": [
                            free,
                            size,
                            {
                                "name": "shape",
                                "type": "histosys",
                                "data": {"hi_data": [3.6, 5.2, 1.5], "lo_data": [2.7, 5.1, 2.2]},
                            },
                            {"name": "stat_left", "type": "staterror", "data": [0.3, 0.0, 0.4]},
                        ],
                    },
                    {
                        "name": "background",
                        "data": [20.0, 15.0, 10.0],
                        "modifiers": [
                            {"name": "factor", "type": "normfactor", "data": None},
                            {"name": "size", "type": "normsys", "data": {"hi": 1.1, "lo": 0.95}},
                            {
                                "name": "tilt",
                                "type": "histosys",
                                "data": {"hi_data": [22.0, 15.0, 9.0], "lo_data": [17.0, 15.5, 10.5]},
                            },
                            {"name": "stat_left", "type": "staterror", "data": [1.0, 0.0, 0.8]},
                            {"name": "bins_left", "type": "shapesys", "data": [2.0, 1.0, 0.0]},
                        ],
                    },
                    {
                        "name": "small",
                        "data": [1.0, 0.5, 0.25],
                        "modifiers": [
                            {"name": "other", "type": "normsys", "data": {"hi": 1.3, "lo": 0.7}},
                            {
                                "name": "other",
                                "type": "histosys",
                                "data": {"hi_data": [1.2, 0.5, 0.2], "lo_data": [0.9, 0.45, 0.35]},
                            },
                            size,
                        ],
                    },
                ],
            },
        ],
        "observations": [{"name": "left", "data": [25.0, 24.0, 9.0]}, {"name": "right", "data": [15.0, 5.0]}],
        "measurements": [
            {
                "name": "everything",
                "config": {
                    "poi": "mu",
                    "parameters": [
                        {"name": "lumi", "auxdata": [1.0], "sigmas": [0.03], "bounds": [[0.5, 1.5]], "inits": [1.0]},
                        {"name": "tilt", "bounds": [[-8.0, 8.0]]},
                        {"name": "factor", "inits": [0.9], "bounds": [[0.1, 5.0]]},
                    ],
                },
            },
            {
                "name": "some_fixed",
                "config": {
                    "poi": "mu",
                    "parameters": [
                        {"name": "lumi", "auxdata": [1.1], "sigmas": [0.05], "bounds": [[0.5, 1.5]], "inits": [1.0]},
                        {"name": "factor", "inits": [1.0], "fixed": True},
                        {"name": "size", "inits": [0.3], "fixed": True},
                    ],
                },
            },
        ],
        "version": "1.0.0",
    }


@pytest.fixture(scope="session")
def workspaces() -> dict[tuple[str, str], dict[str, Any]]:
    """Of the paper's analyses under either law."""
    return {(name, law): load_analysis(name, law).workspace for name, law in itertools.product(ANALYSES, LAWS)}
