"""From the words of a command line to what the package takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.interactions import choice_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.model.analysis import Analysis
    from spec_builder.model.patches import Style
    from spec_builder.physics.choices import Choice

__all__ = [
    "analysis_and_choice",
    "given_options",
    "is_workspace",
    "jobs_or_cores",
    "only",
    "patch_style",
]


def given_options(context: click.Context, choices: Mapping[str, Any]) -> set[str]:
    """Names of the options that stand on the command line."""
    default = click.core.ParameterSource.DEFAULT
    return {name for name in choices if context.get_parameter_source(name) is not default}


def only(given: set[str], allowed: set[str], what: str) -> None:
    """Refuse options that do not belong to what was asked for.

    Raises:
        SpecBuilderError: naming the first.
    """
    flags = {
        "variants": "variant",
        "patches": "patch",
        "interactions": "interaction",
        "hold": "fix",
        "parameters": "parameter",
    }
    for name in sorted(given - allowed):
        raise SpecBuilderError(f"--{flags.get(name, name).replace('_', '-')} does not apply to {what}")


def is_workspace(target: str) -> bool:
    """Whether a target is a workspace file and not the name of an analysis."""
    return target == "-" or target.endswith(".json") or (Path(target).is_file() and not target.endswith(".toml"))


def patch_style(name: str) -> Style:
    """A style by its name.

    Raises:
        SpecBuilderError: naming the ones there are.
    """
    from spec_builder.model.patches import STYLES  # noqa: PLC0415

    for style in STYLES:
        if style == name:
            return style
    raise SpecBuilderError(f"style '{name}' is unknown, expected one of {', '.join(STYLES)}")


def analysis_and_choice(target: str, choices: Mapping[str, Any]) -> tuple[Analysis, Choice]:
    """The analysis and the interaction of a verb that needs both.

    Raises:
        SpecBuilderError: if there is no interaction.
    """
    from spec_builder.model.given import as_analysis  # noqa: PLC0415

    choice = choice_of(choices["interaction"], choices)
    return as_analysis(target, choices["law"], choices["variants"]), choice


def jobs_or_cores(jobs: int | None) -> int:
    """Worker processes: as many as asked for, or one for each core."""
    import os  # noqa: PLC0415

    return (os.cpu_count() or 1) if jobs is None else jobs
