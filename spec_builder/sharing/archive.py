"""Archives of analyses, from what :mod:`spec_builder.sharing.export` writes."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import canonical_json, digest, is_temporary
from spec_builder.base.output import Output
from spec_builder.base.progress import silent
from spec_builder.base.reading import load_json, parse_json
from spec_builder.histfactory.hs3 import hs3_workspace
from spec_builder.histfactory.patchset import check_record
from spec_builder.model.analysis import load_analyses
from spec_builder.model.given import as_choices, as_names
from spec_builder.model.provenance import Choices, option_texts
from spec_builder.sharing.bundle import HS3, METADATA, WORKSPACE, pack, seal
from spec_builder.sharing.citations import bibtex, inspire_records
from spec_builder.sharing.critical import check_critical, critical_file, is_critical
from spec_builder.sharing.expected import EXPECTED, expected_results, reference_flux_of
from spec_builder.sharing.export import PatchRequest, export_workspaces, patch_file, refuse_twice
from spec_builder.sharing.readme import archive_readme
from spec_builder.sharing.submission import check_installed, write_submission
from spec_builder.studies.limits import find_limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from spec_builder.base.progress import Steps
    from spec_builder.model.analysis import Analysis
    from spec_builder.physics.choices import Choice
    from spec_builder.sharing.bundle import Files
    from spec_builder.studies.limits import LimitsResult

__all__ = ["archive_files", "contour", "data_records", "write_archives"]

#: Masses of the contour tables, as in Fig. 4.
CONTOUR_POINTS = 121


@checked
def write_archives(
    analyses: str | PathLike[str] | Sequence[str | PathLike[str]],
    output: str | PathLike[str],
    patches: PatchRequest | Choice | str | Sequence[Choice | str | object],
    *,
    law: str = "normsys",
    variants: Mapping[str, str] | None = None,
    submission: bool = True,
    critical: Sequence[str] = (),
    force: bool = False,
    report: Steps = silent,
) -> list[Path]:
    """Write ``<output>/<analysis>.tar.gz`` for each analysis, and the HEPData submission that holds them.

    The submission is ``submission.yaml`` with a table of the excluded couplings for each analysis and interaction
    (90 % CL, two degrees of freedom), at 121 masses, and the HS3 file of each analysis once more. The same inputs give
    the same bytes.

    Args:
        analyses: one or several names, as :func:`spec_builder.model.analysis.load_analysis` takes them.
        output: the folder.
        patches: the patch sets of each archive: interactions, with masses and couplings in a
            :class:`~spec_builder.sharing.export.PatchRequest`.
        law: ``normsys`` or ``linear``.
        variants: variant by experiment name.
        submission: write the submission, with the extra ``[hepdata]``.
        critical: files of critical values, each for the archive of its analysis.
        force: replace files that exist.
        report: told about each step; see :class:`spec_builder.base.progress.Steps`.

    Returns:
        The files, archives first.

    Raises:
        SpecBuilderError: if hepdata_lib is not installed, or a file exists; then nothing is written.
    """
    if submission:
        check_installed()
    analyses, output = as_names(analyses), Path(output)
    if not isinstance(patches, PatchRequest):
        patches = PatchRequest(patches)
    loaded = load_analyses(analyses, law, variants)
    check_record(patches.hepdata)
    names = [analysis.name for analysis in loaded]
    refuse_twice(names)
    tables = _critical_tables(as_names(critical, "critical") if critical != () else (), loaded)
    place = Output(output, force)
    if submission:
        _refuse_others(output, names, patches)
    place.check([f"{name}.tar.gz" for name in names] + ["submission.yaml"] * submission)
    with tempfile.TemporaryDirectory() as scratch:
        exported, record = Path(scratch) / "exported", Path(scratch) / "record"
        record.mkdir()
        step = f"patch sets of {', '.join(names)}"
        report(step)
        export_workspaces(analyses, exported, law=law, variants=variants, patches=patches, report=partial(report, step))
        results: list[LimitsResult] = []
        for analysis in loaded:
            files = {path.name: path.read_bytes() for path in (exported / analysis.name).iterdir()}
            report(f"{analysis.name}: expected results")
            content = archive_files(analysis, files, patches, tables[analysis.name])
            (record / f"{analysis.name}.tar.gz").write_bytes(pack(analysis.name, content))
            if submission:
                (record / f"{analysis.name}.hs3.json").write_bytes(content[HS3])
                report(f"{analysis.name}: contours")
                results += [contour(analysis, choice) for choice in patches.choices_for(analysis)]
        if submission:
            report("submission.yaml, checked with hepdata-validator")
            licences = [analysis.licence for analysis in loaded]
            write_submission(record, names, results, patches.hepdata, licences, data_records(loaded))
        made = sorted(record.iterdir(), key=lambda path: (path.suffix != ".gz", path.name))
        place.check(path.name for path in made)
        return place.files({path.name: partial(_copy, path) for path in made})


def _critical_tables(critical: Sequence[str], analyses: Sequence[Analysis]) -> dict[str, dict[str, str]]:
    """Text of the critical values of each analysis, by file name in its archive.

    Raises:
        SpecBuilderError: for a file that is broken, of none of the analyses, or the second of its name.
    """
    tables: dict[str, dict[str, str]] = {analysis.name: {} for analysis in analyses}
    owners = {digest(analysis.workspace): analysis.name for analysis in analyses}
    for name in critical:
        content = load_json(name)
        if not is_critical(content):
            raise SpecBuilderError(f"{name}: holds no critical values: expected the JSON of a fit or limits by toys")
        for problem in check_critical(content):
            raise SpecBuilderError(f"{name}: {problem}")
        owner = owners.get(content["workspace_sha256"])
        if owner is None:
            raise SpecBuilderError(f"{name}: its workspace is none of {', '.join(tables)} with this law and variants")
        if critical_file(content) in tables[owner]:
            raise SpecBuilderError(f"{name}: {critical_file(content)} is given twice for {owner}")
        tables[owner][critical_file(content)] = canonical_json(content)
    return tables


def data_records(analyses: Sequence[Analysis]) -> dict[str, dict[str, str]]:
    """INSPIRE numbers of the data of each analysis of one experiment: a joint one has none that it could claim."""
    alone = {analysis.name: analysis.experiments[0] for analysis in analyses if len(analysis.experiments) == 1}
    return {name: inspire_records(experiment.references) for name, experiment in alone.items()}


def contour(analysis: Analysis, choice: Choice) -> LimitsResult:
    """What a table of the submission holds: limits over the plane, or the intervals of a parameter without a mass."""
    if not choice.has_mediator:
        return find_limits(analysis, choice, dof=1)
    return find_limits(analysis, choice, np.geomspace(*analysis.masses_MeV, CONTOUR_POINTS), dof=2)


def _refuse_others(output: Path, analyses: Sequence[str], patches: PatchRequest) -> None:
    """HEPData accepts no files that a submission does not name.

    Raises:
        SpecBuilderError: naming one.
    """
    ours = {"submission.yaml", *(f"{name}{suffix}" for name in analyses for suffix in (".tar.gz", ".hs3.json"))}
    ours |= {f"exclusion_{name}_{choice.name}.yaml" for name in analyses for choice in as_choices(patches.choices)}
    present = sorted(path.name for path in output.iterdir()) if output.is_dir() else []
    for name in present:
        if name not in ours and not is_temporary(name):  # a run that was killed left it
            raise SpecBuilderError(f"{output}: holds {name}, which is not of this submission; give an empty folder")


def _copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def archive_files(
    analysis: Analysis,
    exported: Mapping[str, bytes],
    patches: PatchRequest,
    critical: Mapping[str, str],
) -> Files:
    """Everything in the archive of one analysis, by file name, checksums included.

    Args:
        analysis: from :func:`spec_builder.model.analysis.load_analysis`.
        exported: what ``spec-builder export`` writes for it, by file name.
        patches: what the patch sets in there were made from.
        critical: text of files of critical values, by name.

    Raises:
        SpecBuilderError: if a patch has no valid fit.
    """
    content = {name: parse_json(data.decode(), name) for name, data in sorted(exported.items())}
    workspace, metadata = content.pop(WORKSPACE), content.pop(METADATA)
    measured = workspace["measurements"][0]["config"]["poi"]
    results = canonical_json(expected_results(workspace, reference_flux_of(metadata, measured), content))
    expected = parse_json(results, EXPECTED)  # in the order that readers find
    chosen = patches.choices_for(analysis)
    options = {patch_file(choice): option_texts(choice) for choice in chosen}
    about = Choices.of(analysis)
    added = {
        HS3: canonical_json(hs3_workspace(workspace, metadata)),
        EXPECTED: results,
        "README.md": archive_readme(about, workspace, metadata, content, expected, options, critical),
        "CITATION.bib": bibtex(text for choice in chosen for text in analysis.sources(choice)),
    }
    added |= critical
    return seal(dict(exported) | {name: text.encode() for name, text in added.items()})
