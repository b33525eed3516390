"""Verbs that exclude new interactions: limits, scans, the plane of mass and coupling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.interactions import InteractionCommand, choices_of, interaction_option, option_names
from spec_builder.cli.options import (
    ANALYSIS_WORDS,
    FILES,
    cite_option,
    cl_option,
    couplings_option,
    csv_option,
    dask_option,
    dof_option,
    fix_option,
    force_option,
    jobs_option,
    json_option,
    law_option,
    output_option,
    plane_dof_option,
    poi_option,
    range_option,
    variant_option,
)
from spec_builder.cli.output import Progress, ResumableProgress, bibtex_of, complain, emit, say_written
from spec_builder.cli.parsing import analysis_and_choice, given_options, is_workspace, jobs_or_cores, only
from spec_builder.cli.pictures import Plots, plot_options, width_option
from spec_builder.cli.spectra import print_limits, scan_spectra, spectrum_option
from spec_builder.cli.toys import (
    by_toys,
    changed_analysis,
    changes_of,
    check_toy_options,
    expected_of,
    expected_option,
    load_changed,
    method_of,
    projection_options,
    toy_options,
    toy_part,
    toy_run,
    toy_workers,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.files import Content
    from spec_builder.base.text import Result
    from spec_builder.model.analysis import Analysis
    from spec_builder.physics.choices import Choice

_OF_WORKSPACE = {"patchset", "measurement", "poi", "hold", "keep_going"}
#: Points of a plane, all of Fig. 4 among them, that take less time than a worker needs to start.
_FEW_POINTS = 250_000


@click.command(cls=InteractionCommand)
@click.argument("analysis", shell_complete=ANALYSIS_WORDS)
@interaction_option("Required, or --spectrum.")
@spectrum_option
@range_option
@law_option
@variant_option
@cl_option
@dof_option
@json_option
@csv_option
@plot_options("Draw them")
@toy_options
@expected_option
@projection_options
@cite_option
@output_option
@force_option
@click.pass_context
def limits(
    context: click.Context, /, analysis: str, cl: float, dof: int, output: str, force: bool, **choices: Any
) -> None:
    """Find the couplings that are excluded at given mediator masses.

    Every crossing of the threshold of Delta chi2 is found, so that an allowed band inside what is excluded is seen. The
    mass inf is the contact limit, on g/m. An interaction without a mediator takes no --masses.

    With --spectrum it is the strength of a recoil spectrum of your own, or of each one in a folder. With --method
    feldman-cousins the thresholds come from toys.
    """
    from spec_builder.studies.limits import find_limits  # noqa: PLC0415

    if choices["spectrum"] is not None:
        given = given_options(context, choices | {"dof": dof})
        plots = Plots.taken(choices, output, force=force)
        print_limits(analysis, given, choices, cl, output, plots)
        return
    plots = Plots.taken(choices, output, force=force)
    loaded, choice = analysis_and_choice(analysis, choices)
    masses = choices["masses"]
    if choices["cite"]:
        emit(bibtex_of(loaded.sources(choice)), output, force=force)
        return
    toys, expected = method_of(choices) != "asymptotic", expected_of(choices)
    check_toy_options(given_options(context, choices), toys=toys or expected == "toys", asimov=expected == "asimov")
    loaded = changed_analysis(loaded, choices, expected=expected is not None)
    if toys or expected is not None:
        how = {"cl": cl, "dof": dof}
        _limits_with_toys(loaded, choice, masses, choices, how, output, plots)
        return
    result = find_limits(loaded, choice, masses, cl=cl, dof=dof)
    beside = plots.of_result(result)
    emit(result, output, force=force, beside=beside, as_json=choices["as_json"], as_csv=choices["as_csv"])


def _limits_with_toys(
    analysis: Analysis,
    choice: Choice,
    masses: str | None,
    choices: dict[str, Any],
    level: dict[str, Any],
    output: str,
    plots: Plots,
) -> None:
    """Limits by toys, or expected ones."""
    import numpy as np  # noqa: PLC0415

    from spec_builder.drawing.curves import check_no_sign  # noqa: PLC0415
    from spec_builder.model.given import mass_axis  # noqa: PLC0415
    from spec_builder.studies.expected import expect_limits  # noqa: PLC0415
    from spec_builder.studies.limits import find_limits  # noqa: PLC0415
    from spec_builder.studies.limits_by_toys import find_limits_by_toys  # noqa: PLC0415

    expected = choices["expected"]
    if expected is not None and method_of(choices) != "asymptotic":
        raise SpecBuilderError("limits: --expected is for --method asymptotic")
    of_masses = choice.has_mediator or expected is not None
    if plots and of_masses:
        check_no_sign(signed=choice.signed)
        if np.isfinite(mass_axis(choice, masses, analysis)).sum() < 2:
            raise SpecBuilderError("limits: --plot needs at least two finite masses")
    with toy_run(output, choices | {"limits": level}, analysis.workspace, choice, force=plots.force) as how:
        own = {**level, **by_toys(choices), **how}
        if expected is None:
            result: Result = find_limits_by_toys(analysis, choice, masses, **own)
            beside = plots.of_result(result)
        else:
            awaited = expect_limits(analysis, choice, masses, kind=expected, **own)
            result, beside = awaited, {}
            if plots:
                from spec_builder.figures.expected import draw_expected  # noqa: PLC0415

                real = all(not choices[name] for name in ("data", "exposure", "background", "uncertainty"))
                observed = find_limits(analysis, choice, masses, **level) if real else None
                beside = plots.content(draw_expected, awaited, observed)
        emit(result, output, force=plots.force, beside=beside, as_json=choices["as_json"], as_csv=choices["as_csv"])


@click.command(cls=InteractionCommand)
@click.argument("target", metavar="ANALYSIS|WORKSPACE.json", shell_complete=ANALYSIS_WORDS)
@interaction_option("Of an ANALYSIS; required there, or --spectrum.")
@spectrum_option
@click.option("--patchset", metavar="PATCHSET.json", shell_complete=FILES, help="Of a WORKSPACE; required there.")
@click.option("--measurement", metavar="NAME", help="Of a WORKSPACE (default: new_physics, or the first).")
@poi_option
@fix_option
@click.option("--keep-going", is_flag=True, help="Report patches that do not work, and scan the others.")
@click.option("--masses", metavar="LIST|LO:HI:N", help="Masses [MeV] (default: 121 over the range of the analysis).")
@couplings_option
@law_option
@variant_option
@projection_options
@jobs_option
@dask_option
@cite_option
@click.option("--output", "-o", metavar="FILE.npz|.csv|.parquet", help="Columnar file to write.")
@force_option
@click.pass_context
def scan(context: click.Context, /, target: str, output: str | None, force: bool, **choices: Any) -> None:
    """Profile 2NLL on a grid of masses and couplings.

    With a WORKSPACE it is 2NLL at every patch of a patch set, with --spectrum at every spectrum of a folder.

    A scan that was stopped goes on where it stood, here or on another machine. On one machine it ends in the same
    bytes.
    """
    from spec_builder.base.executors import executor_for  # noqa: PLC0415

    given = given_options(context, choices)
    if choices["cite"] and not is_workspace(target) and choices["spectrum"] is None:
        analysis, choice = analysis_and_choice(target, choices)
        if output is not None:
            raise SpecBuilderError("scan: --cite prints, and writes no scan: leave out --output")
        click.echo(bibtex_of(analysis.sources(choice)), nl=False)
        return
    if output is None:
        raise SpecBuilderError("scan: give --output FILE.npz, FILE.csv or FILE.parquet")
    pool = executor_for(jobs_or_cores(choices["jobs"]), choices["dask"], preload=["spec_builder.studies.scans"])
    with pool as executor, ResumableProgress(Path(output)) as report:
        from spec_builder.studies import scans  # noqa: PLC0415
        from spec_builder.studies.patch_scans import scan_patches  # noqa: PLC0415
        from spec_builder.studies.scan_jobs import check_scan_output  # noqa: PLC0415

        check_scan_output(Path(output), force=force)
        how: dict[str, Any] = {
            "executor": executor,
            "output": Path(output),
            "force": force,
            "report": report.chunks,
        }
        if is_workspace(target):
            only(given, {"patchset", "measurement", "poi", "hold", "keep_going", "jobs", "dask"}, "a workspace")
            if choices["patchset"] is None:
                raise SpecBuilderError("give --patchset PATCHSET.json with a workspace")
            if choices["keep_going"]:
                how["passed_over"] = complain
            how |= {name: choices[name] for name in ("measurement", "poi", "hold")}
            scan_patches(target, choices["patchset"], **how)
        elif choices["spectrum"] is not None:
            scan_spectra(target, given, choices, how)
        else:
            only(given, set(choices) - _OF_WORKSPACE, "an analysis")
            analysis, choice = analysis_and_choice(target, choices)
            analysis = changed_analysis(analysis, choices)
            couplings = choices["couplings"]
            if couplings is not None:
                scans.scan_analysis(analysis, choice, choices["masses"], couplings, **how)
            else:
                values = scans.default_couplings(analysis, choice, choices["masses"])
                scans.scan_analysis(analysis, choice, choices["masses"], values, **how)
                told = f"{choice.parameter}: {values.size} values from {values[0]:.6g} to {values[-1]:.6g}"
                click.echo(f"{told}, around what is excluded", err=True)
    say_written(output)


@click.command(cls=InteractionCommand, short_help="Draw the paper's Fig. 4, or any plane, with contours and grids.")
@click.argument("analysis", required=False, metavar="[ANALYSIS]", shell_complete=ANALYSIS_WORDS)
@interaction_option("Repeatable (default: the paper's five).", multiple=True)
@law_option
@variant_option
@cl_option
@plane_dof_option
@click.option(
    "--points", default=121, show_default=True, metavar="N", help="Masses, and couplings (by toys: 31 by default)."
)
@toy_options
@projection_options
@width_option
@click.option("--output", "-o", default="plane", show_default=True, metavar="FOLDER", help="Folder to write to.")
@force_option
@click.pass_context
def plane(context: click.Context, /, analysis: str | None, output: str, **choices: Any) -> None:
    """Draw what is excluded in the plane of mass and coupling; contours as CSV, profiled grids as NPZ.

    Without an ANALYSIS and an --interaction it is the paper's Fig. 4: three analyses, five interactions. Where there is
    no mediator the plane is a line.

    With --method feldman-cousins contours by toys, beside those of Wilks' theorem, as JSON and CSV, and
    the figure; the couplings are around the limits at each mass.
    """
    from spec_builder.base.executors import executor_for  # noqa: PLC0415
    from spec_builder.base.folders import alone_in  # noqa: PLC0415

    given = given_options(context, choices)
    toys = method_of(choices) != "asymptotic"
    check_toy_options(given - {"jobs", "dask"}, toys=toys)
    names = choices.pop("interactions")
    interactions = choices_of(names, choices) if names else []
    for name in option_names():
        value = choices.pop(name)
        if value and not names:
            raise SpecBuilderError(f"--{name.replace('_', '-')} applies with an --interaction only")
    if toys:
        if analysis is None or not interactions:
            raise SpecBuilderError("plane: --method feldman-cousins needs an ANALYSIS and an --interaction")
        points = choices["points"] if "points" in given else 31
        with alone_in(Path(output)):
            _plane_by_toys(analysis, interactions, choices | {"points": points}, Path(output))
        return
    jobs, dask = choices.pop("jobs"), choices.pop("dask")
    for name in ("method", "toys", "seed", "ensemble"):
        del choices[name]
    change = changes_of(choices)
    fits = choices["points"] ** 2 * (3 if analysis is None else 1) * (len(interactions) or 5)
    few = jobs is None and fits <= _FEW_POINTS
    pool = executor_for(1 if few else jobs_or_cores(jobs), dask, preload=["spec_builder.studies.plane"])
    with alone_in(Path(output)), pool as executor, Progress() as report:
        from spec_builder.paper.plane import write_plane  # noqa: PLC0415

        table = write_plane(
            Path(output),
            analysis=analysis,
            choices=interactions,
            change=change,
            executor=executor,
            report=report,
            **choices,
        )
    emit(table, "-", force=False)


def _plane_by_toys(analysis: str, interactions: Sequence[Choice], choices: dict[str, Any], folder: Path) -> None:
    """Contours of each interaction by toys, into a folder, when all are done: until then the chunks of all are kept."""
    import contextlib  # noqa: PLC0415

    import numpy as np  # noqa: PLC0415

    from spec_builder.base.output import Output  # noqa: PLC0415
    from spec_builder.drawing.curves import check_no_sign  # noqa: PLC0415
    from spec_builder.drawing.page import both_content  # noqa: PLC0415
    from spec_builder.figures.pages import draw_result  # noqa: PLC0415
    from spec_builder.studies.limits_by_toys import find_limits_by_toys  # noqa: PLC0415

    force, width = choices.pop("force"), choices.pop("width") or "single"
    check_no_sign(signed=any(choice.signed and choice.has_mediator for choice in interactions))
    loaded = load_changed(analysis, choices)
    loaded.check_limits()
    place = Output(folder, force)
    names = [f"plane_{loaded.name}_{choice.name}" for choice in interactions]
    place.check([f"{name}{suffix}" for name in names for suffix in (".png", ".pdf", ".txt", ".csv", ".json")])
    paths = [place.path(f"{name}.json") for name in names]
    files: dict[str, Content] = {}
    with toy_workers(choices) as executor, contextlib.ExitStack() as kept:
        for i, (choice, name, path) in enumerate(zip(interactions, names, paths, strict=True)):
            masses = np.geomspace(*loaded.masses_MeV, choices["points"]) if choice.has_mediator else None
            dof = choices["dof"] or (2 if choice.has_mediator else 1)
            part = toy_part(path, choices, loaded.workspace, choice, before=paths[:i], force=force)
            how = {"executor": executor, **kept.enter_context(part), **by_toys(choices)}
            how |= {"cl": choices["cl"], "dof": dof, "points": choices["points"]}
            found = find_limits_by_toys(loaded, choice, masses, **how)
            files |= both_content(draw_result(found, width=width), name)
            files |= {f"{name}.csv": found.to_csv(), path.name: found.to_json()}
        place.files(files)
    for path in paths:
        say_written(path)
