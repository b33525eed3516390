"""Spectra: data over stacked backgrounds and signal, before and after a fit."""

from __future__ import annotations

import itertools
import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.drawing.page import Page, legend_above, new_figure, styled
from spec_builder.drawing.spectra import (
    BACKGROUND_LOOKS,
    SIGNAL_COLORS,
    Layer,
    counts_text,
    draw_counts,
    draw_ratio,
    draw_stack,
    draw_total_band,
    label_edges,
)
from spec_builder.drawing.style import display_name, plain, sample_name
from spec_builder.figures.pages import caption_of
from spec_builder.inference.expectation import covariance, prior, sum_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Axis, Channel, Experiment
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.model.analysis import Analysis
    from spec_builder.studies.fits import FitResult

__all__ = ["can_be_spectra", "draw_spectra", "fit_text", "panel_count"]

#: Panels side by side at most, by the width.
_COLUMNS = {"single": 1, "double": 3}
_LEGEND_COLUMNS = {"single": 3, "double": 4}
#: Height of a row of panels, and of a page of a journal [in].
_ROW, _PAGE = 3.0, 9.2
#: So many panels stand in one column, one below the other. More are two abreast, and show signal and background alone.
_STACKED = 3
#: Bins whose edges have labels of every run; more would not be read.
_LABELLED = 12
#: Share of a panel's height between its legend and what is drawn, and least share of what is drawn.
_GAP, _LEAST_SHARE = 0.06, 0.2
#: Panels of a figure.
_MOST_PANELS = 9
#: Unit of an axis that counts combinations of several observables.
_CLASSES = "class"
#: Observables whose names are no names for an axis.
_OBSERVABLES = {"N_e": "$N_{e^-}$", "PE": "photoelectrons", "t": "time", "energy": "recoil energy"}
_UNITS = {"us": "µs"}
#: What all panels share, in the order of the legend; and where samples are summed.
_SHARED, _SUMS = ("data", "total", "uncertainty", "pre-fit"), ("signal", "background")
#: Letters of a line where panels are narrow, and of the name of an axis.
_NARROW, _AXIS_LETTERS = 20, 24


@dataclass(frozen=True)
class _Expected:
    """What is expected in the bins of an analysis before and after a fit.

    Attributes:
        samples: after the fit, by name, each of shape (bins,).
        covariance: of the parameters after the fit, shape (P, P).
        before: the sum of the samples before the fit, shape (bins,).
        theta: parameters after the fit, shape (P,).
    """

    samples: Mapping[str, FloatArray]
    covariance: FloatArray
    before: FloatArray
    theta: FloatArray


def panel_count(analysis: Analysis) -> int:
    """How many panels :func:`draw_spectra` draws: one for each observable of each channel."""
    return sum(len(channel.axes) for channel in analysis.channels)


def can_be_spectra(analysis: Analysis) -> bool:
    """Whether spectra can be read: not too many panels, and no axis of classes, which have no order."""
    units = {axis.unit for channel in analysis.channels for axis in channel.axes}
    return panel_count(analysis) <= _MOST_PANELS and _CLASSES not in units


def draw_spectra(analysis: Analysis, result: FitResult, *, width: str | None = None) -> Page:
    """Data, stacked backgrounds and signal at the best fit, and below the ratio to it; as Fig. 1 of arXiv:2411.11749.

    The dashed line is what is expected before the fit, at the Standard Model and the centres of all constraints. A
    channel of two observables has a panel for each, its bins summed over the other.

    Args:
        analysis: the analysis that was fitted.
        result: its fit of a parameter of the Standard Model.
        width: ``single`` or ``double``; as the number of panels asks for by default.
    """
    likelihood = analysis.likelihood(result.fit.parameter)
    expected = _expected(likelihood, result)
    count = panel_count(analysis)
    size = width or ("single" if count == 1 else "double")
    joined = size == "single" and count > _STACKED
    columns = 2 if joined or (count == 4 and size == "double") else min(count, _COLUMNS[size])
    rows = math.ceil(count / columns)
    with styled():
        figure = new_figure(size, min(_ROW * rows + 0.3, _PAGE))
        places = itertools.product(range(rows), range(columns))
        grid = figure.add_gridspec(2 * rows, columns, height_ratios=(3.2, 1) * rows)
        tops = []
        for experiment, channel in analysis.pairs:
            for along in range(len(channel.axes)):
                row, column = next(places)
                panel = figure.add_subplot(grid[2 * row, column])
                ratio = figure.add_subplot(grid[2 * row + 1, column])
                tops.append(_draw_channel(panel, ratio, channel, likelihood, expected, along, joined=joined))
                title, exposure = _title(experiment, channel), f"{channel.exposure:.3g} {channel.exposure_unit}"
                if joined:
                    title = textwrap.fill(title, _NARROW)
                    panel.set_ylabel(panel.get_ylabel().replace(" / ", "\n/ "))
                panel.set_title(f"{title}\n{exposure}", fontsize=7)
        _legends(figure, tops, (*_SHARED, *_SUMS * joined), _LEGEND_COLUMNS[size])
    most = max(axis.bins for channel in analysis.channels for axis in channel.axes)
    what = (
        f"{counts_text(most)} over the samples after the fit, stacked; hatched, grey: error after the fit, from the "
        "Hessian; dashed: expected before the fit. Below: ratio to the fit, a triangle where it lies beyond the axis."
    )
    about = f"Spectra of {display_name(analysis.name)}: {fit_text(result)}"
    return Page(figure, caption_of(about, [result], what, _samples_text(analysis) if joined else ""))


