"""Fits of one parameter with everything needed to trace them, as JSON, CSV and text."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import check_level
from spec_builder.base.printing import counted, percent
from spec_builder.base.text import Report, Shown
from spec_builder.drawing.pulls import draw_pulls, name_rows, pull_axes, rows_height
from spec_builder.drawing.style import MARKERS, line_of
from spec_builder.histfactory.checks import check_parameters, workspace_problems
from spec_builder.inference.expectation import centre_and_width
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.analysis import SIGNAL_PARAMETER
from spec_builder.model.given import as_analysis, as_workspace
from spec_builder.model.provenance import Choices, in_words
from spec_builder.studies.correlations import CorrelationsResult
from spec_builder.studies.pictures import PicturedResult, heading, own_axes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.text import Cell
    from spec_builder.inference.fit import Fit, Minimiser, Pull
    from spec_builder.model.given import GivenAnalysis, GivenWorkspace

__all__ = [
    "USUAL_CL",
    "FitResult",
    "caveats_of",
    "fit_analysis",
    "fit_workspace",
    "named",
    "unit_of",
    "workspace_likelihood",
]

#: Confidence level of intervals that are not asked for otherwise: one standard deviation, to four digits.
USUAL_CL = 0.6827

#: Rows of a picture, which a page of a journal has room for.
_DRAWN = 38
#: What stands beside the null of an infinite significance, which JSON cannot hold.
INFINITE = "infinite: without a signal nothing is expected in a bin with counts"
#: Rounding of 2NLL that is told: it shows in the digits that are printed of an interval.
_ROUNDING_TOLD = 1e-5
#: What it may hide of a significance, from where on it shows in the two digits that are printed.
_SIGNIFICANCE_TOLD = 0.01
#: EDM that is told.
_LEAST_EDM = 1e-12
#: p-values below are written with an exponent; and the least one that is written.
_PLAIN_P, _LEAST_P = 1e-3, 1e-300
#: What a cross section is printed in [cm^2].
_CROSS_SECTION = 1e-40


@dataclass(frozen=True, repr=False)
class FitResult(PicturedResult):
    """A fit of one parameter with its provenance.

    Attributes:
        provenance: the choices behind it.
        unit: of the parameter.
        fit: the numbers.
        cross_section_cm2: of the Standard Model, averaged over the source, per scatterer; where what is fitted is the
            signal in units of the Standard Model.
    """

    provenance: Choices
    unit: str
    fit: Fit
    cross_section_cm2: float | None = None

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        text = "Pulls; bars: uncertainty after the fit, from the Hessian; dotted lines: before the fit."
        left_out = len(self.fit.pulls) - len(self._drawn_pulls)
        if left_out == 0:
            return text
        return f"{text} Without {counted(left_out, 'parameter')} that the data move and narrow least."

    @property
    def drawn_height(self) -> float:
        """Height of a figure of it [in]."""
        return rows_height(len(self._drawn_pulls)) + 0.2

    @property
    def _drawn_pulls(self) -> dict[str, Pull]:
        """As many as a page has room for: those that the data moved or narrowed most, in the order of the model."""
        pulls = self.fit.pulls
        most = sorted(pulls, key=lambda name: -max(abs(pulls[name].value), abs(1 - pulls[name].uncertainty)))[:_DRAWN]
        return {name: pulls[name] for name in pulls if name in most}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Pulls of the nuisance parameters, in units of their constraints; of many those that the data moved most.

        Args:
            ax: axes to draw into; new ones if there are none.

        Raises:
            SpecBuilderError: if no parameter has a constraint.
        """
        pulls, about = self._drawn_pulls, self.provenance
        if not pulls:
            raise SpecBuilderError(f"{about.analysis}: no parameter has a constraint, so there are no pulls to draw")
        panel = own_axes(ax, self.drawn_height)
        values = np.array([pull.value for pull in pulls.values()])
        errors = np.array([pull.uncertainty for pull in pulls.values()])
        pull_axes(panel, float((np.abs(values) + errors).max()))
        marker, heights = MARKERS.get(about.analysis, "o"), list(range(len(pulls)))[::-1]
        draw_pulls(panel, heights, values, errors, line=line_of(about.analysis), marker=marker)
        name_rows(panel, list(pulls))
        panel.set_title(heading(about.at(None)), loc="right")
        return panel

    @property
    def parameter(self) -> str:
        """What was fitted, '' if nothing was of interest."""
        return self.fit.parameter

    @property
    def value(self) -> float:
        """At the minimum."""
        return self.fit.value

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Ends of the interval at ``cl``; None where it has no end."""
        return self.fit.interval

    @property
    def up(self) -> float | None:
        """Length of the interval above the value."""
        return self.fit.up

    @property
    def down(self) -> float | None:
        """Length of the interval below the value."""
        return self.fit.down

    @property
    def cl(self) -> float:
        """Confidence level of the interval."""
        return self.fit.cl

    @property
    def pulls(self) -> Mapping[str, Pull]:
        """Values and uncertainties of the constrained parameters."""
        return self.fit.pulls

    @property
    def correlations(self) -> CorrelationsResult:
        """Correlations of the parameters that were free, from the Hessian.

        Raises:
            SpecBuilderError: if the fit is not valid, or no parameter has an error.
        """
        found, name = self.fit.correlations, self.provenance.analysis
        if found is None:
            why = "no parameter has an error" if self.fit.valid else "the fit is not valid"
            raise SpecBuilderError(f"{name}: {why}, so there are no correlations")
        fitted = self._title().removeprefix(f"{name}: ")
        return CorrelationsResult(self.provenance, fitted, found.parameters, found.matrix, caveats_of(self.fit))

    @property
    def twice_nll(self) -> float:
        """At the minimum."""
        return self.fit.twice_nll

    @property
    def chi2(self) -> float:
        """Saturated chi^2 at the minimum."""
        return self.fit.chi2_min

    @property
    def ndof(self) -> int:
        """Degrees of freedom of ``chi2``."""
        return self.fit.ndof

    @property
    def p_value(self) -> float:
        """Of ``chi2``, asymptotic."""
        return self.fit.p_value

    @property
    def significance(self) -> float | None:
        """Of a signal, in standard deviations; None where there is no value without one."""
        return self.fit.significance

    @property
    def valid(self) -> bool:
        """Whether the fit converged."""
        return self.fit.valid

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON; numbers that do not exist are None, an infinite significance too, with a note."""
        content: dict[str, Any] = self.provenance.to_dict() | asdict(replace(self.fit, correlations=None))
        del content["correlations"]  # a matrix of many parameters is a result of its own
        content["schema"] = "spec_builder/fit/1"
        content["unit"] = self.unit
        content["pulls"] = {name: pull.value for name, pull in self.fit.pulls.items()}
        content["pull_uncertainties"] = {
            name: finite_or_none(pull.uncertainty) for name, pull in self.fit.pulls.items()
        }
        content["negative_components"] = list(self.fit.negative_components)
        content["problems"] = list(self.fit.problems)
        content["parameter"] = self.fit.parameter or None
        content["value"] = finite_or_none(self.fit.value)
        content["elsewhere"] = [list(ends) for ends in self.fit.elsewhere]
        content["flat"] = [list(names) for names in self.fit.flat]
        content["p_value"] = None if np.isnan(self.fit.p_value) else self.fit.p_value
        infinite = self.fit.significance == np.inf
        content["significance"] = None if infinite else self.fit.significance
        content["significance_note"] = INFINITE if infinite else None
        content["edm"] = finite_or_none(self.fit.edm)
        if self.cross_section_cm2 is not None:
            content["cross_section"] = self._cross_section(self.cross_section_cm2)
        return content

    def _cross_section(self, standard_model: float) -> dict[str, Any]:
        """The signal as a cross section, with its interval."""
        found = {"value": self.fit.value, "up": self.fit.up, "down": self.fit.down}
        return {
            "what": "average over the source, per scatterer: the signal times the Standard Model's",
            "unit": "1e-40 cm2",
            "standard_model": standard_model / _CROSS_SECTION,
            **{key: None if x is None else x * standard_model / _CROSS_SECTION for key, x in found.items()},
        }

    def report(self) -> Report:
        """Value, interval and quality; the columns hold the parameter, then the pulls."""
        fit, pulls = self.fit, self.fit.pulls
        columns: dict[str, Sequence[Cell]] = {
            "name": [fit.parameter, *pulls],
            "value": [fit.value, *(pull.value for pull in pulls.values())],
            "up": [fit.up, *(pull.uncertainty for pull in pulls.values())],
            "down": [fit.down, *(pull.uncertainty for pull in pulls.values())],
        }
        rows = tuple((name, f"{pull.value:+.3f} +- {pull.uncertainty:.3f}") for name, pull in pulls.items())
        shown = Shown(("nuisance parameter", "pull"), rows) if rows else Shown((), ())
        return Report(self._title(), self._facts(), columns, shown, self._notes())

    def _title(self) -> str:
        unit = "" if self.unit == "1" else f" [{self.unit}]"
        if not self.fit.parameter:
            return f"{self.provenance.analysis}: a fit without a parameter of interest"
        interval = errors_text(self.fit.up, self.fit.down)
        found = "held" if self.fit.fixed else interval
        return f"{self.provenance.analysis}: {self.fit.parameter}{unit} = {self.fit.value:.4g} {found}"

    def _facts(self) -> dict[str, str]:
        fit, about = self.fit, self.provenance
        state = "valid" if fit.valid else "NOT VALID"
        if fit.bounds:
            met = (f"{name} at its {bound} bound {fit.theta[name]:g}" for name, bound in fit.bounds.items())
            state += f", AT A BOUND: {', '.join(met)}"
        facts = {
            "interval": f"{percent(fit.cl)} CL, Delta chi2 = {fit.threshold:.4g}",
            "choices": about.line,
            "chi2 / ndof": f"{fit.chi2_min:.3f} / {fit.ndof}, {p_value_text(fit.p_value)} (saturated, asymptotic)",
            "2NLL": f"{fit.twice_nll:.9f}, EDM {_edm_text(fit.edm)}, {state}",
        }
        if fit.elsewhere:
            facts["interval"] += (
                f"; not the only one: also {' and '.join(f'{a:.4g} to {b:.4g}' for a, b in fit.elsewhere)}"
            )
        if not fit.parameter:
            del facts["interval"]
        if fit.rounding > _ROUNDING_TOLD:
            facts["2NLL"] += f"; rounded to about {fit.rounding:.1g} by the size of its terms"
        if fit.significance == np.inf:
            facts["signal"] = INFINITE
        elif fit.significance is not None:
            facts["signal"] = f"{fit.significance:.2f} standard deviations (sqrt(q0), asymptotic)"
            hidden = float(np.hypot(fit.significance, np.sqrt(2 * fit.rounding))) - fit.significance
            if hidden > _SIGNIFICANCE_TOLD:
                facts["signal"] += f", known to {hidden:.1g} as 2NLL is rounded"
        if self.cross_section_cm2 is not None:
            numbers = self._cross_section(self.cross_section_cm2)
            interval = errors_text(numbers["up"], numbers["down"])
            facts["cross section"] = (
                f"{numbers['value']:.4g} {interval} in {numbers['unit']}, of the Standard Model "
                f"{numbers['standard_model']:.4g}"
            )
        return facts

    def _notes(self) -> dict[str, str]:
        notes = {}
        if self.fit.flat:
            directions = (" and ".join(names) + (" together" if len(names) > 1 else "") for names in self.fit.flat)
            notes["flat"] = "; ".join(f"2NLL does not depend on {names}" for names in directions)
        if self.fit.problems:
            notes["not settled"] = "; ".join(self.fit.problems)
        if self.fit.negative_components:
            notes["negative rate"] = ", ".join(self.fit.negative_components)
        if self.provenance.notes:
            notes["note"] = in_words(self.provenance.notes)
        if self.provenance.by_construction:
            notes["by construction"] = self.provenance.built
        return notes


