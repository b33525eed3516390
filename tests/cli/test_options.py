"""Options that verbs share: how they are read, and what a shell is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.options import choice, cl_option, dof_option, fix_option, variant_option, words_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping


@click.command()
@variant_option
@fix_option
@cl_option
@dof_option
@choice("--law", ("normsys", "linear"), default="normsys", help="How uncertainties act.")
def verb(variants: Mapping[str, str], hold: Mapping[str, float], cl: float, dof: str, law: str) -> None:
    """Print what was read."""
    click.echo(f"{dict(variants)} {dict(hold)} {cl} {dof} {law}")


def read(*typed: str) -> str:
    found = CliRunner().invoke(verb, typed, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output.strip()


def test_defaults() -> None:
    assert read() == "{} {} 0.9 1 normsys"


def test_pairs_are_taken_apart() -> None:
    typed = ["--variant", "pandax4t=ce_rich", "--variant", "xenonnt=a+b", "--fix", "mu=1", "--fix", "a=b=-2e-1"]
    assert read(*typed) == "{'pandax4t': 'ce_rich', 'xenonnt': 'a+b'} {'mu': 1.0, 'a=b': -0.2} 0.9 1 normsys"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["--variant", "ce_rich"], "variant 'ce_rich': expected EXPERIMENT=NAME"),
        (["--variant", "=a"], "variant '=a': expected EXPERIMENT=NAME"),
        (["--variant", "x=a", "--variant", "x=b"], "variant of 'x' is given twice"),
        (["--fix", "mu"], "fix 'mu': expected NAME=VALUE"),
        (["--fix", "mu=nan"], "fix 'mu=nan': expected NAME=VALUE"),
        (["--fix", "mu=1", "--fix", "mu=2"], "fix 'mu' is given twice"),
    ],
)
def test_mistakes(typed: list[str], message: str) -> None:
    with pytest.raises(SpecBuilderError, match=message):
        CliRunner().invoke(verb, typed, catch_exceptions=False)


def test_a_shell_is_offered_words_or_files() -> None:
    context, parameter = click.Context(verb), verb.params[0]
    words = words_of("xenonnt", "xenonnt_er", "pandax4t", files=True)
    assert [item.value for item in words(context, parameter, "xe")] == ["xenonnt", "xenonnt_er"]
    (other,) = words(context, parameter, "./mine")
    assert (other.value, other.type) == ("./mine", "file")
    assert words_of("a")(context, parameter, "b") == []


def test_variants_of_every_shipped_experiment_are_offered() -> None:
    (variants,) = (parameter for parameter in verb.params if parameter.name == "variants")
    offered = {item.value for item in variants.shell_complete(click.Context(verb), "")}
    assert {"pandax4t=ce_rich", "pandax4t=md_rich", "xenonnt=absolute_normalisation"} <= offered


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--toys", "1_0"), "Invalid value for '--toys': '1_0' is not a number; see spec-builder fit --help"),
        (("--seed", "１２"), "Invalid value for '--seed': '１２' is not a number; see spec-builder fit --help"),
        (("--cl", "0.9_0"), "Invalid value for '--cl': '0.9_0' is not a number; see spec-builder fit --help"),
        (("--jobs", "1_0"), "Invalid value for '--jobs': '1_0' is not a number; see spec-builder fit --help"),
        (("--exposure", "xenonnt=1_0"), "exposure 'xenonnt=1_0': expected a name and a number, such as xenonnt=10"),
        (("--jobs", "0"), "jobs 0: expected at least 1"),
        (("--jobs", "100000"), "jobs 100000: expected at most "),
        (("--toys", "0"), "toys 0: expected at least 1"),
        (("--toys", "10000001"), "toys 10000001: expected at most 10000000"),
        (("--seed", "-1"), "seed -1: expected a number >= 0"),
    ],
)
def test_numbers_that_are_none_and_bounds(
    spec_builder: Callable[..., subprocess.CompletedProcess[str]], words: tuple[str, ...], message: str
) -> None:
    how = ("--method", "feldman-cousins", *([] if "--jobs" in words else ["--jobs", "1"]))
    ended = spec_builder("fit", "xenonnt", "--parameter", "flux", *how, *words)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"spec-builder: error: {message}")
    assert ended.stderr.count("\n") == 1


def test_too_little_memory_is_one_line(
    spec_builder: Callable[..., subprocess.CompletedProcess[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("spec_builder.studies.limits.find_limits", fail)
    ended = spec_builder("limits", "xenonnt", "--interaction", "scalar", "--masses", "1")
    assert ended.returncode == 2
    assert ended.stderr == (
        "spec-builder: error: more memory is needed than there is: ask for fewer points, patches or toys at a time\n"
    )
