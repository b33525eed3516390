"""The strength of a recoil spectrum that is given as a table: fits and limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from spec_builder.base.arguments import checked
from spec_builder.base.grids import check_level
from spec_builder.base.text import Report, Shown
from spec_builder.inference.fit import fit
from spec_builder.inference.profile import height_at, search, threshold
from spec_builder.model.given import as_analysis, as_spectra, as_spectrum
from spec_builder.model.provenance import Choices, in_words
from spec_builder.model.spectra import spectrum_notes
from spec_builder.model.spectrum_patches import spectrum_likelihood
from spec_builder.studies.fits import USUAL_CL, FitResult
from spec_builder.studies.pictures import PicturedResult, bars_height, draw_strengths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from matplotlib.axes import Axes

    from spec_builder.experiments.spectra import RecoilSpectrum
    from spec_builder.inference.curves import Interval
    from spec_builder.inference.fit import Minimiser
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.given import GivenAnalysis

__all__ = ["Strength", "StrengthLimits", "find_strength_limits", "fit_spectrum"]


@dataclass(frozen=True)
class Strength:
    """What the data say of one spectrum.

    Attributes:
        spectrum: the table.
        best: strength of the least 2NLL at strengths >= 0.
        low: strengths below are excluded; None where none are.
        high: strengths above are excluded; None where no end is found.
        delta_chi2_0: of strength 0, the Standard Model.
        delta_chi2_1: of strength 1, the spectrum as it stands in its table.
        twice_nll: at the minimum.
        valid: the minimiser converged.
        notes: experiment and text of what a reader should know.
        problems: why there is no limit, or no Delta chi^2.
    """

    spectrum: RecoilSpectrum
    best: float
    low: float | None
    high: float | None
    delta_chi2_0: float
    delta_chi2_1: float
    twice_nll: float
    valid: bool
    notes: tuple[tuple[str, str], ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class StrengthLimits(PicturedResult):
    """Limits on the strengths of recoil spectra in one analysis.

    Attributes:
        provenance: analysis, law, variants, statuses, confidence level.
        threshold: Delta chi^2 beyond which a strength is excluded.
        strengths: one for each spectrum.
    """

    provenance: Choices
    threshold: float
    strengths: tuple[Strength, ...]

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        return "Bars: excluded strengths of each spectrum, in units of its table's rate; points: the best strengths."

    @property
    def drawn_height(self) -> float:
        """Height of a figure of it [in]."""
        return bars_height(len(self.strengths))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Excluded strengths as bars, a row for each spectrum.

        Args:
            ax: axes to draw into; new ones if there are none.
        """
        rows = []
        for one in self.strengths:
            excluded: list[Interval] = [] if one.low is None else [(0.0, one.low)]
            excluded += [] if one.high is None else [(one.high, None)]
            rows.append((one.spectrum.name, excluded if one.valid else None, one.best))
        return draw_strengths(ax, self.provenance, rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return self.provenance.to_dict() | {
            "schema": "spec_builder/strength_limits/1",
            "cl": self.provenance.cl,
            "threshold": self.threshold,
            "spectra": [_content(strength) for strength in self.strengths],
        }

    def _columns(self, labels: Sequence[str]) -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = {"spectrum": [s.spectrum.name for s in self.strengths]}
        columns |= {label: [s.spectrum.labels[label] for s in self.strengths] for label in labels}
        for name in ("best", "low", "high", "delta_chi2_0", "delta_chi2_1", "valid"):
            columns[name] = [getattr(s, name) for s in self.strengths]
        return columns

    def report(self) -> Report:
        """A row for each spectrum: labels, best strength, what is excluded."""
        labels = list(self.strengths[0].spectrum.labels)
        facts = {
            "confidence": f"{self.provenance.level}, Delta chi2 > {self.threshold:.6g} against each spectrum's minimum "
            "over strengths >= 0",
            **self.provenance.rows(),
        }
        notes = {
            "left out": in_words(dict.fromkeys(note for s in self.strengths for note in s.notes)),
            "not settled": in_words((s.spectrum.name, problem) for s in self.strengths for problem in s.problems),
        }
        sources = "; ".join(dict.fromkeys(f"{s.spectrum.source} ({s.spectrum.status})" for s in self.strengths))
        return Report(
            f"Limits on the strength of recoil spectra, {self.provenance.analysis}",
            facts | {"spectra": sources},
            self._columns(labels),
            Shown(
                ("spectrum", *labels, "best", "Dchi2(0)", "Dchi2(1)", "excluded strength"),
                tuple(_row(s) for s in self.strengths),
            ),
            {name: text for name, text in notes.items() if text},
            details={"columns": "strengths below low and above high are excluded; strength 1 is the table's own rate"},
        )


def _row(strength: Strength) -> tuple[str, ...]:
    parts = [] if strength.low is None else [f"< {strength.low:.5g}"]
    parts += [] if strength.high is None else [f"> {strength.high:.5g}"]
    excluded = ", ".join(parts) or "none"
    return (
        strength.spectrum.name,
        *(f"{value:.6g}" for value in strength.spectrum.labels.values()),
        f"{strength.best:.4g}",
        f"{strength.delta_chi2_0:.3f}",
        f"{strength.delta_chi2_1:.3f}",
        excluded + ("" if strength.valid else "  NOT VALID"),
    )


def _content(strength: Strength) -> dict[str, Any]:
    return {
        **strength.spectrum.described,
        "best": strength.best,
        "excluded": [
            *([] if strength.low is None else [[0.0, strength.low]]),
            *([] if strength.high is None else [[strength.high, None]]),
        ],
        "delta_chi2_0": strength.delta_chi2_0,
        "delta_chi2_1": strength.delta_chi2_1,
        "twice_nll": strength.twice_nll,
        "valid": strength.valid,
        "notes": [f"{experiment}: {text}" for experiment, text in strength.notes],
        "problems": list(strength.problems),
    }


@checked
def fit_spectrum(
    analysis: GivenAnalysis,
    spectrum: RecoilSpectrum | str | PathLike[str],
    *,
    cl: float = USUAL_CL,
    minimiser: Minimiser = "minuit",
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
) -> FitResult:
    """Fit the strength of a recoil spectrum, with the neutrinos at their reference size within its uncertainty.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        spectrum: from :func:`spec_builder.experiments.spectra.read_spectrum`, or the path of its table.
        cl: confidence level of the interval.
        minimiser: ``minuit`` or ``newton``.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: if the spectrum gives no events in the analysis.
    """
    check_level(cl)
    loaded, spectrum = as_analysis(analysis, law, variants), as_spectrum(spectrum)
    result = fit(spectrum_likelihood(loaded, spectrum), cl=cl, minimiser=minimiser)
    about = replace(Choices.of(loaded, cl=cl), notes=spectrum_notes(loaded, spectrum))
    return FitResult(about, f"times {spectrum.name}", result)


@checked
def find_strength_limits(
    analysis: GivenAnalysis,
    spectra: RecoilSpectrum | str | PathLike[str] | Sequence[RecoilSpectrum],
    *,
    cl: float = 0.9,
    minimiser: Minimiser = "minuit",
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
) -> StrengthLimits:
    """Exclude strengths of recoil spectra: Delta chi^2 against each one's minimum over strengths >= 0.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        spectra: from :func:`spec_builder.experiments.spectra.read_spectra`, or the path of a table or folder.
        cl: confidence level.
        minimiser: ``minuit`` or ``newton``.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: if a spectrum gives no events, or the law is not one for limits.
    """
    check_level(cl)
    loaded = as_analysis(analysis, law, variants)
    loaded.check_limits()
    strengths = tuple(_strength(loaded, spectrum, cl, minimiser) for spectrum in as_spectra(spectra))
    return StrengthLimits(Choices.of(loaded, cl=cl, dof=1), threshold(cl), strengths)


def _strength(analysis: Analysis, spectrum: RecoilSpectrum, cl: float, minimiser: Minimiser) -> Strength:
    likelihood = spectrum_likelihood(analysis, spectrum)
    scan = search(likelihood, likelihood.poi)
    found = fit(likelihood, cl=cl, minimiser=minimiser, scan=scan)
    low, high = found.interval
    nothing, table = (height_at(likelihood, likelihood.poi, at, scan) - found.twice_nll for at in (0.0, 1.0))
    return Strength(
        spectrum=spectrum,
        best=found.value,
        low=low,
        high=high,
        delta_chi2_0=max(nothing, 0.0),
        delta_chi2_1=max(table, 0.0),
        twice_nll=found.twice_nll,
        valid=found.valid,
        notes=spectrum_notes(analysis, spectrum),
        problems=found.problems,
    )
