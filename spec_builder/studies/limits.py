"""Exclusion limits on new interactions with their provenance, as JSON, CSV and text."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import check_argument, checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import check_level, json_mass
from spec_builder.base.names import shown
from spec_builder.base.text import Report, Shown
from spec_builder.drawing.curves import (
    check_masses,
    draw_bars,
    draw_excluded,
    free_line,
    mass_coupling_axes,
    range_of_ends,
)
from spec_builder.drawing.style import Line, axis_label, line_of
from spec_builder.inference.curves import Curves
from spec_builder.inference.exclusion import exclude
from spec_builder.model.given import as_analysis, as_choice, mass_axis
from spec_builder.model.provenance import Choices, parameter_label
from spec_builder.model.signal import check_change, check_nowhere_negative
from spec_builder.physics.constants import FERMI_CONSTANT, MEV_PER_GEV
from spec_builder.studies.open_ends import notes_on_open_ends, open_ends
from spec_builder.studies.pictures import (
    HEIGHT,
    PicturedResult,
    dataset_label,
    gaps_text,
    interaction_label,
    level_note,
    own_axes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import BoolArray, FloatArray
    from spec_builder.base.grids import Numbers
    from spec_builder.inference.curves import Interval
    from spec_builder.inference.data import Problem, Yields
    from spec_builder.inference.exclusion import Exclusion, MassPoint
    from spec_builder.inference.plane import Minimum
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.given import GivenAnalysis
    from spec_builder.physics.choices import Choice

__all__ = [
    "LimitsResult",
    "check_dof",
    "drawn_text",
    "find_limits",
    "in_contact_units",
    "interval_text",
    "limits_problem",
    "per_GeV",
]


@dataclass(frozen=True, repr=False)
class LimitsResult(PicturedResult):
    """Exclusions of one interaction in one analysis.

    Attributes:
        provenance: analysis, law, variants, statuses, interaction and confidence level.
        choice: the interaction with its options.
        exclusion: the numbers.
    """

    provenance: Choices
    choice: Choice
    exclusion: Exclusion

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        return drawn_text([self])

    @property
    def drawn_points(self) -> tuple[MassPoint, ...]:
        """The points with a finite mass and valid fits."""
        return tuple(point for point in self.exclusion.points if np.isfinite(point.mass_MeV) and point.valid)

    @property
    def drawn_rows(self) -> tuple[FloatArray, list[tuple[Interval, ...] | None]]:
        """Finite masses, shape (M,), and what is excluded at each; None where fits are not valid, a gap in a figure."""
        points = [point for point in self.exclusion.points if np.isfinite(point.mass_MeV)]
        return np.array([point.mass_MeV for point in points]), [p.excluded if p.valid else None for p in points]

    @property
    def drawn_height(self) -> float:
        """Height of a figure of it [in]."""
        return HEIGHT if self.choice.has_mediator else 1.5

    def plot(
        self, ax: Axes | None = None, *, label: str | None = None, line: Line | None = None, hatched: bool = False
    ) -> Axes:
        """What is excluded against the mediator mass; bars along the parameter where there is no mass.

        Args:
            ax: axes to draw into; new ones if there are none.
            label: for the legend; the data set by default.
            line: colour and dashes; those of the analysis by default.
            hatched: the excluded side is hatched, in place of a light band.

        Raises:
            SpecBuilderError: if there are fewer than two finite masses.
        """
        check_argument("label", label)
        check_argument("hatched", hatched)
        if line is not None and not isinstance(line, Line):
            raise SpecBuilderError(f"line {shown(line)}: expected a Line of colour and dashes")
        name = label or dataset_label(self.provenance)
        axis = axis_label(self.choice.parameter, self.choice.unit or "1")
        if not self.choice.has_mediator:
            panel = own_axes(ax, self.drawn_height)
            (point,) = self.exclusion.points
            excluded = point.excluded if point.valid else None
            color = (line or line_of(self.provenance.analysis)).color
            draw_bars(panel, [(name, excluded, point.best_g, color)], axis, signed=self.choice.signed)
            panel.set_title(f"{interaction_label(self.choice)}\n{level_note(self.provenance)}", loc="right")
            return panel
        mass = np.array([point.mass_MeV for point in self.drawn_points])
        check_masses(mass, signed=self.choice.signed)
        panel = own_axes(ax)
        ends = range_of_ends([point.excluded for point in self.drawn_points]) or self.choice.default_range
        if panel.has_data():
            ends = min(ends[0], panel.get_ylim()[0]), max(ends[1], panel.get_ylim()[1])
        look = line or free_line(panel, self.provenance.analysis)
        mass_coupling_axes(panel, mass, axis, ends)
        draw_excluded(panel, *self.drawn_rows, line=look, label=name, hatched=hatched)
        title = f"{interaction_label(self.choice)}\n{level_note(self.provenance)}"
        panel.legend(title=title, loc="upper left", alignment="left")
        return panel

    @property
    def masses_MeV(self) -> FloatArray:
        """Mediator masses, shape (M,); one that is nan where there is no mediator."""
        return np.array([point.mass_MeV for point in self.exclusion.points])

    @property
    def parameter(self) -> str:
        """Symbol of what is excluded: g, or the interaction's own."""
        return self.choice.parameter

    @property
    def excluded(self) -> tuple[tuple[Interval, ...], ...]:
        """Excluded intervals at each mass; None where one has no end."""
        return tuple(point.excluded for point in self.exclusion.points)

    @property
    def upper(self) -> FloatArray:
        """Where the outermost excluded interval begins at each mass, shape (M,): the limit; inf where there is none."""
        ends = [[low or 0.0 for low, high in point.excluded if high is None] for point in self.exclusion.points]
        return np.array([end[-1] if end else math.inf for end in ends])

    @property
    def best(self) -> FloatArray:
        """Coupling, or parameter, at each mass's minimum, shape (M,)."""
        return np.array([point.best_g for point in self.exclusion.points])

    @property
    def delta_chi2_sm(self) -> FloatArray:
        """2NLL of the Standard Model less the minimum that each limit refers to, shape (M,)."""
        return np.array([point.delta_chi2_sm for point in self.exclusion.points])

    @property
    def valid(self) -> BoolArray:
        """Whether every fit behind a mass converged, shape (M,)."""
        return np.array([point.valid for point in self.exclusion.points])

    @property
    def minimum(self) -> Minimum:
        """The minimum: over the plane for dof = 2, over the given masses for dof = 1."""
        return self.exclusion.minimum

    @property
    def threshold(self) -> float:
        """Delta chi^2 beyond which a value is excluded."""
        return self.exclusion.threshold

    @property
    def cl(self) -> float:
        """Confidence level."""
        return self.exclusion.cl

    @property
    def dof(self) -> int:
        """Degrees of freedom."""
        return self.exclusion.dof

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON, which holds no infinite ``delta_chi2_sm``: None then, with a note beside it."""
        exclusion = asdict(self.exclusion)
        del exclusion["points"]
        minimum = self.exclusion.minimum
        exclusion["minimum"]["at"] = "sm" if minimum.g == 0 else "point"
        exclusion["minimum"]["mass_MeV"] = json_mass(minimum.mass_MeV)
        return self.provenance.to_dict() | {
            "schema": "spec_builder/limits/2",
            "parameter": self.choice.parameter,
            "unit": self.choice.unit or "1",
            "signed": self.choice.signed,
            **exclusion,
            "points": [_json_point(point) for point in self.exclusion.points],
        }

    def report(self) -> Report:
        """Header of choices; a column row for each excluded interval, nan where nothing is excluded."""
        symbol = self.choice.parameter
        columns: dict[str, list[Any]] = {
            name: []
            for name in ("mass_MeV", f"{symbol}_low", f"{symbol}_high", f"best_{symbol}", "delta_chi2_sm", "valid")
        }
        for point in self.exclusion.points:
            for low, high in point.excluded or [(math.nan, math.nan)]:
                begin, end = -math.inf if low is None else low, math.inf if high is None else high
                row = (point.mass_MeV, begin, end, point.best_g, point.delta_chi2_sm, point.valid)
                for column, cell in zip(columns.values(), row, strict=True):
                    column.append(cell)
        if not self.choice.has_mediator:
            del columns["mass_MeV"]
        explained = f"{symbol} from {symbol}_low to {symbol}_high is excluded; nan where nothing is at this mass"
        return Report(
            f"Exclusion of interaction {self.choice.name}, {self.provenance.analysis}",
            self._facts(),
            columns,
            self._shown(),
            details={"columns": explained},
        )

    def _facts(self) -> dict[str, str]:
        exclusion, symbol = self.exclusion, self.choice.parameter
        minimum = exclusion.minimum
        domain = f"{symbol}" if self.choice.signed else f"{symbol} >= 0"
        if not self.choice.has_mediator:
            against = f"the minimum over {domain}"
        else:
            against = f"each mass's minimum over {domain}" if exclusion.dof == 1 else "the minimum over the plane"
        where = "the Standard Model"
        if minimum.g != 0:
            place = "" if minimum.mass_MeV is None else f"{minimum.mass_MeV:.6g} MeV, "
            where = f"{place}{symbol} {minimum.g:.6g}"
        facts = {
            "confidence": f"{self.provenance.level}, Delta chi2 > {exclusion.threshold:.6g} against {against}",
            "minimum": f"2NLL {minimum.twice_nll:.9f} at {where}",
        }
        label = parameter_label(self.choice)
        if label != "g":
            facts["parameter"] = label
        if any(math.isinf(point.mass_MeV) for point in exclusion.points):
            facts["contact limit"] = "at the mass inf the numbers are g/m [1/GeV]"
        return facts | self.provenance.rows()

    def _shown(self) -> Shown:
        """A row for each mass: best value, Delta chi2 of the Standard Model, and the excluded intervals."""
        symbol = self.choice.parameter
        rows = []
        for point in self.exclusion.points:
            excluded = ", ".join(interval_text(*interval) for interval in point.excluded) or "none"
            state = "" if point.valid else "  NOT VALID"
            cells = (f"{point.best_g:.4g}", f"{point.delta_chi2_sm:.3f}", f"{excluded}{state}")
            rows.append((f"{point.mass_MeV:.6g}", *cells) if self.choice.has_mediator else cells)
        columns = (f"best {symbol}", "Dchi2(SM)", f"excluded {symbol}")
        return Shown(("mass [MeV]", *columns) if self.choice.has_mediator else columns, tuple(rows))


def drawn_text(results: Sequence[LimitsResult], what: str | None = None) -> str:
    """What a figure of limits draws, in a sentence or two: masses whose fits are not valid are gaps, and counted.

    Args:
        results: the limits, of interactions with a mass or of some without.
        what: the first sentence, of a figure that is drawn in a way of its own.
    """
    if not results[0].choice.has_mediator:
        return what or "Bars: what is excluded; point: the best value."
    text = what or "Lines: ends of what is excluded; the light band along each lies on the excluded side."
    wrong = sum(int(np.sum(~result.valid)) for result in results)
    edges = ", ".join(edge for result in results for edge in _upright_edges(result))
    narrow = "A narrow interval is light as a whole, with an upright edge where an allowed band above it begins or ends"
    upright = f"{narrow}: {edges}." if edges else ""
    return " ".join(filter(None, (text, upright, gaps_text(wrong, "mass", "masses"))))


def _upright_edges(result: LimitsResult) -> list[str]:
    """Masses at which the number of excluded intervals changes: a figure's light region has an upright edge there."""
    masses, rows = result.drawn_rows
    edges = []
    for k, (before, after) in enumerate(itertools.pairwise(rows)):
        if before and after and len(before) != len(after):
            mass = np.sqrt(masses[k] * masses[k + 1])
            edges.append(f"{result.provenance.analysis}, {result.choice.name} at {mass:.3g} MeV")
    return edges


