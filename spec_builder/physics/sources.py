"""Sources of neutrinos: components with a spectrum, a flavour, a size and an uncertainty parameter.

A shipped source is ``data/sources/<name>.toml``; a user's is a file or folder of the same form::

    name = "my_source"
    title = "A source of my own"
    kind = "flux"                    # [cm^-2 s^-1], or "fluence" [cm^-2]
    normalisation = "mu_mine"        # name of the factor that measures it; mu_<name> where it is left out
    references = ["..."]

    [[components]]                   # one for each branch
    name = "line"
    title = "51Cr"                   # optional
    flavour = "nue"                  # nue, numu, nutau, numutau, nuebar, numubar, nutaubar
    parameter = "flux_mine"          # the uncertainty's name
    relative_uncertainty = 0.02      # optional; it acts where an experiment's uncertainties name the parameter
    timing = "prompt"                # optional: the group of the timing fractions
    electron_density_mol_cm3 = 60.6  # optional, solar: nue are converted on their way, see `oscillation`
    lowest_MeV = 0.1                 # optional: what needs neutrinos below is refused
    spectrum = "lines"
    energies_MeV = [0.747, 0.427]
    totals = [9.0e10, 1.0e10]        # in the unit of `kind`

``spectrum`` is one of

- ``table``: ``table = "file.csv"`` with columns E_MeV and spectrum (``# unit: E_MeV: MeV; spectrum: 1/MeV``), linear
  between the rows and scaled to ``total``;
- ``lines``: as above;
- ``pion_decay`` (numu), ``muon_decay`` (nue or numubar): at rest, of size ``total``;
- ``fission``: ``table`` with columns isotope, fission_fraction and c0 to c5 of exp(sum c_i E^i) per fission and MeV,
  ``range_MeV = [low, high]``, ``total`` fissions; what needs neutrinos below the range is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import shipped_names
from spec_builder.base.names import unknown_name
from spec_builder.base.text import Described, Report
from spec_builder.physics import oscillation
from spec_builder.physics.constants import MUON_MASS, PION_MASS
from spec_builder.physics.descriptions import find_description, is_path
from spec_builder.physics.spectra import FissionSpectrum, LineSpectrum, MuonDecaySpectrum, TableSpectrum

if TYPE_CHECKING:
    from os import PathLike

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.text import Column
    from spec_builder.physics.descriptions import Description
    from spec_builder.physics.spectra import Spectrum

__all__ = ["FLAVOURS", "Component", "Source", "load_source", "shipped_sources"]

#: Flavours that arrive. ``numutau``: muon and tau neutrinos together, where nothing tells them apart.
FLAVOURS = ("nue", "numu", "nutau", "numutau", "nuebar", "numubar", "nutaubar")
#: Energy of the muon neutrino of a pion that decays at rest [MeV].
PROMPT_ENERGY = (PION_MASS**2 - MUON_MASS**2) / (2 * PION_MASS)
#: Energies [MeV] between which survival probabilities are linear within 1e-5 anywhere in the Sun.
_SURVIVAL_ROWS = np.concatenate([np.arange(1, 100) * 0.05, 5 * 1.01 ** np.arange(1000)])
#: Rounding of published fission fractions.
_SUM_OF_FRACTIONS = 0.01
#: A relative uncertainty beyond this is taken for a percentage.
LARGEST_SIZE = 2.0


@dataclass(frozen=True)
class Component:
    """One branch of a source.

    Attributes:
        name: as in ``flux`` dictionaries and signals: ``8b``, ``pp``, ``nue``...
        title: for headers and figures.
        flavour: the flavour at birth.
        parameter: nuisance parameter of its size, e.g. ``flux_8b``.
        spectrum: of all flavours together.
        relative_uncertainty: of its size, or None.
        timing: ``prompt``, ``delayed``... or None.
        electron_density_mol_cm3: where solar neutrinos are born; None for neutrinos that keep their flavour.
        lowest_MeV: the description ends here, and more would be needed below.
        references: sources of the spectrum and of its size.
        status: of the spectrum's table; None where there is none.
    """

    name: str
    title: str
    flavour: str
    parameter: str
    spectrum: Spectrum
    relative_uncertainty: float | None = None
    timing: str | None = None
    electron_density_mol_cm3: float | None = None
    lowest_MeV: float = 0.0
    references: tuple[str, ...] = ()
    status: str | None = None

    @property
    def total(self) -> float:
        """Flux [cm^-2 s^-1] or fluence [cm^-2] over all energies."""
        return self.spectrum.total

    @property
    def endpoint_MeV(self) -> float:
        """Highest neutrino energy."""
        return self.spectrum.endpoint_MeV

    def moments(self, minimum_energy_MeV: FloatArray) -> FloatArray:
        """Truncated moments of all flavours together, shape (3, ...); see :class:`~.spectra.Spectrum`.

        Raises:
            SpecBuilderError: if neutrinos below the described energies would be needed.
        """
        return self.spectrum.moments(minimum_energy_MeV)

    @cached_property
    def _arriving(self) -> tuple[tuple[str, Spectrum], ...]:
        if self.electron_density_mol_cm3 is None:
            return ((self.flavour, self.spectrum),)
        spectrum = cast("TableSpectrum | LineSpectrum", self.spectrum)
        if isinstance(spectrum, TableSpectrum):
            spectrum = spectrum.with_rows(_SURVIVAL_ROWS, wider_MeV=float(_SURVIVAL_ROWS[0]))
        survival = oscillation.survival_probability(spectrum.energy_MeV, self.electron_density_mol_cm3)
        return (("nue", spectrum.times(survival)), ("numutau", spectrum.times(1 - survival)))

    def flavours(self) -> tuple[tuple[str, Spectrum], ...]:
        """What arrives: flavour and spectrum, one pair for each flavour."""
        return self._arriving

    def scaled(self, factor: float) -> Component:
        """The component with its size multiplied."""
        spectrum = self.spectrum
        if isinstance(spectrum, (TableSpectrum, LineSpectrum)):
            return replace(self, spectrum=replace(spectrum, flux=spectrum.flux * factor))
        resized = cast("MuonDecaySpectrum | FissionSpectrum", spectrum)
        return replace(self, spectrum=replace(resized, size=resized.size * factor))


@dataclass(frozen=True, repr=False)
class Source(Described):
    """Neutrinos that reach a detector.

    Attributes:
        name, title: as in lists and headers.
        kind: ``flux`` [cm^-2 s^-1], rates per year, or ``fluence`` [cm^-2], rates of the whole exposure.
        normalisation: name of the factor on the signal that measures the source, e.g. ``mu_8b``.
        components: its branches, the first axis of rates.
        references: beyond those of the components.
        digest: SHA-256 of a user's file, else None.
    """

    name: str
    title: str
    kind: Literal["flux", "fluence"]
    normalisation: str
    components: tuple[Component, ...]
    references: tuple[str, ...] = ()
    digest: str | None = field(default=None)

    def report(self) -> Report:
        """A row for each component."""
        parts = self.components
        columns: dict[str, Column] = {
            "component": [part.name for part in parts],
            "flavour": [part.flavour for part in parts],
            self.unit: [part.total for part in parts],
            "uncertainty": [part.relative_uncertainty for part in parts],
            "endpoint_MeV": [part.endpoint_MeV for part in parts],
        }
        references = [text for part in parts for text in part.references] + list(self.references)
        facts = {"references": "; ".join(dict.fromkeys(references)) or "none"}
        return Report(f"{self.name}: {self.title}", facts, columns)

    @property
    def unit(self) -> str:
        """Name of the size of a component, with its unit."""
        return "flux_per_cm2_s" if self.kind == "flux" else "fluence_per_cm2"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components, in order."""
        return tuple(component.name for component in self.components)

    @property
    def total(self) -> float:
        """Flux or fluence of all components."""
        return sum(component.total for component in self.components)

    @property
    def endpoint_MeV(self) -> float:
        """Highest neutrino energy."""
        return max(component.endpoint_MeV for component in self.components)

    @property
    def oscillates(self) -> bool:
        """Whether neutrinos of a component change their flavour on the way."""
        return any(component.electron_density_mol_cm3 is not None for component in self.components)

    def moments(self, minimum_energy_MeV: FloatArray) -> FloatArray:
        """Truncated moments, summed over the components; shape (3, ...)."""
        total = np.zeros((3, *np.shape(minimum_energy_MeV)))
        for component in self.components:
            total += component.moments(minimum_energy_MeV)
        return total

    def with_size(self, name: str, size: float) -> Source:
        """The source with another flux or fluence of one component.

        Args:
            name: of the component.
            size: in the unit of ``kind``.

        Raises:
            SpecBuilderError: for an unknown component.
        """
        before = self.component(name)
        note = f"{self.kind} of component {name} set to {size:g} by the experiment"
        after = replace(before.scaled(size / before.total), references=(*before.references, note))
        components = tuple(after if component.name == name else component for component in self.components)
        return replace(self, components=components)

    def component(self, name: str) -> Component:
        """A component by its name.

        Raises:
            SpecBuilderError: naming those there are.
        """
        if name not in self.names:
            raise unknown_name("component", name, self.names, where=f"in source '{self.name}'")
        return self.components[self.names.index(name)]


