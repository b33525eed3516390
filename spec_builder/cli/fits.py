"""Verbs that fit the flux, the weak mixing angle, or any workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.options import (
    ANALYSIS_WORDS,
    choice,
    cite_option,
    fix_option,
    force_option,
    interval_cl_option,
    json_option,
    law_option,
    measurement_option,
    output_option,
    patch_option,
    poi_option,
    variant_option,
    words_of,
)
from spec_builder.cli.output import (
    bibtex_of,
    check_plot,
    emit,
)
from spec_builder.cli.parsing import (
    given_options,
    is_workspace,
    only,
)
from spec_builder.cli.spectra import fit_text, spectrum_option
from spec_builder.cli.toys import (
    PROJECTION_OPTIONS,
    TOY_OPTIONS,
    by_toys,
    changed_analysis,
    check_toy_options,
    method_of,
    projection_options,
    toy_options,
    toy_run,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.model.analysis import Analysis
    from spec_builder.studies.profiles import ProfileResult
    from spec_builder.studies.surfaces import SurfaceResult


@click.command()
@click.argument("target", metavar="ANALYSIS|WORKSPACE.json|-", shell_complete=ANALYSIS_WORDS)
@choice(
    "--parameter",
    ("flux", "sin2thetaw"),
    help="What to fit in an ANALYSIS; required there. Other sources have others: count, signal, flux_pp, rate.",
)
@spectrum_option
@law_option
@variant_option
@interval_cl_option
@choice("--minimiser", ("minuit", "newton"), default="minuit", show_default=True, help="Both end in the same minimum.")
@measurement_option
@patch_option
@poi_option
@fix_option
@click.option("--plot", metavar="FILE", help="Draw the bins of an ANALYSIS at the minimum (PNG, PDF or SVG).")
@toy_options
@projection_options
@json_option
@cite_option
@output_option
@force_option
@click.pass_context
def fit(context: click.Context, /, target: str, as_json: bool, output: str, force: bool, **choices: Any) -> None:
    """Fit the 8B flux or the weak mixing angle, or the parameter of interest of any pyhf workspace.

    With --spectrum the strength of a recoil spectrum of your own. WORKSPACE is in pyhf's JSON or in HS3. Without a
    parameter of interest (--poi '') the fit has no interval.

    With --method feldman-cousins interval, significance and goodness of fit come from toys; with --output a run that
    was stopped goes on where it stood.
    """
    from spec_builder.studies.fits import fit_analysis, fit_workspace  # noqa: PLC0415

    given = given_options(context, choices)
    toys = method_of(choices) != "asymptotic"
    check_toy_options(given, toys=toys)
    if is_workspace(target):
        only(given, {"cl", "minimiser", "measurement", "patches", "poi", "hold", "method", *TOY_OPTIONS}, "a workspace")
        from spec_builder.histfactory.patch import load_workspace  # noqa: PLC0415

        workspace = load_workspace(target, choices["patches"])
        if toys:
            _fit_workspace_by_toys(workspace, target, choices, output, as_json=as_json, force=force)
            return
        result = fit_workspace(
            workspace,
            target,
            measurement=choices["measurement"],
            poi=choices["poi"],
            hold=choices["hold"],
            cl=choices["cl"],
            minimiser=choices["minimiser"],
        )
    elif choices["spectrum"] is not None:
        emit(fit_text(target, given, choices, as_json=as_json), output, force=force)
        return
    else:
        own = {"cl", "minimiser", "parameter", "law", "variants", "cite", "plot", "method"}
        only(given, own | TOY_OPTIONS | PROJECTION_OPTIONS, "an analysis")
        from spec_builder.model.analysis import load_analysis  # noqa: PLC0415

        analysis = load_analysis(target, choices["law"], choices["variants"])
        if choices["cite"]:
            methods = ["iminuit"] if choices["minimiser"] == "minuit" else []
            emit(bibtex_of(analysis.sources(), *methods), output, force=force)
            return
        if choices["parameter"] is None:
            raise SpecBuilderError(f"fit: give --parameter {' or --parameter '.join(analysis.parameters)}")
        check_plot(choices["plot"], force=force)
        analysis = changed_analysis(analysis, choices)
        if toys:
            _fit_by_toys(analysis, choices, output, as_json=as_json, force=force)
            return
        result = fit_analysis(analysis, choices["parameter"], cl=choices["cl"], minimiser=choices["minimiser"])
        if choices["plot"]:
            from spec_builder.figures.bins import draw_bins  # noqa: PLC0415
            from spec_builder.figures.spectra import can_be_spectra, draw_spectra  # noqa: PLC0415
            from spec_builder.figures.style import save_figure  # noqa: PLC0415

            draw = draw_spectra if can_be_spectra(analysis) else draw_bins
            save_figure(draw(analysis, result), Path(choices["plot"]), force=force)
    emit(result.to_json() if as_json else str(result), output, force=force)


def _fit_by_toys(analysis: Analysis, choices: dict[str, Any], output: str, *, as_json: bool, force: bool) -> None:
    """Fit a parameter of an analysis by toys."""
    from spec_builder.studies.by_toys import fit_analysis_by_toys  # noqa: PLC0415

    plot = choices.pop("plot")
    with toy_run(output, choices, analysis.workspace, force=force) as how:
        level = {"cl": choices["cl"], **by_toys(choices)}
        found = fit_analysis_by_toys(analysis, choices["parameter"], **level, **how)
        if plot:
            from spec_builder.figures.bins import draw_bins  # noqa: PLC0415
            from spec_builder.figures.style import save_figure  # noqa: PLC0415

            save_figure(draw_bins(analysis, found.asymptotic), Path(plot), force=force)
        emit(found.to_json() if as_json else str(found), output, force=force)


def _fit_workspace_by_toys(
    workspace: Mapping[str, Any], name: str, choices: dict[str, Any], output: str, *, as_json: bool, force: bool
) -> None:
    """Fit the parameter of interest of a workspace by toys."""
    from spec_builder.studies.by_toys import fit_workspace_by_toys  # noqa: PLC0415

    own = {key: choices[key] for key in ("measurement", "poi", "hold", "cl")}
    with toy_run(output, choices, workspace, force=force) as how:
        found = fit_workspace_by_toys(workspace, name, **own, **by_toys(choices), **how)
        emit(found.to_json() if as_json else str(found), output, force=force)


@click.command()
@click.argument("target", metavar="ANALYSIS|WORKSPACE.json|-", shell_complete=ANALYSIS_WORDS)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME",
    shell_complete=words_of("flux", "sin2thetaw"),
    help="What to profile: flux or sin2thetaw of an ANALYSIS (others: as for fit), required there; any of a WORKSPACE "
    "(default: its parameter of interest). Twice: both together.",
)
@law_option
@variant_option
@interval_cl_option
@measurement_option
@patch_option
@fix_option
@click.option(
    "--points",
    type=int,
    metavar="N",
    help="Points between the ends, Delta chi2 = 9 or the domain (default: 201; for two parameters 61 in each).",
)
@projection_options
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="CSV with a header of choices.")
@click.option("--plot", metavar="FILE", help="Draw it (PNG, PDF or SVG), for one parameter.")
@cite_option
@output_option
@force_option
@click.pass_context
def profile(context: click.Context, /, target: str, **choices: Any) -> None:
    """Profile Delta chi2 against one parameter, or against two with contours.

    Of an ANALYSIS the 8B flux or the weak mixing angle, the second may be any nuisance parameter; of a WORKSPACE any.
    """
    if choices["as_json"] and choices["as_csv"]:
        raise SpecBuilderError("profile: give --json or --csv, not both")
    if len(choices["parameters"]) > 2:
        raise SpecBuilderError("profile: give --parameter once or twice")
    if choices["plot"] and len(choices["parameters"]) == 2:
        raise SpecBuilderError("profile: --plot draws one parameter; leave it out for two")
    check_plot(choices["plot"], force=choices["force"])
    if choices["output"] != "-":
        from spec_builder.base.files import refuse_existing  # noqa: PLC0415

        refuse_existing(Path(choices["output"]), force=choices["force"])
    given = given_options(context, choices)
    how: dict[str, Any] = {} if choices["points"] is None else {"points": choices["points"]}
    if len(choices["parameters"]) == 2:
        only(given, set(choices) - {"cl"}, "two parameters, whose contours are at 68.27 and 95 %")
    else:
        how["cl"] = choices["cl"]
    if is_workspace(target):
        only(given, set(choices) - {"law", "variants", "cite", *PROJECTION_OPTIONS}, "a workspace")
        result = _profile_of_workspace(target, choices, how)
    else:
        only(given, set(choices) - {"measurement", "patches", "hold"}, "an analysis")
        from spec_builder.model.analysis import load_analysis  # noqa: PLC0415

        loaded = load_analysis(target, choices["law"], choices["variants"])
        if not choices["parameters"]:
            raise SpecBuilderError(f"profile: give --parameter {' or --parameter '.join(loaded.parameters)}")
        if choices["cite"]:
            emit(bibtex_of(loaded.sources(), "iminuit"), choices["output"], force=choices["force"])
            return
        result = _profile_of_analysis(changed_analysis(loaded, choices), choices["parameters"], how)
    _print_profile(result, choices)


def _profile_of_workspace(
    target: str, choices: Mapping[str, Any], how: Mapping[str, Any]
) -> ProfileResult | SurfaceResult:
    from spec_builder.histfactory.patch import load_workspace  # noqa: PLC0415
    from spec_builder.studies.profiles import profile_workspace  # noqa: PLC0415
    from spec_builder.studies.surfaces import profile_two_of_workspace  # noqa: PLC0415

    workspace = load_workspace(target, choices["patches"])
    settings = {"measurement": choices["measurement"], "hold": choices["hold"], **how}
    if len(choices["parameters"]) == 2:
        return profile_two_of_workspace(workspace, target, choices["parameters"], **settings)
    parameter = choices["parameters"][0] if choices["parameters"] else None
    return profile_workspace(workspace, target, parameter, **settings)


def _profile_of_analysis(
    analysis: Analysis, parameters: tuple[str, ...], how: Mapping[str, Any]
) -> ProfileResult | SurfaceResult:
    from spec_builder.studies.profiles import profile_analysis  # noqa: PLC0415
    from spec_builder.studies.surfaces import profile_two_of_analysis  # noqa: PLC0415

    if len(parameters) == 2:
        return profile_two_of_analysis(analysis, parameters, **how)
    return profile_analysis(analysis, parameters[0], **how)


def _print_profile(result: ProfileResult | SurfaceResult, choices: Mapping[str, Any]) -> None:
    from spec_builder.studies.profiles import ProfileResult  # noqa: PLC0415

    plot, output, force = choices["plot"], choices["output"], choices["force"]
    if plot and isinstance(result, ProfileResult):
        from spec_builder.figures.profiles import draw_profiles  # noqa: PLC0415
        from spec_builder.figures.style import save_figure  # noqa: PLC0415

        save_figure(draw_profiles([result]), Path(plot), force=force)
    if choices["as_json"] or not (plot and output == "-" and not choices["as_csv"]):
        emit(result.to_json() if choices["as_json"] else result.to_csv(), output, force=force)
