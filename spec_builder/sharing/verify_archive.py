"""Check of an archive from its own content: checksums, digests, every patch, expected results. No physics."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import digest
from spec_builder.base.printing import counted
from spec_builder.base.progress import Parts, silent
from spec_builder.base.reading import MAX_JSON_MEMORY, json_memory, parse_json
from spec_builder.histfactory.hs3 import hs3_workspace
from spec_builder.histfactory.hs3_reading import workspaces_of_hs3
from spec_builder.histfactory.patchset import check_patch_set
from spec_builder.sharing.bundle import HS3, LINES, METADATA, SUMS, WORKSPACE, broken_seals, read_archive
from spec_builder.sharing.critical import check_critical, is_critical, is_json_number
from spec_builder.sharing.expected import EXPECTED, reference_flux_of, unexpected_results
from spec_builder.sharing.verify import verify_patch_set, verify_workspace
from spec_builder.sharing.verify_metadata import metadata_problems, name_problems, patch_set_problems
from spec_builder.sharing.verify_readme import readme_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

__all__ = ["verify_archive"]


@np.errstate(over="ignore", invalid="ignore")  # what overflows is found not to be finite
@checked
def verify_archive(path: str | PathLike[str], *, report: Parts = silent) -> tuple[str, list[str]]:
    """Check an archive, packed or unpacked.

    First the checksums; where they hold, what they hold together: the digests, the workspace, every patch, all expected
    results, computed anew, and the README, made anew.

    Args:
        path: of a ``.tar.gz``, or the folder that it was unpacked to.
        report: told how many patches are applied, and of how many.

    Returns:
        What was checked, in a line, and the problems found; each names its file and, where it can be told, its line.

    Raises:
        SpecBuilderError: if it cannot be read as an archive at all.
    """
    path = Path(path)
    files = read_archive(path)
    packed = not path.is_dir()
    problems = list(broken_seals(files, extra=packed))
    if problems:
        return "archive", problems
    listed = {line.split(maxsplit=1)[1].lstrip("*") for line in files[SUMS].decode().splitlines()}
    others = sorted(set(files) - listed - {SUMS})
    try:
        summary, found = _verify_content({key: files[key] for key in listed}, report)
    except SpecBuilderError as error:
        return "archive", [str(error)]
    beside = f"; not part of it: {', '.join(others)}" if others else ""
    return f"{summary}{beside}", found


def _verify_content(files: Mapping[str, bytes], report: Parts) -> tuple[str, list[str]]:
    content = _json_content(files)
    workspace, metadata = content[WORKSPACE], content[METADATA]
    patch_sets = {key: value for key, value in sorted(content.items()) if key.startswith("patchset_")}
    for key, value in patch_sets.items():
        check_patch_set(value, key)
        _check_promises(value, key)
    problems = [f"{WORKSPACE}: {problem}" for problem in verify_workspace(workspace)]
    if problems:
        return "archive", problems
    problems += [f"{WORKSPACE}: {problem}" for problem in name_problems(workspace)]
    problems += [f"{METADATA}: {problem}" for problem in metadata_problems(metadata)]
    for key, value in patch_sets.items():
        problems += [f"{key}: {problem}" for problem in patch_set_problems(value["metadata"])]
    if problems:
        return "archive", problems
    problems += _digest_problems(workspace, metadata, patch_sets)
    if not problems:
        problems += [f"{HS3}: {problem}" for problem in _hs3_problems(content[HS3], workspace, metadata)]
    for key, value in content.items():
        problems += _critical_problems(key, value, workspace)
    problems += _patch_problems(workspace, patch_sets, report)
    if not problems:
        flux = reference_flux_of(metadata, workspace["measurements"][0]["config"]["poi"])
        found = unexpected_results(content[EXPECTED], workspace, flux, patch_sets)
        problems += [f"{file}: {what}" for file, what in found]
    if not problems:
        lines = readme_problems(_text("README.md", files["README.md"]), content)
        problems += [f"README.md:{line}: {what}" for line, what in lines]
    count = sum(len(value["patches"]) for value in patch_sets.values()) if not problems else 0
    fitted = f"{counted(count, 'patch', 'patches')} in {counted(len(patch_sets), 'set')}"
    summary = (
        f"archive of {metadata.get('analysis')}, {counted(len(files), 'file')}; {fitted} fitted, "
        f"all as expected; workspace sha256 {digest(workspace)}"
    )
    return summary, problems


def _json_content(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The content of the JSON files by name.

    Raises:
        SpecBuilderError: if a file is missing, is no JSON, or all of them together are too large.
    """
    for required in (WORKSPACE, METADATA, HS3, EXPECTED, LINES, "README.md", "CITATION.bib"):
        if required not in files:
            raise SpecBuilderError(f"{required}: is missing: not an archive of spec_builder")
    texts = {key: _text(key, data) for key, data in files.items() if key.endswith(".json")}
    if sum(map(json_memory, texts.values())) > MAX_JSON_MEMORY:
        raise SpecBuilderError(f"its JSON files hold more values than fit into {MAX_JSON_MEMORY >> 20} MB of memory")
    return {key: parse_json(text, key) for key, text in texts.items()}


