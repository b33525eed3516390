"""The collaboration's spin-independent limits on light dark matter, from recoil spectra of wimprates.

Nothing but the efficiency's width was tuned for them (arXiv:2604.06002).
"""

from __future__ import annotations

import csv
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.experiments.spectra import RecoilSpectrum
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.model.patches import MEASUREMENT
from spec_builder.model.spectra import spectrum_notes
from spec_builder.model.spectrum_patches import spectrum_workspace
from spec_builder.studies.expected_strengths import expect_strength_limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.experiments.description import Experiment

MASSES_GEV = range(4, 13)
CROSS_SECTION_CM2 = 1e-45
#: An analysis with the 8B flux at 5.25e6 cm^-2 s^-1.
SNO = """\
name = "dark_matter"
title = "SNO's flux"
experiments = ["xenonnt_2026"]
flux = { 8b = 5.25e6 }
"""


def published(column: str = "upper_limit") -> dict[int, float]:
    """Limits [cm^2] by mass [GeV]."""
    lines = (Path(__file__).parent / "xenonnt_2026_si_limits.csv").read_text("utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return {int(row["mass_GeV"]): float(row[column]) for row in rows}


@pytest.fixture(scope="module")
def wimp() -> Callable[[float], RecoilSpectrum]:
    """Recoil spectrum of a mass in the standard halo: 238 and 544 km/s, 0.3 GeV/cm^3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wimprates = pytest.importorskip("wimprates")
        units = pytest.importorskip("numericalunits")
    speed, density = units.km / units.s, units.GeV / units.c0**2 / units.cm**3
    halo = wimprates.StandardHaloModel(v_0=238 * speed, v_esc=544 * speed, rho_dm=0.3 * density)
    energy = np.geomspace(0.05, 12, 600)

    def spectrum(mass_GeV: float) -> RecoilSpectrum:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rate = wimprates.rate_wimp_std(energy, mw=mass_GeV, sigma_nucleon=CROSS_SECTION_CM2, halo_model=halo)
        return RecoilSpectrum("wimp", "WIMP", energy, rate, "wimprates", "computed", "xenon", {}, "0" * 64)

    return spectrum


@pytest.fixture(scope="module")
def analysis(imported: Callable[[str], Experiment], tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """The model of 2026 with the collaboration's uncertainty of the 8B flux, 3.81 %."""
    folder = tmp_path_factory.mktemp("wimps") / "xenonnt_2026"
    shutil.copytree(imported("2026").folder, folder)
    description = folder / "experiment.toml"
    text = description.read_text("utf-8")
    assert text.count("flux_8b = 0.12") == 3
    description.write_text(text.replace("flux_8b = 0.12", "flux_8b = 0.0381"), "utf-8")
    return load_analysis(str(folder))


def likelihood(analysis: Analysis, spectrum: RecoilSpectrum) -> Likelihood:
    """Of the strength, with the 8B flux at 5.25e6 cm^-2 s^-1."""
    workspace: dict[str, Any] = spectrum_workspace(analysis, spectrum)
    for measurement in workspace["measurements"]:
        for parameter in measurement["config"]["parameters"]:
            if parameter["name"] == "mu_8b":
                parameter["inits"] = [5.25 / 5.46]
    return Likelihood.from_workspace(workspace, MEASUREMENT)


def limit(model: Likelihood) -> float:
    """90 % CL upper limit on the strength."""
    found = fit(model, cl=0.9)
    assert found.valid
    assert found.up is not None
    return found.value + found.up


def test_limits_are_the_collaboration_s(analysis: Analysis, wimp: Callable[[float], RecoilSpectrum]) -> None:
    limits = published()
    ratios = {mass: limit(likelihood(analysis, wimp(mass))) * CROSS_SECTION_CM2 / limits[mass] for mass in MASSES_GEV}
    deviations = np.array(list(ratios.values())) - 1
    assert np.abs(deviations).max() < 0.05, ratios
    assert np.sqrt(np.mean(deviations**2)) < 0.03, ratios


def test_limits_without_fluctuations_are_near_the_collaboration_s_medians(
    analysis: Analysis, wimp: Callable[[float], RecoilSpectrum]
) -> None:
    medians = published("sensitivity_0")
    for mass in (4, 6, 9, 12):
        model = likelihood(analysis, wimp(mass))
        nothing = model.init.copy()
        nothing[model.index("mu_np")] = 0.0
        expected = limit(model.with_observed(model.rates(nothing[None])[0]))
        assert expected * CROSS_SECTION_CM2 / medians[mass] == pytest.approx(1.0, abs=0.1)


def test_medians_over_toys_are_near_the_collaboration_s(
    analysis: Analysis, wimp: Callable[[float], RecoilSpectrum]
) -> None:
    """Nuisance parameters as before the data were seen; 200 toys leave 6 % on a median."""
    medians, masses = published("sensitivity_0"), (5, 10)
    file = analysis.experiments[0].folder.parent / "dark_matter.toml"
    file.write_text(SNO, "utf-8")
    own = load_analysis(str(file))
    found = expect_strength_limits(own, [wimp(mass) for mass in masses], kind="toys", toys=200, ensemble="nominal")
    for mass, point in zip(masses, found.points, strict=True):
        assert point.valid == 1
        assert point.upper["median"] * CROSS_SECTION_CM2 / medians[mass] == pytest.approx(1.0, abs=0.1)


def test_the_lightest_is_said_to_lie_outside_the_simulated_recoils(
    analysis: Analysis, wimp: Callable[[float], RecoilSpectrum]
) -> None:
    ((_, text),) = spectrum_notes(analysis, wimp(3))
    assert text.startswith("15 % of the accepted events of wimp would lie outside 0.5 to 5 keV")
    assert spectrum_notes(analysis, wimp(6)) == ()
