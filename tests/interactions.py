"""Interactions of a user's own for tests: B-L again, by its charges and as a free cross section."""

from __future__ import annotations

__all__ = ["BL", "FREE"]

BL = """
name = "my_bl"
title = "B-L once more"
kind = "vector"
charges = { u = 0.3333333333333333, d = 0.3333333333333333, nu = -1.0, e = -1.0 }
references = ["an internal note"]
"""
FREE = """
import numpy as np
from spec_builder.physics.standard_model import weak_charge
from spec_builder.physics.targets import form_factor

name = "free_bl"
title = "B-L as a free cross section"
references = ["an internal note"]
parameter = "g"
G_F = 1.1663788e-11


def cross_section(E, T, m, scatterers, flavour):
    M = scatterers.mass_MeV
    base = G_F**2 * M / np.pi * form_factor(scatterers, T) ** 2 * (1 - T / E - M * T / (2 * E**2))
    shift = -scatterers.A / (np.sqrt(2) * G_F * (m**2 + 2 * M * T))
    return np.stack([0 * base, 2 * weak_charge(scatterers) * shift * base, shift**2 * base])
"""