def interval_text(low: float | None, high: float | None, form: str = ".6g", between: str = "-") -> str:
    """An interval in words.

    Examples:
        >>> interval_text(None, -0.5), interval_text(0.25, None), interval_text(0.1, 0.2), interval_text(0.0, None)
        ('< -0.5', '> 0.25', '0.1 - 0.2', 'everything')
    """
    if high is None and not low:
        return "everything"  # a coupling of 0 is the Standard Model, which is excluded too
    if low is None:
        return f"< {high:{form}}"
    return f"> {low:{form}}" if high is None else f"{low:{form}} {between} {high:{form}}"


def _json_point(point: MassPoint) -> dict[str, Any]:
    content = asdict(point)
    content["mass_MeV"] = json_mass(point.mass_MeV)
    content["excluded"] = [list(interval) for interval in point.excluded]
    if math.isinf(point.mass_MeV):  # the parameter is g/m there
        content["g_over_m_per_GeV"] = content["excluded"]
        content["C_a"] = [[_contact_coefficient(end) for end in interval] for interval in content["excluded"]]
    if point.delta_chi2_sm == math.inf:
        content["delta_chi2_sm"] = None
        content["delta_chi2_sm_note"] = "infinite: the Standard Model expects nothing in a bin with counts"
    return content


def _contact_coefficient(g_over_m_per_GeV: float | None) -> float | None:
    """C_a of Eq. (4) of arXiv:2411.11749, sqrt(2) g^2 / (G_F m^2), less the nucleus' charge at g = 1."""
    if g_over_m_per_GeV is None:
        return None
    return math.sqrt(2) * (g_over_m_per_GeV / MEV_PER_GEV) ** 2 / FERMI_CONSTANT


