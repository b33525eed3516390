"""Options of toys, expected limits and projections, and the verb that measures coverage."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import number_of
from spec_builder.base.names import unknown_name
from spec_builder.cli.interactions import InteractionCommand, choice_of, interaction_option
from spec_builder.cli.options import (
    ANALYSIS_WORDS,
    choice,
    cl_option,
    csv_option,
    dask_option,
    force_option,
    jobs_option,
    json_option,
    law_option,
    mass_option,
    output_option,
    seed_option,
    together,
    variant_option,
)
from spec_builder.cli.output import Progress, ResumableProgress, emit
from spec_builder.cli.parsing import jobs_or_cores
from spec_builder.cli.pictures import Plots, plot_options

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from spec_builder.model.analysis import Analysis, Change
    from spec_builder.physics.choices import Choice
    from spec_builder.studies.coverage import CoverageResult
    from spec_builder.studies.expected import Kind

__all__ = [
    "PROJECTION_OPTIONS",
    "TOY_OPTIONS",
    "by_toys",
    "changed_analysis",
    "changes_of",
    "check_toy_options",
    "coverage",
    "expected_of",
    "expected_option",
    "load_changed",
    "method_of",
    "projection_options",
    "toy_options",
    "toy_part",
    "toy_run",
    "toy_workers",
]

METHODS = ("asymptotic", "feldman-cousins")
EXPECTED = ("asimov", "toys")
#: Options that mean something with toys alone, and those of projections, by their names in Python.
TOY_OPTIONS = {"toys", "seed", "ensemble", "jobs", "dask"}
PROJECTION_OPTIONS = {"data", "exposure", "background", "uncertainty"}


def _factors(what: str, example: str) -> Callable[..., dict[str, float]]:
    def read(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
        del context, parameter
        found: dict[str, float] = {}
        for value in values:
            name, equals, number = value.partition("=")
            size = number_of(number)
            if not (name and equals and math.isfinite(size)):
                raise SpecBuilderError(f"{what} '{value}': expected a name and a number, such as {example}")
            if name in found:
                raise SpecBuilderError(f"{what} of '{name}' is given twice")
            found[name] = size
        return found

    return read


_ensemble_option = choice(
    "--ensemble",
    ("profiled", "nominal"),
    help="Nuisance parameters of toys and Asimov data: at their best for the data, or nominal (default: profiled; "
    "nominal in a projection).",
)
toy_options = together(
    choice("--method", METHODS, default=METHODS[0], show_default=True, help="Thresholds of Wilks' theorem, or toys."),
    click.option("--toys", default=1000, show_default=True, metavar="N", help="Toys at each value of the parameter."),
    seed_option,
    _ensemble_option,
    jobs_option,
    dask_option,
)
projection_options = together(
    click.option(
        "--data",
        metavar="asimov|FILE",
        help="In place of the observed counts: what the Standard Model expects, or a JSON file of counts by channel.",
    ),
    click.option(
        "--exposure",
        multiple=True,
        callback=_factors("exposure", "xenonnt=10"),
        metavar="EXPERIMENT=FACTOR",
        help="Exposure times FACTOR, of a future run; repeatable.",
    ),
    click.option(
        "--background",
        multiple=True,
        callback=_factors("background", "pandax4t.cathode=0.5"),
        metavar="EXPERIMENT.SAMPLE=FACTOR",
        help="Events of a background times FACTOR; repeatable.",
    ),
    click.option(
        "--uncertainty",
        multiple=True,
        callback=_factors("uncertainty", "flux_8b=0.04"),
        metavar="NAME=SIZE",
        help="Relative size of a normalisation's uncertainty, such as flux_8b=0.04; repeatable.",
    ),
)

expected_option = choice(
    "--expected", EXPECTED, help="Limits that the Standard Model would give, in place of the observed ones."
)


def method_of(choices: Mapping[str, Any]) -> str:
    """The method by its name.

    Raises:
        SpecBuilderError: naming the ones there are.
    """
    method = str(choices["method"])
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    return method


def expected_of(choices: Mapping[str, Any]) -> Kind | None:
    """The kind of expected limits by its name, None for observed ones.

    Raises:
        SpecBuilderError: naming the ones there are.
    """
    expected: Kind | None = choices["expected"]
    if expected is not None and expected not in EXPECTED:
        raise unknown_name("expected", expected, EXPECTED)
    return expected


def check_toy_options(given: set[str], *, toys: bool, asimov: bool = False) -> None:
    """Refuse options of toys where there are none.

    Args:
        given: names of the options.
        toys: some are thrown.
        asimov: limits of Asimov data are wanted, which are at nominal nuisance parameters or at profiled ones too.

    Raises:
        SpecBuilderError: naming the first.
    """
    wrong = sorted(given & TOY_OPTIONS - ({"ensemble"} if asimov else set()))
    if wrong and not toys:
        if wrong[0] == "ensemble":
            raise SpecBuilderError("--ensemble applies with --method feldman-cousins or --expected only")
        raise SpecBuilderError(f"--{wrong[0]} applies with toys only: --method feldman-cousins or --expected toys")


def changed_analysis(analysis: Analysis, choices: Mapping[str, Any], *, expected: bool = False) -> Analysis:
    """An analysis with the projection and the data that were asked for.

    Args:
        analysis: as it is.
        choices: of the command line.
        expected: whether only expected limits are wanted, which need no data.

    Raises:
        SpecBuilderError: for a projection with observed counts, or what the analysis does not have.
    """
    from spec_builder.studies.projections import ASIMOV, Projection, with_data  # noqa: PLC0415

    backgrounds = {}
    for name, factor in choices["background"].items():
        experiment, _, sample = name.partition(".")
        backgrounds[experiment, sample] = factor
    projection = Projection(choices["exposure"], backgrounds, choices["uncertainty"])
    data = choices["data"]
    changed = projection(analysis)
    if projection and data != ASIMOV and not (expected and data is None):
        raise SpecBuilderError("a projection has no observed counts: give --data asimov")
    return with_data(changed, data) if data is not None and not projection else changed


def load_changed(name: str, choices: Mapping[str, Any]) -> Analysis:
    """An analysis by its name, as :func:`changed_analysis` makes it.

    Raises:
        SpecBuilderError: as that does, and for a name, a law or a variant that is none.
    """
    from spec_builder.model.analysis import load_analysis  # noqa: PLC0415

    return changed_analysis(load_analysis(name, choices["law"], choices["variants"]), choices)


def changes_of(choices: dict[str, Any]) -> Change | None:
    """What becomes of every analysis of a verb that takes several; the options are taken out of the choices."""
    own = {name: choices.pop(name) for name in sorted(PROJECTION_OPTIONS)}
    return partial(changed_analysis, choices=own) if any(own.values()) else None


def by_toys(choices: Mapping[str, Any]) -> dict[str, Any]:
    """What toys are thrown with, as far as it is given."""
    return {name: choices[name] for name in ("toys", "seed", "ensemble") if choices[name] is not None}


@contextlib.contextmanager
def toy_run(
    output: str, choices: Mapping[str, Any], workspace: Any, of: Choice | None = None, *, force: bool
) -> Iterator[dict[str, Any]]:
    """Workers, a store and a report of progress; with an output file a run that was stopped goes on where it stood.

    Args:
        output: file that the result goes to, ``-`` for none.
        choices: of the command line: what tells this run from others.
        workspace: content that the toys come from.
        of: the interaction, where there is one.
        force: replace a file that exists.

    Yields:
        The arguments ``executor``, ``store`` and ``report``.
    """
    place = None if output == "-" else Path(output)
    with toy_workers(choices) as executor, toy_part(place, choices, workspace, of, force=force) as how:
        yield {"executor": executor, **how}


def toy_workers(choices: Mapping[str, Any]) -> AbstractContextManager[concurrent.futures.Executor | None]:
    """Workers that throw toys, as the command line asks for them."""
    from spec_builder.base.executors import executor_for  # noqa: PLC0415

    jobs = jobs_or_cores(choices["jobs"])
    # by its name: the workers import it while this process does
    return executor_for(jobs, choices["dask"], preload=["spec_builder.inference.exclusion_by_toys"])


@contextlib.contextmanager
def toy_part(
    output: Path | None,
    choices: Mapping[str, Any],
    workspace: Any,
    of: Choice | None = None,
    *,
    before: Sequence[Path] = (),
    force: bool,
) -> Iterator[dict[str, Any]]:
    """A store and a report of progress for a result, or for one of several that are written together at the end.

    Args:
        output: file that the result goes to; its chunks are kept until it is there.
        choices: as :func:`toy_run` takes them, and ``workspace``, ``of`` and ``force``.
        workspace: content that the toys come from.
        of: the interaction, where there is one.
        before: files of the results that are done, and wait for this one.
        force: replace a file that exists.

    Yields:
        The arguments ``store`` and ``report``.
    """
    from spec_builder.base.chunks import FileStore  # noqa: PLC0415
    from spec_builder.base.files import refuse_existing  # noqa: PLC0415

    if output is None:
        with Progress() as printed:
            yield {"store": None, "report": partial(printed, "")}
        return
    refuse_existing(output, force=force)
    store = FileStore(output, hashlib.sha256(_job(choices, workspace, of).encode()).hexdigest())
    with ResumableProgress(output, *before) as report:
        try:
            yield {"store": store, "report": report.chunks}
        finally:
            if report.written:
                store.remove()


def _job(choices: Mapping[str, Any], workspace: Any, of: Choice | None) -> str:
    """What a run is known by: the same in every process, another one for another file of a user's interaction."""
    from spec_builder.base.files import digest  # noqa: PLC0415
    from spec_builder.base.version import __version__  # noqa: PLC0415
    from spec_builder.model.provenance import choice_content  # noqa: PLC0415

    own = {key: str(value) for key, value in choices.items() if key not in ("jobs", "dask", "as_json", "as_csv")}
    interaction = None if of is None else choice_content(of)
    return json.dumps([__version__, digest(workspace), own, interaction], sort_keys=True)


