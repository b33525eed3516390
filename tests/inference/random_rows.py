"""Random structures of small models with rows that have everything of their own, and each row as a workspace.

A structure is what a likelihood is built from once: channels, samples, names of modifiers. Its rows differ in the
signal's yields, the signal's shapes and ratios, counts and auxiliary data, so that each is a model of its own.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf

from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import Rows

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

__all__ = ["LARGE", "as_pyhf", "random_rows"]

#: Chance that a sample has no events in a bin, and that nothing is counted there.
_EMPTY_SAMPLE, _EMPTY_COUNT = 0.15, 0.2
#: One structure of so many has dozens of nuisance parameters.
LARGE = 50
_CODES = {"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}}


def _ratios(rng: np.random.Generator, count: int) -> tuple[FloatArray, FloatArray]:
    """Numbers hi and lo of so many ``normsys``, the half of them symmetric in the logarithm."""
    high = rng.uniform(1.02, 1.4, count)
    return high, np.where(rng.random(count) < 0.5, 1 / high, rng.uniform(0.7, 0.98, count))


def _modifiers(
    rng: np.random.Generator, sample: str, channel: str, nominal: FloatArray, counts: tuple[int, int]
) -> list[dict[str, Any]]:
    """Modifiers of a sample: so many ``normsys`` and ``histosys`` at most, and some of the other kinds."""
    found: list[dict[str, Any]] = []
    if sample == "signal":
        found.append({"name": "mu", "type": "normfactor", "data": None})
    for i in range(rng.integers(0, counts[0] + 1)):
        high, low = _ratios(rng, 1)
        found.append({"name": f"size{i}", "type": "normsys", "data": {"hi": float(high[0]), "lo": float(low[0])}})
    for i in range(rng.integers(0, counts[1] + 1)):
        up, down = (nominal * (1 + rng.uniform(-0.25, 0.25, nominal.size)) for _ in range(2))
        found.append(
            {"name": f"shape{i}", "type": "histosys", "data": {"hi_data": up.tolist(), "lo_data": down.tolist()}}
        )
    if rng.random() < 0.2:
        found.append({"name": "lumi", "type": "lumi", "data": None})
    width = (nominal * rng.uniform(0.05, 0.3, nominal.size)).tolist()
    kind = rng.choice(["staterror", "shapesys", "shapefactor", "none"], p=[0.3, 0.3, 0.1, 0.3])
    if sample == "background" and kind == "staterror":
        found.append({"name": f"stat_{channel}", "type": "staterror", "data": width})
    elif sample == "background" and kind == "shapesys":
        found.append({"name": f"bins_{channel}", "type": "shapesys", "data": width})
    elif sample == "other" and kind == "shapefactor":
        found.append({"name": f"free_{channel}", "type": "shapefactor", "data": None})
    return found


def _structure(rng: np.random.Generator, *, large: bool) -> dict[str, Any]:
    """A workspace of 1 to 12 bins."""
    counts = (int(rng.integers(5, 30)), int(rng.integers(5, 25))) if large else (2, 2)
    channels, observations = [], []
    for c, bins in enumerate(rng.integers(1, 7, rng.integers(1, 3)).tolist()):
        samples, total = [], np.zeros(bins)
        for name in ["signal", "background", "other"][: rng.integers(2, 4)]:
            nominal = 10 ** rng.uniform(-1, 2.5) * rng.uniform(0.1, 1, bins)
            nominal *= rng.random(bins) > _EMPTY_SAMPLE
            own = _modifiers(rng, name, f"c{c}", nominal, counts)
            samples.append({"name": name, "data": nominal.tolist(), "modifiers": own})
            total += nominal
        channels.append({"name": f"c{c}", "samples": samples})
        observations.append({"name": f"c{c}", "data": rng.poisson(total).astype(float).tolist()})
    parameters: list[dict[str, Any]] = [
        {"name": "mu", "inits": [1.0], "bounds": [[0.0, 20.0]], "fixed": bool(rng.random() < 0.5)}
    ]
    if any(m["type"] == "lumi" for c in channels for s in c["samples"] for m in s["modifiers"]):
        lumi = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.03], "bounds": [[0.5, 1.5]], "inits": [1.0]}
        parameters.append(lumi)
    return {
        "channels": channels,
        "observations": observations,
        "measurements": [{"name": "fit", "config": {"poi": "mu", "parameters": parameters}}],
        "version": "1.0.0",
    }


def random_rows(seed: int, count: int) -> tuple[dict[str, Any], Likelihood, Rows]:
    """A structure, its likelihood, and rows with yields, shapes, ratios, counts and auxiliary data of their own.

    Args:
        seed: of the random numbers.
        count: N.
    """
    rng = np.random.default_rng([20250512, seed])
    workspace = _structure(rng, large=seed % LARGE == 0)
    likelihood = Likelihood.from_workspace(workspace)
    bins = likelihood.observed.size
    signal, others = np.zeros((bins, 1)), np.zeros((bins, 1))
    shapes, ratios = set(), {}
    for channel in workspace["channels"]:
        place = likelihood.specification.channels[channel["name"]]
        for sample in channel["samples"]:
            (signal if sample["name"] == "signal" else others)[place, 0] += sample["data"]
            for modifier in sample["modifiers"] if sample["name"] == "signal" else []:
                if modifier["type"] == "histosys":
                    shapes.add(modifier["name"])
                if modifier["type"] == "normsys":
                    ratios[channel["name"], "signal", modifier["name"]] = _ratios(rng, count)
    yields = signal * 10 ** rng.uniform(-2, 1, count) * rng.uniform(0.5, 1.5, (bins, count))
    variations = {
        ("signal", name): tuple(_varied(rng, workspace, likelihood, name, yields) for _ in range(2))
        for name in sorted(shapes)
    }
    counted = rng.random((bins, count)) > _EMPTY_COUNT * rng.integers(0, 2, count)
    return (
        workspace,
        likelihood,
        Rows(
            yields={"signal": yields},
            variations=variations,
            ratios=ratios,
            observed=rng.poisson(yields + others) * counted.astype(float),
            auxiliary=_auxiliary(rng, likelihood, count),
        ),
    )


def _varied(
    rng: np.random.Generator, workspace: dict[str, Any], likelihood: Likelihood, name: str, yields: FloatArray
) -> FloatArray:
    """The signal where a ``histosys`` is at one standard deviation; channels that do not have it keep their yields."""
    factor = 1 + rng.uniform(-0.25, 0.25, yields.shape)
    for channel in workspace["channels"]:
        (sample,) = (sample for sample in channel["samples"] if sample["name"] == "signal")
        if not any((m["name"], m["type"]) == (name, "histosys") for m in sample["modifiers"]):
            factor[likelihood.specification.channels[channel["name"]]] = 1.0
    return yields * factor


def _auxiliary(rng: np.random.Generator, likelihood: Likelihood, count: int) -> FloatArray:
    """Auxiliary data as toys have them, shape (K, N)."""
    data = np.empty((len(likelihood.constrained()), count))
    for row, i in zip(data, likelihood.constrained(), strict=True):
        constraint = likelihood.specification.parameters[i].constraint
        assert constraint is not None
        if constraint.kind == "normal":
            row[:] = rng.normal(constraint.auxiliary, constraint.scale, count)
        else:
            row[:] = rng.poisson(constraint.auxiliary, count)
    return data


def as_pyhf(workspace: dict[str, Any], likelihood: Likelihood, rows: Rows, row: int) -> tuple[Any, FloatArray]:
    """One row as pyhf's model and data."""
    changed = copy.deepcopy(workspace)
    assert rows.observed is not None
    assert rows.auxiliary is not None
    for channel, observation in zip(changed["channels"], changed["observations"], strict=True):
        place = likelihood.specification.channels[channel["name"]]
        observation["data"] = rows.observed[place, row].tolist()
        for sample in channel["samples"]:
            if sample["name"] == "signal":
                _change(sample, channel["name"], rows, place, row)
    read = pyhf.Workspace(changed, validate=False)
    model = read.model(modifier_settings=_CODES, validate=False)
    data = np.array(read.data(model))
    names = [likelihood.parameters[i] for i in likelihood.constrained()]
    at = model.config.nmaindata
    for name in model.config.auxdata_order:
        own = model.config.param_set(name)
        for k in range(own.n_parameters):
            full = name if own.is_scalar else f"{name}[{k}]"
            if full in names:
                data[at] = rows.auxiliary[names.index(full), row]
            at += 1
    return model, data


def _change(sample: dict[str, Any], channel: str, rows: Rows, place: slice, row: int) -> None:
    """Put a row's numbers into the signal of a channel."""
    sample["data"] = rows.yields["signal"][place, row].tolist()
    for modifier in sample["modifiers"]:
        if modifier["type"] == "histosys":
            high, low = rows.variations["signal", modifier["name"]]
            modifier["data"] = {"hi_data": high[place, row].tolist(), "lo_data": low[place, row].tolist()}
        elif modifier["type"] == "normsys":
            hi, lo = rows.ratios[channel, "signal", modifier["name"]]
            modifier["data"] = {"hi": float(hi[row]), "lo": float(lo[row])}
