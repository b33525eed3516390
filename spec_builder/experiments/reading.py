"""Reader and checker of ``experiment.toml`` and the tables beside it."""

from __future__ import annotations

import math
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.base.names import meant, unknown_name
from spec_builder.experiments import keys
from spec_builder.experiments.consistency import check_parameters, check_samples
from spec_builder.experiments.description import (
    SIGNAL_SAMPLE,
    Axis,
    Background,
    Channel,
    Experiment,
    LimitsLaw,
    Normalisation,
    Run,
    Signal,
)
from spec_builder.experiments.former import former_path, is_former, translate
from spec_builder.experiments.response_reading import Layout, read_response
from spec_builder.experiments.sections import Section, read_toml
from spec_builder.experiments.tables import Tables
from spec_builder.experiments.variants import choose_variant
from spec_builder.physics.descriptions import is_path
from spec_builder.physics.sources import load_source, shipped_sources
from spec_builder.physics.targets import FORM_FACTORS, load_target, shipped_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.physics.sources import Source
    from spec_builder.physics.targets import Target

__all__ = ["experiment_folder", "load_experiment", "own_name", "shipped_experiments"]

_LAWS = ("normsys", "linear")
#: Of a channel; the largest of ours has some hundred. Each is a column of its response.
_MOST_BINS = 10_000


def shipped_experiments() -> tuple[str, ...]:
    """Names of the experiments that come with the project."""
    return tuple(sorted(p.parent.name for p in data_path("experiments").glob("*/experiment.toml")))


def own_name(root: Section) -> str:
    """The name of a user's experiment or analysis, which is none of the shipped ones.

    Raises:
        SpecBuilderError: for one of those: results under it would be taken for the shipped one's.
    """
    name = root.identifier("name")
    if name in (*shipped_experiments(), *read_toml(data_path("analyses.toml"))["analyses"]):
        raise root.complaint(f"name '{name}' is that of a shipped experiment or analysis, give it another")
    return name


def experiment_folder(name_or_path: str) -> Path:
    """Folder of a shipped experiment, or the user's own where a path is given.

    Raises:
        UnknownNameError: for a name that is neither.
        SpecBuilderError: for a folder without ``experiment.toml``.
    """
    if name_or_path in shipped_experiments():
        return data_path("experiments", name_or_path)
    folder = Path(name_or_path)
    if folder.name == "experiment.toml":
        folder = folder.parent
    if name_or_path and (folder / "experiment.toml").is_file():
        return folder
    if name_or_path and folder.is_dir():
        raise SpecBuilderError(f"{folder}: expected a file experiment.toml in this folder")
    if "/" in name_or_path:
        found = "a file" if folder.is_file() else "no such folder"
        raise SpecBuilderError(f"{name_or_path}: {found}, expected a folder with an experiment.toml")
    more = ", or the path of a folder with an experiment.toml"
    raise unknown_name("experiment", name_or_path, shipped_experiments(), more=more)


@checked
def load_experiment(name_or_path: str | PathLike[str], variant: str | None = None) -> Experiment:
    """Read and check an experiment.

    Args:
        name_or_path: a shipped experiment, or the path of a folder.
        variant: one of its variants, or several joined by ``+``; None for the default.

    Raises:
        SpecBuilderError: naming the file and the key that is wrong, also where it stands in a variant that is not
            chosen.

    Examples:
        >>> xenonnt = load_experiment("xenonnt")
        >>> xenonnt.channels[0].observed.tolist(), xenonnt.statuses["observed"]
        ([16.0, 14.0, 7.0], 'measured')
    """
    folder = experiment_folder(fspath(name_or_path))
    file = folder / "experiment.toml"
    content = read_toml(file)
    shown: Callable[[str], str] = str
    if is_former(content):
        content, shown = translate(file, content), former_path
    variants, content = choose_variant(file, content, variant, shown=shown)
    remark = "" if variant is None else f" (variant '{variant}')"
    root = Section(file, content, shown=shown, remark=remark)
    root.only(*keys.EXPERIMENT)
    tables = Tables(folder)
    is_shipped = folder.resolve().parent == data_path("experiments").resolve()
    name = root.identifier("name") if is_shipped else own_name(root)
    experiment = Experiment(
        name=name,
        title=root.text("title"),
        references=root.texts("references"),
        data_sets=root.texts("data_sets", (name,)),
        licence=root.text("licence", ""),
        attribution=root.text("attribution", ""),
        channels=_channels(root, tables),
        variant=variant,
        variants=variants,
        by_construction=root.texts("by_construction", ()),
        limits_law=_limits_law(root),
        statuses=tables.statuses,
        sources=tables.sources,
        folder=folder,
    )
    root.finish()
    check_parameters([experiment])
    check_samples([experiment])
    if variant is None and not is_shipped:  # those of the shipped ones are tested
        for each in variants:
            load_experiment(name_or_path, each)
    return experiment


