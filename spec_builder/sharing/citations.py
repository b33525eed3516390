"""BibTeX of the software, the paper, the methods and the data.

Whoever made a number is named in the source of the table that holds it. What a result cites follows from there: the
entries of ``data/references.bib`` whose arXiv number or DOI stands in a source that the result used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spec_builder.base.arguments import check_argument
from spec_builder.base.files import data_path
from spec_builder.base.reading import read_text
from spec_builder.base.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["bibtex", "identifiers", "inspire_records"]

#: The software, the paper and HistFactory's inventors: part of every result.
_ALWAYS = ("spec_builder", "DeRomeri:2024iaw", "pyhf_joss", "Cranmer:1456844")
_IDENTIFIER = re.compile(
    r"arxiv(?::|\.org/abs/)(?P<arxiv>[a-z-]+/\d{7}|\d{4}\.\d{4,5})|doi(?::|\.org/)(?P<doi>10\.\d+/[^\s,;]+)",
    re.IGNORECASE,
)


def identifiers(text: str) -> list[str]:
    """Find the arXiv numbers and DOIs in a text, in their order.

    Examples:
        >>> identifiers("XENONnT, doi:10.5281/zenodo.20576156 (arXiv:2604.06002), CC-BY-4.0")
        ['10.5281/zenodo.20576156', '2604.06002']
    """
    return [match["arxiv"] or _trimmed(match["doi"]) for match in _IDENTIFIER.finditer(text)]


def _trimmed(doi: str) -> str:
    """A DOI without the full stop or the bracket that ends the sentence around it."""
    doi = doi.rstrip(".")
    return _trimmed(doi[:-1]) if doi.endswith(")") and doi.count("(") < doi.count(")") else doi


def bibtex(sources: Iterable[str] | None = None, *, methods: Iterable[str] = ()) -> str:
    """Entries to cite.

    Args:
        sources: of the tables that a result used; None for everything there is.
        methods: keys of further entries, such as ``iminuit``.
    """
    # not by a decorator, which needs numpy: --cite is quick
    if sources is not None:
        check_argument("sources", sources)
    check_argument("methods", methods)
    entries = _entries()
    if sources is None:
        return "\n\n".join(entries.values()) + "\n"
    keys = {*_ALWAYS, *methods}
    others = []
    for identifier in dict.fromkeys(found for text in sources for found in identifiers(text)):
        known = [key for key, entry in entries.items() if identifier in entry]
        keys.update(known)
        if not known:
            others.append(_unnamed(identifier))
    return "\n\n".join([*(entries[key] for key in entries if key in keys), *others]) + "\n"


def inspire_records(references: Iterable[str]) -> dict[str, str]:
    """INSPIRE numbers of the papers in an experiment's references, by arXiv number; those that are known.

    Examples:
        >>> inspire_records(["arXiv:2408.02877, Phys. Rev. Lett. 133 (2024) 191002", "arXiv:2411.11749"])
        {'2408.02877': '2815689'}
    """
    entries = _entries().values()
    numbers = {}
    for identifier in (found for text in references for found in identifiers(text)):
        for entry in entries:
            match = re.search(r"inspire\s*= \{(\d{7})\}", entry)
            if match and identifier in entry:
                numbers[identifier] = match[1]
    return numbers


def _entries() -> dict[str, str]:
    """Entries by key, in the order of the file."""
    text = read_text(data_path("references.bib")).replace("{VERSION}", f"{{{__version__}}}")
    return {entry.partition("{")[2].partition(",")[0]: entry for entry in text.strip().split("\n\n")}


def _unnamed(identifier: str) -> str:
    """An entry for what a user's own tables name."""
    field = "doi" if identifier.startswith("10.") else "eprint"
    return f"@misc{{{identifier.replace('/', ':')},\n  {field} = {{{identifier}}},\n}}"
