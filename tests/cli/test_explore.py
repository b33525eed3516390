from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]


def test_explore_writes_a_page(spec_builder: Command, tmp_path: Path) -> None:
    pytest.importorskip("plotly", reason="the page's plotting library comes with plotly")
    page = tmp_path / "page.html"
    asked = ("explore", "xenonnt", "--interaction", "scalar", "--coupling-set", "A", "--cl", "0.9", "--points", "4")
    done = spec_builder(*asked, "--law", "linear", "--output", page)
    assert (done.returncode, done.stdout) == (0, f"{page}\n")
    match = re.search(r'id="content">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert match
    content = json.loads(match[1])
    assert [(model["analysis"], model["law"]) for model in content["models"]] == [("xenonnt", "linear")]
    assert content["interactions"][0]["options"] == {"coupling_set": "A"}
    assert content["levels"] == [0.9]
    again = spec_builder(*asked, "--output", page)
    assert again.returncode == 2
    assert "exists already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--output", "page.pdf"), "page.pdf: expected a name that ends in .html"),
        (("--interaction", "scalar", "--interaction", "scalar"), "interaction 'scalar' is given twice"),
        (("--law", "log"), "law 'log' is unknown"),
        (("nowhere",), "analysis 'nowhere' is unknown"),
        (("--points", "0"), "points 0: expected 2 to 201"),
        (("--cl", "2"), "confidence level 2: expected a number between 0 and 1"),
    ],
)
def test_mistakes(
    spec_builder: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("spec_builder.figures.explorer.plotting_library", lambda: "")
    done = spec_builder("explore", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []
