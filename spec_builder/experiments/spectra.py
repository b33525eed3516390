"""Recoil spectra that are given as a table: anybody's signal, before any detector."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import number_of
from spec_builder.base.reading import read_bytes
from spec_builder.base.tables import read_table
from spec_builder.experiments.tables import ENERGIES
from spec_builder.physics.targets import load_target, shipped_targets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.tables import Table

__all__ = ["RecoilSpectrum", "read_spectra", "read_spectrum"]

#: Words for the unit of a rate; all say events per tonne, year and keV.
RATE = ("events/(t yr keV)", "1/(t yr keV)", "counts/(t yr keV)", "t^-1 yr^-1 keV^-1")


@dataclass(frozen=True, repr=False)
class RecoilSpectrum:
    """A recoil spectrum, linear between its rows and zero outside them.

    Attributes:
        name: of its file, letters, digits and underscores.
        title: what it is.
        recoil_energy_keV: increasing, shape (n,).
        rate: events/(t yr keV) at strength 1, shape (n,).
        source: where it comes from.
        status: how its numbers were found, as for every table.
        target: name of the target it belongs to, '' if the table does not say.
        labels: numbers that tell spectra of one folder apart, by name.
        sha256: digest of the file.
        recoil: what its energies are those of, ``nucleus`` (keVnr) or ``electron`` (keVee), '' if the unit is keV.
    """

    name: str
    title: str
    recoil_energy_keV: FloatArray
    rate: FloatArray
    source: str
    status: str
    target: str
    labels: Mapping[str, float]
    sha256: str
    recoil: str = ""

    def __repr__(self) -> str:
        return f"<RecoilSpectrum {self.name}: {self.title}>"

    @property
    def described(self) -> dict[str, Any]:
        """What results say of it in JSON: all but its rows."""
        names = ("name", "title", "source", "status", "sha256")
        return {name: getattr(self, name) for name in names} | {"labels": dict(self.labels)}

    def at(self, recoil_energy_keV: FloatArray) -> FloatArray:
        """Rate at recoil energies [events/(t yr keV)], same shape."""
        return np.interp(recoil_energy_keV, self.recoil_energy_keV, self.rate, left=0.0, right=0.0)


@checked
def read_spectrum(path: str | PathLike[str]) -> RecoilSpectrum:
    """Read a table with columns ``recoil_energy_keV`` and ``rate`` [events/(t yr keV)].

    Above it stand ``# title``, ``# source``, ``# status`` and ``# unit`` as for every table. ``# target: xenon`` says
    which target it belongs to; ``# labels: mass_GeV = 6, cross_section_cm2 = 1e-45`` tells spectra of a folder apart.

    Raises:
        SpecBuilderError: naming the file and what is wrong.
    """
    path = Path(path)
    table = read_table(path, columns=("recoil_energy_keV", "rate"))
    target = table.metadata.get("target", "")
    kinds = (load_target(target).kind,) if target in shipped_targets() else tuple(ENERGIES)
    energies = dict.fromkeys(word for kind in kinds for word in ENERGIES[kind])
    table.check_units({"recoil_energy_keV": tuple(energies), "rate": RATE})
    energy, rate = table["recoil_energy_keV"], table["rate"]
    table.check_increasing("recoil_energy_keV", zero=True)
    table.check("rate", rate >= 0, "a number >= 0")
    if not rate.any():
        raise SpecBuilderError(f"{path}: rate must be above 0 somewhere")
    return RecoilSpectrum(
        name=re.sub(r"\W", "_", path.stem, flags=re.ASCII),
        title=table.metadata["title"],
        recoil_energy_keV=energy,
        rate=rate,
        source=table.metadata["source"],
        status=table.status,
        target=target,
        labels=_labels(table),
        sha256=hashlib.sha256(read_bytes(path)).hexdigest(),
        recoil=next((kind for kind, (_, word) in ENERGIES.items() if word in table.metadata["unit"]), ""),
    )


def _labels(table: Table) -> dict[str, float]:
    """Names and numbers of the line ``# labels``."""
    found: dict[str, float] = {}
    for item in filter(None, table.metadata.get("labels", "").split(",")):
        name, _, text = (part.strip() for part in item.partition("="))
        value = number_of(text)
        if not re.fullmatch(r"[A-Za-z]\w*", name, flags=re.ASCII) or not np.isfinite(value) or name in found:
            raise SpecBuilderError(
                f"{table.path}: '# labels: ...' must be different names with numbers, such as mass_GeV = 6, "
                f"found '{item.strip()}'"
            )
        found[name] = value
    return found


@checked
def read_spectra(path: str | PathLike[str]) -> tuple[RecoilSpectrum, ...]:
    """The spectrum of a file, or those of all ``.csv`` files of a folder, in the order of their labels or names.

    Raises:
        SpecBuilderError: if there is none, a name stands twice, or the files of a folder have different labels.
    """
    path = Path(path)
    if not path.is_dir():
        return (read_spectrum(path),)
    spectra = [read_spectrum(file) for file in sorted(path.glob("*.csv"))]
    if not spectra:
        raise SpecBuilderError(f"{path}: no .csv files in this folder, expected recoil spectra")
    names = [spectrum.name for spectrum in spectra]
    labels = list(spectra[0].labels)
    for spectrum in spectra:
        if names.count(spectrum.name) > 1:
            raise SpecBuilderError(f"{path}: two spectra are called '{spectrum.name}', expected different file names")
        if list(spectrum.labels) != labels:
            raise SpecBuilderError(
                f"{path}: {spectrum.name} has the labels {list(spectrum.labels)}, {names[0]} has {labels}: "
                "expected the same in every file"
            )
    return tuple(sorted(spectra, key=lambda spectrum: (*spectrum.labels.values(), spectrum.name)))