def _edm_text(edm: float) -> str:
    """An EDM; below what a double resolves it is another on every machine, and says nothing."""
    return f"{edm:.1e}" if not edm < _LEAST_EDM else f"below {_LEAST_EDM:.0e}"


def caveats_of(fit: Fit) -> tuple[str, ...]:
    """What errors from the Hessian leave out at a minimum, in words: parameters on a bound, and flat directions."""
    bounds = (f"{name} is at its {bound} bound and has none" for name, bound in fit.bounds.items())
    flat = (f"2NLL does not depend on {' and '.join(names)}, which have none that mean anything" for names in fit.flat)
    return (*bounds, *flat)


def finite_or_none(number: float) -> float | None:
    """The number, or None where JSON could not hold it."""
    return number if np.isfinite(number) else None


def errors_text(up: float | None, down: float | None, form: str = ".3g") -> str:
    """Lengths of an interval in words.

    Examples:
        >>> errors_text(3.19, 2.83), errors_text(0.155, None), errors_text(None, None)
        ('+3.19 -2.83', '+0.155, no lower end', 'no upper end, no lower end')
    """
    above = "no upper end" if up is None else f"+{up:{form}}"
    below = "no lower end" if down is None else f"-{down:{form}}"
    return f"{above} {below}" if up is not None and down is not None else f"{above}, {below}"


