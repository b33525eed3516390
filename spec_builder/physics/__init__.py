"""Neutrino flux, xenon nuclei, cross sections and recoil rates (Sec. II and Eq. (11) of arXiv:2411.11749).

Natural units with MeV inside; recoil energies cross the border in keV, rates in events/(t yr keV).
"""
