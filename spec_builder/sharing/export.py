"""Writing of workspaces with their metadata, to share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import check_argument, check_known, checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import canonical_json, digest, write_files
from spec_builder.base.grids import numbers_text, parse_grid
from spec_builder.base.output import Output
from spec_builder.base.progress import Parts, silent
from spec_builder.histfactory.patchset import MOST_PATCHES, patch_set_json
from spec_builder.model.analysis import acts_on, load_analyses
from spec_builder.model.given import as_analysis, as_choices, as_couplings, as_names, as_spectra, mass_axis
from spec_builder.model.metadata import workspace_metadata
from spec_builder.model.patches import STYLES, build_patch_set
from spec_builder.model.points import as_point
from spec_builder.model.provenance import Choices
from spec_builder.model.spectrum_patches import build_spectra_patch_set
from spec_builder.model.workspace import YIELD_DIGITS
from spec_builder.sharing.bundle import METADATA, WORKSPACE
from spec_builder.studies.limits import find_limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.grids import Numbers
    from spec_builder.experiments.spectra import RecoilSpectrum
    from spec_builder.inference.exclusion import MassPoint
    from spec_builder.model.analysis import Analysis, Change
    from spec_builder.model.given import GivenAnalysis
    from spec_builder.model.patches import Style
    from spec_builder.physics.choices import Choice

__all__ = ["PatchRequest", "export_point", "export_workspaces", "patch_file", "refuse_twice", "workspace_files"]

SPECTRA_FILE = "patchset_spectra.json"
#: Couplings of a patch set reach this factor beyond the ends of what is excluded.
_AROUND = 2.0


@dataclass(frozen=True)
class PatchRequest:
    """Patch sets to write beside each workspace.

    Attributes:
        choices: the interactions, or one, as :func:`spec_builder.physics.interactions.choose` takes and gives them.
        masses: mediator masses [MeV], for interactions that have a mediator: numbers, or the text of a grid.
        couplings: g, likewise; None for as many around the limit at each mass as there are masses.
        style: ``total`` or ``signal``.
        hepdata: the record's identifier.
        digits: significant ones of the yields.
        where_they_act: leave an interaction out of an analysis that has no target of it.
    """

    choices: Choice | str | Sequence[Choice | str | object]
    masses: Numbers = "0.01:1000:31"
    couplings: Numbers | None = None
    style: Style = "total"
    hepdata: str | None = None
    digits: int = YIELD_DIGITS
    where_they_act: bool = False

    def __post_init__(self) -> None:
        as_choices(self.choices)
        numbers_text(self.masses, "masses")
        if self.couplings is not None:
            numbers_text(self.couplings, "couplings")
        for name in ("digits", "where_they_act"):
            check_argument(name, getattr(self, name))
        check_known("style", self.style, STYLES)
        if self.hepdata is not None:
            check_argument("hepdata", self.hepdata)

    def choices_for(self, analysis: Analysis) -> list[Choice]:
        """The interactions of an analysis' patch sets."""
        return [choice for choice in as_choices(self.choices) if not self.where_they_act or acts_on(analysis, choice)]

    def patch_set(self, analysis: Analysis, choice: Choice) -> dict[str, Any]:
        """The patch set of an analysis and one of the interactions."""
        points = self.points(analysis, choice)
        return build_patch_set(analysis, choice, points, style=self.style, hepdata=self.hepdata, digits=self.digits)

    def points(self, analysis: Analysis, choice: Choice) -> list[tuple[float, ...]]:
        """Mass and coupling of every patch, or the parameter alone where there is no mass.

        Without couplings asked for, they run at each mass from about half the lowest to twice the highest end of
        the intervals that are excluded at 90 % CL (two degrees of freedom).
        """
        if not choice.has_mediator:
            return [(value,) for value in self._values(analysis, choice)]
        masses = mass_axis(choice, self.masses).tolist()
        if self.couplings is not None:
            couplings = as_couplings(self.couplings, choice).tolist()
            _refuse_many(len(masses) * len(couplings))
            return [(mass, g) for mass in masses for g in couplings]
        _refuse_many(len(masses) ** 2)
        points: list[tuple[float, ...]] = []
        for point in find_limits(analysis, choice, masses, dof=2).exclusion.points:
            ends = _ends(point)
            if not ends:
                raise SpecBuilderError(f"nothing is excluded at {point.mass_MeV:g} MeV: name the couplings")
            points += [(point.mass_MeV, float(g)) for g in _around(min(ends), max(ends), len(masses))]
        return points

    def _values(self, analysis: Analysis, choice: Choice) -> list[float]:
        """Values of a parameter without a mass: those asked for, or around the limits on both sides."""
        if self.couplings is not None:
            return [float(value) for value in as_couplings(self.couplings, choice)]
        (point,) = find_limits(analysis, choice, dof=1).exclusion.points
        ends = _ends(point)
        if not ends:
            raise SpecBuilderError(f"no {choice.parameter} is excluded: name the values")
        count = len(parse_grid(numbers_text(self.masses, "masses"), "masses"))
        values: list[float] = []
        for sign in (-1.0, 1.0):
            here = [abs(end) for end in ends if sign * end > 0]
            if here:
                values += [sign * float(value) for value in _around(min(here), max(here), count)]
        return sorted(values)


