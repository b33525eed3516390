"""What ``--help`` of a verb shows: its options in groups, the names that they take, and lines to begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spec_builder.base.files import shipped_names

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["EXAMPLES", "INTERACTION", "NAMES", "Verb", "tell"]

#: Heading of what belongs to the interaction.
INTERACTION = "Interaction"
_OWN = "Options"
#: Options by what they are about; all others are the verb's own, and stand first.
_HEADINGS = {
    INTERACTION: "--interaction --mass --masses --coupling --couplings",
    "Model and data": "--law --variant --data --exposure --background --uncertainty",
    "Of a WORKSPACE": "--measurement --patch --patchset --poi --fix --keep-going",
    "Toys and worker processes": "--method --toys --seed --ensemble --jobs --dask",
    "Output": "--plot --width --json --csv --cite --output --force --help",
}
_HEADING_OF = {name: heading for heading, names in _HEADINGS.items() for name in names.split()}
#: Fewer options than these stand in one list.
_MANY = 10

#: Lines by verb that work as they stand where the files that they name are there.
EXAMPLES = {
    "experiments": ("experiments", "experiments xenonnt", "experiments ./mydetector --json"),
    "import": ("import xenonnt xenonnt_cevns_2026 --model 2026 -o xenonnt81",),
    "spectrum": (
        "spectrum --target germanium --energies 0.1:3:50 -o germanium.csv",
        "spectrum --interaction vector_bl --mass 1 --coupling 5e-5 --energies 0.5,1,2",
    ),
    "fit": (
        "fit combined --parameter flux --plot fit.pdf",
        "fit xenonnt --parameter flux --exposure xenonnt=10 --data asimov",
        "fit workspace.json --measurement b8_flux",
    ),
    "profile": (
        "profile xenonnt --parameter sin2thetaw -o profile.csv",
        "profile xenonnt --parameter flux --parameter xenonnt_neutron --plot surface.pdf",
    ),
    "events": (
        "events xenonnt --parameter flux",
        "events xenonnt --interaction scalar --mass 10 --coupling 1e-5 -o events.csv",
    ),
    "limits": (
        "limits combined --interaction scalar --masses 0.1:100:7 --plot limits.pdf -o limits.csv",
        "limits eves --interaction magnetic_moment",
        "limits xenonnt --interaction vector_bl --masses 1,10 --expected asimov",
    ),
    "explain": ("explain combined --interaction scalar --mass 10 --coupling 1e-5 --plot explained.pdf",),
    "scan": (
        "scan xenonnt --interaction scalar --masses 1:100:3 --couplings 1e-6:1e-4:5 -o scan.npz",
        "scan workspace.json --patchset patchset.json -o patches.csv",
    ),
    "plane": ("plane", "plane eves --interaction vector_bl --points 15 -o eves"),
    "explore": ("explore xenonnt --interaction scalar --points 5 -o explorer.html",),
    "coverage": (
        "coverage xenonnt --parameter flux --toys 200",
        "coverage xenonnt --interaction scalar --mass 10 --values 0,5e-6 --toys 200",
    ),
    "reproduce": ("reproduce -o results",),
    "compare": ("compare", "compare xenonnt --interaction vector_bl --masses 0.1:100:5 -o bl"),
    "export": (
        "export combined -o workspaces",
        "export xenonnt --interaction scalar --masses 1,10 --couplings 1e-5,2e-5 -o patches",
    ),
    "point": ("point xenonnt --interaction scalar --mass 10 --coupling 1e-5 -o point.json",),
    "verify": ("verify workspace.json", "verify xenonnt.tar.gz"),
    "archive": ("archive xenonnt --interaction scalar --masses 1,10 --no-submission -o record",),
    "hs3": ("hs3 workspace.json -o model.hs3.json",),
    "completion": ("completion bash",),
}
_ANALYSES = (
    "xenonnt, pandax4t, combined (both), coherent_csi, eves and eves_all (electron recoils), texono, global (combined, "
    "coherent_csi, eves and texono), an experiment that `spec-builder experiments` lists, the path of a folder with "
    "one of your own, or several of these joined by '+'; or the path of a TOML file of an analysis"
)
_INTERACTIONS = (
    "scalar, vector_universal, vector_bl, vector, axial, tensor, nsi, magnetic_moment, millicharge, or the path of a "
    "file of your own, .toml or .py"
)
_PAPER = (
    "The paper, with its equations and figures: arXiv:2411.11749. Its five interactions: scalar, vector_universal, "
    "vector_bl, axial, tensor."
)
#: What options take, by the parameter that takes it.
NAMES = {
    "ANALYSIS": _ANALYSES,
    "--interaction": _INTERACTIONS,
    "--source": ", ".join(shipped_names("sources")),
    "--target": ", ".join(shipped_names("targets")),
}


class Verb(click.Command):
    """A verb whose ``--help`` has its options in groups, where there are many."""

    def heading_of(self, parameter: click.Parameter) -> str:
        """The group of an option."""
        return next((_HEADING_OF[name] for name in parameter.opts if name in _HEADING_OF), _OWN)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click's, with a heading for each group."""
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        records = [(option, option.get_help_record(ctx)) for option in options]
        told = [(option, record) for option, record in records if record is not None]
        if len(told) < _MANY:
            super().format_options(ctx, formatter)
            return
        for heading in (_OWN, *_HEADINGS):
            _write(formatter, heading, (record for option, record in told if self.heading_of(option) == heading))


def _write(formatter: click.HelpFormatter, heading: str, records: Iterable[tuple[str, str]]) -> None:
    rows = list(records)
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows)


def tell(verb: click.Command) -> None:
    """Put names and lines to begin with below a verb's options."""
    named = [parameter for parameter in verb.params if not str(parameter.metavar).startswith("PATH")]
    taken = {option for parameter in named for option in parameter.opts}
    if {"analysis", "analyses", "target"} & taken:
        taken.add("ANALYSIS")
    names = [f"{what}: {text}." for what, text in NAMES.items() if what in taken]
    if {"--law", "--interaction"} & taken or "the paper" in str(verb.help):
        names.append(_PAPER)
    lines = [f"  spec-builder {line}" for line in EXAMPLES.get(str(verb.name), ())]
    examples = ["\b\nFor example:\n" + "\n".join(lines)] * bool(lines)
    verb.epilog = "\n\n".join([*names, *examples])
