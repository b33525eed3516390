"""Ranking of nuisance parameters: how much each one moves the best value of the parameter of interest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.printing import counted
from spec_builder.base.text import Report, Shown
from spec_builder.drawing.pulls import draw_impacts, draw_pulls, name_rows, pull_axes, rows_height
from spec_builder.drawing.style import MARKERS, Line, axis_label
from spec_builder.inference import minuit
from spec_builder.inference.expectation import centre_and_width, covariance
from spec_builder.inference.profile import profile, with_lower_minima
from spec_builder.model.given import as_analysis, as_workspace
from spec_builder.studies.fits import USUAL_CL, caveats_of, fit_analysis, fit_workspace, workspace_likelihood
from spec_builder.studies.pictures import PicturedResult, heading, own_axes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.model.given import GivenAnalysis, GivenWorkspace
    from spec_builder.model.provenance import Choices
    from spec_builder.studies.fits import FitResult

__all__ = ["Impact", "RankingResult", "rank_analysis", "rank_parameters", "rank_workspace"]

#: Rows of a picture.
_DRAWN = 20
#: How far the legend stands above the frame, over the upper axis and its name [in].
_ABOVE = 0.34
_BLACK = Line("#000000", "-")


@dataclass(frozen=True)
class Impact:
    """What one nuisance parameter does to the best value of the parameter of interest.

    Attributes:
        parameter: its name.
        pull: its best value in units of its constraint's width, from the constraint's centre.
        pull_error: its uncertainty after the fit, in the same units.
        after: change of the parameter of interest with this one held at its best value plus and minus its uncertainty
            after the fit (up, down); None where that lies outside of its domain.
        before: the same with the constraint's width in the place of the uncertainty after the fit.
        valid: every fit behind it converged.
    """

    parameter: str
    pull: float
    pull_error: float
    after: tuple[float | None, float | None]
    before: tuple[float | None, float | None]
    valid: bool

    @property
    def size(self) -> float:
        """The larger change after the fit; what the ranking goes by."""
        return max((abs(change) for change in self.after if change is not None), default=0.0)


@dataclass(frozen=True, repr=False)
class RankingResult(PicturedResult):
    """Nuisance parameters by their impact on the parameter of interest.

    Attributes:
        fit: the fit that it is about.
        impacts: the largest first.
    """

    fit: FitResult
    impacts: tuple[Impact, ...]

    @property
    def provenance(self) -> Choices:
        """The choices behind it."""
        return self.fit.provenance

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        left_out = len(self.impacts) - _DRAWN
        rest = f" Without {counted(left_out, 'parameter')} with the smallest impacts." if left_out > 0 else ""
        return (
            "Impacts, upper axis: change of the best value with a parameter held at its own best value plus or minus "
            "its uncertainty after the fit (filled) and before it (outlined). Pulls, lower axis: value and uncertainty "
            f"after the fit.{rest}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON; a change that does not exist is None."""
        fit = self.fit.fit
        return self.provenance.to_dict() | {
            "schema": "spec_builder/ranking/1",
            "parameter": fit.parameter,
            "unit": self.fit.unit,
            "value": fit.value,
            "up": fit.up,
            "down": fit.down,
            "cl": fit.cl,
            "caveats": list(caveats_of(fit)),
            "impacts": [
                {
                    "parameter": one.parameter,
                    "pull": one.pull,
                    "pull_uncertainty": one.pull_error,
                    "after_up": one.after[0],
                    "after_down": one.after[1],
                    "before_up": one.before[0],
                    "before_down": one.before[1],
                    "valid": one.valid,
                }
                for one in self.impacts
            ],
        }

    def report(self) -> Report:
        """A row for each parameter, the largest impact first."""
        columns: dict[str, Any] = {
            "parameter": [one.parameter for one in self.impacts],
            "pull": [one.pull for one in self.impacts],
            "pull_uncertainty": [one.pull_error for one in self.impacts],
        }
        columns |= {name: list(values) for name, values in self._changes().items()}
        columns["valid"] = [one.valid for one in self.impacts]
        own = self.fit.report()
        rows = tuple(
            (
                one.parameter,
                f"{one.pull:+.3f} +- {one.pull_error:.3f}",
                *(_words(change) for change in (*one.after, *one.before)),
            )
            for one in self.impacts
        )
        headings = ("nuisance parameter", "pull", "+ after", "- after", "+ before", "- before")
        wrong = ", ".join(one.parameter for one in self.impacts if not one.valid)
        caveats = "; ".join(caveats_of(self.fit.fit))
        facts = {"fit": own.title, "interval": own.facts.get("interval", ""), **self.provenance.rows()}
        explained = (
            f"after_up, after_down: change of the best {self.fit.fit.parameter} with the parameter held at its best "
            "value plus and minus its uncertainty after the fit; before_up, before_down: its uncertainty before the fit"
        )
        return Report(
            f"Ranking of the nuisance parameters of {self.fit.fit.parameter}, {self.provenance.analysis}",
            {name: text for name, text in facts.items() if text},
            columns,
            Shown(headings, rows),
            {name: text for name, text in (("NOT VALID", wrong), ("errors", caveats)) if text},
            details={"columns": explained},
        )

    def _changes(self) -> dict[str, list[float | None]]:
        return {
            "after_up": [one.after[0] for one in self.impacts],
            "after_down": [one.after[1] for one in self.impacts],
            "before_up": [one.before[0] for one in self.impacts],
            "before_down": [one.before[1] for one in self.impacts],
        }

    @property
    def drawn_height(self) -> float:
        """Height of a figure of it [in]."""
        return rows_height(min(len(self.impacts), _DRAWN)) + 0.7

    def plot(self, ax: Axes | None = None) -> Axes:
        """Impacts on the upper axis and pulls on the lower one, the largest impact above.

        Args:
            ax: axes to draw into; new ones if there are none.

        Returns:
            The axes of the pulls; those of the impacts share their rows.
        """
        from matplotlib.transforms import ScaledTranslation  # noqa: PLC0415  # only where something is drawn

        shown = self.impacts[:_DRAWN]
        panel = own_axes(ax, self.drawn_height)
        upper = panel.twiny()
        fit, about = self.fit.fit, self.provenance
        label = f"impact on {axis_label(fit.parameter, self.fit.unit)}"
        draw_impacts(upper, {name: values[:_DRAWN] for name, values in self._changes().items()}, label)
        reach = max(abs(end) for end in upper.get_xlim())
        upper.set_xlim(-1.1 * reach, 1.1 * reach)
        heights = list(range(len(shown)))[::-1]
        pulls, errors = np.array([one.pull for one in shown]), np.array([one.pull_error for one in shown])
        pull_axes(panel, float((np.abs(pulls) + errors).max()))
        name_rows(panel, [one.parameter for one in shown])
        panel.set_zorder(upper.get_zorder() + 1)
        panel.patch.set_visible(False)
        panel.tick_params(top=False)
        upper.tick_params(bottom=False)
        draw_pulls(panel, heights, pulls, errors, line=_BLACK, marker=MARKERS.get(about.analysis, "o"))
        above = upper.transAxes + ScaledTranslation(0, _ABOVE, panel.figure.dpi_scale_trans)
        upper.legend(
            loc="lower right", bbox_to_anchor=(1.0, 1.0), bbox_transform=above, ncols=4,
            title=heading(about.at(None)), columnspacing=1.0, handlelength=1.4,
        )  # fmt: skip
        return panel


