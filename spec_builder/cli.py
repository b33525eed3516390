"""The command line: parses, calls and prints. All it does can be done from Python with the same names."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from spec_builder import __version__
from spec_builder.errors import SpecBuilderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from spec_builder.analysis import Analysis
    from spec_builder.histfactory.patchset import Style
    from spec_builder.physics.interactions import NewPhysics
    from spec_builder.tables import FloatArray

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
        _fail(f"{error.format_message().rstrip('.')}; see spec-builder --help")
    except OSError as error:  # all files are written by spec_builder.files; what is left is standard output
        _fail(f"standard output: cannot be written ({error.strerror})")
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> None:
    _complain(message)
    sys.exit(2)


def _complain(message: str) -> None:
    click.echo(f"spec-builder: error: {' '.join(message.split())}", err=True)


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


def _complete_variant(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from spec_builder.experiments.description import load_experiment, shipped_experiments  # noqa: PLC0415

    words = (f"{name}={variant}" for name in shipped_experiments() for variant in load_experiment(name).variants)
    return _words(*words)(context, parameter, incomplete)


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


def _words(*words: str, files: bool = False) -> Callable[..., list[CompletionItem]]:
    """What a shell offers: words that begin like what was typed, else files if they are allowed."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        del context, parameter
        found = [CompletionItem(word) for word in words if word.startswith(incomplete)]
        return found if found or not files else [CompletionItem(incomplete, type="file")]

    return complete


def _choice(name: str, words: tuple[str, ...], **settings: Any) -> Callable[..., Any]:
    """An option that takes one of a few words; what is wrong is said where the word is used."""
    return click.option(name, metavar="|".join(words), shell_complete=_words(*words), **settings)


_analyses = _words("xenonnt", "pandax4t", "combined", files=True)
_files = _words(files=True)
law_option = _choice(
    "--law", ("normsys", "linear"), default="normsys", show_default=True, help="How uncertainties act."
)
variant_option = click.option(
    "--variant",
    "variants",
    multiple=True,
    callback=_variants,
    metavar="EXPERIMENT=NAME",
    shell_complete=_complete_variant,
    help="A variant of an experiment; repeatable.",
)
cite_option = click.option("--cite", is_flag=True, help="BibTeX of what the result uses, in its place.")
json_option = click.option("--json", "as_json", is_flag=True, help="JSON for machines.")
coupling_set_option = _choice("--coupling-set", ("A", "B", "C", "D", "E"), help="Scalar f_Tq set (default: B).")
longitudinal_option = _choice(
    "--longitudinal-factor", ("1", "4"), type=int, help="Of the tensor, Eq. (8) (default: 1)."
)
cl_option = click.option("--cl", default=0.9, show_default=True, help="Confidence level.")
dof_option = _choice(
    "--dof", ("1", "2"), default=2, show_default=True, help="1: minimum at each mass; 2: over the plane."
)
jobs_option = click.option("--jobs", "-j", type=int, metavar="N", help="Worker processes (default: one for each core).")
dask_option = click.option("--dask", metavar="ADDRESS", help="Dask scheduler to compute on; needs the extra [dask].")
masses_option = click.option(
    "--masses", default="0.01:1000:31", show_default=True, metavar="LIST|LO:HI:N", help="Mediator masses [MeV]."
)
couplings_option = click.option(
    "--couplings", metavar="LIST|LO:HI:N", help="Couplings g (default: a range that holds the limits)."
)
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
@click.argument(
    "experiment", required=False, metavar="[NAME|PATH]", shell_complete=_words("xenonnt", "pandax4t", files=True)
)
@json_option
@output_option
@force_option
def experiments(experiment: str | None, as_json: bool, output: str, force: bool) -> None:
    """List the shipped experiments, or show one in full with its sources and statuses."""
    from spec_builder.catalogue import describe_experiment, list_experiments  # noqa: PLC0415

    text = list_experiments(as_json=as_json) if experiment is None else describe_experiment(experiment, as_json=as_json)
    _emit(text, output, force=force)


@cli.command()
@_choice("--interaction", INTERACTIONS, default="sm", show_default=True)
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
    from spec_builder.spectrum import recoil_spectrum  # noqa: PLC0415

    result = recoil_spectrum(**choices)
    text = _bibtex(result.sources) if cite else result.to_json() if as_json else str(result)
    _emit(text, output, force=force)