def interval_label(value: float, up: float | None, down: float | None) -> str:
    """A value with the lengths of its interval for a legend, the longer one with two digits.

    Examples:
        >>> interval_label(0.2603, 0.0812, 0.0888), interval_label(0.2248, 0.155, None)
        ('$0.260^{+0.081}_{-0.089}$', '0.22 +0.15, no lower end')
    """
    size = max((length for length in (up, down) if length is not None), default=0.0)
    digits = max(0, 1 - int(np.floor(np.log10(size)))) if size > 0 else 3
    if up is None or down is None:
        return f"{value:.{digits}f} {errors_text(up, down, f'.{digits}f')}"
    return f"${value:.{digits}f}^{{+{up:.{digits}f}}}_{{-{down:.{digits}f}}}$"


def p_value_text(p_value: float) -> str:
    """A p-value as a number that is never zero, or that there is none.

    Examples:
        >>> p_value_text(0.1234), p_value_text(1.2e-7), p_value_text(0.0), p_value_text(float("nan"))
        ('p = 0.123', 'p = 1.2e-07', 'p < 1e-300', 'no p-value without degrees of freedom')
    """
    if np.isnan(p_value):
        return "no p-value without degrees of freedom"
    if p_value < _LEAST_P:
        return f"p < {_LEAST_P:.0e}"
    return f"p = {p_value:.3f}" if p_value >= _PLAIN_P else f"p = {p_value:.1e}"


