"""Experiments that have not been run: more exposure, less background, better known normalisations; and other data.

A projection has no observed counts. It is compared with Asimov data, what the Standard Model expects, or with toys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import check_number, checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import real_number, shown_number
from spec_builder.base.names import shown, unknown_name
from spec_builder.base.printing import counted
from spec_builder.base.reading import load_json
from spec_builder.experiments.consistency import check_relative
from spec_builder.experiments.tables import MOST_COUNTS
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.given import as_analysis
from spec_builder.model.workspace import NEW_PHYSICS

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Background, Experiment
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.given import GivenAnalysis

__all__ = ["ASIMOV", "Projection", "with_data"]

#: The word for data that are what the Standard Model expects.
ASIMOV = "asimov"
#: Factor beyond which fits have no digits left.
_LARGEST = 1e6


@dataclass(frozen=True)
class Projection:
    """What changes in a run that does not exist.

    Attributes:
        exposure: factor on the exposure by experiment.
        backgrounds: factor on a background beside that of the exposure, by (experiment, sample).
        uncertainties: relative size by parameter name.
    """

    exposure: Mapping[str, float] = field(default_factory=dict)
    backgrounds: Mapping[tuple[str, str], float] = field(default_factory=dict)
    uncertainties: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_factors("exposure", self.exposure, "{'xenonnt': 10}", lambda name: isinstance(name, str))
        _check_factors("backgrounds", self.backgrounds, "{('pandax4t', 'cathode'): 0.5}", _is_pair)
        _check_factors("uncertainties", self.uncertainties, "{'flux_8b': 0.04}", lambda name: isinstance(name, str))

    def __bool__(self) -> bool:
        return bool(self.exposure or self.backgrounds or self.uncertainties)

    @property
    def words(self) -> str:
        """What changes, in one line."""
        parts = [f"exposure of {name} times {factor:g}" for name, factor in self.exposure.items()]
        parts += [
            f"{experiment}.{sample} times {factor:g}" for (experiment, sample), factor in self.backgrounds.items()
        ]
        parts += [f"{name} {size:g}" for name, size in self.uncertainties.items()]
        return ", ".join(parts)

    def __call__(self, analysis: GivenAnalysis) -> Analysis:
        """The analysis of such a run. Its counts are Asimov data until others are put in.

        Raises:
            SpecBuilderError: for a factor or size that is none, or a name that the analysis does not have.
        """
        analysis = as_analysis(analysis)
        if not self:
            return analysis
        self._check(analysis)
        experiments = tuple(self._changed(experiment) for experiment in analysis.experiments)
        return with_data(replace(analysis, experiments=experiments, is_projection=True), ASIMOV)

    def _check_sizes(self) -> None:
        for what, sizes in (("exposure", self.exposure), ("background", self.backgrounds)):
            for name, factor in sizes.items():
                number = real_number(factor)
                if not (0 <= number <= _LARGEST and (number > 0 or what == "background")):
                    least = "above 0" if what == "exposure" else "from 0"
                    expected = f"a number {least} to {_LARGEST:g}"
                    raise SpecBuilderError(
                        f"{what} of {_word(name)}: factor {shown_number(factor)}, expected {expected}"
                    )
        for name, size in self.uncertainties.items():
            if not 0 < real_number(size) <= 2:
                found = shown_number(size)
                raise SpecBuilderError(f"uncertainty {name}: {found}, expected a relative size above 0, at most 2")

    def _check(self, analysis: Analysis) -> None:
        self._check_sizes()
        names = [experiment.name for experiment in analysis.experiments]
        samples = [
            (e.name, background.name)
            for e in analysis.experiments
            for channel in e.channels
            for background in channel.backgrounds
        ]
        _known("experiment", self.exposure, names, analysis)
        _known("background", map(_word, self.backgrounds), list(map(_word, samples)), analysis)
        _known("uncertainty", self.uncertainties, _uncertainties(analysis), analysis)
        check_relative(analysis.experiments, self.uncertainties)

    def _changed(self, experiment: Experiment) -> Experiment:
        backgrounds = {sample: factor for (name, sample), factor in self.backgrounds.items() if name == experiment.name}
        scaled = experiment.scaled(self.exposure.get(experiment.name, 1.0), backgrounds)
        channels = tuple(channel.resized(self.uncertainties) for channel in scaled.channels)
        own = Projection(
            {name: factor for name, factor in self.exposure.items() if name == experiment.name},
            {key: factor for key, factor in self.backgrounds.items() if key[0] == experiment.name},
            {name: size for name, size in self.uncertainties.items() if name in _sizes(experiment)},
        )
        for channel in channels:
            for background in channel.backgrounds:
                _check_sizes_in_events(experiment.name, background)
        notes = (*experiment.by_construction, f"projection: {own.words}") if own else experiment.by_construction
        return replace(scaled, channels=channels, by_construction=notes)


def _check_sizes_in_events(experiment: str, background: Background) -> None:
    """Refuse a background of next to no events whose uncertainties are sizes in events.

    Raises:
        SpecBuilderError: naming it.
    """
    total = float(background.expected.sum())
    for name, events in background.absolute_uncertainties.items():
        if not (total > 0 and np.isfinite(events / total)):
            raise SpecBuilderError(
                f"background of {experiment}.{background.name}: {total:g} events are left, but {name} is an "
                f"uncertainty of {events:g} events; expected a larger factor"
            )


def _is_pair(name: object) -> bool:
    """Whether it names a background: experiment and sample."""
    return isinstance(name, tuple) and len(name) == 2 and all(isinstance(part, str) for part in name)


def _check_factors(what: str, given: object, example: str, is_name: Callable[[object], bool]) -> None:
    """Refuse what is no mapping of names to numbers."""
    if not isinstance(given, Mapping) or not all(map(is_name, given)):
        raise SpecBuilderError(f"{what} {shown(given)}: expected numbers by name, such as {example}")
    for name, size in given.items():
        if isinstance(size, float) and not np.isfinite(size):
            continue  # its range is told with those of the analysis
        check_number(f"{what} of {_word(name)}:", size)


def _word(name: str | tuple[str, str]) -> str:
    return name if isinstance(name, str) else ".".join(filter(None, name))


def _known(what: str, given: Any, known: list[str], analysis: Analysis) -> None:
    for name in given:
        if name not in known:
            raise unknown_name(what, name, known, where=f"in {analysis.name}")


def _sizes(experiment: Experiment) -> set[str]:
    """Names of the relative uncertainties of an experiment."""
    return {name for channel in experiment.channels for sample in channel.samples for name in sample.uncertainties}


def _uncertainties(analysis: Analysis) -> list[str]:
    return sorted(set().union(*(_sizes(experiment) for experiment in analysis.experiments)))


@checked
def with_data(analysis: GivenAnalysis, data: str | PathLike[str] | Mapping[str, Any]) -> Analysis:
    """An analysis with other counts in the place of the observed ones; its notes say so.

    Args:
        analysis: the model: its name, path or what :func:`spec_builder.model.analysis.load_analysis` gives.
        data: ``asimov``: what the Standard Model expects; or counts by channel, or the path of a JSON file with them.

    Raises:
        SpecBuilderError: for a file that cannot be read, or counts that are not one number >= 0 for each bin.
    """
    analysis = as_analysis(analysis)
    data = fspath(data) if isinstance(data, PathLike) else data
    if not isinstance(data, str | Mapping):
        raise SpecBuilderError(f"data {shown(data)}: expected '{ASIMOV}', counts by channel or the path of a file")
    if data == "":
        raise SpecBuilderError(f"data '': expected {ASIMOV}, or the name of a JSON file of counts")
    if isinstance(data, str) and data == ASIMOV:
        counts, text = _expected(analysis), "the counts are what the Standard Model expects (Asimov data)"
    else:
        where = data if isinstance(data, str) else "data"
        content = load_json(data) if isinstance(data, str) else data
        counts, text = _read(analysis, content, where), f"the counts are those of {where}"
    experiments = []
    for experiment in analysis.experiments:
        channels = tuple(replace(channel, observed=counts[channel.name]) for channel in experiment.channels)
        notes = (*experiment.by_construction, text)
        own = [what for what in experiment.statuses if what.endswith("observed")]
        statuses = {**experiment.statuses, **dict.fromkeys(own, "computed" if data == ASIMOV else "given")}
        sources = {**experiment.sources, **dict.fromkeys(own, text)}
        experiments.append(
            replace(experiment, channels=channels, by_construction=notes, statuses=statuses, sources=sources)
        )
    return replace(analysis, experiments=tuple(experiments))


def _expected(analysis: Analysis) -> dict[str, FloatArray]:
    """What the Standard Model expects by channel, all parameters at their nominal values."""
    likelihood = Likelihood.from_workspace(analysis.workspace, NEW_PHYSICS)
    rates = likelihood.rates(likelihood.init)[0]
    return {name: rates[place] for name, place in likelihood.specification.channels.items()}


def _read(analysis: Analysis, content: Any, where: str) -> dict[str, FloatArray]:
    channels = {channel.name: channel.bins for channel in analysis.channels}
    if not isinstance(content, Mapping):
        found = type(content).__name__
        raise SpecBuilderError(f"{where}: expected counts by channel ({', '.join(channels)}), found {found}")
    for name in content:
        if name not in channels:
            raise SpecBuilderError(f"{where}: {unknown_name('channel', name, channels, where=f'in {analysis.name}')}")
    for name, bins in channels.items():
        if name not in content:
            raise SpecBuilderError(f"{where}: channel '{name}' is missing, expected its {counted(bins, 'count')}")
    return {name: _counts(content[name], bins, f"{where}: {name}") for name, bins in channels.items()}


def _counts(given: Any, bins: int, where: str) -> FloatArray:
    """The counts of a channel, shape (bins,): numbers from 0 on, whole or not."""
    if not isinstance(given, list | tuple) and getattr(given, "ndim", 0) != 1:
        raise SpecBuilderError(f"{where}: expected a list of {counted(bins, 'count')}, found {given!r}")
    items = list(given)
    if len(items) != bins:
        raise SpecBuilderError(f"{where}: expected {counted(bins, 'count')}, found {len(items)}")
    for i, item in enumerate(items):
        if not 0 <= real_number(item) <= MOST_COUNTS:
            raise SpecBuilderError(f"{where}[{i}] is {shown_number(item)}, expected a number from 0 to {MOST_COUNTS:g}")
    return np.array([real_number(item) for item in items])
