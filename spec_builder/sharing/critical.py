"""Critical values to share: results by toys as ``fit`` and ``limits`` write them, checked and computed again."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import digest
from spec_builder.model.analysis import load_analysis
from spec_builder.model.given import PATCHED, as_workspace
from spec_builder.model.provenance import option_key
from spec_builder.physics.descriptions import is_path
from spec_builder.physics.interactions import choose
from spec_builder.studies.critical_content import CRITICAL_SCHEMA
from spec_builder.studies.fits_by_toys import fit_analysis_by_toys, fit_workspace_by_toys
from spec_builder.studies.limits_by_toys import find_limits_by_toys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.physics.choices import Choice

__all__ = ["check_critical", "critical_file", "critical_summary", "is_critical", "is_json_number", "recompute_critical"]

#: With the same seed critical values agree to this: toys are the same, fits agree to rounding.
_SAME = 1e-5
#: With another seed they agree to so many of both errors.
_SIGMA = 5.0
#: Values over which the errors of critical values are averaged.
_NEIGHBOURS = 7
_NUMBERS = ("value", "critical", "error")
#: What each key holds, from which the toys are thrown again: of every file, and of each kind beside them.
_ALWAYS = {
    "analysis": "text",
    "workspace_sha256": "text",
    "parameter": "text",
    "ensemble": "text",
    "toys": "a whole number",
    "seed": "a whole number",
    "engine": "text",
    "cl": "a number",
}
_OF_A_WORKSPACE = {"law": "null", "measurement": "text or null", "hold": "numbers by name"}
_OF_AN_ANALYSIS = {"law": "text", "variants": "texts by name"}
_OF_LIMITS = {"interaction": "text", "dof": "a whole number"}


def is_critical(content: Any) -> bool:
    """Whether a file holds critical values."""
    return isinstance(content, dict) and "critical_schema" in content


def critical_file(content: Mapping[str, Any]) -> str:
    """Name of the file in an archive."""
    return f"critical_{content.get('interaction', content.get('parameter'))}.json"


def critical_summary(content: Mapping[str, Any]) -> str:
    """What was checked, in a line."""
    count = sum(len(table) for _, table in _tables(content))
    what = content.get("interaction", content["parameter"])
    return (
        f"critical values of {content['analysis']}, {what}: {count} values, "
        f"{content['toys']} toys each, seed {content['seed']}, ensemble {content['ensemble']}, "
        f"workspace sha256 {content['workspace_sha256']}"
    )


def _tables(content: Mapping[str, Any]) -> list[tuple[float | None, list[dict[str, Any]]]]:
    """Tables of critical values, with the mass of each where there is one."""
    if "points" in content:
        return [(_mass(point["mass_MeV"]), point["critical"]) for point in content["points"]]
    return [(None, content["critical"])]


def _mass(written: Any) -> float | None:
    return None if written is None else float(written)


def check_critical(content: Mapping[str, Any]) -> list[str]:
    """Problems of a file of critical values that show without toys, none if it is sound."""
    if content["critical_schema"] != CRITICAL_SCHEMA:
        return [f"critical_schema '{content['critical_schema']}' is unknown, expected {CRITICAL_SCHEMA}"]
    expected = _expected_keys(content)
    missing = [key for key in expected if key not in content]
    if missing:
        return [f"key '{missing[0]}' is missing; run the command again"]
    wrong = [f"key '{key}': expected {what}" for key, what in expected.items() if not _IS[what](content[key])]
    if wrong:
        return wrong[:1]
    try:
        return [problem for mass, table in _tables(content) for problem in _table_problems(mass, table)]
    except (KeyError, TypeError, ValueError):
        return [f"not a table of critical values: expected points with {', '.join(_NUMBERS)}"]


def _expected_keys(content: Mapping[str, Any]) -> dict[str, str]:
    """What each key of a file must hold."""
    if "points" in content:
        return _ALWAYS | _OF_AN_ANALYSIS | _OF_LIMITS
    return _ALWAYS | (_OF_A_WORKSPACE if content.get("law", "") is None else _OF_AN_ANALYSIS)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_json_number(value: Any) -> bool:
    """Whether a value of JSON is a number: true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


#: Whether a value of JSON is what was expected.
_IS: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "text": _is_text,
    "text or null": lambda value: value is None or _is_text(value),
    "a whole number": lambda value: is_json_number(value) and isinstance(value, int),
    "a number": is_json_number,
    "texts by name": lambda value: isinstance(value, dict) and all(map(_is_text, value.values())),
    "numbers by name": lambda value: isinstance(value, dict) and all(map(is_json_number, value.values())),
}


def _table_problems(mass: float | None, table: Sequence[Mapping[str, Any]]) -> list[str]:
    where = "" if mass is None else f"{mass:g} MeV: "
    if not all(is_json_number(point[key]) for point in table for key in _NUMBERS):
        return [f"{where}expected numbers as {', '.join(_NUMBERS)} of each point"]
    values = [point["value"] for point in table]
    if len(values) < 2 or not all(a < b for a, b in pairwise(values)):
        return [f"{where}the values of the parameter do not ascend"]
    numbers = [point.get("number", place) for place, point in enumerate(table)]
    if sorted(numbers) != list(range(len(table))):
        return [f"{where}the numbers of the values are not 0 to {len(table) - 1}"]
    bad = [point for point in table if not (point["critical"] >= 0 and point["error"] >= 0)]
    return [f"{where}critical value at {point['value']:g}: expected numbers >= 0" for point in bad[:1]]


