"""Verbs that fit the flux, the weak mixing angle, or any workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.examples import Verb
from spec_builder.cli.options import (
    ANALYSIS_WORDS,
    choice,
    cite_option,
    csv_option,
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
from spec_builder.cli.output import bibtex_of, emit
from spec_builder.cli.parsing import given_options, is_workspace, only
from spec_builder.cli.pictures import Plots, plot_options
from spec_builder.cli.spectra import fit_of_spectrum, spectrum_option
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
    from pathlib import Path

    from spec_builder.base.files import Content
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.model.analysis import Analysis
    from spec_builder.studies.fits import FitResult
    from spec_builder.studies.profiles import ProfileResult
    from spec_builder.studies.surfaces import SurfaceResult

#: What a fit prints in its place.
_INSTEAD = ("ranking", "correlations")


@click.command(cls=Verb)
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
@click.option("--ranking", is_flag=True, help="Rank the nuisance parameters by their impact on what is fitted.")
@click.option("--correlations", is_flag=True, help="Print the correlations of the parameters at the minimum.")
@plot_options(
    "Draw the spectra of an ANALYSIS before and after the fit, the pulls of a WORKSPACE, the ranking, the correlations"
)
@toy_options
@projection_options
@json_option
@csv_option
@cite_option
@output_option
@force_option
@click.pass_context
def fit(context: click.Context, /, target: str, output: str, force: bool, **choices: Any) -> None:
    """Fit the 8B flux, the weak mixing angle, or a pyhf workspace.

    Of an ANALYSIS the --parameter is fitted, or with --spectrum the strength of a recoil spectrum of your own. Of a
    WORKSPACE (pyhf's JSON, or HS3) it is the parameter of interest; with --poi '' the fit has none, and no interval.

    With --method feldman-cousins the interval, the significance and the goodness of fit come from toys. A run with
    --output that was stopped goes on where it stood.
    """
    from spec_builder.studies.fits import fit_analysis, fit_workspace  # noqa: PLC0415

    form = {name: choices.pop(name) for name in ("as_json", "as_csv")}
    given = given_options(context, choices)
    plots = Plots.taken(choices, output, force=force)
    toys = method_of(choices) != "asymptotic"
    _check_instead(choices, toys=toys)
    if toys and plots and is_workspace(target):
        raise SpecBuilderError("fit: --plot of a workspace is for --method asymptotic")
    check_toy_options(given, toys=toys)
    if is_workspace(target):
        own = {"cl", "minimiser", "measurement", "patches", "poi", "hold", "method", "plots", "width"}
        only(given, own | {*_INSTEAD} | TOY_OPTIONS, "a workspace")
        from spec_builder.model.given import as_workspace  # noqa: PLC0415

        workspace, name = as_workspace(target, patches=choices["patches"], measurement=choices["measurement"])
        if toys:
            _fit_workspace_by_toys(workspace, name, choices, output, form, force=force)
            return
        result = fit_workspace(
            workspace,
            name,
            measurement=choices["measurement"],
            poi=choices["poi"],
            hold=choices["hold"],
            cl=choices["cl"],
            minimiser=choices["minimiser"],
        )
        if choices["ranking"]:
            from spec_builder.studies.fits import workspace_likelihood  # noqa: PLC0415

            how = {key: choices[key] for key in ("measurement", "poi", "hold")}
            _rank(workspace_likelihood(workspace, name, **how), result, plots, output, form)
            return
        found = result.correlations if choices["correlations"] else result
        beside = plots.of_result(found)
    elif choices["spectrum"] is not None:
        emit(fit_of_spectrum(target, given, choices), output, force=force, **form)
        return
    else:
        own = {"cl", "minimiser", "parameter", "law", "variants", "cite", "plots", "width", "method"}
        only(given, own | {*_INSTEAD} | TOY_OPTIONS | PROJECTION_OPTIONS, "an analysis")
        from spec_builder.model.analysis import load_analysis  # noqa: PLC0415

        analysis = load_analysis(target, choices["law"], choices["variants"])
        if choices["cite"]:
            methods = ["iminuit"] if choices["minimiser"] == "minuit" else []
            emit(bibtex_of(analysis.sources(), *methods), output, force=force)
            return
        if choices["parameter"] is None:
            raise SpecBuilderError(f"fit: give --parameter {' or --parameter '.join(analysis.parameters)}")
        analysis = changed_analysis(analysis, choices)
        if toys:
            _fit_by_toys(analysis, choices, output, plots, form)
            return
        result = fit_analysis(analysis, choices["parameter"], cl=choices["cl"], minimiser=choices["minimiser"])
        if choices["ranking"]:
            _rank(analysis.likelihood(choices["parameter"]), result, plots, output, form)
            return
        if choices["correlations"]:
            found = result.correlations
            beside = plots.of_result(found)
        else:
            found, beside = result, _figure_of_fit(analysis, result, plots)
    emit(found, output, force=force, beside=beside, **form)


def _check_instead(choices: Mapping[str, Any], *, toys: bool) -> None:
    """Refuse two results of one fit, and either by toys."""
    wanted = [flag for flag in _INSTEAD if choices[flag]]
    if toys and wanted:
        raise SpecBuilderError(f"fit: --{wanted[0]} is for --method asymptotic")
    if len(wanted) > 1:
        raise SpecBuilderError(f"fit: --{' and --'.join(wanted)} are two results, expected one of them")


def _rank(likelihood: Likelihood, result: FitResult, plots: Plots, output: str, form: Mapping[str, bool]) -> None:
    """Rank the nuisance parameters of a fit."""
    from spec_builder.studies.impacts import rank_parameters  # noqa: PLC0415

    found = rank_parameters(likelihood, result)
    emit(found, output, force=plots.force, beside=plots.of_result(found), **form)


def _figure_of_fit(analysis: Analysis, result: FitResult, plots: Plots) -> dict[Path, Content]:
    """Spectra, or where there are too many the bins."""
    if not plots:
        return {}
    from spec_builder.figures.bins import draw_fit  # noqa: PLC0415

    return plots.content(draw_fit, analysis, result)


def _fit_by_toys(
    analysis: Analysis, choices: dict[str, Any], output: str, plots: Plots, form: Mapping[str, bool]
) -> None:
    """Fit a parameter of an analysis by toys."""
    from spec_builder.studies.fits_by_toys import fit_analysis_by_toys  # noqa: PLC0415

    with toy_run(output, choices, analysis.workspace, force=plots.force) as how:
        level = {"cl": choices["cl"], **by_toys(choices)}
        found = fit_analysis_by_toys(analysis, choices["parameter"], **level, **how)
        beside = _figure_of_fit(analysis, found.asymptotic, plots)
        emit(found, output, force=plots.force, beside=beside, **form)


def _fit_workspace_by_toys(
    workspace: Mapping[str, Any],
    name: str,
    choices: dict[str, Any],
    output: str,
    form: Mapping[str, bool],
    *,
    force: bool,
) -> None:
    """Fit the parameter of interest of a workspace by toys."""
    from spec_builder.studies.fits_by_toys import fit_workspace_by_toys  # noqa: PLC0415

    own = {key: choices[key] for key in ("measurement", "poi", "hold", "cl")}
    with toy_run(output, choices, workspace, force=force) as how:
        found = fit_workspace_by_toys(workspace, name, **own, **by_toys(choices), **how)
        emit(found, output, force=force, beside=None, **form)


@click.command(cls=Verb)
@click.argument("target", metavar="ANALYSIS|WORKSPACE.json|-", shell_complete=ANALYSIS_WORDS)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME",
    shell_complete=words_of("flux", "sin2thetaw"),
    help="What to profile: flux or sin2thetaw (others: as for fit) or a nuisance parameter of an ANALYSIS, required "
    "there; any of a WORKSPACE (default: its parameter of interest). Twice: both together.",
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
@csv_option
@plot_options("Draw the profile, or of two parameters the contours")
@cite_option
@output_option
@force_option
@click.pass_context
def profile(context: click.Context, /, target: str, **choices: Any) -> None:
    """Profile Delta chi2 against one parameter, or two.

    Of an ANALYSIS it is the 8B flux, the weak mixing angle or a nuisance parameter; the profile of a nuisance parameter
    holds the sources at their reference sizes. Of two parameters the second may be any nuisance parameter. Of a
    WORKSPACE any parameter can be profiled.
    """
    if len(choices["parameters"]) > 2:
        raise SpecBuilderError("profile: give --parameter once or twice")
    given = given_options(context, choices)
    plots = Plots.taken(choices, choices["output"], force=choices["force"])
    how: dict[str, Any] = {} if choices["points"] is None else {"points": choices["points"]}
    if len(choices["parameters"]) == 2:
        only(given, {*choices, "plots", "width"} - {"cl"}, "two parameters, whose contours are at 68.27 and 95 %")
    else:
        how["cl"] = choices["cl"]
    if is_workspace(target):
        only(given, {*choices, "plots", "width"} - {"law", "variants", "cite", *PROJECTION_OPTIONS}, "a workspace")
        result = _profile_of_workspace(target, choices, how)
    else:
        only(given, {*choices, "plots", "width"} - {"measurement", "patches", "hold"}, "an analysis")
        from spec_builder.model.analysis import load_analysis  # noqa: PLC0415

        loaded = load_analysis(target, choices["law"], choices["variants"])
        if not choices["parameters"]:
            raise SpecBuilderError(f"profile: give --parameter {' or --parameter '.join(loaded.parameters)}")
        if choices["cite"]:
            emit(bibtex_of(loaded.sources(), "iminuit"), choices["output"], force=choices["force"])
            return
        result = _profile_of_analysis(changed_analysis(loaded, choices), choices["parameters"], how)
    _print_profile(result, choices, plots)


def _profile_of_workspace(
    target: str, choices: Mapping[str, Any], how: Mapping[str, Any]
) -> ProfileResult | SurfaceResult:
    from spec_builder.model.given import as_workspace  # noqa: PLC0415
    from spec_builder.studies.profiles import profile_workspace  # noqa: PLC0415
    from spec_builder.studies.surfaces import profile_two_of_workspace  # noqa: PLC0415

    workspace, name = as_workspace(target, patches=choices["patches"], measurement=choices["measurement"])
    settings = {"measurement": choices["measurement"], "hold": choices["hold"], **how}
    if len(choices["parameters"]) == 2:
        return profile_two_of_workspace(workspace, name, choices["parameters"], **settings)
    parameter = choices["parameters"][0] if choices["parameters"] else None
    return profile_workspace(workspace, name, parameter, **settings)


def _profile_of_analysis(
    analysis: Analysis, parameters: tuple[str, ...], how: Mapping[str, Any]
) -> ProfileResult | SurfaceResult:
    from spec_builder.studies.profiles import profile_analysis  # noqa: PLC0415
    from spec_builder.studies.surfaces import profile_two_of_analysis  # noqa: PLC0415

    if len(parameters) == 2:
        return profile_two_of_analysis(analysis, parameters, **how)
    return profile_analysis(analysis, parameters[0], **how)


def _print_profile(result: ProfileResult | SurfaceResult, choices: Mapping[str, Any], plots: Plots) -> None:
    output, as_json = choices["output"], choices["as_json"]
    drawn_alone = plots and output == "-" and not (as_json or choices["as_csv"])
    told = "" if drawn_alone else result
    beside = plots.of_result(result)
    emit(told, output, force=choices["force"], as_json=as_json, as_csv=not as_json, beside=beside)
