"""From a pyhf workspace to the parameters, factors and templates of a likelihood."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import unknown_name
from spec_builder.histfactory.checks import setting_problems
from spec_builder.histfactory.groups import GAMMA_BOUNDS, GroupBuilder, StatError, values_of_bins
from spec_builder.histfactory.interpolation import Factor
from spec_builder.histfactory.parameters import Parameters
from spec_builder.histfactory.specification import Constraint, ParameterSpec, Specification

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.histfactory.interpolation import Kind

__all__ = ["read_specification"]

_NORMSYS_KINDS: dict[str, Kind] = {"code1": "normsys_code1", "code4": "normsys_code4"}
_HISTOSYS_KINDS: dict[str, Kind] = {"code0": "histosys_code0", "code4p": "histosys_code4p"}


def _bin_count(channel: Mapping[str, Any], observation: Sequence[float]) -> int:
    """Bins of a channel by majority, so that the one that differs is blamed."""
    lengths = Counter([len(observation), *(len(sample["data"]) for sample in channel["samples"])])
    return lengths.most_common(1)[0][0]


def _stat_errors(
    channels: Sequence[Mapping[str, Any]], slices: Mapping[str, slice], parameters: Parameters
) -> dict[str, StatError]:
    """Register the gamma parameters of ``staterror``, whose widths are relative to the sum of its samples."""
    errors: dict[str, StatError] = {}
    for channel in channels:
        place = slices[channel["name"]]
        bins = place.stop - place.start
        totals: dict[str, FloatArray] = {}
        squares: dict[str, FloatArray] = {}
        for sample in channel["samples"]:
            for modifier in sample["modifiers"]:
                if modifier["type"] == "staterror":
                    name = modifier["name"]
                    here = f"channel '{channel['name']}', sample '{sample['name']}', modifier '{name}'"
                    width = values_of_bins(here, "data", modifier["data"], bins)
                    totals[name] = totals.get(name, np.zeros(bins)) + np.array(sample["data"])
                    squares[name] = squares.get(name, np.zeros(bins)) + width**2
        for name, total in totals.items():
            relative = np.sqrt(np.divide(squares[name], total**2, out=np.zeros(bins), where=total > 0))
            entry = errors.setdefault(name, StatError({}, np.zeros(0)))
            entry.first[place.start] = entry.uncertainty.size
            entry.uncertainty = np.concatenate([entry.uncertainty, relative])
    for name, entry in errors.items():
        for i, sigma in enumerate(entry.uncertainty):
            parameters.add(
                f"modifier '{name}'",
                name,
                "staterror",
                init=1.0,
                bounds=GAMMA_BOUNDS,
                constraint=Constraint("normal", 1.0, float(sigma) if sigma > 0 else 1.0),
                fixed=not sigma > 0,
                index=i,
            )
    return errors


def read_specification(
    workspace: Mapping[str, Any],
    measurement: str | None,
    *,
    normsys: Literal["code1", "code4"] = "code4",
    histosys: Literal["code0", "code4p"] = "code4p",
    poi: str | None = None,
) -> Specification:
    """Read a pyhf workspace.

    Args:
        workspace: the content of the JSON file.
        measurement: its name; None for the first.
        normsys: interpolation code; pyhf's command line uses the default.
        histosys: likewise.
        poi: parameter of interest in the place of the measurement's, '' for none; None leaves the measurement's.
            Published workspaces name one that only their patches have: read them with ''.

    Raises:
        SpecBuilderError: naming channel, sample and modifier, for anything that is missing, malformed or not
            supported.
    """
    try:
        return _read(workspace, measurement, (_NORMSYS_KINDS[normsys], _HISTOSYS_KINDS[histosys]), poi)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError, OverflowError) as error:
        raise SpecBuilderError(
            f"not a pyhf workspace: {type(error).__name__} {error}; 'spec-builder verify' says where"
        ) from None


def _channels(
    workspace: Mapping[str, Any],
) -> tuple[list[Mapping[str, Any]], dict[str, slice], FloatArray]:
    """Channels in order of name, the slice of bins of each, and all counts."""
    channels = sorted(workspace["channels"], key=lambda channel: str(channel["name"]))
    names = [channel["name"] for channel in channels]
    if len(set(names)) < len(names):
        raise SpecBuilderError(f"channel '{max(names, key=names.count)}' stands twice; rename or remove one")
    for channel in channels:
        _check_samples(channel)
    observations = {o["name"]: o["data"] for o in workspace["observations"]}
    for channel_name in names:
        if channel_name not in observations:
            raise SpecBuilderError(f"channel '{channel_name}' has no observation")
    sizes = [_bin_count(channel, observations[channel["name"]]) for channel in channels]
    ends = list(itertools.accumulate(sizes, initial=0))
    slices = {key: slice(a, b) for key, (a, b) in zip(names, itertools.pairwise(ends), strict=True)}
    observed = np.concatenate(
        [
            values_of_bins(f"observation '{k}'", "data", observations[k], size)
            for k, size in zip(names, sizes, strict=True)
        ]
    )
    for key, place in slices.items():
        if not (np.isfinite(observed[place]) & (observed[place] >= 0)).all():
            raise SpecBuilderError(f"observation '{key}': counts must be finite numbers >= 0")
    return channels, slices, observed


def _check_samples(channel: Mapping[str, Any]) -> None:
    """Refuse a channel without bins, or with samples of one name or without a list."""
    where, samples = f"channel '{channel['name']}'", channel["samples"]
    names = [sample["name"] for sample in samples]
    if len(set(names)) < len(names):
        raise SpecBuilderError(f"{where}, sample '{max(names, key=names.count)}' stands twice; rename or remove one")
    for sample in samples:
        if not isinstance(sample["data"], list):
            raise SpecBuilderError(f"{where}, sample '{sample['name']}': 'data' must be a list of numbers")
    if not any(sample["data"] for sample in samples):
        raise SpecBuilderError(f"{where} has no bin")


def _given_interest(measurement: str, given: object, parameters: Parameters) -> str:
    """The parameter of interest that a measurement names.

    Raises:
        SpecBuilderError: if it is one of several, or stands for several.
    """
    poi = str(given)
    element = poi in parameters.specs and poi not in parameters.shapes
    if element or f"{poi}[1]" in parameters.specs:
        what = "one of several" if element else "a number for each bin"
        raise SpecBuilderError(
            f"measurement '{measurement}': the parameter of interest '{poi}' is {what}, which pyhf does not take; "
            "name one that stands alone, or none"
        )
    return poi


def _unknown_interest(
    measurement: str, poi: str, parameters: Sequence[ParameterSpec], *, chosen: bool
) -> SpecBuilderError:
    if chosen:
        return unknown_name("parameter", poi, [spec.name for spec in parameters])
    return SpecBuilderError(
        f"measurement '{measurement}': no modifier has the parameter of interest '{poi}'; "
        "apply a patch that brings it, or choose another"
    )


def _read(
    workspace: Mapping[str, Any], measurement: str | None, codes: tuple[Kind, Kind], interest: str | None
) -> Specification:
    name, config = _measurement(workspace, measurement)
    channels, slices, observed = _channels(workspace)
    for problem in setting_problems(workspace):
        raise SpecBuilderError(problem)
    parameters = Parameters({p["name"]: p for p in config["parameters"]})
    builder = GroupBuilder(observed.size, parameters, codes)
    stat = _stat_errors(channels, slices, parameters)
    for channel in channels:
        place = slices[channel["name"]]
        for sample in channel["samples"]:
            where = f"channel '{channel['name']}', sample '{sample['name']}'"
            values_of_bins(where, "data", sample["data"], place.stop - place.start)
            builder.sample(where, (channel["name"], place), sample, stat)

    specs = tuple(parameters.specs[key] for key in sorted(parameters.specs))
    index = {spec.name: i for i, spec in enumerate(specs)}
    poi = _given_interest(name, config["poi"], parameters) if interest is None else interest
    if f"{poi}[0]" in index and f"{poi}[1]" not in index:
        poi = f"{poi}[0]"  # the one bin of a shapesys: pyhf takes its name for it
    if poi and poi not in index:
        raise _unknown_interest(name, poi, specs, chosen=interest is not None)
    factors = tuple(Factor(index[p], kind, high, low) for p, kind, high, low in builder.factor_index)
    vectors = tuple(np.array([index.get(p, -1) for p in names], dtype=np.intp) for names in builder.vectors)
    bent = tuple(sorted(index[name] for name in builder.bent))
    shaped = frozenset(builder.shaped)
    return Specification(slices, observed, specs, factors, tuple(builder.groups), poi, vectors, codes[1], shaped, bent)


def _measurement(workspace: Mapping[str, Any], name: str | None) -> tuple[str, Mapping[str, Any]]:
    """A measurement's name and what it says; the first one's by default."""
    measurements = {m["name"]: m for m in workspace["measurements"]}
    if not measurements:
        raise SpecBuilderError("the workspace has no measurement; it needs at least one")
    name = next(iter(measurements)) if name is None else name
    if name not in measurements:
        raise unknown_name("measurement", name, measurements)
    config: Mapping[str, Any] = measurements[name]["config"]
    return name, config
