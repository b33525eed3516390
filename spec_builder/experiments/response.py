"""Detector responses: how a recoil spectrum becomes events in the bins of an observable.

Every kind becomes a :class:`Kernel`, quadrature nodes in recoil energy with a weight for each bin, so that folding
any spectrum is one matrix product.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spec_builder.base.arrays import FloatArray

__all__ = [
    "LEAST_RECOIL_KEV",
    "ChargeYieldResponse",
    "GaussianResponse",
    "Kernel",
    "MatrixResponse",
    "Response",
    "Selection",
]

#: Gauss-Legendre nodes in each interval of a response; twice as many change no bin by 1e-4.
NODES_PER_INTERVAL = 4
#: Standard deviations of a Gaussian response that are followed: beyond lie 6e-16 of it.
_REACH = 8.0
#: Multiple of the last edge within which the reach of a Gaussian response has to end.
_FARTHEST = 20.0
#: Width of a panel of the quadrature in standard deviations of the resolution, and in units of the energy.
_PANEL_SIGMA, _PANEL_ENERGY = 0.5, 0.2
#: Pieces of a spectrum up to its end that a panel is no wider than: rates of 8B fall by 1e3 in four of them.
_PIECES = 32
#: An meV: less than that is no recoil but thermal motion.
LEAST_RECOIL_KEV = 1e-6
#: Above 1: a row at the edge of a piece is no second edge beside it.
_ROUNDING = 1 + 1e-9
#: Intervals between the end of a matrix and the end of a spectrum.
_BEYOND = 64


@dataclass(frozen=True)
class Kernel:
    """Events in each bin for a recoil spectrum given at the kernel's energies.

    Attributes:
        recoil_energy_keV: quadrature nodes, shape (T,).
        weights: exposure x probability x quadrature weight [t yr keV, or t keV], shape (bins, T).
    """

    recoil_energy_keV: FloatArray
    weights: FloatArray

    def fold(self, rate: FloatArray) -> FloatArray:
        """Events per bin, shape (..., bins), from dR/dT [events/(t yr keV)] of shape (..., T)."""
        events: FloatArray = rate @ self.weights.T
        return events

    def fold_below(self, energy_keV: float, rate: FloatArray) -> FloatArray:
        """The part of :meth:`fold` that comes from recoils of less than an energy, same shape."""
        below = self.recoil_energy_keV < energy_keV
        return Kernel(self.recoil_energy_keV[below], self.weights[:, below]).fold(rate[..., below])

    def scaled(self, factors: FloatArray) -> Kernel:
        """The same kernel with each bin multiplied by a factor, shape (bins,)."""
        return Kernel(self.recoil_energy_keV, self.weights * factors[:, None])


@dataclass(frozen=True)
class Selection:
    """Probability against recoil energy, linear between its nodes and zero outside them.

    Attributes:
        recoil_energy_keV: nodes, increasing, shape (n,).
        probability: shape (bins, n).
    """

    recoil_energy_keV: FloatArray
    probability: FloatArray

    def at(self, recoil_energy_keV: FloatArray) -> FloatArray:
        """Interpolated probability, shape (bins, T)."""
        nodes = self.recoil_energy_keV
        return np.stack([np.interp(recoil_energy_keV, nodes, row, left=0.0, right=0.0) for row in self.probability])


@dataclass(frozen=True)
class MatrixResponse:
    """Probability of each bin against recoil energy, smearing included.

    Attributes:
        selections: one for each run, with one row of probability for each bin.
    """

    kind: ClassVar[str] = "matrix"

    selections: tuple[Selection, ...]

    def kernel(
        self,
        exposures: Sequence[float],
        *,
        breaks_keV: Sequence[float] = (),
        ends_keV: Sequence[float] = (np.inf,),
        nodes_per_interval: int = NODES_PER_INTERVAL,
    ) -> Kernel:
        """Quadrature that is exact in the response and spectral in the spectrum.

        Args:
            exposures: of each run.
            breaks_keV: recoil energies at which the rate jumps.
            ends_keV: the largest recoil energies of the spectrum's parts.
            nodes_per_interval: of Gauss-Legendre quadrature between two rows of the table, or in a piece of a wide one.
        """
        rows = np.unique(np.concatenate([run.recoil_energy_keV for run in self.selections]))
        edges = _divided(rows, ends_keV)
        energy, weight = _gauss_legendre(_with_breaks(edges, breaks_keV), nodes_per_interval)
        probability = sum(
            exposure * selection.at(energy) for exposure, selection in zip(exposures, self.selections, strict=True)
        )
        return Kernel(energy, probability * weight)

    def kernel_beyond(self, exposures: Sequence[float], end_keV: float) -> Kernel | None:
        """What each run's table leaves out above its last row, if the last probability held to the spectrum's end.

        Args:
            exposures: of each run.
            end_keV: the largest recoil energy of the spectrum.

        Returns:
            A kernel of one bin, or None if the tables reach the end.
        """
        lasts = np.array([run.recoil_energy_keV[-1] for run in self.selections])
        if end_keV <= lasts.min():
            return None
        pieces = np.linspace(lasts.min(), end_keV, _BEYOND + 1)
        energy, weight = _gauss_legendre(np.union1d(pieces, lasts[lasts < end_keV]), NODES_PER_INTERVAL)
        accepted = np.zeros_like(energy)
        for exposure, run, last in zip(exposures, self.selections, lasts, strict=True):
            accepted += np.where(energy > last, exposure * run.probability[:, -1].sum(), 0.0)
        return Kernel(energy, accepted * weight[None, :]) if accepted.any() else None


@dataclass(frozen=True)
class ChargeYieldResponse:
    """Eqs. (12)-(15) of arXiv:2411.11749: n = T Q_y(T) g2 without smearing.

    The Jacobian dT/dn of Eq. (13) turns the integral over a bin of n into one over its window in T.

    Attributes:
        bin_edges: edges in n for each run, each of shape (bins + 1,).
        recoil_energy_keV: nodes of the charge yield, shape (n,).
        charge_yield: Q_y [electrons/keV], linear between the nodes, shape (n,).
        gain: g2, the observable's unit per electron.
        efficiencies: for each run the probability of selection, one row, or a constant.
        reference: the matrix response that the bins are corrected to.
    """

    kind: ClassVar[str] = "charge_yield"

    bin_edges: tuple[FloatArray, ...]
    recoil_energy_keV: FloatArray
    charge_yield: FloatArray
    gain: float
    efficiencies: tuple[Selection | float, ...]
    reference: MatrixResponse

    def window_keV(self, edges: FloatArray) -> FloatArray:
        """Recoil energies whose observable is at the edges: T Q_y(T) g2 = n, solved exactly.

        Edges beyond the yield's table are moved to its end.
        """
        T, yield_ = self.recoil_energy_keV, self.charge_yield
        n = np.clip(edges / self.gain, T[0] * yield_[0], T[-1] * yield_[-1])
        i = np.clip(np.searchsorted(T * yield_, n, side="right") - 1, 0, T.size - 2)
        slope = (yield_[i + 1] - yield_[i]) / (T[i + 1] - T[i])
        intercept = yield_[i] - slope * T[i]
        # slope T^2 + intercept T = n, in the form that stays accurate for slope -> 0
        root: FloatArray = 2 * n / (intercept + np.sqrt(intercept**2 + 4 * slope * n))
        return root

    def kernel(
        self,
        exposures: Sequence[float],
        *,
        breaks_keV: Sequence[float] = (),
        ends_keV: Sequence[float] = (np.inf,),
        nodes_per_interval: int = NODES_PER_INTERVAL,
    ) -> Kernel:
        """Quadrature over each bin's window, split at the nodes of the efficiency."""
        energies, weights = [], []
        for exposure, edges, efficiency in zip(exposures, self.bin_edges, self.efficiencies, strict=True):
            window = self.window_keV(edges)
            for i, (low, high) in enumerate(itertools.pairwise(window)):
                nodes = _divided(np.linspace(low, high, 11), ends_keV)
                if isinstance(efficiency, Selection):
                    nodes = _with_breaks(nodes, efficiency.recoil_energy_keV)
                energy, weight = _gauss_legendre(_with_breaks(nodes, breaks_keV), nodes_per_interval)
                selected = efficiency.at(energy)[0] if isinstance(efficiency, Selection) else efficiency
                row = np.zeros((edges.size - 1, energy.size))
                row[i] = exposure * selected * weight
                energies.append(energy)
                weights.append(row)
        return Kernel(np.concatenate(energies), np.concatenate(weights, axis=1))


