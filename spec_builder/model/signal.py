"""Signal yields: the one place where rates meet responses. Events per bin as polynomials in an interaction's x."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.response import LEAST_RECOIL_KEV, ChargeYieldResponse, MatrixResponse
from spec_builder.experiments.tables import MOST_COUNTS
from spec_builder.inference.data import Yields as PlainYields
from spec_builder.physics.interactions import STANDARD_MODEL, WEAK_MIXING_ANGLE
from spec_builder.physics.rates import maximum_recoil_energy_keV, rate
from spec_builder.physics.spectra import LineSpectrum
from spec_builder.physics.validity import validity_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Channel, Signal
    from spec_builder.experiments.response import Kernel, Response
    from spec_builder.physics.choices import Choice
    from spec_builder.physics.sources import Source
    from spec_builder.physics.targets import Target

    RateFunction = Callable[[FloatArray], FloatArray]

__all__ = [
    "SignalKernel",
    "Template",
    "Yields",
    "check_change",
    "check_nowhere_negative",
    "joined",
    "polynomial",
    "reference_size",
    "signal_kernel",
]

_MEV_PER_KEV = 1e-3
#: A response is told of that leaves out more than this share of the accepted events.
LARGEST_SHARE_BEYOND = 0.03
#: A response is refused that takes more than this share of an interaction's events from below :data:`LEAST_RECOIL_KEV`.
_LARGEST_SHARE_BELOW = 1e-3
#: Recoils of less weight than this, relative to the largest, are not counted: a Gaussian's tails.
_COUNTED = 1e-6
#: A share that is 100 % in two digits.
_ALL = 0.995
#: Rounding of the discriminant of a parabola that touches zero, as full destructive interference makes it.
_PARABOLA_ROUNDING = 1e-9
#: An edge of a bin so near to an end of a table, as a part of it, is that end.
_EDGE_ROUNDING = 1e-9


def polynomial(coefficients: FloatArray, x: FloatArray | float) -> FloatArray:
    """n0 + n1 x + n2 x^2 for coefficients of shape (3, ...): shape (*x.shape, ...).

    Examples:
        >>> polynomial(np.array([[1.0], [2.0], [3.0]]), 2.0).tolist()
        [17.0]
    """
    value = np.asarray(x, dtype=np.float64)
    powers = np.stack([np.ones_like(value), value, value**2], axis=-1)
    events: FloatArray = np.tensordot(powers, coefficients, axes=(-1, 0))
    return events


@dataclass(frozen=True)
class Template:
    """Events of one signal sample at one point.

    Attributes:
        nominal: events per bin, shape (bins,).
        variations: events per bin at +1 and at -1 of each shape parameter.
    """

    nominal: FloatArray
    variations: Mapping[str, tuple[FloatArray, FloatArray]]


@dataclass(frozen=True)
class Yields(PlainYields):
    """Events per bin of one signal sample, Standard Model included, as polynomials n0 + n1 x + n2 x^2.

    Attributes:
        nominal: (n0, n1, n2), shape (3, M, bins) for M mediator masses.
        variations: the same at +1 and at -1 of each shape parameter.
    """

    def __call__(self, x: FloatArray | float) -> FloatArray:
        """Nominal events per bin, shape (*x.shape, M, bins)."""
        return polynomial(self.nominal, x)

    def template(self, x: float, mass: int = 0) -> Template:
        """Events at one coupling and the mass of an index."""

        def at(coefficients: FloatArray) -> FloatArray:
            return polynomial(coefficients[:, mass], x)

        return Template(at(self.nominal), {name: (at(up), at(down)) for name, (up, down) in self.variations.items()})

    def without_standard_model(self) -> Yields:
        """What an interaction adds."""

        def added(coefficients: FloatArray) -> FloatArray:
            return np.concatenate([np.zeros_like(coefficients[:1]), coefficients[1:]])

        return self.mapped(added)


def joined(parts: Sequence[Yields | None], bins: Sequence[int]) -> Yields:
    """Yields of one sample side by side.

    Args:
        parts: for each channel; None where it does not have the sample.
        bins: number of bins of each channel.
    """
    some = next(part for part in parts if part is not None)
    shape = some.nominal.shape[:2]
    whole = [
        Yields(np.zeros((*shape, count)), {}) if part is None else part for part, count in zip(parts, bins, strict=True)
    ]
    variations = {}
    for name in dict.fromkeys(name for part in whole for name in part.variations):
        sides = [part.variations.get(name, (part.nominal, part.nominal)) for part in whole]
        up, down = (np.concatenate(side, axis=2) for side in zip(*sides, strict=True))
        variations[name] = (up, down)
    return Yields(np.concatenate([part.nominal for part in whole], axis=2), variations)


@dataclass(frozen=True)
class SignalKernel:
    """A channel's response to recoils with its signal normalisation.

    Attributes:
        channel: whose it is.
        kernel: quadrature over recoil energy, normalised.
        correction: factor on each bin of the bare response, shape (bins of the response,): one number for most kinds,
            the c_i of Eq. (12) for ``charge_yield``.
        variations: kernels at +1 and at -1 of each shape parameter, with the same factors.
    """

    channel: Channel
    kernel: Kernel
    correction: FloatArray
    variations: Mapping[str, tuple[Kernel, Kernel]]

    def yields(self, choice: Choice, masses_MeV: FloatArray | None = None) -> dict[str, Yields]:
        """Events by signal sample, Standard Model included.

        An interaction that does not act on the channel's target leaves the Standard Model there.

        Args:
            choice: the interaction.
            masses_MeV: shape (M,); None where there is no mediator.

        Raises:
            SpecBuilderError: if the events hang on recoils of no energy, which a resolution lets into the bins.
        """
        at: RateFunction = _Rates(self.channel.source, self.channel.target, choice, masses_MeV)
        self._check_least_recoils(choice, at, masses_MeV)
        nominal = self._folded(self.kernel, at)
        varied = {name: (self._folded(up, at), self._folded(down, at)) for name, (up, down) in self.variations.items()}
        return {
            signal.name: Yields(
                self._of(signal, nominal),
                {name: (self._of(signal, up), self._of(signal, down)) for name, (up, down) in varied.items()},
            )
            for signal in self.channel.signals
        }

    def _folded(self, kernel: Kernel, at: RateFunction) -> FloatArray:
        """Events of each component of the source, shape (components, 3, M, bins)."""
        events = kernel.fold(at(kernel.recoil_energy_keV))
        timing = self.channel.timing
        if timing is None:
            return events
        fractions = np.stack([timing[str(component.timing)] for component in self.channel.source.components])
        in_time: FloatArray = events[..., None] * fractions[:, None, None, None, :]
        return in_time.reshape(*events.shape[:-1], -1)

    def _check_least_recoils(self, choice: Choice, at: RateFunction, masses_MeV: FloatArray | None) -> None:
        """Refuse what has no number: 1/T or 1/T^2 where the probability of a bin does not vanish at T = 0.

        Raises:
            SpecBuilderError: naming the channel and the first such mass.
        """
        if self.kernel.recoil_energy_keV.min() >= LEAST_RECOIL_KEV:
            return
        rates = at(self.kernel.recoil_energy_keV)
        # of each power of x and mass
        total = np.abs(self.kernel.fold(rates)).sum(axis=(0, -1))
        below = np.abs(self.kernel.fold_below(LEAST_RECOIL_KEV, rates)).sum(axis=(0, -1))
        lost = (below > _LARGEST_SHARE_BELOW * total).any(axis=0)
        if not lost.any():
            return
        mass = "" if masses_MeV is None else f" at a mass of {np.atleast_1d(masses_MeV)[lost][0]:g} MeV"
        raise SpecBuilderError(
            f"channel {self.channel.name}: of what interaction '{choice.name}' adds{mass}, events hang on recoils "
            f"of less than {LEAST_RECOIL_KEV:g} keV, to which the response gives a probability; expected a resolution "
            "that vanishes at zero energy, such as c sqrt(T), or a matrix that begins above"
        )

    def _of(self, signal: Signal, folded: FloatArray) -> FloatArray:
        """Events of the components of a sample, shape (3, M, bins)."""
        if signal.components is None:
            rows = list(range(folded.shape[0]))
        else:
            rows = [self.channel.source.names.index(name) for name in signal.components]
        events: FloatArray = folded[rows[0]] if len(rows) == 1 else folded[rows].sum(axis=0)
        return events

    @cached_property
    def _standard(self) -> dict[str, Yields]:
        return self.yields(STANDARD_MODEL)

    def samples(self) -> dict[str, FloatArray]:
        """Standard Model events per bin by signal sample, each of shape (bins,)."""
        return {name: yields.nominal[0, 0] for name, yields in self._standard.items()}

    def templates(self) -> dict[str, Template]:
        """Standard Model events by signal sample, with their variations."""
        return {name: yields.template(0.0) for name, yields in self._standard.items()}

    def standard_model(self) -> FloatArray:
        """Standard Model events per bin of all signal samples, shape (bins,)."""
        total: FloatArray = np.sum(list(self.samples().values()), axis=0)
        return total

    def proportional(self, factor: str, reference: float) -> dict[str, Yields]:
        """Events by sample against the size of the source, shape (3, 1, bins).

        Args:
            factor: samples that carry it go with the size; the others stay.
            reference: the size in the Standard Model, in any unit.
        """
        moving = {signal.name: signal.factor == factor for signal in self.channel.signals}

        def proportional(coefficients: FloatArray) -> FloatArray:
            nothing = np.zeros_like(coefficients[0])
            return np.stack([nothing, coefficients[0] / reference, nothing])

        return {
            name: yields.mapped(proportional) if moving[name] else yields for name, yields in self._standard.items()
        }

    def weak_mixing_angle(self) -> dict[str, Yields]:
        """Events by sample against sin^2 theta_W, shape (3, 1, bins)."""
        return self.yields(WEAK_MIXING_ANGLE)

    def share_beyond(self, choice: Choice, masses_MeV: FloatArray | None = None) -> float:
        """Largest share of the accepted events, over the masses, that would lie above the response's last row.

        The last probability is held up to the end of the spectrum.
        """
        response, channel = self.channel.response, self.channel
        if not isinstance(response, MatrixResponse):
            return 0.0
        end = maximum_recoil_energy_keV(channel.source, channel.target)
        beyond = response.kernel_beyond(channel.exposures, end)
        if beyond is None:
            return 0.0
        at = _Rates(channel.source, channel.target, choice, masses_MeV)
        bare = _bare_kernel(channel, response)

        def total(kernel: Kernel) -> FloatArray:
            """Events of the Standard Model in all bins and of all components, shape (M,)."""
            events: FloatArray = kernel.fold(at(kernel.recoil_energy_keV)).sum(axis=(0, -1))[0]
            return events

        outside, inside = total(beyond), total(bare)
        return float(np.max(outside / np.maximum(outside + inside, np.finfo(np.float64).tiny)))

    def outside_in_words(self) -> tuple[str, ...]:
        """What the channel's recoils ask for that its source and target, or its charge yield, do not describe."""
        weight = np.abs(self.kernel.weights).sum(axis=0)
        counted = self.kernel.recoil_energy_keV[weight > _COUNTED * weight.max()]
        return (*validity_notes(self.channel.source, self.channel.target, counted), *_outside_yield(self.channel))

    def beyond_in_words(self, choice: Choice, masses_MeV: FloatArray | None = None) -> str:
        """What to say of :meth:`share_beyond`; '' if it is at most 3 %."""
        share = self.share_beyond(choice, masses_MeV)
        if share <= LARGEST_SHARE_BEYOND:
            return ""
        percent = f"{100 * share:.2g}" if share < _ALL else "100"
        return (
            f"{percent} % of the accepted events of {self.channel.name} lie above the last recoil energy of "
            "its response, if its last probability holds there; they are left out"
        )


