"""Samples with their modifiers as groups: a fixed template times an amplitude each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.printing import counted
from spec_builder.histfactory.specification import Constraint, Group, Term

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.histfactory.interpolation import Kind
    from spec_builder.histfactory.parameters import Parameters

__all__ = ["GAMMA_BOUNDS", "GroupBuilder", "StatError", "values_of_bins"]

_SUPPORTED = ("histosys", "lumi", "normfactor", "normsys", "shapefactor", "shapesys", "staterror")
_SCALES = ("lumi", "normfactor", "normsys")
_BIN_BY_BIN = ("shapefactor", "shapesys", "staterror")
#: Of the factors of bins that have a constraint, as pyhf has them.
GAMMA_BOUNDS = (1e-10, 10.0)


@dataclass(frozen=True)
class _Shapes:
    """Templates of a sample by their direction, each with the terms of its amplitude."""

    nominal: FloatArray
    found: dict[bytes, tuple[FloatArray, list[Term]]] = field(default_factory=dict)

    def add(self, shape: FloatArray, factors: tuple[int, ...]) -> None:
        """Add a shape times factors; without factors it counts even where it is zero."""
        if not shape.any() and factors:
            return
        direction, size = _direction(shape, self.nominal)
        _, terms = self.found.setdefault(direction.tobytes(), (direction, []))
        terms.append(Term(size, factors))


@dataclass
class GroupBuilder:
    """Turns samples into groups.

    Attributes:
        bins: of all channels.
        parameters: takes those that the modifiers ask for.
        codes: of the interpolation of ``normsys`` and of ``histosys``.
        factor_index: numbers of the factors.
        groups: what has been built.
        vectors: numbers of the vectors of factors of bins, by the names of their parameters, '' for none.
        shaped: (sample, parameter) of every ``histosys``.
        bent: parameters of those that bend back.
    """

    bins: int
    parameters: Parameters
    codes: tuple[Kind, Kind]
    factor_index: dict[tuple[str, Kind, float, float], int] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    vectors: dict[tuple[str, ...], int] = field(default_factory=dict)
    shaped: set[tuple[str, str]] = field(default_factory=set)
    bent: set[str] = field(default_factory=set)

    def factor(self, parameter: str, kind: Kind, high: float = 1.0, low: float = 1.0) -> int:
        """Number of a factor; the same one has the same number."""
        key = (parameter, kind, high, low)
        return self.factor_index.setdefault(key, len(self.factor_index))

    def sample(
        self, where: str, channel: tuple[str, slice], sample: Mapping[str, Any], stat: Mapping[str, StatError]
    ) -> None:
        """Add the groups of one sample of one channel."""
        nominal = np.array(sample["data"], dtype=np.float64)
        scale: list[int] = []  # factors on the whole sample
        gammas: list[tuple[str, str]] = []  # parameter stem and role of bin-by-bin factors
        shapes = _Shapes(nominal)
        shapes.add(nominal, ())
        for modifier in sample["modifiers"]:
            kind, name = modifier["type"], modifier["name"]
            here = f"{where}, modifier '{name}'"
            if kind in _SCALES:
                scale.append(self._scale(here, modifier))
            elif kind == "histosys":
                self.shaped.add((str(sample["name"]), name))
                self._histosys(here, modifier, shapes)
            elif kind in _BIN_BY_BIN:
                self._bin_by_bin(here, modifier, nominal)
                gammas.append((name, kind))
            else:
                raise SpecBuilderError(
                    f"{here}: type '{kind}' is not supported, expected one of {', '.join(_SUPPORTED)}"
                )
        for direction, terms in shapes.found.values():
            self._add_groups(str(sample["name"]), channel, direction, nominal, terms, tuple(scale), gammas, stat)

    def _scale(self, here: str, modifier: Mapping[str, Any]) -> int:
        """The factor of a modifier that multiplies the whole sample."""
        kind, name, data = modifier["type"], modifier["name"], modifier["data"]
        if kind == "normsys":
            self._unit_normal(here, name)
            high, low = float(data["hi"]), float(data["lo"])
            if high <= 0 or low <= 0:
                raise SpecBuilderError(
                    f"{here}: normsys hi = {high:g}, lo = {low:g}: both must be > 0, or the rate is NaN; "
                    "for an uncertainty s >= 1 use lo = 1/(1+s)"
                )
            return self.factor(name, self.codes[0], high, low)
        constraint = None
        if kind == "lumi":
            if not {"auxdata", "sigmas", "inits", "bounds"} <= set(self.parameters.overrides.get(name, {})):
                raise SpecBuilderError(f"{here}: the measurement must give auxdata, sigmas, inits and bounds")
            constraint = Constraint("normal", 1.0, 1.0)
        self.parameters.add(here, name, kind, init=1.0, bounds=(0.0, 10.0), constraint=constraint)
        return self.factor(name, "identity")

    def _histosys(self, here: str, modifier: Mapping[str, Any], shapes: _Shapes) -> None:
        """Add the odd and the even part of a shape variation."""
        name, nominal = modifier["name"], shapes.nominal
        self._unit_normal(here, name)
        high = values_of_bins(here, "hi_data", modifier["data"]["hi_data"], nominal.size)
        low = values_of_bins(here, "lo_data", modifier["data"]["lo_data"], nominal.size)
        if ((high - nominal) * (low - nominal) > 0).any():
            self.bent.add(name)
        shapes.add((high - low) / 2, (self.factor(name, "identity"),))
        even = (high + low) / 2 - nominal
        if (np.abs(even) > 1e-13 * np.abs(nominal)).any():
            shapes.add(even, (self.factor(name, self.codes[1]),))

    def _unit_normal(self, here: str, name: str) -> None:
        constraint = Constraint("normal", 0.0, 1.0)
        self.parameters.add(here, name, "unit normal", init=0.0, bounds=(-5.0, 5.0), constraint=constraint)

    def _bin_by_bin(self, here: str, modifier: Mapping[str, Any], nominal: FloatArray) -> None:
        """Register the parameters of a vector over bins; those of ``staterror`` are there already."""
        name, kind = modifier["name"], modifier["type"]
        if kind == "shapesys":
            self._shapesys(here, name, nominal, values_of_bins(here, "data", modifier["data"], nominal.size))
        elif kind == "shapefactor":
            role = f"shapefactor of {nominal.size} bins"
            for i in range(nominal.size):
                self.parameters.add(here, name, role, init=1.0, bounds=(0.0, 10.0), index=i)

    def _shapesys(self, here: str, name: str, nominal: FloatArray, uncertainty: FloatArray) -> None:
        for i, (events, width) in enumerate(zip(nominal, uncertainty, strict=True)):
            valid = bool(events > 0 and width > 0)
            factor = float((events / width) ** 2) if valid else 1.0
            self.parameters.add(
                here,
                name,
                f"shapesys of {here}",
                init=1.0,
                bounds=GAMMA_BOUNDS,
                constraint=Constraint("poisson", factor, factor),
                fixed=not valid,
                index=i,
            )

    def _add_groups(
        self,
        sample: str,
        channel: tuple[str, slice],
        direction: FloatArray,
        nominal: FloatArray,
        terms: list[Term],
        scale: tuple[int, ...],
        gammas: list[tuple[str, str]],
        stat: Mapping[str, StatError],
    ) -> None:
        name, place = channel
        template, relative = np.zeros(self.bins), np.zeros(self.bins)
        template[place] = direction
        relative[place] = np.divide(direction, nominal, out=np.ones_like(direction), where=nominal != 0)
        vectors = []
        for gamma, role in gammas:
            first = stat[gamma].first[place.start] if role == "staterror" else 0
            names = [""] * self.bins
            names[place] = [f"{gamma}[{first + i}]" for i in range(direction.size)]
            vectors.append(self.vectors.setdefault(tuple(names), len(self.vectors)))
        scaled = tuple(Term(term.coefficient, (*scale, *term.factors)) for term in terms)
        self.groups.append(Group(sample, template, relative, scaled, name, tuple(vectors)))


def _direction(shape: FloatArray, nominal: FloatArray) -> tuple[FloatArray, float]:
    """A template and its size, so that templates proportional to the nominal share one group."""
    total = float(np.sum(nominal * nominal))
    if total > 0:
        # rounded, so that 1.12 n - n gives 0.12 n on every machine
        size = float(f"{np.sum(shape * nominal) / total:.13g}")
        if (np.abs(shape - size * nominal) <= 1e-12 * np.abs(shape).max()).all():
            return nominal, size
    return shape, 1.0


def values_of_bins(where: str, key: str, values: Sequence[float], bins: int) -> FloatArray:
    """Numbers of a list that has one for each bin.

    Raises:
        SpecBuilderError: if it has not, naming the place and the key.
    """
    if len(values) != bins:
        raise SpecBuilderError(f"{where}: {key} has {counted(len(values), 'bin')}, expected {bins}")
    return np.array(values, dtype=np.float64)


@dataclass
class StatError:
    """A ``staterror``: the bins of the channels that share its name, in order."""

    first: dict[int, int]
    uncertainty: FloatArray
