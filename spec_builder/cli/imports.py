"""The verb that makes an experiment of a collaboration's release."""

from __future__ import annotations

from pathlib import Path

import click

from spec_builder.base.names import unknown_name
from spec_builder.base.printing import counted, one_line
from spec_builder.cli.options import FILES, choice, force_option, words_of

__all__ = ["import_release"]

_COLLABORATIONS = ("xenonnt",)
_MODELS = ("2024", "2026")


@click.command("import", short_help="Make an experiment of a collaboration's release.")
@click.argument("collaboration", metavar="xenonnt", shell_complete=words_of(*_COLLABORATIONS))
@click.argument("release", metavar="RELEASE", shell_complete=FILES)
@choice("--model", _MODELS, required=True, help="2024: SR0 and SR1; 2026: all runs.")
@click.option("--output", "-o", required=True, metavar="FOLDER", help="Folder to write the experiment to.")
@force_option
def import_release(collaboration: str, release: str, model: str, output: str, force: bool) -> None:
    """Make an experiment folder of a collaboration's release.

    RELEASE is the folder of XENONnT's release of 2026 (doi:10.5281/zenodo.20576156): 81 bins a run, with the light and
    charge yields as shapes. Its files are checked first. Needs the extra [release].
    """
    from spec_builder.experiments.releases.xenonnt import import_xenonnt  # noqa: PLC0415

    if collaboration not in _COLLABORATIONS:
        raise unknown_name("release of", collaboration, _COLLABORATIONS)
    made = import_xenonnt(Path(release), model, Path(output), force=force)
    events = sum(int(channel.observed.sum()) for channel in made.channels)
    size = f"{counted(len(made.channels), 'channel')}, {counted(made.bins, 'bin')}, {counted(events, 'event')}"
    click.echo(one_line(f"{output}: {made.name}, {size}"))