def recompute_critical(
    content: Mapping[str, Any],
    folder: Path = Path(),
    *,
    seed: int | None = None,
    interaction: Path | None = None,
    **how: Any,
) -> list[str]:
    """Throw the toys of a sound file again: the problems found, none if the critical values are the same.

    Args:
        content: of the file.
        folder: where a workspace that it names may lie.
        seed: another one than the file's: then the values are to agree within the errors.
        interaction: file of a user's interaction. It may be code, and is not looked for.
        how: ``executor`` and ``report`` of what threw them.

    Raises:
        SpecBuilderError: if the analysis cannot be loaded, or is another one now, as for the user's interaction.
    """
    same = seed is None or seed == content["seed"]
    own = {
        "cl": content["cl"],
        "toys": content["toys"],
        "seed": content["seed"] if seed is None else seed,
        "ensemble": content["ensemble"],
        **how,
    }
    again = _compute(content, folder, own, interaction).to_dict()
    problems = []
    for (mass, table), (_, other) in zip(_tables(content), _tables(again), strict=True):
        where = "" if mass is None else f"{mass:g} MeV, "
        file, new = (np.array([[point[key] for key in _NUMBERS] for point in part], float).T for part in (table, other))
        errors = np.hypot(_smooth_errors(file[2]), _smooth_errors(new[2]))
        allowed = _SAME * (1 + np.abs(new[1])) + (0.0 if same else _SIGMA * errors)
        problems += [
            f"{where}{content['parameter']} {file[0][i]:g}: critical value {file[1][i]:.6g} in the file, "
            f"{new[1][i]:.6g} by the same command"
            + ("" if same else f" with seed {seed}, more than {_SIGMA:g} errors apart")
            for i in np.flatnonzero(np.abs(file[1] - new[1]) > allowed)
        ]
    return problems


def _smooth_errors(errors: FloatArray) -> FloatArray:
    """Root mean square over neighbours on the grid: an error from order statistics is not well known itself."""
    window = np.ones(min(_NEIGHBOURS, errors.size))
    weight = np.convolve(np.ones(errors.size), window, mode="same")
    smooth: FloatArray = np.sqrt(np.convolve(errors**2, window, mode="same") / weight)
    return smooth


def _compute(content: Mapping[str, Any], folder: Path, own: Mapping[str, Any], interaction: Path | None) -> Any:
    """The result that a file holds, by the same command."""
    grids = [np.array(_as_thrown(table), dtype=np.float64) for _, table in _tables(content)]
    if content["law"] is None:  # a workspace, whose modifiers say it
        paths = [named if named.is_file() else folder / named.name for named in map(Path, _files(content["analysis"]))]
        workspace, name = as_workspace(paths[0], patches=paths[1:], measurement=content["measurement"])
        _same_workspace(content, workspace)
        more = {"measurement": content["measurement"], "poi": content["parameter"], "hold": content["hold"]}
        return fit_workspace_by_toys(workspace, name, values=grids[0], **more, **own)
    analysis = load_analysis(content["analysis"], content["law"], content["variants"])
    _same_workspace(content, analysis.workspace)
    if "points" not in content:
        return fit_analysis_by_toys(analysis, content["parameter"], values=grids[0], **own)
    masses = [mass for mass, _ in _tables(content) if mass is not None]
    axis = np.array(masses) if masses else None
    return find_limits_by_toys(analysis, _choice(content, interaction), axis, dof=content["dof"], values=grids, **own)


def _as_thrown(table: Sequence[Mapping[str, Any]]) -> list[float]:
    """The values of a table in the order that tells their random numbers apart; that of the table in files of 0.7."""
    return [point["value"] for _, point in sorted(enumerate(table), key=lambda one: one[1].get("number", one[0]))]


def _files(analysis: str) -> list[str]:
    """A workspace's file, and those of the patches that were applied to it."""
    return [analysis] if Path(analysis).is_file() else analysis.split(PATCHED)


def _choice(content: Mapping[str, Any], file: Path | None) -> Choice:
    """The interaction of a file of critical values with its options."""
    name, wanted = content["interaction"], content.get("interaction_sha256")
    if wanted is not None and file is None:
        raise SpecBuilderError(
            f"interaction '{name}' is a user's, whose file with sha256 {wanted} is needed to throw the toys again"
        )
    if wanted is None and is_path(name):  # whose code would run
        raise SpecBuilderError(f"interaction '{name}' is a path, expected the name of a shipped one")
    plain = choose(name if wanted is None or file is None else file)
    if wanted is not None and plain.digest != wanted:
        raise SpecBuilderError(f"{file}: sha256 {plain.digest}, but the toys are of '{name}' with {wanted}")
    given = {option: content[option_key(option)] for option in plain.options if option_key(option) in content}
    return choose(plain, **given)


def _same_workspace(content: Mapping[str, Any], workspace: Mapping[str, Any]) -> None:
    found = digest(workspace)
    if found != content["workspace_sha256"]:
        raise SpecBuilderError(
            f"the toys are of a workspace with sha256 {content['workspace_sha256']}, but {content['analysis']} has "
            f"{found}: of other data or a projection, or another version"
        )
