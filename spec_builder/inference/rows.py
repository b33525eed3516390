"""What may differ from row to row of a batch: yields, shapes, ratios, counts, auxiliary data, a fitted polynomial.

Patch points, grids and toys are the same thing to the minimisers: N rows of one likelihood. :class:`Rows` says what
the rows have of their own, by the names of the model. For a minimiser it is taken apart in two steps:

- a :class:`Layout` says which names have values by row. It changes the structure of the model
  (:func:`lay_out`), once for all batches of the same kind: each group of templates then either keeps its template, or
  is a fixed mask times one of C *columns* of values by row.
- :class:`RowArrays` holds the numbers: the columns, counts, auxiliary data and ``normsys`` ratios by row.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.special import gammaln, xlogy

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.interpolation import Factor, normsys_table
from spec_builder.histfactory.specification import Group, Term

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.histfactory.interpolation import Kind
    from spec_builder.histfactory.specification import Specification
    from spec_builder.inference.likelihood import Likelihood

__all__ = [
    "FIXED",
    "LOG_2PI",
    "PLAIN",
    "SHARED",
    "LaidOut",
    "Layout",
    "Polynomial",
    "PowerColumn",
    "RowArrays",
    "Rows",
    "ShapeColumn",
    "constant_terms",
    "lay_out",
    "saturated",
    "spread",
    "take_apart",
]

LOG_2PI = float(np.log(2 * np.pi))
#: Number of the column of a group whose template is the model's own.
FIXED = -1
#: A coefficient of a polynomial by row that is zero everywhere, and has no column.
_NOTHING = -2


@dataclass(frozen=True)
class Polynomial:
    """Yields n0 + n1 x + n2 x^2 of samples, with coefficients by row, where x is a free parameter of the likelihood.

    The likelihood is one of :meth:`spec_builder.inference.likelihood.Likelihood.with_polynomial`, which gives x its
    start value and its bounds. x may have a unit of its own in each row: n1 and n2 in units where it is of order one.

    Attributes:
        parameter: name of x.
        coefficients: (n0, n1, n2) by sample, each of shape (3, bins, N).
    """

    parameter: str
    coefficients: Mapping[str, FloatArray]


@dataclass(frozen=True)
class Rows:
    """What N rows have of their own; what is not named here they share with the model.

    Attributes:
        yields: nominal events per bin by sample, shape (bins, N); every bin of the model, zero where the sample is not.
            The sample's shape variations that are not named in ``variations`` scale with them.
        variations: templates (hi, lo) of a ``histosys`` by (sample, parameter), each of shape (bins, N).
        ratios: (hi, lo) of a ``normsys`` by (channel, sample, parameter), each of shape (N,).
        observed: counts, shape (bins, N).
        auxiliary: auxiliary data, shape (K, N), in the order of ``likelihood.constrained()``.
        polynomial: a sample whose yields are fitted.
    """

    yields: Mapping[str, FloatArray] = field(default_factory=dict)
    variations: Mapping[tuple[str, str], tuple[FloatArray, FloatArray]] = field(default_factory=dict)
    ratios: Mapping[tuple[str, str, str], tuple[FloatArray, FloatArray]] = field(default_factory=dict)
    observed: FloatArray | None = None
    auxiliary: FloatArray | None = None
    polynomial: Polynomial | None = None

    def _arrays(self) -> Iterator[FloatArray]:
        yield from self.yields.values()
        for pair in (*self.variations.values(), *self.ratios.values()):
            yield from pair
        if self.observed is not None:
            yield self.observed
        if self.auxiliary is not None:
            yield self.auxiliary
        if self.polynomial is not None:
            yield from self.polynomial.coefficients.values()

    def count(self) -> int | None:
        """N; None if there is nothing by row.

        Raises:
            SpecBuilderError: if two arrays differ in it.
        """
        counts = {np.shape(array)[-1] for array in self._arrays()}
        if len(counts) > 1:
            raise SpecBuilderError(
                f"rows: arrays of {' and '.join(map(str, sorted(counts)))} rows, expected one number"
            )
        return counts.pop() if counts else None

    def take(self, rows: IndexArray | BoolArray | slice) -> Rows:
        """Some of the rows."""
        polynomial = self.polynomial
        return Rows(
            {key: value[:, rows] for key, value in self.yields.items()},
            {key: (high[:, rows], low[:, rows]) for key, (high, low) in self.variations.items()},
            {key: (high[rows], low[rows]) for key, (high, low) in self.ratios.items()},
            None if self.observed is None else self.observed[:, rows],
            None if self.auxiliary is None else self.auxiliary[:, rows],
            None
            if polynomial is None
            else Polynomial(polynomial.parameter, {s: c[:, :, rows] for s, c in polynomial.coefficients.items()}),
        )


class ShapeColumn(NamedTuple):
    """A part of a ``histosys`` that comes by row: ``odd`` (hi - lo)/2 or ``even`` (hi + lo)/2 - nominal."""

    part: Literal["odd", "even"]
    sample: str
    parameter: str
    channels: tuple[str, ...]


class PowerColumn(NamedTuple):
    """The coefficient n_k of a sample's polynomial."""

    sample: str
    power: int