def _bibtex(sources: Iterable[str], *methods: str) -> str:
    from spec_builder.citations import bibtex  # noqa: PLC0415

    return bibtex(sources, methods=methods)


@cli.command()
@click.argument("analyses", nargs=-1, metavar="[ANALYSIS]...", shell_complete=_analyses)
@law_option
@variant_option
@click.option("--output", "-o", metavar="DIR", help="Folder to write to (one analysis without it: stdout).")
@click.option(
    "--interaction",
    "interactions",
    multiple=True,
    metavar="NAME|all",
    shell_complete=_words(*INTERACTIONS[1:], "all"),
    help="Write its patch set too; repeatable.",
)
@masses_option
@click.option("--couplings", metavar="LIST|LO:HI:N", help="Couplings g (default: around the limits).")
@_choice("--style", ("total", "signal"), default="total", show_default=True, help="Of the patches.")
@coupling_set_option
@longitudinal_option
@click.option("--hepdata", metavar="insNNNNNNN", help="HEPData record of the patch sets.")
@force_option
@click.pass_context
def export(context: click.Context, /, analyses: tuple[str, ...], output: str | None, **choices: Any) -> None:
    """Write pyhf workspaces (BkgOnly.json) and their metadata, a folder for each analysis; all by default.

    With --interaction also patch sets (patchset_<interaction>.json), a patch for each mass and coupling.
    Without --couplings they run around the 90 % CL limit at each mass, as many as there are masses.
    """
    from spec_builder.analysis import ANALYSES, load_analysis  # noqa: PLC0415
    from spec_builder.export import PatchRequest, export_workspaces  # noqa: PLC0415
    from spec_builder.files import canonical_json  # noqa: PLC0415

    law, variants = choices["law"], choices["variants"]
    patches: PatchRequest | None = None
    if choices["interactions"]:
        if output is None:
            raise SpecBuilderError("export: patch sets need --output DIR")
        patches = PatchRequest(
            _interactions(choices["interactions"], choices["coupling_set"], choices["longitudinal_factor"]),
            _grid(choices["masses"], "masses"),
            None if choices["couplings"] is None else _grid(choices["couplings"], "couplings"),
            _style(choices["style"]),
            choices["hepdata"],
        )
    else:
        patch_options = {"masses", "couplings", "style", "coupling_set", "longitudinal_factor", "hepdata"}
        _only(_given(context, choices), set(choices) - patch_options, "an export without --interaction")
    if output is None:
        if len(analyses) != 1:
            raise SpecBuilderError("export: give --output DIR, or one analysis to print its workspace")
        click.echo(canonical_json(load_analysis(analyses[0], law, variants).workspace), nl=False)
        return
    written = export_workspaces(
        analyses or ANALYSES, Path(output), law=law, variants=variants, patches=patches, force=choices["force"]
    )
    for path in written:
        click.echo(path)


def _grid(text: str, what: str) -> list[float]:
    from spec_builder.grids import parse_grid  # noqa: PLC0415

    return parse_grid(text, what)


def _style(name: str) -> Style:
    from spec_builder.histfactory.patchset import STYLES  # noqa: PLC0415

    for style in STYLES:
        if style == name:
            return style
    raise SpecBuilderError(f"style '{name}' is unknown, expected one of {', '.join(STYLES)}")


def _interactions(
    names: tuple[str, ...], coupling_set: str | None, longitudinal_factor: int | None
) -> list[NewPhysics]:
    """The interactions asked for; with several, a choice goes to the one that it belongs to."""
    from spec_builder.physics.interactions import parse_new_physics  # noqa: PLC0415

    if len(set(names)) < len(names):
        raise SpecBuilderError(f"interaction '{max(names, key=names.count)}' is given twice")
    expanded = [name for name in INTERACTIONS if name != "sm"] if "all" in names else list(names)
    several = len(expanded) > 1
    if several and coupling_set is not None and "scalar" not in expanded:
        raise SpecBuilderError(f"coupling set '{coupling_set}' belongs to interaction 'scalar', which is not exported")
    if several and longitudinal_factor is not None and "tensor" not in expanded:
        raise SpecBuilderError(f"longitudinal factor {longitudinal_factor} belongs to 'tensor', which is not exported")
    return [
        parse_new_physics(
            name,
            coupling_set if name == "scalar" or not several else None,
            longitudinal_factor if name == "tensor" or not several else None,
        )
        for name in expanded
    ]


