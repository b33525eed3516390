"""Curves: profiles with their levels, excluded regions, bands, and bars of what is excluded."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.drawing.style import PALETTE, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.drawing.style import Line

__all__ = [
    "STANDARD_MODEL",
    "Bar",
    "Interval",
    "check_masses",
    "check_no_sign",
    "draw_bars",
    "draw_excluded",
    "draw_expected_bands",
    "draw_level_note",
    "draw_levels",
    "draw_profile",
    "draw_standard_model",
    "free_line",
    "mass_coupling_axes",
    "range_of_ends",
    "stretches",
]

Interval: TypeAlias = "tuple[float | None, float | None]"
#: Name, excluded intervals or None where nothing is known, best value and colour.
Bar: TypeAlias = "tuple[str, Sequence[Interval] | None, float, str]"
#: Its name in legends.
STANDARD_MODEL = "Standard Model"
#: How far the light band on the excluded side of a curve reaches, as a factor of the coupling, and how light it is.
_REACH, _LIGHT = 1.3, 0.3
#: A closed interval whose ends are nearer than this factor is light as a whole.
_NARROW = 10.0
_TWO_SIGMA, _ONE_SIGMA = "#F0E442", "#8FC98F"
#: Where there is no end: beyond every axis.
_FAR = 1e30
#: A range of a signed parameter is drawn in logarithms if it is wider.
_WIDE = 1e4
#: Ticks of an axis of masses or of a wide parameter at most; and how near to the frame an end of an interval may lie.
_MOST_TICKS, _ROOM = 7, 1.2
#: Rounding of a logarithm.
_TINY = 1e-9
#: Numbers that are written without a power of ten.
_PLAIN_NUMBERS = (1e-3, 1e4)
_NOTHING, _EVERYTHING = "nothing is excluded", "everything is excluded"
_UNKNOWN = "fits are not valid"


def free_line(panel: Axes, analysis: str) -> Line:
    """The line of an analysis, or the first of the list that is free where the panel has one like it already."""
    from matplotlib.lines import Line2D  # noqa: PLC0415  # only where something is drawn

    taken = {(str(drawn.get_color()), drawn.get_linestyle()) for drawn in panel.get_lines()}
    own = line_of(analysis)
    for line in (own, *PALETTE):
        style: Any = line.style
        if (line.color, Line2D([], [], linestyle=style).get_linestyle()) not in taken:
            return line
    return own


def draw_profile(panel: Axes, values: FloatArray, heights: FloatArray, *, line: Line, label: str | None = None) -> None:
    """A curve of Delta chi^2; values and heights of shape (N,)."""
    panel.plot(values, heights, color=line.color, linestyle=line.style, linewidth=1.4, label=label)
    panel.set_ylabel(r"$\Delta\chi^2$")


def draw_levels(panel: Axes, levels: Mapping[str, float]) -> None:
    """Thin grey lines with their names at heights of Delta chi^2; a name is read where a curve crosses it too."""
    from matplotlib.patheffects import withStroke  # noqa: PLC0415

    for name, height in levels.items():
        panel.axhline(height, color="0.6", linewidth=0.6, zorder=0)
        panel.annotate(
            name, (0.965, height), xycoords=("axes fraction", "data"), fontsize=6, ha="right", va="bottom", color="0.3",
            path_effects=[withStroke(linewidth=1.6, foreground="white")],
        )  # fmt: skip


def draw_standard_model(panel: Axes, value: float) -> None:
    """The Standard Model's value of the parameter across a panel of profiles."""
    panel.axvline(value, color="black", linestyle=(0, (1, 2)), linewidth=0.9, label=STANDARD_MODEL)