class Layout(NamedTuple):
    """What has values by row: all that a compiled model depends on.

    The columns are those of ``yields``, ``shapes`` and ``powers``, in this order.

    Attributes:
        yields: samples.
        shapes: parts of ``histosys`` and the channels where they are not zero.
        powers: the polynomials' coefficients that are not zero.
        varied: (sample, parameter) of the ``histosys`` that ``shapes`` replace.
        ratios: (channel, sample, parameter) of ``normsys``.
    """

    yields: tuple[str, ...] = ()
    shapes: tuple[ShapeColumn, ...] = ()
    powers: tuple[PowerColumn, ...] = ()
    varied: tuple[tuple[str, str], ...] = ()
    ratios: tuple[tuple[str, str, str], ...] = ()


class LaidOut(NamedTuple):
    """A model whose groups know which of their numbers come by row.

    Attributes:
        specification: the model, its groups in the order of their columns.
        column: for each group the number of its column, -1 for a template that all rows share. The events of a
            group with a column are ``group.relative`` (a mask, as a rule) times the column.
        ratios: for each entry of ``Layout.ratios`` the factor whose hi and lo come by row.
    """

    specification: Specification
    column: tuple[int, ...]
    ratios: tuple[int, ...]


@dataclass(frozen=True)
class RowArrays:
    """Numbers by row, in the order that a :class:`LaidOut` model says; contiguous along the rows.

    Attributes:
        columns: events per bin of each column, shape (bins, N) each.
        observed: counts, shape (bins, N), or None.
        auxiliary: shape (K, N), or None.
        interpolations: of each factor of ``LaidOut.ratios`` ln hi, ln lo and a1 to a6 of its polynomial inside +-1,
            shape (8, R, N), or None.
        constant: terms of 2NLL that no parameter changes, shape (N,); None where all rows share the model's.
    """

    columns: tuple[FloatArray, ...] = ()
    observed: FloatArray | None = None
    auxiliary: FloatArray | None = None
    interpolations: FloatArray | None = None
    constant: FloatArray | None = None

    def take(self, rows: IndexArray | BoolArray | slice) -> RowArrays:
        """Some of the rows."""
        return RowArrays(
            tuple(column[:, rows] for column in self.columns),
            None if self.observed is None else self.observed[:, rows],
            None if self.auxiliary is None else self.auxiliary[:, rows],
            None if self.interpolations is None else self.interpolations[:, :, rows],
            None if self.constant is None else self.constant[rows],
        )

    def thinned(self, part: float) -> RowArrays:
        """With a part of the rates and counts."""
        columns = tuple(part * column for column in self.columns)
        return replace(self, columns=columns, observed=None if self.observed is None else part * self.observed)


#: Rows that have nothing of their own, and their layout.
SHARED, PLAIN = RowArrays(), Layout()