@cli.command()
@click.argument("target", metavar="ANALYSIS|WORKSPACE.json|-", shell_complete=_analyses)
@_choice("--parameter", ("flux", "sin2thetaw"), help="What to fit in an ANALYSIS.")
@law_option
@variant_option
@click.option("--cl", default=0.68, show_default=True, help="Confidence level of the interval.")
@_choice("--minimiser", ("minuit", "newton"), default="minuit", show_default=True)
@click.option("--measurement", metavar="NAME", help="Of a WORKSPACE; the first by default.")
@click.option(
    "--patch",
    "patches",
    multiple=True,
    metavar="FILE",
    shell_complete=_files,
    help="JSON patch of a WORKSPACE; repeatable.",
)
@json_option
@cite_option
@output_option
@force_option
@click.pass_context
def fit(context: click.Context, /, target: str, as_json: bool, output: str, force: bool, **choices: Any) -> None:
    """Fit the 8B flux or the weak mixing angle, or the parameter of interest of any pyhf workspace."""
    from spec_builder import results  # noqa: PLC0415

    given = _given(context, choices)
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
        _only(given, {"cl", "minimiser", "parameter", "law", "variants", "cite"}, "an analysis")
        from spec_builder.analysis import load_analysis  # noqa: PLC0415

        analysis = load_analysis(target, choices["law"], choices["variants"])
        if choices["cite"]:
            methods = ["iminuit"] if choices["minimiser"] == "minuit" else []
            _emit(_bibtex(analysis.sources(), *methods), output, force=force)
            return
        if choices["parameter"] is None:
            raise SpecBuilderError("fit: give --parameter flux or --parameter sin2thetaw")
        result = results.fit_analysis(analysis, choices["parameter"], cl=choices["cl"], minimiser=choices["minimiser"])
    _emit(result.to_json() if as_json else str(result), output, force=force)


def _given(context: click.Context, choices: Mapping[str, Any]) -> set[str]:
    """Names of the options that stand on the command line."""
    default = click.core.ParameterSource.DEFAULT
    return {name for name in choices if context.get_parameter_source(name) is not default}


def _is_workspace(target: str) -> bool:
    return target == "-" or target.endswith(".json") or (Path(target).is_file() and not target.endswith(".toml"))


def _only(given: set[str], allowed: set[str], what: str) -> None:
    flags = {"variants": "variant", "patches": "patch", "interactions": "interaction"}
    for name in sorted(given - allowed):
        raise SpecBuilderError(f"--{flags.get(name, name).replace('_', '-')} does not apply to {what}")


