"""Detector responses: how a recoil spectrum becomes events in the bins of an observable.

Both kinds become a :class:`Kernel`, quadrature nodes in recoil energy with a weight for each bin, so that folding
any spectrum is one matrix product.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import FloatArray

__all__ = ["ChargeYieldResponse", "Kernel", "MatrixResponse", "Response"]

#: Gauss-Legendre nodes in each interval of a response; twice as many change no bin by 1e-4.
NODES_PER_INTERVAL = 4


@dataclass(frozen=True)
class Kernel:
    """Events in each bin for a recoil spectrum given at the kernel's energies.

    Attributes:
        recoil_energy_keV: quadrature nodes, shape (T,).
        weights: exposure x probability x quadrature weight [t yr keV], shape (bins, T).
    """

    recoil_energy_keV: FloatArray
    weights: FloatArray

    def fold(self, rate: FloatArray) -> FloatArray:
        """Events per bin, shape (..., bins), from dR/dT [events/(t yr keV)] of shape (..., T)."""
        events: FloatArray = rate @ self.weights.T
        return events

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
        exposures_t_yr: one for each run.
        selections: one for each run, with one row of probability for each bin.
    """

    kind: ClassVar[str] = "matrix"

    exposures_t_yr: tuple[float, ...]
    selections: tuple[Selection, ...]

    def kernel(self, nodes_per_interval: int = NODES_PER_INTERVAL) -> Kernel:
        """Quadrature that is exact in the response and spectral in the spectrum."""
        edges = np.unique(np.concatenate([run.recoil_energy_keV for run in self.selections]))
        energy, weight = _gauss_legendre(edges, nodes_per_interval)
        probability = sum(
            exposure * selection.at(energy)
            for exposure, selection in zip(self.exposures_t_yr, self.selections, strict=True)
        )
        return Kernel(energy, probability * weight)


@dataclass(frozen=True)
class ChargeYieldResponse:
    """Eqs. (12)-(15) of arXiv:2411.11749: n = T Q_y(T) g2 without smearing.

    The Jacobian dT/dn of Eq. (13) turns the integral over a bin of n into one over its window in T.

    Attributes:
        exposures_t_yr: one for each run.
        bin_edges: edges in n for each run, each of shape (bins + 1,).
        recoil_energy_keV: nodes of the charge yield, shape (n,).
        charge_yield: Q_y [electrons/keV], linear between the nodes, shape (n,).
        gain: g2, the observable's unit per electron.
        efficiencies: for each run the probability of selection, one row, or a constant.
        reference: the matrix response that the bins are corrected to.
    """

    kind: ClassVar[str] = "charge_yield"

    exposures_t_yr: tuple[float, ...]
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

    def kernel(self, nodes_per_interval: int = NODES_PER_INTERVAL) -> Kernel:
        """Quadrature over each bin's window, split at the nodes of the efficiency."""
        energies, weights = [], []
        for exposure, edges, efficiency in zip(self.exposures_t_yr, self.bin_edges, self.efficiencies, strict=True):
            window = self.window_keV(edges)
            for i, (low, high) in enumerate(itertools.pairwise(window)):
                nodes = np.linspace(low, high, 11)
                if isinstance(efficiency, Selection):
                    inside = efficiency.recoil_energy_keV
                    nodes = np.unique(
                        np.concatenate([nodes, inside[(inside > low) & (inside < high)]]),
                    )
                energy, weight = _gauss_legendre(nodes, nodes_per_interval)
                selected = efficiency.at(energy)[0] if isinstance(efficiency, Selection) else efficiency
                row = np.zeros((edges.size - 1, energy.size))
                row[i] = exposure * selected * weight
                energies.append(energy)
                weights.append(row)
        return Kernel(np.concatenate(energies), np.concatenate(weights, axis=1))


Response: TypeAlias = MatrixResponse | ChargeYieldResponse


def _gauss_legendre(edges: Sequence[float] | FloatArray, nodes: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of composite Gauss-Legendre quadrature, each of shape (intervals x nodes,)."""
    node, weight = np.polynomial.legendre.leggauss(nodes)
    half = np.diff(edges)[:, None] / 2
    middle = np.asarray(edges)[:-1, None] + half
    return (middle + half * node).ravel(), (half * weight).ravel()
