"""Lint and check of workspace files: what pyhf accepts without a word but nobody wants to share."""

from __future__ import annotations

import difflib
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import digest
from spec_builder.base.printing import counted
from spec_builder.base.progress import Parts, silent
from spec_builder.base.reading import load_json
from spec_builder.histfactory.checks import (
    check_parameters,
    check_workspace,
    missing_interests,
    unused_settings,
    workspace_problems,
)
from spec_builder.histfactory.hs3_reading import is_hs3, workspaces_of_hs3
from spec_builder.histfactory.patch import load_workspace
from spec_builder.histfactory.patchset import check_digest, check_patch_set, patch_name
from spec_builder.histfactory.schema import schema_problem
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import given_rows
from spec_builder.inference.patches import group_patches
from spec_builder.inference.rows import take_apart
from spec_builder.model.workspace import NEW_PHYSICS
from spec_builder.sharing.bundle import WORKSPACE
from spec_builder.sharing.critical import check_critical, critical_summary, is_critical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike

    from spec_builder.base.arrays import FloatArray

__all__ = ["verify_file", "verify_patch_set", "verify_workspace", "workspace_notes"]

#: Likeness of two names from which on one is taken for the other misspelt.
_ALIKE = 0.8
#: Settings without a parameter that are compared with the parameters' names.
_MOST_COMPARED = 100
#: Values of a workspace that are shown to pyhf's own check of its schema; ours, which is as strict, sees all.
_MOST_VALUES = 300_000


@np.errstate(over="ignore", invalid="ignore")  # what overflows is found not to be finite
@checked
def verify_file(path: str | PathLike[str], *, report: Parts = silent) -> tuple[str, list[str]]:
    """Check a workspace, the ``.meta.json`` beside one, a patch set of the ``BkgOnly.json`` beside it, critical values.

    Args:
        path: of the file, ``-`` for standard input.
        report: told how many patches of a patch set are applied, and of how many.

    Returns:
        What was checked, in a line, and the problems found; each says where, why and what to do.

    Raises:
        SpecBuilderError: if the file cannot be read as JSON at all.
    """
    name = fspath(path)
    content = load_json(name)
    if name.endswith(".meta.json"):
        return "metadata of a workspace", _verify_metadata(Path(name), content)
    if isinstance(content, dict) and "patches" in content:
        return _verify_patch_set(name, content, report)
    if is_critical(content):
        problems = check_critical(content)
        return ("critical values" if problems else critical_summary(content)), problems
    kind, workspaces = "workspace", [content]
    if is_hs3(content):
        kind = "model in HS3"
        try:
            workspaces = workspaces_of_hs3(content)
        except SpecBuilderError as error:
            return kind, [str(error)]
    problems = list(dict.fromkeys(problem for workspace in workspaces for problem in verify_workspace(workspace)))
    if problems:
        return kind, problems
    summary = "; ".join(f"{kind}, {_summary(workspace)}" for workspace in workspaces)
    beside = Path(name).with_suffix(".meta.json")
    if name != "-" and beside.is_file():
        problems = _verify_metadata(beside, load_json(str(beside)))
    return summary, problems


def _summary(workspace: dict[str, Any]) -> str:
    """Size, measurements and digest of a sound workspace, and what is unusual about it."""
    bins = sum(len(observation["data"]) for observation in workspace["observations"])
    summary = (
        f"{counted(len(workspace['channels']), 'channel')}, {counted(bins, 'bin')}, "
        f"measurements {', '.join(m['name'] for m in workspace['measurements'])}, sha256 {digest(workspace)}"
    )
    return "; ".join([summary, *workspace_notes(workspace)])


def _verify_patch_set(name: str, content: dict[str, Any], report: Parts) -> tuple[str, list[str]]:
    """Digest, schema, names; then every patch is applied and evaluated, which pyhf leaves to whoever uses it."""
    beside = Path(name).with_name(WORKSPACE)
    if name == "-" or not beside.is_file():
        return "patch set", [f"its workspace {WORKSPACE} is not beside it; put them into one folder"]
    workspace = check_workspace(load_workspace(str(beside)), str(beside))
    problems = verify_patch_set(workspace, content, name, report=report)
    if problems:
        return "patch set", problems
    labels = ", ".join(content["metadata"]["labels"])
    return (
        f"patch set, {counted(len(content['patches']), 'patch', 'patches')} in {labels}, each applied and evaluated",
        problems,
    )


