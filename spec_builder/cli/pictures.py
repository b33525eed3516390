"""``--plot`` and ``--width``: figures in one format or several, with their captions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.options import choice, together

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.files import Content
    from spec_builder.drawing.page import Page

__all__ = ["Plots", "plot_options", "width_option"]

width_option = choice(
    "--width", ("single", "double"), help="Width of the figure: one column or two (default: what its panels need)."
)


def plot_options(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The two options; ``what`` says what is drawn."""
    plot = click.option(
        "--plot",
        "plots",
        multiple=True,
        metavar="FILE",
        help=f"{what}: PNG, PDF or SVG by the suffix, the caption beside it as .txt; repeatable.",
    )
    return together(plot, width_option)


@dataclass(frozen=True)
class Plots:
    """Figures that were asked for.

    Attributes:
        paths: of one figure, in one format or several.
        width: ``single``, ``double`` or None.
        force: replace files that exist.
    """

    paths: tuple[Path, ...]
    width: str | None
    force: bool

    @classmethod
    def taken(cls, choices: dict[str, Any], output: str, *, force: bool) -> Plots:
        """Take the two options out of the choices of a command line, and refuse their names before anything is done.

        Raises:
            SpecBuilderError: for a width that is unknown or without a figure, for --cite, and as
                :func:`spec_builder.drawing.page.check_pages`.
        """
        names, width = choices.pop("plots"), choices.pop("width")
        if "" in names:
            raise SpecBuilderError("plot '': expected the name of a figure, .png, .pdf or .svg")
        if names and choices.get("cite"):
            raise SpecBuilderError("--cite prints references and draws nothing: leave out --plot")
        paths = tuple(map(Path, names))
        if width is not None:
            from spec_builder.drawing.page import width_of  # noqa: PLC0415

            width_of(width)
            if not paths:
                raise SpecBuilderError("--width applies with --plot only")
        if paths:
            from spec_builder.drawing.page import check_pages  # noqa: PLC0415

            check_pages(paths, force=force, taken=() if output == "-" else (Path(output),))
        return cls(paths, width, force)

    def __bool__(self) -> bool:
        return bool(self.paths)

    def content(self, draw: Callable[..., Page], *what: Any) -> dict[Path, Content]:
        """Draw, and say what the files hold: nothing if no figure was asked for.

        Args:
            draw: makes the page of what follows; takes a ``width`` too.
            what: is drawn.

        Returns:
            As :func:`spec_builder.cli.output.emit` takes it.
        """
        if not self.paths:
            return {}
        from spec_builder.drawing.page import page_content  # noqa: PLC0415

        page = draw(*what) if self.width is None else draw(*what, width=self.width)
        return page_content(page, self.paths)

    def of_result(self, result: Any) -> dict[Path, Content]:
        """The same, of what draws itself in one way."""
        if not self.paths:
            return {}
        from spec_builder.figures.pages import draw_result  # noqa: PLC0415

        return self.content(draw_result, result)