@checked
def fit_analysis(
    analysis: GivenAnalysis,
    parameter: str,
    *,
    cl: float = USUAL_CL,
    minimiser: Minimiser = "minuit",
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
) -> FitResult:
    """Fit a parameter of the Standard Model, such as the 8B flux or the weak mixing angle.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        parameter: one of ``analysis.parameters``: ``flux`` or ``sin2thetaw`` for 8B neutrinos, ``count``, ``signal``
            or ``sin2thetaw`` for stopped pions, ``flux_pp`` or ``sin2thetaw`` for electron recoils.
        cl: confidence level of the interval.
        minimiser: ``minuit`` or ``newton``.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: for an unknown name or parameter, or a level that is none.

    Examples:
        >>> fit_analysis("xenonnt", "flux")
        <FitResult xenonnt: flux [1e6 cm-2 s-1] = 5.693 +3.19 -2.83>
    """
    check_level(cl)
    loaded = as_analysis(analysis, law, variants)
    measurable = loaded.measurable(parameter)
    null = None if measurable.factor is None else 0.0
    result = fit(loaded.likelihood(parameter), cl=cl, minimiser=minimiser, null=null)
    cross_section = loaded.cross_section_cm2 if parameter == SIGNAL_PARAMETER else None
    return FitResult(Choices.of(loaded, cl=cl), measurable.unit, result, cross_section)


@checked
def fit_workspace(
    workspace: GivenWorkspace,
    name: str | None = None,
    *,
    measurement: str | None = None,
    poi: str | None = None,
    hold: Mapping[str, float] | None = None,
    cl: float = USUAL_CL,
    minimiser: Minimiser = "minuit",
) -> FitResult:
    """Fit the parameter of interest of any pyhf workspace.

    Args:
        workspace: content of the JSON file, patches applied; or its path.
        name: what to call it in the result; its path by default.
        measurement: its name; the first by default.
        poi: parameter of interest in the place of the measurement's, '' for none.
        hold: values of parameters to hold, by name.
        cl: confidence level of the interval.
        minimiser: ``minuit`` or ``newton``.

    Raises:
        SpecBuilderError: for an unsound workspace, an unknown parameter, or if no finite minimum is found.
    """
    workspace, name = as_workspace(workspace, name, measurement=measurement)
    with named(name):
        likelihood = workspace_likelihood(workspace, name, measurement, poi=poi, hold=hold)
        result = fit(likelihood, likelihood.poi, cl=cl, minimiser=minimiser)
    unit = unit_of(likelihood, likelihood.poi) if likelihood.poi else "1"
    return FitResult(Choices(name, cl=cl, measurement=measurement, hold=hold or {}), unit, result)


def unit_of(likelihood: Likelihood, parameter: str) -> str:
    """Unit of a parameter of a workspace: what is constrained to 0 +- 1 counts standard deviations, others are factors.

    Args:
        likelihood: of the workspace.
        parameter: its name.
    """
    constraint = likelihood.specification.parameters[likelihood.index(parameter)].constraint
    counts_widths = constraint is not None and centre_and_width(constraint) == (0.0, 1.0)
    return "standard deviations" if counts_widths else "1"


def workspace_likelihood(
    workspace: Mapping[str, Any],
    name: str,
    measurement: str | None = None,
    *,
    poi: str | None = None,
    hold: Mapping[str, float] | None = None,
) -> Likelihood:
    """The likelihood of a sound workspace.

    Args:
        workspace: content of the JSON file, patches applied.
        name: what to call it in a message.
        measurement: its name; the first by default.
        poi: parameter of interest in the place of the measurement's, '' for none.
        hold: values of parameters to hold, by name.

    Raises:
        SpecBuilderError: if it is not sound, or for an unknown parameter or measurement.
    """
    with named(name):
        for problem in workspace_problems(workspace):
            raise SpecBuilderError(problem)
        check_parameters(workspace)
        return Likelihood.from_workspace(workspace, measurement, poi=poi).holding(hold or {})


@contextmanager
def named(name: str) -> Iterator[None]:
    """Put the name of a workspace's file before whatever is wrong with it, once."""
    shown = "standard input" if name == "-" else name
    try:
        yield
    except SpecBuilderError as error:
        raise SpecBuilderError(f"{shown}: {str(error).removeprefix(f'{shown}: ')}") from None
