"""A small model and chunks of its points, for tests of scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.points import ListedPoints

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

__all__ = ["COLUMNS", "listed", "small_chunks", "small_likelihood"]

COLUMNS = ("twice_nll", "edm", "valid", "reason", "at_bound", "theta_efficiency", "theta_mu", "theta_tilt")


def small_likelihood() -> Likelihood:
    """Two bins, a signal and a background with an uncertainty each."""
    return Likelihood.from_workspace(
        {
            "channels": [
                {
                    "name": "one",
                    "samples": [
                        {
                            "name": "signal",
                            "data": [3.0, 2.0],
                            "modifiers": [
                                {"name": "mu", "type": "normfactor", "data": None},
                                {"name": "efficiency", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
                            ],
                        },
                        {
                            "name": "background",
                            "data": [5.0, 8.0],
                            "modifiers": [
                                {
                                    "name": "tilt",
                                    "type": "histosys",
                                    "data": {"hi_data": [6.0, 7.0], "lo_data": [4.0, 9.0]},
                                }
                            ],
                        },
                    ],
                }
            ],
            "observations": [{"name": "one", "data": [9, 8]}],
            "measurements": [
                {"name": "m", "config": {"poi": "mu", "parameters": [{"name": "mu", "inits": [1.0], "fixed": True}]}}
            ],
            "version": "1.0.0",
        }
    )


def listed(likelihood: Likelihood, yields: FloatArray) -> ListedPoints:
    return ListedPoints.of(likelihood.specification, "signal", yields)


def small_chunks(likelihood: Likelihood) -> list[ListedPoints]:
    """Twenty small chunks, each of its own size."""
    rng = np.random.default_rng(4)
    return [listed(likelihood, rng.uniform(0.1, 30, (size, 2))) for size in range(1, 21)]
