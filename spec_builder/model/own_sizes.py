"""Fluxes and uncertainties that a user's analysis sets in all of its experiments."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.consistency import check_relative

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.experiments.description import Channel, Experiment
    from spec_builder.model.analyses import NamedAnalysis

__all__ = ["check_own_sizes", "own_sizes_in_words", "with_own_sizes"]


def with_own_sizes(experiment: Experiment, own: NamedAnalysis) -> Experiment:
    """The experiment with the fluxes and uncertainties of a user's analysis, wherever they stand."""
    return replace(experiment, channels=tuple(_channel_with_sizes(channel, own) for channel in experiment.channels))


def _channel_with_sizes(channel: Channel, own: NamedAnalysis) -> Channel:
    source = channel.source
    for name, flux in own.fluxes.items():
        if name in source.names:
            source = source.with_size(name, flux)
    return replace(channel.resized(own.uncertainties), source=source)


def check_own_sizes(experiments: Sequence[Experiment], own: NamedAnalysis, file: str) -> None:
    """Refuse a flux or an uncertainty that none of the experiments has, or one that is not relative throughout.

    Args:
        experiments: of the analysis.
        own: the analysis.
        file: where it is described.

    Raises:
        SpecBuilderError: naming the first, and those there are.
    """
    channels = [channel for experiment in experiments for channel in experiment.channels]
    components = {name for channel in channels for name in channel.source.names}
    parameters = {name for channel in channels for sample in channel.samples for name in sample.uncertainties}
    for key, given, there in (("flux", own.fluxes, components), ("uncertainties", own.uncertainties, parameters)):
        for name in given:
            if name not in there:
                raise SpecBuilderError(
                    f"{file}: {key}.{name} acts on nothing, expected one of {', '.join(sorted(there))}"
                )
    check_relative(experiments, own.uncertainties)


def own_sizes_in_words(own: NamedAnalysis) -> tuple[str, ...]:
    """What a user's analysis sets, a text for each size."""
    fluxes = [f"{name} is {flux:g} in all experiments" for name, flux in own.fluxes.items()]
    return (*fluxes, *(f"{name} is {size:g} in all experiments" for name, size in own.uncertainties.items()))
