"""The verb that says what excludes a point."""

from __future__ import annotations

from typing import Any

import click

from spec_builder.cli.interactions import InteractionCommand, choice_of, interaction_option, option_names
from spec_builder.cli.options import (
    ANALYSIS_WORDS,
    cite_option,
    coupling_option,
    csv_option,
    force_option,
    json_option,
    law_option,
    mass_option,
    output_option,
    variant_option,
)
from spec_builder.cli.output import bibtex_of, emit
from spec_builder.cli.parsing import given_options, only
from spec_builder.cli.pictures import Plots, plot_options
from spec_builder.cli.spectra import spectrum_option
from spec_builder.cli.toys import PROJECTION_OPTIONS, load_changed, projection_options

__all__ = ["explain"]


@click.command(cls=InteractionCommand)
@click.argument("analysis", shell_complete=ANALYSIS_WORDS)
@interaction_option("Required, or --spectrum.")
@mass_option
@coupling_option
@spectrum_option
@click.option("--strength", type=float, default=1.0, show_default=True, metavar="X", help="Strength of the spectrum.")
@law_option
@variant_option
@projection_options
@json_option
@csv_option
@plot_options("Draw the parts by bin and by pull")
@cite_option
@output_option
@force_option
@click.pass_context
def explain(context: click.Context, /, analysis: str, output: str, force: bool, **choices: Any) -> None:
    """Say which bins and which pulls speak against a point.

    Delta chi2 between the point and the Standard Model is taken apart; both are fitted in the nuisance parameters.
    """
    from spec_builder.model.given import as_spectrum  # noqa: PLC0415
    from spec_builder.studies.explanation import explain_point, explain_spectrum  # noqa: PLC0415

    given = given_options(context, choices)
    plots = Plots.taken(choices, output, force=force)
    common = {"law", "variants", "as_json", "as_csv", "cite", "plots", "width", *PROJECTION_OPTIONS}
    loaded = load_changed(analysis, choices)
    if choices["spectrum"] is not None:
        only(given, common | {"spectrum", "strength"}, "a spectrum")
        spectrum = as_spectrum(choices["spectrum"])
        sources = [*loaded.sources(), spectrum.source]
    else:
        only(given, common | {"interaction", "mass", "coupling", *option_names()}, "an interaction")
        choice = choice_of(choices["interaction"], choices)
        sources = [*loaded.sources(choice)]
    if choices["cite"]:
        emit(bibtex_of(sources, "iminuit"), output, force=force)
        return
    if choices["spectrum"] is not None:
        result = explain_spectrum(loaded, spectrum, choices["strength"])
    else:
        result = explain_point(loaded, choice, choices["mass"], choices["coupling"])
    beside = plots.of_result(result)
    emit(result, output, force=force, beside=beside, as_json=choices["as_json"], as_csv=choices["as_csv"])
