"""An analysis: experiments, their variants and the law, and what the build wing makes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from spec_builder.base.arguments import as_names, check_known, checked
from spec_builder.base.errors import SpecBuilderError, UnknownNameError
from spec_builder.base.names import meant, shown, unknown_name
from spec_builder.base.printing import counted
from spec_builder.base.text import Described, Report
from spec_builder.experiments.consistency import (
    check_channels,
    check_data_sets,
    check_parameters,
    check_samples,
    shared_parameters,
)
from spec_builder.experiments.description import channel_columns
from spec_builder.experiments.reading import load_experiment, shipped_experiments
from spec_builder.histfactory.modifiers import LAWS, Law, normalisation_factors
from spec_builder.inference.data import Problem
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.analyses import STANDARD_MODEL as STANDARD_MODEL_UNIT
from spec_builder.model.analyses import (
    is_own_analysis,
    measurement_kind,
    measurement_kinds,
    named_analyses,
    own_analysis,
)
from spec_builder.model.own_sizes import check_own_sizes, own_sizes_in_words, with_own_sizes
from spec_builder.model.signal import joined, polynomial, reference_size, signal_kernel
from spec_builder.model.workspace import NEW_PHYSICS, Measured, build_workspace
from spec_builder.physics.constants import SIN2_THETA_W
from spec_builder.physics.interactions import STANDARD_MODEL
from spec_builder.physics.rates import flux_averaged_cross_section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from os import PathLike

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Channel, Experiment
    from spec_builder.inference.toys import Ensemble
    from spec_builder.model.analyses import MeasurementKind, NamedAnalysis
    from spec_builder.model.signal import SignalKernel, Yields
    from spec_builder.model.workspace import Workspace
    from spec_builder.physics.choices import Choice

__all__ = [
    "ANALYSES",
    "PLANE_INTERACTIONS",
    "Analysis",
    "Change",
    "Measurable",
    "load_analyses",
    "load_analysis",
]

#: The analyses of the paper.
ANALYSES = ("xenonnt", "pandax4t", "combined")
#: Interactions of the paper's Fig. 4.
PLANE_INTERACTIONS = ("scalar", "vector_universal", "vector_bl", "axial", "tensor")

#: What the analyses of the paper measure, and the units.
UNITS = {"flux": "1e6 cm-2 s-1", "sin2thetaw": "1"}
PARAMETERS = tuple(UNITS)
#: The size of the signal in units of the Standard Model, with all nuisance parameters.
SIGNAL_PARAMETER = "signal"
#: Fluxes that differ by less, as a part of them, are the same.
_ONE_FLUX = 1e-9
#: Share of a sample's events below which bins do not count where its shapes are compared, and how far they may differ.
_LEAST_SHARE, _LARGEST_CHANGE = 1e-3, 1e-3
#: After the name of a constrained parameter whose name a fitted quantity has too.
_PRIOR = "_prior"


@dataclass(frozen=True)
class Measurable:
    """A parameter of interest of the Standard Model.

    Attributes:
        name: as ``fit`` calls it.
        unit: its unit.
        measurement: of the workspace, whose priors hold.
        reference: the Standard Model's value.
        bounds: its domain.
        factor: the normfactor that it takes the place of; None for the weak mixing angle.
    """

    name: str
    unit: str
    measurement: str
    reference: float
    bounds: tuple[float, float]
    factor: str | None


@dataclass(frozen=True, repr=False)
class Analysis(Described):
    """Experiments analysed together under one law.

    Attributes:
        name: of a named analysis, or names of experiments and analyses joined by ``+``.
        experiments: their descriptions, variants chosen.
        law: ``normsys`` or ``linear``.
        named_masses_MeV: range of masses that the analysis' name stands for, None for that of its measurement.
        changes: what a user's analysis set in all experiments, in words.
        is_projection: whether it is of runs that do not exist.
    """

    name: str
    experiments: tuple[Experiment, ...]
    law: Law
    named_masses_MeV: tuple[float, float] | None = None
    changes: tuple[str, ...] = ()
    is_projection: bool = False

    def report(self) -> Report:
        """Law, variants and what can be measured; a row for each channel."""
        low, high = self.masses_MeV
        facts = {
            "law": self.law,
            "variants": ", ".join(f"{name}={variant}" for name, variant in self.variants.items()) or "default",
            "experiments": "; ".join(experiment.title for experiment in self.experiments),
            "measures": ", ".join(self.parameters),
            "masses": f"{low:g} to {high:g} MeV",
            "licence": self.licence or "not stated",
        }
        if self.changes:
            facts["changes"] = "; ".join(self.changes)
        bins = sum(channel.bins for channel in self.channels)
        return Report(f"{self.name}: law {self.law}, {counted(bins, 'bin')}", facts, channel_columns(self.channels))

    @property
    def ensemble(self) -> Ensemble:
        """Where the nuisance parameters of its toys are unless it is said: at their best for the data if it has any."""
        return "nominal" if self.is_projection else "profiled"

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

    def all_statuses(self, choice: Choice | None = None) -> dict[str, str]:
        """The same, and those of the sources and targets, such as ``solar_8b.8b`` and ``xenon.isotopes``."""
        found = self.statuses
        for channel in self.channels:
            chosen = choice if choice is not None and choice.acts_on(channel.target) else STANDARD_MODEL
            found |= chosen.statuses(channel.source, channel.target)
        return found

    def sources(self, choice: Choice | None = None) -> tuple[str, ...]:
        """Sources of every table behind the analysis, and behind an interaction if one is given."""
        physics: list[str] = []
        for channel in self.channels:
            chosen = choice if choice is not None and choice.acts_on(channel.target) else STANDARD_MODEL
            physics += chosen.sources(channel.source, channel.target)
        experiments = (text for e in self.experiments for text in (*e.references, *e.sources.values()))
        return (*dict.fromkeys(physics), *experiments)

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
        kind = self.kind
        scaled = [(c, s) for c in self.channels for s in c.signals if s.factor == kind.factor]
        sizes = {name for _, signal in scaled for name in signal.uncertainties}
        fluxes = {component.parameter for channel, _ in scaled for component in channel.source.components}
        held = {"signal": sizes, "source": sizes & fluxes, "none": frozenset[str]()}[kind.held]
        return Measured(kind.name, kind.factor, frozenset(held))

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

    @property
    def terms(self) -> dict[str, str]:
        """Licence of what is made from the tables, and whom it is to be attributed to where that is stated."""
        attributed = sorted({e.attribution for e in self.experiments if e.attribution})
        attribution = {"attribution": "; ".join(attributed)} if attributed else {}
        return {"licence": self.licence or "not stated", **attribution}

    @cached_property
    def kernels(self) -> tuple[SignalKernel, ...]:
        """Normalised response of each channel."""
        return tuple(signal_kernel(channel) for channel in self.channels)

    @cached_property
    def workspace(self) -> Workspace:
        """The Standard Model workspace."""
        templates = {kernel.channel.name: kernel.templates() for kernel in self.kernels}
        return build_workspace(self.experiments, templates, self.law, self.measured)

    @cached_property
    def parameters(self) -> dict[str, Measurable]:
        """What the Standard Model analyses can measure, by name."""
        kind = self.kind
        reference = self._reference(kind)
        found = [Measurable(kind.parameter, kind.unit, kind.name, reference, (0.0, 10 * reference), kind.factor)]
        if kind.signal:
            found.append(Measurable(SIGNAL_PARAMETER, STANDARD_MODEL_UNIT, NEW_PHYSICS, 1.0, (0.0, 10.0), kind.factor))
        found.append(Measurable("sin2thetaw", "1", NEW_PHYSICS, SIN2_THETA_W, (0.0, 1.0), None))
        return {parameter.name: parameter for parameter in found}

    def _reference(self, kind: MeasurementKind) -> float:
        """The Standard Model's value of what is measured, in its unit."""
        measured = [k for k in self.kernels if any(s.factor == kind.factor for s in k.channel.signals)]
        if isinstance(kind.per_unit, float | int):
            return reference_size(measured[0].channel, kind.factor) * (1e6 / kind.per_unit)
        if kind.per_unit == "events":
            return sum(
                float(kernel.samples()[signal.name].sum())
                for kernel in measured
                for signal in kernel.channel.signals
                if signal.factor == kind.factor
            )
        return 1.0

    @property
    def cross_section_cm2(self) -> float | None:
        """The Standard Model's cross section per scatterer, averaged over the source that is measured [cm^2].

        None where what is measured is no cross section in units of the Standard Model, or is one on several targets.
        """
        factor = self.kind.factor
        measured = [c for c in self.channels if any(s.factor == factor for s in c.signals)]
        if not self.kind.signal or len({channel.target.name for channel in measured}) > 1:
            return None
        return flux_averaged_cross_section(measured[0].source, measured[0].target)

    def measurable(self, parameter: str) -> Measurable:
        """One of :attr:`parameters`.

        Raises:
            UnknownNameError: naming those there are.
        """
        if not isinstance(parameter, str) or parameter not in self.parameters:
            raise unknown_name("parameter", str(parameter), self.parameters, where=f"in {self.name}")
        return self.parameters[parameter]

    def polynomial(self, parameter: str) -> dict[str, dict[str, Yields]]:
        """Signal by channel and sample as a polynomial in a parameter of interest, in the parameter's unit."""
        wanted = self.measurable(parameter)
        if wanted.factor is None:
            return {kernel.channel.name: kernel.weak_mixing_angle() for kernel in self.kernels}
        return {kernel.channel.name: kernel.proportional(wanted.factor, wanted.reference) for kernel in self.kernels}

    def likelihood(self, parameter: str) -> Likelihood:
        """Likelihood with a parameter of interest of the Standard Model free.

        A measurement of a source's size carries no prior on it (the first measurement of the workspace, e.g.
        ``b8_flux``); the weak mixing angle keeps it (``new_physics``). A size runs from 0 to ten times the Standard
        Model, sin^2 theta_W from 0 to 1; either starts at the Standard Model, which is where it is before a fit.
        """
        wanted = self.measurable(parameter)
        likelihood = Likelihood.from_workspace(self.workspace, wanted.measurement)
        if parameter in likelihood.parameters:  # flux_pp is both what is fitted and the prior that is held meanwhile
            likelihood = likelihood.renamed(parameter, f"{parameter}{_PRIOR}")
        by_sample: dict[str, dict[str, FloatArray]] = {}
        for channel, samples in self.polynomial(parameter).items():
            for name, yields in samples.items():
                _check_shapes(f"{channel}.{name}", wanted, yields)
                by_sample.setdefault(name, {})[channel] = yields.nominal[:, 0]
        for sample, coefficients in by_sample.items():
            if wanted.factor is None or self._moves(sample, wanted.factor):
                likelihood = likelihood.with_polynomial(
                    sample, parameter, coefficients, init=wanted.reference, bounds=wanted.bounds
                )
        return likelihood

    def _moves(self, sample: str, factor: str) -> bool:
        """Whether a sample of this name carries the factor in any channel."""
        return any(s.factor == factor for channel in self.channels for s in channel.signals if s.name == sample)

    def signal_yields(self, choice: Choice, masses: FloatArray | None) -> dict[str, dict[str, Yields]]:
        """Signal by channel and sample, Standard Model included, as a polynomial in the interaction's x.

        Args:
            choice: the interaction.
            masses: of the mediator [MeV], shape (M,); None where there is none.

        Raises:
            SpecBuilderError: if the interaction acts on none of the targets.
        """
        if not acts_on(self, choice):
            raise SpecBuilderError(f"interaction '{choice.name}' has no cross section on any target of {self.name}")
        return {kernel.channel.name: kernel.yields(choice, masses) for kernel in self.kernels}

    def sample_yields(self, choice: Choice, masses: FloatArray | None) -> dict[str, Yields]:
        """Signal by sample over the bins of all channels, in the order of the workspace's channels.

        A sample that a channel does not have is zero there; a shape parameter that a channel does not have leaves the
        nominal yields there, or is a size of them if the channel says so. Arguments and errors as for
        :meth:`signal_yields`.
        """
        found = self.signal_yields(choice, masses)
        channels = sorted(self.channels, key=lambda channel: channel.name)
        shapes = {name for channel in channels for name in channel.variations}
        by_channel = [self._with_sizes(channel, found[channel.name], shapes) for channel in channels]
        names = dict.fromkeys(name for samples in by_channel for name in samples)
        bins = [channel.bins for channel in channels]
        return {name: joined([samples.get(name) for samples in by_channel], bins) for name in names}

    def _with_sizes(self, channel: Channel, samples: Mapping[str, Yields], shapes: set[str]) -> dict[str, Yields]:
        """Yields of a channel with the sizes that go by the name of another channel's shape, as shapes too."""
        sized = {}
        for signal in channel.signals:
            own = samples[signal.name]
            variations = dict(own.variations)
            for name in shapes & set(signal.uncertainties):
                high, low = normalisation_factors(self.law, signal.uncertainties[name])
                variations[name] = (high * own.nominal, low * own.nominal)
            sized[signal.name] = replace(own, variations=variations)
        return sized

    def problem(self, choice: Choice) -> Problem:
        """The measurement ``new_physics`` with an interaction, for :mod:`spec_builder.inference`.

        The yields hold the Standard Model too; masses given to an interaction without a mediator are ignored.

        Raises:
            SpecBuilderError: if limits of an experiment need another law, or no target is acted on.
        """
        self.check_limits()
        likelihood = Likelihood.from_workspace(self.workspace, NEW_PHYSICS)
        samples = tuple(dict.fromkeys(signal.name for channel in self.channels for signal in channel.signals))

        def yields(masses: FloatArray) -> dict[str, Yields]:
            found = self.sample_yields(choice, masses if choice.has_mediator else None)
            return {sample: found[sample] for sample in samples}

        return Problem(likelihood, None, samples, yields, signed=choice.signed)

    def notes(self, choice: Choice | None = None, masses: FloatArray | None = None) -> tuple[tuple[str, str], ...]:
        """What a result should say: experiment and text of each note.

        Args:
            choice: the interaction; None for the Standard Model.
            masses: of the mediator [MeV], where there is one.
        """
        choice = choice or STANDARD_MODEL
        if masses is None and choice.has_mediator:
            masses = np.array(self.masses_MeV)
        notes = [(self.name, text) for text in self.changes]
        for name, found in shared_parameters(self.experiments).items():
            notes.append((self.name, f"{name} is one parameter that {' and '.join(found)} share"))
        for (experiment, channel), kernel in zip(self.pairs, self.kernels, strict=True):
            notes += [(experiment.name, text) for text in (*_idle_uncertainties(channel), *kernel.outside_in_words())]
            if not choice.acts_on(channel.target):
                text = (
                    f"{choice.name} does not act on {channel.target.name}: {channel.name} stays at the Standard Model"
                )
                notes.append((experiment.name, text))
                continue
            text = kernel.beyond_in_words(choice, masses)
            if text:
                notes.append((experiment.name, text))
        return tuple(notes)


