"""What a user gave, as what the package works with: names, paths and lists, texts of grids, content or file.

Every study takes its arguments through here, from Python and from the command line alike, so that both refuse the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from spec_builder.base.arguments import as_names, check_path
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import check_range, numbers_text, parse_grid, parse_signed_grid
from spec_builder.experiments.spectra import RecoilSpectrum, read_spectra, read_spectrum
from spec_builder.histfactory.patch import load_workspace
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.physics.interactions import STANDARD_MODEL, WEAK_MIXING_ANGLE, choose, shipped_interactions

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.grids import Numbers
    from spec_builder.physics.choices import Choice

__all__ = [
    "MASSES",
    "PATCHED",
    "GivenAnalysis",
    "GivenWorkspace",
    "as_analysis",
    "as_choice",
    "as_choices",
    "as_coupling",
    "as_couplings",
    "as_mass",
    "as_masses",
    "as_names",
    "as_spectra",
    "as_spectrum",
    "as_values",
    "as_workspace",
    "mass_axis",
]

#: An analysis, the name or path of one, or a list of those to join.
GivenAnalysis: TypeAlias = "Analysis | str | PathLike[str] | Sequence[str | PathLike[str]]"
#: Content of a workspace, or the path of its file.
GivenWorkspace: TypeAlias = "Mapping[str, Any] | str | PathLike[str]"
#: Between the names of a workspace and of its patches, in what results call it.
PATCHED = " + "
#: Masses of limits that are not given, over the range of the analysis.
MASSES = 31


def as_analysis(given: GivenAnalysis, law: str | None = None, variants: Mapping[str, str] | None = None) -> Analysis:
    """The analysis that was meant.

    Args:
        given: an analysis, which stays; a name or a path, as :func:`spec_builder.model.analysis.load_analysis` takes
            them; or a list of those, to be joined.
        law: ``normsys`` or ``linear``, where a name is given; ``normsys`` by default.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: as :func:`~spec_builder.model.analysis.load_analysis`, and for a law or variants beside an
            analysis that has its own.

    Examples:
        >>> as_analysis(["xenonnt", "pandax4t"]).name
        'xenonnt+pandax4t'
    """
    if isinstance(given, Analysis):
        if law is not None or variants:
            raise SpecBuilderError(
                f"{given.name}: law and variants are chosen where the analysis is loaded; it has law {given.law}"
            )
        return given
    return load_analysis(given, law or "normsys", variants)


def as_choice(given: Choice | str | object, **options: object) -> Choice:
    """A choice from itself, a name, a path or an object; never the Standard Model.

    Args:
        given: as :func:`spec_builder.physics.interactions.choose` takes it.
        options: values of its options.

    Raises:
        SpecBuilderError: for what is no interaction beyond the Standard Model, or an option that it has not.
    """
    if given is None or (isinstance(given, str) and not given):
        known = ", ".join(interaction.name for interaction in shipped_interactions())
        raise SpecBuilderError(f"interaction: give one of {known}, or the path of a file")
    if isinstance(given, list | tuple):
        raise SpecBuilderError(f"interaction: expected one, found a list of {len(given)}")
    chosen = choose(given, **options)
    if chosen.interaction in (STANDARD_MODEL.interaction, WEAK_MIXING_ANGLE.interaction):
        known = ", ".join(interaction.name for interaction in shipped_interactions())
        raise SpecBuilderError(f"interaction '{chosen.name}' is the Standard Model, expected one of {known}, or a path")
    return chosen


def as_choices(given: Choice | str | object) -> list[Choice]:
    """Interactions from one or a list of them.

    Raises:
        SpecBuilderError: as :func:`as_choice`, for an empty list, and for one that stands twice.

    Examples:
        >>> [choice.name for choice in as_choices(["scalar", "axial"])]
        ['scalar', 'axial']
    """
    items = list(given) if isinstance(given, list | tuple) else [given]
    if not items:
        raise SpecBuilderError("interaction: the list is empty, expected at least one")
    chosen = [as_choice(item) for item in items]
    for choice in chosen:
        if chosen.count(choice) > 1:
            raise SpecBuilderError(f"interaction '{choice.name}' is given twice")
    return chosen


def as_masses(
    given: Numbers | None, choice: Choice, analysis: Analysis | None = None, points: int = MASSES
) -> FloatArray | None:
    """Mediator masses [MeV], shape (M,), in the order given; None where there is no mediator.

    Args:
        given: a number, a list, an array, or the text of a grid or list; ``inf`` (the contact limit) may be among them.
        choice: the interaction.
        analysis: over whose range a grid lies if none is given.
        points: of that grid.

    Raises:
        SpecBuilderError: for masses that are no positive numbers, stand twice or are beyond floating range; if they
            are missing, or there is no mediator.

    Examples:
        >>> as_masses("0.1:10:3", choose("scalar"))
        array([ 0.1,  1. , 10. ])
    """
    if not choice.has_mediator:
        if given is not None:
            raise SpecBuilderError(f"interaction '{choice.name}' has no mediator: masses do not apply")
        return None
    if given is None:
        if analysis is None:
            raise SpecBuilderError(f"interaction '{choice.name}' has a mediator: give its masses [MeV]")
        low, high = analysis.masses_MeV
        given = f"{low!r}:{high!r}:{points}"
    items = numbers_text(given, "masses").split(",")
    finite = [item for item in items if item.strip().lower() != "inf"]
    infinite = len(items) - len(finite)
    if infinite > 1:
        raise SpecBuilderError("masses: inf stands twice")
    values = parse_grid(",".join(finite), "masses") if finite else []
    if infinite:  # where it stands in the list; behind a grid
        place = next(i for i, item in enumerate(items) if item not in finite)
        values.insert(len(values) if ":" in items[0] else place, math.inf)
    axis = np.array(values)
    check_range("mass", axis[np.isfinite(axis)])
    return axis


def as_mass(given: float | None, choice: Choice) -> FloatArray | None:
    """The mass of one point, shape (1,); None where there is no mediator.

    Raises:
        SpecBuilderError: as :func:`as_masses`, and for more than one.
    """
    axis = as_masses(given, choice)
    if axis is not None and axis.size != 1:
        raise SpecBuilderError(f"masses: expected one mass [MeV], found {axis.size}")
    return axis


def mass_axis(choice: Choice, masses: Numbers | None, analysis: Analysis | None = None) -> FloatArray:
    """Masses of a result [MeV], as :func:`as_masses`, or one that is nan where there is no mediator."""
    axis = as_masses(masses, choice, analysis)
    return np.array([np.nan]) if axis is None else axis


def as_values(given: Numbers, what: str = "values") -> FloatArray:
    """Numbers of either sign, shape (N,), in the order given.

    Args:
        given: a number, a list, an array, or the text of an evenly spaced grid or list.
        what: what they are, for the message.

    Raises:
        SpecBuilderError: for what are no finite numbers, or values that stand twice.

    Examples:
        >>> as_values("-1:1:3").tolist(), as_values([2, -0.5]).tolist()
        ([-1.0, 0.0, 1.0], [2.0, -0.5])
    """
    return np.array(parse_signed_grid(numbers_text(given, what), what))


def as_couplings(given: Numbers, choice: Choice, what: str = "couplings", *, zero: bool = False) -> FloatArray:
    """Couplings, or values of the interaction's own parameter, shape (G,), in the order given.

    Args:
        given: a number, a list, an array, or the text of a grid (evenly spaced where the parameter has a sign) or list.
        choice: the interaction.
        what: what they are, for the message.
        zero: whether 0, the Standard Model, may be among those of a parameter without a sign.

    Raises:
        SpecBuilderError: for what are no numbers, values that stand twice or are beyond floating range, and, of a
            parameter without a sign, for what is not positive.
    """
    values = as_values(given, what) if choice.signed or zero else np.array(parse_grid(numbers_text(given, what), what))
    one = what.removesuffix("s")
    check_range(one, np.abs(values))
    if not choice.signed and (values < 0).any():
        raise SpecBuilderError(f"{one} {values.min():g}: interaction '{choice.name}' has none below 0")
    return values


def as_coupling(given: float | None, choice: Choice) -> float:
    """The coupling of one point, or a value of the interaction's own parameter.

    Raises:
        SpecBuilderError: as :func:`as_couplings`, and for none or more than one.
    """
    if given is None:
        raise SpecBuilderError(f"interaction '{choice.name}': give the coupling ({choice.unit or 'no unit'})")
    values = as_couplings(given, choice, "coupling", zero=True)
    if values.size != 1:
        raise SpecBuilderError(f"coupling: expected one value, found {values.size}")
    return float(values[0])


def as_spectra(given: RecoilSpectrum | str | PathLike[str] | Sequence[RecoilSpectrum]) -> tuple[RecoilSpectrum, ...]:
    """Recoil spectra from a table, a folder of tables, one that was read or a list of those.

    Raises:
        SpecBuilderError: as :func:`spec_builder.experiments.spectra.read_spectra`, and for an empty list.
    """
    if isinstance(given, str | PathLike):
        return read_spectra(given)
    alone = isinstance(given, RecoilSpectrum) or not isinstance(given, Sequence)
    spectra: tuple[Any, ...] = (given,) if alone else tuple(given)  # type: ignore[arg-type]
    if not spectra:
        raise SpecBuilderError("spectra: the list is empty, expected at least one")
    return tuple(as_spectrum(spectrum) for spectrum in spectra)


def as_spectrum(given: RecoilSpectrum | str | PathLike[str]) -> RecoilSpectrum:
    """One recoil spectrum, or the one of a table.

    Raises:
        SpecBuilderError: for a folder, or as :func:`spec_builder.experiments.spectra.read_spectrum`.
    """
    if isinstance(given, RecoilSpectrum):
        return given
    check_path("spectrum", given)
    path = Path(given)
    if path.is_dir():
        raise SpecBuilderError(f"{path}: a folder, expected one table FILE.csv")
    return read_spectrum(path)


def as_workspace(
    given: GivenWorkspace,
    name: str | None = None,
    patches: Sequence[str | PathLike[str]] = (),
    measurement: str | None = None,
) -> tuple[dict[str, Any], str]:
    """Content of a workspace, and what to call it in results and messages.

    Args:
        given: content, or the path of a file in pyhf's JSON or in HS3 (``-``: standard input).
        name: what to call it; by default its path with those of the patches, or ``workspace``.
        patches: JSON patch files to apply to a file.
        measurement: chooses the likelihood of a file in HS3 that has several.

    Raises:
        SpecBuilderError: for a file that cannot be read or is none, or a patch that does not apply.
    """
    files = as_names(patches, "patches") if not isinstance(patches, Sequence) or len(patches) else []
    if isinstance(given, str | PathLike):
        check_path("workspace", given)
        path = fspath(given)
        shown = "standard input" if files and path == "-" else path
        return load_workspace(path, files, measurement), name or PATCHED.join([shown, *files])
    content: object = given
    if not isinstance(content, Mapping):
        kind = type(given).__name__
        raise SpecBuilderError(f"workspace: expected the content of a workspace or a path, found {kind}")
    if files:
        raise SpecBuilderError("patches: they apply to the path of a workspace; apply them to its content yourself")
    return dict(given), name or "workspace"
