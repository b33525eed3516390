"""Expected limits: what data of the Standard Model would exclude, as median and bands over toys, or by Asimov data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import workers
from spec_builder.base.grids import check_level, json_mass
from spec_builder.base.names import unknown_name
from spec_builder.base.printing import counted
from spec_builder.base.progress import Parts, silent
from spec_builder.base.text import Report
from spec_builder.drawing.curves import check_masses, draw_expected_bands, mass_coupling_axes, range_of_ends
from spec_builder.drawing.style import axis_label
from spec_builder.inference.expected_limits import expected_ends
from spec_builder.inference.toys import TOYS_MODULES
from spec_builder.model.given import as_analysis, as_choice, mass_axis
from spec_builder.model.provenance import Choices, parameter_label
from spec_builder.physics.constants import MEV_PER_GEV
from spec_builder.studies.fits import finite_or_none
from spec_builder.studies.limits import check_dof, limits_problem
from spec_builder.studies.open_ends import notes_on_open_ends
from spec_builder.studies.pictures import PicturedResult, dataset_label, interaction_label, level_note, own_axes

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.chunks import Store
    from spec_builder.base.grids import Numbers
    from spec_builder.base.text import Column
    from spec_builder.inference.expected_limits import ExpectedEnds
    from spec_builder.inference.toys import Ensemble
    from spec_builder.model.given import GivenAnalysis
    from spec_builder.physics.choices import Choice

__all__ = [
    "BAND",
    "KINDS",
    "ExpectedLimits",
    "ExpectedPoint",
    "Kind",
    "check_kind",
    "data_words",
    "expect_limits",
    "expected_point",
]

Kind = Literal["asimov", "toys"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: Names of the quantiles, as standard deviations of a normal distribution, and their shares.
BAND = {
    "m2": 0.022750131948179195,
    "m1": 0.15865525393145707,
    "median": 0.5,
    "p1": 0.8413447460685429,
    "p2": 0.9772498680518208,
}


@dataclass(frozen=True)
class ExpectedPoint:
    """Expected limit at one mediator mass.

    Attributes:
        mass_MeV: the mass; nan where there is no mediator, inf for the contact limit.
        upper: quantiles of where the outermost excluded interval of high values begins; infinite where there is none.
        lower: the same of low values of a signed parameter, empty otherwise.
        median_error: of the upper median, from order statistics; infinite for a single data set.
        allowed_bands: share of the toys with an allowed band between excluded intervals.
        valid: share of the toys whose fits all converged; the others are left out.
    """

    mass_MeV: float
    upper: dict[str, float]
    lower: dict[str, float]
    median_error: float
    allowed_bands: float
    valid: float


@dataclass(frozen=True, repr=False)
class ExpectedLimits(PicturedResult):
    """Expected limits of one interaction in one analysis.

    Attributes:
        provenance: the choices behind it.
        choice: the interaction with its options.
        kind: ``asimov`` or ``toys``.
        toys: how many; 1 for Asimov data.
        seed: of the random numbers; None for Asimov data.
        ensemble: where the nuisance parameters of the Standard Model are.
        points: one for each mass.
    """

    provenance: Choices
    choice: Choice
    kind: Kind
    toys: int
    seed: int | None
    ensemble: str
    points: tuple[ExpectedPoint, ...]

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        shown = max((point.allowed_bands for point in self.points), default=0.0)
        thrown = "Asimov data" if self.kind == "asimov" else f"the median and the bands of {counted(self.toys, 'toy')}"
        band = f"; an allowed band lies inside in up to {100 * shown:.0f} % of the data sets" if shown > 0 else ""
        return f"Where the outermost excluded interval is expected to begin: {thrown}{band}."

    def plot(self, ax: Axes | None = None) -> Axes:
        """Median and bands of one and two standard deviations against the mediator mass.

        Args:
            ax: axes to draw into; new ones if there are none.

        Raises:
            SpecBuilderError: if there are fewer than two finite masses.
        """
        points = [point for point in self.points if np.isfinite(point.mass_MeV)]
        mass = np.array([point.mass_MeV for point in points])
        check_masses(mass, signed=self.choice.signed)
        panel = own_axes(ax)
        names = BAND if self.kind == "toys" else ("median",)
        band = {name: np.array([point.upper[name] for point in points]) for name in names}
        ends = range_of_ends([[(float(end), None)] for values in band.values() for end in values])
        ends = ends or self.choice.default_range
        mass_coupling_axes(panel, mass, axis_label(self.choice.parameter, self.choice.unit or "1"), ends)
        draw_expected_bands(panel, mass, band)
        about = self.provenance
        panel.set_title(f"{dataset_label(about)}\n{interaction_label(self.choice)}")
        panel.legend(title=level_note(about), loc="upper left", alignment="left")
        return panel

    @property
    def masses_MeV(self) -> FloatArray:
        """Mediator masses, shape (M,); one that is nan where there is no mediator."""
        return np.array([point.mass_MeV for point in self.points])

    @property
    def parameter(self) -> str:
        """Symbol of what is excluded."""
        return self.choice.parameter

    @property
    def upper(self) -> dict[str, FloatArray]:
        """The limit by quantile (``median``, and by toys ``m2``, ``m1``, ``p1``, ``p2``), each of shape (M,)."""
        return {name: np.array([point.upper[name] for point in self.points]) for name in BAND}

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON; an end that does not exist is None."""
        return self.provenance.to_dict() | {
            "schema": "spec_builder/expected/1",
            "parameter": self.choice.parameter,
            "unit": self.choice.unit or "1",
            "signed": self.choice.signed,
            "cl": self.provenance.cl,
            "dof": self.provenance.dof,
            "kind": self.kind,
            "toys": self.toys,
            "seed": self.seed,
            "ensemble": self.ensemble,
            "points": [self._json_point(point) for point in self.points],
        }

    def _json_point(self, point: ExpectedPoint) -> dict[str, Any]:
        content: dict[str, Any] = {"mass_MeV": json_mass(point.mass_MeV), "expected": self._finite(point.upper)}
        if self.choice.signed:
            content["expected_low"] = self._finite(point.lower)
        content["median_error"] = finite_or_none(point.median_error)
        return content | {"allowed_bands": point.allowed_bands, "valid": point.valid}

    def _finite(self, quantiles: dict[str, float]) -> dict[str, float | None]:
        """Quantiles for JSON; Asimov data have a median alone."""
        exists = {name: self.kind == "toys" or name == "median" for name in quantiles}
        return {name: finite_or_none(value) if exists[name] else None for name, value in quantiles.items()}

    def report(self) -> Report:
        """A row for each mass: quantiles of the limit."""
        symbol = self.choice.parameter
        facts = {
            "confidence": f"{self.provenance.level}, by the threshold of Delta chi2",
            "data": data_words(self.toys, self.seed, self.ensemble, self.points),
        }
        label = parameter_label(self.choice)
        if label != "g":
            facts["parameter"] = label
        explained = (
            f"quantiles over data sets of where the outermost excluded interval of {symbol} begins; inf where nothing "
            "is excluded; allowed_bands: share of them with an allowed band inside what is excluded"
        )
        return Report(
            f"Expected exclusion of interaction {self.choice.name}, {self.provenance.analysis}",
            facts | self.provenance.rows(),
            self._columns(),
            details={"columns": explained},
        )

    def _columns(self) -> dict[str, Column]:
        symbol = self.choice.parameter
        columns: dict[str, Column] = {}
        if self.choice.has_mediator:
            columns["mass_MeV"] = [point.mass_MeV for point in self.points]
        names = list(BAND) if self.kind == "toys" else ["median"]
        for name in names:
            columns[f"{symbol}_{name}"] = [point.upper[name] for point in self.points]
        for name in names if self.choice.signed else []:
            columns[f"{symbol}_low_{name}"] = [point.lower[name] for point in self.points]
        if self.kind == "toys":
            columns["median_error"] = [point.median_error for point in self.points]
            columns["allowed_bands"] = [point.allowed_bands for point in self.points]
        return columns


