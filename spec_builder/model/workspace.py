"""pyhf workspaces: the channels of one or more experiments, two measurements, everything sorted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.modifiers import normalisation_modifiers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spec_builder.experiments.description import Background, Channel, Experiment
    from spec_builder.histfactory.modifiers import Law, Modifier
    from spec_builder.model.signal import Template

__all__ = [
    "NUISANCE_BOUND",
    "Measured",
    "build_workspace",
    "round_yields",
    "signal_modifiers",
    "signal_sample",
]

#: Bound of every constrained parameter; pyhf's own +-5 falls short for strongly excluded points.
NUISANCE_BOUND = 15.0
#: Upper bound of every normfactor.
LARGEST_FACTOR = 10.0
#: Significant digits of a yield: few enough that every machine writes the same bytes.
YIELD_DIGITS = 8
#: Name of the measurement in which every source has its reference size within its uncertainty.
NEW_PHYSICS = "new_physics"

Workspace = dict[str, Any]


@dataclass(frozen=True)
class Measured:
    """What the first measurement of a workspace measures.

    Attributes:
        name: of the measurement.
        factor: its parameter of interest.
        held: constrained parameters that it holds at 0.
    """

    name: str
    factor: str
    held: frozenset[str]


def round_yields(events: Iterable[float], digits: int = YIELD_DIGITS) -> list[float]:
    """Yields rounded to significant digits, 8 as they stand in every workspace.

    Examples:
        >>> round_yields([1.23456789012, 20.0])
        [1.2345679, 20.0]
    """
    return [float(f"{value:.{digits - 1}e}") for value in events]


def signal_modifiers(
    law: Law, uncertainties: Mapping[str, float], template: Template, digits: int = YIELD_DIGITS
) -> list[Modifier]:
    """The uncertainties of a signal sample: normalisations, and shapes by the law.

    Under ``normsys`` a shape is split as is usual in HistFactory: a ``normsys`` with the ratios of the totals and,
    of the same name, a ``histosys`` of the shapes scaled to the nominal total. Under ``linear`` it is the plain
    ``histosys``. A shape of a sample without events has ratio 1 and no shape.

    Args:
        law: how normalisation uncertainties act.
        uncertainties: relative size by parameter name.
        template: events of the sample.
        digits: significant ones of the yields.
    """
    nominal = round_yields(template.nominal, digits)
    modifiers = normalisation_modifiers(law, dict(uncertainties), nominal)
    for name, (high, low) in template.variations.items():
        modifiers += _shape(law, name, nominal, round_yields(high, digits), round_yields(low, digits), digits)
    return sorted(modifiers, key=lambda modifier: (modifier["name"], modifier["type"]))


def _shape(
    law: Law, name: str, nominal: list[float], high: list[float], low: list[float], digits: int
) -> list[Modifier]:
    if law == "linear":
        return [{"name": name, "type": "histosys", "data": {"hi_data": high, "lo_data": low}}]
    total = sum(nominal)
    ratios = [sum(side) / total if total else 1.0 for side in (high, low)]
    scaled = [
        round_yields((events / ratio for events in side), digits) if total and ratio else nominal
        for side, ratio in zip((high, low), ratios, strict=True)
    ]
    hi, lo = round_yields(ratios, digits)
    return [
        {"name": name, "type": "normsys", "data": {"hi": hi, "lo": lo}},
        {"name": name, "type": "histosys", "data": {"hi_data": scaled[0], "lo_data": scaled[1]}},
    ]


def signal_sample(
    name: str, factor: str | None, law: Law, uncertainties: Mapping[str, float], template: Template, digits: int
) -> dict[str, Any]:
    """A signal with its uncertainties, see :func:`signal_modifiers`, and the normfactor on it if it has one."""
    modifiers = signal_modifiers(law, uncertainties, template, digits)
    if factor is not None:
        modifiers.append({"name": factor, "type": "normfactor", "data": None})
    return {
        "name": name,
        "data": round_yields(template.nominal, digits),
        "modifiers": sorted(modifiers, key=lambda modifier: (modifier["name"], modifier["type"])),
    }


def free_factor(experiment: str, background: Background) -> str:
    """Name of the normfactor of a background without prior."""
    return f"{experiment}_{background.name}"


def _background_sample(experiment: str, background: Background, law: Law) -> dict[str, Any]:
    expected = round_yields(background.expected)
    modifiers = normalisation_modifiers(law, dict(background.uncertainties), expected)
    total = float(background.expected.sum())
    absolute = {name: events / total for name, events in background.absolute_uncertainties.items()}
    modifiers += normalisation_modifiers("linear", absolute, expected)
    if background.free:
        modifiers.append({"name": free_factor(experiment, background), "type": "normfactor", "data": None})
    return {
        "name": background.name,
        "data": expected,
        "modifiers": sorted(modifiers, key=lambda modifier: (modifier["name"], modifier["type"])),
    }


def _channel(experiment: str, channel: Channel, templates: Mapping[str, Template], law: Law) -> dict[str, Any]:
    samples = [
        signal_sample(signal.name, signal.factor, law, signal.uncertainties, templates[signal.name], YIELD_DIGITS)
        for signal in channel.signals
    ]
    samples += [_background_sample(experiment, background, law) for background in channel.backgrounds]
    return {"name": channel.name, "samples": sorted(samples, key=lambda sample: str(sample["name"]))}


# ---------------------------------------------------------------- measurements


def _measurements(experiments: Sequence[Experiment], measured: Measured) -> list[dict[str, Any]]:
    """The one that measures the source, and ``new_physics``; each names every parameter."""
    factors = _signal_factors(experiments)
    free = _free_factors(experiments)
    nuisances = _nuisances(experiments)

    def parameters(*, measuring: bool) -> list[dict[str, Any]]:
        fixed = {factor: not (measuring and factor == measured.factor) for factor in factors}
        fixed |= dict.fromkeys(free, False)
        listed = [_parameter(name, 1.0, (0.0, LARGEST_FACTOR), fixed=fixed[name]) for name in fixed]
        listed += [
            _parameter(name, 0.0, (-NUISANCE_BOUND, NUISANCE_BOUND), fixed=measuring and name in measured.held)
            for name in nuisances
        ]
        return sorted(listed, key=lambda parameter: str(parameter["name"]))

    return [
        {"name": name, "config": {"poi": measured.factor, "parameters": parameters(measuring=measuring)}}
        for name, measuring in ((measured.name, True), (NEW_PHYSICS, False))
    ]


def _parameter(name: str, init: float, bounds: tuple[float, float], *, fixed: bool) -> dict[str, Any]:
    return {"name": name, "inits": [init], "bounds": [list(bounds)], "fixed": fixed}


def _signal_factors(experiments: Iterable[Experiment]) -> list[str]:
    return sorted(
        {
            signal.factor
            for experiment in experiments
            for channel in experiment.channels
            for signal in channel.signals
            if signal.factor is not None
        }
    )


def _free_factors(experiments: Iterable[Experiment]) -> list[str]:
    return sorted(
        {
            free_factor(experiment.name, background)
            for experiment in experiments
            for channel in experiment.channels
            for background in channel.backgrounds
            if background.free
        }
    )


def _nuisances(experiments: Iterable[Experiment]) -> list[str]:
    names: set[str] = set()
    for experiment in experiments:
        for channel in experiment.channels:
            names |= set(channel.variations)
            for sample in channel.samples:
                names |= set(sample.uncertainties)
            for background in channel.backgrounds:
                names |= set(background.absolute_uncertainties)
    return sorted(names)


def _check_factors(experiments: Sequence[Experiment]) -> None:
    """Refuse two factors, or a factor and an uncertainty, of one name: they would be one parameter.

    Raises:
        SpecBuilderError: naming the experiment and the name.
    """
    signals = set(_signal_factors(experiments))
    free: set[str] = set()
    for experiment in experiments:
        own = set(_free_factors([experiment]))
        for name in sorted(own & (signals | free)):
            raise SpecBuilderError(f"{experiment.name}: the free background's factor '{name}' is there already, rename")
        free |= own
    for experiment in experiments:
        for name in _nuisances([experiment]):
            if name in signals | free:
                whose = "the signal's" if name in signals else "a free background's"
                raise SpecBuilderError(f"{experiment.name}: '{name}' is {whose} normalisation, rename")


def build_workspace(
    experiments: Sequence[Experiment], templates: Mapping[str, Mapping[str, Template]], law: Law, measured: Measured
) -> Workspace:
    """The Standard Model workspace of one or more experiments, sorted as ``pyhf.Workspace.sorted`` sorts.

    Args:
        experiments: their channels are the workspace's.
        templates: Standard Model events by channel and signal sample, every factor at 1.
        law: how normalisation uncertainties act.
        measured: by the first measurement.

    Raises:
        SpecBuilderError: if a free background's factor or an uncertainty has the name of another factor.
    """
    _check_factors(experiments)
    channels = [(experiment.name, channel) for experiment in experiments for channel in experiment.channels]
    # the order of measurements is also the alphabet's, as pyhf sorts them
    measurements = sorted(_measurements(experiments, measured), key=lambda measurement: str(measurement["name"]))
    return {
        "channels": sorted(
            (_channel(experiment, channel, templates[channel.name], law) for experiment, channel in channels),
            key=lambda channel: str(channel["name"]),
        ),
        "measurements": measurements,
        "observations": sorted(
            ({"name": channel.name, "data": list(map(_count, channel.observed.tolist()))} for _, channel in channels),
            key=lambda observation: str(observation["name"]),
        ),
        "version": "1.0.0",
    }


def _count(count: float) -> int | float:
    """Counts are whole numbers in files; those of Asimov data may not be."""
    return int(count) if count == int(count) else count
