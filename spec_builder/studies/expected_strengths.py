"""Expected limits on the strength of recoil spectra: what data of the Standard Model would exclude."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import workers
from spec_builder.base.grids import check_level
from spec_builder.base.progress import Parts, silent
from spec_builder.base.text import Report
from spec_builder.inference.expected_limits import expected_upper_limits
from spec_builder.inference.fit import fit
from spec_builder.inference.toys import TOYS_MODULES
from spec_builder.model.given import as_analysis, as_spectra
from spec_builder.model.provenance import Choices
from spec_builder.model.spectra import spectrum_notes
from spec_builder.model.spectrum_patches import spectrum_likelihood
from spec_builder.studies.expected import BAND, check_kind, data_words, expected_point
from spec_builder.studies.fits import finite_or_none
from spec_builder.studies.pictures import PicturedResult, bars_height, draw_strengths

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from matplotlib.axes import Axes

    from spec_builder.base.chunks import Store
    from spec_builder.base.text import Column
    from spec_builder.experiments.spectra import RecoilSpectrum
    from spec_builder.inference.curves import Interval
    from spec_builder.inference.toys import Ensemble
    from spec_builder.model.given import GivenAnalysis
    from spec_builder.studies.expected import ExpectedPoint, Kind

__all__ = ["ExpectedStrengths", "expect_strength_limits"]


@dataclass(frozen=True, repr=False)
class ExpectedStrengths(PicturedResult):
    """Expected limits on the strengths of recoil spectra in one analysis.

    Attributes:
        provenance: the choices behind it.
        kind: ``asimov`` or ``toys``.
        toys: how many, the same ones for all spectra; 1 for Asimov data.
        seed: of the random numbers; None for Asimov data.
        ensemble: where the nuisance parameters of the Standard Model are.
        spectra: the tables.
        points: quantiles of the limit on the strength of each; their mass is nan.
    """

    provenance: Choices
    kind: Kind
    toys: int
    seed: int | None
    ensemble: str
    spectra: tuple[RecoilSpectrum, ...]
    points: tuple[ExpectedPoint, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON; an end that does not exist is None."""
        return self.provenance.to_dict() | {
            "schema": "spec_builder/expected_strengths/1",
            "cl": self.provenance.cl,
            "kind": self.kind,
            "toys": self.toys,
            "seed": self.seed,
            "ensemble": self.ensemble,
            "spectra": [
                {
                    **spectrum.described,
                    "expected": {
                        name: finite_or_none(point.upper[name]) if name in self._names else None for name in BAND
                    },
                    "median_error": finite_or_none(point.median_error),
                    "valid": point.valid,
                }
                for spectrum, point in zip(self.spectra, self.points, strict=True)
            ],
        }

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        band = "; lines: the band of one standard deviation" if self.kind == "toys" else ""
        return f"Bars: strengths above the median limit, in units of each table's rate{band}."

    @property
    def drawn_height(self) -> float:
        """Height of a figure of it [in]."""
        return bars_height(len(self.points))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Median limits as bars, a row for each spectrum, with the band of one standard deviation.

        Args:
            ax: axes to draw into; new ones if there are none.
        """
        rows: list[tuple[str, list[Interval], float]] = []
        for spectrum, point in zip(self.spectra, self.points, strict=True):
            median = point.upper["median"]
            rows.append((spectrum.name, [(median, None)] if math.isfinite(median) else [], median))
        panel = draw_strengths(ax, self.provenance, rows, "expected, ")
        if self.kind == "toys":
            for place, point in enumerate(reversed(self.points)):
                panel.plot([point.upper["m1"], point.upper["p1"]], [place, place], color="black", linewidth=1.0)
        return panel

    @property
    def _names(self) -> tuple[str, ...]:
        """The quantiles that there are."""
        return tuple(BAND) if self.kind == "toys" else ("median",)

    def report(self) -> Report:
        """A row for each spectrum: labels, and quantiles of the limit."""
        facts = {
            "confidence": f"{self.provenance.level}, by the threshold of Delta chi2",
            "data": data_words(self.toys, self.seed, self.ensemble, self.points),
        }
        columns: dict[str, Column] = {"spectrum": [spectrum.name for spectrum in self.spectra]}
        for label in self.spectra[0].labels:
            columns[label] = [spectrum.labels[label] for spectrum in self.spectra]
        for name in self._names:
            columns[f"strength_{name}"] = [point.upper[name] for point in self.points]
        if self.kind == "toys":
            columns["median_error"] = [point.median_error for point in self.points]
        sources = "; ".join(dict.fromkeys(f"{s.source} ({s.status})" for s in self.spectra))
        return Report(
            f"Expected limits on the strength of recoil spectra, {self.provenance.analysis}",
            facts | self.provenance.rows() | {"spectra": sources},
            columns,
            details={
                "columns": "quantiles over data sets of the strength above which everything is excluded; inf where "
                "nothing is; strength 1 is the table's own rate"
            },
        )


@checked
def expect_strength_limits(
    analysis: GivenAnalysis,
    spectra: RecoilSpectrum | str | PathLike[str] | Sequence[RecoilSpectrum],
    *,
    kind: Kind = "asimov",
    cl: float = 0.9,
    toys: int = 1000,
    seed: int = 0,
    ensemble: Ensemble | None = None,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    store: Store | None = None,
    report: Parts = silent,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
) -> ExpectedStrengths:
    """Limits on the strength of recoil spectra that the Standard Model would give.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        spectra: from :func:`spec_builder.experiments.spectra.read_spectra`, or the path of a table or folder.
        kind: ``asimov``: the limit of the data that are expected; ``toys``: median and bands over toys.
        cl: confidence level.
        toys: how many.
        seed: of the random numbers.
        ensemble: where the nuisance parameters of the Standard Model are: ``profiled`` at the observed data, or
            ``nominal``; by default profiled, for a projection, which has no data, nominal.
        executor: any ``concurrent.futures.Executor``; None computes here.
        jobs: worker processes in the place of an executor; a script that asks for them has its calls below
            ``if __name__ == "__main__":``.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: as :func:`spec_builder.studies.strengths.find_strength_limits`, and for an unknown kind.
    """
    check_kind(kind)
    check_level(cl)
    loaded, tables = as_analysis(analysis, law, variants), as_spectra(spectra)
    where = loaded.ensemble if ensemble is None else ensemble
    loaded.check_limits()
    likelihoods = [spectrum_likelihood(loaded, spectrum) for spectrum in tables]
    with workers(executor, jobs, preload=TOYS_MODULES) as pool:
        ends = expected_upper_limits(
            likelihoods,
            cl=cl,
            toys=None if kind == "asimov" else toys,
            seed=seed,
            ensemble=where,
            executor=pool,
            store=store,
            report=report,
        )
    for place, spectrum in enumerate(tables):
        if not ends.valid[:, place].any():
            raise SpecBuilderError(f"spectrum {spectrum.name}: no fit of the expected data converges")
    points = tuple(expected_point(math.nan, ends, place, signed=False) for place in range(len(tables)))
    notes = tuple(dict.fromkeys(note for spectrum in tables for note in spectrum_notes(loaded, spectrum)))
    about = replace(Choices.of(loaded, cl=cl, dof=1), notes=notes)
    for likelihood, spectrum, point in zip(likelihoods, tables, points, strict=True):
        if point.upper["median"] == math.inf:
            about = about.noting((loaded.name, f"{spectrum.name}, {why}") for why in fit(likelihood, cl=cl).problems)
    its_seed = seed if kind == "toys" else None
    return ExpectedStrengths(about, kind, len(ends.upper), its_seed, where, tuple(tables), points)