def _refuse_many(count: int) -> None:
    if count > MOST_PATCHES:
        raise SpecBuilderError(f"{count} patches: expected at most {MOST_PATCHES} in a set")


def _ends(point: MassPoint) -> list[float]:
    """The ends of what is excluded, but for the Standard Model's own."""
    return [end for interval in point.excluded for end in interval if end and math.isfinite(end)]


def _around(low: float, high: float, count: int) -> FloatArray:
    """Log-spaced couplings from about half of ``low`` to twice ``high``, which lies half way between two of them.

    A point on the limit would be excluded or not by its last digits.
    """
    begin, end = math.log(low / _AROUND), math.log(high * _AROUND)
    step = (end - begin) / max(count - 1, 1)
    below = (math.log(high) - begin) / step  # steps below the limit; a whole or half number where low is high
    shift = below - math.floor(below + 0.25) - 0.5
    around: FloatArray = np.exp(begin + step * (np.arange(count) + shift))
    return around


def patch_file(choice: Choice) -> str:
    """Name of the file of an interaction's patch set."""
    return f"patchset_{choice.name}.json"


@checked
def export_workspaces(
    analyses: str | PathLike[str] | Iterable[str | PathLike[str]],
    output: str | PathLike[str],
    *,
    law: str = "normsys",
    variants: Mapping[str, str] | None = None,
    patches: PatchRequest | Choice | str | Sequence[Choice | str | object] | None = None,
    spectra: RecoilSpectrum | str | PathLike[str] | Sequence[RecoilSpectrum] = (),
    hepdata: str | None = None,
    change: Change | None = None,
    force: bool = False,
    report: Parts = silent,
) -> list[Path]:
    """Write ``<output>/<analysis>/BkgOnly.json`` and its ``.meta.json`` for each analysis, and its patch sets.

    The same inputs give the same bytes. A variant applies to every analysis that holds its experiment.

    Args:
        analyses: one or several names, as :func:`spec_builder.model.analysis.load_analysis` takes them.
        output: the folder.
        law: ``normsys`` or ``linear``.
        variants: variant by experiment name.
        patches: interactions to write ``patchset_<interaction>.json`` for, with masses and couplings in a
            :class:`PatchRequest`.
        spectra: recoil spectra to write ``patchset_spectra.json`` for, or the path of their table or folder.
        hepdata: the record's identifier for the patch set of spectra.
        change: what becomes of each analysis, such as a projection; the metadata say so.
        force: replace files that exist.
        report: told how many patch sets are made, and of how many.

    Raises:
        SpecBuilderError: for an unknown analysis, law or variant, or a file that exists; then nothing is written.
    """
    loaded = load_analyses(as_names(analyses), law, variants, change)
    output = Path(output)
    if patches is not None and not isinstance(patches, PatchRequest):
        patches = PatchRequest(patches)
    recoils = () if isinstance(spectra, list | tuple) and not spectra else as_spectra(spectra)
    names = [analysis.name for analysis in loaded]
    refuse_twice(names)
    chosen = [[] if patches is None else patches.choices_for(analysis) for analysis in loaded]
    for name, choices in zip(names, chosen, strict=True):
        sets = [*map(patch_file, choices), *[SPECTRA_FILE] * bool(recoils)]
        Output(output / name, force).check([WORKSPACE, *sets, METADATA])
    files: dict[Path, str] = {}
    made, wanted = 0, sum(map(len, chosen))
    report(made, wanted)
    for analysis, choices in zip(loaded, chosen, strict=True):
        contents: dict[str, dict[str, Any]] = {}
        if patches is not None:
            for choice in choices:
                contents[patch_file(choice)] = patches.patch_set(analysis, choice)
                made += 1
                report(made, wanted)
        if recoils:
            contents[SPECTRA_FILE] = build_spectra_patch_set(analysis, recoils, hepdata=hepdata)
        own = workspace_files(analysis, {file: digest(content) for file, content in contents.items()})
        texts = own | {file: patch_set_json(content) for file, content in contents.items()}
        files |= {output / analysis.name / file: text for file, text in texts.items()}
    write_files(files, force=force)
    return list(files)


