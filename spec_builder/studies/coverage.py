"""How often intervals cover the truth, measured with toys."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import workers
from spec_builder.base.grids import check_level, json_mass
from spec_builder.base.progress import Parts, silent
from spec_builder.base.text import Report
from spec_builder.drawing.style import axis_label
from spec_builder.inference.coverage import cover_at_mass, measure_coverage
from spec_builder.inference.mass_models import mass_models
from spec_builder.inference.toys import TOYS_MODULES
from spec_builder.model.given import as_analysis, as_choice, as_couplings, as_mass, as_values
from spec_builder.model.provenance import Choices
from spec_builder.physics.constants import MEV_PER_GEV
from spec_builder.studies.limits import limits_problem
from spec_builder.studies.pictures import PicturedResult, dataset_label, level_note, own_axes

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from spec_builder.base.chunks import Store
    from spec_builder.base.grids import Numbers
    from spec_builder.inference.coverage import Coverage
    from spec_builder.inference.toys import Ensemble
    from spec_builder.model.given import GivenAnalysis
    from spec_builder.physics.choices import Choice

__all__ = ["CoverageResult", "cover_analysis", "cover_couplings"]

#: How far the two kinds of intervals stand to either side of a truth in a picture [points].
_ASIDE = 1.5
#: True values that are not asked for otherwise, in units of the Standard Model's.
_TIMES_SM = (0.3, 1.0, 2.0)


@dataclass(frozen=True, repr=False)
class CoverageResult(PicturedResult):
    """Coverage of intervals of one parameter.

    Attributes:
        provenance: the choices behind it.
        parameter: its name.
        unit: its unit.
        reference: its Standard Model value; None for the parameter of an interaction.
        toys: at each true value, and as many more for the critical value there.
        seed: of the random numbers.
        ensemble: where the nuisance parameters of the truths are.
        values: one for each truth.
        mass_MeV: of the mediator; None where there is none.
    """

    provenance: Choices
    parameter: str
    unit: str
    reference: float | None
    toys: int
    seed: int
    ensemble: str
    values: tuple[Coverage, ...]
    mass_MeV: float | None = None

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        return "Share of the toys whose interval covers the truth, with binomial errors; grey: the confidence level."

    def plot(self, ax: Axes | None = None) -> Axes:
        """Coverage by Wilks' theorem and by toys against the truth.

        Args:
            ax: axes to draw into; new ones if there are none.
        """
        from matplotlib.transforms import ScaledTranslation  # noqa: PLC0415  # only where something is drawn

        panel = own_axes(ax)
        truth = np.array([one.value for one in self.values]) / (self.reference or 1.0)
        for marker, color, label, share, error, aside in (
            ("o", "#0072B2", "Wilks' theorem", "covers", "error", -_ASIDE),
            ("s", "#D55E00", "toys", "covers_by_toys", "error_by_toys", _ASIDE),
        ):
            heights, errors = (np.array([getattr(one, name) for one in self.values]) for name in (share, error))
            place = panel.transData + ScaledTranslation(aside / 72, 0, panel.figure.dpi_scale_trans)
            look: dict[str, Any] = {"fmt": marker, "color": color, "markersize": 3.5, "capsize": 1.5, "label": label}
            panel.errorbar(truth, heights, errors, transform=place, **look)
            for ends in (heights - errors, heights + errors):  # the axes find only by themselves what is not moved
                panel.update_datalim(np.column_stack([truth, ends]))
        if self.provenance.cl is not None:
            panel.axhline(self.provenance.cl, color="0.6", linewidth=0.6, zorder=0)
        name = axis_label(self.parameter, "1" if self.reference is not None else self.unit)
        of = "" if self.reference is None else " / Standard Model"
        panel.set(xlabel=f"true {name}{of}", ylabel="coverage")
        panel.legend(title=f"{dataset_label(self.provenance)}, {level_note(self.provenance)}", alignment="left")
        return panel

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return self.provenance.to_dict() | {
            "schema": "spec_builder/coverage/1",
            "parameter": self.parameter,
            "unit": self.unit,
            "cl": self.provenance.cl,
            "toys": self.toys,
            "seed": self.seed,
            "ensemble": self.ensemble,
            "mass_MeV": json_mass(self.mass_MeV),
            "values": [asdict(value) for value in self.values],
        }

    def report(self) -> Report:
        """A row for each true value."""
        columns: dict[str, Any] = {self.parameter: [one.value for one in self.values]}
        if self.reference is not None:
            columns["times_sm"] = [one.value / self.reference for one in self.values]
        names = ("covers", "error", "covers_by_toys", "error_by_toys", "critical", "critical_error")
        columns |= {name: [getattr(one, name) for one in self.values] for name in names}
        unit = "" if self.unit == "1" else f" [{self.unit}]"
        explained = (
            "covers: share of the toys whose interval by Wilks' theorem covers the truth; covers_by_toys: by toys; "
            "critical: critical value of the truth"
        )
        facts = {"intervals": self.provenance.level}
        if self.mass_MeV is not None:
            contact = np.isinf(self.mass_MeV)
            facts["mass"] = "inf: the contact limit, g/m in 1/GeV" if contact else f"{self.mass_MeV:g} MeV"
        facts["toys"] = f"{self.toys} at each value, seed {self.seed}, nuisance parameters {self.ensemble}"
        choice = self.provenance.choice
        of = self.provenance.analysis if choice is None else f"{choice.name}, {self.provenance.analysis}"
        return Report(
            f"Coverage of {self.parameter}{unit}, {of}",
            facts | self.provenance.rows(),
            columns,
            details={"columns": explained},
        )


@checked
def cover_analysis(
    analysis: GivenAnalysis,
    parameter: str,
    values: Numbers | None = None,
    *,
    cl: float = 0.9,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
    toys: int = 10_000,
    seed: int = 0,
    ensemble: Ensemble | None = None,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> CoverageResult:
    """Measure how often intervals of a parameter cover its true value.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        parameter: one of ``analysis.parameters``.
        values: true values of the parameter: numbers, or the text of an evenly spaced grid; by default 0.3, 1 and 2
            times the Standard Model's.
        cl: confidence level of the intervals.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.
        toys: at each true value.
        seed: of the random numbers.
        ensemble: where the nuisance parameters of the truths are: ``profiled`` at the observed data, or ``nominal``;
            by default profiled, for a projection, which has no data, nominal.
        executor: any ``concurrent.futures.Executor``; None computes here.
        jobs: worker processes in the place of an executor; a script that asks for them has its calls below
            ``if __name__ == "__main__":``.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: for an unknown parameter, and as that does.
    """
    check_level(cl)
    loaded = as_analysis(analysis, law, variants)
    where = loaded.ensemble if ensemble is None else ensemble
    wanted = loaded.measurable(parameter)
    truths = np.array(_TIMES_SM) * wanted.reference if values is None else as_values(values)
    with workers(executor, jobs, preload=TOYS_MODULES) as pool:
        found = measure_coverage(
            loaded.likelihood(parameter),
            parameter,
            truths,
            cl=cl,
            toys=toys,
            seed=seed,
            ensemble=where,
            executor=pool,
            store=store,
            report=report,
        )
    about = Choices.of(loaded, cl=cl)
    return CoverageResult(about, parameter, wanted.unit, wanted.reference, toys, seed, where, tuple(found))


@checked
def cover_couplings(
    analysis: GivenAnalysis,
    choice: Choice | str | object,
    mass_MeV: float | None,
    values: Numbers,
    *,
    cl: float = 0.9,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
    toys: int = 10_000,
    seed: int = 0,
    ensemble: Ensemble | None = None,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> CoverageResult:
    """Measure how often what limits at one mass leave (``dof=1``) holds the true value of the parameter.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        choice: an interaction, as :func:`spec_builder.physics.interactions.choose` takes and gives it.
        mass_MeV: of the mediator; None where there is none.
        values: true values of the parameter: numbers, or the text of a grid.
        cl: confidence level of the limits.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.
        toys: at each true value.
        seed: of the random numbers.
        ensemble: where the nuisance parameters of the truths are: ``profiled`` at the observed data, or ``nominal``;
            by default profiled, for a projection, which has no data, nominal.
        executor: any ``concurrent.futures.Executor``; None computes here.
        jobs: worker processes in the place of an executor; a script that asks for them has its calls below
            ``if __name__ == "__main__":``.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: as :func:`spec_builder.studies.limits.find_limits`, and for values beyond the domain.
    """
    check_level(cl)
    loaded, chosen = as_analysis(analysis, law, variants), as_choice(choice)
    where = loaded.ensemble if ensemble is None else ensemble
    masses, wanted = as_mass(mass_MeV, chosen), as_couplings(values, chosen, "values", zero=True).tolist()
    axis = np.array([np.nan]) if masses is None else masses
    problem, _ = limits_problem(loaded, chosen, axis)
    (model,) = mass_models(problem, axis)
    unit = MEV_PER_GEV if np.isinf(axis[0]) else 1.0  # g/m in 1/GeV at the contact limit
    truths = np.array([model.y(value / unit) for value in wanted])
    low, high = model.ends
    wrong = ~((truths >= low) & (truths <= high))
    if wrong.any():
        raise SpecBuilderError(f"value {wanted[int(np.argmax(wrong))]:g}: beyond the domain of {chosen.parameter}")
    with workers(executor, jobs, preload=TOYS_MODULES) as pool:
        found = cover_at_mass(
            model, truths, cl=cl, toys=toys, seed=seed, ensemble=where, executor=pool, store=store, report=report
        )
    own = tuple(replace(one, value=float(value)) for one, value in zip(found, wanted, strict=True))
    about = Choices.of(loaded, chosen, cl=cl, dof=1)
    mass = None if masses is None else float(masses[0])
    return CoverageResult(about, chosen.parameter, chosen.unit or "1", None, toys, seed, where, own, mass)