def _limits_law(root: Section) -> LimitsLaw | None:
    if "limits" not in root:
        return None
    section = root.section("limits")
    section.only(*keys.LIMITS)
    limits_law = LimitsLaw(section.one_of("law", _LAWS), section.text("reason"))
    section.finish()
    return limits_law


# ---------------------------------------------------------------- channels


def _channels(root: Section, tables: Tables) -> tuple[Channel, ...]:
    sections = root.sections("channels")
    for section in sections:
        section.only(*keys.CHANNEL)
    names = [section.identifier("name") for section in sections]
    if len(set(names)) < len(names):
        raise root.error("channels", "blocks with different names", names)
    alone = len(sections) == 1
    return tuple(
        _channel(section, name, tables if alone else tables.for_channel(name))
        for section, name in zip(sections, names, strict=True)
    )


def _channel(section: Section, name: str, tables: Tables) -> Channel:
    source = _with_fluxes(section, load_source(_name_or_path(section, "source", shipped_sources(), tables)))
    target = _with_form_factor(section, load_target(_name_or_path(section, "target", shipped_targets(), tables)))
    tables = tables.for_target(target.kind)
    runs = _runs(section, "exposure_t_yr" if source.kind == "flux" else "exposure_t")
    axes = _axes(section, runs)
    bins = math.prod(axis.bins for axis in axes)
    if bins > _MOST_BINS:
        raise section.error("axes", f"edges of at most {_MOST_BINS} bins", [axis.bins for axis in axes])
    timing = _timing(section, source, axes, tables)
    layout = Layout(runs, axes, axes[0].bins if timing is not None else bins)
    response, variations = read_response(section.section("response"), layout, tables)
    observed = tables.observed(section.text("observed"), bins)
    signals = _signals(section, source, variations)
    channel = Channel(
        name=name,
        source=source,
        target=target,
        axes=axes,
        runs=runs,
        observed=observed,
        response=response,
        normalisation=_normalisation(section),
        signals=signals,
        backgrounds=_backgrounds(section, bins, [signal.name for signal in signals], tables),
        variations=variations,
        timing=timing,
    )
    section.finish()
    return channel


def _name_or_path(channel: Section, key: str, shipped: tuple[str, ...], tables: Tables) -> str | Path:
    """A shipped name, or a file of the experiment's own."""
    text = channel.text(key)
    if is_path(text):
        return tables.inside(text, key)
    if text not in shipped:
        expected = f"one of {', '.join(shipped)}, or a file such as ./{text}.toml"
        raise SpecBuilderError(f"{channel.error(key, expected, text)}{meant(text, shipped)}")
    return text


def _with_fluxes(channel: Section, source: Source) -> Source:
    """The source with the sizes that the channel gives for its components."""
    if "flux" not in channel:
        return source
    section = channel.section("flux")
    section.only(*source.names)
    for name in section.keys():  # noqa: SIM118
        source = source.with_size(name, section.positive(name))
    section.finish()
    return source


def _with_form_factor(channel: Section, target: Target) -> Target:
    if "form_factor" not in channel:
        return target
    name = channel.one_of("form_factor", FORM_FACTORS)
    if target.kind != "nucleus":
        raise channel.error("form_factor", f"left out: target '{target.name}' is of electrons", name)
    return target.with_form_factor(name)


def _runs(channel: Section, key: str) -> tuple[Run, ...]:
    runs = []
    other = {"exposure_t_yr": "exposure_t", "exposure_t": "exposure_t_yr"}[key]
    for section in channel.sections("runs"):
        section.only(*keys.RUN)
        if other in section:
            raise section.complaint(f"{section.path(other)}: a source of this kind has {key} in its place")
        runs.append(Run(section.identifier("name"), section.positive(key)))
        section.finish()
    if len({run.name for run in runs}) < len(runs):
        raise channel.error("runs", "blocks with different names", [run.name for run in runs])
    return tuple(runs)


def _axes(channel: Section, runs: tuple[Run, ...]) -> tuple[Axis, ...]:
    sections = channel.sections("axes")
    if len(sections) > 2:
        raise channel.error("axes", "one or two blocks", [f"{len(sections)} blocks"])
    return tuple(_axis(section, runs) for section in sections)


def _axis(section: Section, runs: tuple[Run, ...]) -> Axis:
    section.only(*keys.AXIS)
    name, unit = section.text("name"), section.text("unit")
    content = section.take("edges")
    if isinstance(content, dict):
        own = section.nested("edges", content)
        own.only(*(run.name for run in runs))
        edges = {run.name: own.increasing(run.name) for run in runs}
        own.finish()
    else:
        common = section.nested("", {"edges": content}).increasing("edges")
        edges = dict.fromkeys((run.name for run in runs), common)
    section.finish()
    sizes = [values.size - 1 for values in edges.values()]
    if len(set(sizes)) > 1:
        raise section.error("edges", "lists with the same number of bins", sizes)
    return Axis(name, unit, edges)


