"""What stands on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spec_builder.drawing.page import Page

__all__ = ["labels", "small_print"]


def small_print(page: Page) -> str:
    return " ".join(page.caption.to_text().split())


def labels(panel: Axes) -> list[str]:
    return [text.get_text() for text in panel.texts]
