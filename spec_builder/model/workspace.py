"""pyhf workspaces: one channel per experiment, two measurements, everything sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.description import SIGNAL_SAMPLE
from spec_builder.histfactory.modifiers import normalisation_modifiers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Experiment
    from spec_builder.histfactory.modifiers import Law

__all__ = [
    "FLUX_PARAMETER",
    "NORMALISATION",
    "NUISANCE_BOUND",
    "build_workspace",
    "round_yields",
]

#: The one parameter that experiments share: the uncertainty of the 8B flux.
FLUX_PARAMETER = "flux_8b"
#: Factor on the signal; 1 is 5.46e6 cm^-2 s^-1.
NORMALISATION = "mu_8b"
#: Bound of every constrained parameter; pyhf's own +-5 falls short for strongly excluded points.
NUISANCE_BOUND = 15.0
#: Significant digits of a yield: few enough that every machine writes the same bytes.
YIELD_DIGITS = 8

Workspace = dict[str, Any]


def round_yields(events: Iterable[float]) -> list[float]:
    """Yields rounded to 8 significant digits, as they stand in every file.

    Examples:
        >>> round_yields([1.23456789012, 20.0])
        [1.2345679, 20.0]
    """
    return [float(f"{value:.{YIELD_DIGITS - 1}e}") for value in events]


def _channel(experiment: Experiment, signal: FloatArray, law: Law) -> dict[str, Any]:
    nominal = round_yields(signal)
    samples = [
        {
            "name": SIGNAL_SAMPLE,
            "data": nominal,
            "modifiers": sorted(
                [
                    {"name": NORMALISATION, "type": "normfactor", "data": None},
                    *normalisation_modifiers(law, dict(experiment.signal_uncertainties), nominal),
                ],
                key=lambda modifier: (modifier["name"], modifier["type"]),
            ),
        }
    ]
    for background in experiment.backgrounds:
        expected = round_yields(background.expected)
        samples.append(
            {
                "name": background.name,
                "data": expected,
                "modifiers": normalisation_modifiers(law, dict(background.uncertainties), expected),
            }
        )
    return {"name": experiment.channel, "samples": sorted(samples, key=lambda sample: str(sample["name"]))}


def _measurements(nuisances: Iterable[str]) -> list[dict[str, Any]]:
    """``b8_flux``: mu_8b free and no prior on the flux; ``new_physics``: mu_8b = 1 and the flux constrained."""

    def parameters(*, free_flux: bool) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = [
            {"name": NORMALISATION, "inits": [1.0], "bounds": [[0.0, 10.0]], "fixed": not free_flux}
        ]
        for name in nuisances:
            fixed = free_flux and name == FLUX_PARAMETER
            listed.append(
                {
                    "name": name,
                    "inits": [0.0],
                    "bounds": [[-NUISANCE_BOUND, NUISANCE_BOUND]],
                    "fixed": fixed,
                }
            )
        return sorted(listed, key=lambda parameter: str(parameter["name"]))

    return [
        {"name": name, "config": {"poi": NORMALISATION, "parameters": parameters(free_flux=free_flux)}}
        for name, free_flux in (("b8_flux", True), ("new_physics", False))
    ]


def build_workspace(experiments: Sequence[Experiment], signals: Sequence[FloatArray], law: Law) -> Workspace:
    """The Standard Model workspace of one or more experiments, sorted as ``pyhf.Workspace.sorted`` sorts.

    Args:
        experiments: one channel each.
        signals: Standard Model events per bin at mu_8b = 1, one array of shape (bins,) for each experiment.
        law: how normalisation uncertainties act.

    Raises:
        SpecBuilderError: if a channel stands twice, or an uncertainty has the name of the signal's normalisation.
    """
    channels = [experiment.channel for experiment in experiments]
    for name in channels:
        if channels.count(name) > 1:
            raise SpecBuilderError(f"channel '{name}' stands twice: an analysis holds each experiment once")
    for experiment in experiments:
        if NORMALISATION in _nuisances([experiment]):
            raise SpecBuilderError(f"{experiment.name}: '{NORMALISATION}' is the signal's normalisation, rename")
    return {
        "channels": sorted(
            (_channel(experiment, signal, law) for experiment, signal in zip(experiments, signals, strict=True)),
            key=lambda channel: str(channel["name"]),
        ),
        "measurements": _measurements(_nuisances(experiments)),
        "observations": sorted(
            (
                {"name": experiment.channel, "data": [int(count) for count in experiment.observed]}
                for experiment in experiments
            ),
            key=lambda observation: str(observation["name"]),
        ),
        "version": "1.0.0",
    }


def _nuisances(experiments: Iterable[Experiment]) -> list[str]:
    names: set[str] = set()
    for experiment in experiments:
        names |= set(experiment.signal_uncertainties)
        for background in experiment.backgrounds:
            names |= set(background.uncertainties)
    return sorted(names)