def shipped_sources() -> tuple[str, ...]:
    """Names of the sources that come with the package.

    Examples:
        >>> shipped_sources()
        ('reactor', 'sns', 'solar', 'solar_8b', 'solar_8b_hep', 'solar_hep')
    """
    return shipped_names("sources")


@checked
def load_source(name_or_path: str | PathLike[str]) -> Source:
    """A shipped source by its name, or a user's by the path of its file or folder.

    Raises:
        SpecBuilderError: for an unknown name or a broken file, naming file and key.

    Examples:
        >>> round(load_source("solar_8b").total)
        5460000
    """
    if isinstance(name_or_path, str) and not is_path(name_or_path):
        return _shipped_source(name_or_path)
    return _read_source(find_description("sources", "source", name_or_path))


@cache
def _shipped_source(name: str) -> Source:
    return _read_source(find_description("sources", "source", name))


#: Keys of a source, of every component, and of each kind of spectrum.
_KEYS = ("name", "title", "kind", "normalisation", "references", "components")
_COMPONENT_KEYS = (
    *("name", "title", "flavour", "parameter", "relative_uncertainty", "timing", "electron_density_mol_cm3"),
    *("lowest_MeV", "total_source", "spectrum"),
)
_SPECTRUM_KEYS = {
    "table": ("table", "total"),
    "lines": ("energies_MeV", "totals"),
    "pion_decay": ("total",),
    "muon_decay": ("total",),
    "fission": ("table", "range_MeV", "total"),
}


