"""Signals to put into the workspaces of shipped analyses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

__all__ = ["random_signals", "signal"]


def signal(workspace: dict[str, Any]) -> FloatArray:
    """Standard Model yields of all channels, shape (bins,)."""
    return np.concatenate(
        [s["data"] for channel in workspace["channels"] for s in channel["samples"] if s["name"] == "cevns"]
    )


def random_signals(workspace: dict[str, Any], count: int, seed: int = 5) -> FloatArray:
    """Signals (N, bins) from nothing to a thousand times the Standard Model, each bin with its own factor."""
    rng = np.random.default_rng(seed)
    nominal = signal(workspace)
    strength = 10 ** rng.uniform(-2, 3, (count, 1))
    strength[:3, 0] = [0.0, 1.0, 1000.0]
    return nominal * strength * rng.uniform(0.3, 3, (count, nominal.size))
