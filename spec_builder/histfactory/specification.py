"""From a pyhf workspace to the parameters, factors and templates of a likelihood.

The rate in a bin is a sum over :class:`Group` of a fixed template times an amplitude, and an amplitude is a sum of
products of factors of one parameter each. Every supported modifier fits this form.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from spec_builder.base.arguments import is_number
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import shown, unknown_name
from spec_builder.base.printing import counted
from spec_builder.histfactory.checks import setting_problems
from spec_builder.histfactory.interpolation import Factor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.histfactory.interpolation import Kind

__all__ = ["Constraint", "Group", "ParameterSpec", "Specification", "Term", "hold", "read_specification"]

SUPPORTED_MODIFIERS = ("histosys", "lumi", "normfactor", "normsys", "shapefactor", "shapesys", "staterror")
_SCALES = ("lumi", "normfactor", "normsys")
_BIN_BY_BIN = ("shapefactor", "shapesys", "staterror")
_NORMSYS_KINDS: dict[str, Kind] = {"code1": "normsys_code1", "code4": "normsys_code4"}
_HISTOSYS_KINDS: dict[str, Kind] = {"code0": "histosys_code0", "code4p": "histosys_code4p"}
_GAMMA_BOUNDS = (1e-10, 10.0)


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


@dataclass
class _Parameters:
    """Collects the parameters that modifiers ask for; sharing a name means sharing the parameter."""

    overrides: Mapping[str, Mapping[str, Any]]
    specs: dict[str, ParameterSpec] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        where: str,
        name: str,
        role: str,
        *,
        init: float,
        bounds: tuple[float, float],
        constraint: Constraint | None = None,
        fixed: bool = False,
        index: int | None = None,
    ) -> str:
        """Register (or share) a parameter; ``index`` is its place in a vector of them."""
        full = name if index is None else f"{name}[{index}]"
        self._check_use(where, name, full, role)
        at, given = index or 0, self.overrides.get(name, {})
        if index is None:
            for key in ("inits", "bounds", "auxdata", "sigmas", "factors"):
                if len(given.get(key, [None])) != 1:
                    raise SpecBuilderError(f"{where}: parameter '{name}' has {len(given[key])} {key}, expected 1")
        bound = given["bounds"][at] if "bounds" in given else bounds
        if constraint is not None:
            constraint = _as_given(where, name, constraint, given, at)
        spec = ParameterSpec(
            name=full,
            init=float(given["inits"][at] if "inits" in given else init),
            lower=float(bound[0]),
            upper=float(bound[1]),
            fixed=bool(given.get("fixed", fixed)),
            constraint=constraint,
        )
        if not spec.lower <= spec.init <= spec.upper:
            raise SpecBuilderError(
                f"{where}: parameter '{full}' starts at {spec.init:g}, outside its bounds "
                f"[{spec.lower:g}, {spec.upper:g}]"
            )
        if self.specs.setdefault(full, spec) != spec:
            raise SpecBuilderError(f"{where}: parameter '{full}' is constrained in two different ways")
        return full

    def _check_use(self, where: str, name: str, full: str, role: str) -> None:
        """Refuse a parameter that is something else already; ``full`` has its place in a vector."""
        shape = "one number" if full == name else "a number for each bin"
        if self.shapes.setdefault(name, shape) != shape:
            raise SpecBuilderError(
                f"{where}: parameter '{name}' is used as {shape} and as {self.shapes[name]}; rename one"
            )
        if self.roles.setdefault(full, role) != role:
            raise SpecBuilderError(
                f"{where}: parameter '{name}' is used as {role} and as {self.roles[full]}; rename one"
            )


def _as_given(where: str, name: str, constraint: Constraint, given: Mapping[str, Any], at: int) -> Constraint:
    """A parameter's constraint with the auxiliary datum and the scale that the measurement gives for it."""
    auxiliary = given["auxdata"][at] if "auxdata" in given else constraint.auxiliary
    key = "sigmas" if constraint.kind == "normal" else "factors"
    scale = given[key][at] if key in given else constraint.scale
    if constraint.kind == "poisson" and auxiliary < 0:
        raise SpecBuilderError(f"{where}: the auxiliary datum of '{name}' is {auxiliary:g}, expected a count >= 0")
    if not scale > 0:
        raise SpecBuilderError(f"{where}: the constraint of '{name}' has scale {scale}, expected > 0")
    return Constraint(constraint.kind, float(auxiliary), float(scale))


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
class _Builder:
    """Turns samples into groups."""

    bins: int
    parameters: _Parameters
    codes: tuple[Kind, Kind]
    factor_index: dict[tuple[str, Kind, float, float], int] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    vectors: dict[tuple[str, ...], int] = field(default_factory=dict)  # names of the parameters by bin, '' for none
    shaped: set[tuple[str, str]] = field(default_factory=set)
    bent: set[str] = field(default_factory=set)

    def factor(self, parameter: str, kind: Kind, high: float = 1.0, low: float = 1.0) -> int:
        key = (parameter, kind, high, low)
        return self.factor_index.setdefault(key, len(self.factor_index))

    def sample(
        self, where: str, channel: tuple[str, slice], sample: Mapping[str, Any], stat: Mapping[str, _StatError]
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
                    f"{here}: type '{kind}' is not supported, expected one of {', '.join(SUPPORTED_MODIFIERS)}"
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
        high = _bins(here, "hi_data", modifier["data"]["hi_data"], nominal.size)
        low = _bins(here, "lo_data", modifier["data"]["lo_data"], nominal.size)
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
            self._shapesys(here, name, nominal, _bins(here, "data", modifier["data"], nominal.size))
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
                bounds=_GAMMA_BOUNDS,
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
        stat: Mapping[str, _StatError],
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


def _bin_count(channel: Mapping[str, Any], observation: Sequence[float]) -> int:
    """Bins of a channel by majority, so that the one that differs is blamed."""
    lengths = Counter([len(observation), *(len(sample["data"]) for sample in channel["samples"])])
    return lengths.most_common(1)[0][0]


def _bins(where: str, key: str, values: Sequence[float], bins: int) -> FloatArray:
    if len(values) != bins:
        raise SpecBuilderError(f"{where}: {key} has {counted(len(values), 'bin')}, expected {bins}")
    return np.array(values, dtype=np.float64)


@dataclass
class _StatError:
    """A ``staterror``: the bins of the channels that share its name, in order."""

    first: dict[int, int]
    uncertainty: FloatArray


def _stat_errors(
    channels: Sequence[Mapping[str, Any]], slices: Mapping[str, slice], parameters: _Parameters
) -> dict[str, _StatError]:
    """Register the gamma parameters of ``staterror``, whose widths are relative to the sum of its samples."""
    errors: dict[str, _StatError] = {}
    for channel in channels:
        place = slices[channel["name"]]
        bins = place.stop - place.start
        totals: dict[str, FloatArray] = {}
        squares: dict[str, FloatArray] = {}
        for sample in channel["samples"]:
            for modifier in sample["modifiers"]:
                if modifier["type"] == "staterror":
                    name = modifier["name"]
                    here = f"channel '{channel['name']}', sample '{sample['name']}', modifier '{name}'"
                    width = _bins(here, "data", modifier["data"], bins)
                    totals[name] = totals.get(name, np.zeros(bins)) + np.array(sample["data"])
                    squares[name] = squares.get(name, np.zeros(bins)) + width**2
        for name, total in totals.items():
            relative = np.sqrt(np.divide(squares[name], total**2, out=np.zeros(bins), where=total > 0))
            entry = errors.setdefault(name, _StatError({}, np.zeros(0)))
            entry.first[place.start] = entry.uncertainty.size
            entry.uncertainty = np.concatenate([entry.uncertainty, relative])
    for name, entry in errors.items():
        for i, sigma in enumerate(entry.uncertainty):
            parameters.add(
                f"modifier '{name}'",
                name,
                "staterror",
                init=1.0,
                bounds=_GAMMA_BOUNDS,
                constraint=Constraint("normal", 1.0, float(sigma) if sigma > 0 else 1.0),
                fixed=not sigma > 0,
                index=i,
            )
    return errors


def read_specification(
    workspace: Mapping[str, Any],
    measurement: str | None,
    *,
    normsys: Literal["code1", "code4"] = "code4",
    histosys: Literal["code0", "code4p"] = "code4p",
    poi: str | None = None,
) -> Specification:
    """Read a pyhf workspace.

    Args:
        workspace: the content of the JSON file.
        measurement: its name; None for the first.
        normsys: interpolation code; pyhf's command line uses the default.
        histosys: likewise.
        poi: parameter of interest in the place of the measurement's, '' for none; None leaves the measurement's.
            Published workspaces name one that only their patches have: read them with ''.

    Raises:
        SpecBuilderError: naming channel, sample and modifier, for anything that is missing, malformed or not
            supported.
    """
    try:
        return _read(workspace, measurement, (_NORMSYS_KINDS[normsys], _HISTOSYS_KINDS[histosys]), poi)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError, OverflowError) as error:
        raise SpecBuilderError(
            f"not a pyhf workspace: {type(error).__name__} {error}; 'spec-builder verify' says where"
        ) from None


