"""From the words of a command line to what the package takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.interactions import choice_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.base.arrays import FloatArray
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.patches import Style
    from spec_builder.physics.choices import Choice

__all__ = [
    "analysis_and_choice",
    "couplings_of",
    "given_options",
    "grid",
    "is_workspace",
    "jobs_or_cores",
    "masses_of",
    "only",
    "patch_style",
    "plane_grid",
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


def grid(text: str, what: str) -> list[float]:
    """A grid as it was typed; see :func:`spec_builder.base.grids.parse_grid`."""
    from spec_builder.base.grids import parse_grid  # noqa: PLC0415

    return parse_grid(text, what)


def masses_of(text: str | None, analysis: Analysis, choice: Choice, points: int) -> FloatArray | None:
    """Mediator masses [MeV] as they were typed, ``inf`` among them; a grid over the analysis' range by default.

    Args:
        text: a grid or a list; None if none was given.
        analysis: whose range it is.
        choice: the interaction.
        points: of the default.

    Raises:
        SpecBuilderError: if masses are given and there is no mediator.
    """
    import numpy as np  # noqa: PLC0415

    if not choice.has_mediator:
        if text is not None:
            raise SpecBuilderError(f"interaction '{choice.name}' has no mediator: --masses does not apply")
        return None
    if text is None:
        low, high = analysis.masses_MeV
        text = f"{low!r}:{high!r}:{points}"
    items = text.split(",")
    finite = [item for item in items if item.strip().lower() != "inf"]
    masses = grid(",".join(finite), "masses") if finite else []
    return np.array([*masses, *[np.inf] * (len(items) - len(finite))])


def plane_grid(analysis: Analysis, choice: Choice, choices: Mapping[str, Any]) -> tuple[FloatArray | None, FloatArray]:
    """Masses [MeV] and couplings of a scan, with the defaults of the analysis and the interaction."""
    import numpy as np  # noqa: PLC0415

    from spec_builder.studies.plane import parameter_grid  # noqa: PLC0415

    masses = masses_of(choices["masses"], analysis, choice, 121)
    if choices["couplings"] is None:
        return masses, parameter_grid(choice, 121)
    return masses, np.array(couplings_of(choices["couplings"], signed=choice.signed))


def couplings_of(text: str, *, signed: bool) -> list[float]:
    """Couplings as they were typed; of a parameter with a sign, a grid is evenly spaced."""
    from spec_builder.base.grids import parse_grid, parse_signed_grid  # noqa: PLC0415

    return parse_signed_grid(text, "couplings") if signed else parse_grid(text, "couplings")


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
    from spec_builder.model.analysis import load_analysis  # noqa: PLC0415

    choice = choice_of(choices["interaction"], choices)
    return load_analysis(target, choices["law"], choices["variants"]), choice


def jobs_or_cores(jobs: int | None) -> int:
    """Worker processes: as many as asked for, or one for each core."""
    import os  # noqa: PLC0415

    return (os.cpu_count() or 1) if jobs is None else jobs
