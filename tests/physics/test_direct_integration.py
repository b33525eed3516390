"""Rates from the tables alone: cross sections as they are printed, summed over E node by node.

Nothing of the package's physics is used but its answer: no moments, no terms, no polynomials in the parameter.
"""

from __future__ import annotations

import csv
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.files import data_path
from spec_builder.physics.interactions import choose
from spec_builder.studies.spectrum import recoil_spectrum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spec_builder.base.arrays import FloatArray

G_F, ANGLE, HBAR_C, M_E, ALPHA = 1.1663788e-11, 0.23857, 197.3269804, 0.51099895, 1 / 137.035999084
YEAR, MUON, PROMPT = 365.25 * 86400, 105.6583755, (139.57039**2 - 105.6583755**2) / (2 * 139.57039)
NODE, WEIGHT = np.polynomial.legendre.leggauss(8)
#: Conversion in the Sun is linear between rows of the spectra in the package; all else agrees to 1e-8.
EXACT = 1e-5
#: Flux, electron density in the Sun [mol/cm^3].
SOLAR = {"pp": (5.98e10, 60.64), "n13": (2.78e8, 73.8), "o15": (2.05e8, 86.22), "f17": (5.29e6, 87.05)}
SOLAR |= {"b8": (5.46e6, 87.93), "hep": (7.98e3, 51.9)}
LINES = ((0.3843, 5.0779e8, 79.58), (0.8613, 4.42221e9, 79.58), (1.442, 1.44e8, 66.55))


@cache
def rows(name: str) -> list[dict[str, float]]:
    lines = [line for line in data_path(name).read_text().splitlines() if not line.startswith("#")]
    words = ("isotope", "orbital")
    return [{key: float(x) for key, x in row.items() if key not in words} for row in csv.DictReader(lines)]


def survival(E: FloatArray, density: float) -> FloatArray:
    """Adiabatic conversion in the Sun, sin^2 theta_12 = 0.307, sin^2 theta_13 = 0.0219, 7.53e-5 eV^2."""
    electrons = density * 6.02214076e23 * 1.973269804e-5**3
    A = 2 * np.sqrt(2) * 1.1663788e-23 * electrons * (1 - 0.0219) * E * 1e6 / 7.53e-5
    cosine = 1 - 2 * 0.307
    inside = (cosine - A) / np.sqrt((cosine - A) ** 2 + 1 - cosine**2)
    found: FloatArray = (1 - 0.0219) ** 2 * (1 + cosine * inside) / 2 + 0.0219**2
    return found


def fission(E: FloatArray) -> FloatArray:
    isotopes = rows("sources/reactor_fission.csv")
    spectra = [r["fission_fraction"] * np.exp(sum(r[f"c{k}"] * E**k for k in range(6))) for r in isotopes]
    total: FloatArray = np.sum(spectra, axis=0)
    return total


def arrivals(source: str, least: float) -> Iterator[tuple[str, FloatArray, FloatArray]]:
    """Flavour, energies above the least one, and neutrinos at each: [cm^-2 s^-1] or [cm^-2]."""

    def panels(edges: FloatArray, flux: Callable[[FloatArray], Any]) -> tuple[FloatArray, FloatArray]:
        edges = np.concatenate([[max(least, edges[0])], edges[edges > max(least, edges[0])]])
        half = np.diff(edges)[:, None] / 2
        E = edges[:-1, None] + half * (1 + NODE)
        return E.ravel(), (half * WEIGHT * flux(E)).ravel()

    if source == "reactor":
        yield "nuebar", *panels(np.linspace(2, 10, 81), lambda E: 8.84e11 * fission(E))
    elif source == "sns":
        size, edges = 3.198e23 * 0.0848 / (4 * np.pi * 1930**2), np.linspace(0, MUON / 2, 101)
        yield "numu", np.array([PROMPT]), np.array([size * (least < PROMPT)])
        yield "nue", *panels(edges, lambda E: size * 192 * E**2 / MUON**3 * (0.5 - E / MUON))
        yield "numubar", *panels(edges, lambda E: size * 64 * E**2 / MUON**3 * (0.75 - E / MUON))
    else:
        branches = {"solar_8b": ["b8"], "solar_hep": ["hep"], "solar": ["pp", "n13", "o15", "f17", "b8"]}[source]
        parts = []
        for name in branches:
            E, shape = np.array([[r["E_MeV"], r["spectrum"]] for r in rows(f"solar/{name}_spectrum.csv")]).T
            size, density = SOLAR[name]
            parts.append((*panels(E, partial(np.interp, xp=E, fp=size * shape)), density))
        if source == "solar":
            parts += [(np.array([E]), np.array([size * (least < E)]), density) for E, size, density in LINES]
        for E, flux, density in parts:
            yield "nue", E, flux * survival(E, density)
            yield "numu", E, flux * (1 - survival(E, density))