def _check_shapes(sample: str, wanted: Measurable, yields: Yields) -> None:
    """Refuse shape uncertainties that change with what is fitted: the fit has those of the Standard Model throughout.

    Raises:
        SpecBuilderError: naming the sample and the uncertainty.
    """
    values = np.array([wanted.reference, *np.linspace(*wanted.bounds, 11)[1:]])
    nominal = polynomial(yields.nominal, values)[:, 0]
    some = nominal[0] > _LEAST_SHARE * nominal[0].sum()
    for name, ends in yields.variations.items():
        for end in ends:
            relative = polynomial(end, values)[:, 0, some] / nominal[:, some]
            change = float(np.abs(relative - relative[0]).max(initial=0.0))
            if change > _LARGEST_CHANGE:
                raise SpecBuilderError(
                    f"{sample}: its events at one standard deviation of {name} change with {wanted.name}, by up to "
                    f"{100 * change:.2g} % of its events, which a fit of it does not follow; expected a response "
                    "without variations"
                )


#: What is made of an analysis, such as a projection of it.
Change: TypeAlias = "Callable[[Analysis], Analysis]"


def acts_on(analysis: Analysis, choice: Choice) -> bool:
    """Whether an interaction has a cross section on any target of an analysis."""
    return any(choice.acts_on(channel.target) for channel in analysis.channels)


