"""The analyses that have a name, and what the first measurement of each measures: ``data/analyses.toml``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, get_args

from spec_builder.base.files import data_path
from spec_builder.experiments.reading import own_name, shipped_experiments
from spec_builder.experiments.sections import Section, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MeasurementKind",
    "NamedAnalysis",
    "is_own_analysis",
    "measurement_kind",
    "measurement_kinds",
    "named_analyses",
    "own_analysis",
]

#: Which normalisation uncertainties a measurement holds.
Held: TypeAlias = Literal["signal", "source", "none"]
#: Unit of what is measured in units of its prediction.
STANDARD_MODEL = "Standard Model"
#: Range of masses where the description of an analysis names none [MeV].
_WIDE_MEV = (1e-3, 1e3)
#: Of an analysis; each is read and checked in some milliseconds.
_MOST_EXPERIMENTS = 100


@dataclass(frozen=True)
class NamedAnalysis:
    """A name for a list of experiments.

    Attributes:
        name: e.g. ``combined``.
        title: for figures.
        experiments: names of shipped experiments, or paths of folders.
        masses_MeV: range over which the minimum of a plane is looked for; None for that of its measurement.
        fluxes: sizes of components of the sources in all experiments, in the sources' units.
        uncertainties: relative sizes of parameters in all experiments.
    """

    name: str
    title: str
    experiments: tuple[str, ...]
    masses_MeV: tuple[float, float] | None
    fluxes: Mapping[str, float] = field(default_factory=dict)
    uncertainties: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class MeasurementKind:
    """What is measured of a source.

    Attributes:
        factor: the normfactor, e.g. ``mu_8b``.
        name: of the measurement.
        parameter: as ``fit`` calls it.
        unit: of the parameter.
        per_unit: a flux [cm^-2 s^-1] that is one unit; ``events`` or ``standard_model`` where it is no flux.
        signal: whether the size in units of the Standard Model, with all nuisance parameters, is a parameter too.
        held: constrained parameters at 0, of the normalisation uncertainties of the samples with the factor: all of
            them (``signal``), those of the sizes of their source (``source``) or ``none``.
        masses_MeV: range over which the minimum of a plane is looked for.
    """

    factor: str
    name: str
    parameter: str
    unit: str
    per_unit: float | str
    signal: bool
    held: Held
    masses_MeV: tuple[float, float]


@cache
def named_analyses() -> dict[str, NamedAnalysis]:
    """Analyses by name, in the file's order; only those whose experiments are all there."""
    root = _root()
    found = {}
    for name, section in root.named_sections("analyses").items():
        title, experiments = section.text("title"), section.texts("experiments")
        masses = _range(section) if "masses_MeV" in section else None
        section.finish()
        if set(experiments) <= set(shipped_experiments()):
            found[name] = NamedAnalysis(name, title, experiments, masses)
    return found


def is_own_analysis(text: str) -> bool:
    """Whether a name is the path of a user's analysis: a TOML file, but not an experiment's."""
    path = Path(text)
    return path.suffix == ".toml" and path.name != "experiment.toml"


def own_analysis(path: str) -> NamedAnalysis:
    """Read a user's analysis: ``name``, ``title``, ``experiments`` and what holds in all of them.

    ``experiments`` are shipped names, or folders beside the file. ``flux`` sets components of the sources
    (``flux = { 8b = 5.25e6 }``, in the source's unit), ``uncertainties`` relative sizes of parameters
    (``uncertainties = { flux_8b = 0.0381 }``); ``masses_MeV`` is the range of planes.

    Args:
        path: of the TOML file.

    Raises:
        SpecBuilderError: naming the file and the key that is wrong.
    """
    file = Path(path)
    root = Section(file, read_toml(file))
    root.only("name", "title", "experiments", "masses_MeV", "flux", "uncertainties")
    name, title = own_name(root), root.text("title")
    listed = root.texts("experiments")
    if not listed:
        raise root.error("experiments", "a list of at least one name or folder", [])
    if len(listed) > _MOST_EXPERIMENTS:
        raise root.complaint(f"{len(listed)} experiments, expected at most {_MOST_EXPERIMENTS}")
    experiments = tuple(e if e in shipped_experiments() else str(file.parent / e) for e in listed)
    masses = _range(root) if "masses_MeV" in root else None
    fluxes = {}
    if "flux" in root:
        section = root.section("flux")
        fluxes = {key: section.positive(key) for key in section.keys()}  # noqa: SIM118
    uncertainties = root.sizes("uncertainties") if "uncertainties" in root else {}
    root.finish()
    return NamedAnalysis(name, title, experiments, masses, fluxes, uncertainties)


@cache
def measurement_kinds() -> tuple[MeasurementKind, ...]:
    """What can be measured, in the order of preference."""
    kinds = []
    for section in _root().sections("measurements"):
        kinds.append(
            MeasurementKind(
                factor=section.identifier("factor"),
                name=section.identifier("name"),
                parameter=section.identifier("parameter"),
                unit=section.text("unit"),
                per_unit=section.take("per_unit"),
                signal=section.truth("signal"),
                held=cast("Held", section.one_of("held", get_args(Held))),
                masses_MeV=_range(section),
            )
        )
        section.finish()
    return tuple(kinds)


def measurement_kind(factors: frozenset[str]) -> MeasurementKind:
    """What the first measurement of a workspace measures.

    Args:
        factors: normfactors on its signals; one at least.

    Returns:
        The first known one; for sources of a user's own their factor, nothing held but parameters of the flux.

    Examples:
        >>> measurement_kind(frozenset({"mu_sns", "mu_8b"})).name
        'b8_flux'
        >>> measurement_kind(frozenset({"mu_mine"})).name
        'measure_mine'
    """
    for kind in measurement_kinds():
        if kind.factor in factors:
            return kind
    factor = min(factors)
    own = factor.removeprefix("mu_")
    # a name before 'new_physics' in the alphabet
    return MeasurementKind(
        factor=factor,
        name=f"measure_{own}",
        parameter="signal",
        unit=STANDARD_MODEL,
        per_unit="standard_model",
        signal=False,
        held="source",
        masses_MeV=_WIDE_MEV,
    )


def _root() -> Section:
    file = data_path("analyses.toml")
    return Section(file, read_toml(file))


def _range(section: Section) -> tuple[float, float]:
    values = section.increasing("masses_MeV")
    if len(values) != 2:
        raise section.error("masses_MeV", "two increasing numbers", list(values))
    low, high = values
    return float(low), float(high)
