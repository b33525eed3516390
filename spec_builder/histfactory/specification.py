"""What a likelihood is made of: parameters, factors and templates.

The rate in a bin is a sum over :class:`Group` of a fixed template times an amplitude, and an amplitude is a sum of
products of factors of one parameter each. Every supported modifier fits this form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from spec_builder.base.arguments import is_number
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import shown, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.histfactory.interpolation import Factor, Kind

__all__ = [
    "Constraint",
    "Group",
    "ParameterSpec",
    "Specification",
    "Term",
    "hold",
]


@dataclass(frozen=True)
class Constraint:
    """Auxiliary measurement of a parameter.

    Attributes:
        kind: ``normal`` with width ``scale``, or ``poisson`` with mean ``scale`` x parameter.
        auxiliary: the observed auxiliary datum.
        scale: standard deviation or factor.
    """

    kind: Literal["normal", "poisson"]
    auxiliary: float
    scale: float

    @property
    def unit(self) -> float:
        """What auxiliary data are divided by to be in units of the parameter."""
        return self.scale if self.kind == "poisson" else 1.0


@dataclass(frozen=True)
class ParameterSpec:
    """A parameter with its start, bounds and constraint."""

    name: str
    init: float
    lower: float
    upper: float
    fixed: bool
    constraint: Constraint | None


class Term(NamedTuple):
    """coefficient x product of factors (indices)."""

    coefficient: float
    factors: tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """A fixed template with its amplitude, the sum of its terms.

    Attributes:
        sample: the sample it belongs to.
        template: events per bin of all channels, zero outside its own, shape (bins,).
        relative: template / nominal of the sample, shape (bins,); what stays when the sample's nominal is replaced.
        terms: the amplitude.
        channel: the channel it belongs to.
        gammas: which of the specification's vectors multiply it bin by bin.
        power: k if the template is the coefficient n_k of a polynomial, else None.
    """

    sample: str
    template: FloatArray
    relative: FloatArray
    terms: tuple[Term, ...]
    channel: str
    gammas: tuple[int, ...] = ()
    power: int | None = None


@dataclass(frozen=True)
class Specification:
    """Everything the likelihood needs.

    Attributes:
        channels: slice of bins of each channel, in order of name.
        observed: counts, shape (bins,).
        parameters: sorted by name.
        factors: the functions that the groups' terms refer to.
        groups: templates and amplitudes.
        poi: name of the parameter of interest, '' if there is none.
        vectors: of each ``staterror``, ``shapesys`` or ``shapefactor`` the parameter that multiplies each bin, -1 where
            none does, shape (bins,).
        shape_kind: the even part of the interpolation of a ``histosys``.
        shaped: (sample, parameter) of every ``histosys``.
        bent: positions of the parameters of those ``histosys`` that bend back: hi and lo lie on the same side of the
            nominal events in some bin, so that two values of the parameter give the same rate.
    """

    channels: Mapping[str, slice]
    observed: FloatArray
    parameters: tuple[ParameterSpec, ...]
    factors: tuple[Factor, ...]
    groups: tuple[Group, ...]
    poi: str
    vectors: tuple[IndexArray, ...] = ()
    shape_kind: Kind = "histosys_code4p"
    shaped: frozenset[tuple[str, str]] = frozenset()
    bent: tuple[int, ...] = ()


def hold(specification: Specification, values: Mapping[str, float]) -> Specification:
    """The same model with some parameters held at given values.

    Args:
        specification: the model.
        values: of the parameters to hold, by name.

    Raises:
        SpecBuilderError: for an unknown parameter, or a value outside its bounds.
    """
    parameters = {spec.name: spec for spec in specification.parameters}
    for name, value in values.items():
        if name not in parameters:
            raise unknown_name("parameter", name, parameters)
        spec = parameters[name]
        if not is_number(value):
            raise SpecBuilderError(f"parameter '{name}' cannot be held at {shown(value)}, expected a number")
        if not spec.lower <= value <= spec.upper:
            raise SpecBuilderError(
                f"parameter '{name}' cannot be held at {value:g}, outside its bounds [{spec.lower:g}, {spec.upper:g}]"
            )
        parameters[name] = replace(spec, init=float(value), fixed=True)
    return replace(specification, parameters=tuple(parameters.values()))
