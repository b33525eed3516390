"""Recoil spectra of a source on a target at given energies, as the command line prints them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import json_mass, numbers_text, parse_grid, real_number, shown_number
from spec_builder.base.text import Report, Shown
from spec_builder.base.version import __version__
from spec_builder.drawing.style import PALETTE
from spec_builder.model.given import as_coupling, as_mass
from spec_builder.model.provenance import Choices, choice_content, coupling_note, option_texts, parameter_label
from spec_builder.physics.constants import SIN2_THETA_W
from spec_builder.physics.interactions import STANDARD_MODEL, WEAK_MIXING_ANGLE, choose
from spec_builder.physics.rates import rate
from spec_builder.physics.sources import Source, load_source
from spec_builder.physics.targets import Target, load_target
from spec_builder.physics.validity import validity_notes
from spec_builder.studies.pictures import PicturedResult, interaction_label, own_axes

if TYPE_CHECKING:
    from os import PathLike

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.grids import Numbers
    from spec_builder.physics.choices import Choice

__all__ = ["Spectrum", "recoil_spectrum"]

_COLUMNS = ("T [keV]", "total", "SM", "new physics")
#: From 1/GeV to 1/MeV: the parameter of the contact limit.
_GEV_PER_MEV = 1e-3
_UNITS = {"flux": "events/(t yr keV)", "fluence": "events/(t keV)"}
_DEFAULT_SOURCE, _WITH_HEP = "solar_8b", "solar_8b_hep"


@dataclass(frozen=True, repr=False)
class Spectrum(PicturedResult):
    """dR/dT at given recoil energies, with the choices behind it.

    Attributes:
        source: where the neutrinos come from.
        target: what they scatter off.
        choice: the interaction with its options.
        mass_MeV: of the mediator; None if there is none, inf for the contact limit.
        coupling: g or the interaction's own parameter, g/m in 1/GeV in the contact limit; None for the Standard Model.
        sin2_theta_w: weak mixing angle of the Standard Model part.
        energies_keV: recoil energies.
        rate: Standard Model plus new physics, in ``unit``.
        standard_model, new_physics: its parts; new physics is the difference, interference included.
        version: of spec_builder.
    """

    source: Source
    target: Target
    choice: Choice
    mass_MeV: float | None
    coupling: float | None
    sin2_theta_w: float
    energies_keV: tuple[float, ...]
    rate: tuple[float, ...]
    standard_model: tuple[float, ...]
    new_physics: tuple[float, ...]
    version: str = __version__

    @property
    def provenance(self) -> Choices:
        """Source, target, interaction and the sources of their tables."""
        choice = None if self.coupling is None else self.choice
        about = f"{self.source.name} on {self.target.name}"
        return Choices(about, choice=choice, version=self.version, sources=self.sources)

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        return "Recoil spectrum before any response of a detector."

    def plot(self, ax: Axes | None = None) -> Axes:
        """dR/dT against the recoil energy: the total, and the Standard Model's part.

        Args:
            ax: axes to draw into; new ones if there are none.
        """
        panel = own_axes(ax)
        rows = [("Standard Model", self.standard_model, PALETTE[0])]
        if self.coupling is not None:
            rows.append((f"with {interaction_label(self.choice)}", self.rate, PALETTE[1]))
        for label, rates, line in rows:
            panel.plot(self.energies_keV, rates, color=line.color, linestyle=line.style, linewidth=1.4, label=label)
        panel.set(xscale="log", yscale="log", xlabel="recoil energy [keV]", ylabel=f"rate [{self.unit}]")
        panel.legend(title=f"{self.source.name.replace('_', ' ')} on {self.target.name}", alignment="left")
        return panel

    @property
    def unit(self) -> str:
        """Unit of the rates: events per tonne, year (for a flux) and keV."""
        return _UNITS[self.source.kind]

    @property
    def interaction(self) -> str:
        """Name of the interaction."""
        return self.choice.name

    @property
    def hep(self) -> bool:
        """Whether hep neutrinos are among the source's."""
        return "hep" in self.source.names

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources of the tables behind it."""
        return self.choice.sources(self.source, self.target)

    @property
    def notes(self) -> tuple[str, ...]:
        """What lies outside of what the source, the target or the coupling are good for, in words."""
        strong = coupling_note(self.choice, () if self.coupling is None or self._contact else (self.coupling,))
        outside = validity_notes(self.source, self.target, np.array(self.energies_keV))
        return (*((strong,) if strong else ()), *outside)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        content: dict[str, Any] = {
            "schema": "spec_builder/spectrum/1",
            "version": self.version,
            "source": self.source.name,
            "target": self.target.name,
            **choice_content(self.choice),
            "mass_MeV": json_mass(self.mass_MeV),
            "coupling": self.coupling,
            "parameter": self.choice.parameter,
            "sin2_theta_w": self.sin2_theta_w,
            "hep": self.hep,
            "unit": self.unit,
            "energies_keV": list(self.energies_keV),
            "rate": list(self.rate),
            "standard_model": list(self.standard_model),
            "new_physics": list(self.new_physics),
        }
        for what in (self.source, self.target):
            if what.digest is not None:
                content[f"{type(what).__name__.lower()}_sha256"] = what.digest
        if self.notes:
            content["notes"] = list(self.notes)
        return content

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
        notes = {"note": "; ".join(self.notes)} if self.notes else {}
        return Report(self._title(), {}, columns, Shown(_COLUMNS, rows), notes, details={"version": self.version})

    @property
    def _contact(self) -> bool:
        return self.mass_MeV is not None and math.isinf(self.mass_MeV)

    def _title(self) -> str:
        choices = [f"interaction {self.interaction}"]
        if self.mass_MeV is not None:
            choices.append(f"mass {self.mass_MeV:g} MeV")
        if self.coupling is not None:
            what = "coupling" if self.choice.parameter == "g" else parameter_label(self.choice)
            choices.append(f"{what} {self.coupling:g}")
        choices += [f"{name.replace('_', ' ')} {value}" for name, value in option_texts(self.choice).items()]
        choices.append(f"sin2thetaw {self.sin2_theta_w:g}")
        return f"dR/dT of {self.source.name} on {self.target.name} [{self.unit}]: {', '.join(choices)}"


@checked
def recoil_spectrum(
    energies: Numbers,
    choice: Choice | str | object = "sm",
    mass_MeV: float | None = None,
    value: float | None = None,
    *,
    source: str | PathLike[str] | Source = _DEFAULT_SOURCE,
    target: str | PathLike[str] | Target = "xenon",
    sin2thetaw: float | None = None,
    hep: bool = False,
) -> Spectrum:
    """Recoil spectrum of one parameter point.

    Args:
        energies: recoil energies [keV]: a number, a list, an array or the text of a grid.
        choice: ``sm``, or an interaction, as :func:`spec_builder.physics.interactions.choose` takes and gives it.
        mass_MeV: of the mediator; None where there is none, ``inf`` for the contact limit.
        value: the coupling, or the parameter; g/m [1/GeV] in the contact limit.
        source: name or path of the neutrinos' source, or what :func:`spec_builder.physics.sources.load_source` gives.
        target: name or path of what they scatter off, or what :func:`spec_builder.physics.targets.load_target` gives.
        sin2thetaw: weak mixing angle of the Standard Model cross section; 0.23857 by default.
        hep: with the 8B neutrinos' source: add hep neutrinos.

    Raises:
        SpecBuilderError: for a value out of its range, or a mass or coupling that is missing or has no use.

    Examples:
        >>> recoil_spectrum([1.0]).rate  # doctest: +ELLIPSIS
        (238.64...,)
    """
    text = numbers_text(energies, "energies")
    energy = np.array(parse_grid(text, "energies"))
    neutrinos = _source(source, hep=hep)
    scatterers = target if isinstance(target, Target) else load_target(target)
    chosen = choose(choice)
    mass, coupling = _point(chosen, mass_MeV, value)
    angle = _angle(chosen, sin2thetaw)
    standard = _standard_model(neutrinos, scatterers, energy, angle)
    if not np.isfinite(standard).all():
        raise SpecBuilderError(f"energies '{text}': the rate is beyond floating range")
    added = _added(neutrinos, scatterers, chosen, energy, mass, coupling)
    if not np.isfinite(added).all():
        raise SpecBuilderError(f"coupling {coupling or 0:g}: the rate is beyond floating range")
    return Spectrum(
        source=neutrinos,
        target=scatterers,
        choice=chosen,
        mass_MeV=mass,
        coupling=coupling,
        sin2_theta_w=angle,
        energies_keV=tuple(energy.tolist()),
        rate=tuple((standard + added).tolist()),
        standard_model=tuple(standard.tolist()),
        new_physics=tuple(added.tolist()),
    )


def _source(source: str | PathLike[str] | Source, *, hep: bool) -> Source:
    if hep:
        if source != _DEFAULT_SOURCE:
            raise SpecBuilderError(f"hep neutrinos are added to source '{_DEFAULT_SOURCE}' only, not to '{source}'")
        return load_source(_WITH_HEP)
    return source if isinstance(source, Source) else load_source(source)


def _is_standard_model(choice: Choice) -> bool:
    return choice.interaction is STANDARD_MODEL.interaction


def _point(choice: Choice, mass_MeV: float | None, value: float | None) -> tuple[float | None, float | None]:
    """Mass and coupling of a point, None and None of the Standard Model.

    Raises:
        SpecBuilderError: for one that is missing, has no use or is out of range.
    """
    if choice.interaction is WEAK_MIXING_ANGLE.interaction:
        raise SpecBuilderError("the weak mixing angle is given as sin2thetaw of interaction 'sm'")
    if _is_standard_model(choice):
        if mass_MeV is not None or value is not None:
            raise SpecBuilderError("interaction 'sm' has no mediator: mass and coupling do not apply")
        return None, None
    mass = as_mass(mass_MeV, choice)
    return None if mass is None else float(mass[0]), as_coupling(value, choice)


def _angle(choice: Choice, sin2thetaw: float | None) -> float:
    if sin2thetaw is None:
        return SIN2_THETA_W
    if not _is_standard_model(choice):
        raise SpecBuilderError("sin2thetaw applies to interaction 'sm' only; the others use 0.23857")
    if not 0 <= real_number(sin2thetaw) <= 1:
        raise SpecBuilderError(f"sin2thetaw {shown_number(sin2thetaw)}: expected a number from 0 to 1")
    return sin2thetaw


@np.errstate(over="ignore", invalid="ignore")
def _standard_model(source: Source, target: Target, energy_keV: FloatArray, angle: float) -> FloatArray:
    """Rate of the Standard Model, all components together, shape (T,)."""
    if angle == SIN2_THETA_W:
        return np.asarray(rate(source, target, STANDARD_MODEL, energy_keV)[:, 0, 0].sum(axis=0))
    constant, linear, quadratic = rate(source, target, WEAK_MIXING_ANGLE, energy_keV)[:, :, 0].sum(axis=0)
    found: FloatArray = constant + angle * (linear + angle * quadratic)
    return found


@np.errstate(over="ignore", invalid="ignore")
def _added(
    source: Source, target: Target, choice: Choice, energy_keV: FloatArray, mass: float | None, coupling: float | None
) -> FloatArray:
    """What an interaction adds to the rate, all components together, shape (T,)."""
    if coupling is None:
        return np.zeros(energy_keV.size)
    contact = mass is not None and math.isinf(mass)
    x = np.float64(choice.x(coupling * (_GEV_PER_MEV if contact else 1.0)))
    masses = None if mass is None else np.array([mass])
    _, linear, quadratic = rate(source, target, choice, energy_keV, masses)[:, :, 0].sum(axis=0)
    found: FloatArray = x * linear + x**2 * quadratic
    return found