def check_change(choice: Choice, signal: Mapping[str, PlainYields]) -> None:
    """Refuse an interaction that changes no yield: nothing can be said of it.

    Args:
        choice: the interaction.
        signal: yields against x by sample, nominal ones of shape (3, M, bins).

    Raises:
        SpecBuilderError: naming the interaction, or saying that a mass is out of range.
    """
    if not all(np.isfinite(own.nominal).all() for own in signal.values()):
        raise SpecBuilderError("a mass is beyond floating range: the yields are not finite numbers")
    changes = sum(np.abs(own.nominal[1:]).sum(axis=(0, 2)) for own in signal.values())
    if not np.all(changes):
        raise SpecBuilderError(
            f"interaction '{choice.name}' changes no yield of this analysis: it is zero on its targets, or a mass is "
            "beyond floating range"
        )


def check_nowhere_negative(choice: Choice, signal: Mapping[str, PlainYields], masses: FloatArray) -> None:
    """Refuse an interaction that makes a signal negative in its domain: an interference without its square.

    Args:
        choice: the interaction.
        signal: yields against x by sample, nominal ones of shape (3, M, bins).
        masses: of the mediator [MeV], shape (M,).

    Raises:
        SpecBuilderError: naming the value of the parameter from which on a bin's signal is negative.
    """
    for own in signal.values():
        n0, n1, n2 = own.nominal
        # least value of the parabola in the domain; where n2 is 0, any slope downwards ends below zero
        downwards = (n1 != 0) if choice.signed else (n1 < 0)
        negative = downwards & (n1 * n1 > 4 * n0 * n2 * (1 + _PARABOLA_ROUNDING)) | (n2 < 0)
        if not negative.any():
            continue
        mass, i = (int(axis[0]) for axis in np.nonzero(negative))
        roots = np.roots(own.nominal[::-1, mass, i])
        first = min((abs(root.real) for root in roots if choice.signed or root.real > 0), default=0.0)
        value = first if choice.signed else np.sqrt(first)
        symbol = f"|{choice.parameter}|" if choice.signed else choice.parameter
        at = f" at a mass of {masses[mass]:g} MeV" if choice.has_mediator else ""
        raise SpecBuilderError(
            f"interaction '{choice.name}' makes the signal negative in bin {i} from {symbol} = {value:.4g} on"
            f"{at}: expected a cross section that is nowhere below zero, an interference with its square"
        )