def take_apart(likelihood: Likelihood, rows: Rows) -> tuple[Layout, RowArrays]:
    """Check rows against a model and take them apart.

    Raises:
        SpecBuilderError: for a name that the model does not have, or an array of the wrong shape.
    """
    rows.count()
    spec = likelihood.specification
    bins, constrained = spec.observed.size, len(likelihood.constrained())
    columns = [_shaped(array, bins, f"yields of '{sample}'") for sample, array in rows.yields.items()]
    for sample in rows.yields:
        _check_sample(spec, sample)
    if rows.polynomial is not None:
        likelihood.index(rows.polynomial.parameter)
    shapes, powers = _shape_columns(spec, rows), _power_columns(spec, rows)
    columns += [*shapes.values(), *powers.values()]
    layout = Layout(tuple(rows.yields), tuple(shapes), tuple(powers), tuple(rows.variations), tuple(rows.ratios))
    observed = None if rows.observed is None else _shaped(rows.observed, bins, "observed counts")
    if observed is not None and not (np.isfinite(observed) & (observed >= 0)).all():
        raise SpecBuilderError("rows: observed counts must be finite numbers >= 0")
    auxiliary = None if rows.auxiliary is None else _shaped(rows.auxiliary, constrained, "auxiliary data")
    constant = None
    if observed is not None or auxiliary is not None:
        constant = constant_terms(spec, spec.observed[:, None] if observed is None else observed, auxiliary)
    return layout, RowArrays(tuple(columns), observed, auxiliary, _interpolations(rows), constant)


def constant_terms(spec: Specification, observed: FloatArray, auxiliary: FloatArray | None) -> FloatArray:
    """Terms of 2NLL that no parameter changes, shape (N,).

    Args:
        spec: the model.
        observed: counts, shape (bins, N or 1).
        auxiliary: auxiliary data, shape (K, N); the model's own if None.
    """
    total = 2 * np.sum(_log_factorial(observed), axis=0)
    constraints = [p.constraint for p in spec.parameters if p.constraint]
    for k, constraint in enumerate(constraints):
        if constraint.kind == "normal":
            total = total + LOG_2PI + 2 * np.log(constraint.scale)
        else:
            total = total + 2 * _log_factorial(np.asarray(constraint.auxiliary) if auxiliary is None else auxiliary[k])
    return total if auxiliary is None else np.broadcast_to(total, auxiliary.shape[1:])


def saturated(spec: Specification, observed: FloatArray, auxiliary: FloatArray | None) -> FloatArray:
    """2NLL if every rate met its count and every parameter its auxiliary datum, shape (N,).

    2NLL minus this is the chi^2 of Eq. (17) of arXiv:2411.11749: 2 sum(d - d ln d + ln Gamma(d + 1)) and ln 2 pi for
    each unit normal constraint.

    Args:
        spec: the model.
        observed: counts, shape (bins, N or 1).
        auxiliary: auxiliary data, shape (K, N); the model's own if None.
    """
    total: FloatArray = 2 * np.sum(observed - xlogy(observed, observed), axis=0)
    total = total + constant_terms(spec, observed, auxiliary)
    constraints = [p.constraint for p in spec.parameters if p.constraint]
    for k, constraint in enumerate(constraints):
        if constraint.kind == "poisson":
            a = np.asarray(constraint.auxiliary) if auxiliary is None else auxiliary[k]
            total = total + 2 * (a - xlogy(a, a))
    return total


def _log_factorial(counts: FloatArray) -> FloatArray:
    """Logarithm of n!; the counts of toys are whole numbers, and few of them are different."""
    most = counts.max(initial=0)
    if counts.size > most + 1:
        whole = counts.astype(np.intp)
        if (whole == counts).all():
            table: FloatArray = gammaln(np.arange(1, int(most) + 2))
            return table[whole]
    logarithms: FloatArray = gammaln(counts + 1)
    return logarithms


def _shaped(array: FloatArray, first: int, what: str) -> FloatArray:
    """The array, contiguous along the rows."""
    if np.ndim(array) != 2 or np.shape(array)[0] != first:
        raise SpecBuilderError(f"rows: {what} have the shape {np.shape(array)}, expected ({first}, N)")
    return np.ascontiguousarray(array, dtype=np.float64)


def _check_sample(spec: Specification, sample: str) -> None:
    if sample not in {group.sample for group in spec.groups}:
        raise SpecBuilderError(f"sample '{sample}' is not in the workspace")


