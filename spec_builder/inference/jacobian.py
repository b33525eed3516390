"""2NLL with gradient and Hessian for models with many parameters: derivatives by parameter and bin.

The groups of one sample in one channel form a block. Its events are a product of factors, times the vectors of
``staterror``, ``shapesys`` and ``shapefactor``, times a sum of shapes. With l_p the logarithmic derivative of the
product and d_p the derivative of the sum of shapes s, the events' first derivative is product x vectors x
(s l_p + d_p): an array over parameters and bins, the Jacobian. :class:`spec_builder.inference.engine.Engine` works on
pairs of groups instead, which is quicker for few of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import gammaln

from spec_builder.histfactory.interpolation import FactorBank
from spec_builder.inference.engine import Constraints, Expansion, poisson_slopes, poisson_terms
from spec_builder.inference.rows import FIXED, SHARED

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
        self.empty_bins = bool((self._observed == 0).any())
        self._constraints = Constraints(spec.parameters, free)
        self.stiffness = self._constraints.stiffness
        self.constant = 2 * float(np.sum(gammaln(spec.observed + 1))) + self._constraints.constant
        self.affine = all(_affine(spec, block) for block in self._blocks)
        size = max(len(free), 1)
        #: Rows worked on together.
        self.batch = int(np.clip(_CACHE // (size * (size + spec.observed.size)), 1, 2048))

    def rates(self, theta: FloatArray, rows: RowArrays = SHARED) -> FloatArray:
        """Expected events, shape (bins, N), for theta (P, N)."""
        values, _, _ = self._bank.arrays(theta, rows.interpolations)
        return self._rates([self._events(block, theta, values, rows) for block in self._blocks], theta.shape[1])

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
        values, first, second = self._bank.arrays(theta, rows.interpolations)
        events = [self._events(block, theta, values, rows) for block in self._blocks]
        rates = self._rates(events, theta.shape[1])
        observed = np.maximum(self._observed if rows.observed is None else rows.observed, barrier)
        value, safe = poisson_terms(rates, observed)
        value += self.constant if rows.constant is None else rows.constant
        value += self._constraints.value(theta, rows.auxiliary)
        count, points = len(self.free), theta.shape[1]
        gradient, fisher = np.zeros((count, points)), np.zeros((count, count, points))
        if not count:
            return Expansion(rates, value, gradient, fisher, fisher)
        ratio = observed / safe
        weight, bend = 2 - 2 * ratio, 2 * ratio / safe
        guarded = np.where(values == 0, _TINY, values)
        logarithmic = first / guarded, second / guarded
        jacobian = np.zeros((count, *rates.shape))
        products, vectors = _Curvature(count, points), np.zeros((count, count, points))
        for block, event in zip(self._blocks, events, strict=True):
            if (guarded[block.product] != values[block.product]).any():
                event = event._replace(product=np.prod(guarded[block.product], axis=0))  # noqa: PLW2901
            if block.vectors and (event.vectors == 0).any():
                event = event._replace(vectors=_vectors(block, np.where(theta == 0, _TINY, theta)))  # noqa: PLW2901
            self._differentiate(
                (block, event), theta, weight[block.place], (*logarithmic, first, second), jacobian, products, vectors
            )
        gradient += np.sum(jacobian * weight, axis=1)
        by_row = np.moveaxis(jacobian, 2, 0)
        fisher += np.moveaxis((by_row * bend.T[:, None]) @ np.swapaxes(by_row, 1, 2), 0, 2)
        self._constraints.add(theta, rows.auxiliary, gradient, fisher)
        hessian = fisher if self.affine else fisher + products.total() + vectors
        return Expansion(rates, value, gradient, fisher, hessian)

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
        products: _Curvature,
        vectors: FloatArray,
    ) -> None:
        """Add a block's part to the Jacobian and to the second derivatives, weighted with dF/dnu (b, N)."""
        block, (product, vector, templates, shape) = at
        logarithmic, bent, first, second = factors
        base = product * vector
        by_factor = np.tensordot(block.slopes, templates, (0, 0))  # (f, b, N or 1)
        by_product, by_shape = (
            np.zeros((len(jacobian), theta.shape[1])),
            np.zeros((len(jacobian), *base.shape[:1], theta.shape[1])),
        )
        block.to_product(by_product, logarithmic[block.product])
        block.to_shapes(by_shape, by_factor * first[block.shapes][:, None])
        own = base * (shape * by_product[:, None] + by_shape)
        jacobian[:, block.place] += own
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
            products.add(by_product, total, slopes, bends)
        for k, one in enumerate(block.vectors):
            inverse = 1 / np.where(theta[one.parameters] == 0, _TINY, theta[one.parameters])
            events = base * shape
            jacobian[one.positions, one.bins + block.place.start] += (events * inverse)[one.bins]
            mixed = np.moveaxis(own * (weight * inverse), 1, 0)[one.bins]
            vectors[one.positions] += mixed
            vectors[:, one.positions] += np.moveaxis(mixed, 0, 1)
            for other in block.vectors[:k]:
                both = np.intersect1d(one.bins, other.bins)
                p = one.positions[np.searchsorted(one.bins, both)]
                q = other.positions[np.searchsorted(other.bins, both)]
                inverse_other = 1 / np.where(theta[other.parameters] == 0, _TINY, theta[other.parameters])
                cross = (events * weight * inverse * inverse_other)[both]
                vectors[p, q] += cross
                vectors[q, p] += cross