class _Rates:
    """The rate of a source on a target, each set of recoil energies once."""

    def __init__(self, source: Source, target: Target, choice: Choice, masses_MeV: FloatArray | None) -> None:
        self._source, self._target = source, target
        self._acts = choice.acts_on(target)
        self._choice = choice if self._acts else STANDARD_MODEL
        self._masses = masses_MeV if self._choice.has_mediator else None
        self._count = 1 if masses_MeV is None else np.size(masses_MeV)
        self._last: tuple[FloatArray, FloatArray] | None = None

    def __call__(self, recoil_energy_keV: FloatArray) -> FloatArray:
        """Shape (components, 3, M, T)."""
        if self._last is None or not np.array_equal(self._last[0], recoil_energy_keV):
            rates = rate(self._source, self._target, self._choice, recoil_energy_keV, self._masses)
            if rates.shape[2] != self._count:
                rates = np.repeat(rates, self._count, axis=2)
            self._last = recoil_energy_keV, rates
        return self._last[1]


def reference_size(channel: Channel, factor: str | None = None) -> float:
    """Flux or fluence of a channel's source in the Standard Model [1e6 cm^-2 (s^-1)].

    Args:
        channel: the channel.
        factor: of the components in the samples with this factor alone; of all if None.
    """
    wanted = [signal for signal in channel.signals if factor is None or signal.factor == factor]
    names = {name for signal in wanted for name in (signal.components or channel.source.names)}
    return sum(component.total for component in channel.source.components if component.name in names) * 1e-6


