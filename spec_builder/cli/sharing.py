"""Verbs that write files to share, and check them."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.printing import one_line
from spec_builder.cli.interactions import InteractionCommand, choices_of, interaction_option, option_names
from spec_builder.cli.options import (
    ANALYSIS_WORDS,
    FILES,
    choice,
    force_option,
    jobs_option,
    law_option,
    masses_option,
    output_of,
    together,
    variant_option,
)
from spec_builder.cli.output import Progress, complain, emit, say_written
from spec_builder.cli.parsing import given_options, jobs_or_cores, only, patch_style
from spec_builder.cli.spectra import spectra_of, spectrum_option
from spec_builder.cli.toys import changes_of, projection_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spec_builder.sharing.export import PatchRequest

#: Problems of one file that verify prints.
_MOST_TOLD = 20

_patches = click.option(
    "--patch", "patches", multiple=True, metavar="FILE", shell_complete=FILES, help="JSON patch to apply; repeatable."
)


#: Which patches a set holds.
_of_patches = together(
    masses_option,
    click.option(
        "--couplings",
        metavar="LIST|LO:HI:N",
        help="Couplings g, or values of the parameter (default: around the limits).",
    ),
    choice(
        "--style",
        ("total", "signal"),
        default="total",
        show_default=True,
        help="A patch replaces the whole signal (total), or adds new physics as a sample of its own (signal).",
    ),
    click.option("--hepdata", metavar="insNNNNNNN", help="HEPData record of the patch sets (default: none yet)."),
)


def _patch_request(choices: Mapping[str, Any]) -> PatchRequest:
    from spec_builder.sharing.export import PatchRequest  # noqa: PLC0415

    return PatchRequest(
        choices_of(choices["interactions"], choices),
        choices["masses"],
        choices["couplings"],
        patch_style(choices["style"]),
        choices["hepdata"],
        where_they_act="all" in choices["interactions"],
    )


@click.command(cls=InteractionCommand)
@click.argument("analyses", nargs=-1, metavar="[ANALYSIS]...", shell_complete=ANALYSIS_WORDS)
@law_option
@variant_option
@click.option("--output", "-o", metavar="FOLDER", help="Folder to write to (one analysis without it: stdout).")
@interaction_option("Write its patch set too; repeatable. all: the paper's five.", multiple=True)
@spectrum_option
@_of_patches
@projection_options
@force_option
@click.pass_context
def export(context: click.Context, /, analyses: tuple[str, ...], output: str | None, **choices: Any) -> None:
    """Write pyhf workspaces, and patch sets of interactions.

    Each ANALYSIS (default: xenonnt, pandax4t and combined) has a folder with the workspace, BkgOnly.json, and its
    metadata.

    With --interaction there is a patch set too, patchset_<interaction>.json, with a patch for each mass and coupling.
    Without --couplings as many couplings as masses are taken, around the 90 % CL limit at each mass. With --spectrum it
    is patchset_spectra.json, with a patch for each spectrum.
    """
    from spec_builder.base.files import canonical_json  # noqa: PLC0415
    from spec_builder.model.analysis import ANALYSES, load_analyses  # noqa: PLC0415
    from spec_builder.sharing.export import export_workspaces  # noqa: PLC0415

    law, variants = choices["law"], choices["variants"]
    patches: PatchRequest | None = None
    if choices["interactions"]:
        if output is None:
            raise SpecBuilderError("export: patch sets need --output FOLDER")
        patches = _patch_request(choices)
    else:
        patch_options = {"masses", "couplings", "style", "hepdata", *option_names()}
        patch_options -= {"hepdata"} if choices["spectrum"] else set()
        only(given_options(context, choices), set(choices) - patch_options, "an export without --interaction")
    if choices["spectrum"] is not None and output is None:
        raise SpecBuilderError("export: patch sets need --output FOLDER")
    change = changes_of(choices)
    if output is None:
        if len(analyses) != 1:
            raise SpecBuilderError("export: give --output FOLDER, or one analysis to print its workspace")
        (loaded,) = load_analyses(analyses, law, variants, change)
        click.echo(canonical_json(loaded.workspace), nl=False)
        return
    with Progress() as report:
        written = export_workspaces(
            analyses or ANALYSES,
            Path(output),
            law=law,
            variants=variants,
            patches=patches,
            spectra=() if choices["spectrum"] is None else spectra_of(choices["spectrum"]),
            hepdata=choices["hepdata"],
            change=change,
            force=choices["force"],
            report=partial(report, ""),
        )
    for path in written:
        say_written(path)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=FILES)
@click.option("--toys", is_flag=True, help="Throw the toys behind critical values again.")
@click.option("--seed", type=int, metavar="N", help="With another one critical values are to agree within the errors.")
@click.option(
    "--interaction",
    metavar="PATH",
    shell_complete=FILES,
    help="File of your own interaction behind limits.",
)
@jobs_option
def verify(files: tuple[str, ...], toys: bool, seed: int | None, interaction: str | None, jobs: int | None) -> None:
    """Check workspaces: schema, names, numbers, modifiers, digests. Says where, why and what to do.

    An archive (.tar.gz, or the folder that it was unpacked to) is checked against its checksums, and all that it
    promises is computed again, its README too; so are the tables of a HEPData submission (its folder). Critical
    values, the JSON of fit and limits by toys, are computed again with --toys.
    """
    from spec_builder.sharing.verification import verify as check  # noqa: PLC0415

    if not toys and any(given is not None for given in (seed, interaction, jobs)):
        raise SpecBuilderError("verify: --seed, --interaction and --jobs apply with --toys only")

    failed = 0
    for name in files:
        try:
            with Progress() as report:
                how: dict[str, Any] = (
                    {"seed": seed, "interaction": interaction, "jobs": jobs_or_cores(jobs)} if toys else {}
                )
                summary, problems = check(name, toys=toys, report=partial(report, ""), **how)
        except SpecBuilderError as error:
            summary, problems = "", [str(error)]
        for problem in [*problems[:_MOST_TOLD], *_further(problems)]:
            shown = "standard input" if name == "-" else name
            complain(problem if problem.startswith(f"{shown}:") else f"{shown}: {problem}")
        if problems:
            failed += 1
        else:
            click.echo(one_line(f"{name}: ok ({summary})"))
    if failed:
        sys.exit(2)


def _further(problems: Sequence[str]) -> list[str]:
    """A line for the problems beyond those that are told: a file can have as many as it likes."""
    rest = len(problems) - _MOST_TOLD
    return [f"and {rest} more problems"] if rest > 0 else []


@click.command(cls=InteractionCommand, short_help="Write what a HEPData record needs.")
@click.argument("analyses", nargs=-1, metavar="[ANALYSIS]...", shell_complete=ANALYSIS_WORDS)
@law_option
@variant_option
@interaction_option(
    "Of the patch sets; repeatable. all: the paper's five.", multiple=True, default=["all"], show_default=True
)
@_of_patches
@click.option(
    "--critical",
    multiple=True,
    metavar="FILE",
    shell_complete=FILES,
    help="Critical values for the archive of their analysis: the JSON of fit or limits by toys; repeatable.",
)
@click.option("--no-submission", is_flag=True, help="The archives alone: no submission.yaml, no tables.")
@click.option("--output", "-o", default="archive", show_default=True, metavar="FOLDER", help="Folder to write to.")
@force_option
def archive(analyses: tuple[str, ...], output: str, force: bool, **choices: Any) -> None:
    """Write an archive of each ANALYSIS, and the HEPData submission that holds them.

    By default they are xenonnt, pandax4t and combined.

    ANALYSIS.tar.gz has the workspace, its patch sets, the same model in HS3, a README, expected results and checksums;
    spec-builder verify checks it. submission.yaml and its tables of excluded couplings need the extra [hepdata].
    An archive is of what was observed; export writes the workspace of a projection.
    """
    from spec_builder.base.folders import alone_in  # noqa: PLC0415
    from spec_builder.model.analysis import ANALYSES  # noqa: PLC0415
    from spec_builder.sharing.archive import write_archives  # noqa: PLC0415
    from spec_builder.sharing.submission import is_installed  # noqa: PLC0415

    if not choices["no_submission"] and not is_installed():
        raise SpecBuilderError(
            "submission.yaml needs hepdata_lib: pip install 'spec_builder[hepdata]'; "
            "or give --no-submission for the archives alone"
        )
    patches = _patch_request(choices)
    with alone_in(Path(output)), Progress() as report:
        written = write_archives(
            analyses or ANALYSES,
            Path(output),
            patches,
            law=choices["law"],
            variants=choices["variants"],
            submission=not choices["no_submission"],
            critical=choices["critical"],
            force=force,
            report=report,
        )
    for path in written:
        say_written(path)


@click.command(short_help="Write a workspace in HS3, or a model in HS3 as a workspace.")
@click.argument("workspace", metavar="WORKSPACE.json|-", shell_complete=FILES)
@_patches
@click.option("--measurement", metavar="NAME", help="Measurement of a model in HS3 with several likelihoods.")
@output_of(".json")
@force_option
def hs3(workspace: str, patches: tuple[str, ...], measurement: str | None, output: str, force: bool) -> None:
    """Write a pyhf workspace in the HEP Statistics Serialization Standard (HS3), and a file in HS3 as a workspace.

    Edges and units of the axes come from the .meta.json beside the workspace, if there is one.
    """
    from spec_builder.base.files import canonical_json  # noqa: PLC0415
    from spec_builder.histfactory.hs3 import read_hs3  # noqa: PLC0415

    emit(canonical_json(read_hs3(workspace, patches, measurement)), output, force=force)
