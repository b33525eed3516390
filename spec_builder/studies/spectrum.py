"""Recoil spectra at given energies, as the command line prints them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import parse_grid
from spec_builder.base.text import Report, Result, Shown
from spec_builder.base.version import __version__
from spec_builder.physics.constants import SIN2_THETA_W
from spec_builder.physics.flux import solar_flux
from spec_builder.physics.interactions import (
    STANDARD_MODEL,
    Interaction,
    parse_interaction,
    parse_new_physics,
    standard_model_terms,
)
from spec_builder.physics.recoil import rate_polynomial
from spec_builder.physics.sources import physics_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Spectrum", "recoil_spectrum"]

_COLUMNS = ("T [keV]", "total", "SM", "new physics")
_LARGEST = 1e150  # squared couplings and masses stay within floating range


@dataclass(frozen=True, repr=False)
class Spectrum(Result):
    """dR/dT at given recoil energies, with the choices behind it.

    Attributes:
        energies_keV: recoil energies.
        rate: Standard Model plus new physics [events/(t yr keV)].
        standard_model, new_physics: its parts; new physics is the difference, interference included.
    """

    interaction: str
    mass_MeV: float | None
    coupling: float | None
    coupling_set: str | None
    longitudinal_factor: int | None
    sin2_theta_w: float
    hep: bool
    energies_keV: tuple[float, ...]
    rate: tuple[float, ...]
    standard_model: tuple[float, ...]
    new_physics: tuple[float, ...]
    unit: str = "events/(t yr keV)"
    version: str = __version__

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources of the tables behind it."""
        sm = self.interaction == Interaction.SM
        choice = None if sm else parse_new_physics(self.interaction, self.coupling_set, self.longitudinal_factor)
        return physics_sources(choice, hep=self.hep)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return asdict(self) | {"schema": "spec_builder/spectrum/1"}

    def report(self) -> Report:
        """Rates at each recoil energy."""
        columns = {
            "recoil_energy_keV": self.energies_keV,
            "rate": self.rate,
            "standard_model": self.standard_model,
            "new_physics": self.new_physics,
        }
        numbers = zip(*columns.values(), strict=True)
        rows = tuple((f"{T:.4g}", *(f"{rate:.6g}" for rate in rates)) for T, *rates in numbers)
        return Report(self._title(), {}, columns, Shown(_COLUMNS, rows), details={"version": self.version})

    def _title(self) -> str:
        choices = [f"interaction {self.interaction}"]
        if self.mass_MeV is not None:
            choices += [f"mass {self.mass_MeV:g} MeV", f"coupling {self.coupling:g}"]
        if self.coupling_set:
            choices.append(f"coupling set {self.coupling_set}")
        if self.longitudinal_factor:
            choices.append(f"longitudinal factor {self.longitudinal_factor}")
        choices.append(f"sin2thetaw {self.sin2_theta_w:g}{', with hep neutrinos' if self.hep else ''}")
        return f"dR/dT in natural xenon [{self.unit}]: {', '.join(choices)}"


def recoil_spectrum(
    energies: str | Sequence[float],
    *,
    interaction: str = "sm",
    mass: float | None = None,
    coupling: float | None = None,
    coupling_set: str | None = None,
    longitudinal_factor: int | None = None,
    sin2thetaw: float | None = None,
    hep: bool = False,
) -> Spectrum:
    """Recoil spectrum of one parameter point.

    Args:
        energies: recoil energies [keV], as numbers or as a grid's text.
        interaction: ``sm``, ``scalar``, ``vector_universal``, ``vector_bl``, ``axial`` or ``tensor``.
        mass: mediator mass [MeV].
        coupling: g.
        coupling_set: f_Tq set of the scalar charge, Eq. (9) of arXiv:2411.11749; B by default.
        longitudinal_factor: of the tensor: 1 as Eq. (8) is printed, the default, or 4.
        sin2thetaw: weak mixing angle of the Standard Model cross section; 0.23857 by default.
        hep: add hep neutrinos.

    Raises:
        SpecBuilderError: for a value out of its range, or a mass or coupling that is missing or has no use.

    Examples:
        >>> recoil_spectrum([1.0]).rate  # doctest: +ELLIPSIS
        (238.64...,)
    """
    text = energies if isinstance(energies, str) else ",".join(repr(float(e)) for e in energies)
    energy = np.array(parse_grid(text, "energies"))
    kind = parse_interaction(interaction)
    choice = STANDARD_MODEL
    mass_value = coupling_value = 0.0
    if kind is Interaction.SM:
        if mass is not None or coupling is not None:
            raise SpecBuilderError("interaction 'sm' has no mediator: --mass and --coupling do not apply")
        if coupling_set is not None or longitudinal_factor is not None:
            raise SpecBuilderError("interaction 'sm' has no --coupling-set and no --longitudinal-factor")
    else:
        choice = parse_new_physics(interaction, coupling_set, longitudinal_factor)
        mass_value = _in_range("mass", mass, kind, "MeV")
        coupling_value = _in_range("coupling", coupling, kind, "no unit")
        if sin2thetaw is not None:
            raise SpecBuilderError("--sin2thetaw applies to interaction 'sm' only; the others use 0.23857")
    angle = SIN2_THETA_W if sin2thetaw is None else sin2thetaw
    if not 0 <= angle <= 1:
        raise SpecBuilderError(f"sin2thetaw {angle:g}: expected a number from 0 to 1")
    flux = solar_flux(hep=hep)
    x = np.float64(coupling_value) ** 2
    with np.errstate(over="ignore", invalid="ignore"):
        standard = rate_polynomial(partial(standard_model_terms, sin2_theta_w=angle), energy, flux=flux)[0, 0]
        added = rate_polynomial(choice.terms, energy, np.array([mass_value]), flux)[:, 0]
        new_physics = x * added[1] + x**2 * added[2]
    if not np.isfinite(standard).all() or not np.isfinite(added).all():
        raise SpecBuilderError(f"energies '{text}': the rate is beyond floating range")
    if not np.isfinite(new_physics).all():
        raise SpecBuilderError(f"coupling {coupling_value:g}: the rate is beyond floating range")
    return Spectrum(
        interaction=kind.value,
        mass_MeV=mass,
        coupling=coupling,
        coupling_set=choice.coupling_set,
        longitudinal_factor=choice.longitudinal_factor,
        sin2_theta_w=angle,
        hep=hep,
        energies_keV=tuple(energy.tolist()),
        rate=tuple((standard + new_physics).tolist()),
        standard_model=tuple(standard.tolist()),
        new_physics=tuple(new_physics.tolist()),
    )


def _in_range(what: str, value: float | None, interaction: Interaction, unit: str) -> float:
    if value is None:
        raise SpecBuilderError(f"interaction '{interaction.value}': give --{what} ({unit})")
    if not 0 < value < _LARGEST:
        raise SpecBuilderError(f"{what} {value:g}: expected a positive number below {_LARGEST:g} ({unit})")
    return value
