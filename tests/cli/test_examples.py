"""What ``--help`` names is there, and the lines that it shows work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spec_builder.base.files import canonical_json
from spec_builder.cli import cli
from spec_builder.cli.examples import EXAMPLES, NAMES
from spec_builder.experiments.reading import shipped_experiments
from spec_builder.model.analyses import named_analyses
from spec_builder.model.analysis import load_analysis
from spec_builder.model.patches import build_patch_set
from spec_builder.physics.interactions import choose, shipped_interactions
from spec_builder.sharing.archive import write_archives
from spec_builder.sharing.export import PatchRequest
from tests.copies import copy_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

#: They take minutes, or need what is not here; their own tests run them.
ELSEWHERE = ("import ", "reproduce", "compare", "plane", "explore")


def test_names_are_those_that_are_shipped() -> None:
    shown = NAMES["--interaction"].partition(", or the path")[0]
    assert shown == ", ".join(interaction.name for interaction in shipped_interactions())
    assert all(name in NAMES["ANALYSIS"] for name in {*named_analyses()} - {*shipped_experiments()})


def test_every_verb_that_needs_words_has_an_example() -> None:
    assert set(cli.commands) - set(EXAMPLES) == {"doctor"}
    for name, lines in EXAMPLES.items():
        assert all(line.split()[0] == name for line in lines)
        assert all(f"spec-builder {line}" in str(cli.commands[name].epilog) for line in lines)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the examples name."""
    folder = tmp_path_factory.mktemp("desk")
    xenonnt = load_analysis("xenonnt")
    patches = build_patch_set(xenonnt, choose("scalar"), [(1.0, 1e-5), (10.0, 1e-5)])
    for name, content in (("workspace", xenonnt.workspace), ("patchset", patches)):
        (folder / f"{name}.json").write_text(canonical_json(content), "utf-8")
    copy_of("pandax4t", folder / "mydetector", called="mydetector")
    request = PatchRequest(["scalar"], masses=[1, 10], couplings=[1e-5])
    (archive,) = write_archives(["xenonnt"], folder / "record0", request, submission=False)
    archive.rename(folder / "xenonnt.tar.gz")
    return folder


@pytest.mark.parametrize("line", [x for lines in EXAMPLES.values() for x in lines if not x.startswith(ELSEWHERE)])
def test_examples_work(line: str, desk: Path, spec_builder: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    result = spec_builder(*line.split())
    assert (result.returncode, result.stderr.partition("error:")[1]) == (0, "")
    words = line.split()
    written = [words[i + 1] for i, word in enumerate(words) if word in ("-o", "--plot")]
    assert [name for name in written if not (desk / name).exists()] == []
    assert written or result.stdout


def test_options_of_a_verb_with_many_stand_in_groups(spec_builder: Command) -> None:
    text = spec_builder("limits", "--help").stdout
    headings = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Options:", "Interaction:", "Model and data:", "Toys and worker processes:", "Output:"]
    interaction = text.partition("Interaction:")[2].partition("Model and data:")[0]
    assert all(f"  {name} " in interaction for name in ("--interaction", "--coupling-set", "--option", "--masses"))
    assert "Output:" not in spec_builder("hs3", "--help").stdout
