"""An analysis: experiments, their variants and the law, and what the build wing makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from spec_builder.base.errors import SpecBuilderError, UnknownNameError
from spec_builder.experiments.consistency import check_channels, check_data_sets, check_parameters
from spec_builder.experiments.description import SIGNAL_SAMPLE
from spec_builder.experiments.reading import load_experiment, shipped_experiments
from spec_builder.histfactory.modifiers import LAWS, Law
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.analyses import measurement_kind, named_analyses
from spec_builder.model.signal import SignalKernel, signal_kernel
from spec_builder.model.workspace import Measured, Template, build_workspace
from spec_builder.physics.constants import SIN2_THETA_W
from spec_builder.physics.flux import solar_flux
from spec_builder.physics.sources import physics_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Channel, Experiment
    from spec_builder.inference.exclusion import YieldFunction
    from spec_builder.model.analyses import MeasurementKind
    from spec_builder.model.signal import SignalPolynomial
    from spec_builder.model.workspace import Workspace
    from spec_builder.physics.interactions import NewPhysics

__all__ = [
    "ANALYSES",
    "Analysis",
    "Parameter",
    "load_analyses",
    "load_analysis",
    "parse_parameter",
]

#: The analyses of the paper.
ANALYSES = ("xenonnt", "pandax4t", "combined")

#: What the Standard Model analyses measure.
Parameter = Literal["flux", "sin2thetaw"]
PARAMETERS: tuple[Parameter, ...] = get_args(Parameter)
UNITS: dict[Parameter, str] = {"flux": "1e6 cm-2 s-1", "sin2thetaw": "1"}


def parse_parameter(name: str) -> Parameter:
    """A parameter by its name on the command line.

    Raises:
        SpecBuilderError: naming the ones there are.
    """
    for known in PARAMETERS:
        if known == name:
            return known
    raise SpecBuilderError(f"parameter '{name}' is unknown, expected one of {', '.join(PARAMETERS)}")


@dataclass(frozen=True)
class Analysis:
    """Experiments analysed together under one law.

    Attributes:
        name: of a named analysis, or names of experiments and analyses joined by ``+``.
        experiments: their descriptions, variants chosen.
        law: ``normsys`` or ``linear``.
        named_masses_MeV: range of masses that the analysis' name stands for, None for that of its measurement.
    """

    name: str
    experiments: tuple[Experiment, ...]
    law: Law
    named_masses_MeV: tuple[float, float] | None = None

    @property
    def variants(self) -> dict[str, str]:
        """Chosen variant of each experiment that has one chosen."""
        return {e.name: e.variant for e in self.experiments if e.variant is not None}

    @property
    def pairs(self) -> tuple[tuple[Experiment, Channel], ...]:
        """Every channel with its experiment, in order."""
        return tuple((experiment, channel) for experiment in self.experiments for channel in experiment.channels)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels of all experiments, in order."""
        return tuple(channel for _, channel in self.pairs)

    @property
    def statuses(self) -> dict[str, str]:
        """Status of each table, as ``experiment.table``."""
        return {f"{e.name}.{key}": value for e in self.experiments for key, value in e.statuses.items()}

    def sources(self, choice: NewPhysics | None = None) -> tuple[str, ...]:
        """Sources of every table behind the analysis, and behind an interaction if one is given."""
        experiments = (text for e in self.experiments for text in (*e.references, *e.sources.values()))
        return (*physics_sources(choice), *experiments)

    @property
    def by_construction(self) -> tuple[tuple[str, str], ...]:
        """What agrees with something because it was chosen to: experiment and text of each note."""
        return tuple((e.name, text) for e in self.experiments for text in e.by_construction)

    @cached_property
    def kind(self) -> MeasurementKind:
        """What the first measurement measures.

        Raises:
            SpecBuilderError: if no signal has a normalisation.
        """
        factors = {signal.factor for channel in self.channels for signal in channel.signals}
        known = frozenset(factor for factor in factors if factor is not None)
        if not known:
            raise SpecBuilderError(f"{self.name}: no signal has a factor, expected one such as mu_8b")
        return measurement_kind(known)

    @property
    def measured(self) -> Measured:
        """The first measurement: its factor, and what it holds."""
        held = self.kind.held
        if held is None:
            scaled = [s for channel in self.channels for s in channel.signals if s.factor == self.kind.factor]
            held = frozenset(name for signal in scaled for name in signal.uncertainties)
        return Measured(self.kind.name, self.kind.factor, held)

    @property
    def masses_MeV(self) -> tuple[float, float]:
        """Range over which the minimum of a plane is looked for [MeV]."""
        return self.named_masses_MeV or self.kind.masses_MeV

    def check_limits(self) -> None:
        """Refuse a law with which an experiment allows no limits.

        Raises:
            SpecBuilderError: with the experiment's reason.
        """
        for experiment in self.experiments:
            needed = experiment.limits_law
            if needed is not None and needed.law != self.law:
                raise SpecBuilderError(
                    f"{experiment.name}: limits need law {needed.law}, not {self.law}: {needed.reason}"
                )

    @property
    def licence(self) -> str:
        """Licence of what is made from the tables, '' if not all experiments state the same one."""
        licences = {experiment.licence for experiment in self.experiments}
        return licences.pop() if len(licences) == 1 else ""

    @cached_property
    def kernels(self) -> tuple[SignalKernel, ...]:
        """Normalised response of each channel."""
        return tuple(signal_kernel(channel) for channel in self.channels)

    @cached_property
    def workspace(self) -> Workspace:
        """The Standard Model workspace."""
        templates = {
            channel.name: {channel.signals[0].name: Template(kernel.standard_model(), {})}
            for channel, kernel in zip(self.channels, self.kernels, strict=True)
        }
        return build_workspace(self.experiments, templates, self.law, self.measured)

    def polynomial(self, parameter: Parameter) -> dict[str, SignalPolynomial]:
        """Signal by channel as a polynomial in the flux [1e6 cm^-2 s^-1] or in sin^2 theta_W."""
        make = SignalKernel.flux if parameter == "flux" else SignalKernel.weak_mixing_angle
        return {channel.name: make(kernel) for channel, kernel in zip(self.channels, self.kernels, strict=True)}

    def likelihood(self, parameter: Parameter) -> Likelihood:
        """Likelihood with the flux or sin^2 theta_W as a free parameter.

        A measurement of the flux carries no prior on it (measurement ``b8_flux``); the weak mixing angle keeps it
        (``new_physics``). The flux runs from 0 to ten times the Standard Model, sin^2 theta_W from 0 to 1.
        """
        flux = parameter == "flux"
        reference = solar_flux().total * 1e-6
        measurement = "b8_flux" if flux else "new_physics"
        return Likelihood.from_workspace(self.workspace, measurement).with_polynomial(
            SIGNAL_SAMPLE,
            parameter,
            {channel: p.coefficients for channel, p in self.polynomial(parameter).items()},
            init=reference if flux else SIN2_THETA_W,
            bounds=(0.0, 10 * reference) if flux else (0.0, 1.0),
        )

    def new_physics(self, choice: NewPhysics) -> tuple[Likelihood, YieldFunction]:
        """Likelihood of the measurement ``new_physics``, and the signal's yields against g^2 at given masses.

        The yields hold the Standard Model too, with the bins in the likelihood's order.
        """
        likelihood = Likelihood.from_workspace(self.workspace, "new_physics")

        def yields(masses: FloatArray) -> FloatArray:
            by_channel = self.new_physics_yields(choice, masses)
            return np.concatenate(
                [by_channel[channel].coefficients for channel in likelihood.specification.channels], axis=2
            )

        return likelihood, yields

    def new_physics_yields(self, choice: NewPhysics, masses: FloatArray) -> dict[str, SignalPolynomial]:
        """Signal by channel, Standard Model included, as a polynomial in g^2, shape (3, masses, bins)."""
        return {
            channel.name: kernel.new_physics(choice, masses)
            for channel, kernel in zip(self.channels, self.kernels, strict=True)
        }


