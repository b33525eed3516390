"""Events of a recoil spectrum that is given as a table, and what a response does not reach of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.response import MatrixResponse
from spec_builder.model.signal import LARGEST_SHARE_BEYOND, Yields, signal_kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Channel
    from spec_builder.experiments.response import Response, Selection
    from spec_builder.experiments.spectra import RecoilSpectrum
    from spec_builder.model.analysis import Analysis

__all__ = ["acts_on", "share_outside", "spectrum_notes", "spectrum_yields"]

#: Nodes of the integral below a response's first row, evenly spaced in the logarithm over this ratio of energies.
_NODES_BELOW, _RATIO_BELOW = 400, 1e3
#: What recoils, by the kind of a target.
RECOILING = {"nucleus": "nuclei", "electron": "electrons"}


def acts_on(channel: Channel, spectrum: RecoilSpectrum) -> bool:
    """Whether a spectrum belongs to a channel's target; one that names no target belongs to all that recoil so."""
    return spectrum.target in ("", channel.target.name) and spectrum.recoil in ("", channel.target.kind)


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
    for experiment in analysis.experiments:
        idle = [channel.name for channel in experiment.channels if not acts_on(channel, spectrum)]
        if idle:
            of = f"on {spectrum.target}" if spectrum.target else f"of recoiling {RECOILING[spectrum.recoil]}"
            text = f"the spectrum is one {of}: {', '.join(idle)} stays at the Standard Model"
            notes.append((experiment.name, text))
        acting = [channel for channel in experiment.channels if acts_on(channel, spectrum)]
        share = max((share_outside(channel, spectrum) for channel in acting), default=0.0)
        if share > LARGEST_SHARE_BEYOND:
            notes.append((experiment.name, _outside(acting, spectrum, share)))
    return tuple(notes)


def _outside(channels: Sequence[Channel], spectrum: RecoilSpectrum, share: float) -> str:
    responses = [channel.response for channel in channels if isinstance(channel.response, MatrixResponse)]
    energies = np.concatenate([s.recoil_energy_keV for response in responses for s in response.selections])
    return (
        f"{100 * share:.2g} % of the accepted events of {spectrum.name} would lie outside {energies.min():g} to "
        f"{energies.max():g} keV, the recoil energies of the response; they are left out"
    )
