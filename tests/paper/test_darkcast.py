"""Recasts by a DarkCast of the user's: here a stand-in of our own with the same calls."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.paper.bounds import Bound, shipped_bounds
from spec_builder.paper.darkcast import COUPLINGS, darkcast_folder, recast_bounds

if TYPE_CHECKING:
    from collections.abc import Callable

#: A model's g is scaled by its electron coupling; ``NoAxial`` and ``Broken`` behave as their names say.
INIT = """
import importlib, sys
print("a greeting that is no JSON")
__version__ = "9.9"

class Dataset:
    def __init__(self, mass, g):
        self.axes, self.vals = [list(mass)], list(g)

class Model:
    def __init__(self, name):
        sys.path.insert(0, "")
        self.xfs = importlib.import_module(name).xfs
        del sys.path[0]
        AXIAL_CHECK

class Limit:
    def __init__(self, name):
        self.name = name
        if name == "Broken":
            raise ValueError("no such limit")

    def recast(self, model):
        print("chatter")
        if self.name == "NoAxial" and model.xfs["e"][0]:
            return None
        size = sum(abs(x) for x in model.xfs["e"]) if isinstance(model.xfs["e"], tuple) else abs(model.xfs["e"])
        found = {"lower": Dataset([1e-3, 2e-3, 4e-3, 8e-3], [1e-6 * size, 2e-6 * size, 5e-6 * size, 1e5])}
        if self.name == "Region":
            found["upper"] = Dataset([1e-3, 2e-3, 4e-3, 8e-3], [1e-4, 1e-5, 4e-6, 1e5])
        if self.name == "Wild":
            found["lower"] = Dataset([1e-3, 2e-3, 1e300, float("inf")], [5e-324, 2e-6, 1e-6, 1e-6])
        return found