def _interpolations(rows: Rows) -> FloatArray | None:
    if not rows.ratios:
        return None
    highs, lows = (np.array(arrays, dtype=np.float64) for arrays in zip(*rows.ratios.values(), strict=True))
    if not ((highs > 0) & (lows > 0)).all():
        raise SpecBuilderError("rows: a normsys has hi or lo <= 0; both must be > 0, or the rate is NaN")
    return normsys_table(highs, lows)


def _shape_parts(spec: Specification, rows: Rows, key: tuple[str, str]) -> dict[Literal["odd", "even"], FloatArray]:
    """(hi - lo)/2 and (hi + lo)/2 - nominal of a variation, shape (bins, N)."""
    sample, parameter = key
    if key not in spec.shaped:
        raise SpecBuilderError(f"rows: sample '{sample}' has no histosys '{parameter}' in the workspace")
    high, low = (_shaped(a, spec.observed.size, f"shapes of '{sample}'") for a in rows.variations[key])
    nominal = rows.yields[sample] if sample in rows.yields else _nominal(spec, sample)[:, None]
    even = (high + low) / 2 - nominal
    # as for the shapes of the workspace itself: rounding is no even part
    even = np.where(np.abs(even) > 1e-13 * np.abs(nominal), even, 0.0)
    return {"odd": (high - low) / 2, "even": even}


def _nominal(spec: Specification, sample: str) -> FloatArray:
    """A sample's own yields, shape (bins,)."""
    nominal = np.zeros(spec.observed.size)
    for group in spec.groups:
        if group.sample == sample and _unshaped(spec, group):
            nominal += group.template
    return nominal


def _shape_parameter(spec: Specification, sample: str, term: Term) -> str | None:
    """The parameter whose ``histosys`` a term belongs to; a term has one at most."""
    for f in term.factors:
        name = spec.parameters[spec.factors[f].parameter].name
        if not spec.factors[f].kind.startswith("normsys") and (sample, name) in spec.shaped:
            return name
    return None


def _unshaped(spec: Specification, group: Group) -> tuple[Term, ...]:
    """The terms of a group that belong to no ``histosys``: there are some in the group of the nominal yields."""
    return tuple(term for term in group.terms if _shape_parameter(spec, group.sample, term) is None)


def _shape_columns(spec: Specification, rows: Rows) -> dict[ShapeColumn, FloatArray]:
    """Odd and even parts of the shapes that come by row, those that are not zero."""
    columns = {}
    for sample, parameter in rows.variations:
        for part, array in _shape_parts(spec, rows, (sample, parameter)).items():
            channels = tuple(name for name, place in spec.channels.items() if array[place].any())
            if channels:
                columns[ShapeColumn(part, sample, parameter, channels)] = array
    return columns


def _power_columns(spec: Specification, rows: Rows) -> dict[PowerColumn, FloatArray]:
    """Coefficients of a fitted polynomial that come by row, those that are not zero."""
    columns = {}
    given = {} if rows.polynomial is None else rows.polynomial.coefficients
    for sample, coefficients in given.items():
        _check_sample(spec, sample)
        for power, array in enumerate(coefficients):
            if np.any(array) or power == 0:
                columns[PowerColumn(sample, power)] = _shaped(array, spec.observed.size, f"coefficients of '{sample}'")
    return columns


def _own_terms(spec: Specification, group: Group, layout: Layout) -> tuple[Term, ...]:
    """Terms of a group but those of a shape that comes by row."""
    sample = group.sample
    return tuple(t for t in group.terms if (sample, _shape_parameter(spec, sample, t)) not in layout.varied)


def _shaped_group(spec: Specification, group: Group, shape: ShapeColumn, factor: int) -> Group | None:
    """What a shape by row adds to a group, with a new factor; None if it is not the group's."""
    if shape.sample != group.sample or group.channel not in shape.channels:
        return None
    base = _unshaped(spec, group)
    return replace(group, terms=tuple(Term(t.coefficient, (*t.factors, factor)) for t in base)) if base else None


