"""Options that verbs share: how they are read, and what a shell is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli.options import choice, cl_option, dof_option, fix_option, variant_option, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping


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
