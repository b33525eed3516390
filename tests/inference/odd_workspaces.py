"""Workspaces of the odd kinds that people write, drawn by hypothesis: all are within pyhf's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray

__all__ = ["odd_workspaces"]

_SAMPLES = ("signal", "background", "other", "rest")
#: Parameters that a normsys and a histosys may share, within a sample and across samples and channels.
_SHARED = ("a", "b", "c")


class _Oddities(NamedTuple):
    """What a workspace has of its own; each is drawn, so that a failure shrinks to those that matter."""

    zero_bins: bool
    negative_bins: bool
    staterror: tuple[bool, ...]
    shapesys: bool
    shapefactor: bool
    lumi: bool
    shared_factor: bool
    all_scaled: bool


@st.composite
def odd_workspaces(draw: st.DrawFn) -> dict[str, Any]:
    """One to three channels of one to four bins with one to four samples, not all of them in each channel.

    Beside usual modifiers there may be: ``staterror`` in some channels alone, with bins of no width; a ``normfactor``
    of several samples; ``shapefactor`` beside ``histosys``; ``lumi`` with an auxiliary datum of its own; bins without
    events, and samples with negative ones where the sum is positive; ``normsys`` and ``histosys`` of one name;
    parameters that the measurement holds, starts elsewhere, or gives other bounds or auxiliary data.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    names = _SAMPLES[: draw(st.integers(1, 4))]
    flags = (draw(st.booleans()) for _ in range(7))
    odd = _Oddities(next(flags), next(flags), tuple(draw(st.booleans()) for _ in sizes), *flags)
    scale = 10 ** draw(st.floats(0, 4))
    channels: list[dict[str, Any]] = []
    observations: list[dict[str, Any]] = []
    for c, bins in enumerate(sizes):
        present = [name for name in names if rng.random() < 0.75] or [names[-1]]
        samples = _samples(rng, (c, bins), present, odd, scale)
        total = np.sum([sample["data"] for sample in samples], axis=0)
        channels.append({"name": f"channel{c}", "samples": samples})
        counts = rng.poisson(total * rng.uniform(0.8, 1.3)).astype(float)
        observations.append({"name": f"channel{c}", "data": counts.tolist()})
    used = {(m["type"], m["name"]) for c in channels for s in c["samples"] for m in s["modifiers"]}
    return {
        "channels": channels,
        "observations": draw(st.permutations(observations)),
        "measurements": [{"name": "m", "config": {"poi": _interest(used), "parameters": _settings(draw, used)}}],
        "version": "1.0.0",
    }


def _samples(
    rng: np.random.Generator, channel: tuple[int, int], names: list[str], odd: _Oddities, scale: float
) -> list[dict[str, Any]]:
    """The samples of a channel, given by its number and its bins."""
    number, bins = channel
    samples: list[dict[str, Any]] = []
    for place, name in enumerate(names):
        nominal = scale * rng.uniform(0.2, 1.0, bins)
        if odd.zero_bins:
            nominal *= rng.random(bins) > 0.3
        if odd.negative_bins and place > 0:  # the first sample is larger
            nominal *= np.where(rng.random(bins) < 0.4, -0.1, 1.0)
            nominal = np.maximum(nominal, -0.1 * np.array(samples[0]["data"]))
        modifiers = [m for make in _KINDS for m in make(rng, (f"channel{number}", name), nominal, odd)]
        if odd.staterror[number] and name != "signal":
            width = np.abs(nominal) * rng.uniform(0.02, 0.2, bins) * (rng.random(bins) > 0.2)
            modifiers.append({"name": f"stat_{number}", "type": "staterror", "data": width.tolist()})
        samples.append({"name": name, "data": nominal.tolist(), "modifiers": modifiers})
    return samples


def _scales(
    rng: np.random.Generator, where: tuple[str, str], nominal: FloatArray, odd: _Oddities
) -> list[dict[str, Any]]:
    """Free factors, of one sample or of several."""
    del rng, nominal
    names = ["mu"] if where[1] == "signal" or odd.all_scaled else []
    if odd.shared_factor and where[1] in ("background", "other"):
        names.append("factor")
    found: list[dict[str, Any]] = [{"name": name, "type": "normfactor", "data": None} for name in names]
    if odd.lumi and where[1] != "rest":
        found.append({"name": "lumi", "type": "lumi", "data": None})
    return found


def _shared(
    rng: np.random.Generator, where: tuple[str, str], nominal: FloatArray, odd: _Oddities
) -> list[dict[str, Any]]:
    """A normsys, a histosys, or both, of each shared name."""
    del where, odd
    found: list[dict[str, Any]] = []
    for name in _SHARED:
        kind = rng.random()
        if kind < 0.4:
            data = {"hi": float(rng.uniform(1.02, 1.3)), "lo": float(rng.uniform(0.75, 1.05))}
            found.append({"name": name, "type": "normsys", "data": data})
        if 0.25 < kind < 0.6:
            up, down = (nominal * (1 + rng.uniform(-0.2, 0.2, nominal.size)) for _ in range(2))
            shapes = {"hi_data": up.tolist(), "lo_data": down.tolist()}
            found.append({"name": name, "type": "histosys", "data": shapes})
    return found


def _by_bin(
    rng: np.random.Generator, where: tuple[str, str], nominal: FloatArray, odd: _Oddities
) -> list[dict[str, Any]]:
    """Parameters for each bin."""
    channel, sample = where
    found: list[dict[str, Any]] = []
    if odd.shapesys and sample == "other":
        width = np.abs(nominal) * rng.uniform(0.05, 0.3, nominal.size) * (rng.random(nominal.size) > 0.2)
        found.append({"name": f"bins_{channel}", "type": "shapesys", "data": width.tolist()})
    if odd.shapefactor and sample == "rest":
        found.append({"name": f"free_{channel}", "type": "shapefactor", "data": None})
    return found


_KINDS: tuple[Callable[..., list[dict[str, Any]]], ...] = (_scales, _shared, _by_bin)


def _interest(used: set[tuple[str, str]]) -> str:
    return "mu" if ("normfactor", "mu") in used else ""


def _settings(draw: st.DrawFn, used: set[tuple[str, str]]) -> list[dict[str, Any]]:
    """What a measurement says of the parameters."""
    settings: list[dict[str, Any]] = []
    if ("lumi", "lumi") in used:
        centre = draw(st.sampled_from([1.0, 0.93]))
        lumi = {"name": "lumi", "auxdata": [centre], "sigmas": [0.03], "bounds": [[0.5, 1.5]], "inits": [1.0]}
        settings.append(lumi | ({"fixed": True} if draw(st.booleans()) else {}))
    for name in sorted({name for kind, name in used if kind == "normfactor"}):
        bounds, init = draw(
            st.sampled_from([((0.0, 10.0), 1.0), ((0.9, 1.1), 1.0), ((-2.0, 5.0), 0.4), ((0.5, 0.8), 0.6)])
        )
        settings.append({"name": name, "bounds": [list(bounds)], "inits": [init]})
    if ("normfactor", "factor") in used and draw(st.booleans()):
        settings[-1 if settings[-1]["name"] == "factor" else -2]["fixed"] = True
    for name in sorted({name for kind, name in used if kind in ("normsys", "histosys")}):
        odd: dict[str, Any] = draw(
            st.sampled_from(
                [
                    {},
                    {"fixed": True},
                    {"inits": [0.7]},
                    {"inits": [-1.2], "fixed": True},
                    {"bounds": [[-1.0, 2.0]]},
                    {"auxdata": [0.6]},
                ]
            )
        )
        if odd:
            settings.append({"name": name} | odd)
    return settings