def lay_out(spec: Specification, layout: Layout) -> LaidOut:
    """Give a model the structure that values by row need.

    Raises:
        SpecBuilderError: for a ``normsys`` that the model does not have.
    """
    keys: list[object] = [*layout.yields, *layout.shapes, *layout.powers]
    number = {key: i for i, key in enumerate(keys)}
    factors = list(spec.factors)
    index = {parameter.name: i for i, parameter in enumerate(spec.parameters)}
    found: list[tuple[Group, int]] = []
    for group in spec.groups:
        column = number.get(group.sample, FIXED)
        if group.power is not None and layout.powers:
            column = number.get(PowerColumn(group.sample, group.power), _NOTHING)
        if column == _NOTHING:
            continue  # a coefficient that is zero
        own = _own_terms(spec, group, layout)
        if own:
            found.append((replace(group, terms=own), column))
        for shape in layout.shapes:
            shaped = _shaped_group(spec, group, shape, len(factors))
            if shaped is not None:
                kind: Kind = "identity" if shape.part == "odd" else spec.shape_kind
                factors.append(Factor(index[shape.parameter], kind))
                found.append((shaped, number[shape]))
    groups, ratios = _own_ratios(spec, [group for group, _ in found], factors, layout.ratios)
    columns = [column for _, column in found]
    order = sorted(range(len(groups)), key=columns.__getitem__)
    return LaidOut(
        replace(spec, factors=tuple(factors), groups=tuple(groups[i] for i in order)),
        tuple(columns[i] for i in order),
        ratios,
    )


def _own_ratios(
    spec: Specification, groups: list[Group], factors: list[Factor], ratios: tuple[tuple[str, str, str], ...]
) -> tuple[list[Group], tuple[int, ...]]:
    """Give each ``normsys`` whose ratios come by row a factor of its own; workspaces share equal ones."""
    numbers = []
    for channel, sample, parameter in ratios:
        mine = [group.channel == channel and group.sample == sample for group in groups]
        normsys = _normsys_factors(spec, factors, parameter)
        shared = {
            f for group in itertools.compress(groups, mine) for term in group.terms for f in term.factors
        } & normsys
        if not shared:
            raise SpecBuilderError(f"rows: channel '{channel}', sample '{sample}' has no normsys '{parameter}'")
        number = len(factors)
        factors.append(factors[min(shared)])
        groups = [
            _with_factor(group, shared, number) if own else group for group, own in zip(groups, mine, strict=True)
        ]
        numbers.append(number)
    return groups, tuple(numbers)


def _normsys_factors(spec: Specification, factors: list[Factor], parameter: str) -> set[int]:
    """Numbers of the ``normsys`` factors of a parameter."""
    numbers = range(len(factors))
    own = {i for i in numbers if spec.parameters[factors[i].parameter].name == parameter}
    return {i for i in own if factors[i].kind.startswith("normsys")}


def _with_factor(group: Group, old: Container[int], new: int) -> Group:
    """A group whose terms have one factor in the place of others."""
    terms = tuple(Term(c, tuple(new if f in old else f for f in factors)) for c, factors in group.terms)
    return replace(group, terms=terms)


def spread(laid: LaidOut) -> LaidOut:
    """The same model without vectors: a group for each bin of a group that has some."""
    spec = laid.specification
    factors = list(spec.factors)
    numbers: dict[int, int] = {}  # of the factor of each parameter of the vectors
    groups, columns = [], []
    for group, column in zip(spec.groups, laid.column, strict=True):
        if not group.gammas:
            groups.append(group)
            columns.append(column)
            continue
        for b in range(*_extent(spec, group)):
            gammas = [int(spec.vectors[v][b]) for v in group.gammas]
            for parameter in gammas:
                if parameter not in numbers:
                    numbers[parameter] = len(factors)
                    factors.append(Factor(parameter, "identity"))
            more = tuple(numbers[parameter] for parameter in gammas)
            only = np.arange(group.template.size) == b
            terms = tuple(Term(t.coefficient, (*t.factors, *more)) for t in group.terms)
            template, relative = group.template * only, group.relative * only
            groups.append(replace(group, template=template, relative=relative, terms=terms, gammas=()))
            columns.append(column)
    return LaidOut(replace(spec, factors=tuple(factors), groups=tuple(groups)), tuple(columns), laid.ratios)


def _extent(spec: Specification, group: Group) -> tuple[int, int]:
    place = spec.channels[group.channel]
    return place.start, place.stop
