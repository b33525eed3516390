"""Fits by toys with their provenance: Feldman-Cousins intervals beside those of Wilks' theorem."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import workers
from spec_builder.base.files import digest
from spec_builder.base.printing import percent
from spec_builder.base.progress import Parts, silent
from spec_builder.base.text import Report
from spec_builder.inference.feldman_cousins import feldman_cousins
from spec_builder.inference.toys import TOYS_MODULES
from spec_builder.model.given import as_analysis, as_values, as_workspace
from spec_builder.studies.critical_content import critical_content, toys_content, toys_words
from spec_builder.studies.fits import USUAL_CL, FitResult, fit_analysis, fit_workspace, named, workspace_likelihood
from spec_builder.studies.pictures import PicturedResult

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from spec_builder.base.chunks import Store
    from spec_builder.base.grids import Numbers
    from spec_builder.inference.critical_values import PValue
    from spec_builder.inference.feldman_cousins import FeldmanCousins
    from spec_builder.inference.toys import Ensemble
    from spec_builder.model.given import GivenAnalysis, GivenWorkspace
    from spec_builder.model.provenance import Choices

__all__ = ["ToyFitResult", "fit_analysis_by_toys", "fit_workspace_by_toys"]


@dataclass(frozen=True, repr=False)
class ToyFitResult(PicturedResult):
    """A fit of one parameter whose interval, significance and goodness come from toys.

    Attributes:
        asymptotic: the same fit by Wilks' theorem, with its provenance.
        toys: the numbers.
        origin: what tells the model from others: the workspace's digest, and of a workspace's file the measurement and
            the held parameters.
    """

    asymptotic: FitResult
    toys: FeldmanCousins
    origin: Mapping[str, Any]

    @property
    def provenance(self) -> Choices:
        """The choices behind it."""
        return self.asymptotic.provenance

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        return self.asymptotic.drawn

    @property
    def drawn_height(self) -> float:
        """Height of a figure of it [in]."""
        return self.asymptotic.drawn_height

    def plot(self, ax: Axes | None = None) -> Axes:
        """Pulls of the nuisance parameters at the minimum, which toys do not move.

        Args:
            ax: axes to draw into; new ones if there are none.

        Raises:
            SpecBuilderError: if no parameter has a constraint.
        """
        return self.asymptotic.plot(ax)

    @property
    def parameter(self) -> str:
        """What was fitted."""
        return self.asymptotic.parameter

    @property
    def value(self) -> float:
        """At the minimum."""
        return self.asymptotic.value

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Ends of the interval by toys; None where it ends with the domain."""
        return self.toys.interval

    @property
    def interval_error(self) -> tuple[float | None, float | None]:
        """Error of each end."""
        return self.toys.interval_error

    def to_dict(self) -> dict[str, Any]:
        """The content of the asymptotic fit, and what toys add to it."""
        toys = self.toys
        return self.asymptotic.to_dict() | {
            **toys_content(toys, self.origin),
            "interval": list(toys.interval),
            "interval_error": list(toys.interval_error),
            "interval_asymptotic": list(toys.asymptotic),
            "critical": [critical_content(point) for point in toys.critical],
            "significance_by_toys": None if toys.significance is None else asdict(toys.significance),
            "goodness_by_toys": asdict(toys.goodness),
            "problems": [*self.asymptotic.fit.problems, *toys.problems],
        }

    def report(self) -> Report:
        """The interval beside the asymptotic one; the columns hold the critical values."""
        plain, toys = self.asymptotic.report(), self.toys
        facts = {
            f"{percent(toys.cl)} by toys": _interval_words(toys.interval, toys.interval_error),
            "by Wilks' theorem": _interval_words(toys.asymptotic, (None, None)),
            "toys": toys_words(toys, f"{len(toys.critical)} values"),
            "goodness of fit": _p_words(toys.goodness, "chi2"),
        }
        if toys.significance is not None:
            facts["signal by toys"] = _p_words(toys.significance, "q0")
        notes = dict(plain.notes)
        if toys.problems:
            notes["not settled"] = "; ".join([*self.asymptotic.fit.problems, *toys.problems])
        names = ("value", "critical", "error", "toys", "observed", "p_value", "p_error")
        columns = {name: [getattr(point, name) for point in toys.critical] for name in names}
        return Report(plain.title, facts | dict(plain.facts), columns, plain.shown, notes)