def spin(Z: int, A: int, kind: str, mT: float, target: str) -> float:
    """S00 of the transverse or the longitudinal response."""
    lines = [s for s in data_path(f"targets/{target}_spin_structure.csv").read_text().splitlines() if s[0] != "#"]
    total = 0.0
    for r in csv.DictReader(lines):
        if (int(r["Z"]), int(r["A"]), r["response"]) == (Z, A, kind):
            u = 2 * mT / HBAR_C**2 * float(r["b_fm"]) ** 2 / 2
            total += (np.exp(-u / 2) * sum(float(r[f"c{k}"]) * u**k for k in range(7))) ** 2
    return total


def on_nucleus(n: dict[str, float], target: str, E: FloatArray, T: float, law: str, m: float, x: float) -> FloatArray:
    A, Z, M, J = int(n["A"]), int(n["Z"]), n["atomic_mass_u"] * 931.49410242 - n["Z"] * M_E, n["spin"]
    q, D = np.sqrt(2 * M * T) / HBAR_C, m**2 + 2 * M * T
    y = q * 1.23 * A ** (1 / 3)
    F = 3 * (np.sin(y) / y**2 - np.cos(y) / y) / y / (1 + 0.49 * q**2)
    Q = (1 - 4 * ANGLE) / 2 * Z - (A - Z) / 2
    up_down_nu = {"vector_universal": (1, 1, 1), "vector_bl": (1 / 3, 1 / 3, -1), "vector": (2 / 3, -1 / 3, 0.5)}
    if law in up_down_nu:
        u, d, nu = up_down_nu[law]
        Q += nu * x * ((2 * u + d) * Z + (u + 2 * d) * (A - Z)) / (np.sqrt(2) * G_F * D)
    Q += {"nsi": x * (2 * Z + (A - Z)), "millicharge": np.sqrt(2) * np.pi * ALPHA * Z * x / (G_F * M * T)}.get(law, 0.0)
    found: FloatArray = G_F**2 * M / np.pi * Q**2 * F**2 * (1 - T / E - M * T / (2 * E**2))
    if law == "scalar":  # set B of the quark-mass fractions
        proton, neutron = 938.272089 * (0.0208 / 2.2 + 0.0411 / 4.7), 939.565422 * (0.0189 / 2.2 + 0.0451 / 4.7)
        charge = x * (Z * proton + (A - Z) * neutron)
        found = found + M * charge**2 / (4 * np.pi * D**2) * F**2 * M * T / E**2
    if law == "axial":
        size = 2 * M / (2 * J + 1) * (x / D) ** 2 * 0.415**2 * spin(Z, A, "transverse", M * T, target)
        found = found + size * (2 + M * T / E**2 - 2 * T / E)
    if law == "tensor":
        across, along = (0.58**2 * spin(Z, A, kind, M * T, target) for kind in ("transverse", "longitudinal"))
        bracket = (2 - M * T / E**2 - 2 * T / E) * across + (1 - T / E) * along
        found = found + M / (2 * J + 1) * (x / D) ** 2 * bracket
    if law == "magnetic_moment":
        found = found + np.pi * ALPHA**2 * (Z * F / M_E) ** 2 * (1 / T - 1 / E) * x
    return found


def on_electron(flavour: str, E: FloatArray, T: float, law: str, m: float, x: float) -> FloatArray:
    D, half = m**2 + 2 * M_E * T, 0.5 if "nue" in flavour else -0.5
    shift = x / (np.sqrt(2) * G_F * D)
    charge = -np.sqrt(2) * np.pi * ALPHA * x / (G_F * M_E * T)
    vector = {"vector_universal": shift, "vector_bl": shift, "vector": -shift, "millicharge": charge}
    v = half + 2 * ANGLE + vector.get(law, 0.0)
    a = (half + (law == "axial") * shift) * (-1 if flavour.endswith("bar") else 1)
    bracket = (v + a) ** 2 + (v - a) ** 2 * (1 - T / E) ** 2 - (v**2 - a**2) * M_E * T / E**2
    found: FloatArray = G_F**2 * M_E / (2 * np.pi) * bracket
    if law == "scalar":
        found = found + x**2 * M_E**2 * T * (1 + T / (2 * M_E)) / (4 * np.pi * (E * D) ** 2)
    if law == "magnetic_moment":
        found = found + np.pi * ALPHA**2 / M_E**2 * (1 / T - 1 / E) * x
    return found