def _samples_text(analysis: Analysis) -> str:
    """What the signal and the background of each channel are."""

    def names(samples: Sequence[Any]) -> str:
        return " + ".join(sample.name for sample in samples)

    rows = (
        f"{channel.name}: {names(channel.signals)} over {names(channel.backgrounds)}" for channel in analysis.channels
    )
    return f"Signal and background are sums: {'; '.join(rows)}."


def fit_text(result: FitResult) -> str:
    """The fitted parameter, its best value and its unit."""
    fit = result.fit
    unit = "" if result.unit == "1" else f" [{result.unit}]"
    return f"fit of {fit.parameter}{unit} = {fit.value:.4g}"


def _expected(likelihood: Likelihood, result: FitResult) -> _Expected:
    theta = np.array([result.fit.theta[name] for name in likelihood.parameters])
    before, _ = prior(likelihood)
    samples = likelihood.sample_rates(theta)
    return _Expected(samples, covariance(likelihood, theta), likelihood.rates(before[None])[0], theta)


def _title(experiment: Experiment, channel: Channel) -> str:
    """Title of a channel's panel, with a star where something agrees by construction."""
    star = "*" if experiment.by_construction else ""
    name = plain(experiment.title)
    if len(experiment.channels) > 1:
        name = f"{plain(experiment.title, 18)}, {plain(channel.name, 14)}"
    return f"{name}{star}"


def _sums(channel: Channel, along: int) -> FloatArray:
    """What adds the bins of a channel up along one of its axes, shape (bins of the axis, bins)."""
    shape = [axis.bins for axis in channel.axes]
    place = np.indices(shape)[along].ravel()
    matrix: FloatArray = (place[None, :] == np.arange(shape[along])[:, None]).astype(np.float64)
    return matrix


def _draw_channel(
    panel: Axes,
    ratio: Axes,
    channel: Channel,
    likelihood: Likelihood,
    expected: _Expected,
    along: int,
    *,
    joined: bool,
) -> float:
    """A panel and its ratio: the bins along one axis, summed over the other if there is one.

    Returns:
        The upper end of what is drawn.
    """
    place, sums = likelihood.specification.channels[channel.name], _sums(channel, along)
    axis = channel.axes[along]
    common = axis.common_edges
    edges: FloatArray = np.arange(axis.bins + 1, dtype=np.float64) + 0.5 if common is None else common
    equal = common is None or np.allclose(np.diff(common), np.diff(common)[0])
    width = np.ones(axis.bins) if equal else np.diff(edges)  # bins of several widths are drawn per unit
    samples = {name: sums @ values[place] / width for name, values in expected.samples.items() if values[place].any()}
    total = draw_stack(panel, edges, _two_layers(channel, samples) if joined else _layers(channel, samples))
    error = _summed_errors(likelihood, expected, place, sums)
    before, counts = sums @ expected.before[place], sums @ channel.observed
    draw_total_band(panel, edges, total, error / width)
    panel.stairs(before / width, edges, baseline=None, color="#0072B2", linestyle="--", linewidth=0.9, label="pre-fit")
    tops = draw_counts(panel, (edges[1:] + edges[:-1]) / 2, counts, width)
    draw_ratio(ratio, edges, counts, total * width, error, before)
    panel.tick_params(labelbottom=False)
    _label_axes(panel, ratio, axis, common)
    return float(max(tops.max(initial=0.0), (total + error / width).max(), (before / width).max()))


