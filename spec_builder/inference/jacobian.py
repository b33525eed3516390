"""2NLL with gradient and Hessian for models with many parameters: derivatives by parameter and bin.

The groups of one sample in one channel form a block. Its events are a product of factors, times the vectors of
``staterror``, ``shapesys`` and ``shapefactor``, times a sum of shapes. With l_p the logarithmic derivative of the
product and d_p the derivative of the sum of shapes s, the events' first derivative is product x vectors x
(s l_p + d_p): an array over parameters and bins, the Jacobian. :class:`spec_builder.inference.engine.Engine` works on
pairs of groups instead, which is quicker for few of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import gammaln

from spec_builder.histfactory.interpolation import FactorBank
from spec_builder.inference.engine import Constraints, Expansion, poisson_slopes, poisson_terms
from spec_builder.inference.rows import FIXED, SHARED
from spec_builder.inference.slim import SlimExpansion, SlimMatrix, is_slim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.histfactory.specification import Group, Specification
    from spec_builder.inference.rows import LaidOut, RowArrays

__all__ = ["JacobianEngine"]

#: A factor of zero counts as this much where its logarithmic derivative is needed: times it, that is the derivative.
_TINY = 1e-100
#: Numbers in the arrays that are worked on together, so that they stay in the processor's cache.
_CACHE = 300_000


class _Scatter(NamedTuple):
    """Numbers by factor that are added to numbers by free parameter.

    Attributes:
        rounds: (positions of the parameters, numbers of the factors), no position twice in a round.
    """

    rounds: tuple[tuple[IndexArray, IndexArray], ...]

    def __call__(self, target: FloatArray, source: FloatArray) -> None:
        """Add to the target (F, ...) the source (factors, ...)."""
        for positions, numbers in self.rounds:
            target[positions] += source[numbers]


def _scatter(parameters: list[int], position: dict[int, int]) -> _Scatter:
    """Of factors with these parameters; those that are not free are left out."""
    rounds: list[dict[int, int]] = []
    for number, parameter in enumerate(parameters):
        if parameter in position:
            target = next((r for r in rounds if position[parameter] not in r), None)
            if target is None:
                target = {}
                rounds.append(target)
            target[position[parameter]] = number
    return _Scatter(tuple((np.array(list(r)), np.array(list(r.values()))) for r in rounds))


@dataclass(frozen=True)
class _Vector:
    """A parameter for each bin of a block.

    Attributes:
        parameters: of each bin, shape (b,).
        bins: those of them whose parameter is free, counted within the block.
        positions: the positions of these parameters.
    """

    parameters: IndexArray
    bins: IndexArray
    positions: IndexArray


@dataclass(frozen=True)
class _Block:
    """One sample in one channel, with b bins, s factors of the product, J templates and f factors of the shapes.

    Attributes:
        place: its bins.
        product: factors of the product, shape (s,).
        to_product: from them to the parameters.
        shapes: factors of the sum of shapes, shape (f,).
        to_shapes: from them to the parameters.
        templates: shape (J, b).
        columns: the column by row of each template, -1 if none.
        constant: what each template has without a factor, shape (J, 1).
        slopes: what it has for each factor, shape (J, f).
        vectors: parameters by bin.
        moving: positions of the parameters of product and shapes, shape (a,).
    """

    place: slice
    product: IndexArray
    to_product: _Scatter
    shapes: IndexArray
    to_shapes: _Scatter
    templates: FloatArray
    columns: tuple[int, ...]
    constant: FloatArray
    slopes: FloatArray
    vectors: tuple[_Vector, ...]
    moving: IndexArray

    def by_row(self, rows: RowArrays) -> FloatArray:
        """The templates, shape (J, b, N or 1)."""
        if all(column == FIXED for column in self.columns):
            return self.templates[:, :, None]
        return np.stack(
            [
                np.broadcast_to(template[:, None], rows.columns[max(self.columns)][self.place].shape)
                if column == FIXED
                else template[:, None] * rows.columns[column][self.place]
                for template, column in zip(self.templates, self.columns, strict=True)
            ]
        )


class _Events(NamedTuple):
    """What a block has at N points: product (N,), vectors (b, N), templates (J, b, N or 1), shape (b, N)."""

    product: FloatArray
    vectors: FloatArray
    templates: FloatArray
    shape: FloatArray


class JacobianEngine:
    """A likelihood compiled for one choice of free parameters; see :class:`spec_builder.inference.engine.Engine`.

    Args:
        laid: the model, with what comes by row.
        free: indices of the F parameters to differentiate in; none for the value alone.
    """

    def __init__(self, laid: LaidOut, free: tuple[int, ...]) -> None:
        spec = laid.specification
        self.free, self.specification, self.column, self.ratios = free, spec, laid.column, laid.ratios
        position = {parameter: i for i, parameter in enumerate(free)}
        members: dict[tuple[object, ...], list[tuple[Group, int]]] = {}
        for group, column in zip(spec.groups, laid.column, strict=True):
            key = (group.channel, group.sample, group.power, group.gammas)
            members.setdefault(key, []).append((group, column))
        self._blocks = [_block(spec, block, position) for block in members.values()]
        self._bank = FactorBank(spec.factors, laid.ratios)
        self._observed = spec.observed[:, None]
        self._constraints = Constraints(spec.parameters, free)
        self.stiffness = self._constraints.stiffness
        self.constant = 2 * float(np.sum(gammaln(spec.observed + 1))) + self._constraints.constant
        self.affine = all(_affine(spec, block) for block in self._blocks)
        columns = spec.observed.size + (0 if self.affine else 2 * len(self._blocks))
        constrained = int(np.sum(self.stiffness > 0))
        vectors = any(vector.bins.size for block in self._blocks for vector in block.vectors)
        #: Whether there are so many more parameters than bins that :meth:`slim` suits the model.
        self.is_slim = not vectors and is_slim(len(free), constrained, columns)
        size = max(len(free), 1)
        #: Rows worked on together.
        self.batch = int(np.clip(_CACHE // (size * (size + spec.observed.size)), 1, 2048))

    def rates(self, theta: FloatArray, rows: RowArrays = SHARED) -> FloatArray:
        """Expected events, shape (bins, N), for theta (P, N)."""
        values, _, _ = self._bank.arrays(theta, rows.interpolations)
        return self._rates([self._events(block, theta, values, rows) for block in self._blocks], theta.shape[1])

    def value(self, theta: FloatArray, rows: RowArrays = SHARED) -> FloatArray:
        """2NLL alone, shape (N,), for theta (P, N)."""
        observed = self._observed if rows.observed is None else rows.observed
        return self._heights(self.rates(theta, rows), observed, theta, rows)[0]

    def _heights(
        self, rates: FloatArray, observed: FloatArray, theta: FloatArray, rows: RowArrays
    ) -> tuple[FloatArray, FloatArray]:
        """2NLL (N,), and the rates with 1 where one is not allowed."""
        value, safe = poisson_terms(rates, observed)
        value += self.constant if rows.constant is None else rows.constant
        value += self._constraints.value(theta, rows.auxiliary)
        return value, safe

    def magnitude(self, theta: FloatArray, rows: RowArrays = SHARED) -> FloatArray:
        """See :meth:`spec_builder.inference.engine.Engine.magnitude`."""
        values, _, _ = self._bank.arrays(theta, rows.interpolations)
        magnitude = np.zeros((self._observed.size, theta.shape[1]))
        for block in self._blocks:
            event = self._events(block, theta, values, rows)
            amplitudes = np.abs(block.constant) + np.abs(block.slopes) @ np.abs(values[block.shapes])
            shape = np.sum(np.abs(event.templates) * amplitudes[:, None], axis=0)
            magnitude[block.place] += np.abs(event.product * event.vectors) * shape
        return magnitude

    def rate_gradient(self, theta: FloatArray, rows: RowArrays, least: FloatArray | float = 0.0) -> FloatArray:
        """See :meth:`spec_builder.inference.engine.Engine.rate_gradient`."""
        counts = self._observed if rows.observed is None else rows.observed
        return poisson_slopes(self.rates(theta, rows), counts, least)

    def column_gradient(self, theta: FloatArray, rows: RowArrays, least: FloatArray | float = 0.0) -> list[FloatArray]:
        """See :meth:`spec_builder.inference.engine.Engine.column_gradient`."""
        values, _, _ = self._bank.arrays(theta, rows.interpolations)
        events = [self._events(block, theta, values, rows) for block in self._blocks]
        rates = self._rates(events, theta.shape[1])
        weight = poisson_slopes(rates, self._observed if rows.observed is None else rows.observed, least)
        gradients = [np.zeros_like(rates) for _ in rows.columns]
        for block, event in zip(self._blocks, events, strict=True):
            amplitudes = block.constant + block.slopes @ values[block.shapes]
            for template, column, amplitude in zip(block.templates, block.columns, amplitudes, strict=True):
                if column != FIXED:
                    slope = template[:, None] * amplitude * event.product * event.vectors
                    gradients[column][block.place] += weight[block.place] * slope
        return gradients

    def __call__(self, theta: FloatArray, rows: RowArrays = SHARED, *, barrier: FloatArray | float = 0.0) -> Expansion:
        """Expand 2NLL, as :meth:`spec_builder.inference.engine.Engine.__call__`."""
        rates, value, gradient, half, curvature = self._expand(theta, rows, barrier)
        by_row = np.moveaxis(half, 2, 0)
        fisher = np.ascontiguousarray(np.moveaxis(by_row @ by_row.swapaxes(1, 2), 0, 2))  # of which BLAS forms one half
        self._constraints.add(theta, rows.auxiliary, gradient, fisher)
        hessian = fisher if self.affine or not self.free else curvature.added_to(fisher)
        return Expansion(rates, value, gradient, fisher, hessian)

    def slim(self, theta: FloatArray, rows: RowArrays = SHARED, *, barrier: FloatArray | float = 0.0) -> SlimExpansion:
        """The same, where ``is_slim``, without matrices of all pairs of parameters."""
        rates, value, gradient, half, curvature = self._expand(theta, rows, barrier)
        diagonal = self._constraints.add_slopes(theta, rows.auxiliary, gradient).T
        columns = np.moveaxis(half, 2, 0)
        fisher = hessian = SlimMatrix(diagonal, columns, np.ones(columns.shape[2]))
        if not self.affine:
            hessian = curvature.added_to_slim(fisher)
        return SlimExpansion(
            rates, value, gradient, fisher, hessian, partial(self, theta.copy(), rows, barrier=barrier)
        )

    def _expand(
        self, theta: FloatArray, rows: RowArrays, barrier: FloatArray | float
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, _Curvature]:
        """Rates, 2NLL, gradient without constraints, J sqrt(d2F/dnu2), shape (F, bins, N), and second derivatives."""
        values, first, second = self._bank.arrays(theta, rows.interpolations)
        events = [self._events(block, theta, values, rows) for block in self._blocks]
        rates = self._rates(events, theta.shape[1])
        observed = np.maximum(self._observed if rows.observed is None else rows.observed, barrier)
        value, safe = self._heights(rates, observed, theta, rows)
        count, points = len(self.free), theta.shape[1]
        jacobian, curvature = np.zeros((count, *rates.shape)), _Curvature(count, points)
        if not count:
            return rates, value, np.zeros((0, points)), jacobian, curvature
        ratio = observed / safe
        weight, bend = 2 - 2 * ratio, 2 * ratio / safe
        guarded = np.where(values == 0, _TINY, values)
        factors = first / guarded, second / guarded, first, second
        for block, event in zip(self._blocks, events, strict=True):
            if (guarded[block.product] != values[block.product]).any():
                event = event._replace(product=np.prod(guarded[block.product], axis=0))  # noqa: PLW2901
            if block.vectors and (event.vectors == 0).any():
                event = event._replace(vectors=_vectors(block, np.where(theta == 0, _TINY, theta)))  # noqa: PLW2901
            self._differentiate((block, event), theta, weight[block.place], factors, jacobian, curvature)
        gradient = np.sum(jacobian * weight, axis=1)
        jacobian *= np.sqrt(bend)
        return rates, value, gradient, jacobian, curvature

    def _events(self, block: _Block, theta: FloatArray, values: FloatArray, rows: RowArrays) -> _Events:
        product = np.prod(values[block.product], axis=0) if block.product.size else np.ones(theta.shape[1])
        amplitudes = block.constant + block.slopes @ values[block.shapes]
        templates = block.by_row(rows)
        if templates.shape[2] == 1:
            shape = templates[:, :, 0].T @ np.broadcast_to(amplitudes, (len(amplitudes), theta.shape[1]))
        else:
            shape = np.sum(templates * amplitudes[:, None], axis=0)
        return _Events(product, _vectors(block, theta), templates, shape)

    def _rates(self, events: list[_Events], points: int) -> FloatArray:
        rates = np.zeros((self._observed.size, points))
        for block, event in zip(self._blocks, events, strict=True):
            rates[block.place] += event.product * event.vectors * event.shape
        return rates

    def _differentiate(
        self,
        at: tuple[_Block, _Events],
        theta: FloatArray,
        weight: FloatArray,
        factors: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
        jacobian: FloatArray,
        curvature: _Curvature,
    ) -> None:
        """Add a block's part to the Jacobian and to the second derivatives, weighted with dF/dnu (b, N)."""
        block, (product, vector, templates, shape) = at
        logarithmic, bent, first, second = factors
        base = product * vector
        by_factor = np.tensordot(block.slopes, templates, (0, 0))  # (f, b, N or 1)
        # of the block's own parameters
        by_product = np.zeros((block.moving.size, theta.shape[1]))
        by_shape = np.zeros((*by_product.shape[:1], *base.shape[:1], theta.shape[1]))
        block.to_product(by_product, logarithmic[block.product])
        block.to_shapes(by_shape, by_factor * first[block.shapes][:, None])
        own = base * (shape * by_product[:, None] + by_shape)
        jacobian[block.moving, block.place] += own
        if not self.affine:
            # second derivatives of product x shape, summed over the bins
            weighted = weight * base
            total = np.sum(weighted * shape, axis=0)
            slopes = np.sum(by_shape * weighted, axis=1)
            squares, bends = np.zeros_like(by_product), np.zeros_like(by_product)
            block.to_product(squares, logarithmic[block.product] ** 2)
            block.to_product(bends, total * bent[block.product])
            block.to_shapes(bends, np.sum(by_factor * weighted, axis=1) * second[block.shapes])
            # two factors of one parameter multiply each other's slopes, a factor does not multiply its own
            bends += total * (by_product**2 - squares) + 2 * by_product * slopes
            curvature.add_products(block.moving, by_product, total, slopes, bends)
        for k, one in enumerate(block.vectors):
            inverse = 1 / np.where(theta[one.parameters] == 0, _TINY, theta[one.parameters])
            events = base * shape
            jacobian[one.positions, one.bins + block.place.start] += (events * inverse)[one.bins]
            curvature.add(one.positions[:, None], block.moving, np.moveaxis(own * (weight * inverse), 1, 0)[one.bins])
            for other in block.vectors[:k]:
                both = np.intersect1d(one.bins, other.bins)
                p = one.positions[np.searchsorted(one.bins, both)]
                q = other.positions[np.searchsorted(other.bins, both)]
                inverse_other = 1 / np.where(theta[other.parameters] == 0, _TINY, theta[other.parameters])
                curvature.add(p, q, (events * weight * inverse * inverse_other)[both])