@cli.command()
@click.argument("analysis", shell_complete=_analyses)
@_choice("--parameter", ("flux", "sin2thetaw"), required=True)
@law_option
@variant_option
@click.option("--points", default=201, show_default=True, help="Points between the ends, Delta chi2 = 9 or the domain.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="CSV with a header of choices.")
@click.option("--plot", metavar="FILE", help="Draw it (PNG, PDF or SVG).")
@cite_option
@output_option
@force_option
def profile(analysis: str, parameter: str, law: str, variants: Mapping[str, str], points: int, **out: Any) -> None:
    """Profile Delta chi2 against the 8B flux or the weak mixing angle."""
    from spec_builder.analysis import load_analysis  # noqa: PLC0415
    from spec_builder.results import profile_analysis  # noqa: PLC0415

    if out["as_json"] and out["as_csv"]:
        raise SpecBuilderError("profile: give --json or --csv, not both")
    if out["output"] != "-":
        from spec_builder.files import refuse_existing  # noqa: PLC0415

        refuse_existing(Path(out["output"]), force=out["force"])
    loaded = load_analysis(analysis, law, variants)
    if out["cite"]:
        _emit(_bibtex(loaded.sources(), "iminuit"), out["output"], force=out["force"])
        return
    result = profile_analysis(loaded, parameter, points=points)
    if out["plot"]:
        from spec_builder.figures import draw_profiles, save_figure  # noqa: PLC0415

        save_figure(draw_profiles([result]), Path(out["plot"]), force=out["force"])
    if out["as_json"] or not (out["plot"] and out["output"] == "-" and not out["as_csv"]):
        _emit(result.to_json() if out["as_json"] else result.to_csv(), out["output"], force=out["force"])


@cli.command()
@click.argument("target", metavar="ANALYSIS|WORKSPACE.json", shell_complete=_analyses)
@click.option("--interaction", metavar="NAME", shell_complete=_words(*INTERACTIONS[1:]), help="Of an ANALYSIS.")
@click.option("--patchset", metavar="PATCHSET.json", shell_complete=_files, help="Of a WORKSPACE.")
@click.option("--measurement", metavar="NAME", help="Of a WORKSPACE (default: new_physics, or the first).")
@click.option("--masses", default="0.01:1000:121", show_default=True, metavar="LIST|LO:HI:N", help="Masses [MeV].")
@couplings_option
@law_option
@variant_option
@coupling_set_option
@longitudinal_option
@jobs_option
@dask_option
@click.option("--output", "-o", required=True, metavar="FILE.npz|FILE.csv", help="Columnar file to write.")
@force_option
@click.pass_context
def scan(context: click.Context, /, target: str, output: str, force: bool, **choices: Any) -> None:
    """Profile 2NLL on a grid of masses and couplings, or at every patch of a patch set.

    A scan that was stopped goes on where it stood and ends in the same bytes.
    """
    from spec_builder.executors import executor_for  # noqa: PLC0415

    given = _given(context, choices)
    with executor_for(_jobs(choices["jobs"]), choices["dask"]) as executor, _Progress() as report:
        from spec_builder import scans  # noqa: PLC0415

        how: dict[str, Any] = {"executor": executor, "output": Path(output), "force": force, "report": report}
        if _is_workspace(target):
            _only(given, {"patchset", "measurement", "jobs", "dask"}, "a workspace")
            scans.scan_files(target, choices["patchset"], measurement=choices["measurement"], **how)
        else:
            _only(given, set(choices) - {"patchset", "measurement"}, "an analysis")
            analysis, choice = _analysis_and_choice(target, choices)
            masses, couplings = _plane_grid(choice, choices)
            scans.scan_analysis(analysis, choice, masses, couplings, **how)
    click.echo(output)


def _jobs(jobs: int | None) -> int:
    import os  # noqa: PLC0415

    return (os.cpu_count() or 1) if jobs is None else jobs


def _analysis_and_choice(target: str, choices: Mapping[str, Any]) -> tuple[Analysis, NewPhysics]:
    from spec_builder.analysis import load_analysis  # noqa: PLC0415
    from spec_builder.physics.interactions import parse_new_physics  # noqa: PLC0415

    if choices["interaction"] is None:
        raise SpecBuilderError(f"give --interaction, one of {', '.join(INTERACTIONS[1:])}")
    choice = parse_new_physics(choices["interaction"], choices["coupling_set"], choices["longitudinal_factor"])
    return load_analysis(target, choices["law"], choices["variants"]), choice


def _plane_grid(choice: NewPhysics, choices: Mapping[str, Any]) -> tuple[FloatArray, FloatArray]:
    import numpy as np  # noqa: PLC0415

    masses = np.array(_grid(choices["masses"], "masses"))
    if choices["couplings"] is None:
        return masses, np.geomspace(*choice.default_couplings, 121)
    return masses, np.array(_grid(choices["couplings"], "couplings"))


class _Progress:
    """A line on a terminal with what is done and the time left, once that takes more than two seconds."""

    def __enter__(self) -> Callable[[int, int], None]:
        self._begin, self._shown, self._first = time.monotonic(), False, -1
        return self._report

    def _report(self, done: int, total: int) -> None:
        if self._first < 0:
            self._first = done
        passed = time.monotonic() - self._begin
        if not sys.stderr.isatty() or passed < 2 or done == self._first:
            return
        left = passed / (done - self._first) * (total - done)
        click.echo(f"\r{100 * done // total:3d} %  {left:5.0f} s left ", nl=False, err=True)
        self._shown = True

    def __exit__(self, *_: object) -> None:
        if self._shown:
            click.echo("", err=True)


@cli.command()
@click.argument("analysis", shell_complete=_analyses)
@click.option(
    "--interaction",
    metavar="NAME",
    shell_complete=_words(*INTERACTIONS[1:]),
    help="scalar, vector_universal, vector_bl, axial or tensor.",
)
@masses_option
@law_option
@variant_option
@coupling_set_option
@longitudinal_option
@cl_option
@dof_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="CSV with a header of choices.")
@cite_option
@output_option
@force_option
def limits(analysis: str, cl: float, dof: int, output: str, force: bool, **choices: Any) -> None:
    """Exclude couplings at given mediator masses: every crossing of Delta chi2, by root finding."""
    import numpy as np  # noqa: PLC0415

    from spec_builder.limits import find_limits  # noqa: PLC0415

    if choices["as_json"] and choices["as_csv"]:
        raise SpecBuilderError("limits: give --json or --csv, not both")
    masses = np.array(_grid(choices["masses"], "masses"))
    loaded, choice = _analysis_and_choice(analysis, choices)
    if choices["cite"]:
        _emit(_bibtex(loaded.sources(choice)), output, force=force)
        return
    result = find_limits(loaded, choice, masses, cl=cl, dof=dof)
    text = result.to_json() if choices["as_json"] else result.to_csv() if choices["as_csv"] else str(result)
    _emit(text, output, force=force)