def _read_source(description: Description) -> Source:
    description.only(*_KEYS)
    name = description.own_name("source", shipped_sources())
    title = description.text("title")
    kind = cast('Literal["flux", "fluence"]', description.one_of("kind", ("flux", "fluence")))
    normalisation = description.name("normalisation", f"mu_{name}")
    references = description.texts("references")
    components = tuple(_component(section) for section in description.sections("components"))
    description.finish()
    names = [component.name for component in components]
    repeated = next((n for n in names if names.count(n) > 1), None)
    if repeated is not None:
        raise SpecBuilderError(f"{description.file}: two components are called '{repeated}'")
    return Source(name, title, kind, normalisation, components, references, description.digest)


def _component(section: Description) -> Component:
    every = dict.fromkeys(key for keys in _SPECTRUM_KEYS.values() for key in keys)
    section.only(*_COMPONENT_KEYS, *every)
    name = section.name("name")
    flavour = section.one_of("flavour", FLAVOURS)
    kind = section.one_of("spectrum", _SPECTRA)
    section.only(*_COMPONENT_KEYS, *_SPECTRUM_KEYS[kind])
    spectrum, lowest, references = _SPECTRA[kind](section, flavour)
    density = section.positive("electron_density_mol_cm3") if "electron_density_mol_cm3" in section else None
    if density is not None and (flavour != "nue" or kind not in ("table", "lines")):
        raise section.error("electron_density_mol_cm3", "left out unless nue come from a table or lines", density)
    if "total_source" in section:
        references = (*references, section.text("total_source"))
    component = Component(
        name=name,
        title=section.text("title", name),
        flavour=flavour,
        parameter=section.name("parameter"),
        spectrum=spectrum,
        relative_uncertainty=_relative(section),
        timing=section.name("timing") if "timing" in section else None,
        electron_density_mol_cm3=density,
        lowest_MeV=section.positive("lowest_MeV", lowest or None) if "lowest_MeV" in section else lowest,
        references=references,
        status=next(iter(section.statuses.values()), None),
    )
    section.finish()
    return component


