"""Words of the glossary, linked where they stand first on a page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

#: Words of the glossary that mean something else, or nothing special, in most sentences.
PLAIN = {
    *("bound", "channel", "coupling", "digest", "excluded", "experiment", "hypothesis", "interaction", "measurement"),
    *("minimiser", "sample", "scale", "status", "style", "template", "valid", "variant"),
}
#: Pages without links: the glossary itself, and what consists of names.
SKIPPED = {"api", "changelog", "glossary"}
#: Where a word is no part of a sentence.
APART = (
    *(nodes.literal, nodes.literal_block, nodes.reference, nodes.title, nodes.term),
    *(nodes.math, nodes.math_block, nodes.raw, addnodes.pending_xref),
)


def glossary_terms() -> list[str]:
    """Words that the glossary explains, in its order."""
    text = (Path(__file__).parent / "glossary.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\{glossary\}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith(" ")]


def pattern(term: str) -> str:
    """A regular expression of a word, in singular and plural; names keep their case."""
    if term.endswith("sis"):
        word = re.escape(term[:-2]) + "[ei]s"
    elif term.endswith(("y", "s", "²")):
        word = re.escape(term) + ("s?" if term.endswith("toy") else "")
    else:
        word = re.escape(term) + "s?"
    word = word.replace("'", "['’]")
    return f"(?i:{word})" if term == term.lower() else word


def link_terms(app: Sphinx, document: nodes.document) -> None:
    """Link the first word of each kind on a page to the glossary."""
    page = app.env.docname
    if page in SKIPPED:
        return
    # the longest first: a patch set is no patch
    open_terms = sorted(set(glossary_terms()) - PLAIN, key=len, reverse=True)
    for text in list(document.findall(nodes.Text)):
        if not _is_apart(text):
            pieces = list(_linked(text.astext(), open_terms, page))
            if len(pieces) > 1:
                text.parent.replace(text, pieces)


def _is_apart(text: nodes.Text) -> bool:
    node: nodes.Node | None = text.parent
    while node is not None:
        if isinstance(node, APART):
            return True
        node = node.parent
    return False


def _linked(text: str, open_terms: list[str], page: str) -> Iterator[nodes.Node]:
    """A text in pieces: what is linked leaves the list of terms that are open."""
    words = "|".join(f"(?P<t{i}>{pattern(term)})" for i, term in enumerate(open_terms))
    done, found = 0, []
    for match in re.finditer(rf"(?<![\w/.-])(?:{words})(?![\w/-])", text):
        term = open_terms[int(str(match.lastgroup)[1:])]
        if term in found:
            continue
        found.append(term)
        yield nodes.Text(text[done : match.start()])
        link = addnodes.pending_xref("", refdomain="std", reftype="term", reftarget=term, refdoc=page, refexplicit=True)
        link["refwarn"] = True
        link += nodes.inline("", match[0], classes=["xref", "std", "std-term"])
        yield link
        done = match.end()
    yield nodes.Text(text[done:])
    for term in found:
        open_terms.remove(term)