def _patch_problems(workspace: Any, patch_sets: Mapping[str, Any], report: Parts) -> Iterator[str]:
    """Problems of the patch sets; told how many patches of all sets are applied, and of how many."""
    sizes = [len(value["patches"]) for value in patch_sets.values()]
    for (key, value), before in zip(patch_sets.items(), accumulate(sizes, initial=0), strict=False):

        def applied(done: int, _: int, before: int = before) -> None:
            report(before + done, sum(sizes))

        yield from (f"{key}: {problem}" for problem in verify_patch_set(workspace, value, key, report=applied))


def _hs3_problems(content: Any, workspace: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[str]:
    """Where a file in HS3 is another model than the workspace; other versions may write the same one otherwise."""
    wanted = hs3_workspace(workspace, metadata)
    if content == wanted:
        return
    try:
        is_same = workspaces_of_hs3(content) == workspaces_of_hs3(wanted)
        bins, named = _bins(content), content["misc"]["spec_builder"]["pyhf_sha256"]
    except SpecBuilderError as error:
        yield str(error)
        return
    except (KeyError, TypeError, AttributeError):
        yield "lacks what spec_builder notes under misc"
        return
    if not is_same:
        yield f"is another model than {WORKSPACE}"
    if bins != _bins(wanted):
        yield f"has other bins than {METADATA}"
    if named != digest(workspace):
        yield f"names sha256 {named}, but {WORKSPACE} has {digest(workspace)}"


def _bins(content: Mapping[str, Any]) -> list[Any]:
    """Axes of the channels, and the edges of their runs, by name."""
    axes = {distribution["name"]: distribution.get("axes") for distribution in content["distributions"]}
    notes = content["misc"]["spec_builder"]["axes"]
    return [axes, {name: note.get("bin_edges") for name, note in notes.items()}]


def _critical_problems(name: str, content: Any, workspace: Mapping[str, Any]) -> Iterator[str]:
    """Critical values that are broken, or of another workspace."""
    if not name.startswith("critical_"):
        return
    if not is_critical(content):
        yield f"{name}: holds no critical values"
        return
    problems = check_critical(content)
    yield from (f"{name}: {problem}" for problem in problems)
    if not problems and content["workspace_sha256"] != digest(workspace):
        yield f"{name}: names sha256 {content['workspace_sha256']}, but {WORKSPACE} has {digest(workspace)}"


def _check_promises(patch_set: Mapping[str, Any], name: str) -> None:
    """Refuse a patch set without the numbers that are recomputed.

    Raises:
        SpecBuilderError: naming what is missing.
    """
    about = patch_set["metadata"]
    minimum = about.get("minimum")
    if not isinstance(minimum, dict) or not is_json_number(minimum.get("twice_nll")):
        raise SpecBuilderError(
            f"{name}: metadata.minimum.twice_nll is missing or no number; export the patch set again"
        )
    for patch in patch_set["patches"]:
        if not is_json_number(patch["metadata"].get("delta_chi2")):
            raise SpecBuilderError(f"{name}: patch '{patch['metadata']['name']}': delta_chi2 is missing or no number")


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise SpecBuilderError(f"{name}: not a UTF-8 text file") from None


def _digest_problems(workspace: Any, metadata: Any, patch_sets: Mapping[str, Any]) -> Iterator[str]:
    try:
        named, wanted = metadata["sha256"], dict(metadata["patch_sets"])
        reference_flux_of(metadata, workspace["measurements"][0]["config"]["poi"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SpecBuilderError(
            f"{METADATA}: not the metadata of a workspace: expected sha256, patch_sets and a reference with meaning "
            "and size, such as flux_1e6_cm2_s1"
        ) from None
    if named != digest(workspace):
        yield f"{METADATA}: names sha256 {named}, but {WORKSPACE} has {digest(workspace)}"
    for key in sorted(set(wanted) ^ set(patch_sets)):
        yield f"{METADATA}: patch set '{key}' is missing here or in the archive"
    for key in sorted(set(wanted) & set(patch_sets)):
        if wanted[key] != digest(patch_sets[key]):
            yield f"{METADATA}: names sha256 {wanted[key]} for {key}, which has {digest(patch_sets[key])}"
