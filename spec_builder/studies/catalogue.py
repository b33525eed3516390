"""The experiments: what is shipped, and one in full with sources and statuses."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from spec_builder.base.arguments import checked
from spec_builder.base.printing import counted, in_line
from spec_builder.base.text import Report, Result
from spec_builder.experiments.reading import load_experiment, shipped_experiments
from spec_builder.model.signal import signal_kernel
from spec_builder.physics.interactions import STANDARD_MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.text import Column
    from spec_builder.experiments.description import Channel, Experiment, Run

__all__ = ["ExperimentDescription", "ExperimentList", "describe_experiment", "list_experiments"]

#: Bins that fit side by side.
_COLUMNS = 12


@dataclass(frozen=True, repr=False)
class ExperimentList(Result):
    """Experiments, a line or a row each.

    Attributes:
        experiments: in the order of the list.
    """

    experiments: tuple[Experiment, ...]

    def __str__(self) -> str:
        width = max(len(e.name) for e in self.experiments)
        lines = [f"{e.name:{width}} {e.title}: {_parts(e)}; variants {_variants(e)}" for e in self.experiments]
        return "\n".join(map(in_line, lines)) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        shown = [{"name": e.name, "title": e.title, "variants": list(e.variants)} for e in self.experiments]
        return {"experiments": shown}

    def report(self) -> Report:
        """A row for each experiment."""
        columns: dict[str, Column] = {
            "experiment": [e.name for e in self.experiments],
            "title": [e.title for e in self.experiments],
            "channels": [_parts(e) for e in self.experiments],
            "variants": [_variants(e) for e in self.experiments],
        }
        return Report(f"{counted(len(self.experiments), 'experiment')}", {}, columns)


@checked
def list_experiments() -> ExperimentList:
    """The shipped experiments: what ``spec-builder experiments`` prints.

    Examples:
        >>> list_experiments()
        <ExperimentList 9 experiments>
    """
    return ExperimentList(tuple(load_experiment(name) for name in shipped_experiments()))


def _variants(experiment: Experiment) -> str:
    return ", ".join(experiment.variants) or "none"


def _parts(experiment: Experiment) -> str:
    return "; ".join(map(_summary, experiment.channels))


def _summary(channel: Channel) -> str:
    axes = " x ".join(axis.name for axis in channel.axes)
    exposure = f"{channel.exposure:.3g} {channel.exposure_unit}"
    return f"{counted(channel.bins, 'bin')} of {axes}, {exposure}, {counted(int(channel.observed.sum()), 'event')}"


@dataclass(frozen=True, repr=False)
class ExperimentDescription(Result):
    """An experiment in full, with what the Standard Model is expected to give in it.

    Attributes:
        experiment: what is described.
        signals: events of the Standard Model by channel and sample, each of shape (bins,).
        notes: what else a reader should know.
    """

    experiment: Experiment
    signals: Mapping[str, Mapping[str, FloatArray]]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        e = self.experiment
        alone = f"   (channel {e.channels[0].name})" if len(e.channels) == 1 else ""
        lines = [e.title, f"  name          {e.name}{alone}"]
        lines += [f"  reference     {reference}" for reference in e.references]
        for channel in e.channels:
            lines += _channel_lines(channel, self.signals[channel.name], named=not alone)
        lines += [f"  note          {note}" for note in self.notes]
        lines.append("  tables")
        lines += [f"    {what:16} {_sourced(status, e.sources[what])}" for what, status in e.statuses.items()]
        if e.by_construction:
            lines.append(f"  by construction: {'; '.join(e.by_construction)}")
        lines.append("  variants")
        lines += [f"    {key:24} {text}" for key, text in e.variants.items()] or ["    none"]
        return "\n".join(map(in_line, lines)) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON; what an experiment has one channel of stands at its top."""
        return _content(self.experiment, self.signals)

    def report(self) -> Report:
        """A row for each bin and sample, beside the observed counts."""
        rows = [
            (channel.name, sample, place, float(events))
            for channel in self.experiment.channels
            for sample, values in _samples(channel, self.signals[channel.name])
            for place, events in enumerate(values)
        ]
        names = ("channel", "sample", "bin", "events")
        columns: dict[str, Column] = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        plain = self.experiment.report()
        return Report(plain.title, plain.facts, columns, notes={"note": "; ".join(self.notes)} if self.notes else {})


@checked
def describe_experiment(name_or_path: str | PathLike[str]) -> ExperimentDescription:
    """One experiment in full with its sources and statuses: what ``spec-builder experiments NAME`` prints.

    Args:
        name_or_path: as :func:`spec_builder.experiments.reading.load_experiment` takes it.

    Raises:
        SpecBuilderError: as that does.

    Examples:
        >>> describe_experiment("xenonnt")
        <ExperimentDescription xenonnt: XENONnT SR0+SR1>
    """
    experiment = load_experiment(name_or_path)
    kernels = [signal_kernel(channel) for channel in experiment.channels]
    signals = {kernel.channel.name: kernel.samples() for kernel in kernels}
    notes = (kernel.beyond_in_words(STANDARD_MODEL) for kernel in kernels)
    return ExperimentDescription(experiment, signals, tuple(filter(None, notes)))


