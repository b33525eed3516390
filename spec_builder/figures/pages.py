"""Pages of results: their own pictures, with what they say of themselves as the caption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import shown
from spec_builder.drawing.page import Caption, Page, new_figure, styled
from spec_builder.model.provenance import distinct_notes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.text import Report
    from spec_builder.model.provenance import Choices

__all__ = ["Pictured", "caption_of", "draw_result", "sources_of"]

#: What stands at the end of a caption, in lists of its own.
_LISTED = ("by_construction", "by construction", "notes", "note")


class Pictured(Protocol):
    """A result with a picture."""

    @property
    def provenance(self) -> Choices:
        """The choices behind it."""

    @property
    def drawn(self) -> str:
        """What is drawn, in a sentence."""

    @property
    def drawn_height(self) -> float:
        """Height of the picture [in]."""

    def report(self) -> Report:
        """What it says."""

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it."""


def draw_result(result: Pictured, *, width: str = "single") -> Page:
    """The picture of one result.

    Args:
        result: it.
        width: ``single`` or ``double``.

    Raises:
        SpecBuilderError: if there is nothing to draw.
    """
    if not hasattr(result, "drawn_height"):
        raise SpecBuilderError(f"result {shown(result)}: expected one with a picture")
    with styled():
        figure = new_figure(width, result.drawn_height)
        result.plot(figure.subplots())
    return Page(figure, caption_of(result.report().title, [result], result.drawn))


class _Told(Protocol):
    @property
    def provenance(self) -> Choices: ...

    def report(self) -> Report: ...


def caption_of(title: str, results: Sequence[_Told], *text: str) -> Caption:
    """Title, sentences, and the choices of results: what all share once, what differs by result.

    Args:
        title: one line.
        results: what is drawn.
        text: sentences on what is drawn.
    """
    reports = [result.report() for result in results]
    told = [_told(report) for report in reports]
    shared = {name: value for name, value in told[0].items() if all(facts.get(name) == value for facts in told)}
    own: list[str] = []
    if len(results) > 1:
        for report, facts in zip(reports, told, strict=True):
            different = [f"{name}: {value}" for name, value in facts.items() if name not in shared]
            own.append("; ".join([report.title, *different]))
    about = [result.provenance for result in results]
    return Caption(title, text, {"data": _data(about)} | shared, {"drawn": tuple(own)} | sources_of(about))


def _told(report: Report) -> dict[str, str]:
    facts = dict(report.facts) | dict(report.notes)
    return {name.replace("_", " "): value for name, value in facts.items() if name not in _LISTED}


def _data(choices: Iterable[Choices]) -> str:
    return ", ".join(dict.fromkeys(about.analysis for about in choices))


def sources_of(choices: Sequence[Choices]) -> dict[str, tuple[str, ...]]:
    """What is by construction, notes and sources of several results, each once."""
    notes = dict.fromkeys(note for about in choices for note in about.notes)
    return {
        "by construction (*)": tuple(f"{name}: {text}" for name, text in distinct_notes(choices)),
        "notes": tuple(f"{name}: {text}" for name, text in notes),
        "sources": tuple(dict.fromkeys(source for about in choices for source in about.sources)),
    }