def signal_kernel(channel: Channel) -> SignalKernel:
    """Fold a channel's response into a normalised kernel.

    A response is scaled to the channel's normalisation; a ``charge_yield`` response is corrected bin by bin to the
    Standard Model prediction of the matrix response, as the c_i of Eq. (12) are.
    """
    unscaled = SignalKernel(channel, _bare_kernel(channel, channel.response), np.ones(0), {})
    if isinstance(channel.response, ChargeYieldResponse):
        bare = SignalKernel(channel, _bare_kernel(channel, channel.response.reference), np.ones(0), {})
        reference = _scaled(channel, bare)
        events = unscaled.standard_model()
        _refuse_empty(channel, events)
        correction = reference.standard_model() / events
        return SignalKernel(channel, unscaled.kernel.scaled(correction), correction, {})
    return _scaled(channel, unscaled)


def _outside_yield(channel: Channel) -> Iterator[str]:
    """Recoils that a channel's bins count and its charge yield does not have."""
    response = channel.response
    if not isinstance(response, ChargeYieldResponse):
        return
    energy = response.recoil_energy_keV
    first, last = (energy * response.charge_yield)[[0, -1]] * response.gain
    edges = np.concatenate(response.bin_edges)
    table = f"the table of the charge yield of {channel.name}"
    if edges.min() < first * (1 - _EDGE_ROUNDING):
        yield f"{table} begins at {energy[0]:g} keV, within a bin: recoils below are left out"
    beyond = maximum_recoil_energy_keV(channel.source, channel.target) > energy[-1]
    if beyond and edges.max() > last * (1 + _EDGE_ROUNDING):
        yield f"{table} ends at {energy[-1]:g} keV, within a bin: recoils above are left out"


