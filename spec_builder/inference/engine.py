"""2NLL with gradient and Hessian for many parameter points at once.

Points run along the last axis of every array, so that each numpy call works on contiguous numbers. In the space
of the groups' amplitudes A the rates are linear, nu = B^T A with templates B, and all sums over bins are three
matrix products; the chain rule to the parameters then costs a few products of length N for each pair of groups
that share a bin.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import gammaln

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.interpolation import FactorBank
from spec_builder.histfactory.specification import Term

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.histfactory.interpolation import Second
    from spec_builder.histfactory.specification import Specification

__all__ = ["Engine", "Expansion", "evaluate_terms"]

LOG_2PI = float(np.log(2 * np.pi))


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


class Engine:
    """A likelihood compiled for one choice of free parameters.

    Args:
        spec: the model.
        free: indices of the F parameters to differentiate in; none for the value alone.
        replaced: a sample whose nominal yields are given point by point, if any.

    Raises:
        SpecBuilderError: if the replaced sample is not in the workspace.
    """

    def __init__(self, spec: Specification, free: tuple[int, ...], replaced: str | None) -> None:
        own = [group for group in spec.groups if group.sample == replaced]
        if replaced is not None and not own:
            raise SpecBuilderError(f"sample '{replaced}' is not in the workspace")
        groups = [group for group in spec.groups if group.sample != replaced] + own
        self.free = free
        self.own = len(groups) - len(own)  # the replaced sample's groups stand from here on
        self.amplitude_terms = [group.terms for group in groups]
        self.templates = np.stack([g.template if i < self.own else g.relative for i, g in enumerate(groups)])
        self._bank = FactorBank(spec.factors)

        position = {parameter: i for i, parameter in enumerate(free)}
        self.slopes: list[list[_Slope]] = []
        self._bends: list[list[_Bend]] = []
        for group in groups:
            inside = sorted({f for term in group.terms for f in term.factors})
            slopes = [
                _Slope(position[spec.factors[f].parameter], f, _differentiate(group.terms, f))
                for f in inside
                if spec.factors[f].parameter in position
            ]
            bends = [_Bend(a, b, _differentiate(a.terms, b.factor)) for a, b in itertools.combinations(slopes, 2)]
            self.slopes.append(slopes)
            self._bends.append([bend for bend in bends if bend.terms])
        self._pairs = [
            (i, j)
            for i, j in itertools.combinations_with_replacement(range(len(groups)), 2)
            if self.slopes[i] and self.slopes[j] and (self.templates[i] * self.templates[j]).any()
        ]
        # pairs with no, one and two groups of the replaced sample
        self._pairs.sort(key=lambda pair: sum(i >= self.own for i in pair))
        products = np.array([self.templates[i] * self.templates[j] for i, j in self._pairs])
        products = products.reshape(len(self._pairs), spec.observed.size)
        counts = [sum(i >= self.own for i in pair) for pair in self._pairs]
        self._pair_blocks = [products[[k for k, c in enumerate(counts) if c == n]] for n in range(3)]

        self._observed = spec.observed[:, None]
        self.empty_bins = bool((self._observed == 0).any())
        constraints = [(i, p.constraint) for i, p in enumerate(spec.parameters) if p.constraint]
        normal = [(i, c) for i, c in constraints if c.kind == "normal"]
        poisson = [(i, c) for i, c in constraints if c.kind == "poisson"]
        self._normal = np.array([i for i, _ in normal], dtype=np.intp)
        self._centre = np.array([c.auxiliary for _, c in normal])[:, None]
        self._inverse_variance = np.array([c.scale**-2 for _, c in normal])[:, None]
        self._poisson = np.array([i for i, _ in poisson], dtype=np.intp)
        self._counts = np.array([c.auxiliary for _, c in poisson])[:, None]
        self._scales = np.array([c.scale for _, c in poisson])[:, None]
        self.constant = 2 * float(np.sum(gammaln(spec.observed + 1)))
        self.constant += sum(LOG_2PI + 2 * float(np.log(c.scale)) for _, c in normal)
        self.constant += sum(2 * float(gammaln(c.auxiliary + 1)) for _, c in poisson)
        #: True where the rates are affine in the free parameters, so that 2NLL is convex.
        self.affine = not any(self._bends) and all(
            spec.factors[slope.factor].kind == "identity" for slopes in self.slopes for slope in slopes
        )
        free_normal = [(position[i], k) for k, (i, _) in enumerate(normal) if i in position]
        self._pulled = np.array([p for p, _ in free_normal], dtype=np.intp)
        self._pulled_parameters = np.array([free[p] for p, _ in free_normal], dtype=np.intp)
        self._pulled_centre = self._centre[[k for _, k in free_normal]]
        self._free_poisson = [(position[i], k) for k, (i, _) in enumerate(poisson) if i in position]
        #: What the normal constraints add to the Hessian's diagonal, shape (F, 1).
        self.stiffness = np.zeros((len(free), 1))
        self.stiffness[self._pulled] = 2 * self._inverse_variance[[k for _, k in free_normal]]

    def rates(self, theta: FloatArray, yields: FloatArray | None = None) -> FloatArray:
        """Expected events, shape (bins, N), for theta (P, N)."""
        values, _, _ = self._bank(theta)
        return self._rates(self._amplitudes(values, theta.shape[1]), yields)

    def yield_gradient(self, theta: FloatArray, yields: FloatArray) -> FloatArray:
        """Derivatives of 2NLL in the yields of the replaced sample, shape (bins, N).

        At a minimum over the parameters these are the derivatives of the profiled 2NLL.
        """
        values, _, _ = self._bank(theta)
        amplitudes = self._amplitudes(values, theta.shape[1])
        rates = self._rates(amplitudes, yields)
        counted = np.broadcast_to(self._observed, rates.shape)
        with np.errstate(divide="ignore"):  # infinite where a rate vanishes under a count
            ratio = np.divide(counted, rates, out=np.zeros_like(rates), where=counted > 0)
        gradient: FloatArray = 2 * (1 - ratio) * (self.templates[self.own :].T @ amplitudes[self.own :])
        return gradient

    def _amplitudes(self, values: list[FloatArray], count: int) -> FloatArray:
        amplitudes = np.empty((len(self.amplitude_terms), count))
        for row, terms in zip(amplitudes, self.amplitude_terms, strict=True):
            row[...] = evaluate_terms(terms, values)
        return amplitudes

    def _rates(self, amplitudes: FloatArray, yields: FloatArray | None) -> FloatArray:
        if yields is None:
            return self.templates.T @ amplitudes
        rates = self.templates[: self.own].T @ amplitudes[: self.own]
        rates += yields * (self.templates[self.own :].T @ amplitudes[self.own :])
        return rates

    def __call__(
        self, theta: FloatArray, yields: FloatArray | None = None, *, barrier: FloatArray | float = 0.0
    ) -> Expansion:
        """Expand 2NLL.

        Args:
            theta: parameters, shape (P, N).
            yields: nominal yields of the replaced sample, shape (bins, N).
            barrier: least counts, a number or shape (bins, N). With a trace of a count in bins without any their
                rates stay above zero: a minimiser's way to a minimum that lies where a rate vanishes.
        """
        values, first, second = self._bank(theta)
        rates = self._rates(self._amplitudes(values, theta.shape[1]), yields)
        observed = np.maximum(self._observed, barrier)
        positive = rates > 0
        safe = rates if positive.all() else np.where(positive, rates, 1.0)
        value = 2 * (rates.sum(axis=0) - np.sum(observed * np.log(safe), axis=0)) + self.constant
        if safe is not rates:
            value[~(positive | ((observed == 0) & (rates == 0))).all(axis=0)] = np.inf
        value += self._constraints(theta)
        count = len(self.free)
        gradient = np.zeros((count, theta.shape[1]))
        fisher = hessian = np.zeros((count, count, theta.shape[1]))
        if count:
            self._add_constraints(theta, gradient, fisher)
            ratio = observed / safe
            weights = 2 - 2 * ratio, 2 * ratio / safe
            hessian = self._chain(*weights, yields, (values, first, second), gradient, fisher)
        return Expansion(rates, value, gradient, fisher, hessian)

    def _chain(
        self,
        weight: FloatArray,
        bend: FloatArray,
        yields: FloatArray | None,
        factors: tuple[list[FloatArray], list[FloatArray | float], list[Second]],
        gradient: FloatArray,
        fisher: FloatArray,
    ) -> FloatArray:
        """Chain rule from dF/dnu (weight) and d2F/dnu2 (bend), shape (bins, N), to the free parameters.

        Adds to the gradient and to the Fisher part, and returns the Hessian.
        """
        values, first, second = factors
        curvature: list[tuple[int, int, FloatArray]] = []
        if yields is None:
            slope = self.templates @ weight
            pairs = self._pair_blocks[0] @ bend
        else:
            slope = np.concatenate(
                [
                    self.templates[: self.own] @ weight,
                    self.templates[self.own :] @ (weight * yields),
                ]
            )
            bends = (bend, bend * yields, bend * yields * yields)
            pairs = np.concatenate([block @ b for block, b in zip(self._pair_blocks, bends, strict=True)])
        derivatives: list[list[tuple[int, FloatArray | float]]] = []
        for group, slopes in enumerate(self.slopes):
            row: list[tuple[int, FloatArray | float]] = []
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
        for pair, (i, j) in zip(pairs, self._pairs, strict=True):
            for k, (p, left) in enumerate(derivatives[i]):
                product = pair * left
                for m, (q, right) in enumerate(derivatives[j] if i != j else derivatives[i][: k + 1]):
                    entry = product * right
                    # the Hessian's diagonal meets two different derivatives in both orders
                    twice = p == q and (i != j or k != m)
                    fisher[max(p, q), min(p, q)] += 2 * entry if twice else entry
        hessian = fisher if self.affine else fisher.copy()
        for p, q, entry in curvature:
            hessian[p, q] += entry
        return hessian

    def _constraints(self, theta: FloatArray) -> FloatArray:
        pulls = theta[self._normal] - self._centre
        value: FloatArray = np.sum(self._inverse_variance * pulls * pulls, axis=0)
        if self._poisson.size:
            means = self._scales * theta[self._poisson]
            value = value + 2 * np.sum(means - self._counts * np.log(means), axis=0)
        return value

    def _add_constraints(self, theta: FloatArray, gradient: FloatArray, fisher: FloatArray) -> None:
        stiffness = self.stiffness[self._pulled]
        gradient[self._pulled] = stiffness * (theta[self._pulled_parameters] - self._pulled_centre)
        fisher[self._pulled, self._pulled] = stiffness
        for p, k in self._free_poisson:
            x = theta[self.free[p]]
            gradient[p] += 2 * (self._scales[k] - self._counts[k] / x)
            fisher[p, p] += 2 * self._counts[k] / x**2