def _legends(figure: Figure, tops: Sequence[float], common: Sequence[str], columns: int) -> None:
    """What all panels share above them, their samples in each: as wide as the panel at most, and over what is drawn.

    Args:
        figure: its axes are panels and ratios by turns.
        tops: upper ends of what is drawn, one for each panel.
        common: what all panels share.
        columns: of the legend above.
    """
    panels = figure.axes[::2]
    shared: dict[str, Any] = {}
    samples: list[dict[str, Any]] = []
    for panel, top in zip(panels, tops, strict=True):
        handles, labels = panel.get_legend_handles_labels()
        named = dict(zip(labels, handles, strict=True))
        shared |= {label: named.pop(label) for label in common if label in named}
        samples.append(named)
        panel.set_ylim(0, top * (1 + _GAP))
    legend_above(figure, {label: shared[label] for label in common if label in shared}, columns)
    for abreast in (2, 1):  # one below the other where two would be wider than the panel
        for panel, named in zip(panels, samples, strict=True):
            if named and not _fits(panel):
                panel.legend(
                    [*named.values()][::-1], [*named][::-1], ncols=abreast, loc="upper center", fontsize=6,
                    columnspacing=0.6, handlelength=1.4, handletextpad=0.5,
                )  # fmt: skip
        figure.draw_without_rendering()
    for panel, top in zip(panels, tops, strict=True):
        legend = panel.get_legend()
        height = 0.0 if legend is None else legend.get_window_extent().height / panel.get_window_extent().height
        panel.set_ylim(0, top / max(1 - height - _GAP, _LEAST_SHARE))


def _fits(panel: Axes) -> bool:
    """Whether a panel has a legend that is not wider than it."""
    legend = panel.get_legend()
    return legend is not None and legend.get_window_extent().width <= panel.get_window_extent().width


def _summed_errors(likelihood: Likelihood, expected: _Expected, place: slice, sums: FloatArray) -> FloatArray:
    """Uncertainty of sums of bins of a channel, which move together, shape (bins of the axis,)."""
    return sum_errors(likelihood, expected.theta, expected.covariance, lambda rates: rates[:, place] @ sums.T)


def _layers(channel: Channel, samples: Mapping[str, FloatArray]) -> list[Layer]:
    """Backgrounds from the smallest, then the signals, hatched."""
    signals = [signal.name for signal in channel.signals if signal.name in samples]
    names = [b.name for b in channel.backgrounds]
    backgrounds = sorted((name for name in names if name in samples), key=lambda name: samples[name].sum())
    looks = dict(zip(names, itertools.cycle(BACKGROUND_LOOKS), strict=False))
    looks |= dict(zip(signals, itertools.cycle((color, "////") for color in SIGNAL_COLORS), strict=False))
    return [Layer(sample_name(name), samples[name], *looks[name]) for name in (*backgrounds, *signals)]


def _two_layers(channel: Channel, samples: Mapping[str, FloatArray]) -> list[Layer]:
    """The sum of the backgrounds, and that of the signals over it."""
    nothing = np.zeros(next(iter(samples.values())).shape)
    signals = {signal.name for signal in channel.signals}
    background = sum((samples[name] for name in samples if name not in signals), start=nothing)
    signal = sum((samples[name] for name in samples if name in signals), start=nothing)
    return [
        Layer("background", background, *BACKGROUND_LOOKS[0]),
        Layer("signal", signal, SIGNAL_COLORS[0], "////"),
    ]


def _label_axes(panel: Axes, ratio: Axes, axis: Axis, common: FloatArray | None) -> None:
    name = _OBSERVABLES.get(axis.name) or plain(axis.name.replace("_", " "), _AXIS_LETTERS)
    unit = _UNITS.get(axis.unit) or plain(axis.unit)
    if common is None:
        if axis.bins <= _LABELLED:
            label_edges(ratio, axis.edges, name, unit)
            panel.set_xticks(ratio.get_xticks())
        else:
            ratio.set_xlabel(f"{name} bin (edges differ between the runs)")
        panel.set_ylabel("events / bin")
        return
    ratio.set_xlabel(name if unit in ("", "1", name) else f"{name} [{unit}]")
    width = np.diff(common)
    equal = np.allclose(width, width[0])
    each = "bin" if unit in ("", "1") else unit
    panel.set_ylabel(f"events / {width[0]:g} {each}" if equal and each != "bin" else f"events / {each}")