def _channels(
    workspace: Mapping[str, Any],
) -> tuple[list[Mapping[str, Any]], dict[str, slice], FloatArray]:
    """Channels in order of name, the slice of bins of each, and all counts."""
    channels = sorted(workspace["channels"], key=lambda channel: str(channel["name"]))
    names = [channel["name"] for channel in channels]
    if len(set(names)) < len(names):
        raise SpecBuilderError(f"channel '{max(names, key=names.count)}' stands twice; rename or remove one")
    for channel in channels:
        _check_samples(channel)
    observations = {o["name"]: o["data"] for o in workspace["observations"]}
    for channel_name in names:
        if channel_name not in observations:
            raise SpecBuilderError(f"channel '{channel_name}' has no observation")
    sizes = [_bin_count(channel, observations[channel["name"]]) for channel in channels]
    ends = list(itertools.accumulate(sizes, initial=0))
    slices = {key: slice(a, b) for key, (a, b) in zip(names, itertools.pairwise(ends), strict=True)}
    observed = np.concatenate(
        [_bins(f"observation '{k}'", "data", observations[k], size) for k, size in zip(names, sizes, strict=True)]
    )
    for key, place in slices.items():
        if not (np.isfinite(observed[place]) & (observed[place] >= 0)).all():
            raise SpecBuilderError(f"observation '{key}': counts must be finite numbers >= 0")
    return channels, slices, observed


