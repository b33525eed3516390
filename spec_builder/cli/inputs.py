"""Verbs that show what goes in: experiments and recoil spectra."""

from __future__ import annotations

from typing import Any

import click

from spec_builder.cli.options import (
    INTERACTIONS,
    choice,
    cite_option,
    coupling_set_option,
    force_option,
    json_option,
    longitudinal_option,
    output_option,
    words_of,
)
from spec_builder.cli.output import (
    bibtex_of,
    emit,
)


@click.command()
@click.argument(
    "experiment", required=False, metavar="[NAME|PATH]", shell_complete=words_of("xenonnt", "pandax4t", files=True)
)
@json_option
@output_option
@force_option
def experiments(experiment: str | None, as_json: bool, output: str, force: bool) -> None:
    """List the shipped experiments, or show one in full with its sources and statuses."""
    from spec_builder.studies.catalogue import describe_experiment, list_experiments  # noqa: PLC0415

    text = list_experiments(as_json=as_json) if experiment is None else describe_experiment(experiment, as_json=as_json)
    emit(text, output, force=force)


@click.command()
@choice("--interaction", INTERACTIONS, default="sm", show_default=True)
@click.option("--energies", required=True, metavar="LIST|LO:HI:N", help="Recoil energies [keV].")
@click.option("--mass", type=float, metavar="MEV", help="Mediator mass [MeV].")
@click.option("--coupling", type=float, metavar="G", help="Coupling g.")
@coupling_set_option
@longitudinal_option
@click.option("--sin2thetaw", type=float, metavar="X", help="Weak mixing angle (default: 0.23857).")
@click.option("--hep", is_flag=True, help="Add hep neutrinos to the 8B flux.")
@json_option
@cite_option
@output_option
@force_option
def spectrum(as_json: bool, cite: bool, output: str, force: bool, **choices: Any) -> None:
    """Print the recoil spectrum dR/dT [events/(t yr keV)] in natural xenon."""
    from spec_builder.studies.spectrum import recoil_spectrum  # noqa: PLC0415

    result = recoil_spectrum(**choices)
    text = bibtex_of(result.sources) if cite else result.to_json() if as_json else str(result)
    emit(text, output, force=force)