def load_analysis(text: str, law: str = "normsys", variants: Mapping[str, str] | None = None) -> Analysis:
    """Load an analysis by its name on the command line.

    Args:
        text: a named analysis, an experiment or the path of an experiment's folder, or several of them joined by ``+``.
        law: ``normsys`` or ``linear``.
        variants: variant by experiment name.

    Raises:
        SpecBuilderError: for an unknown analysis, law or variant, or a broken experiment.

    Examples:
        >>> load_analysis("combined", variants={"pandax4t": "ce_rich"}).variants
        {'pandax4t': 'ce_rich'}
    """
    if law not in LAWS:
        raise SpecBuilderError(f"law '{law}' is unknown, expected one of {', '.join(LAWS)}")
    chosen = dict(variants or {})
    experiments: list[Experiment] = []
    label = []
    for part in text.split("+"):
        named = named_analyses().get(part)
        members = [_member(name, text, chosen) for name in (named.experiments if named else (part,))]
        experiments += members
        label.append(named.name if named else members[0].name)
    if chosen:
        raise SpecBuilderError(
            f"variant of '{next(iter(chosen))}' given, but {text} holds only {', '.join(e.name for e in experiments)}"
        )
    check_channels(experiments)
    check_data_sets(experiments)
    check_parameters(experiments)
    whole = named_analyses().get(text)
    return Analysis(
        "+".join(label),
        tuple(experiments),
        next(known for known in LAWS if known == law),
        whole.masses_MeV if whole else None,
    )


def _member(name: str, text: str, chosen: dict[str, str]) -> Experiment:
    """An experiment of an analysis; its variant is taken out of those that were chosen."""
    try:
        plain = load_experiment(name)
    except UnknownNameError as error:
        if error.name != name or "/" in name:
            raise
        known = ", ".join(dict.fromkeys((*ANALYSES, *named_analyses(), *shipped_experiments())))
        raise SpecBuilderError(
            f"analysis '{text}' is unknown, expected one of {known}, or paths of experiment folders joined by '+'"
        ) from None
    variant = chosen.pop(plain.name, None)
    return plain if variant is None else load_experiment(name, variant)


def load_analyses(
    names: Iterable[str], law: str = "normsys", variants: Mapping[str, str] | None = None
) -> list[Analysis]:
    """Load several analyses; a variant applies to each of them that holds its experiment.

    Args:
        names: as :func:`load_analysis` takes them.
        law: ``normsys`` or ``linear``.
        variants: variant by experiment name.

    Raises:
        SpecBuilderError: as :func:`load_analysis`, and for a variant of an experiment that none of them holds.
    """
    wanted = dict(variants or {})
    held: set[str] = set()
    loaded = []
    for name in names:
        members = {experiment.name for experiment in load_analysis(name, law).experiments}
        loaded.append(load_analysis(name, law, {key: wanted[key] for key in wanted if key in members}))
        held |= members
    for key in wanted:
        if key not in held:
            raise SpecBuilderError(f"variant of '{key}' given, but no analysis that is exported or drawn holds it")
    return loaded
