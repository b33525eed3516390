"""What a bug report needs: versions, the machine, and a check of this installation against pyhf."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.base.version import __version__
from spec_builder.cli.options import words_of
from spec_builder.cli.output import complain

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["diagnose"]

_NEEDED = ("pyhf", "numpy", "scipy", "iminuit", "matplotlib", "click", "jsonpatch", "jsonpointer")
#: Largest difference from pyhf in 2NLL at the same point.
_TOLERANCE = 1e-9


def diagnose() -> tuple[str, list[str]]:
    """A report to paste, and the problems found.

    Nothing in it names the user, the machine or its folders.
    """
    lines = _surroundings()
    problems = []
    try:
        lines.append(f"engine        {_engine()}")
    except SpecBuilderError as error:
        problems.append(str(error))
    versions = {name: _version(name) for name in _NEEDED}
    lines += ["", *(f"{name:13} {version or 'MISSING'}" for name, version in versions.items())]
    problems += [f"{name} is missing; install spec_builder again" for name in versions if versions[name] is None]
    lines += ["", "extras"]
    lines += [f"{name:19} {version or 'not installed'}" for name, version in _extras()]
    if not problems:
        compared, problems = _comparison()
        lines += ["", compared]
    return "\n".join(lines) + "\n", problems


def _surroundings() -> list[str]:
    return [
        f"spec_builder  {__version__}",
        f"Python        {platform.python_version()} ({platform.python_implementation()})",
        f"machine       {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        f"tables        {len(list(data_path().rglob('*.csv')))} in {'the package' if _packaged() else 'a checkout'}",
        f"terminal      {'yes' if sys.stdout.isatty() else 'no'}, encoding {sys.stdout.encoding}",
    ]


def _comparison() -> tuple[str, list[str]]:
    """The likelihood beside pyhf's in a line, and what is wrong with it."""
    difference = _difference_from_pyhf()
    line = f"2NLL of the combined workspace: {difference:.1e} from pyhf's"
    if difference <= _TOLERANCE:
        return f"{line}, ok", []
    return f"{line}, WRONG", [f"2NLL differs from pyhf's by {difference:.1e}, expected at most {_TOLERANCE:g}"]


def _engine() -> str:
    from spec_builder.inference.compiled import describe_engine  # noqa: PLC0415  # numpy, which --help need not load

    return describe_engine()


def _packaged() -> bool:
    return (data_path().parent / "py.typed").is_file()


def _version(name: str) -> str | None:
    from importlib import metadata  # noqa: PLC0415  # 30 ms that --help need not wait for

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _extras() -> Iterator[tuple[str, str | None]]:
    """What the extras for users bring, from the package's own metadata."""
    from importlib import metadata  # noqa: PLC0415

    for requirement in metadata.requires("spec_builder") or []:
        name, _, marker = requirement.partition(";")
        extra = marker.partition("==")[2].strip().strip("\"'")
        package = name.strip().partition(">")[0].partition("[")[0]
        if extra in ("", "test", "docs") or package == "spec_builder":
            continue
        yield f"[{extra}] {package}", _version(package)


def _difference_from_pyhf() -> float:
    """|2NLL - pyhf's| of the combined Standard Model workspace, at its start values."""
    import warnings  # noqa: PLC0415

    import numpy as np  # noqa: PLC0415
    import pyhf  # noqa: PLC0415

    from spec_builder.inference.likelihood import Likelihood  # noqa: PLC0415
    from spec_builder.model.analysis import load_analysis  # noqa: PLC0415
    from spec_builder.model.workspace import NEW_PHYSICS  # noqa: PLC0415

    content = load_analysis("combined").workspace
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="jsonschema.RefResolver", category=DeprecationWarning)
        workspace = pyhf.Workspace(content)
    model = workspace.model(measurement_name=NEW_PHYSICS)
    parameters = model.config.suggested_init()
    theirs = -2 * float(model.logpdf(parameters, workspace.data(model))[0])
    likelihood = Likelihood.from_workspace(content, NEW_PHYSICS)
    theta = np.array([parameters[model.config.par_slice(name).start] for name in likelihood.parameters])
    return abs(float(likelihood.twice_nll(theta)[0]) - theirs)


@click.command()
def doctor() -> None:
    """Print what a bug report needs.

    These are versions, extras, the engine, and a check of the likelihood against pyhf.
    """
    report, problems = diagnose()
    click.echo(report, nl=False)
    for problem in problems:
        complain(problem)
    if problems:
        sys.exit(2)


@click.command()
@click.argument("shell", metavar="bash|zsh|fish", shell_complete=words_of("bash", "zsh", "fish"))
def completion(shell: str) -> None:
    """Print a script that completes words in a shell.

    For bash and zsh: spec-builder completion bash > ~/.spec-builder-completion (or zsh), and source that file in
    ~/.bashrc or ~/.zshrc. For fish: spec-builder completion fish > ~/.config/fish/completions/spec-builder.fish.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise SpecBuilderError(f"shell '{shell}' is unknown, expected bash, zsh or fish")
    root = click.get_current_context().find_root().command
    click.echo(kind(root, {}, "spec-builder", "_SPEC_BUILDER_COMPLETE").source())
