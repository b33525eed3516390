"""Verbs that redo the paper, and set it beside other results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.interactions import InteractionCommand, interaction_option, option_names
from spec_builder.cli.options import (
    ANALYSIS_WORDS,
    cl_option,
    compared_dof_option,
    force_option,
    jobs_option,
    law_option,
    range_option,
    variant_option,
)
from spec_builder.cli.output import Progress, emit
from spec_builder.cli.parsing import analysis_and_choice, jobs_or_cores
from spec_builder.cli.pictures import width_option


@click.command(short_help="Reproduce the paper's Sec. IV: fits, limits, figures, tables.")
@jobs_option
@click.option("--output", "-o", default="results", show_default=True, metavar="FOLDER", help="Folder to write to.")
@force_option
def reproduce(jobs: int | None, output: str, force: bool) -> None:
    """Reproduce the paper's Sec. IV: workspaces, fits, profiles, limits, figures, and tables beside the paper's."""
    from spec_builder.base.executors import executor_for  # noqa: PLC0415
    from spec_builder.base.folders import alone_in  # noqa: PLC0415

    pool = executor_for(jobs_or_cores(jobs), preload=["spec_builder.paper.summary"])
    with alone_in(Path(output)), pool as executor, Progress() as report:
        from spec_builder.paper.reproduce import reproduce as run  # noqa: PLC0415

        summary = run(Path(output), executor=executor, force=force, report=report)
    emit(summary, "-", force=False)


@click.command(cls=InteractionCommand, short_help="Draw the paper's Figs. 3 and 5, or any limit, beside others'.")
@click.argument("analysis", required=False, metavar="[ANALYSIS]", shell_complete=ANALYSIS_WORDS)
@interaction_option("Required with an ANALYSIS.")
@range_option
@law_option
@variant_option
@cl_option
@compared_dof_option
@click.option(
    "--bounds",
    multiple=True,
    metavar="FOLDER|FILE",
    help="Curves of your own, or limits (JSON, CSV); repeatable.",
)
@click.option(
    "--darkcast", metavar="FOLDER", help="Recast existing bounds with this DarkCast: the code in FOLDER is run."
)
@width_option
@click.option("--output", "-o", default="comparison", show_default=True, metavar="FOLDER", help="Folder to write to.")
@force_option
def compare(analysis: str | None, output: str, bounds: tuple[str, ...], darkcast: str | None, **choices: Any) -> None:
    """Draw the weak mixing angle (Fig. 3) and the limits (Fig. 5) beside existing results; list their sources.

    A curve of your own is a file FOLDER/<interaction>/<name>.csv with interaction scalar, axial, vector_bl or
    vector_universal; or what limits wrote as JSON or CSV.

    With an ANALYSIS and an --interaction its limit over existing bounds, curves of your own and limits of other data
    computed here on the same interaction; FOLDER may then hold a folder of any interaction's name.
    """
    from spec_builder.base.folders import alone_in  # noqa: PLC0415
    from spec_builder.paper.comparison import compare as run  # noqa: PLC0415
    from spec_builder.paper.comparison import compare_analysis  # noqa: PLC0415

    own = {name: choices.pop(name) for name in ("interaction", "masses", "width", *option_names())}
    if analysis is not None:
        if darkcast is not None:
            raise SpecBuilderError("compare: --darkcast is for the paper's Fig. 5: leave out ANALYSIS")
        loaded, choice = analysis_and_choice(analysis, own | choices)
        how = {name: choices[name] for name in ("cl", "dof", "force")} | {"width": own["width"] or "single"}
        with alone_in(Path(output)):
            told = compare_analysis(loaded, choice, output, own["masses"], bounds=bounds, **how)
        emit(told, "-", force=False)
        return
    for name, value in own.items():
        if value:
            raise SpecBuilderError(f"compare: --{name.replace('_', '-')} applies with an ANALYSIS only")

    with alone_in(Path(output)), Progress() as report:
        table = run(
            Path(output),
            bounds=bounds,
            darkcast=None if darkcast is None else Path(darkcast),
            report=report,
            **choices,
        )
    emit(table, "-", force=False)
