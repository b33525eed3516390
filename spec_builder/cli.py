"""The command line: parses, calls and prints. All it does can be done from Python with the same names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_builder import __version__
from spec_builder.errors import SpecBuilderError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["main"]

INTERACTIONS = ("sm", "scalar", "vector_universal", "vector_bl", "axial", "tensor")

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def main() -> None:
    """Entry point: a mistake ends in one line on stderr and exit status 2."""
    try:
        code = cli.main(standalone_mode=False)
    except SpecBuilderError as error:
        _fail(str(error))
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        _fail(error.format_message())
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> None:
    line = " ".join(message.split())
    click.echo(f"spec-builder: error: {line}", err=True)
    sys.exit(2)


def _cite(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from spec_builder.citations import bibtex  # noqa: PLC0415

        click.echo(bibtex(), nl=False)
        context.exit()


def _emit(text: str, output: str, *, force: bool) -> None:
    """Print, or write to a file."""
    if output == "-":
        click.echo(text, nl=False)
    else:
        from spec_builder.files import write_text  # noqa: PLC0415

        write_text(Path(output), text, force=force)


def _variants(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> Mapping[str, str]:
    del context, parameter
    chosen: dict[str, str] = {}
    for value in values:
        experiment, equals, name = value.partition("=")
        if not (experiment and equals and name):
            raise SpecBuilderError(f"variant '{value}': expected EXPERIMENT=NAME, such as pandax4t=ce_rich")
        if experiment in chosen:
            raise SpecBuilderError(f"variant of '{experiment}' is given twice")
        chosen[experiment] = name
    return chosen


law_option = click.option(
    "--law", default="normsys", show_default=True, metavar="normsys|linear", help="How uncertainties act."
)
variant_option = click.option(
    "--variant",
    "variants",
    multiple=True,
    callback=_variants,
    metavar="EXPERIMENT=NAME",
    help="A variant of an experiment; repeatable.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON for machines.")
output_option = click.option("--output", "-o", default="-", metavar="FILE", help="Write here; - is stdout.")
force_option = click.option("--force", is_flag=True, help="Replace a file that exists.")


@click.group(context_settings=_CONTEXT, no_args_is_help=False)
@click.version_option(__version__, "--version", "-V", prog_name="spec-builder")
@click.option(
    "--cite", is_flag=True, is_eager=True, expose_value=False, callback=_cite, help="BibTeX to cite, and exit."
)
def cli() -> None:
    """Likelihoods of solar-neutrino CEvNS in XENONnT and PandaX-4T, as pyhf workspaces and fits.

    ANALYSIS is xenonnt, pandax4t, combined, or paths of experiment folders joined by '+'.
    """


@cli.command()
@click.argument("experiment", required=False, metavar="[NAME|PATH]")
@json_option
@output_option
@force_option
def experiments(experiment: str | None, as_json: bool, output: str, force: bool) -> None:
    """List the shipped experiments, or show one in full with its sources and statuses."""
    from spec_builder.catalogue import describe_experiment, list_experiments  # noqa: PLC0415

    text = list_experiments(as_json=as_json) if experiment is None else describe_experiment(experiment, as_json=as_json)
    _emit(text, output, force=force)


@cli.command()
@click.option("--interaction", default="sm", show_default=True, metavar="|".join(INTERACTIONS))
@click.option("--energies", required=True, metavar="LIST|LO:HI:N", help="Recoil energies [keV].")
@click.option("--mass", type=float, metavar="MEV", help="Mediator mass [MeV].")
@click.option("--coupling", type=float, metavar="G", help="Coupling g.")
@click.option("--coupling-set", default="B", show_default=True, metavar="A|B|C|D|E", help="Scalar f_Tq set.")
@click.option("--longitudinal-factor", default=1, show_default=True, metavar="1|4", help="Of Eq. (8).")
@click.option("--sin2thetaw", type=float, metavar="X", help="Weak mixing angle (default: 0.23857).")
@click.option("--hep", is_flag=True, help="Add hep neutrinos to the 8B flux.")
@json_option
@output_option
@force_option
def spectrum(as_json: bool, output: str, force: bool, **choices: Any) -> None:
    """Print the recoil spectrum dR/dT [events/(t yr keV)] in natural xenon."""
    from spec_builder.spectrum import recoil_spectrum  # noqa: PLC0415

    result = recoil_spectrum(**choices)
    _emit(result.to_json() if as_json else str(result), output, force=force)


@cli.command()
@click.argument("analyses", nargs=-1, metavar="[ANALYSIS]...")
@law_option
@variant_option
@click.option("--output", "-o", metavar="DIR", help="Folder to write to (one analysis without it: stdout).")
@force_option
def export(analyses: tuple[str, ...], law: str, variants: Mapping[str, str], output: str | None, force: bool) -> None:
    """Write pyhf workspaces (BkgOnly.json) and their metadata, a folder for each analysis; all by default."""
    from spec_builder.analysis import ANALYSES, load_analysis  # noqa: PLC0415
    from spec_builder.export import export_workspaces  # noqa: PLC0415
    from spec_builder.files import canonical_json  # noqa: PLC0415

    if output is None:
        if len(analyses) != 1:
            raise SpecBuilderError("export: give --output DIR, or one analysis to print its workspace")
        click.echo(canonical_json(load_analysis(analyses[0], law, variants).workspace), nl=False)
        return
    for path in export_workspaces(analyses or ANALYSES, Path(output), law=law, variants=variants, force=force):
        click.echo(path)


@cli.command()
@click.argument("target", metavar="ANALYSIS|WORKSPACE.json|-")
@click.option("--parameter", metavar="flux|sin2thetaw", help="What to fit in an ANALYSIS.")
@law_option
@variant_option
@click.option("--cl", default=0.68, show_default=True, help="Confidence level of the interval.")
@click.option("--minimiser", default="minuit", show_default=True, metavar="minuit|newton")
@click.option("--measurement", metavar="NAME", help="Of a WORKSPACE; the first by default.")
@click.option("--patch", "patches", multiple=True, metavar="FILE", help="JSON patch of a WORKSPACE; repeatable.")
@json_option
@output_option
@force_option
@click.pass_context
def fit(context: click.Context, /, target: str, as_json: bool, output: str, force: bool, **choices: Any) -> None:
    """Fit the 8B flux or the weak mixing angle, or the parameter of interest of any pyhf workspace."""
    from spec_builder import results  # noqa: PLC0415

    given = {name for name in choices if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT}
    if _is_workspace(target):
        _only(given, {"cl", "minimiser", "measurement", "patches"}, "a workspace")
        from spec_builder.histfactory.patch import load_workspace  # noqa: PLC0415

        workspace = load_workspace(target, choices["patches"])
        result = results.fit_workspace(
            workspace,
            target,
            measurement=choices["measurement"],
            cl=choices["cl"],
            minimiser=choices["minimiser"],
        )
    else:
        _only(given, {"cl", "minimiser", "parameter", "law", "variants"}, "an analysis")
        from spec_builder.analysis import load_analysis  # noqa: PLC0415

        analysis = load_analysis(target, choices["law"], choices["variants"])
        if choices["parameter"] is None:
            raise SpecBuilderError("fit: give --parameter flux or --parameter sin2thetaw")
        result = results.fit_analysis(analysis, choices["parameter"], cl=choices["cl"], minimiser=choices["minimiser"])
    _emit(result.to_json() if as_json else str(result), output, force=force)


def _is_workspace(target: str) -> bool:
    return target == "-" or target.endswith(".json")


def _only(given: set[str], allowed: set[str], what: str) -> None:
    flags = {"variants": "variant", "patches": "patch"}
    for name in sorted(given - allowed):
        raise SpecBuilderError(f"--{flags.get(name, name)} does not apply to {what}")


@cli.command()
@click.argument("analysis")
@click.option("--parameter", required=True, metavar="flux|sin2thetaw")
@law_option
@variant_option
@click.option("--points", default=201, show_default=True, help="Points between the ends, Delta chi2 = 9 or the domain.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="CSV with a header of choices.")
@click.option("--plot", metavar="FILE", help="Draw it (PNG, PDF or SVG).")
@output_option
@force_option
def profile(analysis: str, parameter: str, law: str, variants: Mapping[str, str], points: int, **out: Any) -> None:
    """Profile Delta chi2 against the 8B flux or the weak mixing angle."""
    from spec_builder.analysis import load_analysis  # noqa: PLC0415
    from spec_builder.results import profile_analysis  # noqa: PLC0415

    if out["as_json"] and out["as_csv"]:
        raise SpecBuilderError("profile: give --json or --csv, not both")
    result = profile_analysis(load_analysis(analysis, law, variants), parameter, points=points)
    if out["plot"]:
        from spec_builder.figures import draw_profiles, save_figure  # noqa: PLC0415

        save_figure(draw_profiles([result]), Path(out["plot"]), force=out["force"])
    if out["as_json"] or not (out["plot"] and out["output"] == "-" and not out["as_csv"]):
        _emit(result.to_json() if out["as_json"] else result.to_csv(), out["output"], force=out["force"])


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def verify(files: tuple[str, ...]) -> None:
    """Check workspaces: schema, names, numbers, modifiers, digests. Says where, why and what to do."""
    from spec_builder.verify import verify_file  # noqa: PLC0415

    failed = 0
    for name in files:
        try:
            summary, problems = verify_file(name)
        except SpecBuilderError as error:
            summary, problems = "", [str(error).removeprefix(f"{name}: ")]
        for problem in problems:
            click.echo(f"spec-builder: error: {name}: {problem}", err=True)
        if problems:
            failed += 1
        else:
            click.echo(f"{name}: ok ({summary})")
    if failed:
        sys.exit(2)


@cli.command()
@click.option("--output", "-o", default="results", show_default=True, metavar="DIR", help="Folder to write to.")
@force_option
def reproduce(output: str, force: bool) -> None:
    """Reproduce the paper's Sec. IV A: workspaces, fits, profiles, figures and a table beside the paper's."""
    from spec_builder.reproduce import reproduce as run  # noqa: PLC0415

    click.echo(run(Path(output), force=force, report=lambda text: click.echo(text, err=True)), nl=False)
