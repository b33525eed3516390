"""The README of an archive beside the one that its other files give."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.text import markdown_text
from spec_builder.base.version import __version__
from spec_builder.model.provenance import Choices, in_words, option_key
from spec_builder.physics.interactions import shipped_interactions
from spec_builder.sharing.bundle import METADATA, WORKSPACE
from spec_builder.sharing.comparison import different_lines
from spec_builder.sharing.expected import EXPECTED
from spec_builder.sharing.readme import archive_readme

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["readme_problems"]

_MARK = "**By construction**"


def readme_problems(readme: str, content: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Lines of a README that say something else than the files beside it.

    One of another version may say it in other words: then numbers are compared in the lines that both have.

    Args:
        readme: its text.
        content: of the JSON files, by name.

    Yields:
        Number of the line, from 1, and what is wrong with it.

    Raises:
        SpecBuilderError: if the files lack what a README says.
    """
    metadata = content[METADATA]
    try:
        wanted, version = _made_again(readme, content), str(metadata["version"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError, OverflowError) as error:
        raise SpecBuilderError(
            f"README.md: cannot be compared, the files lack what it says ({type(error).__name__}: {error})"
        ) from None
    yield from different_lines(readme, wanted, same_words=version == __version__)


def _made_again(readme: str, content: Mapping[str, Any]) -> str:
    metadata = content[METADATA]
    patch_sets = {name: part for name, part in sorted(content.items()) if name.startswith("patchset_")}
    choices = Choices(
        str(metadata["analysis"]),
        str(metadata["law"]),
        {str(key): str(value) for key, value in metadata["variants"].items()},
        by_construction=_notes(readme, str(metadata["by_construction"])),
        version=str(metadata["version"]),
    )
    options = {name: _options(part["metadata"]) for name, part in patch_sets.items()}
    critical = sorted(name for name in content if name.startswith("critical_"))
    return archive_readme(choices, content[WORKSPACE], metadata, patch_sets, content[EXPECTED], options, critical)


def _notes(readme: str, together: str) -> tuple[tuple[str, str], ...]:
    """What agrees by construction, a note each: as the README tells them apart, if together they are the metadata's."""
    lines = iter(readme.splitlines())
    behind = itertools.dropwhile(lambda line: not line.startswith(_MARK), lines)
    bullets = itertools.takewhile(lambda line: line.startswith("- "), itertools.islice(behind, 2, None))
    notes = tuple((name, text) for name, _, text in (line[2:].partition(": ") for line in bullets))
    if in_words(notes) == markdown_text(together):
        return notes
    name, _, text = together.partition(": ")
    return ((name, text),) if together else ()


def _options(about: Mapping[str, Any]) -> dict[str, str]:
    """Options of a patch set's interaction as they stand in headers."""
    shipped = (option_key(option.name) for interaction in shipped_interactions() for option in interaction.options)
    known = dict.fromkeys(["coupling_set", "longitudinal_factor", *shipped, "interaction_sha256"])
    return {name: str(about[name]) for name in known if about.get(name) is not None}
