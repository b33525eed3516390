"""An analysis: experiments, their variants and the law, and what the build wing makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.description import SIGNAL_SAMPLE
from spec_builder.experiments.reading import load_experiment, shipped_experiments
from spec_builder.histfactory.modifiers import LAWS, Law
from spec_builder.inference.data import Problem
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.signal import SignalKernel, signal_kernel
from spec_builder.model.workspace import build_workspace
from spec_builder.physics.constants import SIN2_THETA_W
from spec_builder.physics.flux import solar_flux
from spec_builder.physics.sources import physics_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Experiment
    from spec_builder.inference.exclusion import YieldFunction
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
_COMBINED = ("xenonnt", "pandax4t")

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
        name: ``xenonnt``, ``pandax4t``, ``combined`` or the experiments' names joined by ``+``.
        experiments: their descriptions, variants chosen.
        law: ``normsys`` or ``linear``.
    """

    name: str
    experiments: tuple[Experiment, ...]
    law: Law

    @property
    def variants(self) -> dict[str, str]:
        """Chosen variant of each experiment that has one chosen."""
        return {e.name: e.variant for e in self.experiments if e.variant is not None}

    @property
    def statuses(self) -> dict[str, str]:
        """Status of each table, as ``experiment.table``."""
        return {f"{e.name}.{key}": value for e in self.experiments for key, value in e.statuses.items()}

    def sources(self, choice: NewPhysics | None = None) -> tuple[str, ...]:
        """Sources of every table behind the analysis, and behind an interaction if one is given."""
        experiments = (text for e in self.experiments for text in (*e.references, *e.sources.values()))
        return (*physics_sources(choice), *experiments)

    @property
    def by_construction(self) -> str:
        """What agrees with the paper because it was chosen to; '' if nothing."""
        notes = [f"{e.name}: {e.by_construction}" for e in self.experiments if e.by_construction]
        return "; ".join(notes)

    @property
    def licence(self) -> str:
        """Licence of what is made from the tables, '' if not all experiments state the same one."""
        licences = {experiment.licence for experiment in self.experiments}
        return licences.pop() if len(licences) == 1 else ""

    @cached_property
    def kernels(self) -> tuple[SignalKernel, ...]:
        """Normalised response of each experiment."""
        return tuple(signal_kernel(experiment) for experiment in self.experiments)

    @cached_property
    def workspace(self) -> Workspace:
        """The Standard Model workspace."""
        signals = [kernel.standard_model() for kernel in self.kernels]
        return build_workspace(self.experiments, signals, self.law)

    def polynomial(self, parameter: Parameter) -> dict[str, SignalPolynomial]:
        """Signal by channel as a polynomial in the flux [1e6 cm^-2 s^-1] or in sin^2 theta_W."""
        make = SignalKernel.flux if parameter == "flux" else SignalKernel.weak_mixing_angle
        return {e.channel: make(kernel) for e, kernel in zip(self.experiments, self.kernels, strict=True)}

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

    def problem(self, choice: NewPhysics) -> Problem:
        """The same as a problem for :mod:`spec_builder.inference`, with the workspace's own data."""
        likelihood, yields = self.new_physics(choice)
        return Problem.of(likelihood, SIGNAL_SAMPLE, yields)

    def new_physics_yields(self, choice: NewPhysics, masses: FloatArray) -> dict[str, SignalPolynomial]:
        """Signal by channel, Standard Model included, as a polynomial in g^2, shape (3, masses, bins)."""
        return {
            experiment.channel: kernel.new_physics(choice, masses)
            for experiment, kernel in zip(self.experiments, self.kernels, strict=True)
        }


def load_analysis(text: str, law: str = "normsys", variants: Mapping[str, str] | None = None) -> Analysis:
    """Load an analysis by its name on the command line.

    Args:
        text: ``xenonnt``, ``pandax4t``, ``combined``, or names and paths of experiment folders joined by ``+``.
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
    names = _COMBINED if text == "combined" else tuple(text.split("+"))
    chosen = dict(variants or {})
    experiments = []
    for name in names:
        try:
            plain = load_experiment(name)
        except SpecBuilderError as error:
            if str(error).startswith(f"experiment '{name}' is unknown") and "/" not in name:
                known = ", ".join(dict.fromkeys((*ANALYSES, *shipped_experiments())))
                raise SpecBuilderError(
                    f"analysis '{text}' is unknown, expected one of {known}, "
                    "or paths of experiment folders joined by '+'"
                ) from None
            raise
        variant = chosen.pop(plain.name, None)
        experiments.append(plain if variant is None else load_experiment(name, variant))
    if chosen:
        raise SpecBuilderError(
            f"variant of '{next(iter(chosen))}' given, but {text} holds only {', '.join(e.name for e in experiments)}"
        )
    label = text if text == "combined" else "+".join(e.name for e in experiments)
    return Analysis(label, tuple(experiments), next(known for known in LAWS if known == law))


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
