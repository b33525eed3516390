"""Signal templates: events per bin as a polynomial in the parameter of interest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.response import ChargeYieldResponse
from spec_builder.physics.flux import solar_flux
from spec_builder.physics.interactions import standard_model_terms, weak_mixing_angle_terms
from spec_builder.physics.recoil import rate_polynomial

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Experiment
    from spec_builder.experiments.response import Kernel
    from spec_builder.physics.flux import SolarFlux
    from spec_builder.physics.interactions import NewPhysics

__all__ = ["SignalKernel", "SignalPolynomial", "signal_kernel"]


@dataclass(frozen=True)
class SignalPolynomial:
    """Events per bin n(x) = n0 + n1 x + n2 x^2.

    Attributes:
        coefficients: (n0, n1, n2) [events], shape (3, ..., bins); the middle axes are mediator masses, if any.
    """

    coefficients: FloatArray

    def __call__(self, x: FloatArray | float) -> FloatArray:
        """Events per bin, shape (*x.shape, ..., bins)."""
        value = np.asarray(x, dtype=np.float64)
        powers = np.stack([np.ones_like(value), value, value**2], axis=-1)
        events: FloatArray = np.tensordot(powers, self.coefficients, axes=(-1, 0))
        return events


@dataclass(frozen=True)
class SignalKernel:
    """An experiment's response to recoils with its signal normalisation.

    Attributes:
        kernel: quadrature over recoil energy, normalised.
        correction: factor on each bin of the bare response, shape (bins,): one number for a ``matrix``
            response, the c_i of Eq. (12) for a ``charge_yield`` response.
    """

    kernel: Kernel
    correction: FloatArray

    def _polynomial(
        self, rate: Callable[[FloatArray], FloatArray], *, standard_model: bool = False
    ) -> SignalPolynomial:
        coefficients = self.kernel.fold(rate(self.kernel.recoil_energy_keV))
        if standard_model:
            coefficients[0] += self.standard_model()
        return SignalPolynomial(coefficients)

    def standard_model(self, flux: SolarFlux | None = None) -> FloatArray:
        """Standard Model events per bin at 5.46e6 cm^-2 s^-1, shape (bins,)."""
        polynomial = self._polynomial(partial(rate_polynomial, standard_model_terms, flux=flux))
        events: FloatArray = polynomial.coefficients[0, 0]
        return events

    def flux(self) -> SignalPolynomial:
        """Events per bin against the 8B flux [1e6 cm^-2 s^-1], shape (3, bins)."""
        events = self.standard_model()
        return SignalPolynomial(
            np.stack([np.zeros_like(events), events / (solar_flux().total * 1e-6), np.zeros_like(events)])
        )

    def weak_mixing_angle(self) -> SignalPolynomial:
        """Events per bin against sin^2 theta_W, shape (3, bins)."""
        polynomial = self._polynomial(partial(rate_polynomial, weak_mixing_angle_terms))
        return SignalPolynomial(polynomial.coefficients[:, 0])

    def new_physics(self, choice: NewPhysics, mediator_mass_MeV: FloatArray) -> SignalPolynomial:
        """Events per bin, Standard Model included, against g^2, shape (3, masses, bins)."""
        rate = partial(rate_polynomial, choice.terms, mediator_mass_MeV=mediator_mass_MeV)
        return self._polynomial(rate, standard_model=True)


def signal_kernel(experiment: Experiment) -> SignalKernel:
    """Fold an experiment's response into a normalised kernel.

    A ``matrix`` response is scaled to the experiment's normalisation; a ``charge_yield`` response is corrected bin
    by bin to the Standard Model prediction of the default response, as the c_i of Eq. (12) are.
    """
    response = experiment.response
    bare = response.kernel()
    unscaled = SignalKernel(bare, np.ones(experiment.bins))
    if isinstance(response, ChargeYieldResponse):
        reference = _scaled(experiment, response.reference.kernel())
        events = unscaled.standard_model()
        _refuse_empty(experiment, events)
        correction = reference.standard_model() / events
        return SignalKernel(bare.scaled(correction), correction)
    return _scaled(experiment, bare)


def _refuse_empty(experiment: Experiment, events: FloatArray) -> None:
    """A response that no recoil of the Standard Model reaches can neither be normalised nor measured with.

    Raises:
        SpecBuilderError: naming the experiment.
    """
    if not (events > 0).all():
        raise SpecBuilderError(
            f"{experiment.folder}: the response gives no Standard Model events; check its recoil energies and bin edges"
        )


def _scaled(experiment: Experiment, bare: Kernel) -> SignalKernel:
    ones = np.ones(experiment.bins)
    unscaled = SignalKernel(bare, ones).standard_model()
    _refuse_empty(experiment, unscaled.sum(keepdims=True))
    if experiment.normalisation is None:
        return SignalKernel(bare, ones)
    size = experiment.normalisation
    events = size.events * (solar_flux().total * 1e-6 / size.flux_1e6_cm2_s1)
    factor = ones * (events / float(unscaled.sum()))
    return SignalKernel(bare.scaled(factor), factor)