def _idle_uncertainties(channel: Channel) -> list[str]:
    """What to say of uncertainties that the source names and no signal of the channel has."""
    acting = {name for signal in channel.signals for name in signal.uncertainties}
    sizes = {c.parameter: c.relative_uncertainty for c in channel.source.components if c.relative_uncertainty}
    return [
        f"{name} ({100 * size:g} % in source {channel.source.name}) acts on no signal of {channel.name}, whose "
        "uncertainties do not name it"
        for name, size in sizes.items()
        if name not in acting
    ]


@checked
def load_analysis(
    analysis: str | PathLike[str] | Iterable[str | PathLike[str]],
    law: str = "normsys",
    variants: Mapping[str, str] | None = None,
) -> Analysis:
    """Load an analysis by its name on the command line.

    Args:
        analysis: a named analysis, an experiment or the path of an experiment's folder, or several of them joined by
            ``+`` or in a list; or the path of a user's analysis, see
            :func:`spec_builder.model.analyses.own_analysis`.
        law: ``normsys`` or ``linear``.
        variants: variant by experiment name.

    Raises:
        SpecBuilderError: for an unknown analysis, law or variant, or a broken experiment.

    Examples:
        >>> load_analysis("combined", variants={"pandax4t": "ce_rich"}).variants
        {'pandax4t': 'ce_rich'}
    """
    check_known("law", law, LAWS)
    text = "+".join(as_names(analysis))
    chosen = dict(variants or {})
    own = own_analysis(text) if is_own_analysis(text) else None
    known = named_analyses()
    parts = [_part(part, text, chosen) for part in ([own] if own else [known.get(p, p) for p in text.split("+")])]
    experiments = [experiment for _, members in parts for experiment in members]
    _refuse_left(chosen, experiments, text)
    if own:
        experiments = [with_own_sizes(experiment, own) for experiment in experiments]
        check_own_sizes(experiments, own, text)
    check_channels(experiments)
    check_data_sets(experiments)
    check_parameters(experiments)
    check_samples(experiments)
    _check_fluxes(experiments)
    whole = own or known.get(text)
    return Analysis(
        "+".join(name for name, _ in parts),
        tuple(experiments),
        next(one for one in LAWS if one == law),
        whole.masses_MeV if whole else None,
        own_sizes_in_words(own) if own else (),
    )