def stretches(counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Beginnings and ends of the stretches in which a number stays the same."""
    starts = [0, *(i for i in range(1, len(counts)) if counts[i] != counts[i - 1]), len(counts)]
    return itertools.pairwise(starts)


def _row_of(
    mass: FloatArray, excluded: Sequence[Sequence[Interval] | None], begin: int, end: int
) -> tuple[FloatArray, list[Sequence[Interval]]]:
    """Masses and intervals of one stretch, lengthened half way to neighbours of which something is known."""
    masses, rows = list(mass[begin:end]), [row for row in excluded[begin:end] if row is not None]
    if begin > 0 and excluded[begin - 1] is not None:
        masses, rows = [np.sqrt(mass[begin - 1] * mass[begin]), *masses], [rows[0], *rows]
    if end < mass.size and excluded[end] is not None:
        masses, rows = [*masses, np.sqrt(mass[end - 1] * mass[end])], [*rows, rows[-1]]
    return np.array(masses), rows


def draw_excluded(
    panel: Axes,
    mass: FloatArray,
    excluded: Sequence[Sequence[Interval] | None],
    *,
    line: Line,
    label: str | None = None,
    width: float = 1.4,
    hatched: bool = False,
) -> None:
    """Ends of the excluded intervals against the mass, with a light band along each on its excluded side.

    Where all is excluded the panel is light from bottom to top. The legend says so if there is no end at any mass.

    Args:
        panel: with logarithmic axes.
        mass: mediator masses, shape (M,), increasing.
        excluded: intervals at each mass; None is no end, and an end at 0 is not drawn. None in the place of a row is a
            mass of which nothing is known: a gap.
        line: colour and dashes.
        label: for the legend.
        width: of the lines [points].
        hatched: the excluded side is hatched and lets through what lies below, in place of a light band.
    """
    look: dict[str, Any] = {"color": line.color, "linestyle": line.style, "linewidth": width}
    for begin, end in stretches([-1 if row is None else len(row) for row in excluded]):
        if excluded[begin] is None:
            continue
        masses, rows = _row_of(mass, excluded, begin, end)
        for k in range(len(rows[0])):
            low = np.array([row[k][0] or np.nan for row in rows], dtype=np.float64)
            high = np.array([np.inf if row[k][1] is None else row[k][1] for row in rows], dtype=np.float64)
            for edge in (low, np.where(np.isfinite(high), high, np.nan)):
                if np.isfinite(edge).any():
                    # between two gaps a line has no length
                    panel.plot(masses, edge, label=label, marker="." if masses.size == 1 else None, **look)
                    label = None  # once in the legend
            _draw_light(panel, masses, low, high, line.color, hatched=hatched)
    if label is not None:
        what = _EVERYTHING if any(excluded) else _NOTHING
        panel.plot([], [], label=f"{label}: {what}", **look)


def _draw_light(panel: Axes, mass: FloatArray, low: FloatArray, high: FloatArray, color: str, *, hatched: bool) -> None:
    """The light band of one interval: along its ends, or all of it where it is narrow."""
    light: dict[str, Any] = {"color": color, "alpha": _LIGHT, "linewidth": 0, "zorder": 0.5}
    if hatched:
        light = {"facecolor": "none", "edgecolor": color, "hatch": "/////", "linewidth": 0, "zorder": 0.5}
    everything = np.isnan(low) & np.isinf(high)
    if everything.any():
        panel.fill_between(mass, 0, 1, where=everything, transform=panel.get_xaxis_transform(), **light)
    with np.errstate(invalid="ignore"):
        narrow = bool((high / low < _NARROW).all())
    if narrow:
        panel.fill_between(mass, low, high, **light)
        return
    panel.fill_between(mass, low, np.minimum(low * _REACH, high), **light)
    if np.isfinite(high).any():
        panel.fill_between(mass, np.fmax(high / _REACH, np.fmin(low * _REACH, high)), high, **light)


def draw_expected_bands(panel: Axes, mass: FloatArray, band: Mapping[str, FloatArray]) -> None:
    """Median of expected limits, with the bands of one and two standard deviations where there are any.

    Args:
        panel: where to.
        mass: shape (M,).
        band: ``median``, and for bands ``m2``, ``m1``, ``p1``, ``p2``, each of shape (M,). Infinite where no limit is
            expected: a band reaches to the frame there.
    """
    drawn = {name: np.where(np.isinf(values), _FAR, values) for name, values in band.items()}
    if "m2" in band:
        panel.fill_between(mass, drawn["m2"], drawn["p2"], color=_TWO_SIGMA, lw=0, label=r"expected $\pm 2\sigma$")
        panel.fill_between(mass, drawn["m1"], drawn["p1"], color=_ONE_SIGMA, lw=0, label=r"expected $\pm 1\sigma$")
    median = np.where(np.isinf(band["median"]), np.nan, band["median"])
    label = "expected" if np.isfinite(median).any() else "expected: no limit"
    panel.plot(mass, median, color="black", linestyle="--", linewidth=1.0, label=label)


def draw_level_note(panel: Axes, text: str) -> None:
    """Confidence level and law in one small line in the lower right corner."""
    panel.text(0.97, 0.03, text, transform=panel.transAxes, fontsize=6, ha="right", va="bottom", color="0.25")


def mass_coupling_axes(panel: Axes, mass: FloatArray, label: str, couplings: tuple[float, float]) -> None:
    """Logarithmic axes of the mediator mass and of a parameter; what is drawn already stays within them.

    Args:
        panel: the axes.
        mass: what is drawn, shape (M,) [MeV].
        label: of the vertical axis.
        couplings: its range.
    """
    low, high = float(mass[0]), float(mass[-1])
    if panel.has_data():
        low, high = min(low, panel.get_xlim()[0]), max(high, panel.get_xlim()[1])
    panel.set(xscale="log", yscale="log", xlabel="mediator mass [MeV]", ylabel=label)
    if low < high:
        panel.set_xlim(low, high)
        _set_mass_ticks(panel, low, high)
    panel.set_ylim(*couplings)


def _set_mass_ticks(panel: Axes, low: float, high: float) -> None:
    """Ticks at decades, of many at some of them; at other numbers where there are fewer than two."""
    from matplotlib.ticker import MaxNLocator, NullLocator  # noqa: PLC0415

    powers = range(int(np.ceil(np.log10(low) - _TINY)), int(np.floor(np.log10(high) + _TINY)) + 1)
    if len(powers) > 1:
        step = -(-len(powers) // _MOST_TICKS)
        panel.set_xticks([10.0**power for power in powers if power % step == 0])
        return
    steps = [digit * 10.0**power for power in range(powers.start - 1, powers.stop + 1) for digit in (1, 2, 5)]
    ticks = [step for step in steps if low <= step <= high]
    if len(ticks) < 3:
        ticks = [tick for tick in MaxNLocator(4, steps=(1, 2, 5, 10)).tick_values(low, high) if low <= tick <= high]
        panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xticks(ticks, [_number(tick) for tick in ticks])
    panel.tick_params(axis="x", which="minor", labelbottom=False)


def _number(value: float) -> str:
    """A number at a tick."""
    if _PLAIN_NUMBERS[0] <= value < _PLAIN_NUMBERS[1]:
        return f"{value:.6g}"
    digits, _, power = f"{value:.4e}".partition("e")
    return rf"${float(digits):g}\times10^{{{int(power)}}}$"


def range_of_ends(excluded: Sequence[Sequence[Interval]]) -> tuple[float, float] | None:
    """Whole decades around ends of intervals, none at the frame, with room above; None if there are no ends."""
    ends = [end for row in excluded for interval in row for end in interval if end and np.isfinite(end)]
    if not ends:
        return None
    return 10.0 ** np.floor(np.log10(min(ends) / _ROOM)), 10.0 ** (np.ceil(np.log10(max(ends))) + 1)


def draw_bars(panel: Axes, rows: Sequence[Bar], label: str, *, signed: bool) -> None:
    """What is excluded of a parameter as bars, the best value as a point: a row for each result.

    Args:
        panel: where to.
        rows: name, excluded intervals, best value and colour of each, from the top. None in the place of intervals
            is a result whose fits are not valid: the row says so, and has neither bar nor point.
        label: of the parameter.
        signed: whether it has a sign.
    """
    least, most = _scale_bars(panel, rows, signed=signed)
    for place, (_, excluded, best, color) in enumerate(reversed(rows)):
        if not excluded:  # none, or nothing is known
            look: dict[str, Any] = {
                "transform": panel.get_yaxis_transform(),
                "fontsize": 6,
                "ha": "center",
                "va": "bottom",
            }
            panel.text(0.5, place + 0.18, _UNKNOWN if excluded is None else _NOTHING, **look)
        if excluded is None:
            continue
        for begin, end in excluded:
            left = least if begin is None else max(begin, least)
            right = most if end is None else end
            panel.barh(
                place, right - left, left=left, height=0.5, facecolor=color, alpha=0.45, edgecolor=color, linewidth=0.8
            )
        panel.plot([best], [place], "o", color=color, markersize=3.5)
    panel.set_yticks(range(len(rows)), [row[0] for row in reversed(rows)])
    panel.set_ylim(-0.6, len(rows) - 0.4)
    panel.set_xlabel(label)


def _scale_bars(panel: Axes, rows: Sequence[Bar], *, signed: bool) -> tuple[float, float]:
    """Set the axis around what is excluded, or around the best values, and return its ends."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    known = [(excluded, best) for _, excluded, best, _ in rows if excluded is not None]
    ends = [abs(end) for row, _ in known for interval in row for end in interval if end and np.isfinite(end)]
    ends = ends or [abs(best) for _, best in known if best and np.isfinite(best)]
    low, high = (0.1 * min(ends), 10 * max(ends)) if ends else (1e-3, 1.0)
    if not signed:
        panel.set_xscale("log")
        panel.set_xlim(low, high)
        return low, high
    if high > _WIDE * low:
        panel.set_xscale("symlog", linthresh=10 * low)
        powers = range(int(np.ceil(np.log10(10 * low))), int(np.floor(np.log10(high))) + 1)
        ticks = [10.0**power for power in powers[:: -max(1, len(powers) // 2)][:2]]
        panel.set_xticks([*(-tick for tick in ticks), 0.0, *ticks])
    else:
        high *= 0.2
        panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.set_xlim(-high, high)
    return -high, high


def check_masses(mass: FloatArray, *, signed: bool = False) -> None:
    """Refuse an axis of masses that has no length, and a logarithmic axis of what may be negative.

    Raises:
        SpecBuilderError: saying so.
    """
    check_no_sign(signed=signed)
    if len(set(mass.tolist())) < 2:
        raise SpecBuilderError("a figure of limits needs at least two finite masses whose fits are valid")


def check_no_sign(*, signed: bool) -> None:
    """Refuse the logarithmic axis of a parameter that may be negative.

    Raises:
        SpecBuilderError: saying so.
    """
    if signed:
        raise SpecBuilderError(
            "a figure against the mediator mass has a logarithmic axis, and the parameter has a sign; limits and scans "
            "have the numbers"
        )
