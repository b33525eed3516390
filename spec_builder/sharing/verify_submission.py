"""Check of a HEPData submission: its archives, and its tables beside those that the same analyses give."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import digest
from spec_builder.base.printing import counted
from spec_builder.base.progress import Parts, silent
from spec_builder.base.reading import parse_json, read_text
from spec_builder.base.version import __version__
from spec_builder.experiments.reading import shipped_experiments
from spec_builder.model.analyses import named_analyses
from spec_builder.model.analysis import ANALYSES, load_analysis
from spec_builder.model.provenance import option_key
from spec_builder.physics.interactions import choose, shipped_interactions
from spec_builder.sharing.archive import contour, data_records
from spec_builder.sharing.bundle import HS3, METADATA, SUBMISSION, read_archive
from spec_builder.sharing.comparison import different_lines
from spec_builder.sharing.submission import is_installed, write_submission
from spec_builder.sharing.verify_archive import verify_archive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

    from spec_builder.model.analysis import Analysis
    from spec_builder.physics.choices import Choice

__all__ = ["verify_submission"]

#: Numbers of tables have six digits; the last of them depends on the machine.
_RELATIVE = 3e-5


@dataclass(frozen=True)
class _Member:
    """What an archive of a submission was made from."""

    analysis: Analysis
    choices: tuple[Choice, ...]
    hepdata: str | None
    version: str
    files: Mapping[str, bytes]


@checked
def verify_submission(path: str | PathLike[str], *, report: Parts = silent) -> tuple[str, list[str]]:
    """Check a submission: every archive, the HS3 files beside them, and all tables, computed anew.

    Args:
        path: its folder, or ``submission.yaml`` there.
        report: told how many patches are applied, and of how many.

    Returns:
        What was checked, in a line, and the problems found; each names its file and its line.

    Raises:
        SpecBuilderError: if a file cannot be read, or there is no archive.
    """
    path = Path(path)
    folder = path.parent if path.name == SUBMISSION else path
    archives = sorted(folder.glob("*.tar.gz"))
    if not archives:
        raise SpecBuilderError(f"{folder}: {SUBMISSION} without an archive (.tar.gz) beside it")
    text = read_text(folder / SUBMISSION)
    problems: list[str] = []
    for archive in archives:
        _, found = verify_archive(str(archive), report=report)
        problems += [f"{archive.name}: {problem}" for problem in found]
    if problems:
        return "submission", problems
    members = [_member(archive) for archive in archives]
    for archive, member in zip(archives, members, strict=True):
        problems += _hs3_problems(folder, archive, member)
    if any(isinstance(member, str) for member in members) or not is_installed():
        why = next((member for member in members if isinstance(member, str)), "hepdata_lib is not installed")
        return f"submission of {counted(len(archives), 'archive')}; its tables were not computed again: {why}", problems
    whole = [member for member in members if isinstance(member, _Member)]
    problems += _table_problems(folder, text, whole)
    return f"submission of {counted(len(archives), 'archive')}, and its tables, computed again", problems


def _member(path: Path) -> _Member | str:
    """What a sound archive was made from, or why that cannot be told here."""
    files = read_archive(path)
    metadata = parse_json(files[METADATA].decode(), METADATA)
    name = str(metadata["analysis"])
    if name not in {*ANALYSES, *named_analyses(), *shipped_experiments()}:
        return f"analysis '{name}' is not one that comes with spec_builder"
    sets = [parse_json(data.decode(), key) for key, data in sorted(files.items()) if key.startswith("patchset_")]
    abouts = [content["metadata"] for content in sets]
    shipped = {interaction.name for interaction in shipped_interactions()}
    for about in abouts:
        if about["interaction"] not in shipped or "interaction_sha256" in about:
            return f"interaction '{about['interaction']}' is not one that comes with spec_builder"
    analysis = load_analysis(name, metadata["law"], metadata["variants"])
    if digest(analysis.workspace) != metadata["sha256"]:
        return f"this version builds another workspace of '{name}'"
    hepdata = next((str(about["references"]["hepdata"]) for about in abouts), None)
    return _Member(analysis, tuple(map(_choice, abouts)), hepdata, str(metadata["version"]), files)


def _choice(about: Mapping[str, Any]) -> Choice:
    """The interaction of a patch set with its options."""
    names = choose(about["interaction"]).options
    return choose(about["interaction"], **{name: about.get(option_key(name)) for name in names})


def _hs3_problems(folder: Path, archive: Path, member: _Member | str) -> Iterator[str]:
    beside = folder / archive.name.replace(".tar.gz", ".hs3.json")
    files = member.files if isinstance(member, _Member) else read_archive(archive)
    if read_text(beside, most=64 * 2**20) != files[HS3].decode():
        yield f"{beside.name}: is not the HS3 file of {archive.name}"


def _table_problems(folder: Path, text: str, members: list[_Member]) -> Iterator[str]:
    """Lines of the submission and of its tables that differ from what is computed now."""
    places = [
        (text.find(f"data_file: exclusion_{member.analysis.name}_{choice.name}.yaml\n"), member, choice)
        for member in members
        for choice in member.choices
    ]
    for place, member, choice in places:
        if place < 0:
            yield f"{SUBMISSION}: no table of {member.analysis.name} and {choice.name}"
            return
    ordered = sorted(places, key=lambda item: item[0])
    results = [contour(member.analysis, choice) for _, member, choice in ordered]
    members = sorted(members, key=lambda member: text.find(f"{member.analysis.name}.tar.gz"))
    names = [member.analysis.name for member in members]
    licences = [member.analysis.licence for member in members]
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch)
        for member in members:  # which the validator looks for
            for suffix in (".tar.gz", ".hs3.json"):
                (made / f"{member.analysis.name}{suffix}").write_bytes(b"{}")
        records = data_records([member.analysis for member in members])
        write_submission(made, names, results, members[0].hepdata, licences, records)
        same = {member.version for member in members} == {__version__}
        for path in sorted(made.glob("*.yaml")):
            found = read_text(folder / path.name)
            wanted = path.read_text(encoding="utf-8")
            for line, what in different_lines(found, wanted, same_words=same, relative=_RELATIVE):
                yield f"{path.name}:{line}: {what}"