def _timing(
    channel: Section, source: Source, axes: tuple[Axis, ...], tables: Tables
) -> Mapping[str, FloatArray] | None:
    if "timing" not in channel:
        return None
    file = channel.text("timing")
    if len(axes) != 2:
        raise channel.error("timing", "left out where there is one axis (the second one is the time)", file)
    groups = dict.fromkeys(component.timing for component in source.components)
    if None in groups:
        raise channel.error("timing", f"left out: components of source '{source.name}' have no timing group", file)
    return tables.fractions(file, [str(group) for group in groups], axes[1].bins)


def _normalisation(channel: Section) -> Normalisation | None:
    content = channel.take("normalisation") if "normalisation" in channel else "absolute"
    if content == "absolute":
        return None
    if not isinstance(content, dict):
        raise channel.error("normalisation", "'absolute' or a table of events and flux_1e6_cm2_s1", content)
    section = channel.nested("normalisation", content)
    section.only(*keys.NORMALISATION)
    events = section.positive("events")
    flux = section.positive("flux_1e6_cm2_s1") if "flux_1e6_cm2_s1" in section else None
    section.finish()
    return Normalisation(events, flux)


# ---------------------------------------------------------------- samples


def _check_signals(channel: Section, signals: Sequence[Signal], variations: Iterable[str]) -> None:
    """Refuse a component in two samples, and a parameter that has a size and changes a shape."""
    taken = [name for signal in signals for name in signal.components or ()]
    for name in taken:
        if taken.count(name) > 1:
            expected = f"samples without a component in common, such as '{name}'"
            raise channel.error("signals", expected, [signal.name for signal in signals])
    for signal in signals:
        for name in variations:
            if name in signal.uncertainties:
                raise channel.error(f"response.variations.{name}", "another name: the signal has a size of it", name)


def _signals(channel: Section, source: Source, variations: Mapping[str, object]) -> tuple[Signal, ...]:
    if "signals" not in channel:
        return (Signal(SIGNAL_SAMPLE, None, source.normalisation, {}),)
    sections = channel.named_sections("signals")
    if not sections:
        raise channel.error("signals", "a table of at least one sample", {})
    alone = len(sections) == 1
    signals = tuple(_signal(name, section, source, alone=alone) for name, section in sections.items())
    _check_signals(channel, signals, variations)
    return signals


def _signal(name: str, section: Section, source: Source, *, alone: bool) -> Signal:
    section.only(*keys.SIGNAL)
    components = section.texts("components") if "components" in section or not alone else None
    if components is not None and not (components and set(components) <= set(source.names)):
        expected = f"a list of components of source '{source.name}': {', '.join(source.names)}"
        raise section.error("components", expected, list(components))
    factor = source.normalisation if alone else None
    if "factor" in section:
        factor = section.identifier("factor")
    signal = Signal(name, components, factor, section.sizes("uncertainties"))
    section.finish()
    return signal


def _backgrounds(channel: Section, bins: int, signals: list[str], tables: Tables) -> tuple[Background, ...]:
    if "backgrounds" not in channel:
        return ()
    sections = channel.named_sections("backgrounds")
    for name in signals:
        if name in sections:
            raise channel.error(f"backgrounds.{name}", "another name: it is the signal's", name)
    table = tables.binned("backgrounds", channel.text("background_table"), list(sections), bins)
    return tuple(_background(name, section, table[name]) for name, section in sections.items())


def _background(name: str, section: Section, expected: FloatArray) -> Background:
    section.only(*keys.BACKGROUND)
    free = section.truth("free")
    sized = free or "absolute_uncertainties" in section
    uncertainties = section.sizes("uncertainties") if "uncertainties" in section or not sized else {}
    absolute = {}
    if "absolute_uncertainties" in section:
        own = section.section("absolute_uncertainties")
        for key in own.keys():  # noqa: SIM118
            section.check_name("absolute_uncertainties", key, "a table of names of letters, digits and underscores")
        absolute = {key: own.positive(key) for key in own.keys()}  # noqa: SIM118
        total = float(expected.sum())
        if not total > 0:
            raise section.error("absolute_uncertainties", "left out for a background without events", absolute)
        if not all(math.isfinite(events / total) for events in absolute.values()):
            raise section.error("absolute_uncertainties", f"sizes that compare with its {total:g} events", absolute)
    section.finish()
    return Background(name, expected, uncertainties, absolute, free)