def _interval_words(interval: tuple[float | None, float | None], error: tuple[float | None, float | None]) -> str:
    """``1.744 +- 0.005 to 11.18 +- 0.02``; an end that is not there is the domain's."""
    words = []
    for end, its in zip(interval, error, strict=True):
        number = "the end of the domain" if end is None else f"{end:.5g}"
        words.append(number if its is None else f"{number} +- {its:.2g}")
    return " to ".join(words)


def _p_words(found: PValue, name: str) -> str:
    if found.z is None:
        return f"{name} {found.observed:.3f}, p < {1 / found.toys:.2g}: no toy is so far out"
    return (
        f"{name} {found.observed:.3f}, p = {found.p_value:.4g} +- {found.p_error:.2g}, "
        f"Z = {found.z:.2f} +- {found.z_error:.2f}"
    )


@checked
def fit_analysis_by_toys(
    analysis: GivenAnalysis,
    parameter: str,
    *,
    cl: float = USUAL_CL,
    toys: int = 1000,
    seed: int = 0,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
    ensemble: Ensemble | None = None,
    values: Numbers | None = None,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> ToyFitResult:
    """Fit a parameter of the Standard Model, with the interval by toys.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        parameter: one of ``analysis.parameters``.
        cl: confidence level of the interval.
        toys: at each value of the parameter.
        seed: of the random numbers.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.
        ensemble: where the nuisance parameters of the toys are: ``profiled`` at the observed data, or ``nominal``;
            by default profiled, for a projection, which has no data, nominal.
        values: of the parameter, ascending, at which toys are thrown; None for a grid around the interval.
        executor: any ``concurrent.futures.Executor``; None computes here.
        jobs: worker processes in the place of an executor; a script that asks for them has its calls below
            ``if __name__ == "__main__":``.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: for an unknown parameter, and as that does.
    """
    loaded = as_analysis(analysis, law, variants)
    where = loaded.ensemble if ensemble is None else ensemble
    asymptotic = fit_analysis(loaded, parameter, cl=cl)
    null = None if loaded.measurable(parameter).factor is None else 0.0
    likelihood = loaded.likelihood(parameter)
    grid = None if values is None else as_values(values)
    with workers(executor, jobs, preload=TOYS_MODULES) as pool:
        found = feldman_cousins(
            likelihood,
            parameter,
            values=grid,
            null=null,
            cl=cl,
            toys=toys,
            seed=seed,
            ensemble=where,
            executor=pool,
            store=store,
            report=report,
        )
    return ToyFitResult(asymptotic, found, {"workspace_sha256": digest(loaded.workspace)})


@checked
def fit_workspace_by_toys(
    workspace: GivenWorkspace,
    name: str | None = None,
    *,
    measurement: str | None = None,
    poi: str | None = None,
    hold: Mapping[str, float] | None = None,
    cl: float = USUAL_CL,
    toys: int = 1000,
    seed: int = 0,
    ensemble: Ensemble = "profiled",
    values: Numbers | None = None,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> ToyFitResult:
    """Fit the parameter of interest of any pyhf workspace, with the interval by toys.

    Args:
        workspace: content of the JSON file, patches applied; or its path.
        name: what to call it in the result; its path by default.
        measurement: its name; the first by default.
        poi: parameter of interest in the place of the measurement's.
        hold: values of parameters to hold, by name.
        cl: confidence level of the interval.
        toys: at each value of the parameter.
        seed: of the random numbers.
        ensemble: where the nuisance parameters of the toys are: ``profiled`` at the observed data, or ``nominal``.
        values: of the parameter, ascending, at which toys are thrown; None for a grid around the interval.
        executor: any ``concurrent.futures.Executor``; None computes here.
        jobs: worker processes in the place of an executor; a script that asks for them has its calls below
            ``if __name__ == "__main__":``.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.
    """
    workspace, name = as_workspace(workspace, name, measurement=measurement)
    asymptotic = fit_workspace(workspace, name, measurement=measurement, poi=poi, hold=hold, cl=cl)
    likelihood = workspace_likelihood(workspace, name, measurement, poi=poi, hold=hold)
    with named(name):
        if not likelihood.poi:
            raise SpecBuilderError("toys need a parameter of interest; name one")
        grid = None if values is None else as_values(values)
        with workers(executor, jobs, preload=TOYS_MODULES) as pool:
            found = feldman_cousins(
                likelihood,
                likelihood.poi,
                values=grid,
                cl=cl,
                toys=toys,
                seed=seed,
                ensemble=ensemble,
                executor=pool,
                store=store,
                report=report,
            )
    origin = {"workspace_sha256": digest(workspace), "measurement": measurement, "hold": dict(hold or {})}
    return ToyFitResult(asymptotic, found, origin)
