"""Random small workspaces, empty bins included, with signals of some points each: one engine against the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

__all__ = ["random_model"]

#: Chance that a sample has no events in a bin, and that nothing is counted there.
_EMPTY_SAMPLE, _EMPTY_COUNT = 0.15, 0.2


def _modifiers(rng: np.random.Generator, sample: str, nominal: FloatArray, channel: str) -> list[dict[str, Any]]:
    """Some of each kind; parameters are shared between samples and channels by their names."""
    modifiers: list[dict[str, Any]] = []
    if sample == "signal":
        modifiers.append({"name": "mu", "type": "normfactor", "data": None})
    for i in range(rng.integers(0, 3)):
        high = rng.uniform(1.02, 1.4)
        data = {"hi": high, "lo": 1 / high if rng.random() < 0.5 else rng.uniform(0.7, 0.98)}
        modifiers.append({"name": f"size{i}", "type": "normsys", "data": data})
    for i in range(rng.integers(0, 3)):
        up, down = (nominal * (1 + rng.uniform(-0.25, 0.25, nominal.size)) for _ in range(2))
        shapes = {"hi_data": up.tolist(), "lo_data": down.tolist()}
        modifiers.append({"name": f"shape{i}", "type": "histosys", "data": shapes})
    kind = rng.integers(0, 4)
    if kind == 0 and sample != "signal":
        width = nominal * rng.uniform(0.05, 0.3, nominal.size)
        modifiers.append({"name": f"stat_{channel}", "type": "staterror", "data": width.tolist()})
    if kind == 1 and sample != "signal":
        width = nominal * rng.uniform(0.05, 0.3, nominal.size)
        modifiers.append({"name": f"bins_{channel}_{sample}", "type": "shapesys", "data": width.tolist()})
    return modifiers


def random_model(seed: int, points: int) -> tuple[dict[str, Any], FloatArray]:
    """A workspace of 1 to 12 bins whose parameter of interest ``mu`` is fixed or free, and yields of its signal.

    Args:
        seed: of the random numbers.
        points: N.

    Returns:
        The workspace, and nominal events of ``signal`` in all bins, shape (bins, N).
    """
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 7, rng.integers(1, 3))
    channels, observations, signals = [], [], []
    for c, bins in enumerate(sizes):
        samples, total = [], np.zeros(bins)
        for sample in ["signal", "background", "other"][: rng.integers(2, 4)]:
            nominal = 10 ** rng.uniform(-1, 2.5) * rng.uniform(0.1, 1, bins)
            nominal *= rng.random(bins) > _EMPTY_SAMPLE
            samples.append(
                {"name": sample, "data": nominal.tolist(), "modifiers": _modifiers(rng, sample, nominal, f"c{c}")}
            )
            total += nominal
            if sample == "signal":
                signals.append(nominal)
        counts = rng.poisson(total) * (rng.random(bins) > _EMPTY_COUNT)
        channels.append({"name": f"c{c}", "samples": samples})
        observations.append({"name": f"c{c}", "data": counts.astype(float).tolist()})
    scale = 10 ** rng.uniform(-2, 1, points)
    mu: dict[str, Any] = {"name": "mu", "inits": [1.0], "bounds": [[0.0, 20.0]], "fixed": bool(rng.random() < 0.5)}
    workspace = {
        "channels": channels,
        "observations": observations,
        "measurements": [{"name": "fit", "config": {"poi": "mu", "parameters": [mu]}}],
        "version": "1.0.0",
    }
    return workspace, np.concatenate(signals)[:, None] * scale
