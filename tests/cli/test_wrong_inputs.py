"""A user's mistake ends in one line on stderr that says what is wrong and what was expected, and exit status 2."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tests.cli.runs import check, tree
from tests.copies import copy_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]
    Prepare = Callable[[Path], object]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Case:
    """What is typed, the words that the answer must hold, and what lies in the folder it is typed in."""

    typed: str | list[str]
    words: str | list[str]
    prepare: list[Prepare] = field(default_factory=list)
    stdin: str = ""

    @property
    def arguments(self) -> list[str]:
        return self.typed.split() if isinstance(self.typed, str) else self.typed

    @property
    def expected(self) -> list[str]:
        return self.words.split() if isinstance(self.words, str) else self.words


# ---------------------------------------------------------------------------------------------- what lies in the folder


def text(name: str, content: str = "something\n") -> Prepare:
    def prepare(desk: Path) -> None:
        (desk / name).parent.mkdir(parents=True, exist_ok=True)
        (desk / name).write_text(content, "utf-8")

    return prepare


def binary(name: str) -> Prepare:
    return lambda desk: (desk / name).write_bytes(b"\x7fELF\xff\xfe\x00\x00")


def folder(name: str) -> Prepare:
    return lambda desk: (desk / name).mkdir(parents=True)


def experiment(file: str = "", old: str = "", new: str = "") -> Prepare:
    """A copy of a shipped experiment in ``mine``, with one text in one of its files replaced."""

    def prepare(desk: Path) -> None:
        copy_of("xenonnt", desk / "mine")
        if file:
            replace(desk / "mine" / file, old, new)

    return prepare


def workspace(edit: Callable[[Any], object] = lambda _: None, law: str = "normsys", name: str = "ws.json") -> Prepare:
    """The exported XENONnT workspace, edited."""

    def prepare(desk: Path) -> None:
        content = json.loads((ROOT / "workspaces" / law / "xenonnt" / "BkgOnly.json").read_text("utf-8"))
        edit(content)
        (desk / name).write_text(json.dumps(content), "utf-8")

    return prepare


def replace(file: Path, old: str, new: str) -> None:
    content = file.read_text("utf-8")
    assert old in content
    file.write_text(content.replace(old, new), "utf-8")


def number(name: str) -> Prepare:
    """The workspace with a word in place of a yield, one that Python reads as a number and JSON does not have."""
    return workspace(lambda content: sample(content)["data"].__setitem__(1, float(name)))


def overflow(desk: Path) -> None:
    """The workspace with a number that JSON may hold and no float can."""
    workspace()(desk)
    replace(desk / "ws.json", "[16, 14, 7]", "[16, 1e999, 7]")


def foreign_metadata(desk: Path) -> None:
    workspace()(desk)
    shutil.copy(ROOT / "workspaces" / "linear" / "xenonnt" / "BkgOnly.meta.json", desk / "ws.meta.json")


def sample(content: Any, name: str = "cevns") -> Any:
    return next(s for s in content["channels"][0]["samples"] if s["name"] == name)


def everything(content: Any) -> Any:
    """All that has one number a bin."""
    return [*content["channels"][0]["samples"], *content["observations"]]


def modifier(content: Any, name: str, kind: str) -> Any:
    return next(
        m for s in content["channels"][0]["samples"] for m in s["modifiers"] if (m["name"], m["type"]) == (name, kind)
    )


def parameter(content: Any, name: str) -> Any:
    return next(p for p in content["measurements"][0]["config"]["parameters"] if p["name"] == name)


def patch(*operations: object) -> Prepare:
    return text("patch.json", json.dumps(operations))


UNKNOWN_MODIFIER = workspace(
    lambda w: sample(w)["modifiers"].append({"name": "free", "type": "shapewarp", "data": None})
)
MASSIVE = "spectrum --energies 1 --interaction vector_bl"

CASES = {
    # the program
    "no verb": Case("", "command"),
    "unknown verb": Case("fitt xenonnt", "command fitt"),
    "unknown option": Case("fit xenonnt --colour red", "option --colour"),
    "option without its value": Case("fit xenonnt --parameter", "--parameter argument"),
    "too many arguments": Case("fit xenonnt pandax4t --parameter flux", "unexpected pandax4t"),
    # names
    "analysis": Case("fit xenon1t --parameter flux", "analysis 'xenon1t' unknown xenonnt, pandax4t, combined"),
    "analysis of a profile": Case("profile xenon1t --parameter flux", "analysis 'xenon1t' unknown combined"),
    "analysis of an export": Case("export xenonnt xenon1t --output out", "analysis 'xenon1t' unknown combined"),
    "analysis joined": Case("fit xenonnt+lux --parameter flux", "analysis 'xenonnt+lux' unknown"),
    "analysis without a name": Case(["fit", "", "--parameter", "flux"], ["analysis ''", "xenonnt"]),
    "analysis with a plus too many": Case("fit xenonnt+ --parameter flux", "analysis 'xenonnt+' xenonnt"),
    "experiment twice": Case("fit xenonnt+xenonnt --parameter flux", "channel 'xenonnt_cs2' twice once"),
    "experiment": Case("experiments lux", "experiment 'lux' unknown pandax4t, xenonnt experiment.toml"),
    "parameter": Case("fit xenonnt --parameter mass", "parameter 'mass' unknown flux, sin2thetaw"),
    "parameter of a profile": Case("profile xenonnt --parameter mass", "parameter 'mass' unknown flux, sin2thetaw"),
    "no parameter": Case("fit xenonnt", "--parameter flux sin2thetaw"),
    "law": Case("fit xenonnt --parameter flux --law lognormal", "law 'lognormal' unknown normsys, linear"),
    "law of an export": Case("export --law lognormal --output out", "law 'lognormal' unknown normsys, linear"),
    "minimiser": Case("fit xenonnt --parameter flux --minimiser simplex", "'simplex' unknown minuit, newton"),
    "interaction": Case("spectrum --energies 1 --interaction gravity", "'gravity' unknown sm, scalar, tensor"),
    "variant": Case(
        "fit combined --parameter flux --variant pandax4t=nest",
        "variant 'nest' pandax4t unknown ce_rich, md_rich, poisson_response, charge_yield",
    ),
    "variant of another experiment": Case(
        "fit xenonnt --parameter flux --variant pandax4t=ce_rich", "variant 'pandax4t' only xenonnt"
    ),
    "variant of no exported analysis": Case(
        "export xenonnt --variant pandax4t=ce_rich --output out", "variant 'pandax4t' no exported analysis"
    ),
    "variant without its experiment": Case(
        "fit xenonnt --parameter flux --variant ce_rich", "variant 'ce_rich' EXPERIMENT=NAME"
    ),
    "variant twice": Case(
        "fit combined --parameter flux --variant pandax4t=ce_rich --variant pandax4t=md_rich",
        "variant 'pandax4t' twice",
    ),
    "measurement": Case("fit ws.json --measurement mu", "'mu' unknown b8_flux, new_physics", [workspace()]),
    # numbers
    "cl one": Case("fit xenonnt --parameter flux --cl 1", "level 1: between 0 1"),
    "cl zero": Case("fit xenonnt --parameter flux --cl 0", "level 0: between 0 1"),
    "cl in per cent": Case("fit xenonnt --parameter flux --cl 68", "level 68: between 0 1 0.68"),
    "cl nan": Case("fit xenonnt --parameter flux --cl nan", "level nan: between 0 1"),
    "cl in words": Case("fit xenonnt --parameter flux --cl high", "'--cl' 'high' float"),
    "one point": Case("profile xenonnt --parameter flux --points 1", "points 1: 2"),
    "minus three points": Case("profile xenonnt --parameter flux --points -3", "points -3: 2"),
    "no whole number of points": Case("profile xenonnt --parameter flux --points 2.5", "'--points' '2.5' integer"),
    "no energies": Case("spectrum", "--energies"),
    "energy empty": Case(["spectrum", "--energies", ""], ["energies ''", "positive number"]),
    "energy zero": Case("spectrum --energies 0", "energies '0' positive number"),
    "energy negative": Case("spectrum --energies 1,-1", "energies '1,-1': '-1' positive number"),
    "energy nan": Case("spectrum --energies nan", "energies 'nan' positive number"),
    "energy infinite": Case("spectrum --energies inf", "energies 'inf' positive number"),
    "energy out of floating range": Case("spectrum --energies 1e308", "energies 1e"),
    "energies with a gap": Case("spectrum --energies 1,,2", "energies '1,,2' positive number"),
    "grid reversed": Case("spectrum --energies 3:1:5", "energies '3:1:5': LO below HI"),
    "grid of one point": Case("spectrum --energies 1:3:1", "energies '1:3:1': N at least 2"),
    "grid of no whole number": Case("spectrum --energies 1:3:2.5", "energies '1:3:2.5': N whole at least 2"),
    "grid without a number": Case("spectrum --energies 1:3", "energies '1:3': LO:HI:N"),
    "grid from zero": Case("spectrum --energies 0:3:5", "energies '0:3:5': '0' positive number"),
    "mass missing": Case(f"{MASSIVE} --coupling 1e-5", "'vector_bl': --mass MeV"),
    "coupling missing": Case(f"{MASSIVE} --mass 1", "'vector_bl': --coupling"),
    **{
        f"mass {value}": Case(f"{MASSIVE} --coupling 1e-5 --mass {value}", "mass positive number MeV")
        for value in ("-1", "0", "nan")
    },
    "mass 1e200": Case(f"{MASSIVE} --coupling 1e-5 --mass 1e200", "mass 1e+200 beyond floating range"),
    "coupling -1e-5": Case(f"{MASSIVE} --mass 1 --coupling -1e-5", "coupling -1e-05 'vector_bl' none below 0"),
    "coupling 1e200": Case(f"{MASSIVE} --mass 1 --coupling 1e200", "coupling 1e+200 beyond floating range"),
    **{
        f"coupling {value}": Case(f"{MASSIVE} --mass 1 --coupling {value}", f"coupling '{value}' not a number")
        for value in ("nan", "inf")
    },
    **{
        f"coupling {value}": Case(f"{MASSIVE} --mass 1 --coupling {value}", "coupling")
        for value in ("1e79", "1e100", "1e149")
    },
    "mass without a mediator": Case("spectrum --energies 1 --mass 1", "'sm' no mediator --mass"),
    "sin2thetaw above one": Case("spectrum --energies 1 --sin2thetaw 1.5", "sin2thetaw 1.5: from 0 to 1"),
    "sin2thetaw nan": Case("spectrum --energies 1 --sin2thetaw nan", "sin2thetaw nan: from 0 to 1"),
    "sin2thetaw with a mediator": Case(
        f"{MASSIVE} --mass 1 --coupling 1e-5 --sin2thetaw 0.2", "--sin2thetaw 'sm' only 0.23857"
    ),
    "coupling set": Case(
        "spectrum --energies 1 --interaction scalar --mass 1 --coupling 1e-5 --coupling-set Z",
        "coupling set 'Z' unknown A, B, C, D, E",
    ),
    "longitudinal factor": Case(
        "spectrum --energies 1 --interaction tensor --mass 1 --coupling 1e-5 --longitudinal-factor 2",
        "longitudinal factor 2: 1 or 4",
    ),
    # options that do not apply
    "law of a workspace": Case("fit ws.json --law linear", "--law does not apply workspace", [workspace()]),
    "variant of a workspace": Case(
        "fit ws.json --variant xenonnt=charge_yield", "--variant does not apply workspace", [workspace()]
    ),
    "patch of an analysis": Case(
        "fit xenonnt --parameter flux --patch patch.json", "--patch does not apply analysis", [patch()]
    ),
    "data without a name": Case(["fit", "xenonnt", "--parameter", "flux", "--data", ""], ["data '':", "asimov"]),
    "plot without a name": Case(["fit", "xenonnt", "--parameter", "flux", "--plot", ""], ["plot '':", ".png"]),
    "interaction without a name": Case(["limits", "xenonnt", "--interaction", ""], ["interaction: give one of scalar"]),
    "factor that is odd text": Case(
        "fit xenonnt --parameter flux --exposure xenonnt=1_0 --data asimov", "exposure 'xenonnt=1_0' number"
    ),
    "value that is odd text": Case("fit ws.json --fix mu_8b=1_0", "fix 'mu_8b=1_0' number", [workspace()]),
    "option of nobody": Case(
        "limits xenonnt --interaction scalar --option coupling_st=A",
        "option 'coupling_st' unknown 'scalar' coupling_set, scalar_form mean 'coupling_set'",
    ),
    "level near zero": Case("fit xenonnt --parameter flux --cl 1e-300", "level 1e-300: digits 0.001"),
    "two measured parameters": Case(
        "profile xenonnt --parameter flux --parameter sin2thetaw", "flux and sin2thetaw one nuisance"
    ),
    "json and csv": Case("profile xenonnt --parameter flux --json --csv", "--json --csv both"),
    "export of two without a folder": Case("export xenonnt pandax4t", "--output FOLDER one analysis"),
    # a user's own experiment
    "folder missing": Case("fit ./mine --parameter flux", "./mine: no such folder experiment.toml"),
    "folder without a description": Case("fit mine --parameter flux", "mine: experiment.toml", [folder("mine")]),
    "broken TOML": Case(
        "fit mine --parameter flux",
        "experiment.toml: TOML line",
        [experiment("experiment.toml", "[channels.normalisation]", "[channels.normalisation")],
    ),
    "description not a text": Case(
        "experiments mine",
        "experiment.toml: UTF-8",
        [experiment(), binary("mine/experiment.toml")],
    ),
    "unknown key": Case(
        "experiments mine",
        "experiment.toml: unknown key 'colour'",
        [experiment("experiment.toml", 'name = "mine"', 'name = "mine"\ncolour = "red"')],
    ),
    "unknown key in a section": Case(
        "experiments mine",
        "experiment.toml: unknown key 'channels[0].runs[0].livetime'",
        [experiment("experiment.toml", "exposure_t_yr = 1.174398", "exposure_t_yr = 1.174398\nlivetime = 95.1")],
    ),
    "missing key": Case(
        "export mine --output out",
        "experiment.toml: key 'channels[0].source' missing",
        [experiment("experiment.toml", 'source = "solar_8b"', "")],
    ),
    "key of another kind": Case(
        "export mine --output out",
        "experiment.toml: exposure_t_yr positive number 'long'",
        [experiment("experiment.toml", "exposure_t_yr = 1.174398", 'exposure_t_yr = "long"')],
    ),
    "negative uncertainty": Case(
        "export mine --output out",
        "experiment.toml: flux_8b positive number -0.12",
        [experiment("experiment.toml", "flux_8b = 0.12", "flux_8b = -0.12")],
    ),
    "zero bins": Case(
        "fit mine --parameter flux",
        "experiment.toml: channels[0].axes[0].edges.sr0 two increasing numbers [90.0]",
        [experiment("experiment.toml", "sr0 = [90.0, 170.16177, 249.88974, 500.0]", "sr0 = [90.0]")],
    ),
    "edges that fall": Case(
        "fit mine --parameter flux",
        "experiment.toml: channels[0].axes[0].edges.sr0 increasing",
        [
            experiment(
                "experiment.toml", "sr0 = [90.0, 170.16177, 249.88974, 500.0]", "sr0 = [90.0, 80.0, 249.9, 500.0]"
            )
        ],
    ),
    "bins that do not match the response": Case(
        "fit mine --parameter flux",
        "response_sr0.csv:6: unknown column 'bin3'; mean 'bin2'",
        [experiment("response_sr0.csv", "bin0,bin1,bin2", "bin0,bin1,bin3")],
    ),
    "bins that do not match the data": Case(
        "fit mine --parameter flux",
        "observed.csv: 'bin' 0 to 2 bin edges 4 rows",
        [experiment("observed.csv", "2,7", "2,7\n3,5")],
    ),
    "negative count": Case(
        "fit mine --parameter flux",
        "observed.csv:8: observed -14, >= 0",
        [experiment("observed.csv", "1,14", "1,-14")],
    ),
    "count that is not whole": Case(
        "fit mine --parameter flux",
        "observed.csv:8: observed 14.5 whole number",
        [experiment("observed.csv", "1,14", "1,14.5")],
    ),
    "NaN in a table": Case(
        "fit mine --parameter flux",
        "backgrounds.csv:8: accidental 'nan' finite number",
        [experiment("backgrounds.csv", "8.4162776,0.12046507", "nan,0.12046507")],
    ),
    "word in a table": Case(
        "fit mine --parameter flux",
        "backgrounds.csv:8: accidental 'eight' finite number",
        [experiment("backgrounds.csv", "8.4162776,0.12046507", "eight,0.12046507")],
    ),
    "row too short": Case(
        "fit mine --parameter flux",
        "backgrounds.csv:8: 3 values, expected 4",
        [experiment("backgrounds.csv", "1,8.4162776,0.12046507", "1,8.4162776")],
    ),
    "table without rows": Case(
        "fit mine --parameter flux",
        "observed.csv: no rows",
        [experiment("observed.csv", "0,16\n1,14\n2,7\n", "")],
    ),
    "table without its source": Case(
        "fit mine --parameter flux",
        ["observed.csv:", "'# source: ...'", "missing"],
        [experiment("observed.csv", "# source:", "# origin:")],
    ),
    "table of unknown status": Case(
        "fit mine --parameter flux",
        "observed.csv: status 'guessed' unknown measured reconstructed",
        [experiment("observed.csv", "# status: measured", "# status: guessed")],
    ),
    "probability above one": Case(
        "fit mine --parameter flux",
        "response_sr0.csv: probabilities at most 1",
        [experiment("response_sr0.csv", "0.0006589663,", "1.0006589663,")],
    ),
    "table missing": Case(
        "fit mine --parameter flux",
        "nothing.csv: no such file",
        [experiment("experiment.toml", "observed.csv", "nothing.csv")],
    ),
    "name with a space": Case(
        "fit mine --parameter flux",
        "experiment.toml: name letters, digits underscores 'my",
        [experiment("experiment.toml", 'name = "mine"', 'name = "my exp"')],
    ),
    "variant of a user's experiment": Case(
        "fit mine --parameter flux --variant mine=rich",
        "variant 'rich' mine unknown absolute_normalisation, charge_yield",
        [experiment()],
    ),
    # files to read
    "file missing": Case("fit nothing.json", "nothing.json: no such file"),
    "file missing in a folder with a space": Case(["fit", "a b/ü.json"], ["a b/ü.json: no such file"]),
    "name of two lines": Case(["fit", "two\nlines.json"], ["lines.json: no such file"]),
    "file to verify missing": Case("verify nothing.json", "nothing.json: no such file"),
    "nothing to verify": Case("verify", "FILE"),
    "folder as a file": Case("fit dir.json", "dir.json: directory", [folder("dir.json")]),
    "folder to verify": Case("verify dir.json", "dir.json: directory", [folder("dir.json")]),
    "binary file": Case("fit ws.json", "ws.json: UTF-8", [binary("ws.json")]),
    "binary file to verify": Case("verify ws.json", "ws.json: UTF-8", [binary("ws.json")]),
    "empty standard input": Case("fit -", "standard input JSON"),
    "empty standard input to verify": Case("verify -", "standard input JSON"),
    "broken JSON": Case("fit ws.json", "ws.json:1: JSON column", [text("ws.json", '{"channels": [')]),
    "key twice": Case("fit ws.json", "ws.json: 'version' twice", [text("ws.json", '{"version": 1, "version": 1}')]),
    "nested too deeply": Case("fit ws.json", "ws.json: deeply", [text("ws.json", "[" * 100_000)]),
    "JSON but no workspace": Case("fit ws.json", "ws.json: not a pyhf workspace", [text("ws.json", "[]")]),
    "object but no workspace": Case("fit ws.json", "ws.json: not a pyhf workspace", [text("ws.json", "{}")]),
    # what stands in a workspace
    **{
        f"{constant} in a workspace": Case("fit ws.json", f"ws.json: {constant} finite", [number(constant)])
        for constant in ("NaN", "Infinity", "-Infinity")
    },
    "number out of range in a workspace": Case("fit ws.json", "ws.json: 1e999 finite", [overflow]),
    "whole number out of range in a workspace": Case(
        "fit ws.json", "ws.json:", [workspace(lambda w: w["observations"][0]["data"].__setitem__(1, 10**400))]
    ),
    "unsupported modifier": Case(
        "fit ws.json", "ws.json: channel 'xenonnt_cs2', sample 'cevns', 'shapewarp' normsys", [UNKNOWN_MODIFIER]
    ),
    "unsupported modifier from standard input": Case(
        "fit -",
        "standard input: sample 'cevns', 'shapewarp' normsys",
        stdin=json.dumps(
            {
                "channels": [
                    {
                        "name": "one",
                        "samples": [
                            {
                                "name": "cevns",
                                "data": [1.0],
                                "modifiers": [
                                    {"name": "mu", "type": "normfactor", "data": None},
                                    {"name": "free", "type": "shapewarp", "data": None},
                                ],
                            }
                        ],
                    }
                ],
                "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
                "observations": [{"name": "one", "data": [1]}],
                "version": "1.0.0",
            }
        ),
    ),
    "no measurement": Case("fit ws.json", "ws.json: measurement", [workspace(lambda w: w["measurements"].clear())]),
    "no bin": Case("fit ws.json", "ws.json: bin", [workspace(lambda w: [x["data"].clear() for x in everything(w)])]),
    "no observation": Case(
        "fit ws.json", "ws.json: 'xenonnt_cs2' no observation", [workspace(lambda w: w["observations"].clear())]
    ),
    "negative count in a workspace": Case(
        "fit ws.json",
        "ws.json: 'xenonnt_cs2' >= 0",
        [workspace(lambda w: w["observations"][0]["data"].__setitem__(1, -14))],
    ),
    "channel twice in a workspace": Case(
        "fit ws.json",
        "ws.json: channel 'xenonnt_cs2' twice",
        [workspace(lambda w: w["channels"].extend(w["channels"]))],
    ),
    "sample twice in a workspace": Case(
        "fit ws.json",
        "ws.json: sample 'cevns' twice",
        [workspace(lambda w: w["channels"][0]["samples"].append(sample(w)))],
    ),
    "start outside the bounds": Case(
        "fit ws.json",
        "ws.json: 'mu_8b' 50 bounds [0, 10]",
        [workspace(lambda w: parameter(w, "mu_8b").update(inits=[50]))],
    ),
    "two starts for one parameter": Case(
        "fit ws.json", "ws.json: 'mu_8b' inits", [workspace(lambda w: parameter(w, "mu_8b").update(inits=[1, 1]))]
    ),
    "no rate": Case(
        "fit ws.json",
        "ws.json: xenonnt_cs2 bin 0 16 observed nothing expected",
        [workspace(lambda w: [s["data"].__setitem__(0, 0) for s in w["channels"][0]["samples"]])],
    ),
    # patches
    "patch missing": Case("fit ws.json --patch patch.json", "patch.json: no such file", [workspace()]),
    "patch not a list": Case(
        "fit ws.json --patch patch.json",
        "patch.json: JSON patch list",
        [workspace(), text("patch.json", '{"op": "remove", "path": "/channels/0"}')],
    ),
    "patch of nothing there": Case(
        "fit ws.json --patch patch.json",
        "patch.json: not apply '7'",
        [workspace(), patch({"op": "replace", "path": "/channels/7/name", "value": "x"})],
    ),
    "patch whose test fails": Case(
        "fit ws.json --patch patch.json",
        "patch.json: not apply",
        [workspace(), patch({"op": "test", "path": "/version", "value": "2.0.0"})],
    ),
    "patch that does nothing known": Case(
        "fit ws.json --patch patch.json",
        "patch.json: not apply",
        [workspace(), patch({"op": "paint", "path": "/version"})],
    ),
    "patch of a word": Case("fit ws.json --patch patch.json", "patch.json: not apply", [workspace(), patch("word")]),
    # files to write
    "output exists": Case(
        "fit xenonnt --parameter flux --output out.json", "out.json: exists --force", [text("out.json")]
    ),
    "output of a spectrum exists": Case(
        "spectrum --energies 1 --output out.json", "out.json: exists --force", [text("out.json")]
    ),
    "output is a folder": Case("fit xenonnt --parameter flux --output out", "out: folder file", [folder("out")]),
    "output is a folder, by force": Case(
        "fit xenonnt --parameter flux --output out --force", "out: folder file", [folder("out")]
    ),
    "output below a file": Case(
        "fit xenonnt --parameter flux --output out/fit.json",
        "out cannot be written is not a folder",
        [text("out")],
    ),
    "one exported file exists": Case(
        "export --output out",
        "out/pandax4t/BkgOnly.json: exists --force",
        [text("out/pandax4t/BkgOnly.json")],
    ),
    "two analyses of one name": Case("export mine ./mine --output out", "'mine' twice", [experiment()]),
    "export below a file": Case("export --output out", "out cannot be written is not a folder", [text("out")]),
    "reproduction exists": Case("reproduce --output out", "out/summary.md: exists --force", [text("out/summary.md")]),
    "one file of a reproduction exists": Case(
        "reproduce --output out", "out/pulls.pdf: exists --force", [text("out/pulls.pdf")]
    ),
    "reproduction below a file": Case("reproduce --output out", "out cannot be written is not a folder", [text("out")]),
    "plot exists": Case("profile xenonnt --parameter flux --plot a.png", "a.png: exists --force", [text("a.png")]),
    "plot of unknown kind": Case("profile xenonnt --parameter flux --plot a.jpeg", "a.jpeg: .png, .pdf, .svg"),
    "plot below a file": Case(
        "profile xenonnt --parameter flux --plot out/a.png",
        "out cannot be written is not a folder",
        [text("out")],
    ),
    "plot is new but the output exists": Case(
        "profile xenonnt --parameter flux --plot a.png --csv --output a.csv", "a.csv: exists --force", [text("a.csv")]
    ),
}


# ---------------------------------------------------------------------------------------------- what is answered


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the user types."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", CASES)
def test_one_line_on_stderr_and_nothing_else(spec_builder: Command, desk: Path, name: str) -> None:
    case = CASES[name]
    for prepare in case.prepare:
        prepare(desk)
    before = tree(desk)
    check(spec_builder(*case.arguments, stdin=case.stdin), case.expected)
    assert tree(desk) == before


@pytest.mark.parametrize(
    "name",
    [
        "unknown verb",
        "broken TOML",
        "energy out of floating range",
        "coupling 1e79",
        "unsupported modifier",
        "number out of range in a workspace",
    ],
)
def test_the_same_in_a_process_of_its_own(shell: Command, tmp_path: Path, name: str) -> None:
    """Where a warning would be a line more on stderr, and a traceback exit status 1."""
    case = CASES[name]
    for prepare in case.prepare:
        prepare(tmp_path)
    before = tree(tmp_path)
    check(shell("spec-builder", *case.arguments, stdin=case.stdin, cwd=tmp_path), case.expected)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("verb", ["fit xenonnt --parameter flux --output out/fit.json", "export xenonnt --output out"])
def test_a_folder_that_may_not_be_written(
    spec_builder: Command, desk: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """The answer of a read-only folder, also to a superuser, whom permissions do not stop."""

    def refuse(**_: object) -> NoReturn:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    check(spec_builder(*verb.split()), ["out/", "cannot be written", os.strerror(errno.EACCES)])
    assert [path for path in desk.rglob("*") if path.is_file()] == []


def test_a_full_disk_behind_standard_output(spec_builder: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, _: str, /) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sys, "stdout", Full())
    check(spec_builder("experiments"), ["standard output", os.strerror(errno.ENOSPC)])


# ---------------------------------------------------------------------------------------------- verify

#: What is wrong, then words of where it is, of the reason and of the remedy.
VERIFY: dict[str, tuple[Prepare, list[str]]] = {
    "channel twice": (
        workspace(lambda w: w["channels"].extend(w["channels"])),
        ["channel 'xenonnt_cs2'", "twice", "rename or remove"],
    ),
    "sample twice": (
        workspace(lambda w: w["channels"][0]["samples"].append(sample(w))),
        ["channel 'xenonnt_cs2', sample 'cevns'", "twice", "rename or remove"],
    ),
    "modifier twice": (
        workspace(lambda w: sample(w)["modifiers"].append(modifier(w, "flux_8b", "normsys"))),
        ["sample 'cevns', modifier 'flux_8b", "twice", "rename or remove"],
    ),
    "measurement twice": (
        workspace(lambda w: w["measurements"].extend(w["measurements"][:1])),
        ["measurement 'b8_flux'", "twice", "rename or remove"],
    ),
    "observation twice": (
        workspace(lambda w: w["observations"].extend(w["observations"])),
        ["observation 'xenonnt_cs2'", "twice", "rename or remove"],
    ),
    "parameter twice": (
        workspace(lambda w: w["measurements"][0]["config"]["parameters"].append(parameter(w, "mu_8b"))),
        ["measurement 'b8_flux', parameter 'mu_8b'", "twice", "rename or remove"],
    ),
    "observation of no channel": (
        workspace(lambda w: w["observations"].append({"name": "lux", "data": [1]})),
        ["observation 'lux'", "no channel", "remove it or add"],
    ),
    "negative yield": (
        workspace(lambda w: sample(w)["data"].__setitem__(2, -500)),
        ["channel 'xenonnt_cs2', bin 2", "events expected", "positive rate"],
    ),
    "negative count": (
        workspace(lambda w: w["observations"][0]["data"].__setitem__(1, -14)),
        ["observation 'xenonnt_cs2', bin 1", "-14 is negative", ">= 0"],
    ),
    "normsys lo zero": (
        workspace(lambda w: modifier(w, "xenonnt_electron_recoil", "normsys")["data"].update(hi=2.0, lo=0.0)),
        ["sample 'electron_recoil', modifier 'xenonnt_electron_recoil'", "lo = 0", "NaN", "lo = 1/(1+s)"],
    ),
    "normsys lo negative": (
        workspace(lambda w: modifier(w, "xenonnt_electron_recoil", "normsys")["data"].update(hi=2.5, lo=-0.5)),
        ["sample 'electron_recoil', modifier 'xenonnt_electron_recoil'", "lo = -0.5", "NaN", "lo = 1/(1+s)"],
    ),
    "a bin too many": (
        workspace(lambda w: sample(w)["data"].append(1.0)),
        ["channel 'xenonnt_cs2', sample 'cevns'", "4 bins", "expected 3"],
    ),
    "a bin too few observed": (
        workspace(lambda w: w["observations"][0]["data"].pop()),
        ["observation 'xenonnt_cs2'", "2 bins", "expected 3"],
    ),
    "a bin too many in a histosys": (
        workspace(lambda w: modifier(w, "flux_8b", "histosys")["data"]["hi_data"].append(1.0), law="linear"),
        ["sample 'cevns', modifier 'flux_8b'", "hi_data", "4 bins", "expected 3"],
    ),
    "no rate in a bin": (
        workspace(lambda w: [s["data"].__setitem__(0, 0) for s in w["channels"][0]["samples"]]),
        ["channel 'xenonnt_cs2', bin 0", "0 events", "16 observed", "needs a positive rate"],
    ),
    "unsupported modifier": (
        UNKNOWN_MODIFIER,
        ["schema", "'shapewarp'"],
    ),
    "not after the schema": (
        workspace(lambda w: w.update(colour="red")),
        ["top level", "schema", "'colour' was unexpected"],
    ),
    "not after the schema, inside": (
        workspace(lambda w: sample(w)["data"].__setitem__(0, "many")),
        ["channels/0/samples/1/data/0", "schema", "'many' is not of type 'number'"],
    ),
    "NaN": (
        workspace(lambda w: sample(w)["data"].__setitem__(0, float("nan"))),
        ["NaN", "not a number that JSON allows", "expected a finite one"],
    ),
    "number out of range": (overflow, ["1e999", "finite"]),
    "two starts for one parameter": (
        workspace(lambda w: parameter(w, "mu_8b").update(inits=[1, 1])),
        ["'mu_8b'", "inits", "1"],
    ),
    "settings of a parameter that is not there": (
        workspace(lambda w: parameter(w, "flux_8b").update(name="flux_8B")),
        ["measurement 'b8_flux', parameter 'flux_8B'", "no modifier", "rename or remove"],
    ),
    "metadata of another workspace": (
        foreign_metadata,
        ["ws.meta.json names sha256", "but ws.json has", "export the workspace again"],
    ),
}


@pytest.mark.parametrize("name", VERIFY)
def test_verify_says_file_place_reason_and_remedy(spec_builder: Command, desk: Path, name: str) -> None:
    prepare, words = VERIFY[name]
    prepare(desk)
    run = spec_builder("verify", "ws.json")
    check(run, ["ws.json: ", *words])
    positions = [run.stderr.index(word) for word in words]
    assert positions == sorted(positions)


def test_verify_names_a_file_once(spec_builder: Command, desk: Path) -> None:
    text("ws.json", "[1,")(desk)
    run = spec_builder("verify", "ws.json")
    check(run, ["ws.json", "not valid JSON"])
    assert run.stderr.count("ws.json") == 1


@pytest.mark.parametrize("checked", ["BkgOnly.json", "BkgOnly.meta.json"])
def test_verify_finds_one_changed_digit(spec_builder: Command, desk: Path, checked: str) -> None:
    source = ROOT / "workspaces" / "normsys" / "combined"
    for name in ("BkgOnly.json", "BkgOnly.meta.json"):
        shutil.copy(source / name, desk)
    assert spec_builder("verify", checked).returncode == 0
    events = "8.4162776"  # accidental coincidences in XENONnT
    replace(desk / "BkgOnly.json", events, "8.4162777")
    sha256 = json.loads((desk / "BkgOnly.meta.json").read_text("utf-8"))["sha256"]
    run = spec_builder("verify", checked)
    check(run, [f"{checked}: ", "BkgOnly.meta.json", sha256, "BkgOnly.json has", "export the workspace again"])


@pytest.mark.parametrize(
    ("content", "words"),
    [("{}", ["'sha256'", "missing", "export"]), ("[", ["JSON"]), ('{"sha256": 1}', ["no such file"])],
)
def test_verify_of_metadata_alone(spec_builder: Command, desk: Path, content: str, words: list[str]) -> None:
    text("ws.meta.json", content)(desk)
    check(spec_builder("verify", "ws.meta.json"), ["ws.meta.json", *words])


def test_verify_goes_on_after_a_bad_file(spec_builder: Command, desk: Path) -> None:
    workspace(name="good.json")(desk)
    workspace(lambda w: w["observations"][0]["data"].__setitem__(0, -1), name="bad.json")(desk)
    run = spec_builder("verify", "missing.json", "bad.json", "good.json")
    assert run.returncode == 2
    assert [line.split(":")[2].strip() for line in run.stderr.splitlines()] == ["missing.json", "bad.json"]
    assert [line.split(":")[0] for line in run.stdout.splitlines()] == ["good.json"]


def test_verify_lists_every_problem_of_a_file(spec_builder: Command, desk: Path) -> None:
    counts = {0: -1, 2: -2}
    workspace(lambda w: [w["observations"][0]["data"].__setitem__(*pair) for pair in counts.items()])(desk)
    run = spec_builder("verify", "ws.json")
    assert run.returncode == 2
    assert run.stdout == ""
    first, second = run.stderr.splitlines()
    assert "observation 'xenonnt_cs2', bin 0: -1 is negative" in first
    assert "observation 'xenonnt_cs2', bin 2: -2 is negative" in second