def _relative(section: Description) -> float | None:
    """A relative uncertainty, if there is one."""
    if "relative_uncertainty" not in section:
        return None
    size = section.positive("relative_uncertainty")
    if size > LARGEST_SIZE:
        expected = f"a relative size of at most {LARGEST_SIZE:g} (percent? 12 % are written 0.12)"
        raise section.error("relative_uncertainty", expected, size)
    return size


def _table(section: Description, _flavour: str) -> tuple[Spectrum, float, tuple[str, ...]]:
    table = section.table("table", {"E_MeV": ("MeV",), "spectrum": ("1/MeV", "MeV^-1")})
    energy, spectrum = table["E_MeV"], table["spectrum"]
    table.check_increasing("E_MeV")
    table.check("spectrum", spectrum >= 0, "a number >= 0")
    if not spectrum.any():
        raise SpecBuilderError(f"{table.path}: column 'spectrum' must be positive somewhere")
    area = float(np.trapezoid(spectrum, energy))
    total = section.positive("total")
    return TableSpectrum(energy, spectrum * (total / area)), 0.0, (table.metadata["source"],)


def _lines(section: Description, _flavour: str) -> tuple[Spectrum, float, tuple[str, ...]]:
    energies, totals = section.positives("energies_MeV"), section.positives("totals")
    if len(totals) != len(energies):
        raise section.error("totals", f"a list of {len(energies)} numbers, one for each line", list(totals))
    return LineSpectrum(np.array(energies), np.array(totals)), 0.0, ()


def _pion_decay(section: Description, flavour: str) -> tuple[Spectrum, float, tuple[str, ...]]:
    if flavour != "numu":
        raise section.error("flavour", "numu, as the decay of positive pions gives", flavour)
    return LineSpectrum(np.array([PROMPT_ENERGY]), np.array([section.positive("total")])), 0.0, ()


def _muon_decay(section: Description, flavour: str) -> tuple[Spectrum, float, tuple[str, ...]]:
    if flavour not in ("nue", "numubar"):
        raise section.error("flavour", "nue or numubar, as the decay of positive muons gives", flavour)
    return MuonDecaySpectrum(flavour, section.positive("total")), 0.0, ()


def _fission(section: Description, flavour: str) -> tuple[Spectrum, float, tuple[str, ...]]:
    if flavour != "nuebar":
        raise section.error("flavour", "nuebar, as fissions give", flavour)
    powers = tuple(f"c{i}" for i in range(6))
    table = section.table("table", {}, others=("fission_fraction", *powers), labels=("isotope",))
    limits = section.positives("range_MeV")
    if len(limits) != 2 or limits[0] >= limits[1]:
        raise section.error("range_MeV", "two increasing energies", list(limits))
    coefficients = np.stack([table[power] for power in powers], axis=1)
    fractions = table["fission_fraction"]
    table.check("fission_fraction", fractions >= 0, "a number >= 0")
    if abs(float(fractions.sum()) - 1) > _SUM_OF_FRACTIONS:
        raise SpecBuilderError(f"{table.path}: fission fractions sum to {float(fractions.sum()):.6g}, expected 1")
    spectrum = FissionSpectrum(fractions, coefficients, section.positive("total"), *limits)
    return spectrum, limits[0], (table.metadata["source"],)


_SPECTRA = {
    "table": _table,
    "lines": _lines,
    "pion_decay": _pion_decay,
    "muon_decay": _muon_decay,
    "fission": _fission,
}
