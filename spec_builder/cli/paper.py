"""Verbs that redo the paper, and set it beside other results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spec_builder.cli.options import (
    cl_option,
    compared_dof_option,
    force_option,
    jobs_option,
    law_option,
    variant_option,
)
from spec_builder.cli.output import Progress
from spec_builder.cli.parsing import (
    jobs_or_cores,
)


@click.command(short_help="The paper's Sec. IV: fits, limits, figures, tables.")
@jobs_option
@click.option("--output", "-o", default="results", show_default=True, metavar="DIR", help="Folder to write to.")
@force_option
def reproduce(jobs: int | None, output: str, force: bool) -> None:
    """Reproduce the paper's Sec. IV: workspaces, fits, profiles, limits, figures, and tables beside the paper's."""
    from spec_builder.base.executors import executor_for  # noqa: PLC0415

    pool = executor_for(jobs_or_cores(jobs), preload=["spec_builder.paper.summary"])
    with pool as executor, Progress() as report:
        from spec_builder.paper.reproduce import reproduce as run  # noqa: PLC0415

        summary = run(Path(output), executor=executor, force=force, report=report)
    click.echo(summary, nl=False)


@click.command(short_help="Draw the paper's Figs. 3 and 5, beside others' results.")
@law_option
@variant_option
@cl_option
@compared_dof_option
@click.option("--bounds", "folders", multiple=True, metavar="DIR", help="Curves of your own; repeatable.")
@click.option("--darkcast", metavar="DIR", help="Recast existing bounds with this DarkCast: the code in DIR is run.")
@click.option("--output", "-o", default="comparison", show_default=True, metavar="DIR", help="Folder to write to.")
@force_option
def compare(output: str, folders: tuple[str, ...], darkcast: str | None, **choices: Any) -> None:
    """Draw the weak mixing angle (Fig. 3) and the limits (Fig. 5) beside existing results; list their sources.

    A curve of your own is a file DIR/<interaction>/<name>.csv with interaction scalar, axial, vector_bl or
    vector_universal.
    """
    from spec_builder.paper.comparison import compare as run  # noqa: PLC0415

    with Progress() as report:
        table = run(
            Path(output),
            folders=[Path(folder) for folder in folders],
            darkcast=None if darkcast is None else Path(darkcast),
            report=report,
            **choices,
        )
    click.echo(table, nl=False)
