"""Verbs of one point: its events per bin and sample, and its workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.interactions import InteractionCommand, choice_of, interaction_option, option_names
from spec_builder.cli.options import (
    ANALYSIS_WORDS,
    choice,
    cite_option,
    coupling_option,
    csv_option,
    fix_option,
    force_option,
    json_option,
    law_option,
    mass_option,
    measurement_option,
    output_of,
    output_option,
    patch_option,
    poi_option,
    variant_option,
)
from spec_builder.cli.output import bibtex_of, emit
from spec_builder.cli.parsing import analysis_and_choice, given_options, is_workspace, only
from spec_builder.cli.pictures import Plots, plot_options
from spec_builder.cli.toys import PROJECTION_OPTIONS, changed_analysis, load_changed, projection_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.model.analysis import Analysis
    from spec_builder.studies.events import EventsResult

__all__ = ["events", "point"]


@click.command(cls=InteractionCommand)
@click.argument("target", metavar="ANALYSIS|WORKSPACE.json|-", shell_complete=ANALYSIS_WORDS)
@choice(
    "--parameter", ("flux", "sin2thetaw"), help="What is fitted in an ANALYSIS, as for fit; or give an --interaction."
)
@interaction_option("At a point of it, with --coupling.")
@mass_option
@coupling_option
@law_option
@variant_option
@measurement_option
@patch_option
@poi_option
@fix_option
@plot_options("Draw data over the samples at the minimum, bin by bin")
@projection_options
@json_option
@csv_option
@cite_option
@output_option
@force_option
@click.pass_context
def events(context: click.Context, /, target: str, output: str, force: bool, **choices: Any) -> None:
    """Print the events per bin and sample before and after a fit.

    Of an ANALYSIS give the --parameter that is fitted, or a point of an --interaction; a WORKSPACE is fitted as it is.
    Errors are one standard deviation: before the fit those of the constrained parameters, after it those of all with
    their correlations.
    """
    given = given_options(context, choices)
    plots = Plots.taken(choices, output, force=force)
    common = {"as_json", "as_csv", "plots", "width"}
    if is_workspace(target):
        only(given, common | {"measurement", "patches", "poi", "hold"}, "a workspace")
        result = _of_workspace(target, choices)
    else:
        common |= {"law", "variants", "cite", *PROJECTION_OPTIONS}
        if choices["interaction"] is not None:
            only(given, common | {"interaction", "mass", "coupling", *option_names()}, "a point of an interaction")
        else:
            only(given, common | {"parameter"}, "the fit of a parameter")
        loaded = load_changed(target, choices)
        result = _of_analysis(loaded, choices)
        if choices["cite"]:
            chosen = choice_of(choices["interaction"], choices) if choices["interaction"] is not None else None
            emit(bibtex_of(loaded.sources(chosen), "iminuit"), output, force=force)
            return
    beside = plots.of_result(result)
    emit(result, output, force=force, beside=beside, as_json=choices["as_json"], as_csv=choices["as_csv"])


def _of_workspace(target: str, choices: Mapping[str, Any]) -> EventsResult:
    from spec_builder.studies.events import events_of_workspace  # noqa: PLC0415

    return events_of_workspace(target, **{key: choices[key] for key in ("patches", "measurement", "poi", "hold")})


def _of_analysis(analysis: Analysis, choices: Mapping[str, Any]) -> EventsResult:
    from spec_builder.studies.events import events_at_point, events_of_analysis  # noqa: PLC0415

    if choices["interaction"] is not None:
        chosen = choice_of(choices["interaction"], choices)
        return events_at_point(analysis, chosen, choices["mass"], choices["coupling"])
    if choices["parameter"] is None:
        parameters = " or --parameter ".join(analysis.parameters)
        raise SpecBuilderError(f"events: give --parameter {parameters}, or --interaction with a point of it")
    return events_of_analysis(analysis, choices["parameter"])


@click.command(cls=InteractionCommand)
@click.argument("analysis", shell_complete=ANALYSIS_WORDS)
@interaction_option("Required.")
@mass_option
@coupling_option
@law_option
@variant_option
@projection_options
@output_of(".json")
@force_option
def point(analysis: str, output: str, force: bool, **choices: Any) -> None:
    """Write one mass and coupling as a complete pyhf workspace.

    Its first measurement, new_physics, has no parameter of interest: `pyhf fit` profiles the point, and `pyhf cls`,
    which would test the flux, refuses. Into a file, FILE.meta.json beside it says what it is.
    """
    from spec_builder.sharing.export import export_point  # noqa: PLC0415

    loaded, chosen = analysis_and_choice(analysis, choices)
    loaded = changed_analysis(loaded, choices)
    at = (choices["mass"], choices["coupling"])
    if output == "-":
        from spec_builder.base.files import canonical_json  # noqa: PLC0415
        from spec_builder.model.points import point_workspace  # noqa: PLC0415

        emit(canonical_json(point_workspace(loaded, chosen, *at)), output, force=force)
    else:
        export_point(loaded, chosen, *at, output, force=force)
