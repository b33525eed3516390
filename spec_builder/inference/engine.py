"""2NLL with gradient and Hessian for many parameter points at once.

Points run along the last axis of every array, so that each numpy call works on contiguous numbers. In the space
of the groups' amplitudes A the rates are linear, nu = B^T A with templates B, and all sums over bins are three
matrix products; the chain rule to the parameters then costs a few products of length N for each pair of groups
that share a bin.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np
from scipy.special import gammaln

from spec_builder.histfactory.interpolation import FactorBank
from spec_builder.histfactory.specification import Term
from spec_builder.inference.rows import FIXED, LOG_2PI, SHARED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.histfactory.interpolation import Factor, Second
    from spec_builder.histfactory.specification import Constraint, ParameterSpec
    from spec_builder.inference.rows import LaidOut, RowArrays

    #: Positions of free parameters with the derivatives of an amplitude in them, (N,) or one number.
    _Derivatives: TypeAlias = list[tuple[int, FloatArray | float]]

__all__ = ["Constraints", "Engine", "Expansion", "evaluate_terms", "poisson_slopes", "poisson_terms"]


class Expansion(NamedTuple):
    """2NLL and its derivatives at N points, in the F free parameters.

    Attributes:
        rates: expected events, shape (bins, N).
        value: shape (N,); infinite where a rate is not allowed.
        gradient: shape (F, N).
        fisher: the part of the Hessian with first derivatives of the rates and the constraints, positive
            semi-definite, shape (F, F, N), lower triangle.
        hessian: all of it, likewise; the same array where the rates are affine.
    """

    rates: FloatArray
    value: FloatArray
    gradient: FloatArray
    fisher: FloatArray
    hessian: FloatArray

    def take(self, rows: BoolArray) -> Expansion:
        """Some of the points."""
        return Expansion(*(part[..., rows] for part in self))

    def where(self, rows: BoolArray, other: Expansion) -> Expansion:
        """These points in the rows, the other's elsewhere."""
        return Expansion(*(np.where(rows, part, old) for part, old in zip(self, other, strict=True)))


