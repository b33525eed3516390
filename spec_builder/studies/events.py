"""Events per bin and sample, before a fit and at its minimum, with errors."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.text import Report, Shown
from spec_builder.drawing.page import entries_of, legend_over
from spec_builder.drawing.spectra import BACKGROUND_LOOKS, Layer, counts_text, draw_counts, draw_stack, draw_total_band
from spec_builder.drawing.style import sample_name
from spec_builder.inference.expectation import TOTAL, covariance, expect, prior
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.given import as_analysis, as_workspace
from spec_builder.model.points import as_point
from spec_builder.model.provenance import Choices, in_words
from spec_builder.model.workspace import NEW_PHYSICS
from spec_builder.studies.fits import caveats_of, named, workspace_likelihood
from spec_builder.studies.pictures import HEIGHT, PicturedResult, heading, own_axes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.text import Cell
    from spec_builder.inference.expectation import Expectation
    from spec_builder.model.given import GivenAnalysis, GivenWorkspace
    from spec_builder.physics.choices import Choice

__all__ = ["EventCount", "EventsResult", "events_at_point", "events_of_analysis", "events_of_workspace"]

#: Rows that are shown bin by bin; above, only the sums over the bins of a channel.
_MOST_ROWS = 60
#: Ratio of the highest bins of channels that are seen side by side from 0; and of the ends of a logarithmic axis.
_ALIKE, _DEEPEST = 30.0, 1e6


@dataclass(frozen=True)
class EventCount:
    """Events of a sample in a bin, or in all bins of a channel.

    Attributes:
        channel: its name.
        bin: its number in the channel, from 0; None for the sum over the bins.
        sample: its name, or ``total`` for the sum over the samples.
        prefit, prefit_error: with every parameter where its constraint has it, and one standard deviation.
        postfit, postfit_error: at the minimum.
        observed: counts, for ``total`` alone.
    """

    channel: str
    bin: int | None
    sample: str
    prefit: float
    prefit_error: float
    postfit: float
    postfit_error: float
    observed: float | None


@dataclass(frozen=True, repr=False)
class EventsResult(PicturedResult):
    """Events per bin and sample of a model, before its fit and at the minimum.

    Errors are half the difference between one standard deviation up and down of each parameter, added up with the
    correlations of the fit. Before the fit only constrained parameters have one.

    Attributes:
        provenance: the choices behind it.
        hypothesis: what was fitted, in words.
        counts: bin by bin, then the sums of each channel.
        caveats: what the errors leave out, in words: parameters on a bound, and what 2NLL does not depend on.
    """

    provenance: Choices
    hypothesis: str
    counts: tuple[EventCount, ...]
    caveats: tuple[str, ...] = ()

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        return (
            f"{counts_text(len(self._totals))} over the samples at the minimum, stacked, bin by bin; hatched: the "
            f"uncertainty of their sum. Bins: {'; '.join(self._channels_in_words())}."
        )

    @property
    def drawn_height(self) -> float:
        """Height of a figure of it [in]."""
        return HEIGHT + 0.08 * len({count.sample for count in self.counts})  # of the legend

    def plot(self, ax: Axes | None = None) -> Axes:
        """Data over the stacked samples at the minimum, all bins in a row.

        Args:
            ax: axes to draw into; new ones if there are none.
        """
        from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  # only where something is drawn

        totals = self._totals
        places = {(count.channel, count.bin): i for i, count in enumerate(totals)}
        heights: dict[str, FloatArray] = {}
        for count in self.counts:
            if count.bin is not None and count.sample != TOTAL:
                sample = heights.setdefault(count.sample, np.zeros(len(totals)))
                sample[places[count.channel, count.bin]] = count.postfit
        looks = itertools.cycle(BACKGROUND_LOOKS)
        layers = [
            Layer(sample_name(name), events, color, hatch)
            for (name, events), (color, hatch) in zip(heights.items(), looks, strict=False)
        ]
        panel = own_axes(ax, self.drawn_height)
        edges: FloatArray = np.arange(len(totals) + 1, dtype=np.float64) - 0.5
        total = draw_stack(panel, edges, layers)
        draw_total_band(panel, edges, total, np.array([count.postfit_error for count in totals]))
        observed = np.array([count.observed or 0.0 for count in totals])
        tops = draw_counts(panel, np.arange(len(totals), dtype=np.float64), observed)
        for place in range(1, len(totals)):
            if totals[place].bin == 0:  # another channel
                panel.axvline(place - 0.5, color="black", linestyle=":", linewidth=1)
        panel.set(xlabel="bin", ylabel="events / bin")
        self._set_heights(panel, total, float(max(tops.max(initial=0), total.max())))
        panel.xaxis.set_major_locator(MaxNLocator(8, steps=(1, 2, 5, 10), integer=True, min_n_ticks=1))
        look = {"columnspacing": 1.0, "handlelength": 1.6, "handletextpad": 0.5}
        legend_over(panel, entries_of([panel]), 4, title=heading(self.provenance), **look)
        return panel

    def _set_heights(self, panel: Axes, total: FloatArray, top: float) -> None:
        """From 0; in logarithms where channels differ so much in size that of some nothing would be seen."""
        channels = np.array([count.channel for count in self._totals])
        highest = [float(total[channels == name].max()) for name in dict.fromkeys(channels.tolist())]
        seen = [height for height in highest if height > 0] or [0.0]
        if max(seen) <= _ALIKE * min(seen):
            panel.set_ylim(0, 1.1 * top or 1.0)
            return
        panel.set_yscale("log")
        panel.set_ylim(max(float(total[total > 0].min()), top / _DEEPEST) / 2, 2 * top)

    @property
    def _totals(self) -> list[EventCount]:
        """The sums over the samples, bin by bin, in the order of a figure."""
        return [count for count in self.counts if count.bin is not None and count.sample == TOTAL]

    def _channels_in_words(self) -> Iterator[str]:
        """Which bins of a figure are a channel's."""
        for channel, places in itertools.groupby(enumerate(self._totals), key=lambda place: place[1].channel):
            first, *rest = [i for i, _ in places]
            yield f"{first} to {rest[-1]} {channel}" if rest else f"{first} {channel}"

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return self.provenance.to_dict() | {
            "schema": "spec_builder/events/1",
            "hypothesis": self.hypothesis,
            "caveats": list(self.caveats),
            "events": [vars(count) for count in self.counts],
        }

    def report(self) -> Report:
        """A row for each sample of each bin; of many bins the table for people has the sums alone."""
        columns: dict[str, Sequence[Cell]] = {
            "channel": [count.channel for count in self.counts],
            "bin": ["all" if count.bin is None else count.bin for count in self.counts],
            "sample": [count.sample for count in self.counts],
            "prefit": [count.prefit for count in self.counts],
            "prefit_error": [count.prefit_error for count in self.counts],
            "postfit": [count.postfit for count in self.counts],
            "postfit_error": [count.postfit_error for count in self.counts],
            "observed": [count.observed for count in self.counts],
        }
        many = len(self.counts) > _MOST_ROWS
        rows = tuple(_row(count) for count in self.counts if count.bin is None or not many)
        shown = Shown(("channel", "bin", "sample", "before the fit", "at the minimum", "observed"), rows)
        facts = {"fitted": self.hypothesis, "choices": self.provenance.line}
        notes = {"bins": "too many to show here; JSON and CSV have them"} if many else {}
        if self.caveats:
            notes["errors"] = "; ".join(self.caveats)
        if self.provenance.notes:
            notes["note"] = in_words(self.provenance.notes)
        if self.provenance.by_construction:
            notes["by construction"] = self.provenance.built
        details = {"errors": "one standard deviation; before the fit of constrained parameters alone"}
        return Report(f"{self.provenance.analysis}: events per bin and sample", facts, columns, shown, notes, details)