@dataclass(frozen=True)
class GaussianResponse:
    """Efficiency at the reconstructed energy and a Gaussian resolution.

    events = exposure x integral dT dR/dT(T) x integral over the bin dT' eff(T') Gauss(T'; T, sigma(T)); the inner
    integral is in closed form, since the efficiency is linear between its rows.

    Attributes:
        bin_edges: edges in reconstructed energy [keV] for each run, each of shape (bins + 1,).
        reconstructed_energy_keV: rows of the efficiency, shape (n,).
        efficiency: zero below the first row, constant above the last one, shape (n,).
        resolution: (coefficient [keV], power) of each term of sigma(T) = sum coefficient (T/keV)^power.
        hold_above_keV: above this energy sigma stays what it is there; None for no end.
    """

    kind: ClassVar[str] = "gaussian"

    bin_edges: tuple[FloatArray, ...]
    reconstructed_energy_keV: FloatArray
    efficiency: FloatArray
    resolution: tuple[tuple[float, float], ...]
    hold_above_keV: float | None = None

    def sigma_keV(self, recoil_energy_keV: FloatArray | float) -> FloatArray:
        """Resolution at the true energies [keV], same shape."""
        T = np.asarray(recoil_energy_keV, dtype=np.float64)
        if self.hold_above_keV is not None:
            T = np.minimum(T, self.hold_above_keV)
        sigma: FloatArray = sum((coefficient * T**power for coefficient, power in self.resolution), np.zeros_like(T))
        return sigma

    def probability(self, edges: FloatArray, recoil_energy_keV: FloatArray) -> FloatArray:
        """Probability to be selected and to fall between the edges, shape (edges - 1, T)."""
        knots = np.unique(np.concatenate([self.reconstructed_energy_keV, edges]))
        knots = knots[(knots >= max(edges[0], self.reconstructed_energy_keV[0])) & (knots <= edges[-1])]
        if knots.size < 2:
            return np.zeros((edges.size - 1, recoil_energy_keV.size))
        value = np.interp(knots, self.reconstructed_energy_keV, self.efficiency)
        slope = np.diff(value) / np.diff(knots)
        sigma = self.sigma_keV(recoil_energy_keV)
        scaled = (knots[:, None] - recoil_energy_keV) / sigma
        # integral of (value + slope (T' - T)) Gauss over a segment: the second part is -sigma^2 times the
        # difference of the Gaussians at its ends
        at_truth = value[:-1, None] + slope[:, None] * (recoil_energy_keV - knots[:-1, None])
        density = np.exp(-(scaled**2) / 2) / (np.sqrt(2 * np.pi) * sigma)
        segments = at_truth * np.diff(_normal_cdf(scaled), axis=0) - slope[:, None] * sigma**2 * np.diff(
            density, axis=0
        )
        first = np.searchsorted(knots[:-1], edges)
        within: FloatArray = np.stack([segments[low:high].sum(axis=0) for low, high in itertools.pairwise(first)])
        return within.clip(min=0.0)  # in far tails the two parts cancel to rounding of either sign

    def kernel(
        self,
        exposures: Sequence[float],
        *,
        breaks_keV: Sequence[float] = (),
        ends_keV: Sequence[float] = (np.inf,),
        nodes_per_interval: int = NODES_PER_INTERVAL,
    ) -> Kernel:
        """Quadrature over true energy in panels of half a standard deviation, over all that reaches a bin."""
        panels = _with_breaks(self._panels(ends_keV), breaks_keV)
        energy, weight = _gauss_legendre(panels, nodes_per_interval)
        probability = sum(
            exposure * self.probability(edges, energy)
            for exposure, edges in zip(exposures, self.bin_edges, strict=True)
        )
        return Kernel(energy, probability * weight)

    def reach_keV(self) -> tuple[float, float]:
        """Least and largest true energy that is reconstructed in a bin; infinity if the resolution grows too fast."""
        low = max(min(float(edges[0]) for edges in self.bin_edges), float(self.reconstructed_energy_keV[0]))
        high = max(float(edges[-1]) for edges in self.bin_edges)
        start = _root(lambda T: low - T - _REACH * float(self.sigma_keV(T)), 0.0, low)
        end = high
        while end - high < _REACH * float(self.sigma_keV(end)):
            end += float(self.sigma_keV(end))
            if end > _FARTHEST * high:
                return start, np.inf
        return start, end

    def _panels(self, ends_keV: Sequence[float]) -> FloatArray:
        """Edges of the quadrature's panels, which grow with the resolution and with the energy."""
        start, end = self.reach_keV()
        panels = [start] if start > LEAST_RECOIL_KEV else [0.0, LEAST_RECOIL_KEV]
        while panels[-1] < end:
            at = panels[-1]
            width = min(_PANEL_SIGMA * float(self.sigma_keV(at)), _PANEL_ENERGY * at)
            panels.append(at + min(width, _next_end(at, ends_keV) / _PIECES))
        kink = () if self.hold_above_keV is None else (self.hold_above_keV,)
        return _with_breaks(np.array(panels), kink)