@click.command(cls=InteractionCommand)
@click.argument("analysis", shell_complete=ANALYSIS_WORDS)
@click.option("--parameter", metavar="NAME", help="What is measured, such as flux.")
@interaction_option("In place of a parameter: the coverage of its limits.")
@mass_option
@click.option(
    "--values",
    metavar="LIST|LO:HI:N",
    help="Truths, in the parameter's own unit (default: 0.3, 1 and 2 times the Standard Model's).",
)
@law_option
@variant_option
@cl_option
@click.option("--toys", default=10_000, show_default=True, metavar="N", help="Toys at each truth.")
@seed_option
@_ensemble_option
@projection_options
@jobs_option
@dask_option
@json_option
@csv_option
@plot_options("Draw it")
@output_option
@force_option
def coverage(analysis: str, output: str, force: bool, **choices: Any) -> None:
    """Measure by toys how often intervals or limits cover the truth.

    Both kinds are measured: those by Wilks' theorem, and those with critical values from toys.
    """
    if (choices["parameter"] is None) == (choices["interaction"] is None):
        raise SpecBuilderError("coverage: give --parameter or --interaction")
    loaded = load_changed(analysis, choices)
    plots = Plots.taken(choices, output, force=force)
    of = None if choices["interaction"] is None else choice_of(choices["interaction"], choices)
    with toy_run(output, choices, loaded.workspace, of, force=force) as how:
        result = _measured_coverage(loaded, of, choices, how)
        beside = plots.of_result(result)
        emit(result, output, force=force, beside=beside, as_json=choices["as_json"], as_csv=choices["as_csv"])


def _measured_coverage(
    analysis: Analysis, of: Choice | None, choices: dict[str, Any], how: dict[str, Any]
) -> CoverageResult:
    """Of a parameter of the Standard Model, or of an interaction."""
    from spec_builder.studies.coverage import cover_analysis, cover_couplings  # noqa: PLC0415

    own = {"cl": choices["cl"], **by_toys(choices), **how}
    if of is None:
        if choices["mass"] is not None:
            raise SpecBuilderError("coverage: --mass applies with an --interaction only")
        return cover_analysis(analysis, choices["parameter"], choices["values"], **own)
    if choices["values"] is None:
        raise SpecBuilderError(f"coverage: give --values of {of.parameter}")
    return cover_couplings(analysis, of, choices["mass"], choices["values"], **own)
