"""A README that says another number than the files beside it is unsound, with the line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.version import __version__
from spec_builder.sharing.bundle import LINES, SUMS, pack, seal
from spec_builder.sharing.verify_archive import verify_archive
from spec_builder.sharing.verify_readme import readme_problems

if TYPE_CHECKING:
    from pathlib import Path


def contents(files: dict[str, bytes]) -> tuple[str, dict[str, Any]]:
    return files["README.md"].decode(), {k: json.loads(v) for k, v in files.items() if k.endswith(".json")}


def test_every_number_of_every_line_counts(files: dict[str, bytes]) -> None:
    readme, content = contents(files)
    assert list(readme_problems(readme, content)) == []
    lines = readme.splitlines()
    for i, line in enumerate(lines):
        place = next((k for k, letter in enumerate(line) if letter.isdigit()), None)
        if place is None or line.startswith(("- xenonnt:", "- pandax4t:")):
            continue  # notes of what is by construction: as they stand together in the metadata
        digit = "7" if line[place] != "7" else "3"
        changed = [*lines[:i], line[:place] + digit + line[place + 1 :], *lines[i + 1 :]]
        problems = list(readme_problems("\n".join(changed) + "\n", content))
        assert [number for number, _ in problems] == [i + 1]


def test_a_changed_note_is_found(files: dict[str, bytes]) -> None:
    readme, content = contents(files)
    assert "(10.7 events" in readme
    assert len(list(readme_problems(readme.replace("(10.7 events", "(10.8 events"), content))) == 1


def test_one_of_another_version_may_use_other_words_but_no_other_numbers(files: dict[str, bytes]) -> None:
    readme, content = contents(files)
    content["BkgOnly.meta.json"]["version"] = "0.2.0"
    older = readme.replace("## Data", "## Numbers").replace("25.25", "25.35")
    older = older.replace(f"spec_builder {__version__}", "spec_builder 0.2.0")
    (problem,) = readme_problems(older, content)
    assert "expected '| `xenonnt_cs2` | 3 | 16 14 7 | `accidental` | 25.25 |'" in problem[1]


def test_metadata_without_what_a_readme_says(files: dict[str, bytes]) -> None:
    readme, content = contents(files)
    del content["BkgOnly.meta.json"]["experiments"]
    with pytest.raises(SpecBuilderError, match=r"README\.md: cannot be compared, .*KeyError: 'experiments'"):
        list(readme_problems(readme, content))


def test_a_run_without_its_exposure(files: dict[str, bytes]) -> None:
    readme, content = contents(files)
    for experiment in content["BkgOnly.meta.json"]["experiments"].values():
        for channel in (experiment.get("channels") or {"": experiment}).values():
            for about in channel["runs"].values():
                del about["exposure_t_yr"]
    with pytest.raises(SpecBuilderError, match=r"README\.md: cannot be compared, .*KeyError: 'exposure_t'"):
        list(readme_problems(readme, content))


def test_an_archive_with_a_changed_readme_is_unsound(files: dict[str, bytes], tmp_path: Path) -> None:
    changed = {name: data for name, data in files.items() if name not in (LINES, SUMS)}
    changed["README.md"] = changed["README.md"].replace(b"| 25.25 |", b"| 35.25 |")
    path = tmp_path / "changed.tar.gz"
    path.write_bytes(pack("combined", seal(changed)))
    _, problems = verify_archive(str(path))
    assert len(problems) == 1
    assert problems[0].startswith("README.md:2")
    assert "35.25" in problems[0]
