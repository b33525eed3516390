"""The verb that makes a page to explore planes of mass and coupling in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_builder.cli.interactions import ALL, InteractionCommand, choices_of, interaction_option
from spec_builder.cli.options import ANALYSIS_WORDS, force_option, variant_option, words_of
from spec_builder.cli.output import Progress, say_written
from spec_builder.cli.toys import changes_of, projection_options

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["explore"]

#: Without an ANALYSIS.
_ANALYSES = ("combined", "xenonnt", "pandax4t")


@click.command(cls=InteractionCommand, short_help="Write a page to explore planes in a browser.")
@click.argument("analyses", nargs=-1, metavar="[ANALYSIS...]", shell_complete=ANALYSIS_WORDS)
@interaction_option("Repeatable (default: the paper's five).", multiple=True)
@click.option(
    "--law",
    "laws",
    multiple=True,
    metavar="normsys|linear",
    shell_complete=words_of("normsys", "linear"),
    help="How uncertainties act; repeatable (default: both, where limits allow it).",
)
@variant_option
@click.option(
    "--cl",
    "levels",
    multiple=True,
    type=float,
    default=(0.6827, 0.9, 0.95),
    show_default=True,
    metavar="CL",
    help="Confidence level; repeatable.",
)
@click.option("--points", default=31, show_default=True, metavar="N", help="Masses, and couplings.")
@projection_options
@click.option("--output", "-o", default="explorer.html", show_default=True, metavar="FILE.html", help="Page to write.")
@force_option
def explore(analyses: tuple[str, ...], output: str, force: bool, variants: Mapping[str, str], **choices: Any) -> None:
    """Write one page that needs no network: planes of mass and coupling, and what each point expects in each bin.

    Choose analysis, interaction, law, confidence level and degrees of freedom in it; click a point to see events, pulls
    and chi2 by bin, and download its workspace or the curve. Needs the extra [explore].
    """
    from spec_builder.base.files import refuse_existing  # noqa: PLC0415
    from spec_builder.figures.explorer import check_page_name, plotting_library, write_explorer  # noqa: PLC0415
    from spec_builder.studies.explorer import explore as explored  # noqa: PLC0415

    path = Path(output)
    check_page_name(path)
    refuse_existing(path, force=force)
    plotting_library()  # before anything is computed
    with Progress() as report:
        content = explored(
            analyses or _ANALYSES,
            choices_of(choices["interactions"] or (ALL,), choices),
            laws=choices["laws"] or None,
            variants=variants,
            levels=choices["levels"],
            points=choices["points"],
            change=changes_of(choices),
            report=lambda done, total: report("planes", done, total),
        )
    write_explorer(content, path, force=force)
    say_written(output)