def _vectors(block: _Block, theta: FloatArray) -> FloatArray:
    """The product of a block's vectors, shape (b, N), or (b, 1) without any."""
    vectors = np.ones((block.templates.shape[1], 1))
    for vector in block.vectors:
        vectors = vectors * theta[vector.parameters]
    return vectors


class _Curvature:
    """Second derivatives of the blocks, weighted and summed over the bins.

    Args:
        count: free parameters F.
        points: N.
    """

    def __init__(self, count: int, points: int) -> None:
        self._size = count, points
        self._left: list[FloatArray] = []
        self._right: list[FloatArray] = []
        self._diagonal = np.zeros((count, points))
        self._single: list[tuple[IndexArray, IndexArray, FloatArray]] = []

    def add_products(
        self, moving: IndexArray, products: FloatArray, total: FloatArray, slopes: FloatArray, diagonal: FloatArray
    ) -> None:
        """Add l_p l_q x total + l_p h_q + h_p l_q with l = products and h = slopes (a, N); and the diagonal.

        ``moving`` are the positions (a,) of these parameters.
        """
        left, right = np.zeros(self._size), np.zeros(self._size)
        left[moving], right[moving] = products, total * products / 2 + slopes
        self._left.append(left)
        self._right.append(right)
        self._diagonal[moving] += diagonal

    def add(self, rows: IndexArray, columns: IndexArray, numbers: FloatArray) -> None:
        """Add numbers at rows and columns, none twice, and at these columns and rows."""
        self._single.append((rows, columns, numbers))

    def added_to(self, fisher: FloatArray) -> FloatArray:
        """With the Fisher part (F, F, N): the Hessian."""
        # l h^T + h l^T as one product
        both = np.moveaxis(np.stack([*self._left, *self._right]), 2, 0)
        turned = np.moveaxis(np.stack([*self._right, *self._left]), 2, 0)
        hessian = np.ascontiguousarray(np.moveaxis(both.swapaxes(1, 2) @ turned, 0, 2))
        numbers = np.arange(len(hessian))
        hessian[numbers, numbers] = self._diagonal
        hessian += fisher
        for rows, columns, values in self._single:
            hessian[rows, columns] += values
            hessian[columns, rows] += values
        return hessian

    def added_to_slim(self, fisher: SlimMatrix) -> SlimMatrix:
        """The same of a model without free vectors."""
        diagonal = fisher.diagonal + self._diagonal.T
        columns, signs = [fisher.columns], [fisher.signs]
        lost = np.any([np.abs(left).max(axis=0) > np.sqrt(1 / _TINY) for left in self._left], axis=0)
        for left, right in zip(self._left, self._right, strict=True):
            # l h^T + h l^T is the difference of two squares, of sums and differences of vectors of one length
            lengths = np.linalg.norm(left, axis=0), np.linalg.norm(right, axis=0)
            with np.errstate(divide="ignore", invalid="ignore"):
                scale = np.nan_to_num(np.sqrt(lengths[1] / lengths[0]), nan=1.0, posinf=1.0)
            scale[scale == 0] = 1.0
            one, other = scale * left, right / scale
            pair = np.stack([one + other, one - other], axis=-1).swapaxes(0, 1) / np.sqrt(2.0)
            pair[lost] = np.nan  # a factor is zero, and nothing is left of its square's digits
            columns.append(pair)
            signs.append(np.array([1.0, -1.0]))
            diagonal -= (2 * left * right).T
        return SlimMatrix(diagonal, np.concatenate(columns, axis=2), np.concatenate(signs))


