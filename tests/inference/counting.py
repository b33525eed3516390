"""Counting experiments without any uncertainty, and their exact intervals after Feldman and Cousins."""

from __future__ import annotations

import numpy as np
from scipy.stats import poisson

from spec_builder.inference.likelihood import Likelihood


def counting(
    observed: list[int], signal: list[float], background: list[float], top: float = 30.0, low: float = 0.0
) -> Likelihood:
    """Bins without any uncertainty."""
    mu = {"name": "mu", "type": "normfactor", "data": None}
    return Likelihood.from_workspace(
        {
            "channels": [
                {
                    "name": "bins",
                    "samples": [
                        {"name": "signal", "data": signal, "modifiers": [mu]},
                        {"name": "background", "data": background, "modifiers": []},
                    ],
                }
            ],
            "observations": [{"name": "bins", "data": observed}],
            "measurements": [
                {
                    "name": "m",
                    "config": {"poi": "mu", "parameters": [{"name": "mu", "inits": [1.0], "bounds": [[low, top]]}]},
                }
            ],
            "version": "1.0.0",
        }
    )


def exact_acceptance(mu: float, background: float, cl: float) -> set[int]:
    """Counts accepted at mu: in the order of the ratio of likelihoods until their probability reaches ``cl``."""
    counts = np.arange(80)
    best = np.maximum(counts - background, 0.0)
    ratio = poisson.pmf(counts, mu + background) / poisson.pmf(counts, best + background)
    order = np.argsort(-ratio, kind="stable")
    needed = int(np.searchsorted(np.cumsum(poisson.pmf(counts, mu + background)[order]), cl)) + 1
    return set(counts[order[:needed]].tolist())


def exact_interval(count: int, background: float, cl: float, step: float = 0.01) -> tuple[float, float]:
    inside = [mu for mu in np.arange(0, 20, step) if count in exact_acceptance(mu, background, cl)]
    return float(inside[0]), float(inside[-1])
