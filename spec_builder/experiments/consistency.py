"""What experiments that are analysed together have to agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec_builder.base.errors import SpecBuilderError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from spec_builder.experiments.description import Experiment

__all__ = [
    "check_channels",
    "check_data_sets",
    "check_parameters",
    "check_relative",
    "check_samples",
    "shared_parameters",
]


def check_channels(experiments: Sequence[Experiment]) -> None:
    """Refuse a channel that stands twice.

    Raises:
        SpecBuilderError: naming it.
    """
    names: set[str] = set()
    for experiment in experiments:
        for channel in experiment.channels:
            if channel.name in names:
                raise SpecBuilderError(f"channel '{channel.name}' stands twice: an analysis holds each experiment once")
            names.add(channel.name)


def check_samples(experiments: Sequence[Experiment]) -> None:
    """Refuse a background that has the name of another channel's signal.

    Whatever changes a signal, an interaction or its size, changes the samples of that name in all channels.

    Raises:
        SpecBuilderError: naming the background and the signal's channel.
    """
    channels = [(experiment, channel) for experiment in experiments for channel in experiment.channels]
    signals = {signal.name: channel.name for _, channel in channels for signal in channel.signals}
    for experiment, channel in channels:
        for background in channel.backgrounds:
            if background.name in signals:
                raise SpecBuilderError(
                    f"{experiment.folder}: background '{background.name}' of {channel.name} has the name of a signal "
                    f"of {signals[background.name]}, expected another name"
                )


def check_data_sets(experiments: Sequence[Experiment]) -> None:
    """Refuse a combination in which the same events would count twice.

    Raises:
        SpecBuilderError: naming the data and the two experiments.
    """
    holders: dict[str, str] = {}
    for experiment in experiments:
        for data_set in experiment.data_sets:
            if data_set in holders:
                raise SpecBuilderError(
                    f"{holders[data_set]} and {experiment.name} hold the same data ({data_set}): "
                    "expected experiments whose events count once"
                )
            holders[data_set] = experiment.name


def check_parameters(experiments: Sequence[Experiment]) -> None:
    """Refuse names of parameters that differ by case alone, and one parameter with two sizes.

    A name that stands twice is one shared parameter, so that it can have one size.

    Raises:
        SpecBuilderError: naming the parameter and where it stands.
    """
    seen: dict[str, tuple[str, str]] = {}
    sizes: dict[str, tuple[float, str]] = {}
    for name, size, place in _parameters(experiments):
        known, where = seen.setdefault(name.casefold(), (name, place))
        if known != name:
            raise SpecBuilderError(
                f"{place}: '{name}' differs by case alone from '{known}' ({where}), expected one spelling or two names"
            )
        if size is None:
            continue
        known_size, where = sizes.setdefault(name, (size, place))
        if known_size != size:
            raise SpecBuilderError(
                f"{place}: '{name}' is one shared parameter with two sizes, {size:g} here and {known_size:g} "
                f"({where}), expected one size or two names"
            )


def check_relative(experiments: Sequence[Experiment], names: Iterable[str]) -> None:
    """Refuse a new size for uncertainties that are somewhere a shape or a size in events, which would stay.

    Raises:
        SpecBuilderError: naming the uncertainty and that place.
    """
    wanted = set(names)
    for name, size, place in _parameters(experiments):
        if size is None and name in wanted:
            raise SpecBuilderError(
                f"uncertainty {name}: a shape or a size in events in {place}, which a relative size does not change; "
                "expected one that is relative wherever it stands"
            )


def shared_parameters(experiments: Sequence[Experiment]) -> dict[str, tuple[str, ...]]:
    """Uncertainties of one name that act in several experiments as one parameter, fluxes of sources aside.

    Returns:
        The experiments by the parameter's name.
    """
    holders: dict[str, dict[str, None]] = {}
    for experiment in experiments:
        for name, _, _ in _parameters([experiment]):
            holders.setdefault(name, {})[experiment.name] = None
    channels = [channel for experiment in experiments for channel in experiment.channels]
    fluxes = {component.parameter for channel in channels for component in channel.source.components}
    return {name: tuple(found) for name, found in holders.items() if len(found) > 1 and name not in fluxes}


def _parameters(experiments: Sequence[Experiment]) -> Iterator[tuple[str, float | None, str]]:
    """Name, relative size and place of every uncertainty; a shape has no size."""
    for experiment in experiments:
        for channel in experiment.channels:
            for sample in channel.samples:
                place = f"{experiment.folder}: {channel.name}.{sample.name}"
                for name, size in sample.uncertainties.items():
                    yield name, size, place
            for background in channel.backgrounds:
                for name in background.absolute_uncertainties:
                    yield name, None, f"{experiment.folder}: {channel.name}.{background.name}"
            for name in channel.variations:
                yield name, None, f"{experiment.folder}: {channel.name}.response"