def check_dof(dof: int, choice: Choice | None = None) -> None:
    """Refuse anything but one or two degrees of freedom, and two where there is no mass.

    Raises:
        SpecBuilderError: saying so.
    """
    if isinstance(dof, bool) or dof not in (1, 2):
        raise SpecBuilderError(f"dof {dof!r}: expected 1 or 2")
    if choice is not None and dof == 2 and not choice.has_mediator:
        raise SpecBuilderError(f"dof 2: interaction '{choice.name}' has no mass and so no plane, expected 1")


@checked
def find_limits(
    analysis: GivenAnalysis,
    choice: Choice | str | object,
    masses: Numbers | None = None,
    *,
    cl: float = 0.9,
    dof: int = 1,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
) -> LimitsResult:
    """Exclude values of an interaction's parameter, at given mediator masses where it has a mediator.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        choice: an interaction, as :func:`spec_builder.physics.interactions.choose` takes and gives it.
        masses: mediator masses [MeV]: a number, a list, an array of shape (M,) or the text of a grid; ``inf`` is the
            contact limit, whose parameter is g/m in 1/GeV. By default 31 over the range of the analysis; None where
            there is no mediator.
        cl: confidence level.
        dof: 1: Delta chi^2 against the minimum over g at each mass; 2: against the minimum over the plane.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: for an unknown name, another ``dof`` or level, masses that are no positive numbers, stand
            twice, do not apply or are beyond floating range, or an interaction that changes nothing, or that makes the
            signal negative.

    Examples:
        >>> find_limits("pandax4t", "scalar", [1, 10]).masses_MeV
        array([ 1., 10.])
    """
    loaded, chosen = as_analysis(analysis, law, variants), as_choice(choice)
    check_dof(dof, chosen)
    check_level(cl)
    axis = mass_axis(chosen, masses, loaded)
    problem, signal = limits_problem(loaded, chosen, axis)
    curves = Curves(problem, signal)
    exclusion = exclude(problem, axis, cl=cl, dof=dof, curves=curves, plane=loaded.masses_MeV)
    first = [p.excluded[0][0] or 0.0 for p in exclusion.points if p.excluded and math.isfinite(p.mass_MeV)]
    about = Choices.of(loaded, chosen, axis, cl=cl, dof=dof, couplings=first)
    about = about.noting(notes_on_open_ends(loaded, chosen, problem, signal, axis, *open_ends(exclusion)))
    return LimitsResult(about, chosen, in_contact_units(exclusion))


