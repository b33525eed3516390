"""Interactions on the command line come from the one list."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.cli import interactions as cli_interactions
from spec_builder.cli.interactions import choice_of, choices_of, option_names
from spec_builder.model.provenance import option_key
from spec_builder.paper.plane import PLANE_INTERACTIONS
from spec_builder.physics import interactions
from spec_builder.physics.choices import Interaction, Option
from spec_builder.physics.interactions import choose, shipped_interactions
from spec_builder.physics.options import SHIPPED_OPTIONS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

OPTIONS = {option_key(option.name): option for i in shipped_interactions() for option in i.options}


@pytest.mark.parametrize("verb", ["spectrum", "limits", "scan", "plane", "export", "archive"])
def test_every_option_of_the_list_is_an_option_of_the_verb(spec_builder: Command, verb: str) -> None:
    text = spec_builder(verb, "--help").stdout
    for key, option in OPTIONS.items():
        assert f"--{key.replace('_', '-')}" in text
        assert re.sub(r"\s+", "", f"(default: {option.default}")[:9] in re.sub(r"\s+", "", text)
    assert option_names() == {*OPTIONS, "options"}


@pytest.mark.parametrize("interaction", shipped_interactions(), ids=lambda i: i.name)
def test_every_interaction_is_chosen_by_its_name(interaction: object) -> None:
    name = str(getattr(interaction, "name", ""))
    assert choice_of(name, {}).name == name


def test_all_are_the_papers() -> None:
    assert [choice.name for choice in choices_of(["all"], {})] == list(PLANE_INTERACTIONS)


def test_an_option_goes_to_the_interaction_that_has_it() -> None:
    chosen = choices_of(["scalar", "vector"], {"coupling_set": "A", "options": ("u=0.5",)})
    assert [choice.changed for choice in chosen] == [{"coupling_set": "A"}, {"u": 0.5}]


@pytest.mark.parametrize(
    ("names", "choices", "message"),
    [
        (["axial"], {"coupling_set": "A"}, "coupling set 'A' belongs to interaction 'scalar', not 'axial'"),
        (["scalar"], {"coupling_set": "F"}, "coupling set 'F' is unknown, expected one of A, B, C, D, E"),
        (["tensor"], {"longitudinal_factor": "3"}, "longitudinal factor 3: expected 1 or 4"),
        (["vector"], {"charge_u": "red"}, "interaction 'vector': u 'red', expected a number"),
        (["scalar", "scalar"], {}, "interaction 'scalar' is given twice"),
        (["all", "scalar"], {}, "interaction 'all' holds several: give it alone"),
        (["scalar"], {"options": ("u",)}, "--option 'u': expected NAME=VALUE"),
        (["sm"], {}, "interaction 'sm' is the Standard Model"),
    ],
)
def test_mistakes(names: list[str], choices: dict[str, object], message: str) -> None:
    with pytest.raises(SpecBuilderError, match=re.escape(message)):
        choices_of(names, choices)


def test_without_an_interaction_the_list_is_named() -> None:
    with pytest.raises(SpecBuilderError, match=r"give --interaction, one of scalar, vector_universal, .*or the path"):
        choice_of(None, {})


@pytest.fixture
def one_more(monkeypatch: pytest.MonkeyPatch) -> Interaction:
    """A row more in the list, and its options: the vector of B-L under another name, and nothing anywhere else."""
    known = choose("vector_bl").interaction
    added = replace(known, name="seventh", title="a seventh force", options=(Option("tilt", "of no use", 1.0),))
    monkeypatch.setattr(interactions, "_SHIPPED", (*interactions.shipped_interactions(), added))
    monkeypatch.setitem(SHIPPED_OPTIONS, added.name, added.options)
    for cached in (cli_interactions._options, cli_interactions._click_options):
        cached.cache_clear()
        monkeypatch.setattr(cli_interactions, cached.__name__, cached.__wrapped__)
    return added


def test_a_row_of_the_list_reaches_every_verb_and_every_figure(
    spec_builder: Command, one_more: Interaction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = ("--interaction", one_more.name)

    def run(*typed: str) -> str:
        done = spec_builder(*typed)
        assert done.returncode == 0, done.stderr
        return done.stdout

    for verb in ("spectrum", "limits", "scan", "plane", "export", "archive"):
        assert "--tilt" in run(verb, "--help")
    assert "interaction seventh" in run("limits", "xenonnt", *named, "--masses", "1,10,100", "--plot", "limits.png")
    point = ("--mass", "10", "--coupling", "1e-4")
    assert len(run("spectrum", *named, "--energies", "1,2", *point).splitlines()) >= 4
    run("explain", "xenonnt", *named, *point)
    run("scan", "xenonnt", *named, "--masses", "1,10", "--couplings", "1e-5,1e-4", "-o", "scan.csv")
    run("plane", "xenonnt", *named, "--interaction", "scalar", "--points", "3", "-o", "plane")
    run("export", "xenonnt", *named, "--masses", "1,10", "--couplings", "1e-5", "-o", "shared")
    run("verify", "shared/xenonnt/BkgOnly.json", f"shared/xenonnt/patchset_{one_more.name}.json")
    run("archive", "xenonnt", *named, "--masses", "1,10", "--couplings", "1e-5", "-o", "archive")
    run("verify", "archive/xenonnt.tar.gz")
    made = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {"limits.png", "scan.csv", "plane.png", "contour_xenonnt_seventh.csv", "patchset_seventh.json"} <= made


def test_all_stays_the_papers_when_the_list_grows(one_more: Interaction) -> None:
    """``all`` is Fig. 4 and the files that are checked in: it does not grow with the list, and says what it is."""
    assert one_more.name not in [choice.name for choice in choices_of(["all"], {})]
    assert choice_of(one_more.name, {}).options == {"tilt": 1.0}
