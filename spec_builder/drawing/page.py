"""Pages: figures of the two widths of a journal, each with the caption that is written beside it."""

from __future__ import annotations

import io
import math
import textwrap
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spec_builder.base.arguments import check_argument, check_path
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import real_path, refuse_existing, write_files
from spec_builder.base.printing import one_line
from spec_builder.drawing.style import STYLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spec_builder.base.files import Content

__all__ = [
    "FORMATS",
    "WIDTHS",
    "Caption",
    "Page",
    "both_content",
    "caption_path",
    "check_pages",
    "entries_of",
    "legend_above",
    "legend_over",
    "new_axes",
    "new_figure",
    "page_content",
    "save_page",
    "styled",
    "width_of",
]

FORMATS = (".png", ".pdf", ".svg")
#: Of one column and of two [in], as journals of physics set them.
WIDTHS = {"single": 3.4, "double": 7.0}
#: Characters of a line of a caption.
_LINE = 100
_DOTS_PER_INCH = 300
#: Share of a figure's width that a legend over its only panel may take: what is wider than the panel narrows it.
_OVER = 0.88
#: What settings begin with that are not about looks but about windows and the session.
_NO_LOOKS = (
    "backend",
    "interactive",
    "toolbar",
    "timezone",
    "tk.",
    "webagg.",
    "figure.max_open",
    "figure.raise",
    "date.",
)


@dataclass(frozen=True)
class Caption:
    """What a figure shows and how it came about, to stand beside it and not in it.

    Attributes:
        title: one line.
        text: sentences that say what is drawn.
        facts: choices by name, in their order.
        lists: further lines by heading, such as sources.
    """

    title: str
    text: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_text(self) -> str:
        """Lines of at most a hundred characters."""
        lines = _wrapped(self.title)
        for sentence in filter(None, self.text):
            lines += ["", *_wrapped(sentence)]
        lines += [""] * bool(self.facts)
        for name, value in self.facts.items():
            lines += _wrapped(f"{name}: {value}", indent="  ")
        for heading, entries in self.lists.items():
            if entries:
                lines += ["", f"{heading}:"]
            for entry in entries:
                lines += _wrapped(f"- {entry}", indent="  ")
        return "\n".join(lines) + "\n"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(one_line(text), _LINE, subsequent_indent=indent)


@dataclass(frozen=True)
class Page:
    """A figure with its caption."""

    figure: Figure
    caption: Caption

    @property
    def axes(self) -> list[Axes]:
        """The figure's axes, in the order in which they were made."""
        return self.figure.axes

    def save(self, path: str | PathLike[str], *, force: bool = False) -> None:
        """Write the figure and, beside it, its caption; see ``save_page``."""
        check_path("path", path)
        check_argument("force", force)
        save_page(self, [Path(path)], force=force)


def styled() -> Any:
    """A context in which what is drawn has the style of all figures, whatever a user's ``matplotlibrc`` says."""
    mpl = _matplotlib()
    looks = {name: value for name, value in mpl.rcParamsDefault.items() if not name.startswith(_NO_LOOKS)}
    return mpl.rc_context(looks | STYLE)


def _matplotlib() -> Any:
    try:
        import matplotlib as mpl  # noqa: PLC0415
    except (ValueError, OSError) as error:  # a file of settings that is none
        raise SpecBuilderError(f"matplotlib cannot be loaded: {one_line(str(error))}") from None
    return mpl


def width_of(name: str) -> float:
    """A width by its name [in].

    Raises:
        SpecBuilderError: naming the ones there are.
    """
    if not isinstance(name, str) or name not in WIDTHS:
        raise SpecBuilderError(f"width '{name}' is unknown, expected one of {', '.join(WIDTHS)}")
    return WIDTHS[name]