def _sourced(status: str, source: str) -> str:
    """The source of a table after its status, which the source may begin with itself."""
    return source if source.startswith(f"{status}:") else f"{status}: {source}"


def _channel_lines(channel: Channel, signals: Mapping[str, FloatArray], *, named: bool) -> list[str]:
    """Observables, runs, events and uncertainties of a channel."""
    lines = [f"  channel       {channel.name}"] if named else []
    lines += [f"  observable    {axis.name} [{axis.unit}]" for axis in channel.axes]
    for run in channel.runs:
        edges = "; ".join(_edges(axis.edges[run.name]) for axis in channel.axes)
        lines.append(f"  run {run.name:9} {run.exposure:g} {channel.exposure_unit}, edges {edges}")
    lines += _event_lines(channel, signals)
    size = channel.normalisation
    if size is not None:
        flux = "" if size.flux_1e6_cm2_s1 is None else f" at a flux of {size.flux_1e6_cm2_s1:g}e6 cm-2 s-1"
        lines.append(f"  signal        scaled to {size.events:.5g} events{flux}")
    lines += ["  relative uncertainties", *_uncertainty_lines(channel)]
    return lines


def _uncertainty_lines(channel: Channel) -> list[str]:
    """Sizes by sample and parameter, and the names of what changes a shape."""
    lines = []
    for sample in channel.samples:
        lines += [f"    {sample.name:16} {name} {size:.3g}" for name, size in sample.uncertainties.items()]
    for background in channel.backgrounds:
        absolute = background.absolute_uncertainties
        lines += [f"    {background.name:16} {name} {events:g} events" for name, events in absolute.items()]
        lines += [f"    {background.name:16} free"] if background.free else []
    return lines + [f"    {'signal':16} {name} (shape)" for name in channel.variations]


def _edges(edges: FloatArray) -> str:
    """Edges of an axis; of many bins, the first and the last."""
    bins = len(edges) - 1
    if bins <= _COLUMNS:
        return ", ".join(f"{edge:g}" for edge in edges)
    return f"{edges[0]:g}, {edges[1]:g}, ..., {edges[-1]:g} ({counted(bins, 'bin')})"


def _event_lines(channel: Channel, signals: Mapping[str, FloatArray]) -> list[str]:
    """Events of every sample: per bin; by the first axis where there are many bins; in all where that has many too."""
    first, *others = (len(axis.edges[channel.runs[0].name]) - 1 for axis in channel.axes)
    rows = _samples(channel, signals)
    if channel.bins <= _COLUMNS:
        title = "events per bin"
    elif others and first <= _COLUMNS:
        title = f"events per bin of {channel.axes[0].name}, summed over {channel.axes[1].name} (JSON has every bin)"
        rows = [(label, values.reshape(first, -1).sum(axis=1)) for label, values in rows]
    else:
        title = f"events in {counted(channel.bins, 'bin')} (JSON has every bin)"
        rows = [(label, values.sum(keepdims=True)) for label, values in rows]
    lines = [f"  {title}"]
    for label, values in rows:
        numbers = " ".join(f"{value:8.4g}" for value in values) + "   " if len(values) > 1 else ""
        lines.append(f"    {label:16} {numbers}sum {values.sum():.5g}")
    return lines


def _samples(channel: Channel, signals: Mapping[str, FloatArray]) -> list[tuple[str, FloatArray]]:
    """Observed counts, signals and backgrounds by what a reader calls them, each of shape (bins,)."""
    rows = [("observed", channel.observed), *((f"{name} (SM)", events) for name, events in signals.items())]
    return rows + [(background.name, background.expected) for background in channel.backgrounds]


def _content(e: Experiment, signals: Mapping[str, Mapping[str, FloatArray]]) -> dict[str, Any]:
    channels = [_channel_content(channel, signals[channel.name]) for channel in e.channels]
    return {
        "name": e.name,
        "title": e.title,
        "references": list(e.references),
        "data_sets": list(e.data_sets),
        **(channels[0] if len(channels) == 1 else {"channels": channels}),
        "tables": {what: {"status": s, "source": e.sources[what]} for what, s in e.statuses.items()},
        "by_construction": "; ".join(e.by_construction),
        "variants": dict(e.variants),
    }


def _channel_content(channel: Channel, signals: Mapping[str, FloatArray]) -> dict[str, object]:
    axes = [{"name": axis.name, "unit": axis.unit} for axis in channel.axes]
    return {
        "channel": channel.name,
        "observable": axes[0],
        **({"observables": axes} if len(axes) > 1 else {}),
        "runs": [_run_content(run, channel) for run in channel.runs],
        "observed": channel.observed.tolist(),
        **{name: events.tolist() for name, events in signals.items()},
        "normalisation": None if channel.normalisation is None else asdict(channel.normalisation),
        "signal_uncertainties": {
            name: size for signal in channel.signals for name, size in signal.uncertainties.items()
        },
        "backgrounds": [
            {"name": b.name, "expected": b.expected.tolist(), "uncertainties": dict(b.uncertainties), "free": b.free}
            for b in channel.backgrounds
        ],
    }


def _run_content(run: Run, channel: Channel) -> dict[str, object]:
    edges = [axis.edges[run.name].tolist() for axis in channel.axes]
    return {"name": run.name, channel.exposure_key: run.exposure, "bin_edges": edges[0] if len(edges) == 1 else edges}
