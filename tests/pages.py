"""What stands on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spec_builder.drawing.page import Page

__all__ = ["labels", "legend", "small_print"]


def small_print(page: Page) -> str:
    return " ".join(page.caption.to_text().split())


def labels(panel: Axes) -> list[str]:
    return [text.get_text() for text in panel.texts]


def legend(panel: Axes) -> list[str]:
    found = panel.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]