@checked
def expect_limits(
    analysis: GivenAnalysis,
    choice: Choice | str | object,
    masses: Numbers | None = None,
    *,
    kind: Kind = "asimov",
    cl: float = 0.9,
    dof: int = 1,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
    toys: int = 1000,
    seed: int = 0,
    ensemble: Ensemble | None = None,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> ExpectedLimits:
    """Limits that the Standard Model would give.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        choice: an interaction, as :func:`spec_builder.physics.interactions.choose` takes and gives it.
        masses: mediator masses [MeV]: a number, a list, an array of shape (M,) or the text of a grid; by default 31
            over the range of the analysis; None where there is no mediator.
        kind: ``asimov``: the limit of the data that are expected; ``toys``: median and bands over toys.
        cl: confidence level.
        dof: 1: Delta chi^2 against the minimum at each mass; 2: over the plane.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.
        toys: how many.
        seed: of the random numbers.
        ensemble: where the nuisance parameters of the Standard Model are: ``profiled`` at the observed data, or
            ``nominal``; by default profiled, for a projection, which has no data, nominal.
        executor: any ``concurrent.futures.Executor``; None computes here.
        jobs: worker processes in the place of an executor; a script that asks for them has its calls below
            ``if __name__ == "__main__":``.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: as :func:`spec_builder.studies.limits.find_limits`, and for an unknown kind.
    """
    check_kind(kind)
    loaded, chosen = as_analysis(analysis, law, variants), as_choice(choice)
    where = loaded.ensemble if ensemble is None else ensemble
    check_dof(dof, chosen)
    check_level(cl)
    axis = mass_axis(chosen, masses, loaded)
    problem, signal = limits_problem(loaded, chosen, axis)
    with workers(executor, jobs, preload=TOYS_MODULES) as pool:
        ends = expected_ends(
            problem,
            axis,
            cl=cl,
            dof=dof,
            toys=None if kind == "asimov" else toys,
            seed=seed,
            ensemble=where,
            plane=loaded.masses_MeV,
            executor=pool,
            store=store,
            report=report,
        )
    about = Choices.of(loaded, chosen, axis, cl=cl, dof=dof)
    points = tuple(_point(float(mass), ends, i, signed=chosen.signed) for i, mass in enumerate(axis))
    count = len(ends.upper)
    high = np.array([point.upper["median"] == np.inf for point in points])
    low = np.array([point.lower.get("median") == -np.inf for point in points])
    about = about.noting(notes_on_open_ends(loaded, chosen, problem, signal, axis, high, low))
    return ExpectedLimits(about, chosen, kind, count, seed if kind == "toys" else None, where, points)


def check_kind(kind: str) -> None:
    """Refuse a kind of expected limits that there is none of.

    Raises:
        SpecBuilderError: naming those there are.
    """
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)