def _words(change: float | None) -> str:
    return "-" if change is None else f"{change:+.4g}"


@checked
def rank_analysis(
    analysis: GivenAnalysis,
    parameter: str,
    *,
    cl: float = USUAL_CL,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
) -> RankingResult:
    """Rank the nuisance parameters of an analysis by their impact on a parameter of the Standard Model.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        parameter: one of ``analysis.parameters``.
        cl: confidence level of the fit's interval.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: for an unknown name or parameter, or if nothing has a constraint.
    """
    loaded = as_analysis(analysis, law, variants)
    return rank_parameters(loaded.likelihood(parameter), fit_analysis(loaded, parameter, cl=cl))


@checked
def rank_workspace(
    workspace: GivenWorkspace,
    name: str | None = None,
    *,
    patches: Sequence[str | PathLike[str]] = (),
    measurement: str | None = None,
    poi: str | None = None,
    hold: Mapping[str, float] | None = None,
    cl: float = USUAL_CL,
) -> RankingResult:
    """Rank the nuisance parameters of any pyhf workspace by their impact on its parameter of interest.

    Args:
        workspace: content of a workspace, or the path of its file.
        name: what to call it in the result.
        patches: JSON patch files to apply to a file.
        measurement: its name; the first by default.
        poi: parameter of interest in the place of the measurement's.
        hold: values of parameters to hold, by name.
        cl: confidence level of the fit's interval.

    Raises:
        SpecBuilderError: for an unsound workspace, no parameter of interest that is free, or if nothing has a
            constraint.
    """
    content, title = as_workspace(workspace, name, patches, measurement)
    result = fit_workspace(content, title, measurement=measurement, poi=poi, hold=hold, cl=cl)
    return rank_parameters(workspace_likelihood(content, title, measurement, poi=poi, hold=hold), result)


