"""What is wrong with the looks of a figure, found by its own measures: what a reader would stumble over."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

__all__ = ["problems"]

#: Smallest letters [points], and how far boxes of text may reach into each other [pixels of 300 dpi]: at the corner of
#: two axes they touch without their letters.
_LEAST_SIZE, _RIM = 6.0, 7.0
#: Between two numbers at an axis [pixels of 300 dpi].
_SPACE = 4.0
#: Points between two of a line at which it is looked for below a legend.
_BETWEEN = 12


def problems(figure: Figure) -> list[str]:
    """Small letters, text beyond the page, over text or against it, legends over lines, panels with nothing in them."""
    figure.set_dpi(300)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    texts = list(_texts(figure))
    found = [f"{t.get_fontsize():.1f} points: {t.get_text()!r}" for t in texts if float(t.get_fontsize()) < _LEAST_SIZE]
    for text in texts:
        box, page = _box(text), figure.bbox
        if min(box.x0, box.y0, page.x1 - box.x1, page.y1 - box.y1) < -1:
            found.append(f"beyond the page: {text.get_text()!r}")
    for one, other in itertools.combinations(texts, 2):
        if _overlap(one, other):
            found.append(f"over each other: {one.get_text()!r}, {other.get_text()!r}")
    for panel in figure.axes:
        found += [f"without a space: {one!r}, {other!r}" for one, other in _run_together(panel)]
        if not panel.has_data() or not _is_seen(panel):
            found.append("a panel is empty")
        legends = [legend for legend in (*figure.legends, panel.get_legend()) if legend is not None]
        found += [
            f"a legend hides {line.get_label()!r}"
            for line in panel.get_lines()
            for legend in legends
            if _hidden(line, legend, panel)
        ]
    return list(dict.fromkeys(found))


def _run_together(panel: Axes) -> Iterator[tuple[str, str]]:
    """Neighbours below an axis that would be read as one number."""
    axis: Any = panel.xaxis
    ticks = [tick.label1 for tick in axis._update_ticks() if tick.label1.get_visible()]
    shown = sorted((text for text in ticks if text.get_text().strip()), key=lambda text: _box(text).x0)
    for one, other in itertools.pairwise(shown):
        if one.get_rotation() == 0 and _box(other).x0 - _box(one).x1 < _SPACE:
            yield one.get_text(), other.get_text()


def _is_seen(panel: Axes) -> bool:
    """Whether something of what is drawn lies inside the frame, but for lines across it; a legend may say why not."""
    across = [panel.get_xaxis_transform(which="grid"), panel.get_yaxis_transform(which="grid")]
    lines = [line for line in panel.get_lines() if line.get_transform() not in across]
    points = [line.get_transform().transform(np.asarray(line.get_xydata(), dtype=np.float64)) for line in lines]
    places: NDArray[np.float64] = np.concatenate([np.zeros((0, 2)), *points])
    frame = panel.bbox.padded(1)
    inside = (places > frame.min).all(axis=1) & (places < frame.max).all(axis=1)
    areas = [*panel.patches, *(one for one in panel.collections if isinstance(one, PolyCollection | QuadMesh))]
    legends = [panel.get_legend(), *getattr(panel.figure, "legends", [])]
    words = [text.get_text() for legend in legends if legend is not None for text in legend.get_texts()]
    told = any(word.endswith(("is excluded", "no limit")) for word in words)
    return bool(inside.any() or areas or told)


def _texts(figure: Figure) -> Iterator[Text]:
    """All that is written, once; rows that two axes share have their names from both."""
    places = set()
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if not (text.get_visible() and text.get_text().strip()) or _is_hidden_tick(text, figure):
            continue
        place = (text.get_text(), *np.round(_box(text).extents))
        if place not in places:
            places.add(place)
            yield text


def _is_hidden_tick(text: Text, figure: Figure) -> bool:
    """Whether it belongs to a tick that is not drawn, as beyond the ends of an axis."""
    axes: list[Any] = [axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)]
    for axis in axes:
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        if any(text in (tick.label1, tick.label2) for tick in ticks):
            return all(text not in (tick.label1, tick.label2) for tick in axis._update_ticks())
    return False


def _box(text: Text) -> Any:
    """Of the letters alone, without the arrow of an annotation."""
    return Text.get_window_extent(text)


def _overlap(one: Text, other: Text) -> bool:
    if one.get_rotation() % 90 or other.get_rotation() % 90:  # their boxes are larger than they
        return False
    a, b = _box(one), _box(other)
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return bool(min(width, height) > _RIM)


def _hidden(line: Line2D, legend: Legend, panel: Axes) -> bool:
    """Whether a line passes below a legend."""
    points: NDArray[np.float64] = line.get_transform().transform(np.asarray(line.get_xydata(), dtype=np.float64))
    points = points[np.isfinite(points).all(axis=1)]
    if line.get_linestyle() != "None" and len(points) > 1:
        places = np.linspace(0, len(points) - 1, _BETWEEN * len(points))
        points = np.column_stack([np.interp(places, np.arange(len(points)), column) for column in points.T])
    box, frame = legend.get_window_extent(), panel.bbox
    inside = [
        (points[:, 0] > max(box.x0, frame.x0)) & (points[:, 0] < min(box.x1, frame.x1)),
        (points[:, 1] > max(box.y0, frame.y0)) & (points[:, 1] < min(box.y1, frame.y1)),
    ]
    return bool(np.logical_and(*inside).any())