def new_figure(width: str, height: float) -> Figure:
    """An empty figure that finds room for its labels itself.

    Args:
        width: ``single`` or ``double``.
        height: in inches.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width_of(width), height), layout="constrained")
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(w_pad=0.03, h_pad=0.03)  # type: ignore[call-arg]
    return figure


def new_axes(height: float = 2.7) -> Axes:
    """Axes of one column's width in a figure of pyplot's, which notebooks show by themselves, in the user's style too.

    Args:
        height: in inches.
    """
    from matplotlib import pyplot as plt  # noqa: PLC0415

    with _matplotlib().rc_context(STYLE):
        _, axes = plt.subplots(figsize=(WIDTHS["single"], height), layout="constrained")
    return axes


def legend_above(figure: Figure, entries: Mapping[str, Any], columns: int, **look: Any) -> None:
    """A legend above all panels, read row by row; with fewer columns where it would be wider than the figure.

    It has no more columns than its rows need: five entries in at most four columns are three and two.

    Args:
        figure: with the constrained layout, which makes room.
        entries: artists by their names, in the order in which they are read.
        columns: at most.
        look: of the legend.
    """
    names = list(entries)
    for most in range(max(1, min(columns, len(names))), 0, -1):
        rows = max(1, math.ceil(len(names) / most))
        count = max(1, math.ceil(len(names) / rows))
        in_rows = [name for first in range(count) for name in names[first::count]]  # a legend is filled by columns
        handles = [entries[name] for name in in_rows]
        legend = figure.legend(handles, in_rows, loc="outside upper center", ncols=count, **look)
        if count == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def legend_over(panel: Axes, entries: Mapping[str, Any], columns: int = 1, **look: Any) -> None:
    """A legend over one panel, outside of it, where it hides nothing; with fewer columns where it would be too wide.

    Args:
        panel: without a title, in a figure with the constrained layout.
        entries: artists by their names.
        columns: at most.
        look: of the legend.
    """
    for count in range(columns, 0, -1):
        look |= {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": count}
        legend = panel.legend(entries.values(), entries.keys(), **look)
        if legend.get_window_extent().width <= _OVER * panel.figure.bbox.width:
            return


def entries_of(panels: Iterable[Axes]) -> dict[str, Any]:
    """Artists with a name in panels, by their names."""
    found: dict[str, Any] = {}
    for panel in panels:
        handles, names = panel.get_legend_handles_labels()
        found |= {name: handle for name, handle in zip(names, handles, strict=True) if name not in found}
    return found


def caption_path(path: Path) -> Path:
    """Where the caption of a figure lies: beside it, with the suffix ``.txt``."""
    return path.with_suffix(".txt")


def check_pages(paths: Iterable[Path], *, force: bool, taken: Sequence[Path] = ()) -> None:
    """Refuse names of figures before anything is computed.

    Args:
        paths: of one figure, in one format or several.
        force: whether files that exist may be replaced.
        taken: other files of the same run.

    Raises:
        SpecBuilderError: for another suffix, two equal names, one that is ``taken``, or a figure or caption that
            exists.
    """
    names = list(paths)
    places = list(map(real_path, names))
    for path in names:
        if path.suffix.lower() not in FORMATS:
            raise SpecBuilderError(f"{path}: expected a name that ends in {', '.join(FORMATS)}")
        if places.count(real_path(path)) > 1:
            raise SpecBuilderError(f"{path}: is named twice, expected one name for each figure")
        for own, what in ((path, "the figure"), (caption_path(path), f"the caption of {path.name}")):
            if real_path(own) in map(real_path, taken):
                raise SpecBuilderError(f"{own}: is the output and {what} too, expected two names")
            refuse_existing(own, force=force)


def save_page(page: Page, paths: Sequence[Path], *, force: bool = False) -> None:
    """Write a figure, PNG, PDF or SVG by the names' suffixes, and its caption beside each.

    Raises:
        SpecBuilderError: for another suffix, or a figure or caption that exists and no ``force``.
    """
    check_pages(paths, force=force)
    write_files(page_content(page, paths), force=force)


def page_content(page: Page, paths: Iterable[Path]) -> dict[Path, Content]:
    """What a figure's files hold, its caption beside each.

    Args:
        page: the figure.
        paths: its names, in one of :data:`FORMATS` each.

    Returns:
        As :func:`spec_builder.base.files.write_files` takes it.
    """
    files: dict[Path, Content] = {path: partial(_draw, page) for path in paths}
    captions = {real_path(path): path for path in map(caption_path, files)}  # one for figures of one name
    return files | dict.fromkeys(captions.values(), page.caption.to_text())


def _draw(page: Page, path: Path) -> None:
    """Write a figure, without the hour it was made at.

    It is drawn in memory first: matplotlib's PDF ends in an error of its own where the disk is full.
    """
    suffix = path.suffix.lower()
    metadata = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(suffix)
    drawn = io.BytesIO()
    with styled():
        page.figure.savefig(drawn, format=suffix.removeprefix("."), dpi=_DOTS_PER_INCH, metadata=metadata)
    path.write_bytes(drawn.getvalue())


def both_content(page: Page, name: str) -> dict[str, Content]:
    """What the files of a figure hold that is written as PNG and as PDF, by their names in a folder."""
    content = page_content(page, [Path(f"{name}{suffix}") for suffix in (".png", ".pdf")])
    return {str(path): held for path, held in content.items()}
