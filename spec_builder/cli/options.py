"""Options that several verbs share, and the words that a shell completes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import number_of
from spec_builder.base.saving import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "ANALYSIS_WORDS",
    "FILES",
    "OutputOption",
    "choice",
    "cite_option",
    "cl_option",
    "compared_dof_option",
    "coupling_option",
    "couplings_option",
    "csv_option",
    "dask_option",
    "dof_option",
    "fix_option",
    "force_option",
    "interval_cl_option",
    "jobs_option",
    "json_option",
    "law_option",
    "mass_option",
    "masses_option",
    "measurement_option",
    "output_of",
    "output_option",
    "patch_option",
    "plane_dof_option",
    "poi_option",
    "range_option",
    "seed_option",
    "together",
    "variant_option",
    "words_of",
]


def words_of(*words: str, files: bool = False) -> Callable[..., list[CompletionItem]]:
    """What a shell offers: words that begin like what was typed, else files if they are allowed."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        del context, parameter
        found = [CompletionItem(word) for word in words if word.startswith(incomplete)]
        return found if found or not files else [CompletionItem(incomplete, type="file")]

    return complete


def together(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Several options as one decorator, in their order."""

    def apply(verb: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            verb = option(verb)
        return verb

    return apply


def choice(name: str, words: tuple[str, ...], **settings: Any) -> Callable[..., Any]:
    """An option that takes one of a few words; what is wrong is said where the word is used."""
    return click.option(name, metavar="|".join(words), shell_complete=words_of(*words), **settings)


def _complete_variant(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from spec_builder.experiments.reading import load_experiment, shipped_experiments  # noqa: PLC0415

    words = (f"{name}={variant}" for name in shipped_experiments() for variant in load_experiment(name).variants)
    return words_of(*words)(context, parameter, incomplete)


def _variants(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> Mapping[str, str]:
    del context, parameter
    chosen: dict[str, str] = {}
    for value in values:
        experiment, equals, name = value.partition("=")
        if not (experiment and equals and name):
            raise SpecBuilderError(f"variant '{value}': expected EXPERIMENT=NAME, such as pandax4t=ce_rich")
        if experiment in chosen:
            raise SpecBuilderError(f"variant of '{experiment}' is given twice")
        chosen[experiment] = name
    return chosen


def _held(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> Mapping[str, float]:
    del context, parameter
    held: dict[str, float] = {}
    for value in values:
        name, equals, number = value.rpartition("=")
        place = number_of(number)
        if not (name and equals and math.isfinite(place)):
            raise SpecBuilderError(f"fix '{value}': expected NAME=VALUE with a number, such as mu=1")
        if name in held:
            raise SpecBuilderError(f"fix '{name}' is given twice")
        held[name] = place
    return held


ANALYSIS_WORDS = words_of("xenonnt", "pandax4t", "combined", files=True)
FILES = words_of(files=True)
law_option = choice(
    "--law",
    ("normsys", "linear"),
    default="normsys",
    show_default=True,
    help="How uncertainties act: as in HistFactory, or as in Eq. (17).",
)
variant_option = click.option(
    "--variant",
    "variants",
    multiple=True,
    callback=_variants,
    metavar="EXPERIMENT=NAME",
    shell_complete=_complete_variant,
    help="A variant of an experiment, of those that `experiments NAME` lists; repeatable.",
)
measurement_option = click.option("--measurement", metavar="NAME", help="Of a WORKSPACE (default: the first).")
patch_option = click.option(
    "--patch",
    "patches",
    multiple=True,
    metavar="FILE",
    shell_complete=FILES,
    help="JSON patch of a WORKSPACE; repeatable.",
)
poi_option = click.option(
    "--poi", metavar="NAME", help="Parameter of interest of a WORKSPACE, '' for none (default: the measurement's)."
)
fix_option = click.option(
    "--fix",
    "hold",
    multiple=True,
    callback=_held,
    metavar="NAME=VALUE",
    help="Hold a parameter of a WORKSPACE; repeatable.",
)
cite_option = click.option("--cite", is_flag=True, help="Print BibTeX of what the result uses in place of the result.")
json_option = click.option("--json", "as_json", is_flag=True, help="JSON for machines.")
csv_option = click.option("--csv", "as_csv", is_flag=True, help="CSV of all rows with a header of choices.")
mass_option = click.option("--mass", type=float, metavar="MEV", help="Mediator mass [MeV], inf for the contact limit.")
coupling_option = click.option(
    "--coupling", type=float, metavar="G", help="Coupling g, or the parameter; g/m [1/GeV] at mass inf."
)
seed_option = click.option("--seed", default=0, show_default=True, metavar="N", help="Seed of the random numbers.")
interval_cl_option = click.option(
    "--cl", default=0.6827, show_default=True, metavar="CL", help="Confidence level of the interval, such as 0.9."
)
cl_option = click.option("--cl", default=0.9, show_default=True, metavar="CL", help="Confidence level, such as 0.95.")
_DOF = "Degrees of freedom. 1: minimum at each mass; 2: over the plane."
dof_option = choice("--dof", ("1", "2"), default=1, show_default=True, help=_DOF)
plane_dof_option = choice("--dof", ("1", "2"), type=int, help=f"{_DOF} Default: 2, without a mass 1.")
compared_dof_option = choice("--dof", ("1", "2"), type=int, default=2, show_default=True, help=_DOF)
jobs_option = click.option("--jobs", "-j", type=int, metavar="N", help="Worker processes (default: one for each core).")
dask_option = click.option("--dask", metavar="ADDRESS", help="Dask scheduler to compute on; needs the extra [dask].")
masses_option = click.option(
    "--masses", default="0.01:1000:31", show_default=True, metavar="LIST|LO:HI:N", help="Mediator masses [MeV]."
)
range_option = click.option(
    "--masses", metavar="LIST|LO:HI:N", help="Mediator masses [MeV] (default: 31 over the range of the analysis)."
)
couplings_option = click.option(
    "--couplings",
    metavar="LIST|LO:HI:N",
    help="Couplings g, or values of the parameter (default: 121 around what is excluded).",
)


class OutputOption(click.Option):
    """``--output`` of a result: the file's suffix says in what form it is written.

    Attributes:
        forms: suffixes that the verb writes.
    """

    def __init__(self, *names: Any, forms: tuple[str, ...] = FORMATS, **settings: Any) -> None:
        super().__init__(*names, **settings)
        self.forms = forms


def output_of(*forms: str) -> Callable[..., Any]:
    """``--output`` of a verb that writes in a few forms."""
    words = ", ".join(forms)
    return click.option(
        "--output",
        "-o",
        cls=OutputOption,
        forms=forms,
        default="-",
        metavar="FILE",
        help=f"Write here, in the form of the suffix: {words}; - is stdout.",
    )


output_option = output_of(*FORMATS)
force_option = click.option("--force", is_flag=True, help="Replace a file that exists.")
