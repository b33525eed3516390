"""The HEPData submission: contour tables and the archives as resources, through hepdata_lib."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.printing import percent
from spec_builder.histfactory.patchset import NO_RECORD
from spec_builder.model.analysis import ANALYSES, PLANE_INTERACTIONS
from spec_builder.model.metadata import PAPER
from spec_builder.model.provenance import distinct_notes, in_words, parameter_label, range_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from spec_builder.inference.curves import Interval
    from spec_builder.studies.limits import LimitsResult

__all__ = ["check_installed", "is_installed", "submission_problems", "write_submission"]

LICENCE = {
    "name": "CC-BY-4.0",
    "url": "https://creativecommons.org/licenses/by/4.0/",
    "description": "Free to share and adapt, with attribution.",
}
#: Significant digits of masses and couplings.
_DIGITS = 6


def is_installed() -> bool:
    """Whether the extra ``[hepdata]`` is there."""
    return find_spec("hepdata_lib") is not None


def check_installed() -> None:
    """Refuse to go on without the extra ``[hepdata]``.

    Raises:
        SpecBuilderError: saying how to install it, or to do without.
    """
    if not is_installed():
        raise SpecBuilderError(
            "submission.yaml needs hepdata_lib: pip install 'spec_builder[hepdata]'; or write the archives alone"
        )


def write_submission(
    folder: Path,
    analyses: Sequence[str],
    results: Sequence[LimitsResult],
    hepdata: str | None,
    licences: Iterable[str],
    records: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Write ``submission.yaml`` and its tables beside the archives, and check the folder with hepdata-validator.

    Args:
        folder: holds ``<analysis>.tar.gz`` and ``<analysis>.hs3.json``, and nothing else.
        analyses: their names.
        results: limits, a table each.
        hepdata: the record that this is for, ``ins`` and seven digits; None for a new one.
        licences: of the experiments' tables, '' where none is stated. Where they are not all CC-BY-4.0 they stand in
            the comment alone: a ``data_license`` would need an address, and CC0 is not ours to grant.
        records: INSPIRE numbers of the data, by arXiv number, of each analysis of one experiment alone.

    Raises:
        SpecBuilderError: if hepdata-validator refuses it.
    """
    with _quiet():
        from hepdata_lib import Submission  # noqa: PLC0415 - an extra
    stated = sorted(set(licences))
    licence = LICENCE if stated == [LICENCE["name"]] else None
    submission = Submission()
    submission.get_license = lambda: licence  # hepdata_lib would say CC0
    submission.comment = _comment(results, hepdata) + ("" if licence else f" {_licences(stated)}")
    # without hepdata_lib's version: the same inputs give the same bytes
    submission.additional_resources = [
        {"description": "Created with hepdata_lib", "location": "https://doi.org/10.5281/zenodo.1217998"}
    ]
    submission.add_link("The paper whose analyses these are", "https://doi.org/10.1088/1475-7516/2025/05/012")
    for name, numbers in (records or {}).items():
        for paper, number in numbers.items():
            where = f"https://inspirehep.net/literature/{number}"
            submission.add_link(f"Data of {name}: arXiv:{paper}, INSPIRE {number}", where)
    # HEPData finds what is of these types and shows it under 'View Analyses'
    for name in analyses:
        submission.add_additional_resource(
            f"Full likelihood and patch sets of the analysis {name} in the HistFactory JSON format of pyhf, with "
            "README, expected results and checksums",
            f"{name}.tar.gz",
            file_type="HistFactory",
            resource_license=licence,
        )
        submission.add_additional_resource(
            f"Standard Model likelihood of the analysis {name} in the HS3 format",
            f"{name}.hs3.json",
            file_type="HS3",
            resource_license=licence,
        )
    for result in results:
        submission.add_table(_table(result, licence))
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):  # where hepdata_lib leaves a tarball
        submission.create_files(str(folder), validate=False)
    if licence is None:
        written = folder / "submission.yaml"
        text = written.read_text(encoding="utf-8")
        written.write_text(text.replace("data_license: null\n", "", 1), encoding="utf-8", newline="\n")
    problems = submission_problems(folder)
    if problems:
        raise SpecBuilderError(f"submission.yaml: refused by hepdata-validator: {'; '.join(problems)[:500]}")


def submission_problems(folder: Path) -> list[str]:
    """What hepdata-validator has to say against a folder with a ``submission.yaml``; empty if it is valid."""
    with _quiet(), contextlib.redirect_stdout(io.StringIO()):
        from hepdata_validator.full_submission_validator import FullSubmissionValidator  # noqa: PLC0415 - an extra

        validator = FullSubmissionValidator()
        if validator.validate(directory=str(folder)):
            return []
        return [str(message.message) for messages in validator.get_messages().values() for message in messages]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings on how hepdata-validator uses jsonschema, and on the files that it leaves open."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="jsonschema", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=ResourceWarning)
        yield


def _comment(results: Sequence[LimitsResult], hepdata: str | None) -> str:
    notes = sorted(distinct_notes(result.provenance for result in results))
    record = "a new record" if hepdata in (None, NO_RECORD) else hepdata
    return (
        f"{_what(results)}, rebuilt by spec_builder after {PAPER}, and limits on new neutrino interactions with light "
        f"mediators. Not a product of the experiments' collaborations. Prepared for {record}."
        + (f" By construction: {in_words(notes)}." if notes else "")
    )