@cli.command(short_help="Draw the paper's Fig. 4, with contours and grids.")
@law_option
@variant_option
@cl_option
@dof_option
@click.option("--points", default=121, show_default=True, help="Masses, and couplings.")
@jobs_option
@dask_option
@click.option("--output", "-o", default="plane", show_default=True, metavar="DIR", help="Folder to write to.")
@force_option
def plane(jobs: int | None, dask: str | None, output: str, **choices: Any) -> None:
    """Draw the paper's Fig. 4: three analyses, five interactions; contours as CSV, profiled grids as NPZ."""
    from spec_builder.executors import executor_for  # noqa: PLC0415

    with executor_for(_jobs(jobs), dask) as executor:
        from spec_builder.plane import write_plane  # noqa: PLC0415

        table = write_plane(Path(output), executor=executor, report=lambda text: click.echo(text, err=True), **choices)
    click.echo(table, nl=False)


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=_files)
def verify(files: tuple[str, ...]) -> None:
    """Check workspaces: schema, names, numbers, modifiers, digests. Says where, why and what to do.

    An archive (.tar.gz, or the folder that it was unpacked to) is checked against its checksums, and all that it
    promises is computed again.
    """
    from spec_builder.archive.bundle import is_archive  # noqa: PLC0415

    failed = 0
    for name in files:
        try:
            summary, problems = _verify(name, archive=is_archive(name))
        except SpecBuilderError as error:
            summary, problems = "", [str(error)]
        for problem in problems:
            shown = "standard input" if name == "-" else name
            _complain(problem if problem.startswith(f"{shown}:") else f"{shown}: {problem}")
        if problems:
            failed += 1
        else:
            click.echo(f"{name}: ok ({summary})")
    if failed:
        sys.exit(2)


def _verify(name: str, *, archive: bool) -> tuple[str, list[str]]:
    if archive:
        from spec_builder.archive.verify import verify_archive  # noqa: PLC0415

        return verify_archive(name)
    from spec_builder.verify import verify_file  # noqa: PLC0415

    return verify_file(name)


@cli.command(short_help="The paper's Sec. IV: fits, limits, figures, tables.")
@jobs_option
@click.option("--output", "-o", default="results", show_default=True, metavar="DIR", help="Folder to write to.")
@force_option
def reproduce(jobs: int | None, output: str, force: bool) -> None:
    """Reproduce the paper's Sec. IV: workspaces, fits, profiles, limits, figures, and tables beside the paper's."""
    from spec_builder.executors import executor_for  # noqa: PLC0415

    with executor_for(_jobs(jobs)) as executor:
        from spec_builder.reproduce import reproduce as run  # noqa: PLC0415

        summary = run(Path(output), executor=executor, force=force, report=lambda text: click.echo(text, err=True))
    click.echo(summary, nl=False)


@cli.command()
def doctor() -> None:
    """Print what a bug report needs: versions, extras, and a check of the likelihood against pyhf."""
    from spec_builder.doctor import diagnose  # noqa: PLC0415

    report, problems = diagnose()
    click.echo(report, nl=False)
    for problem in problems:
        _complain(problem)
    if problems:
        sys.exit(2)