def rank_parameters(likelihood: Likelihood, result: FitResult) -> RankingResult:
    """Rank the constrained parameters of a model that was fitted.

    Each is held at four places, and everything else is fitted anew.

    Args:
        likelihood: the model.
        result: its fit.

    Raises:
        SpecBuilderError: if there is no free parameter of interest, the fit is not valid, or nothing has a constraint.
    """
    name, poi = result.provenance.analysis, result.fit.parameter
    if not poi or result.fit.fixed:
        raise SpecBuilderError(f"{name}: a ranking needs a free parameter of interest")
    if not result.fit.valid:
        raise SpecBuilderError(f"{name}: the fit is not valid, so there is nothing to rank")
    theta = np.array([result.fit.theta[parameter] for parameter in likelihood.parameters])
    if any(poi in names for names in result.fit.flat):
        raise SpecBuilderError(f"{name}: 2NLL does not depend on {poi}, so there is nothing to rank")
    errors = covariance(likelihood, theta)
    if not np.isfinite(errors).all():
        raise SpecBuilderError(f"{name}: the errors of the parameters at the minimum cannot be computed")
    sigma = np.sqrt(np.maximum(np.diag(errors), 0.0))
    ranked = [i for i in likelihood.constrained() if i in likelihood.free and likelihood.parameters[i] != poi]
    if not ranked:
        raise SpecBuilderError(f"{name}: no parameter has a constraint, so there is nothing to rank")
    impacts = [_impact(likelihood, poi, theta, float(sigma[i]), i) for i in ranked]
    return RankingResult(result, tuple(sorted(impacts, key=lambda one: -one.size)))


def _impact(likelihood: Likelihood, poi: str, theta: FloatArray, error: float, place: int) -> Impact:
    """The impact of the parameter at a place."""
    constraint = likelihood.specification.parameters[place].constraint
    assert constraint is not None  # noqa: S101 - the caller asks for constrained parameters
    centre, width = centre_and_width(constraint)
    best = float(theta[place])
    values = best + np.array([error, -error, width, -width])
    lower, upper = likelihood.bounds[:, place]
    inside = (values >= lower) & (values <= upper)
    changes, valid = _changes(likelihood, poi, theta, likelihood.parameters[place], values[inside])
    found = iter(changes)
    all_four = [next(found) if there else None for there in inside]
    return Impact(
        likelihood.parameters[place],
        (best - centre) / width,
        error / width,
        (all_four[0], all_four[1]),
        (all_four[2], all_four[3]),
        valid,
    )


def _changes(
    likelihood: Likelihood, poi: str, theta: FloatArray, held: str, values: FloatArray
) -> tuple[Sequence[float], bool]:
    """Changes of the parameter of interest with another held at values, and whether all fits converged."""
    near = profile(likelihood, held, values, np.tile(theta, (values.size, 1)))
    fits = with_lower_minima(likelihood, near).fits
    index = likelihood.index(poi)
    changes, valid = [], True
    for place, own in enumerate(fits.theta):
        if fits.valid[place]:
            changes.append(float(own[index] - theta[index]))
            continue
        again = minuit.minimise(likelihood, start=fits.theta[place : place + 1], fixed=(held,))
        valid &= bool(again.valid[0])
        changes.append(float(again.theta[0][index] - theta[index]))
    return changes, valid