def limits_problem(analysis: Analysis, choice: Choice, masses: FloatArray) -> tuple[Problem, Mapping[str, Yields]]:
    """The likelihood whose values of the parameter are excluded, and the signal at some masses.

    Args:
        analysis: the experiments with their data.
        choice: the interaction.
        masses: of the mediator [MeV], shape (M,); one that is nan where there is none.

    Raises:
        SpecBuilderError: if the interaction changes no yield, or makes a signal negative.
    """
    problem = analysis.problem(choice)
    signal = problem.yields(masses)
    check_change(choice, signal)
    check_nowhere_negative(choice, signal, masses)
    return problem, signal


def in_contact_units(exclusion: Exclusion) -> Exclusion:
    """Numbers at the mass inf as g/m in 1/GeV; there the yields are polynomials in (g/m)^2 in MeV^-2."""
    points = tuple(_in_per_GeV(point) if math.isinf(point.mass_MeV) else point for point in exclusion.points)
    minimum = exclusion.minimum
    if minimum.mass_MeV is not None and math.isinf(minimum.mass_MeV):
        minimum = replace(minimum, g=minimum.g * MEV_PER_GEV)
    return replace(exclusion, points=points, minimum=minimum)


def _in_per_GeV(point: MassPoint) -> MassPoint:
    return replace(point, excluded=per_GeV(point.excluded), best_g=point.best_g * MEV_PER_GEV)


def per_GeV(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Ends of intervals, or errors of them, in 1/GeV in the place of 1/MeV."""

    def scaled(end: float | None) -> float | None:
        return None if end is None else end * MEV_PER_GEV

    return tuple((scaled(low), scaled(high)) for low, high in intervals)