def _check_samples(channel: Mapping[str, Any]) -> None:
    """Refuse a channel without bins, or with samples of one name or without a list."""
    where, samples = f"channel '{channel['name']}'", channel["samples"]
    names = [sample["name"] for sample in samples]
    if len(set(names)) < len(names):
        raise SpecBuilderError(f"{where}, sample '{max(names, key=names.count)}' stands twice; rename or remove one")
    for sample in samples:
        if not isinstance(sample["data"], list):
            raise SpecBuilderError(f"{where}, sample '{sample['name']}': 'data' must be a list of numbers")
    if not any(sample["data"] for sample in samples):
        raise SpecBuilderError(f"{where} has no bin")


def _unknown_interest(
    measurement: str, poi: str, parameters: Sequence[ParameterSpec], *, chosen: bool
) -> SpecBuilderError:
    if chosen:
        return unknown_name("parameter", poi, [spec.name for spec in parameters])
    return SpecBuilderError(
        f"measurement '{measurement}': no modifier has the parameter of interest '{poi}'; "
        "apply a patch that brings it, or choose another"
    )


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


def _read(
    workspace: Mapping[str, Any], measurement: str | None, codes: tuple[Kind, Kind], interest: str | None
) -> Specification:
    name, config = _measurement(workspace, measurement)
    channels, slices, observed = _channels(workspace)
    for problem in setting_problems(workspace):
        raise SpecBuilderError(problem)
    parameters = _Parameters({p["name"]: p for p in config["parameters"]})
    builder = _Builder(observed.size, parameters, codes)
    stat = _stat_errors(channels, slices, parameters)
    for channel in channels:
        place = slices[channel["name"]]
        for sample in channel["samples"]:
            where = f"channel '{channel['name']}', sample '{sample['name']}'"
            _bins(where, "data", sample["data"], place.stop - place.start)
            builder.sample(where, (channel["name"], place), sample, stat)

    specs = tuple(parameters.specs[key] for key in sorted(parameters.specs))
    index = {spec.name: i for i, spec in enumerate(specs)}
    poi = str(config["poi"] if interest is None else interest)
    element = poi in index and poi not in parameters.shapes
    if interest is None and (element or f"{poi}[1]" in index):
        what = "one of several" if element else "a number for each bin"
        raise SpecBuilderError(
            f"measurement '{name}': the parameter of interest '{poi}' is {what}, which pyhf does not take; "
            "name one that stands alone, or none"
        )
    if f"{poi}[0]" in index and f"{poi}[1]" not in index:
        poi = f"{poi}[0]"  # the one bin of a shapesys: pyhf takes its name for it
    if poi and poi not in index:
        raise _unknown_interest(name, poi, specs, chosen=interest is not None)
    factors = tuple(Factor(index[p], kind, high, low) for p, kind, high, low in builder.factor_index)
    vectors = tuple(np.array([index.get(p, -1) for p in names], dtype=np.intp) for names in builder.vectors)
    bent = tuple(sorted(index[name] for name in builder.bent))
    shaped = frozenset(builder.shaped)
    return Specification(slices, observed, specs, factors, tuple(builder.groups), poi, vectors, codes[1], shaped, bent)


def _measurement(workspace: Mapping[str, Any], name: str | None) -> tuple[str, Mapping[str, Any]]:
    """A measurement's name and what it says; the first one's by default."""
    measurements = {m["name"]: m for m in workspace["measurements"]}
    if not measurements:
        raise SpecBuilderError("the workspace has no measurement; it needs at least one")
    name = next(iter(measurements)) if name is None else name
    if name not in measurements:
        raise unknown_name("measurement", name, measurements)
    config: Mapping[str, Any] = measurements[name]["config"]
    return name, config
