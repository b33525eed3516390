"""What results say of themselves in their own pictures: data set, confidence level, law."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import shown
from spec_builder.base.printing import counted
from spec_builder.base.text import Result
from spec_builder.drawing.curves import draw_bars
from spec_builder.drawing.page import new_axes
from spec_builder.drawing.style import display_name, line_of, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from spec_builder.inference.curves import Interval
    from spec_builder.model.provenance import Choices
    from spec_builder.physics.choices import Choice

__all__ = [
    "HEIGHT",
    "PicturedResult",
    "bars_height",
    "dataset_label",
    "draw_strengths",
    "gaps_text",
    "heading",
    "interaction_label",
    "level_note",
    "own_axes",
]

#: Of a picture without rows [in].
HEIGHT = 2.7
#: Letters of the title of an interaction.
_TITLE_LETTERS = 44


def dataset_label(about: Choices) -> str:
    """Data set and variants; a star where something agrees by construction."""
    star = "*" if about.by_construction else ""
    return ", ".join([display_name(about.analysis) + star, *map(plain, about.variants.values())])


def interaction_label(choice: Choice) -> str:
    """What an interaction is called in figures: its title, as far as a column has room."""
    return plain(choice.title, _TITLE_LETTERS)


def level_note(about: Choices) -> str:
    """Confidence level and law in a few words.

    Examples:
        >>> from spec_builder.model.provenance import Choices
        >>> level_note(Choices("xenonnt", "normsys", cl=0.9, dof=2))
        '90 % CL, dof 2, law normsys'
    """
    law = f"law {about.law}" if about.law else ""
    return ", ".join(filter(None, (about.level, law)))


def heading(about: Choices) -> str:
    """Data set, and below it confidence level and law where there are any."""
    return "\n".join(filter(None, (dataset_label(about), level_note(about))))


class PicturedResult(Result):
    """A result with a picture."""

    @property
    @abstractmethod
    def drawn(self) -> str:
        """What :meth:`plot` draws, in a sentence or two."""

    @property
    def drawn_height(self) -> float:
        """Height of a figure of it [in]."""
        return HEIGHT

    @abstractmethod
    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it into the axes that are given, or into new ones of one column's width."""


def gaps_text(count: int, one: str = "point", many: str = "points") -> str:
    """A sentence on what is not drawn because its fits are not valid; '' if nothing is.

    Examples:
        >>> gaps_text(2, "mass", "masses")
        '2 masses whose fits are not valid are left out: gaps.'
    """
    if count == 0:
        return ""
    left_out = "is left out: a gap" if count == 1 else "are left out: gaps"
    return f"{counted(count, one, many)} whose fits are not valid {left_out}."


def own_axes(ax: Axes | None, height: float = HEIGHT) -> Axes:
    """The axes that were given, or new ones of one column's width.

    Raises:
        SpecBuilderError: for what are no axes: a figure, or the array of several that ``subplots`` gives.
    """
    if ax is None:
        return new_axes(height)
    from matplotlib.axes import Axes  # noqa: PLC0415  # only where something is drawn

    if not isinstance(ax, Axes):
        raise SpecBuilderError(f"ax {shown(ax)}: expected axes of matplotlib, such as one of figure.subplots()")
    return ax


def bars_height(rows: int) -> float:
    """Height of a picture of so many bars [in]."""
    return 0.24 * rows + 1.1


def draw_strengths(
    ax: Axes | None, about: Choices, rows: Sequence[tuple[str, Sequence[Interval] | None, float]], note: str = ""
) -> Axes:
    """Excluded strengths of recoil spectra as bars, a row for each.

    Args:
        ax: axes to draw into; new ones if there are none.
        about: the choices of the result.
        rows: name of the spectrum, what is excluded (None where fits are not valid), the best strength.
        note: what the strengths are, before their level.
    """
    panel = own_axes(ax, bars_height(len(rows)))
    color = line_of(about.analysis).color
    bars = [(plain(name.replace("_", " ")), excluded, best, color) for name, excluded, best in rows]
    draw_bars(panel, bars, "strength", signed=False)
    panel.set_title(f"{dataset_label(about)}\n{note}{level_note(about)}", loc="right")
    return panel
