"""Drawing of Fig. 5, of the joint limit, and of any analysis over existing bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.drawing.curves import check_masses, draw_excluded, draw_level_note, mass_coupling_axes, range_of_ends
from spec_builder.drawing.existing import closed_outline, draw_areas, draw_curve, envelope, is_zigzag, name_curve
from spec_builder.drawing.page import Page, legend_above, new_figure, styled
from spec_builder.drawing.style import axis_label, line_of, plain
from spec_builder.figures.pages import caption_of
from spec_builder.paper.bounds import PANELS
from spec_builder.paper.computed import GLOBAL, STAND_INS, label_of
from spec_builder.studies.limits import drawn_text
from spec_builder.studies.pictures import interaction_label, level_note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spec_builder.base.arrays import FloatArray
    from spec_builder.paper.bounds import Bound, MissingBound
    from spec_builder.studies.limits import LimitsResult

__all__ = ["draw_bounds", "draw_comparison", "draw_global", "is_peak_search"]

_AREAS, _CURVES = "closed regions", "existing bounds"
#: Mass [MeV] at which a shipped curve's name stands, and whether above the curve; others' stands in its middle.
_LABEL_AT = {
    "babar": (32.0, True),
    "babar_invisible": (4.0, True),
    "borexino": (0.5, False),
    "charm_ii": (6.0, True),
    "texono": (0.9, True),
}
#: Where curves crowd: the mass at which a line from the name ends, and where the name stands (mass, coupling).
_LED = {
    "a1": (45.0, (17.0, 2e-2)),
    "apex": (215.0, (120.0, 2e-2)),
    "lhcb": (500.0, (450.0, 6e-6)),
    "na64": (30.0, (60.0, 1.5e-6)),
}
_PANEL_TITLES = {
    "scalar": "scalar",
    "axial": "axial vector",
    "vector_bl": r"vector $B-L$",
    "vector_universal": "universal vector",
}
_COUPLINGS, _COUPLINGS_GLOBAL = (2e-9, 1e-1), (5e-8, 1e-1)


def draw_bounds(
    results: Sequence[LimitsResult],
    bounds: Sequence[Bound],
    missing: Sequence[MissingBound],
    others: Sequence[LimitsResult] = (),
) -> Page:
    """Fig. 5: excluded couplings over our other curves and existing bounds, a panel for each interaction.

    Args:
        results: limits of one analysis at the same confidence level, one for each of
            :data:`spec_builder.paper.bounds.PANELS`.
        bounds: existing ones.
        missing: those of the paper that are not drawn.
        others: our limits of other analyses, for the same interactions.
    """
    rows = [row for row in missing if row.name not in STAND_INS or not others]
    text = [drawn_text([*results, *others]), *_existing_text(bounds), _missing_text(rows)]
    with styled():
        figure, panels = _four_panels(_COUPLINGS, results)
        entries: dict[str, Any] = {}
        for panel, interaction in zip(panels, PANELS, strict=True):
            for other in (r for r in others if r.choice.name == interaction):
                _draw_ours(panel, other, entries)
            result = next(r for r in results if r.choice.name == interaction)
            _draw_ours(panel, result, entries, width=1.9)
            _draw_existing(panel, [bound for bound in bounds if bound.interaction == interaction], entries)
            _point_at_band(panel, result)
        _legend(figure, entries, (*results, *others))
    return Page(figure, caption_of("Excluded couplings and existing bounds", [*results, *others], *text))


def draw_global(results: Sequence[LimitsResult]) -> Page:
    """The joint limit on one coupling over those of its parts, a panel for each interaction.

    Args:
        results: of the joint analysis and of its parts, each for every one of
            :data:`spec_builder.paper.bounds.PANELS`.
    """
    with styled():
        figure, panels = _four_panels(_COUPLINGS_GLOBAL, results)
        entries: dict[str, Any] = {}
        for panel, interaction in zip(panels, PANELS, strict=True):
            here = [r for r in results if r.choice.name == interaction]
            for result in sorted(here, key=lambda r: r.provenance.analysis == GLOBAL):
                _draw_ours(panel, result, entries, width=1.9 if result.provenance.analysis == GLOBAL else 1.2)
        _legend(figure, entries, results)
    text = "One coupling to neutrinos, quarks and charged leptons in one likelihood; its parts share nothing else."
    return Page(figure, caption_of("The joint limit and those of its parts", results, drawn_text(results), text))


def draw_comparison(
    result: LimitsResult, bounds: Sequence[Bound], others: Sequence[LimitsResult] = (), *, width: str = "single"
) -> Page:
    """Excluded couplings of any analysis over existing bounds and a user's own curves on the same interaction.

    Args:
        result: ours.
        bounds: existing ones.
        others: limits of other analyses on the same interaction, computed here too.
        width: ``single`` or ``double``.

    Raises:
        SpecBuilderError: if there are fewer than two finite masses.
    """
    mass = np.array([point.mass_MeV for point in result.drawn_points])
    check_masses(mass, signed=result.choice.signed)
    excluded = [point.excluded for one in (result, *others) for point in one.drawn_points]
    around = [*excluded, *([(float(low), None)] for bound in bounds for low in bound.g_low)]
    with styled():
        figure = new_figure(width, 3.4 + 0.12 * len(others))
        panel = figure.subplots()
        ends = range_of_ends(around) or result.choice.default_range
        mass_coupling_axes(panel, mass, axis_label(result.choice.parameter, result.choice.unit or "1"), ends)
        entries: dict[str, Any] = {}
        for other in others:
            _draw_ours(panel, other, entries)
        _draw_ours(panel, result, entries, width=1.9)
        _draw_existing(panel, bounds, entries)
        panel.set_title(interaction_label(result.choice))
        draw_level_note(panel, level_note(result.provenance))
        _legend(figure, entries, [result, *others], columns=2)
    title = f"{result.report().title}, and existing bounds"
    return Page(figure, caption_of(title, [result, *others], drawn_text([result, *others]), *_existing_text(bounds)))


def _four_panels(couplings: tuple[float, float], results: Sequence[LimitsResult]) -> tuple[Figure, Sequence[Axes]]:
    """A figure of four panels with logarithmic axes and the names of the interactions."""
    figure = new_figure("double", 6.6)
    panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
    mass = np.array([point.mass_MeV for point in results[0].drawn_points])
    for panel, interaction in zip(panels, PANELS, strict=True):
        mass_coupling_axes(panel, mass, axis_label("g"), couplings)
        panel.text(0.03, 0.965, _PANEL_TITLES[interaction], transform=panel.transAxes, va="top", fontsize=8)
        panel.label_outer()
    draw_level_note(panels[-1], level_note(results[0].provenance))
    return figure, panels


def _legend(figure: Figure, entries: Mapping[str, Any], results: Sequence[LimitsResult], columns: int = 3) -> None:
    """Ours first."""
    ours = [label for label in dict.fromkeys(map(label_of, results)) if label in entries]
    labels = [*ours, *(label for label in entries if label not in ours)]
    legend_above(figure, {label: entries[label] for label in labels}, columns)


def is_peak_search(bound: Bound) -> bool:
    """Whether a curve without an upper end turns so often that it can be read only as an envelope."""
    return not bound.two_sided and is_zigzag(bound.g_low)


def _line_of(bound: Bound) -> tuple[FloatArray, FloatArray]:
    """The curve as it is drawn."""
    return envelope(bound.mass_MeV, bound.g_low) if is_peak_search(bound) else (bound.mass_MeV, bound.g_low)


def _draw_existing(panel: Axes, bounds: Sequence[Bound], entries: dict[str, Any]) -> None:
    """Closed regions as one grey area, the other bounds as thin lines with their names."""
    from matplotlib.patches import Patch  # noqa: PLC0415

    closed = [bound for bound in bounds if bound.two_sided]
    draw_areas(panel, [closed_outline(bound.mass_MeV, bound.g_low, bound.g_high) for bound in closed])
    if closed:
        dumps = all(bound.family == "beam dump" for bound in closed)
        entries.setdefault("beam dumps" if dumps else _AREAS, Patch(facecolor="0.9", edgecolor="0.62"))
    for bound in (bound for bound in bounds if not bound.two_sided):
        mass, height = _line_of(bound)
        entries.setdefault(_CURVES, draw_curve(panel, mass, height))
        if bound.name in _LED:
            where, place = _LED[bound.name]
            name_curve(panel, plain(bound.title), mass, height, where=where, place=place)
        else:
            at, above = _LABEL_AT.get(bound.name, (None, True))
            name_curve(panel, plain(bound.title), mass, height, where=at, above=above)


def _draw_ours(panel: Axes, result: LimitsResult, entries: dict[str, Any], *, width: float = 1.2) -> None:
    """A curve of our own, thicker than those of others, in its analysis' colour and dashes."""
    line = line_of(result.provenance.analysis)
    before = len(panel.get_lines())
    draw_excluded(panel, *result.drawn_rows, line=line, width=width)
    drawn = panel.get_lines()[before:]
    if drawn:
        entries.setdefault(label_of(result), drawn[0])