"""


def stand_in(folder: Path, axial: str = "pass") -> Path:
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(INIT.replace("AXIAL_CHECK", axial), encoding="utf-8")
    for name in ("limit.py", "model.py"):
        (folder / name).write_text("", encoding="utf-8")
    return folder


def bound(interaction: str = "vector_bl", darkcast: str = "Line", name: str = "x") -> Bound:
    ends = np.array([1.0, 2.0])
    return Bound(
        interaction, name, "X", "collider", "arXiv:1", "published", "90 % CL", "shipped", darkcast, ends, ends, ends * 2
    )


@pytest.fixture
def darkcast(tmp_path: Path) -> Path:
    return stand_in(tmp_path / "darkcast")


@pytest.mark.parametrize("interaction", COUPLINGS)
def test_a_line_is_replaced(darkcast: Path, interaction: str) -> None:
    (found,), failed = recast_bounds([bound(interaction)], darkcast)
    assert failed == []
    np.testing.assert_allclose(found.mass_MeV, [1, 2, 4])  # GeV to MeV; what was not found is left out
    np.testing.assert_allclose(found.g_low, [1e-6, 2e-6, 5e-6])
    assert np.isinf(found.g_high).all()
    assert (found.title, found.source, found.status) == ("X", "arXiv:1", "computed")
    assert "user's DarkCast 9.9" in found.recast
    assert COUPLINGS[interaction][1] in found.recast


def test_a_region_keeps_its_upper_end_and_drops_empty_masses(darkcast: Path) -> None:
    (found,), _ = recast_bounds([bound(darkcast="Region")], darkcast)
    np.testing.assert_allclose(found.mass_MeV, [1, 2])
    np.testing.assert_allclose(found.g_high, [1e-4, 1e-5])


def test_masses_and_couplings_that_no_axis_holds_are_left_out(darkcast: Path) -> None:
    (found,), _ = recast_bounds([bound(darkcast="Wild")], darkcast)
    np.testing.assert_allclose(found.mass_MeV, [2])


def test_what_cannot_be_recast_is_listed_with_its_reason(darkcast: Path) -> None:
    bounds = [bound("axial", "NoAxial", "a"), bound("axial", "Broken", "b"), bound("axial", "Line", "c")]
    found, failed = recast_bounds(bounds, darkcast)
    assert [b.name for b in found] == ["c"]
    assert [(row.name, row.reason) for row in failed] == [
        ("a", "not recast: DarkCast cannot recast it to these couplings"),
        ("b", "not recast: ValueError: no such limit"),
    ]


def test_curves_without_a_name_in_darkcast_stay(darkcast: Path) -> None:
    mine = [bound(darkcast=""), bound("scalar", "Line")]
    assert recast_bounds(mine, darkcast) == (mine, [])


def test_a_darkcast_from_before_axial_couplings(tmp_path: Path) -> None:
    folder = stand_in(tmp_path / "old", "[float(x) for x in self.xfs.values()]")
    found, failed = recast_bounds([bound("vector_bl"), bound("vector_universal"), bound("axial")], folder)
    assert [b.interaction for b in found] == ["vector_bl", "vector_universal"]
    assert [row.interaction for row in failed] == ["axial"]
    assert "this DarkCast has no such couplings" in failed[0].reason


def test_every_shipped_curve_has_a_name_in_darkcast_that_is_asked_for(darkcast: Path) -> None:
    reports: list[str] = []
    found, failed = recast_bounds(shipped_bounds(), darkcast, report=lambda step, *_: reports.append(step))
    assert failed == []
    assert len(found) == len(shipped_bounds())
    assert reports[0] == f"DarkCast: runs the code in {darkcast}"
    assert reports[1:] == [
        *("DarkCast: 16 limits to axial", "DarkCast: 20 limits to vector_bl", "DarkCast: 20 limits to vector_universal")
    ]


def test_nothing_is_left_behind(darkcast: Path) -> None:
    path, modules, here, before = list(sys.path), set(sys.modules), Path.cwd(), sorted(darkcast.rglob("*"))
    recast_bounds([bound()], darkcast)
    assert sys.path == path
    assert "darkcast" not in set(sys.modules) - modules
    assert Path.cwd() == here
    assert sorted(darkcast.rglob("*")) == before
    assert not list(here.glob("spec_builder_vector*.py"))


def test_the_folder_or_the_one_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stand_in(tmp_path / "checkout" / "darkcast")
    assert darkcast_folder(folder) == darkcast_folder(tmp_path / "checkout") == folder
    monkeypatch.chdir(tmp_path)
    assert darkcast_folder(Path("checkout")) == folder


def test_no_darkcast(tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match=r"no DarkCast here, expected its folder with __init__\.py, limit\.py"):
        recast_bounds([bound()], tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(
            "import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'", id="i"
        ),
        pytest.param("print 'python 2'", "SyntaxError: .*", id="Python 2"),
    ],
)
def test_a_darkcast_that_cannot_be_imported(tmp_path: Path, content: str, reason: str) -> None:
    folder = stand_in(tmp_path / "darkcast")
    (folder / "__init__.py").write_text(content, encoding="utf-8")
    with pytest.raises(SpecBuilderError, match=rf"darkcast: DarkCast cannot be used \({reason}\)"):
        recast_bounds([bound()], folder)


def test_the_couplings_reach_the_model(tmp_path: Path) -> None:
    spy = tmp_path / "seen.json"
    axial = f"import json; open({os.fspath(spy)!r}, 'w').write(json.dumps(self.xfs))"
    folder = stand_in(tmp_path / "darkcast", axial)
    seen: Callable[[], dict[str, list[float]]] = lambda: json.loads(spy.read_text("utf-8"))  # noqa: E731
    recast_bounds([bound("vector_bl")], folder)
    # B - L charges
    assert [seen()[f] for f in ("e", "nue", "u", "t")] == [[0, -1], [0, -1], [0, 1 / 3], [0, 1 / 3]]
    recast_bounds([bound("axial")], folder)
    assert [seen()[f] for f in ("mu", "nutau", "d", "s")] == [[1, 0], [-0.5, 0.5], [1, 0], [1, 0]]
    recast_bounds([bound("vector_universal")], folder)
    assert [seen()[f] for f in ("tau", "numu", "c", "b")] == [[0, 1], [-0.5, 0.5], [0, 1], [0, 1]]
    assert len(seen()) == 12


def test_a_darkcast_that_never_answers_is_ended_with_its_children(
    darkcast: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEC_BUILDER_PATIENCE", "3")
    child = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(1000)"
    (darkcast / "__init__.py").write_text(
        f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(1000)\n"
    )
    with pytest.raises(SpecBuilderError, match=r"darkcast: DarkCast has not answered for 3 s; SPEC_BUILDER_PATIENCE"):
        recast_bounds([bound()], darkcast)
    pid = int((tmp_path / "pid").read_text())
    state = Path(f"/proc/{pid}/stat")
    end = time.monotonic() + 30  # a process that is killed ends when it gets a core
    while state.exists() and state.read_text().split()[2] != "Z" and time.monotonic() < end:
        time.sleep(0.05)
    assert not state.exists() or state.read_text().split()[2] == "Z"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os\nos._exit(0)", "DarkCast cannot be used .no answer"),
        ("import sys\nsys.exit('no')", "DarkCast cannot be used .no"),
        ("while True: print('x' * 65536)", "DarkCast has not answered for 2 s"),
        ("import os\nwhile True: os.write(1, b'x' * 65536)", "DarkCast has not answered for 2 s"),
        ("raise ValueError('a\\x1b[31m')", r"DarkCast cannot be used .ValueError: a\\x1b\[31m"),
    ],
)
def test_whatever_darkcast_does_is_one_line(
    darkcast: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    monkeypatch.setenv("SPEC_BUILDER_PATIENCE", "2")
    (darkcast / "__init__.py").write_text(code)
    with pytest.raises(SpecBuilderError, match=words):
        recast_bounds([bound()], darkcast)


def test_an_answer_that_is_no_curve_is_missing(darkcast: Path) -> None:
    init = (darkcast / "__init__.py").read_text().replace("[1e-3, 2e-3, 4e-3, 8e-3], [1e-6", "[1e-3], [1e-6")
    (darkcast / "__init__.py").write_text(init)
    with pytest.raises(SpecBuilderError, match=r"recast none of 1 limits .*answer is no curve"):
        recast_bounds([bound()], darkcast)


def test_it_says_whose_code_it_runs(darkcast: Path) -> None:
    said: list[str] = []
    recast_bounds([bound()], darkcast, report=lambda step, *_: said.append(step))
    assert said == [f"DarkCast: runs the code in {darkcast}", "DarkCast: 1 limits to vector_bl"]