def _check_fluxes(experiments: Iterable[Experiment]) -> None:
    """Refuse channels whose one factor stands for different fluxes, where it is measured as a flux.

    Raises:
        SpecBuilderError: naming the channels and their fluxes.
    """
    channels = [channel for experiment in experiments for channel in experiment.channels]
    for factor in (kind.factor for kind in measurement_kinds() if not isinstance(kind.per_unit, str)):
        measured = [channel for channel in channels if any(s.factor == factor for s in channel.signals)]
        for channel in measured[1:]:
            first, other = (reference_size(one, factor) for one in (measured[0], channel))
            if abs(other - first) > _ONE_FLUX * first:
                raise SpecBuilderError(
                    f"{factor} is one flux, {first:g} in {measured[0].name} and {other:g} in {channel.name} "
                    "[1e6 cm-2 s-1], expected the same; the file of an analysis sets it for all"
                )


def _part(part: NamedAnalysis | str, text: str, chosen: dict[str, str]) -> tuple[str, list[Experiment]]:
    """Name and experiments of a named analysis, or of an experiment by its name or path; see :func:`_member`."""
    if isinstance(part, str):
        member = _member(part, text, chosen)
        return member.name, [member]
    return part.name, [_member(name, text, chosen) for name in part.experiments]


def _refuse_left(chosen: Mapping[str, str], experiments: Iterable[Experiment], text: str) -> None:
    """Refuse variants that no experiment has taken."""
    held = [experiment.name for experiment in experiments]
    for name in chosen:
        raise SpecBuilderError(f"variant of '{name}' given, but {text} holds only {', '.join(held)}{meant(name, held)}")