def _point_at_band(panel: Axes, result: LimitsResult) -> None:
    """Say where the allowed band between two excluded intervals is."""
    points = result.drawn_points
    first, second = [*points[0].excluded, (None, None), (None, None)][:2]
    if first[0] and first[1] is not None and second[0] is not None:
        band = np.sqrt(first[1] * second[0])
        dark = "0.15"  # in grey the analysis' own colour is faint
        panel.annotate(
            "allowed band", (2.2 * points[0].mass_MeV, band), xytext=(4, 22), textcoords="offset points",
            fontsize=6, color=dark, zorder=6,
            arrowprops={"arrowstyle": "->", "color": dark, "linewidth": 0.7, "shrinkB": 0},
        )  # fmt: skip


def _missing_text(missing: Sequence[MissingBound]) -> str:
    """What the paper has and these panels have not, panel by panel."""
    titles = {panel: ", ".join(row.title for row in missing if row.interaction == panel) for panel in PANELS}
    absent = "; ".join(f"{panel}: {names}" for panel, names in titles.items() if names)
    start = "In the paper's figure but without public numbers or a recast (fig5_bounds.md)"
    return f"{start}, by panel: {absent}." if absent else ""


def _existing_text(bounds: Sequence[Bound]) -> list[str]:
    """Sentences on curves of others."""
    if not bounds:
        return ["No existing bound on this interaction is drawn."]
    dumps = ", ".join(dict.fromkeys(b.title for b in bounds if b.two_sided))
    peaks = ", ".join(dict.fromkeys(b.title for b in bounds if is_peak_search(b)))
    confidences = ", ".join(dict.fromkeys(b.confidence for b in bounds))
    sources = "; ".join(dict.fromkeys(f"{b.title}: {b.source}" for b in bounds))
    lines = [
        "Computed here: thick coloured lines, with a light band on the excluded side.",
        (
            f"Existing bounds, excluded above a thin dashed line and inside the grey region: {confidences}; as "
            "published, or recast with DarkCast under its assumptions; drawn from where their tables begin."
        ),
        f"Grey region: {dumps}." if dumps else "",
        f"Peak searches ({peaks}): the weakest limit in each twelfth of a decade of mass." if peaks else "",
        f"Sources of existing bounds: {sources}.",
    ]
    return [line for line in lines if line]