def refuse_twice(names: Sequence[str]) -> None:
    """Refuse two analyses of one name: both would be written to one place.

    Raises:
        SpecBuilderError: naming it.
    """
    for name in names:
        if names.count(name) > 1:
            raise SpecBuilderError(f"analysis '{name}' stands twice")


def workspace_files(analysis: Analysis, patch_sets: Mapping[str, str] | None = None) -> dict[str, str]:
    """The workspace of an analysis and its metadata, by file name.

    Args:
        analysis: the analysis.
        patch_sets: digests of the patch sets beside it, by file name.
    """
    metadata = workspace_metadata(analysis) | {"patch_sets": dict(patch_sets or {})}
    return {WORKSPACE: canonical_json(analysis.workspace), METADATA: canonical_json(metadata)}


@checked
def export_point(
    analysis: GivenAnalysis,
    choice: Choice | str | object,
    mass_MeV: float | None,
    value: float,
    output: str | PathLike[str],
    *,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
    force: bool = False,
) -> list[Path]:
    """Write one point of an interaction as a complete workspace, and beside it what that is.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        choice: the interaction, as :func:`spec_builder.physics.interactions.choose` takes and gives it.
        mass_MeV: of the mediator; None where there is none, inf for the contact limit.
        value: the coupling, or the parameter; g/m [1/GeV] at mass inf.
        output: the workspace's file, ``NAME.json``; ``NAME.meta.json`` lies beside it.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.
        force: replace files that exist.

    Returns:
        The two files.

    Raises:
        SpecBuilderError: for an unknown name, a mass or coupling that is none, an interaction that acts on no target,
            another suffix, or a file that exists; then nothing is written.
    """
    output = Path(output)
    if output.suffix != ".json":
        raise SpecBuilderError(f"{output}: expected a name that ends in .json")
    loaded, point = as_analysis(analysis, law, variants), as_point(choice, mass_MeV, value)
    workspace = point.workspace(loaded)
    metadata = workspace_metadata(loaded) | {
        **Choices.of(loaded, point.choice, point.masses_MeV, couplings=point.couplings).to_dict(statuses=False),
        "point": str(point),
        "sha256": digest(workspace),
    }
    files = {output: workspace, output.with_suffix(".meta.json"): metadata}
    write_files({file: canonical_json(content) for file, content in files.items()}, force=force)
    return list(files)
