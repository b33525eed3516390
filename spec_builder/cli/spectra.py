"""``--spectrum``: a recoil spectrum of one's own in the place of an interaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.options import FILES
from spec_builder.cli.output import bibtex_of, emit
from spec_builder.cli.parsing import only
from spec_builder.cli.toys import (
    PROJECTION_OPTIONS,
    TOY_OPTIONS,
    by_toys,
    changed_analysis,
    check_toy_options,
    expected_of,
    load_changed,
    toy_run,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.base.text import Result
    from spec_builder.cli.pictures import Plots
    from spec_builder.experiments.spectra import RecoilSpectrum

__all__ = ["fit_of_spectrum", "print_limits", "scan_spectra", "spectra_of", "spectrum_option"]

spectrum_option = click.option(
    "--spectrum",
    metavar="FILE.csv|FOLDER",
    shell_complete=FILES,
    help="A recoil spectrum of your own: recoil_energy_keV, rate [events/(t yr keV)].",
)


def spectra_of(path: str) -> tuple[RecoilSpectrum, ...]:
    """The spectra of a file or a folder."""
    from spec_builder.experiments.spectra import read_spectra  # noqa: PLC0415

    return read_spectra(Path(path))


def fit_of_spectrum(target: str, given: set[str], choices: Mapping[str, Any]) -> str | Result:
    """What ``fit ANALYSIS --spectrum FILE`` prints."""
    from spec_builder.experiments.spectra import read_spectrum  # noqa: PLC0415
    from spec_builder.studies.strengths import fit_spectrum  # noqa: PLC0415

    own = {"spectrum", "cl", "minimiser", "law", "variants", "cite"}
    only(given, own | PROJECTION_OPTIONS, "a spectrum")
    analysis = load_changed(target, choices)
    if Path(choices["spectrum"]).is_dir():
        raise SpecBuilderError(f"fit: --spectrum {choices['spectrum']} is a folder, expected one FILE.csv")
    spectrum = read_spectrum(Path(choices["spectrum"]))
    if choices["cite"]:
        methods = ["iminuit"] if choices["minimiser"] == "minuit" else []
        return bibtex_of([*analysis.sources(), spectrum.source], *methods)
    return fit_spectrum(analysis, spectrum, cl=choices["cl"], minimiser=choices["minimiser"])


def print_limits(
    target: str, given: set[str], choices: Mapping[str, Any], cl: float, output: str, plots: Plots
) -> None:
    """``limits ANALYSIS --spectrum FILE|FOLDER``, observed or expected."""
    from spec_builder.model.analysis import load_analysis  # noqa: PLC0415
    from spec_builder.studies.expected_strengths import expect_strength_limits  # noqa: PLC0415
    from spec_builder.studies.strengths import find_strength_limits  # noqa: PLC0415

    expected = expected_of(choices)
    drawn = {"plots", "width"} if expected is None else set()
    own = {"spectrum", "law", "variants", "as_json", "as_csv", "cite", "expected"}
    only(given, own | drawn | TOY_OPTIONS | PROJECTION_OPTIONS, "a spectrum")
    analysis = load_analysis(target, choices["law"], choices["variants"])
    spectra = spectra_of(choices["spectrum"])
    if choices["cite"]:
        sources = [*analysis.sources(), *(spectrum.source for spectrum in spectra)]
        emit(bibtex_of(sources, "iminuit"), output, force=plots.force)
        return
    check_toy_options(given, toys=expected == "toys", asimov=expected == "asimov")
    analysis = changed_analysis(analysis, choices, expected=expected is not None)
    if expected is None:
        found = find_strength_limits(analysis, spectra, cl=cl)
        beside = plots.of_result(found)
        emit(found, output, force=plots.force, beside=beside, as_json=choices["as_json"], as_csv=choices["as_csv"])
        return
    job = {**choices, "cl": cl, "digests": [spectrum.sha256 for spectrum in spectra]}
    with toy_run(output, job, analysis.workspace, force=plots.force) as how:
        thrown = expect_strength_limits(analysis, spectra, kind=expected, cl=cl, **by_toys(choices), **how)
        emit(thrown, output, force=plots.force, as_json=choices["as_json"], as_csv=choices["as_csv"])


def scan_spectra(target: str, given: set[str], choices: Mapping[str, Any], how: Mapping[str, Any]) -> None:
    """``scan ANALYSIS --spectrum FOLDER``: 2NLL at strength 1 of each spectrum, with its labels."""
    from spec_builder.model.analysis import load_analysis  # noqa: PLC0415
    from spec_builder.studies import patch_scans  # noqa: PLC0415

    only(given, {"spectrum", "law", "variants", "jobs", "dask"}, "a spectrum")
    analysis = load_analysis(target, choices["law"], choices["variants"])
    patch_scans.scan_spectra(analysis, spectra_of(choices["spectrum"]), name=choices["spectrum"], **how)