def verify_patch_set(
    workspace: dict[str, Any],
    content: dict[str, Any],
    name: str,
    *,
    report: Parts = silent,
) -> list[str]:
    """Problems of a patch set, none if it is sound and made for this workspace.

    Args:
        workspace: content of its JSON file.
        content: of the patch set's.
        name: of the patch set's file.
        report: told how many patches are applied, and of how many.
    """
    try:
        check_patch_set(content, name)
        check_digest(workspace, content, name)
        _check_names(content)
        patches = [(patch["metadata"]["name"], patch["patch"]) for patch in content["patches"]]
        return list(_patch_problems(workspace, patches, report))
    except SpecBuilderError as error:
        return [str(error).removeprefix(f"{name}: ")]


def _name_of_point(interaction: str, values: Sequence[Any]) -> str | None:
    """Our name of a point (mass, coupling), or of a parameter alone; None if a value is no number."""
    if not all(isinstance(value, int | float) for value in values):
        return None
    mass = float(values[0]) if len(values) > 1 else None
    return patch_name(interaction, mass, float(values[-1]))


def _check_names(content: Mapping[str, Any]) -> None:
    """Refuse a patch of ours whose name says another point than its values.

    Raises:
        SpecBuilderError: naming it.
    """
    about = content["metadata"]
    interaction, labels = about.get("interaction"), about["labels"]
    massive = len(labels) == 2 and labels[0] == "mass_MeV"
    alone = len(labels) == 1 and "style" in about
    if interaction is None or not (massive or alone):
        return  # not one of ours
    for patch in content["patches"]:
        name, values = patch["metadata"]["name"], patch["metadata"]["values"]
        if _name_of_point(str(interaction), values) != name:
            shown = ", ".join(str(value) for value in values)
            raise SpecBuilderError(f"patch '{name}': its values {shown} are not those of its name")


def _patch_problems(workspace: dict[str, Any], patches: list[tuple[str, Any]], report: Parts) -> Iterator[str]:
    names = [measurement["name"] for measurement in workspace["measurements"]]
    measurement = NEW_PHYSICS if NEW_PHYSICS in names else None
    lost: list[str] = []
    groups = group_patches(workspace, patches, measurement, report=report, failed=lambda _, why: lost.append(why))
    yield from lost
    for group in groups:
        likelihood = group.likelihood
        theta = np.repeat(likelihood.init[:, None], len(group.rows), axis=1)
        layout, arrays = take_apart(likelihood, given_rows(None, group.sample, group.yields))
        parts = likelihood.engine((), layout)(theta, arrays)
        for column, row in enumerate(group.rows):
            problem = _rate_problem(likelihood, parts.rates[:, column], "")
            if problem is not None:
                yield f"patch '{patches[row][0]}': {problem}"
            elif not np.isfinite(parts.value[column]):
                yield f"patch '{patches[row][0]}': 2NLL is not finite at the start values"


def _rate_problem(likelihood: Likelihood, rates: FloatArray, where: str) -> str | None:
    """What is wrong with the first rate (bins,) that cannot be: one of zero can where nothing was observed."""
    observed = likelihood.observed
    bad = np.flatnonzero(~((rates > 0) | ((rates == 0) & (observed == 0))))
    if not bad.size:
        return None
    place = int(bad[0])
    found = f"{likelihood.bin_name(place)}: {rates[place]:g} events expected{where}"
    return (
        f"{found}, {observed[place]:g} observed; every bin with a count needs a positive rate, and none a negative one"
    )


def _verify_metadata(path: Path, metadata: Any) -> list[str]:
    workspace = path.with_name(path.name.replace(".meta.json", ".json"))
    if not isinstance(metadata, dict) or "sha256" not in metadata:
        return ["key 'sha256' is missing; export the workspace again"]
    found = digest(load_json(str(workspace)))
    if metadata["sha256"] != found:
        named = metadata["sha256"]
        return [f"{path.name} names sha256 {named}, but {workspace.name} has {found}; export the workspace again"]
    return []


