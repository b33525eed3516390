"""Expected limits as a band with the observed ones over it."""

from __future__ import annotations

from typing import Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import shown
from spec_builder.drawing.page import Page, new_figure, styled
from spec_builder.drawing.style import Line
from spec_builder.figures.pages import Pictured, caption_of
from spec_builder.studies.expected import ExpectedLimits
from spec_builder.studies.limits import LimitsResult
from spec_builder.studies.pictures import level_note

__all__ = ["draw_expected"]

_OBSERVED = Line("#0072B2", "-")
_OBSERVED_TEXT = "Observed, lines: ends of what is excluded; the hatched side of each is excluded."


def draw_expected(expected: ExpectedLimits, observed: LimitsResult | None = None, *, width: str = "single") -> Page:
    """Median and bands of one and two standard deviations against the mediator mass, the observed limit over them.

    Args:
        expected: from :func:`spec_builder.studies.expected.expect_limits`.
        observed: limits of the same interaction.
        width: ``single`` or ``double``.

    Raises:
        SpecBuilderError: if there are fewer than two finite masses.
    """
    given: tuple[tuple[str, object, Any], ...] = (
        ("expected", expected, ExpectedLimits),
        ("observed", observed, LimitsResult | None),
    )
    for what, limits, kind in given:
        if not isinstance(limits, kind):
            raise SpecBuilderError(f"{what} {shown(limits)}: expected limits, of expect_limits or of find_limits")
    with styled():
        figure = new_figure(width, 3.0)
        panel = figure.subplots()
        expected.plot(panel)
        if observed is not None:
            observed.plot(panel, label="observed", line=_OBSERVED, hatched=True)
            panel.legend(loc="upper left", title=level_note(expected.provenance), alignment="left")
    results: list[Pictured] = [expected] if observed is None else [expected, observed]
    text = [expected.drawn, *([_OBSERVED_TEXT] if observed is not None else [])]
    return Page(figure, caption_of(expected.report().title, results, *text))