def _row(count: EventCount) -> tuple[str, ...]:
    return (
        count.channel,
        "all" if count.bin is None else str(count.bin),
        count.sample,
        f"{count.prefit:.4g} +- {count.prefit_error:.2g}",
        f"{count.postfit:.4g} +- {count.postfit_error:.2g}",
        "" if count.observed is None else f"{count.observed:g}",
    )


@checked
def events_of_analysis(
    analysis: GivenAnalysis, parameter: str, *, law: str | None = None, variants: Mapping[str, str] | None = None
) -> EventsResult:
    """Events of an analysis in a fit of a parameter of the Standard Model.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        parameter: one of ``analysis.parameters``, such as ``flux``.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: for an unknown name or parameter, or if the fit is not valid.
    """
    loaded = as_analysis(analysis, law, variants)
    counted = _counts(loaded.likelihood(parameter), loaded.name)
    return EventsResult(Choices.of(loaded), f"{parameter} with the nuisance parameters", *counted)


@checked
def events_at_point(
    analysis: GivenAnalysis,
    choice: Choice | str | object,
    mass_MeV: float | None,
    value: float,
    *,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
) -> EventsResult:
    """Events of an analysis at a point of an interaction, whose nuisance parameters are fitted.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        choice: the interaction, as :func:`spec_builder.physics.interactions.choose` takes and gives it.
        mass_MeV: of the mediator; None where there is none, inf for the contact limit.
        value: the coupling, or the parameter; g/m [1/GeV] at mass inf.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: for an unknown name, a mass or coupling that is none, if the interaction acts on no target,
            the law is not one for limits, or the fit is not valid.
    """
    loaded, point = as_analysis(analysis, law, variants), as_point(choice, mass_MeV, value)
    loaded.check_limits()
    counted = _counts(Likelihood.from_workspace(point.workspace(loaded), NEW_PHYSICS), loaded.name)
    about = Choices.of(loaded, point.choice, point.masses_MeV, couplings=point.couplings)
    return EventsResult(about, f"the nuisance parameters at {point}", *counted)


