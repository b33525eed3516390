"""The worker that runs with a user's DarkCast: models by the first form that is accepted, limits each on their own."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spec_builder.paper import darkcast_worker
from spec_builder.paper.darkcast_worker import answer, make_model, recast

#: A DarkCast that knows the limits ``Line`` and ``Region``, and no axial couplings.
PACKAGE = """
__version__ = "1.1"
class Model:
    def __init__(self, name):
        with open(name + ".py") as file:
            exec(file.read(), globals())
        if any(isinstance(x, tuple) for x in xfs.values()):
            raise TypeError("a number is needed")
        self.xfs = xfs
class _Values:
    def __init__(self, values):
        self.vals, self.axes = values, [[0.001, 0.002]]
class Limit:
    def __init__(self, name):
        if name not in ("Line", "Region", "Nothing"):
            raise ValueError("no such limit")
        self.name = name
    def recast(self, model):
        print("a word on standard output")
        if self.name == "Nothing":
            return None
        lower = _Values([1e-6, 2e-6])
        return {"lower": lower, "upper": _Values([1e-3, 1e-4])} if self.name == "Region" else {"lower": lower}
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "darkcast"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACKAGE, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "darkcast", None)
    return folder


def request(package: Path, limits: list[str], forms: list[dict[str, Any]]) -> dict[str, Any]:
    return {"package": str(package), "model": "mine", "forms": forms, "limits": limits}


def test_each_limit_answers_for_itself(package: Path) -> None:
    found = answer(request(package, ["Line", "Region", "Nothing", "Moon"], [{"e": 1.0}]))
    assert found["version"] == "1.1"
    line, region, nothing, moon = (found["limits"][name] for name in ("Line", "Region", "Nothing", "Moon"))
    assert line == {"mass_GeV": [0.001, 0.002], "lower": [1e-6, 2e-6], "upper": None}
    assert region["upper"] == [1e-3, 1e-4]
    assert nothing == {"error": "DarkCast cannot recast it to these couplings"}
    assert moon == {"error": "ValueError: no such limit"}


def test_the_first_form_that_is_accepted_is_taken(package: Path) -> None:
    darkcast = darkcast_worker.load(str(package))
    assert make_model(darkcast, "two", [{"e": [1.0, 0.5]}, {"e": 3.0}]).xfs == {"e": 3.0}
    with pytest.raises(TypeError, match="a number is needed"):
        make_model(darkcast, "none", [{"e": [1.0, 0.5]}])
    refused = answer(request(package, ["Line"], [{"e": [1.0, 0.5]}]))
    assert refused == {"error": "this DarkCast has no such couplings (TypeError: a number is needed)"}


def test_the_answer_is_alone_on_standard_output(
    package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(request(package, ["Line"], [{"e": 1.0}]))))
    darkcast_worker.main(sys.stdout)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["limits"]["Line"]["lower"] == [1e-6, 2e-6]
    assert "a word on standard output" in printed.err


def test_a_package_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        darkcast_worker.load(str(tmp_path / "nothing"))
    limit = SimpleNamespace(Limit=lambda _: SimpleNamespace(recast=lambda _: None))
    assert "error" in recast(limit, "x", None)


def test_it_needs_nothing_of_ours() -> None:
    text = Path(darkcast_worker.__file__).read_text("utf-8")
    assert "spec_builder" not in text