@cli.command()
@click.argument("shell", metavar="bash|zsh|fish", shell_complete=_words("bash", "zsh", "fish"))
def completion(shell: str) -> None:
    """Print a script that completes verbs, options and their values in a shell.

    For bash: spec-builder completion bash > ~/.spec-builder-completion, and source that file in ~/.bashrc.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise SpecBuilderError(f"shell '{shell}' is unknown, expected bash, zsh or fish")
    click.echo(kind(cli, {}, "spec-builder", "_SPEC_BUILDER_COMPLETE").source())


@cli.command(short_help="Draw the paper's Figs. 3 and 5, beside others' results.")
@law_option
@variant_option
@cl_option
@dof_option
@click.option("--bounds", "folders", multiple=True, metavar="DIR", help="Curves of your own; repeatable.")
@click.option("--darkcast", metavar="DIR", help="Recast existing bounds with this DarkCast.")
@click.option("--output", "-o", default="comparison", show_default=True, metavar="DIR", help="Folder to write to.")
@force_option
def compare(output: str, folders: tuple[str, ...], darkcast: str | None, **choices: Any) -> None:
    """Draw the weak mixing angle (Fig. 3) and the limits (Fig. 5) beside existing results; list their sources.

    A curve of your own is a file DIR/<interaction>/<name>.csv with interaction scalar, axial, vector_bl or
    vector_universal.
    """
    from spec_builder.comparison.writing import compare as run  # noqa: PLC0415

    table = run(
        Path(output),
        folders=[Path(folder) for folder in folders],
        darkcast=None if darkcast is None else Path(darkcast),
        report=lambda text: click.echo(text, err=True),
        **choices,
    )
    click.echo(table, nl=False)


@cli.command(short_help="Write what a HEPData record needs.")
@click.argument("analyses", nargs=-1, metavar="[ANALYSIS]...")
@law_option
@variant_option
@click.option(
    "--interaction",
    "interactions",
    multiple=True,
    default=["all"],
    show_default=True,
    metavar="NAME|all",
    help="Of the patch sets; repeatable.",
)
@masses_option
@click.option("--couplings", metavar="LIST|LO:HI:N", help="Couplings g (default: around the limits).")
@click.option("--style", default="total", show_default=True, metavar="total|signal", help="Of the patches.")
@coupling_set_option
@longitudinal_option
@click.option("--hepdata", metavar="insNNNNNNN", help="HEPData record that this is for.")
@click.option("--no-submission", is_flag=True, help="The archives alone: no submission.yaml, no tables.")
@click.option("--output", "-o", default="archive", show_default=True, metavar="DIR", help="Folder to write to.")
@force_option
def archive(analyses: tuple[str, ...], output: str, force: bool, **choices: Any) -> None:
    """Write an archive of each analysis (all by default), and the HEPData submission that holds them.

    ANALYSIS.tar.gz has the workspace, its patch sets, the same model in HS3, a README, expected results and checksums;
    spec-builder verify checks it. submission.yaml and its tables of excluded couplings need the extra [hepdata].
    """
    from spec_builder.analysis import ANALYSES  # noqa: PLC0415
    from spec_builder.archive.build import write_archives  # noqa: PLC0415
    from spec_builder.export import PatchRequest  # noqa: PLC0415

    patches = PatchRequest(
        _interactions(tuple(choices["interactions"]), choices["coupling_set"], choices["longitudinal_factor"]),
        _grid(choices["masses"], "masses"),
        None if choices["couplings"] is None else _grid(choices["couplings"], "couplings"),
        _style(choices["style"]),
        choices["hepdata"],
    )
    written = write_archives(
        analyses or ANALYSES,
        Path(output),
        patches,
        law=choices["law"],
        variants=choices["variants"],
        submission=not choices["no_submission"],
        force=force,
        report=lambda text: click.echo(text, err=True),
    )
    for path in written:
        click.echo(path)


@cli.command(short_help="Write a workspace in HS3.")
@click.argument("workspace", metavar="WORKSPACE.json|-")
@click.option("--patch", "patches", multiple=True, metavar="FILE", help="JSON patch to apply; repeatable.")
@output_option
@force_option
def hs3(workspace: str, patches: tuple[str, ...], output: str, force: bool) -> None:
    """Write a pyhf workspace in the HEP Statistics Serialization Standard (HS3).

    Edges and units of the axes come from the .meta.json beside the workspace, if there is one.
    """
    from spec_builder.files import canonical_json  # noqa: PLC0415
    from spec_builder.histfactory.hs3 import read_hs3  # noqa: PLC0415

    _emit(canonical_json(read_hs3(workspace, patches)), output, force=force)