def data_words(toys: int, seed: int | None, ensemble: str, points: Sequence[ExpectedPoint]) -> str:
    """What expected limits are of, and what their quantiles lack.

    Args:
        toys: how many.
        seed: of the random numbers; None for Asimov data.
        ensemble: where the nuisance parameters of the Standard Model are.
        points: the limits.
    """
    thrown = "Asimov data" if seed is None else f"{counted(toys, 'toy')}, seed {seed}"
    words = f"{thrown} of the Standard Model, nuisance parameters {ensemble}"
    needed = math.ceil(1 / BAND["m2"])
    if seed is not None and toys < needed:
        words += f"; too few for m2 and p2, which need {needed}"
    lost = 1 - min((point.valid for point in points), default=1.0)
    return words if lost == 0 else f"{words}; up to {100 * lost:.2g} % have no valid fit and are left out"


def _point(mass: float, ends: ExpectedEnds, place: int, *, signed: bool) -> ExpectedPoint:
    if not ends.valid[:, place].any():
        raise SpecBuilderError(f"no fit of the expected data converges at {mass:g} MeV")
    return expected_point(mass, ends, place, signed=signed)


def expected_point(mass: float, ends: ExpectedEnds, place: int, *, signed: bool) -> ExpectedPoint:
    """Quantiles over data sets at the mass of a place, at least one of whose fits must be valid."""
    good = ends.valid[:, place]
    unit = MEV_PER_GEV if math.isinf(mass) else 1.0
    upper, lower = ends.upper[good, place] * unit, ends.lower[good, place] * unit
    ordered = np.sort(upper)
    half = math.sqrt(ordered.size) / 2
    first, last = (int(np.clip(ordered.size / 2 + side * half, 0, ordered.size - 1)) for side in (-1, 1))
    known = ordered.size > 1 and math.isfinite(ordered[last])  # a single data set tells nothing of others
    spread = float(ordered[last] - ordered[first]) / 2 if known else math.inf
    # seen from zero outwards, so that m1 is the stronger limit on either side
    low = {name: -value for name, value in _quantiles(-lower).items()} if signed else {}
    return ExpectedPoint(
        mass, _quantiles(upper), low, spread, float(np.mean(ends.bands[good, place])), float(np.mean(good))
    )


def _quantiles(values: FloatArray) -> dict[str, float]:
    """Quantiles between order statistics, where infinite ones may be among them."""
    ordered = np.sort(values)
    found = {}
    for name, share in BAND.items():
        rank = share * (ordered.size - 1)
        low, part = int(rank), rank - int(rank)
        found[name] = float(ordered[low])
        if part > 0 and ordered[low + 1] != ordered[low]:
            found[name] = float((1 - part) * ordered[low] + part * ordered[low + 1])
    return found
