"""Which events and which pulls speak against a point of an interaction, or against a recoil spectrum."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import jsonpatch
import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.text import Report, Shown
from spec_builder.drawing.page import entries_of, legend_over
from spec_builder.drawing.pulls import draw_parts, name_rows, rows_height
from spec_builder.drawing.style import plain
from spec_builder.inference import minuit
from spec_builder.inference.decomposition import decompose
from spec_builder.inference.fit import bounds_reached
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.profile import follow, search
from spec_builder.model.given import as_analysis, as_spectrum
from spec_builder.model.patches import STRENGTH
from spec_builder.model.points import as_point
from spec_builder.model.provenance import Choices
from spec_builder.model.spectra import spectrum_notes
from spec_builder.model.spectrum_patches import spectrum_likelihood
from spec_builder.model.workspace import NEW_PHYSICS
from spec_builder.studies.pictures import PicturedResult, dataset_label, level_note, own_axes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from matplotlib.axes import Axes

    from spec_builder.experiments.spectra import RecoilSpectrum
    from spec_builder.inference.decomposition import BinPart, Decomposition, PullPart
    from spec_builder.inference.minima import BatchFit
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.given import GivenAnalysis
    from spec_builder.physics.choices import Choice

__all__ = ["Explanation", "explain_point", "explain_spectrum"]

#: Numbers that are written out.
_LONG = 1e6
#: Bins that are shown, those with the largest parts; the others are added up.
_SHOWN = 12
#: Bars of a picture; the others are added up in one.
_DRAWN = 16
#: Letters of a point in a title.
_POINT_LETTERS = 40


@dataclass(frozen=True, repr=False)
class Explanation(PicturedResult):
    """Delta chi^2 of a point against the Standard Model, taken apart.

    Attributes:
        provenance: the choices behind it.
        point: the hypothesis in words.
        parts: bins and pulls.
        bounds: the parameters that the fit of the point leaves on a bound, each with ``lower`` or ``upper``.
    """

    provenance: Choices
    point: str
    parts: Decomposition
    bounds: Mapping[str, str] = field(default_factory=dict)

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        return (
            "Parts of Delta chi2 against the Standard Model by bin and by pull, the largest above; all of them add up "
            f"to {_short(self.parts.delta_chi2, 4)}. Both hypotheses are fitted in the nuisance parameters."
        )

    @property
    def drawn_height(self) -> float:
        """Height of a figure of it [in]."""
        return rows_height(min(len(self.parts.bins) + len(self.parts.pulls), _DRAWN + 1)) + 0.4

    def plot(self, ax: Axes | None = None) -> Axes:
        """Parts of Delta chi^2 by bin and by pull, the largest above, the others summed.

        Args:
            ax: axes to draw into; new ones if there are none.
        """
        bins, pulls = self.parts.bins, self.parts.pulls
        named = [(f"{part.channel} {part.bin}", part.delta_chi2) for part in bins]
        named += [(part.parameter, part.delta_chi2) for part in pulls]
        named.sort(key=lambda row: -abs(row[1]))
        rows, rest = named[:_DRAWN], named[_DRAWN:]
        if rest:
            rows.append((f"{len(rest)} others", sum(size for _, size in rest)))
        panel = own_axes(ax, self.drawn_height)
        draw_parts(panel, [size for _, size in rows], r"part of $\Delta\chi^2$ to the Standard Model")
        name_rows(panel, [name for name, _ in rows])
        point = plain(self.point.replace("_", " "), _POINT_LETTERS)
        about = f"{dataset_label(self.provenance)}\n{point}, {level_note(self.provenance)}"
        title = f"{about}\n" + rf"$\Delta\chi^2 = {self.parts.delta_chi2:.2f}$"
        legend_over(panel, entries_of([panel]), 2, title=title)
        return panel

    @property
    def delta_chi2(self) -> float:
        """Of the point against the Standard Model."""
        return self.parts.delta_chi2

    @property
    def bins(self) -> tuple[BinPart, ...]:
        """The part of each bin."""
        return self.parts.bins

    @property
    def pulls(self) -> tuple[PullPart, ...]:
        """The part of each constrained parameter."""
        return self.parts.pulls

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return self.provenance.to_dict() | {
            "schema": "spec_builder/explanation/1",
            "point": self.point,
            **asdict(self.parts),
            "bins": [asdict(part) for part in self.parts.bins],
            "pulls": [asdict(part) for part in self.parts.pulls],
            "bounds": dict(self.bounds),
        }

    def report(self) -> Report:
        """The bins with the largest parts, the sum of the others, the pulls; the columns hold all of them."""
        bins, pulls = self.parts.bins, self.parts.pulls
        parts: list[BinPart | PullPart] = [*bins, *pulls]
        columns: dict[str, list[Any]] = {
            "part": [f"{part.channel} bin {part.bin}" for part in bins] + [part.parameter for part in pulls],
            "observed": [part.observed for part in bins] + [None] * len(pulls),
            "standard_model": [part.reference for part in parts],
            "point": [part.point for part in parts],
            "delta_chi2": [part.delta_chi2 for part in parts],
        }
        facts = {
            "Delta chi2": f"{_short(self.parts.delta_chi2, 4)} against the Standard Model",
            **({"at a bound": self._bounds_in_words()} if self.bounds else {}),
            **self.provenance.rows(),
        }
        shown = Shown(("part", "observed", "Standard Model", "point", "Delta chi2"), tuple(self._rows()))
        explained = "bins: events expected; pulls: values of the parameters; delta_chi2 adds up to Delta chi2"
        return Report(
            f"{self.provenance.analysis}: what speaks against {self.point}",
            facts,
            columns,
            shown,
            details={"columns": explained},
        )

    def _bounds_in_words(self) -> str:
        ends = ", ".join(f"{name} at its {side} bound" for name, side in self.bounds.items())
        return f"{ends}: the point is far from the data"

    def _rows(self) -> list[tuple[str, ...]]:
        ranked = sorted(self.parts.bins, key=lambda part: -abs(part.delta_chi2))
        rows: list[tuple[str, ...]] = [
            (
                f"{part.channel} bin {part.bin}",
                f"{part.observed:g}",
                f"{part.reference:.4g}",
                f"{part.point:.4g}",
                _signed(part.delta_chi2),
            )
            for part in ranked[:_SHOWN]
        ]
        rest = ranked[_SHOWN:]
        if rest:
            sums = [sum(getattr(part, name) for part in rest) for name in ("observed", "reference", "point")]
            change = sum(part.delta_chi2 for part in rest)
            rows.append(
                (f"{len(rest)} other bins", f"{sums[0]:g}", f"{sums[1]:.4g}", f"{sums[2]:.4g}", _signed(change))
            )
        return rows + [
            (part.parameter, "", f"{part.reference:+.3f}", f"{part.point:+.3f}", _signed(part.delta_chi2))
            for part in self.parts.pulls
        ]


def _short(number: float, digits: int) -> str:
    """With so many digits behind the point; far from the limits as a power of ten."""
    return f"{number:.{digits}f}" if abs(number) < _LONG else f"{number:.4g}"


def _signed(number: float) -> str:
    return f"+{_short(number, 3)}" if number >= 0 else _short(number, 3)


@checked
def explain_point(
    analysis: GivenAnalysis,
    choice: Choice | str | object,
    mass_MeV: float | None,
    value: float,
    *,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
) -> Explanation:
    """Take Delta chi^2 of a point of an interaction against the Standard Model apart.

    Both are fitted in the nuisance parameters.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        choice: the interaction, as :func:`spec_builder.physics.interactions.choose` takes and gives it.
        mass_MeV: of the mediator; None where there is none, inf for the contact limit.
        value: the coupling, or the parameter; g/m [1/GeV] at mass inf.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: for a mass or coupling that is none, if the interaction acts on no target, the law is not one
            for limits, or no fit is found.
    """
    loaded, point = as_analysis(analysis, law, variants), as_point(choice, mass_MeV, value)
    loaded.check_limits()
    workspace = jsonpatch.apply_patch(loaded.workspace, point.operations(loaded))
    model = Likelihood.from_workspace(workspace, NEW_PHYSICS)
    fitted = minuit.minimise(model, start=model.init)
    about = Choices.of(loaded, point.choice, point.masses_MeV, couplings=point.couplings)
    return _explanation(about, loaded, str(point), model, fitted)


@checked
def explain_spectrum(
    analysis: GivenAnalysis,
    spectrum: RecoilSpectrum | str | PathLike[str],
    strength: float = 1.0,
    *,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
) -> Explanation:
    """Take Delta chi^2 of a recoil spectrum against the Standard Model apart.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        spectrum: from :func:`spec_builder.experiments.spectra.read_spectrum`, or the path of its table.
        strength: of the spectrum; 1 is its table's own rate.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: if the spectrum gives no events, the law is not one for limits, or no fit is found.
    """
    loaded, spectrum = as_analysis(analysis, law, variants), as_spectrum(spectrum)
    loaded.check_limits()
    if isinstance(strength, str | bool) or not 0 <= strength < np.inf:
        raise SpecBuilderError(f"strength {strength}: expected a number >= 0")
    model = spectrum_likelihood(loaded, spectrum)
    point = f"{spectrum.name} at strength {strength:g}"
    fitted = follow(model, search(model, STRENGTH), np.array([strength])).fits
    about = replace(Choices.of(loaded), notes=spectrum_notes(loaded, spectrum))
    return _explanation(about, loaded, point, model, fitted)


def _explanation(about: Choices, analysis: Analysis, point: str, model: Likelihood, fitted: BatchFit) -> Explanation:
    """A fitted point against the fitted Standard Model."""
    standard = Likelihood.from_workspace(analysis.workspace, NEW_PHYSICS)
    reference = minuit.minimise(standard, start=standard.init)
    if not (fitted.valid[0] and reference.valid[0]):
        what = point if not fitted.valid[0] else "the Standard Model"
        raise SpecBuilderError(f"{analysis.name}: the fit at {what} is not valid; expected a point near the limits")
    parts = decompose(model, fitted.theta[0], standard, reference.theta[0])
    return Explanation(about, point, parts, bounds_reached(model, fitted.theta[0]))