def _member(name: str, text: str, chosen: dict[str, str]) -> Experiment:
    """An experiment of an analysis; its variant is taken out of those that were chosen."""
    try:
        plain = load_experiment(name)
    except UnknownNameError as error:
        if error.name != name or "/" in name:
            raise
        known = (*ANALYSES, *named_analyses(), *shipped_experiments())
        more = ", or paths of experiment folders joined by '+', or the path of an analysis, a TOML file"
        told = unknown_name("analysis", text, known, more=more)
        raise SpecBuilderError(f"{told}{meant(name, known)}" if name != text else str(told)) from None
    variant = chosen.pop(plain.name, None)
    return plain if variant is None else load_experiment(name, variant)


def load_analyses(
    names: Iterable[str],
    law: str = "normsys",
    variants: Mapping[str, str] | None = None,
    change: Change | None = None,
) -> list[Analysis]:
    """Load several analyses; a variant applies to each of them that holds its experiment.

    Args:
        names: as :func:`load_analysis` takes them.
        law: ``normsys`` or ``linear``.
        variants: variant by experiment name.
        change: what becomes of each, such as a projection.

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
            raise SpecBuilderError(
                f"variant of '{key}' given, but no analysis that is exported or drawn holds it{meant(key, held)}"
            )
    return loaded if change is None else [_changed(analysis, change) for analysis in loaded]


def _changed(analysis: Analysis, change: Change) -> Analysis:
    """What becomes of an analysis, if it is one."""
    made = change(analysis)
    if not isinstance(made, Analysis):
        raise SpecBuilderError(f"change: expected a function that gives an analysis, this one gave {shown(made)}")
    return made