def direct(source: str, target: str, T_keV: float, law: str, m: float, x: float) -> float:
    T, total = T_keV * 1e-3, 0.0
    electrons, element = "electrons" in target, target.split("_", maxsplit=1)[0]
    isotopes = rows(f"targets/{element}_isotopes.csv")
    mean = sum(n["abundance"] * n["atomic_mass_u"] for n in isotopes) / sum(n["abundance"] for n in isotopes)
    for n in isotopes:
        mass = M_E if electrons else n["atomic_mass_u"] * 931.49410242 - n["Z"] * M_E
        count = 1e6 / mean * 6.02214076e23 * n["abundance"] / sum(k["abundance"] for k in isotopes)
        if target == "xenon_electrons":
            shells = rows("targets/xenon_binding_energies.csv")
            count *= sum(s["electrons"] for s in shells if s["binding_energy_eV"] < T_keV * 1e3)
        elif electrons:
            count *= n["Z"]
        for flavour, E, flux in arrivals(source, (T + np.sqrt(T**2 + 2 * mass * T)) / 2):
            own = on_electron(flavour, E, T, law, m, x) if electrons else on_nucleus(n, target, E, T, law, m, x)
            total += count * float(flux @ own)
    return total * HBAR_C**2 * 1e-29 * (1 if source == "sns" else YEAR)


NUCLEI = [("solar_8b", "xenon", 0.7), ("sns", "csi", 12.0), ("solar_hep", "xenon", 3.0)]
WITHOUT_SPIN = [("sns", "argon", 60.0), ("reactor", "germanium", 0.8), ("solar_8b", "silicon", 4.0)]
ELECTRONS = [("solar", "xenon_electrons", T) for T in (1.1, 240.0)] + [("reactor", "csi_electrons", 5000.0)]
#: The law, the mediator's mass [MeV] and the value of its parameter.
LAWS: list[tuple[str, float | None, float]] = [
    *(("scalar", 1e-3, 3e-6), ("scalar", 300.0, 1e-3), ("vector_universal", 1.0, 1e-5), ("vector_bl", 30.0, 1e-4)),
    *(("vector", 10.0, 1e-4), ("millicharge", None, -1e-9), ("magnetic_moment", None, 1e-9)),
]
WITH_SPIN: list[tuple[str, float | None, float]] = [("axial", 0.1, 3e-5), ("axial", 100.0, 1e-2)]
ON_NUCLEI: list[tuple[str, float | None, float]] = [("nsi", None, -0.3)]


def laws(target: str) -> list[tuple[str, float | None, float]]:
    """Those that have a cross section on a target, and the tables it needs."""
    if "electrons" in target:
        return LAWS + WITH_SPIN
    if target in ("argon", "germanium", "silicon"):
        return LAWS + ON_NUCLEI
    return [*LAWS, *ON_NUCLEI, *WITH_SPIN, ("tensor", 10.0, 1e-3)]


@pytest.mark.parametrize(("source", "target", "T"), [*NUCLEI, *WITHOUT_SPIN, *ELECTRONS])
def test_rates_are_those_of_a_direct_sum(source: str, target: str, T: float) -> None:
    plain = recoil_spectrum(T, source=source, target=target).rate[0]
    assert plain == pytest.approx(direct(source, target, T, "sm", 0.0, 0.0), rel=EXACT)
    for law, mass, value in laws(target):
        options = {"u": 2 / 3, "d": -1 / 3, "nu": 0.5, "e": -2.0} if law == "vector" else {}
        found = recoil_spectrum(T, choose(law, **options), mass, value, source=source, target=target).rate[0]
        x = value if law in ("nsi", "millicharge") else value**2
        assert found == pytest.approx(direct(source, target, T, law, mass or 0.0, x), rel=EXACT), (law, mass)