def verify_workspace(workspace: Any) -> list[str]:
    """Problems of a workspace, none if it is sound.

    Args:
        workspace: content of the JSON file.
    """
    # pyhf's own check says it in pyhf's words, but takes a minute for millions of numbers
    problem = None if _is_large(workspace) else schema_problem(workspace, "workspace.json")
    if problem is not None:
        return [problem]
    problems = workspace_problems(workspace)
    if problems:
        return problems
    missing = missing_interests(workspace)
    # others leave the counts of channels that they have taken out, which pyhf passes over; ours have none
    ours = any(measurement["name"] == NEW_PHYSICS for measurement in workspace["measurements"])
    problems = [
        f"observation '{name}' has no channel; remove it or add the channel"
        for name in (_without_channel(workspace) if ours else [])
    ]
    problems += [
        f"measurement '{measurement}', parameter '{name}': no modifier has this name; rename or remove it "
        f"(is '{meant}' meant?)"
        for measurement, name, meant in _misspelt_settings(workspace)
    ]
    return problems or list(_model_problems(workspace, missing))


def _is_large(content: Any) -> bool:
    """Whether JSON content holds more values than pyhf's check gets through in a few seconds."""
    count, waiting = 0, [content]
    while waiting and count <= _MOST_VALUES:
        value = waiting.pop()
        inside = list(value.values()) if isinstance(value, dict) else value
        if isinstance(inside, list):
            count += len(inside)
            waiting += [item for item in inside if isinstance(item, dict | list)]
    return count > _MOST_VALUES


def workspace_notes(workspace: Mapping[str, Any]) -> list[str]:
    """What is unusual about a sound workspace, and no mistake.

    Args:
        workspace: content of the JSON file.
    """
    missing = missing_interests(workspace)
    notes = [
        f"sound for patches: no modifier has the parameter of interest '{poi}' of measurement '{measurement}' yet"
        for measurement, poi in missing.items()
    ]
    notes += [
        f"no modifier uses the settings of '{name}' in measurement '{measurement}'"
        for measurement, name in unused_settings(workspace)
        if name != missing.get(measurement)
    ]
    notes += [f"observation '{name}' has no channel" for name in _without_channel(workspace)]
    for channel in workspace["channels"]:
        for sample in channel["samples"]:
            bins = [str(i) for i, events in enumerate(sample["data"]) if events < 0]
            if bins:
                where = f"channel '{channel['name']}', sample '{sample['name']}'"
                notes.append(f"{where} is negative in bin {', '.join(bins)}, the sum of the samples is not")
    return notes


def _without_channel(workspace: Mapping[str, Any]) -> list[str]:
    channels = {channel["name"] for channel in workspace["channels"]}
    return [o["name"] for o in workspace["observations"] if o["name"] not in channels]


def _misspelt_settings(workspace: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Settings that no modifier uses and whose name is nearly that of a parameter without settings.

    Others are usual: pyhf passes over them, and published workspaces have some for parameters that patches bring.
    """
    used = {m["name"] for c in workspace["channels"] for s in c["samples"] for m in s["modifiers"]}
    given = {m["name"]: {p["name"] for p in m["config"]["parameters"]} for m in workspace["measurements"]}
    found = []
    # each is compared with all parameters: of some thousands nobody misspelt each
    for measurement, name in unused_settings(workspace)[:_MOST_COMPARED]:
        alike = difflib.get_close_matches(name, sorted(used - given[measurement]), n=1, cutoff=_ALIKE)
        found += [(measurement, name, meant) for meant in alike]
    return found


def _model_problems(workspace: Mapping[str, Any], missing: Mapping[str, str]) -> Iterator[str]:
    for measurement in workspace["measurements"]:
        poi = "" if measurement["name"] in missing else None
        try:
            check_parameters(workspace)
            likelihood = Likelihood.from_workspace(workspace, measurement["name"], poi=poi)
        except SpecBuilderError as error:
            yield str(error)
            return
        rates = likelihood.rates(likelihood.init)[0]
        problem = _rate_problem(likelihood, rates, f" at the start of measurement '{measurement['name']}'")
        if problem is not None:
            yield problem
            return
        if not np.isfinite(likelihood.twice_nll(likelihood.init)[0]):
            yield f"measurement '{measurement['name']}': 2NLL is not finite at the start values"
