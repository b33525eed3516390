"""Verbs that fit the flux, the weak mixing angle, or any workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.options import (
    ANALYSIS_WORDS,
    FILES,
    choice,
    cite_option,
    force_option,
    interval_cl_option,
    json_option,
    law_option,
    output_option,
    variant_option,
)
from spec_builder.cli.output import (
    bibtex_of,
    emit,
)
from spec_builder.cli.parsing import (
    given_options,
    is_workspace,
    only,
)
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


@click.command()
@click.argument("target", metavar="ANALYSIS|WORKSPACE.json|-", shell_complete=ANALYSIS_WORDS)
@choice("--parameter", ("flux", "sin2thetaw"), help="What to fit in an ANALYSIS; required there.")
@law_option
@variant_option
@interval_cl_option
@choice("--minimiser", ("minuit", "newton"), default="minuit", show_default=True, help="Both end in the same minimum.")
@click.option("--measurement", metavar="NAME", help="Of a WORKSPACE; the first by default.")
@click.option(
    "--patch",
    "patches",
    multiple=True,
    metavar="FILE",
    shell_complete=FILES,
    help="JSON patch of a WORKSPACE; repeatable.",
)
@toy_options
@projection_options
@json_option
@cite_option
@output_option
@force_option
@click.pass_context
def fit(context: click.Context, /, target: str, as_json: bool, output: str, force: bool, **choices: Any) -> None:
    """Fit the 8B flux or the weak mixing angle, or the parameter of interest of any pyhf workspace.

    With --method feldman-cousins interval, significance and goodness of fit come from toys; with --output a run that
    was stopped goes on where it stood.
    """
    from spec_builder.studies.fits import fit_analysis, fit_workspace  # noqa: PLC0415

    given = given_options(context, choices)
    toys = method_of(choices) != "asymptotic"
    check_toy_options(given, toys=toys)
    if is_workspace(target):
        only(given, {"cl", "minimiser", "measurement", "patches", "method", *TOY_OPTIONS}, "a workspace")
        from spec_builder.histfactory.patch import load_workspace  # noqa: PLC0415

        workspace = load_workspace(target, choices["patches"])
        if toys:
            from spec_builder.studies.by_toys import fit_workspace_by_toys  # noqa: PLC0415

            with toy_run(output, choices, workspace, force=force) as how:
                found = fit_workspace_by_toys(
                    workspace,
                    target,
                    measurement=choices["measurement"],
                    cl=choices["cl"],
                    **by_toys(choices),
                    **how,
                )
                emit(found.to_json() if as_json else str(found), output, force=force)
            return
        result = fit_workspace(
            workspace,
            target,
            measurement=choices["measurement"],
            cl=choices["cl"],
            minimiser=choices["minimiser"],
        )
    else:
        own = {"cl", "minimiser", "parameter", "law", "variants", "cite", "method"}
        only(given, own | TOY_OPTIONS | PROJECTION_OPTIONS, "an analysis")
        from spec_builder.model.analysis import load_analysis  # noqa: PLC0415

        analysis = load_analysis(target, choices["law"], choices["variants"])
        if choices["cite"]:
            methods = ["iminuit"] if choices["minimiser"] == "minuit" else []
            emit(bibtex_of(analysis.sources(), *methods), output, force=force)
            return
        if choices["parameter"] is None:
            raise SpecBuilderError("fit: give --parameter flux or --parameter sin2thetaw")
        analysis = changed_analysis(analysis, choices)
        if toys:
            from spec_builder.studies.by_toys import fit_analysis_by_toys  # noqa: PLC0415

            with toy_run(output, choices, analysis.workspace, force=force) as how:
                found = fit_analysis_by_toys(
                    analysis, choices["parameter"], cl=choices["cl"], **by_toys(choices), **how
                )
                emit(found.to_json() if as_json else str(found), output, force=force)
            return
        result = fit_analysis(analysis, choices["parameter"], cl=choices["cl"], minimiser=choices["minimiser"])
    emit(result.to_json() if as_json else str(result), output, force=force)


@click.command()
@click.argument("analysis", shell_complete=ANALYSIS_WORDS)
@choice("--parameter", ("flux", "sin2thetaw"), required=True, help="What to profile; required.")
@law_option
@variant_option
@interval_cl_option
@click.option("--points", default=201, show_default=True, help="Points between the ends, Delta chi2 = 9 or the domain.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="CSV with a header of choices.")
@click.option("--plot", metavar="FILE", help="Draw it (PNG, PDF or SVG).")
@cite_option
@output_option
@force_option
def profile(
    analysis: str, parameter: str, law: str, variants: Mapping[str, str], cl: float, points: int, **out: Any
) -> None:
    """Profile Delta chi2 against the 8B flux or the weak mixing angle."""
    from spec_builder.model.analysis import load_analysis  # noqa: PLC0415
    from spec_builder.studies.profiles import profile_analysis  # noqa: PLC0415

    if out["as_json"] and out["as_csv"]:
        raise SpecBuilderError("profile: give --json or --csv, not both")
    if out["output"] != "-":
        from spec_builder.base.files import refuse_existing  # noqa: PLC0415

        refuse_existing(Path(out["output"]), force=out["force"])
    loaded = load_analysis(analysis, law, variants)
    if out["cite"]:
        emit(bibtex_of(loaded.sources(), "iminuit"), out["output"], force=out["force"])
        return
    result = profile_analysis(loaded, parameter, points=points, cl=cl)
    if out["plot"]:
        from spec_builder.figures.profiles import draw_profiles  # noqa: PLC0415
        from spec_builder.figures.style import save_figure  # noqa: PLC0415

        save_figure(draw_profiles([result]), Path(out["plot"]), force=out["force"])
    if out["as_json"] or not (out["plot"] and out["output"] == "-" and not out["as_csv"]):
        emit(result.to_json() if out["as_json"] else result.to_csv(), out["output"], force=out["force"])
