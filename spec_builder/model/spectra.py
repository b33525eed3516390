"""A recoil spectrum as a signal: a sample of its own beside the neutrinos, whose strength is fitted or limited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonpatch
import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.response import MatrixResponse
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.patches import NEW_SAMPLE, STRENGTH
from spec_builder.model.signal import LARGEST_SHARE_BEYOND, Yields, signal_kernel
from spec_builder.model.workspace import NEW_PHYSICS, round_yields, signal_modifiers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Channel
    from spec_builder.experiments.response import Response, Selection
    from spec_builder.experiments.spectra import RecoilSpectrum
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.workspace import Workspace

__all__ = [
    "MEASUREMENT",
    "share_outside",
    "spectrum_likelihood",
    "spectrum_notes",
    "spectrum_patch",
    "spectrum_workspace",
    "spectrum_yields",
]

#: The measurement whose parameter of interest is the strength.
MEASUREMENT = "signal_strength"
#: The strength runs up to this many events for each one observed, and this many more.
_EVENTS_PER_OBSERVED, _EVENTS_MORE = 10.0, 100.0
#: Nodes of the integral below a response's first row, evenly spaced in the logarithm over this ratio of energies.
_NODES_BELOW, _RATIO_BELOW = 400, 1e3


def spectrum_yields(channel: Channel, spectrum: RecoilSpectrum) -> Yields:
    """Events of a spectrum in a channel as a polynomial in its strength, without the neutrinos.

    The integral is exact: the spectrum and a ``matrix`` response are linear between their rows.

    Returns:
        (0, events, 0) of shape (3, 1, bins), and the same at +1 and -1 of each shape parameter.

    Raises:
        SpecBuilderError: if the channel's exposure is none of tonne-years.
    """
    if channel.source.kind != "flux":
        raise SpecBuilderError(
            f"channel {channel.name}: its source has a fluence and its exposure no time, so that a spectrum in "
            "events/(t yr keV) gives no events; leave the experiment out"
        )
    breaks = tuple(spectrum.recoil_energy_keV.tolist())
    correction = signal_kernel(channel).correction

    def events(response: Response) -> FloatArray:
        kernel = response.kernel(channel.exposures, breaks_keV=breaks).scaled(correction)
        folded = kernel.fold(spectrum.at(kernel.recoil_energy_keV))
        nothing = np.zeros_like(folded)
        return np.stack([nothing, folded, nothing])[:, None, :]

    variations = {name: (events(up), events(down)) for name, (up, down) in channel.variations.items()}
    return Yields(events(channel.response), variations)


# ---------------------------------------------------------------- what the response does not reach


def share_outside(channel: Channel, spectrum: RecoilSpectrum) -> float:
    """Share of a spectrum's accepted events that would lie outside the recoil energies of a channel's response.

    Above the last row the last probability is held; below the first one the first two rows are continued as a power
    of the energy. Only a ``matrix`` response ends anywhere.
    """
    response = channel.response
    if not isinstance(response, MatrixResponse):
        return 0.0
    breaks = tuple(spectrum.recoil_energy_keV.tolist())
    kernel = response.kernel(channel.exposures, breaks_keV=breaks)
    inside = float(kernel.fold(spectrum.at(kernel.recoil_energy_keV)).sum())
    beyond = response.kernel_beyond(channel.exposures, float(spectrum.recoil_energy_keV[-1]))
    above = 0.0 if beyond is None else float(beyond.fold(spectrum.at(beyond.recoil_energy_keV)).sum())
    runs = zip(channel.exposures, response.selections, strict=True)
    outside = above + sum(exposure * _below(selection, spectrum) for exposure, selection in runs)
    return outside / (inside + outside) if outside else 0.0


def _below(selection: Selection, spectrum: RecoilSpectrum) -> float:
    """Accepted events per tonne-year below the first row of a response."""
    first, second = selection.recoil_energy_keV[:2]
    accepted, next_accepted = selection.probability[:, :2].sum(axis=0)
    if accepted == 0 or spectrum.recoil_energy_keV[0] >= first:
        return 0.0
    power = max(np.log(next_accepted / accepted) / np.log(second / first), 0.0) if next_accepted > 0 else 0.0
    energy = np.geomspace(max(first / _RATIO_BELOW, spectrum.recoil_energy_keV[0]), first, _NODES_BELOW)
    rate = accepted * (energy / first) ** power * spectrum.at(energy)
    return float(np.trapezoid(rate, energy))


def spectrum_notes(analysis: Analysis, spectrum: RecoilSpectrum) -> tuple[tuple[str, str], ...]:
    """What a result with a spectrum should say: experiment and text of each note."""
    notes = []
    for experiment, channel in analysis.pairs:
        if not _acts(channel, spectrum):
            text = f"the spectrum is one on {spectrum.target}: {channel.name} stays at the Standard Model"
            notes.append((experiment.name, text))
            continue
        share = share_outside(channel, spectrum)
        if share > LARGEST_SHARE_BEYOND and isinstance(channel.response, MatrixResponse):
            energies = np.concatenate([s.recoil_energy_keV for s in channel.response.selections])
            text = (
                f"{100 * share:.2g} % of the accepted events of {spectrum.name} in {channel.name} would lie outside "
                f"the recoil energies of its response, {energies.min():g} to {energies.max():g} keV; they are left out"
            )
            notes.append((experiment.name, text))
    return tuple(notes)


# ---------------------------------------------------------------- workspaces


def _acts(channel: Channel, spectrum: RecoilSpectrum) -> bool:
    return spectrum.target in ("", channel.target.name)


def _uncertainties(channel: Channel) -> dict[str, float]:
    """Those of every signal of a channel but the sizes of its source: what the detector does to any recoil."""
    fluxes = {component.parameter for component in channel.source.components}
    first, *others = channel.signals
    return {
        name: size
        for name, size in first.uncertainties.items()
        if name not in fluxes and all(name in other.uncertainties for other in others)
    }


def spectrum_patch(analysis: Analysis, spectrum: RecoilSpectrum) -> list[dict[str, Any]]:
    """JSON patch of an analysis' workspace: the spectrum as a sample ``new_physics``, scaled by ``mu_np``.

    In the workspace's own measurements the strength is held at 1; a further one, ``signal_strength``, has it as its
    parameter of interest, with the neutrinos at their reference size within its uncertainty.

    Raises:
        SpecBuilderError: if the spectrum gives no events, or the targets differ and it does not say which is its own.
    """
    channels = {channel.name: channel for channel in analysis.channels if _acts(channel, spectrum)}
    targets = sorted({channel.target.name for channel in analysis.channels})
    if not channels:
        raise SpecBuilderError(
            f"spectrum {spectrum.name}: its target is {spectrum.target}, but {analysis.name} has {', '.join(targets)}"
        )
    if len(targets) > 1 and not spectrum.target:
        raise SpecBuilderError(
            f"spectrum {spectrum.name}: {analysis.name} has the targets {', '.join(targets)}, expected a header line "
            "'# target: ...' with the one it belongs to"
        )
    yields = {name: spectrum_yields(channel, spectrum) for name, channel in channels.items()}
    events = sum(float(y.nominal[1].sum()) for y in yields.values())
    if not events > 0:
        raise SpecBuilderError(f"spectrum {spectrum.name}: it gives no events in {analysis.name}")
    operations: list[dict[str, Any]] = []
    for i, described in enumerate(analysis.workspace["channels"]):
        if described["name"] in channels:
            channel = channels[described["name"]]
            sample = _sample(analysis, channel, yields[channel.name])
            operations.append({"op": "add", "path": f"/channels/{i}/samples/-", "value": sample})
    observed = sum(float(channel.observed.sum()) for channel in analysis.channels)
    largest = float(f"{(_EVENTS_PER_OBSERVED * observed + _EVENTS_MORE) / events:.2g}")
    return operations + _measurements(analysis.workspace["measurements"], largest)


def _sample(analysis: Analysis, channel: Channel, yields: Yields) -> dict[str, Any]:
    template = yields.template(1.0)
    modifiers = signal_modifiers(analysis.law, _uncertainties(channel), template)
    modifiers.append({"name": STRENGTH, "type": "normfactor", "data": None})
    return {
        "name": NEW_SAMPLE,
        "data": round_yields(template.nominal),
        "modifiers": sorted(modifiers, key=lambda m: (m["name"], m["type"])),
    }


def _measurements(measurements: Sequence[Mapping[str, Any]], largest: float) -> list[dict[str, Any]]:
    """The strength in every measurement, and one of it."""

    def strength(*, fixed: bool) -> dict[str, Any]:
        return {"name": STRENGTH, "inits": [1.0], "bounds": [[0.0, max(largest, 1.0)]], "fixed": fixed}

    operations: list[dict[str, Any]] = [
        {"op": "add", "path": f"/measurements/{i}/config/parameters/-", "value": strength(fixed=True)}
        for i in range(len(measurements))
    ]
    physics = next(measurement for measurement in measurements if measurement["name"] == NEW_PHYSICS)
    free = strength(fixed=False) | {"inits": [min(1.0, largest / 10)], "bounds": [[0.0, largest]]}
    config = {"poi": STRENGTH, "parameters": [*physics["config"]["parameters"], free]}
    return [*operations, {"op": "add", "path": "/measurements/-", "value": {"name": MEASUREMENT, "config": config}}]


def spectrum_workspace(analysis: Analysis, spectrum: RecoilSpectrum) -> Workspace:
    """The workspace of an analysis with a spectrum in it; see :func:`spectrum_patch`."""
    patched: Workspace = jsonpatch.apply_patch(analysis.workspace, spectrum_patch(analysis, spectrum))
    return patched


def spectrum_likelihood(analysis: Analysis, spectrum: RecoilSpectrum) -> Likelihood:
    """Likelihood with the strength of a spectrum as its parameter of interest."""
    return Likelihood.from_workspace(spectrum_workspace(analysis, spectrum), MEASUREMENT)