def _licences(stated: Sequence[str]) -> str:
    """What the comment says in place of a ``data_license``."""
    names = " and ".join(name or "not stated" for name in stated)
    return f"Licence of the experiments' tables: {names}. HEPData assumes CC0 where no data_license stands."


def _what(results: Sequence[LimitsResult]) -> str:
    """What the likelihoods are of."""
    names = {result.provenance.analysis for result in results}
    if names <= set(ANALYSES):
        return "Likelihoods of solar 8B neutrinos scattering coherently off xenon (CEvNS)"
    return f"Likelihoods of neutrino scattering ({', '.join(sorted(names))})"


def _table(result: LimitsResult, licence: Mapping[str, str] | None) -> Any:
    """Excluded intervals against the mediator mass, a column for each end that occurs; one by one without a mass."""
    from hepdata_lib import Table  # noqa: PLC0415 - an extra

    about, name = result.provenance, result.choice.name
    table = Table(f"Exclusion {about.analysis} {name}")
    table.description = _table_description(result)
    of_paper = about.analysis in ANALYSES
    table.location = _location(about.analysis, name)
    if of_paper:
        phrases = ["CEvNS", "Solar neutrinos", "Light mediators", "Non-standard neutrino interactions"]
    else:
        phrases = ["Neutrino scattering", "Light mediators", "Non-standard neutrino interactions"]
    table.keywords["phrases"] = phrases
    if licence is not None:
        table.add_data_license(**licence)
    for variable in _mass_columns(result) if result.choice.has_mediator else _interval_columns(result):
        table.add_variable(variable)
    return table


def _location(analysis: str, interaction: str) -> str:
    if analysis in ANALYSES and interaction in PLANE_INTERACTIONS:
        return "Own evaluation of the limits in Figure 4 of arXiv:2411.11749"
    return "Own evaluation, by the method of arXiv:2411.11749; in no figure of it"


def _table_description(result: LimitsResult) -> str:
    about, exclusion, choice = result.provenance, result.exclusion, result.choice
    values = "Couplings g" if choice.parameter == "g" else f"Values of {parameter_label(choice)}"
    against = ", against the mediator mass" if choice.has_mediator else ""
    domain = choice.parameter if choice.signed else f"{choice.parameter} >= 0"
    over = domain
    if exclusion.dof == 2:  # of the whole range of the analysis
        masses = (exclusion.points[0].mass_MeV, exclusion.points[-1].mass_MeV)
        over = f"masses from {range_text(masses)} and {domain}"
    freedom = "two degrees" if exclusion.dof == 2 else "one degree"
    return (
        f"{values} of the interaction {choice.name} excluded at {percent(exclusion.cl)} CL by {about.analysis}"
        f"{against}: -2 ln L, nuisance parameters profiled, is more than {exclusion.threshold:.4f} above its minimum "
        f"{exclusion.minimum.twice_nll:.6f} over {over} ({freedom} of freedom, without CLs). Every crossing is listed: "
        "between two excluded intervals there is an allowed band. '-': there is no such interval, or it has no "
        f"{'end there' if choice.signed else 'upper end'}."
    )


def _mass_columns(result: LimitsResult) -> Iterator[Any]:
    """The mass, and the ends of each interval that occurs."""
    from hepdata_lib import Variable  # noqa: PLC0415 - an extra

    points = result.exclusion.points
    mass = Variable("Mediator mass", is_independent=True, is_binned=False, units="MEV")
    mass.digits, mass.values = _DIGITS, [point.mass_MeV for point in points]
    yield mass
    intervals = max(len(point.excluded) for point in points)
    for i in range(intervals):
        found = [point.excluded[i] if i < len(point.excluded) else (None, None) for point in points]
        yield from _end_columns(result, found, f", interval {i + 1}" if intervals > 1 else "")


def _interval_columns(result: LimitsResult) -> Iterator[Any]:
    """The number of each interval, and its ends."""
    from hepdata_lib import Variable  # noqa: PLC0415 - an extra

    (point,) = result.exclusion.points
    number = Variable("Interval", is_independent=True, is_binned=False)
    number.values = list(range(1, len(point.excluded) + 1))
    yield number
    yield from _end_columns(result, point.excluded, "")


def _end_columns(result: LimitsResult, intervals: Sequence[Interval], number: str) -> Iterator[Any]:
    """Lower and upper ends, those that occur."""
    from hepdata_lib import Variable  # noqa: PLC0415 - an extra

    for end, values in (("above", [low for low, _ in intervals]), ("up to", [high for _, high in intervals])):
        if all(value is None for value in values):
            continue
        name = f"{result.choice.parameter} excluded {end}{number}"
        column = Variable(name, is_independent=False, is_binned=False, units=result.choice.unit)
        column.digits, column.values = _DIGITS, ["-" if value is None else value for value in values]
        for key, value in _qualifiers(result):
            column.add_qualifier(key, value)
        yield column


def _qualifiers(result: LimitsResult) -> list[tuple[str, str]]:
    rows = {"analysis": result.provenance.analysis, "interaction": result.choice.name} | result.provenance.rows()
    return [
        (key.replace("_", " ").capitalize(), value)
        for key, value in rows.items()
        if key not in ("by_construction", "version")  # these stand in the record's comment and in the archive
    ]
