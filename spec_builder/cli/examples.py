"""What stands below the options in ``--help``: lines to begin with, and the names that options take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec_builder.base.files import shipped_names

if TYPE_CHECKING:
    import click

__all__ = ["EXAMPLES", "NAMES", "tell"]

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
    "xenonnt, pandax4t, combined (both), coherent_csi, eves and eves_all (electron recoils), texono, global (all), an "
    "experiment that `spec-builder experiments` lists, or the path of a folder with one of your own, joined by '+'; or "
    "a TOML file of an analysis"
)
_INTERACTIONS = (
    "scalar, vector_universal, vector_bl, vector, axial, tensor, nsi, magnetic_moment, millicharge, or the path of a "
    "file of your own, .toml or .py"
)
#: What options take, by the parameter that takes it.
NAMES = {
    "ANALYSIS": _ANALYSES,
    "--interaction": _INTERACTIONS,
    "--source": ", ".join(shipped_names("sources")),
    "--target": ", ".join(shipped_names("targets")),
}


def tell(verb: click.Command) -> None:
    """Put names and lines to begin with below a verb's options."""
    named = [parameter for parameter in verb.params if not str(parameter.metavar).startswith("PATH")]
    taken = {option for parameter in named for option in parameter.opts}
    if {"analysis", "analyses", "target"} & taken:
        taken.add("ANALYSIS")
    names = [f"{what}: {text}." for what, text in NAMES.items() if what in taken]
    lines = [f"  spec-builder {line}" for line in EXAMPLES.get(str(verb.name), ())]
    examples = ["\b\nFor example:\n" + "\n".join(lines)] * bool(lines)
    verb.epilog = "\n\n".join([*names, *examples])
