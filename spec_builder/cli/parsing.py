"""From the words of a command line to what the package takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.options import INTERACTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.base.arrays import FloatArray
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.patches import Style
    from spec_builder.physics.interactions import NewPhysics

__all__ = [
    "analysis_and_choice",
    "given_options",
    "grid",
    "interactions_of",
    "is_workspace",
    "jobs_or_cores",
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
    flags = {"variants": "variant", "patches": "patch", "interactions": "interaction"}
    for name in sorted(given - allowed):
        raise SpecBuilderError(f"--{flags.get(name, name).replace('_', '-')} does not apply to {what}")


def is_workspace(target: str) -> bool:
    """Whether a target is a workspace file and not the name of an analysis."""
    return target == "-" or target.endswith(".json") or (Path(target).is_file() and not target.endswith(".toml"))


def grid(text: str, what: str) -> list[float]:
    """A grid as it was typed; see :func:`spec_builder.base.grids.parse_grid`."""
    from spec_builder.base.grids import parse_grid  # noqa: PLC0415

    return parse_grid(text, what)


def plane_grid(choice: NewPhysics, choices: Mapping[str, Any]) -> tuple[FloatArray, FloatArray]:
    """Masses [MeV] and couplings of a scan, with the defaults of the interaction."""
    import numpy as np  # noqa: PLC0415

    masses = np.array(grid(choices["masses"], "masses"))
    if choices["couplings"] is None:
        return masses, np.geomspace(*choice.default_range, 121)
    return masses, np.array(grid(choices["couplings"], "couplings"))


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


def interactions_of(
    names: tuple[str, ...], coupling_set: str | None, longitudinal_factor: int | None
) -> list[NewPhysics]:
    """The interactions asked for; with several, a choice goes to the one that it belongs to."""
    from spec_builder.physics.interactions import parse_new_physics  # noqa: PLC0415

    if len(set(names)) < len(names):
        raise SpecBuilderError(f"interaction '{max(names, key=names.count)}' is given twice")
    if "all" in names and len(names) > 1:
        raise SpecBuilderError("interaction 'all' holds every other one: give it alone")
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


def analysis_and_choice(target: str, choices: Mapping[str, Any]) -> tuple[Analysis, NewPhysics]:
    """The analysis and the interaction of a verb that needs both.

    Raises:
        SpecBuilderError: if there is no interaction.
    """
    from spec_builder.model.analysis import load_analysis  # noqa: PLC0415
    from spec_builder.physics.interactions import parse_new_physics  # noqa: PLC0415

    if choices["interaction"] is None:
        raise SpecBuilderError(f"give --interaction, one of {', '.join(INTERACTIONS[1:])}")
    choice = parse_new_physics(choices["interaction"], choices["coupling_set"], choices["longitudinal_factor"])
    return load_analysis(target, choices["law"], choices["variants"]), choice


def jobs_or_cores(jobs: int | None) -> int:
    """Worker processes: as many as asked for, or one for each core."""
    import os  # noqa: PLC0415

    return (os.cpu_count() or 1) if jobs is None else jobs
