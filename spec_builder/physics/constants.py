"""Physical constants, each with its source."""

from __future__ import annotations

from typing import Final

#: Fermi constant [MeV^-2]; CODATA 2018, 1.1663787(6)e-5 GeV^-2, updated to PDG 2024.
FERMI_CONSTANT: Final = 1.1663788e-11
#: A value in 1/MeV times this is in 1/GeV, as g/m is written at the contact limit.
MEV_PER_GEV: Final = 1e3
#: hbar c [MeV fm]; exact in the SI of 2019.
HBAR_C: Final = 197.3269804
#: Avogadro constant [1/mol]; exact.
AVOGADRO: Final = 6.02214076e23
#: Proton and neutron mass [MeV]; PDG 2024.
PROTON_MASS: Final = 938.27208943
NEUTRON_MASS: Final = 939.56542194
#: Weak mixing angle at low momentum transfer; PDG 2024, as in arXiv:2411.11749 below Eq. (2).
SIN2_THETA_W: Final = 0.23857
#: A year of 365.25 d [s].
YEAR_S: Final = 31_557_600.0
#: Skin range a_k [fm] and radius constant [fm] of the Klein-Nystrand form factor; arXiv:2411.11749, Eq. (3).
KLEIN_NYSTRAND_RANGE: Final = 0.7
KLEIN_NYSTRAND_RADIUS: Final = 1.23
#: Sum of the u and d quark contributions to the nucleon spin, 0.842 - 0.427 (HERMES, arXiv:hep-ex/0609039): axial
#: charge of Eq. (7).
ISOSCALAR_AXIAL_CHARGE: Final = 0.842 - 0.427
#: Sum of the u and d tensor charges of the nucleon, 0.784 - 0.204 (PNDME, arXiv:1808.07597): charge of Eq. (8).
ISOSCALAR_TENSOR_CHARGE: Final = 0.784 - 0.204
#: Electron, muon and charged pion mass [MeV]; PDG 2024.
ELECTRON_MASS: Final = 0.51099895
MUON_MASS: Final = 105.6583755
PION_MASS: Final = 139.57039
#: Atomic mass unit [MeV]; CODATA 2018.
ATOMIC_MASS_UNIT: Final = 931.49410242
#: Fine-structure constant at zero momentum transfer; CODATA 2018.
FINE_STRUCTURE: Final = 1 / 137.035999084
#: Surface thickness s [fm] and the constants of the radius of the Helm form factor; Lewin and Smith,
#: Astropart. Phys. 6 (1996) 87: c = 1.23 A^(1/3) - 0.60 fm, a = 0.52 fm, s = 0.9 fm.
HELM_SKIN: Final = 0.9
HELM_DIFFUSENESS: Final = 0.52
HELM_RADIUS: Final = 1.23
HELM_RADIUS_OFFSET: Final = 0.60