def _vectors(block: _Block, theta: FloatArray) -> FloatArray:
    """The product of a block's vectors, shape (b, N), or (b, 1) without any."""
    vectors = np.ones((block.templates.shape[1], 1))
    for vector in block.vectors:
        vectors = vectors * theta[vector.parameters]
    return vectors


class _Curvature:
    """Second derivatives of the blocks' products and shapes, summed over the blocks at once."""

    def __init__(self, count: int, points: int) -> None:
        self._left: list[FloatArray] = []
        self._right: list[FloatArray] = []
        self._diagonal = np.zeros((count, points))

    def add(self, products: FloatArray, total: FloatArray, slopes: FloatArray, diagonal: FloatArray) -> None:
        """Add l_p l_q x total + l_p h_q + h_p l_q with l = products and h = slopes (F, N); and the diagonal."""
        self._left.append(products)
        self._right.append(total * products / 2 + slopes)
        self._diagonal += diagonal

    def total(self) -> FloatArray:
        """Shape (F, F, N)."""
        left, right = np.stack(self._left), np.stack(self._right)
        half = np.moveaxis(left, 2, 0).swapaxes(1, 2) @ np.moveaxis(right, 2, 0)
        hessian = np.moveaxis(half + half.swapaxes(1, 2), 0, 2)
        numbers = np.arange(len(hessian))
        hessian[numbers, numbers] = self._diagonal
        return hessian


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
    return _Block(
        place,
        np.array(product, dtype=np.intp),
        _scatter([spec.factors[f].parameter for f in product], position),
        np.array(shapes, dtype=np.intp),
        _scatter([spec.factors[f].parameter for f in shapes], position),
        np.stack([(g.template if column == FIXED else g.relative)[place] for g, column in members]),
        tuple(column for _, column in members),
        constant,
        slopes,
        tuple(vectors),
    )


def _affine(spec: Specification, block: _Block) -> bool:
    """Whether the block's events are affine in the free parameters."""
    free_product = [int(block.product[n]) for _, numbers in block.to_product.rounds for n in numbers]
    free_shapes = [int(block.shapes[n]) for _, numbers in block.to_shapes.rounds for n in numbers]
    moving = len(free_product) + bool(free_shapes) + sum(bool(vector.bins.size) for vector in block.vectors)
    return moving <= 1 and all(spec.factors[f].kind == "identity" for f in (*free_product, *free_shapes))
