"""Verbs that show what goes in: experiments and recoil spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import unknown_name
from spec_builder.cli.interactions import InteractionCommand, choices_of, interaction_option, option_names
from spec_builder.cli.options import (
    cite_option,
    coupling_option,
    csv_option,
    force_option,
    json_option,
    mass_option,
    output_option,
    words_of,
)
from spec_builder.cli.output import bibtex_of, emit
from spec_builder.cli.pictures import Plots, plot_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.shell_completion import CompletionItem


@click.command()
@click.argument(
    "experiment", required=False, metavar="[NAME|PATH]", shell_complete=words_of("xenonnt", "pandax4t", files=True)
)
@json_option
@csv_option
@output_option
@force_option
def experiments(experiment: str | None, as_json: bool, as_csv: bool, output: str, force: bool) -> None:
    """List the shipped experiments, or show one with its sources.

    What is shown of an experiment: exposure, bins, response, backgrounds and uncertainties, and each table with its
    source and status.
    """
    from spec_builder.studies.catalogue import describe_experiment, list_experiments  # noqa: PLC0415

    result = list_experiments() if experiment is None else describe_experiment(experiment)
    emit(result, output, force=force, as_json=as_json, as_csv=as_csv)


def _complete_source(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from spec_builder.physics.sources import shipped_sources  # noqa: PLC0415

    return words_of(*shipped_sources(), files=True)(context, parameter, incomplete)


def _complete_target(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from spec_builder.physics.targets import shipped_targets  # noqa: PLC0415

    return words_of(*shipped_targets(), files=True)(context, parameter, incomplete)


@click.command(cls=InteractionCommand)
@interaction_option("Beside the Standard Model, sm.", default="sm", show_default=True)
@click.option(
    "--source",
    default="solar_8b",
    show_default=True,
    metavar="NAME|PATH",
    shell_complete=_complete_source,
    help="Where the neutrinos come from.",
)
@click.option(
    "--target",
    default="xenon",
    show_default=True,
    metavar="NAME|PATH",
    shell_complete=_complete_target,
    help="What they scatter off.",
)
@click.option("--energies", required=True, metavar="LIST|LO:HI:N", help="Recoil energies [keV].")
@mass_option
@coupling_option
@click.option("--sin2thetaw", type=float, metavar="X", help="Weak mixing angle (default: 0.23857).")
@click.option("--hep", is_flag=True, help="Add hep neutrinos to the 8B flux.")
@json_option
@csv_option
@plot_options("Draw it")
@cite_option
@output_option
@force_option
def spectrum(as_json: bool, as_csv: bool, output: str, force: bool, **choices: Any) -> None:
    """Print the recoil spectrum of a source on a target.

    It is the rate before any detector, dR/dT in events/(t yr keV): by default of solar 8B neutrinos on xenon, in the
    Standard Model; with --interaction at a point of it.
    """
    from spec_builder.studies.spectrum import recoil_spectrum  # noqa: PLC0415

    plots, cite = Plots.taken(choices, output, force=force), choices.pop("cite")
    name = choices.pop("interaction")
    options = {key: choices.pop(key) for key in option_names()}
    if name == "sm":
        _refuse_new_physics(choices, options)
    else:
        _refuse_unknown(name)
        name = choices_of([name], options)[0]
        if choices["sin2thetaw"] is not None:
            raise SpecBuilderError("--sin2thetaw applies to interaction 'sm' only; the others use 0.23857")
        if name.has_mediator and choices["mass"] is None:
            raise SpecBuilderError(f"interaction '{name.name}': give --mass (MeV)")
        if choices["coupling"] is None:
            raise SpecBuilderError(f"interaction '{name.name}': give --coupling ({name.unit or 'no unit'})")
    energies, mass, coupling = (choices.pop(key) for key in ("energies", "mass", "coupling"))
    result = recoil_spectrum(energies, name, mass, coupling, **choices)
    told, beside = bibtex_of(result.sources) if cite else result, plots.of_result(result)
    emit(told, output, force=force, beside=beside, as_json=as_json, as_csv=as_csv)


def _refuse_unknown(name: str) -> None:
    """Refuse a name that is neither in the list nor a path.

    Raises:
        SpecBuilderError: naming those there are, the Standard Model among them.
    """
    from spec_builder.physics.descriptions import is_path  # noqa: PLC0415
    from spec_builder.physics.interactions import shipped_interactions  # noqa: PLC0415

    known = ["sm", *(interaction.name for interaction in shipped_interactions())]
    if name not in known and not is_path(name):
        raise unknown_name("interaction", name, known, more=f", or a path such as ./{name}.toml")


def _refuse_new_physics(choices: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Refuse options that the Standard Model has no use for.

    Raises:
        SpecBuilderError: naming them.
    """
    if choices["mass"] is not None or choices["coupling"] is not None:
        raise SpecBuilderError("interaction 'sm' has no mediator: --mass and --coupling do not apply")
    for key, value in sorted(options.items()):
        if value:
            raise SpecBuilderError(f"interaction 'sm' has no --{key.replace('_', '-')}")