Response: TypeAlias = MatrixResponse | ChargeYieldResponse | GaussianResponse


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that is positive at ``low`` and not at ``high`` changes sign, from below; low if it is not."""
    if function(low) <= 0:
        return low
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return low


def _normal_cdf(x: FloatArray) -> FloatArray:
    from scipy.special import ndtr  # noqa: PLC0415 - --help does not wait for scipy

    cdf: FloatArray = ndtr(x)
    return cdf


def _next_end(at_keV: float, ends_keV: Sequence[float]) -> float:
    """The first end of a part of the spectrum above an energy; infinity beyond the last one."""
    return min((end for end in ends_keV if end > at_keV), default=np.inf)


def _divided(edges: FloatArray, ends_keV: Sequence[float]) -> FloatArray:
    """Edges with others between them, so that a few nodes follow any spectrum.

    A piece spans at most a factor of two, for light mediators, and a part of what is left of the spectrum's parts, for
    their steep ends.
    """
    last = max(ends_keV)
    pieces = [float(edges[0])]
    for edge in edges[1:].tolist():
        while (at := pieces[-1]) < last:
            widest = min(at, _next_end(at, ends_keV) / _PIECES)
            if edge - at <= widest * _ROUNDING:
                break
            pieces.append(at + widest)
        pieces.append(edge)
    return np.array(pieces)


def _with_breaks(edges: FloatArray, breaks: Sequence[float] | FloatArray) -> FloatArray:
    """Edges with those breaks that lie between them, increasing."""
    points = np.asarray(breaks, dtype=np.float64)
    inside = points[(points > edges[0]) & (points < edges[-1])]
    return np.unique(np.concatenate([edges, inside])) if inside.size else edges


def _gauss_legendre(edges: Sequence[float] | FloatArray, nodes: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of composite Gauss-Legendre quadrature, each of shape (intervals x nodes,)."""
    node, weight = np.polynomial.legendre.leggauss(nodes)
    half = np.diff(edges)[:, None] / 2
    middle = np.asarray(edges)[:-1, None] + half
    return (middle + half * node).ravel(), (half * weight).ravel()