def _by_template(
    groups: Sequence[Group], product: Sequence[int], shapes: Sequence[int]
) -> tuple[FloatArray, FloatArray]:
    """What each template has without a factor of the shapes, shape (J, 1), and for each of them, shape (J, f)."""
    constant, slopes = np.zeros((len(groups), 1)), np.zeros((len(groups), len(shapes)))
    for g, group in enumerate(groups):
        for coefficient, factors in group.terms:
            left = [f for f in factors if f not in product]
            if left:
                (f,) = left
                slopes[g, shapes.index(f)] += coefficient
            else:
                constant[g] += coefficient
    return constant, slopes


def _vector(parameters: IndexArray, position: Mapping[int, int]) -> _Vector:
    """A parameter for each bin, those of a block."""
    bins = [b for b, parameter in enumerate(parameters.tolist()) if parameter in position]
    positions = [position[parameter] for parameter in parameters[bins].tolist()]
    return _Vector(parameters, np.array(bins, dtype=np.intp), np.array(positions, dtype=np.intp))


def _block(spec: Specification, members: list[tuple[Group, int]], position: dict[int, int]) -> _Block:
    groups = [group for group, _ in members]
    place = spec.channels[groups[0].channel]
    terms = [term for group in groups for term in group.terms]
    common = set.intersection(*(set(term.factors) for term in terms)) if terms else set()
    product = sorted(common)
    shapes = sorted({f for term in terms for f in term.factors} - common)
    constant, slopes = _by_template(groups, product, shapes)
    vectors = [_vector(spec.vectors[v][place], position) for v in groups[0].gammas]
    moved = {spec.factors[f].parameter for f in (*product, *shapes)} & set(position)
    moving = sorted(position[p] for p in moved)
    place_of = {p: i for i, p in enumerate(moving)}
    own = {p: place_of[position[p]] for p in moved}
    return _Block(
        place,
        np.array(product, dtype=np.intp),
        _scatter([spec.factors[f].parameter for f in product], own),
        np.array(shapes, dtype=np.intp),
        _scatter([spec.factors[f].parameter for f in shapes], own),
        np.stack([(g.template if column == FIXED else g.relative)[place] for g, column in members]),
        tuple(column for _, column in members),
        constant,
        slopes,
        tuple(vectors),
        np.array(moving, dtype=np.intp),
    )


def _affine(spec: Specification, block: _Block) -> bool:
    """Whether the block's events are affine in the free parameters."""
    free_product = [int(block.product[n]) for _, numbers in block.to_product.rounds for n in numbers]
    free_shapes = [int(block.shapes[n]) for _, numbers in block.to_shapes.rounds for n in numbers]
    moving = len(free_product) + bool(free_shapes) + sum(bool(vector.bins.size) for vector in block.vectors)
    return moving <= 1 and all(spec.factors[f].kind == "identity" for f in (*free_product, *free_shapes))
