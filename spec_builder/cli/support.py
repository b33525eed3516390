"""Verbs that help: a report on the installation, completion in a shell."""

from __future__ import annotations

import sys

import click
from click.shell_completion import get_completion_class

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.options import (
    words_of,
)
from spec_builder.cli.output import complain


@click.command()
def doctor() -> None:
    """Print what a bug report needs: versions, extras, and a check of the likelihood against pyhf."""
    from spec_builder.doctor import diagnose  # noqa: PLC0415

    report, problems = diagnose()
    click.echo(report, nl=False)
    for problem in problems:
        complain(problem)
    if problems:
        sys.exit(2)


@click.command()
@click.argument("shell", metavar="bash|zsh|fish", shell_complete=words_of("bash", "zsh", "fish"))
def completion(shell: str) -> None:
    """Print a script that completes verbs, options and their values in a shell.

    For bash and zsh: spec-builder completion bash > ~/.spec-builder-completion (or zsh), and source that file in
    ~/.bashrc or ~/.zshrc. For fish: spec-builder completion fish > ~/.config/fish/completions/spec-builder.fish.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise SpecBuilderError(f"shell '{shell}' is unknown, expected bash, zsh or fish")
    root = click.get_current_context().find_root().command
    click.echo(kind(root, {}, "spec-builder", "_SPEC_BUILDER_COMPLETE").source())