def _breaks_keV(source: Source, target: Target) -> tuple[float, ...]:
    """Recoil energies within the rate at which it jumps or bends: shells of electrons, lines, ends of components."""
    lines = [c.spectrum.energy_MeV for c in source.components if isinstance(c.spectrum, LineSpectrum)]
    ends = [c.endpoint_MeV for c in source.components if c.endpoint_MeV < source.endpoint_MeV]
    energy = np.concatenate([*lines, ends])
    recoils = 2 * energy**2 / (target.mass_MeV + 2 * energy) / _MEV_PER_KEV
    return tuple(np.unique(np.concatenate([target.breaks_keV, recoils.ravel()])).tolist())


def _refuse_empty(channel: Channel, events: FloatArray) -> None:
    """A response that no recoil of the Standard Model reaches can neither be normalised nor measured with.

    Raises:
        SpecBuilderError: naming the channel.
    """
    if not (events > 0).all():
        raise SpecBuilderError(
            f"channel {channel.name}: the response gives no Standard Model events; "
            "check its recoil energies and bin edges"
        )


def _refuse_many(channel: Channel, events: float) -> None:
    """More events than a table may hold, or than a number can, are those of a mistaken exposure or normalisation.

    Raises:
        SpecBuilderError: naming the channel.
    """
    if not events <= MOST_COUNTS:
        raise SpecBuilderError(
            f"channel {channel.name}: {events:g} Standard Model events, expected at most {MOST_COUNTS:g}; "
            "check its exposures and normalisation"
        )


def _bare_kernel(channel: Channel, response: Response) -> Kernel:
    """Quadrature of a response, nominal or varied, for the spectrum of the channel's source on its target."""
    source, target = channel.source, channel.target
    parts = [component for component in source.components if component.endpoint_MeV < source.endpoint_MeV]
    smooth = [part for part in parts if not isinstance(part.spectrum, LineSpectrum)]
    ends = [*(maximum_recoil_energy_keV(part, target) for part in smooth), maximum_recoil_energy_keV(source, target)]
    return response.kernel(channel.exposures, breaks_keV=_breaks_keV(source, target), ends_keV=ends)


def _scaled(channel: Channel, bare: SignalKernel) -> SignalKernel:
    """The bare response with the channel's normalisation, and its variations with the same factor."""
    ones = np.ones(bare.kernel.weights.shape[0])
    total = bare.standard_model().sum(keepdims=True)
    _refuse_empty(channel, total)
    size = channel.normalisation
    factor = ones if size is None else ones * (_normalised_events(channel) / float(total.sum()))
    kernel = bare.kernel if size is None else bare.kernel.scaled(factor)
    _refuse_many(channel, float(total.sum()) * float(factor[0]))
    variations = {}
    for name, sides in channel.variations.items():
        up, down = (_bare_kernel(channel, side).scaled(factor) for side in sides)
        variations[name] = (up, down)
    return SignalKernel(channel, kernel, factor, variations)


def _normalised_events(channel: Channel) -> float:
    """Standard Model events at the source's own size that the channel's normalisation stands for."""
    size = channel.normalisation
    assert size is not None  # noqa: S101 - asked for only where there is one
    if size.flux_1e6_cm2_s1 is None:
        return size.events
    return size.events * (reference_size(channel) / size.flux_1e6_cm2_s1)