def poisson_terms(rates: FloatArray, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """2 sum(nu - d ln nu), shape (N,), infinite where a rate is not allowed; and the rates (bins, N), 1 instead there.

    Args:
        rates: shape (bins, N).
        counts: shape (bins, N or 1).
    """
    positive = rates > 0
    safe = rates if positive.all() else np.where(positive, rates, 1.0)
    value: FloatArray = 2 * (rates.sum(axis=0) - np.sum(counts * np.log(safe), axis=0))
    if safe is not rates:
        value[~(positive | ((counts == 0) & (rates == 0))).all(axis=0)] = np.inf
    return value, safe


def poisson_slopes(rates: FloatArray, counts: FloatArray, least: FloatArray | float = 0.0) -> FloatArray:
    """Derivatives of these terms in the rates (bins, N); infinite where a rate vanishes under a count.

    Args:
        rates: shape (bins, N).
        counts: shape (bins, N or 1).
        least: what counts are raised to where a rate is positive, shape (bins, 1).
    """
    counted = np.where(rates > 0, np.maximum(counts, least), counts)
    with np.errstate(divide="ignore"):
        ratio = np.divide(counted, rates, out=np.zeros_like(rates), where=counted > 0)
    slopes: FloatArray = 2 * (1 - ratio)
    return slopes


def evaluate_terms(terms: Sequence[Term], values: Sequence[FloatArray]) -> FloatArray | float:
    """Sum of coefficient x product of factors: an array (N,), or a number if no factor is left."""
    total: FloatArray | float = 0.0
    for i, (coefficient, factors) in enumerate(terms):
        product: FloatArray | float = coefficient
        for f in factors:
            product = values[f] if isinstance(product, float) and product == 1.0 else product * values[f]
        total = product if i == 0 else total + product
    return total


def _differentiate(terms: Sequence[Term], factor: int) -> tuple[Term, ...]:
    """Derivative of an amplitude with respect to a factor; a product holds each factor once."""
    return tuple(
        Term(coefficient, tuple(f for f in factors if f != factor))
        for coefficient, factors in terms
        if factor in factors
    )


class _Slope(NamedTuple):
    """dA/df of one group for a factor f of the free parameter at ``position``."""

    position: int
    factor: int
    terms: tuple[Term, ...]


class _Bend(NamedTuple):
    """d2A/df df' of one group for two different factors."""

    first: _Slope
    second: _Slope
    terms: tuple[Term, ...]


def _slopes(terms: Sequence[Term], factors: Sequence[Factor], position: Mapping[int, int]) -> list[_Slope]:
    """Derivatives of an amplitude in its factors of free parameters, whose positions are given."""
    inside = sorted({f for term in terms for f in term.factors})
    free = [f for f in inside if factors[f].parameter in position]
    return [_Slope(position[factors[f].parameter], f, _differentiate(terms, f)) for f in free]


def _bends(slopes: Sequence[_Slope]) -> list[_Bend]:
    """Second derivatives that are not zero."""
    bends = [_Bend(a, b, _differentiate(a.terms, b.factor)) for a, b in itertools.combinations(slopes, 2)]
    return [bend for bend in bends if bend.terms]


class Engine:
    """A likelihood compiled for one choice of free parameters.

    Args:
        laid: the model, with what comes by row.
        free: indices of the F parameters to differentiate in; none for the value alone.

    Attributes:
        specification: the model with the factors that the terms name.
        column: number of the column by row of each group, -1 if it has none.
        ratios: the factors whose anchors come by row.
        amplitude_terms: amplitude of each of the G groups.
        templates: events per bin of each group for amplitude 1, shape (G, bins); of a group with a column by row what
            multiplies that column.
        runs: groups that stand together because they share a column, as (column, first, end); column -1 is none.
        affine: the rates are affine in the free parameters, so that 2NLL is convex.
        stiffness: what the normal constraints add to the Hessian's diagonal, shape (F, 1).
        constant: terms of 2NLL that no parameter changes, where rows have no data of their own.
        batch: rows worked on together: few enough for the arrays to stay in the processor's cache.
    """

    batch = 2048

    def __init__(self, laid: LaidOut, free: tuple[int, ...]) -> None:
        spec, groups = laid.specification, laid.specification.groups
        self.free, self.specification, self.column, self.ratios = free, spec, laid.column, laid.ratios
        self.runs = _runs(laid.column)
        self.amplitude_terms = [group.terms for group in groups]
        own = [group.template if c == FIXED else group.relative for group, c in zip(groups, laid.column, strict=True)]
        self.templates = np.stack(own)
        self._bank = FactorBank(spec.factors, laid.ratios)

        position = {parameter: i for i, parameter in enumerate(free)}
        self.slopes = [_slopes(group.terms, spec.factors, position) for group in groups]
        self._bends = [_bends(slopes) for slopes in self.slopes]
        self._pairs, self._pair_blocks = self._pair_up(laid.column)

        self._observed = spec.observed[:, None]
        self.empty_bins = bool((self._observed == 0).any())
        self._constraints = Constraints(spec.parameters, free)
        self.stiffness = self._constraints.stiffness
        self.constant = 2 * float(np.sum(gammaln(spec.observed + 1))) + self._constraints.constant
        self.affine = not any(self._bends) and all(
            spec.factors[slope.factor].kind == "identity" for slopes in self.slopes for slope in slopes
        )

    def _pair_up(
        self, column: tuple[int, ...]
    ) -> tuple[list[tuple[int, int]], list[tuple[tuple[int, int], FloatArray]]]:
        """Pairs of groups that share a bin, and the products of their templates in blocks of the same two columns."""
        blocks: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for i, j in itertools.combinations_with_replacement(range(len(column)), 2):
            if self.slopes[i] and self.slopes[j] and (self.templates[i] * self.templates[j]).any():
                blocks.setdefault((column[i], column[j]), []).append((i, j))
        pairs = [pair for members in blocks.values() for pair in members]
        products = [
            (key, np.array([self.templates[i] * self.templates[j] for i, j in members]))
            for key, members in blocks.items()
        ]
        return pairs, products

    def rates(self, theta: FloatArray, rows: RowArrays = SHARED) -> FloatArray:
        """Expected events, shape (bins, N), for theta (P, N)."""
        values, _, _ = self._bank(theta, rows.interpolations)
        return self._rates(self._amplitudes(values, theta.shape[1]), rows)

    def rate_gradient(self, theta: FloatArray, rows: RowArrays, least: FloatArray | float = 0.0) -> FloatArray:
        """Derivatives of 2NLL in the rates, shape (bins, N); see :func:`poisson_slopes`."""
        counts = self._observed if rows.observed is None else rows.observed
        return poisson_slopes(self.rates(theta, rows), counts, least)

    def column_gradient(self, theta: FloatArray, rows: RowArrays, least: FloatArray | float = 0.0) -> list[FloatArray]:
        """Derivatives of 2NLL in the columns by row, shape (bins, N) each; ``least`` as in :func:`poisson_slopes`.

        At a minimum over the parameters these are the derivatives of the profiled 2NLL.
        """
        values, _, _ = self._bank(theta, rows.interpolations)
        amplitudes = self._amplitudes(values, theta.shape[1])
        rates = self._rates(amplitudes, rows)
        weight = poisson_slopes(rates, self._observed if rows.observed is None else rows.observed, least)
        gradients = [np.zeros_like(rates) for _ in rows.columns]
        for column, a, b in self.runs:
            if column != FIXED:
                gradients[column] = weight * (self.templates[a:b].T @ amplitudes[a:b])
        return gradients

    def magnitude(self, theta: FloatArray, rows: RowArrays = SHARED) -> FloatArray:
        """Sum of the absolute values of the terms that a rate is the sum of, shape (bins, N): its rounding's scale."""
        values, _, _ = self._bank(theta, rows.interpolations)
        sizes = [np.abs(value) for value in values]
        amplitudes = np.empty((len(self.amplitude_terms), theta.shape[1]))
        for row, terms in zip(amplitudes, self.amplitude_terms, strict=True):
            row[...] = evaluate_terms([Term(abs(coefficient), factors) for coefficient, factors in terms], sizes)
        magnitude = np.zeros((self._observed.size, theta.shape[1]))
        for column, a, b in self.runs:
            events = np.abs(self.templates[a:b]).T @ amplitudes[a:b]
            magnitude += events if column == FIXED else events * np.abs(rows.columns[column])
        return magnitude

    def _amplitudes(self, values: list[FloatArray], count: int) -> FloatArray:
        amplitudes = np.empty((len(self.amplitude_terms), count))
        for row, terms in zip(amplitudes, self.amplitude_terms, strict=True):
            row[...] = evaluate_terms(terms, values)
        return amplitudes

    def _rates(self, amplitudes: FloatArray, rows: RowArrays) -> FloatArray:
        rates: FloatArray | None = None
        for column, a, b in self.runs:
            events = self.templates[a:b].T @ amplitudes[a:b]
            if column != FIXED:
                events *= rows.columns[column]
            if rates is None:
                rates = events
            else:
                rates += events
        return np.zeros((self._observed.size, amplitudes.shape[1])) if rates is None else rates

    def __call__(self, theta: FloatArray, rows: RowArrays = SHARED, *, barrier: FloatArray | float = 0.0) -> Expansion:
        """Expand 2NLL.

        Args:
            theta: parameters, shape (P, N).
            rows: what the points have of their own.
            barrier: least counts, a number or shape (bins, N). With a trace of a count in bins without any their
                rates stay above zero: a minimiser's way to a minimum that lies where a rate vanishes.
        """
        values, first, second = self._bank(theta, rows.interpolations)
        rates = self._rates(self._amplitudes(values, theta.shape[1]), rows)
        observed = np.maximum(self._observed if rows.observed is None else rows.observed, barrier)
        value, safe = poisson_terms(rates, observed)
        value += self.constant if rows.constant is None else rows.constant
        value += self._constraints.value(theta, rows.auxiliary)
        count = len(self.free)
        gradient = np.zeros((count, theta.shape[1]))
        fisher = hessian = np.zeros((count, count, theta.shape[1]))
        if count:
            self._constraints.add(theta, rows.auxiliary, gradient, fisher)
            ratio = observed / safe
            weights = 2 - 2 * ratio, 2 * ratio / safe
            hessian = self._chain(*weights, rows, (values, first, second), gradient, fisher)
        return Expansion(rates, value, gradient, fisher, hessian)

    def _chain(
        self,
        weight: FloatArray,
        bend: FloatArray,
        rows: RowArrays,
        factors: tuple[list[FloatArray], list[FloatArray | float], list[Second]],
        gradient: FloatArray,
        fisher: FloatArray,
    ) -> FloatArray:
        """Chain rule from dF/dnu (weight) and d2F/dnu2 (bend), shape (bins, N), to the free parameters.

        Adds to the gradient and to the Fisher part, and returns the Hessian.
        """
        slope = _stack(
            [
                self.templates[a:b] @ (weight if column == FIXED else weight * rows.columns[column])
                for column, a, b in self.runs
            ]
        )
        derivatives, curvature = self._by_group(slope, factors, gradient)
        pairs = _stack([block @ _times(bend, key, rows) for key, block in self._pair_blocks])
        self._by_pair(pairs, derivatives, fisher)
        hessian = fisher if self.affine else fisher.copy()
        for p, q, entry in curvature:
            hessian[p, q] += entry
        return hessian

    def _by_group(
        self,
        slope: FloatArray,
        factors: tuple[list[FloatArray], list[FloatArray | float], list[Second]],
        gradient: FloatArray,
    ) -> tuple[list[_Derivatives], list[tuple[int, int, FloatArray]]]:
        """Derivatives of each amplitude, and second ones times dF/dA (G, N) for the Hessian; adds to the gradient."""
        values, first, second = factors
        curvature: list[tuple[int, int, FloatArray]] = []
        derivatives: list[_Derivatives] = []
        for group, slopes in enumerate(self.slopes):
            row: _Derivatives = []
            for position, factor, terms in slopes:
                partial = evaluate_terms(terms, values)
                derivative = partial * first[factor]
                row.append((position, derivative))
                gradient[position] += slope[group] * derivative
                bent = second[factor]
                if bent is not None:
                    curvature.append((position, position, slope[group] * (partial * bent)))
            derivatives.append(row)
            for a, b, terms in self._bends[group]:
                mixed = slope[group] * (evaluate_terms(terms, values) * first[a.factor] * first[b.factor])
                p, q = max(a.position, b.position), min(a.position, b.position)
                curvature.append((p, q, mixed if p != q else 2 * mixed))
        return derivatives, curvature

    def _by_pair(self, pairs: FloatArray, derivatives: list[_Derivatives], fisher: FloatArray) -> None:
        """Add products of two amplitudes' derivatives times d2F/dA dA' (pairs, N) to the Fisher part."""
        for pair, (i, j) in zip(pairs, self._pairs, strict=True):
            for k, (p, left) in enumerate(derivatives[i]):
                product = pair * left
                for m, (q, right) in enumerate(derivatives[j] if i != j else derivatives[i][: k + 1]):
                    entry = product * right
                    # the Hessian's diagonal meets two different derivatives in both orders
                    twice = p == q and (i != j or k != m)
                    fisher[max(p, q), min(p, q)] += 2 * entry if twice else entry


def _runs(column: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """(column, first, end) of the groups that stand together with the same column."""
    runs = []
    for key, members in itertools.groupby(range(len(column)), key=column.__getitem__):
        numbers = list(members)
        runs.append((key, numbers[0], numbers[-1] + 1))
    return runs


def _stack(blocks: list[FloatArray]) -> FloatArray:
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks) if blocks else np.zeros((0, 0))


def _times(bend: FloatArray, columns: tuple[int, int], rows: RowArrays) -> FloatArray:
    for column in columns:
        if column != FIXED:
            bend = bend * rows.columns[column]
    return bend


class Constraints:
    """The terms of 2NLL that come from auxiliary data.

    Args:
        parameters: of the model.
        free: indices of the F parameters to differentiate in.

    Attributes:
        constant: what no parameter changes.
        stiffness: what the normal constraints add to the Hessian's diagonal, shape (F, 1).
    """

    def __init__(self, parameters: Sequence[ParameterSpec], free: tuple[int, ...]) -> None:
        constraints = [(i, p.constraint) for i, p in enumerate(parameters) if p.constraint]
        normal, poisson = _of_kind("normal", constraints), _of_kind("poisson", constraints)
        position = {parameter: i for i, parameter in enumerate(free)}
        self._auxiliary = np.array([c.auxiliary for _, c in constraints])[:, None]
        self._normal_data, self._normal = normal.data, normal.parameters
        self._inverse_variance = np.array([scale**-2 for scale in normal.scales])[:, None]
        self._poisson_data, self._poisson = poisson.data, poisson.parameters
        self._scales = np.array(poisson.scales)[:, None]
        self._centre = self._auxiliary[self._normal_data]
        self.constant = sum(LOG_2PI + 2 * float(np.log(scale)) for scale in normal.scales)
        self.constant += sum(2 * float(gammaln(count + 1)) for count in self._auxiliary[self._poisson_data, 0])
        self._pulled, self._pulls = _free_ones(normal.parameters, position)
        self._counted, self._counts = _free_ones(poisson.parameters, position)
        self.stiffness = np.zeros((len(free), 1))
        self.stiffness[self._pulled] = 2 * self._inverse_variance[self._pulls]

    def value(self, theta: FloatArray, auxiliary: FloatArray | None) -> FloatArray:
        """At theta (P, N), with auxiliary data (K, N) of the rows' own: shape (N,), without the constant."""
        centre = self._centre if auxiliary is None else auxiliary[self._normal_data]
        pulls = theta[self._normal] - centre
        value: FloatArray = np.sum(self._inverse_variance * pulls * pulls, axis=0)
        if self._poisson.size:
            counts = (self._auxiliary if auxiliary is None else auxiliary)[self._poisson_data]
            means = self._scales * theta[self._poisson]
            value = value + 2 * np.sum(means - counts * np.log(means), axis=0)
        return value

    def add(self, theta: FloatArray, auxiliary: FloatArray | None, gradient: FloatArray, fisher: FloatArray) -> None:
        """Add their derivatives to a gradient (F, N) and a Hessian (F, F, N)."""
        numbers = np.arange(len(gradient))
        fisher[numbers, numbers] += self.add_slopes(theta, auxiliary, gradient)

    def add_slopes(self, theta: FloatArray, auxiliary: FloatArray | None, gradient: FloatArray) -> FloatArray:
        """Add their slopes to a gradient (F, N); their second derivatives, shape (F, N)."""
        curvature = np.zeros_like(gradient)
        centre = self._centre if auxiliary is None else auxiliary[self._normal_data]
        stiffness = self.stiffness[self._pulled]
        gradient[self._pulled] += stiffness * (theta[self._normal[self._pulls]] - centre[self._pulls])
        curvature[self._pulled] = stiffness
        if self._counted.size:
            counts = (self._auxiliary if auxiliary is None else auxiliary)[self._poisson_data[self._counts]]
            x = theta[self._poisson[self._counts]]
            gradient[self._counted] += 2 * (self._scales[self._counts] - counts / x)
            curvature[self._counted] = 2 * counts / x**2
        return curvature


class _OfKind(NamedTuple):
    """Constraints of one kind: numbers of their auxiliary data and of their parameters, and their scales."""

    data: IndexArray
    parameters: IndexArray
    scales: list[float]


def _of_kind(kind: Literal["normal", "poisson"], constraints: Sequence[tuple[int, Constraint]]) -> _OfKind:
    members = [(k, i, c.scale) for k, (i, c) in enumerate(constraints) if c.kind == kind]
    return _OfKind(_indices(k for k, _, _ in members), _indices(i for _, i, _ in members), [s for _, _, s in members])


def _free_ones(parameters: IndexArray, position: Mapping[int, int]) -> tuple[IndexArray, IndexArray]:
    """Positions of the parameters that are free, and their numbers among all."""
    free = [(position[i], n) for n, i in enumerate(parameters.tolist()) if i in position]
    return _indices(p for p, _ in free), _indices(n for _, n in free)


def _indices(numbers: Iterable[int]) -> IndexArray:
    return np.array(list(numbers), dtype=np.intp)