@checked
def events_of_workspace(
    workspace: GivenWorkspace,
    name: str | None = None,
    *,
    patches: Sequence[str | PathLike[str]] = (),
    measurement: str | None = None,
    poi: str | None = None,
    hold: Mapping[str, float] | None = None,
) -> EventsResult:
    """Events of any pyhf workspace.

    Args:
        workspace: content of a workspace, or the path of its file.
        name: what to call it in the result.
        patches: JSON patch files to apply to a file.
        measurement: its name; the first by default.
        poi: parameter of interest in the place of the measurement's, '' for none.
        hold: values of parameters to hold, by name.

    Raises:
        SpecBuilderError: for an unsound workspace, an unknown parameter, or if the fit is not valid.
    """
    content, title = as_workspace(workspace, name, patches, measurement)
    with named(title):
        likelihood = workspace_likelihood(content, title, measurement, poi=poi, hold=hold)
        counted = _counts(likelihood, title)
    is_free = bool(likelihood.poi) and likelihood.index(likelihood.poi) in likelihood.free
    fitted = f"{likelihood.poi} with all other free parameters" if is_free else "all free parameters"
    return EventsResult(Choices(title, measurement=measurement, hold=hold or {}), fitted, *counted)


def _counts(likelihood: Likelihood, name: str) -> tuple[tuple[EventCount, ...], tuple[str, ...]]:
    """Events before the fit and at the minimum, and what the errors leave out."""
    if any(group.sample == TOTAL for group in likelihood.specification.groups):
        raise SpecBuilderError(f"{name}: a sample is named '{TOTAL}', which the sum of all is; give it another name")
    found = fit(likelihood, likelihood.poi)
    if not found.valid:
        raise SpecBuilderError(f"{name}: the fit is not valid, so that there are no events at the minimum")
    theta = np.array([found.theta[parameter] for parameter in likelihood.parameters])
    errors = covariance(likelihood, theta)
    if not np.isfinite(errors).all():
        raise SpecBuilderError(f"{name}: the errors of the parameters at the minimum cannot be computed")
    start, widths = prior(likelihood)
    before, after = expect(likelihood, start, widths), expect(likelihood, theta, errors)
    return (*_bins(likelihood, before, after), *_sums(likelihood, before, after)), caveats_of(found)


def _bins(likelihood: Likelihood, before: Expectation, after: Expectation) -> list[EventCount]:
    return [
        EventCount(
            channel,
            i - place.start,
            sample,
            float(before.events[sample][i]),
            float(before.errors[sample][i]),
            float(after.events[sample][i]),
            float(after.errors[sample][i]),
            float(likelihood.observed[i]) if sample == TOTAL else None,
        )
        for channel, place in likelihood.specification.channels.items()
        for i in range(place.start, place.stop)
        for sample in _samples(before, after, place)
    ]


def _sums(likelihood: Likelihood, before: Expectation, after: Expectation) -> list[EventCount]:
    return [
        EventCount(
            channel,
            None,
            sample,
            float(before.channel_events[sample][i]),
            float(before.channel_errors[sample][i]),
            float(after.channel_events[sample][i]),
            float(after.channel_errors[sample][i]),
            float(likelihood.observed[place].sum()) if sample == TOTAL else None,
        )
        for i, (channel, place) in enumerate(likelihood.specification.channels.items())
        for sample in _samples(before, after, place)
    ]


def _samples(before: Expectation, after: Expectation, place: slice) -> list[str]:
    """Samples that a channel has, and the total."""
    return [
        name
        for name in before.events
        if name == TOTAL or before.events[name][place].any() or after.events[name][place].any()
    ]
