"""Every public call with each argument replaced by what it is not: it works, or says in one line what is wrong."""

from __future__ import annotations

import inspect
import itertools
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import spec_builder as sb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

mpl.use("Agg")
#: The same, for what a type checker would refuse.
untyped: Any = sb

#: Characters of a message; names of this test's folders are among them.
LONGEST = 450
SPECTRUM = """# title: a line
# source: this test
# status: computed
# unit: keV, events/(t yr keV)
recoil_energy_keV,rate
0.3,10
1,5
3,1
"""
#: What a parameter of a user's own function may raise is not for us to say.
CALLED = ("change", "passed_over", "report")


def junk(folder: Path) -> dict[str, Any]:
    """What no argument is, or only some are."""
    return {
        "None": None,
        "a word": "x",
        "no word": "",
        "-1": -1,
        "0": 0,
        "nan": math.nan,
        "inf": math.inf,
        "1.5": 1.5,
        "True": True,
        "an empty list": [],
        "a list of words": ["x"],
        "an empty mapping": {},
        "a mapping": {"x": "x"},
        "a mapping of numbers": {1: None},
        "an object": object(),
        "a folder": folder / "empty",
        "a missing file": str(folder / "no" / "such.json"),
        "bytes": b"x",
        "an array of two axes": np.zeros((2, 2)),
        "a huge number": 10**400,
        "a number that overflows squared": 1e200,
        "a number whose fourth power is large": 10**40,
        "a tiny number": 1e-200,
        "a class": int,
        "two lines": "a\nb",
        "a long word": "x" * 5000,
    }


@dataclass(frozen=True)
class Made:
    """What valid calls need."""

    folder: Path
    analysis: sb.Analysis
    request: sb.PatchRequest
    content: dict[str, Any]
    numbers: itertools.count[int]

    def new(self, suffix: str = "") -> Path:
        """A name that nothing has."""
        return self.folder / f"new{next(self.numbers)}{suffix}"

    @property
    def workspace(self) -> Path:
        return self.folder / "export" / "xenonnt" / "BkgOnly.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("calls")
    (folder / "empty").mkdir()
    (folder / "spectrum.csv").write_text(SPECTRUM)
    request = sb.PatchRequest("scalar", masses="10", couplings="1e-5")
    sb.export_workspaces("xenonnt", folder / "export", patches=request)
    sb.write_archives("xenonnt", folder / "archive", request, submission=False)
    content = sb.explore("xenonnt", "scalar", points=2, levels=[0.9], laws=["normsys"])
    return Made(folder, sb.load_analysis("xenonnt"), request, content, itertools.count())


#: A cheap valid call of each public function; the arguments that are left out have their defaults.
CALLS: dict[str, Callable[[Made], dict[str, Any]]] = {
    "PatchRequest": lambda _: {"choices": "scalar"},
    "Projection": lambda _: {},
    "bibtex": lambda _: {},
    "choose": lambda _: {"interaction": "scalar"},
    "cover_analysis": lambda m: {"analysis": m.analysis, "parameter": "flux", "values": [1], "toys": 10},
    "cover_couplings": lambda m: point(m) | {"values": [1e-5], "toys": 10},
    "describe_experiment": lambda _: {"name_or_path": "xenonnt"},
    "draw_expected": lambda m: {"expected": sb.expect_limits(m.analysis, "scalar", [1, 10])},
    "draw_fit": lambda m: {"analysis": m.analysis, "result": sb.fit_analysis(m.analysis, "flux")},
    "draw_result": lambda _: {"result": sb.recoil_spectrum([1, 2])},
    "events_at_point": lambda m: point(m, value=1e-5),
    "events_of_analysis": lambda m: {"analysis": m.analysis, "parameter": "flux"},
    "events_of_workspace": lambda m: {"workspace": m.workspace},
    "expect_limits": lambda m: {"analysis": m.analysis, "choice": "scalar", "masses": [10], "kind": "toys", "toys": 5},
    "expect_strength_limits": lambda m: spectrum(m, "spectra") | {"kind": "toys", "toys": 5},
    "explain_point": lambda m: point(m, value=1e-5),
    "explain_spectrum": lambda m: spectrum(m, "spectrum"),
    "explore": lambda _: {"analyses": "xenonnt", "choices": "scalar", "points": 2, "levels": [0.9], "laws": ["linear"]},
    "export_point": lambda m: point(m, value=1e-5) | {"output": m.new(".json")},
    "export_workspaces": lambda m: {"analyses": "xenonnt", "output": m.new()},
    "find_limits": lambda m: {"analysis": m.analysis, "choice": "scalar", "masses": [1, 10, 100]},
    "find_limits_by_toys": lambda m: {"analysis": m.analysis, "choice": "nsi", "toys": 10, "points": 3},
    "find_strength_limits": lambda m: spectrum(m, "spectra"),
    "fit_analysis": lambda m: {"analysis": m.analysis, "parameter": "flux"},
    "fit_analysis_by_toys": lambda m: {"analysis": m.analysis, "parameter": "flux", "toys": 10, "values": [1, 5, 9]},
    "fit_spectrum": lambda m: spectrum(m, "spectrum"),
    "fit_workspace": lambda m: {"workspace": m.workspace},
    "fit_workspace_by_toys": lambda m: {"workspace": m.workspace, "toys": 10, "values": [0.2, 1, 2]},
    "hs3_workspace": lambda m: {"workspace": m.analysis.workspace},
    "list_experiments": lambda _: {},
    "load_analysis": lambda _: {"analysis": "xenonnt"},
    "load_experiment": lambda _: {"name_or_path": "xenonnt"},
    "load_source": lambda _: {"name_or_path": "solar_8b"},
    "load_target": lambda _: {"name_or_path": "xenon"},
    "point_workspace": lambda m: point(m, value=1e-5),
    "profile_analysis": lambda m: {"analysis": m.analysis, "parameter": "flux", "points": 5},
    "profile_workspace": lambda m: {"workspace": m.workspace, "points": 5},
    "profile_two_of_analysis": lambda m: {"analysis": m.analysis, "parameters": ["flux", "xenonnt_fiducial"]},
    "profile_two_of_workspace": lambda m: {"workspace": m.workspace, "parameters": ["mu_8b", "xenonnt_fiducial"]},
    "rank_analysis": lambda m: {"analysis": m.analysis, "parameter": "flux"},
    "rank_workspace": lambda m: {"workspace": m.workspace},
    "read_spectra": lambda m: {"path": m.folder / "spectrum.csv"},
    "read_spectrum": lambda m: {"path": m.folder / "spectrum.csv"},
    "recoil_spectrum": lambda _: {"energies": [1], "choice": "scalar", "mass_MeV": 10, "value": 1e-5},
    "scan_analysis": lambda m: {"analysis": m.analysis, "choice": "nsi", "couplings": [0.1]},
    "scan_patches": lambda m: {"workspace": m.workspace, "patchset": m.workspace.with_name("patchset_scalar.json")},
    "scan_spectra": lambda m: spectrum(m, "spectra"),
    "verify": lambda m: {"path": m.workspace},
    "verify_archive": lambda m: {"path": m.folder / "archive" / "xenonnt.tar.gz"},
    "verify_file": lambda m: {"path": m.workspace},
    "with_data": lambda m: {"analysis": m.analysis, "data": "asimov"},
    "write_archives": lambda m: {
        "analyses": "xenonnt",
        "output": m.new(),
        "patches": m.request,
        "submission": False,
    },
    "write_explorer": lambda m: {"content": m.content, "output": m.new(".html")},
    "write_plane": lambda m: {"output": m.new(), "analysis": "xenonnt", "choices": "nsi", "points": 2},
}
#: Calls that end where they look at their files, before they compute for long.
STOPPED: dict[str, Callable[[Made], dict[str, Any]]] = {
    "compare": lambda m: {"output": m.workspace, "darkcast": m.folder / "no"},
    "compare_analysis": lambda m: {"analysis": m.analysis, "choice": "scalar", "output": m.workspace},
    "reproduce": lambda m: {"output": m.workspace},
    "import_xenonnt": lambda m: {"release": m.folder / "empty", "model": "2026", "output": m.new()},
}
#: Arguments without which a call takes long, or whose junk is nearly all taken: their names are checked elsewhere too.
SLOW = {
    ("find_limits_by_toys", "points"),
    ("reproduce", "output"),
    *(("write_plane", argument) for argument in ("analysis", "variants", "dof", "executor", "jobs", "force", "change")),
}
#: What these make is what a user calls; nobody calls the classes themselves.
MADE_BY_FUNCTIONS = {
    *("Analysis", "Channel", "Choice", "CorrelationsResult", "CoverageResult", "EventsResult", "ExpectedLimits"),
    *("Experiment", "ExpectedStrengths", "Explanation", "FitResult", "Likelihood", "LimitsResult", "Page"),
    "ProfileResult",
    *("SurfaceResult", "ExperimentDescription", "ExperimentList"),
    *("RankingResult", "ScanResult", "Source", "SpecBuilderError", "Spectrum", "StrengthLimits", "Target"),
    *("ToyFitResult", "ToyLimitsResult"),
}
WITHOUT_ARGUMENTS = {"__version__", "diagnose", "shipped_interactions"}


def point(made: Made, **more: Any) -> dict[str, Any]:
    """A point of an interaction."""
    return {"analysis": made.analysis, "choice": "scalar", "mass_MeV": 10, **more}


def spectrum(made: Made, name: str) -> dict[str, Any]:
    """A table of a user's own."""
    return {"analysis": made.analysis, name: made.folder / "spectrum.csv"}


def refusals(call: Callable[..., Any], valid: Callable[[], dict[str, Any]], argument: str, folder: Path) -> list[str]:
    """What is wrong with how junk in the place of an argument is taken."""
    wrong = []
    for label, value in junk(folder).items():
        if label == "a class" and argument in CALLED:
            continue
        try:
            call(**valid() | {argument: value})
        except sb.SpecBuilderError as error:
            text = str(error)
            if not text or "\n" in text or len(text) > LONGEST:
                wrong.append(f"{argument} = {label}: not one line: {text!r}")
        except Exception as error:  # noqa: BLE001  # whatever it is, it should not be
            wrong.append(f"{argument} = {label}: {type(error).__name__}: {error}")
        plt.close("all")
    return wrong


def test_every_public_name_is_looked_at() -> None:
    assert {*CALLS, *STOPPED, *MADE_BY_FUNCTIONS, *WITHOUT_ARGUMENTS} == set(sb.__all__)


@pytest.mark.parametrize("name", CALLS)
def test_the_valid_calls_are_valid(name: str, made: Made) -> None:
    assert getattr(sb, name)(**CALLS[name](made)) is not None


@pytest.mark.parametrize("name", [*CALLS, *STOPPED])
def test_junk_works_or_is_refused_in_one_line(name: str, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.folder)
    call, valid = getattr(sb, name), (CALLS | STOPPED)[name]
    wrong: list[str] = []
    for argument, parameter in inspect.signature(call).parameters.items():
        if parameter.kind is not parameter.VAR_KEYWORD and (name, argument) not in SLOW:
            wrong += refusals(call, lambda: valid(made), argument, made.folder)
    assert wrong == []


@pytest.mark.parametrize("name", [*CALLS, *STOPPED])
def test_missing_and_unknown_arguments_are_type_errors_of_the_call(name: str, made: Made) -> None:
    call, valid = getattr(sb, name), (CALLS | STOPPED)[name](made)
    if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in inspect.signature(call).parameters.values()):
        with pytest.raises(TypeError, match=f"{name}.* got an unexpected keyword argument 'no_such'|__init__"):
            call(**valid, no_such=1)


# ---------------------------------------------------------------- results

RESULTS: dict[str, Callable[[Made], Any]] = {
    "CorrelationsResult": lambda m: sb.fit_analysis(m.analysis, "flux").correlations,
    "CoverageResult": lambda m: sb.cover_analysis(m.analysis, "flux", [1], toys=10),
    "EventsResult": lambda m: sb.events_of_analysis(m.analysis, "flux"),
    "ExpectedLimits": lambda m: sb.expect_limits(m.analysis, "scalar", [1, 10]),
    "ExpectedStrengths": lambda m: sb.expect_strength_limits(m.analysis, m.folder / "spectrum.csv"),
    "Explanation": lambda m: sb.explain_point(m.analysis, "scalar", 10, 1e-5),
    "FitResult": lambda m: sb.fit_analysis(m.analysis, "flux"),
    "LimitsResult": lambda m: sb.find_limits(m.analysis, "scalar", [1, 10]),
    "ProfileResult": lambda m: sb.profile_analysis(m.analysis, "flux", points=5),
    "RankingResult": lambda m: sb.rank_analysis(m.analysis, "flux"),
    "ScanResult": lambda m: sb.scan_analysis(m.analysis, "nsi", couplings=[0.1, 0.2]),
    "Spectrum": lambda _: sb.recoil_spectrum([1, 2]),
    "StrengthLimits": lambda m: sb.find_strength_limits(m.analysis, m.folder / "spectrum.csv"),
    "ToyFitResult": lambda m: sb.fit_analysis_by_toys(m.analysis, "flux", toys=10, values=[1, 5, 9]),
    "ToyLimitsResult": lambda m: sb.find_limits_by_toys(m.analysis, "nsi", toys=10, points=3),
    "Analysis": lambda m: m.analysis,
    "Experiment": lambda _: sb.load_experiment("xenonnt"),
    "Source": lambda _: sb.load_source("solar_8b"),
    "Target": lambda _: sb.load_target("xenon"),
    "Choice": lambda _: sb.choose("scalar"),
    "ExperimentList": lambda _: sb.list_experiments(),
    "ExperimentDescription": lambda _: sb.describe_experiment("xenonnt"),
    "SurfaceResult": lambda m: sb.profile_two_of_analysis(m.analysis, ["flux", "xenonnt_neutron"], points=31),
}


#: Descriptions of what goes in.
WITHOUT_PICTURE = {
    *("Analysis", "Experiment", "Source", "Target", "Choice", "ExperimentList", "ExperimentDescription"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_what_results_are_asked_for(name: str, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """``save``, ``plot`` and the forms of every result, with junk."""
    monkeypatch.chdir(made.folder)
    result = RESULTS[name](made)
    assert type(result).__name__ == name
    wrong = refusals(result.save, lambda: {"path": made.new(".csv")}, "path", made.folder)
    wrong += refusals(result.save, lambda: {"path": made.new(".csv")}, "force", made.folder)
    assert hasattr(result, "plot") or name in WITHOUT_PICTURE
    if hasattr(result, "plot"):
        for argument in inspect.signature(result.plot).parameters:
            wrong += refusals(result.plot, dict, argument, made.folder)
    assert wrong == []
    assert json.loads(result.to_json()) == json.loads(json.dumps(result.to_dict()))
    for text in (result.to_csv(), result.to_markdown(), result.to_html(), str(result)):
        assert text
    assert len(repr(result).splitlines()) == 1
    assert len(repr(result)) < 200


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (lambda m: m.analysis.likelihood("flux"), "<Likelihood of flux: 3 bins, 7 parameters>"),
        (lambda _: sb.shipped_interactions()[0], "<Interaction scalar: scalar mediator>"),
        (lambda m: sb.read_spectrum(m.folder / "spectrum.csv"), "<RecoilSpectrum spectrum: a line>"),
    ],
)
def test_what_is_no_result_reads_in_a_line_too(thing: Callable[[Made], Any], text: str, made: Made) -> None:
    assert repr(thing(made)) == text


def test_axes_are_neither_a_figure_nor_several_of_them(made: Made) -> None:
    limits = untyped.find_limits(made.analysis, "scalar", [1, 10])
    figure = mpl.figure.Figure()
    with pytest.raises(sb.SpecBuilderError, match=r"^ax of type Figure: expected axes of matplotlib"):
        limits.plot(figure)
    with pytest.raises(sb.SpecBuilderError, match=r"^ax of type ndarray and shape \(2,\): expected axes"):
        limits.plot(figure.subplots(2))
    assert limits.plot(figure.subplots()) in figure.axes


METHODS: dict[str, tuple[str, ...]] = {
    "holding": ("values",),
    "index": ("parameter",),
    "with_observed": ("observed",),
    "rates": ("theta",),
    "twice_nll": ("theta",),
    "gradient": ("theta",),
    "hessian": ("theta",),
}


@pytest.mark.parametrize("name", METHODS)
def test_the_likelihood(name: str, made: Made) -> None:
    method = getattr(sb.Likelihood.from_workspace(made.workspace), name)
    assert [line for argument in METHODS[name] for line in refusals(method, dict, argument, made.folder)] == []


def test_a_likelihood_of_a_workspace(made: Made) -> None:
    by_path = sb.Likelihood.from_workspace(made.workspace)
    assert by_path.parameters == sb.Likelihood.from_workspace(made.analysis.workspace).parameters
    wrong: list[str] = []
    for argument in ("workspace", "measurement", "normsys", "histosys", "poi"):
        valid = {"workspace": made.workspace}
        wrong += refusals(sb.Likelihood.from_workspace, lambda valid=valid: dict(valid), argument, made.folder)  # type: ignore[misc]
    assert wrong == []


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda _: untyped.Projection(exposure=10), "exposure 10: expected numbers by name, such as {'xenonnt': 10}"),
        (
            lambda _: untyped.Projection(uncertainties={"flux_8b": "x"}),
            "uncertainties of flux_8b: 'x': expected a finite number",
        ),
        (lambda m: untyped.find_limits(m.analysis, "scalar", 1).save(None), "path None: expected a path"),
        (lambda _: untyped.export_workspaces("xenonnt", None), "output None: expected a path"),
        (lambda m: untyped.expect_limits(m.analysis, "scalar", 1, toys=1.5), "toys 1.5: expected a whole number"),
        (
            lambda _: untyped.recoil_spectrum([1], "scalar", "a", 1),
            "masses 'a': 'a' is not a positive number of MeV; expected numbers or the text of a grid, LO:HI:N",
        ),
        (
            lambda m: untyped.fit_workspace(m.workspace, hold=["x"]),
            "hold of type list: expected numbers by parameter, such as {'flux_8b': 0.0}",
        ),
        (
            lambda m: sb.find_limits(m.analysis, ["scalar", "axial"]),
            "interaction: expected one, found a list of 2",
        ),
        (lambda m: untyped.find_limits(m.analysis, "scalar", 1, dof="1"), "dof '1': expected a whole number"),
        (lambda m: untyped.find_limits(m.analysis, "scalar", 1, dof=3), "dof 3: expected 1 or 2"),
        (lambda m: untyped.expect_limits(m.analysis, "scalar", 1, kind=2), "kind 2: expected a name"),
        (
            lambda m: untyped.expect_limits(m.analysis, "scalar", 1, kind="toy"),
            "kind 'toy' is unknown, expected one of asimov, toys; did you mean 'toys'?",
        ),
        (
            lambda m: untyped.expect_limits(m.analysis, "scalar", 1, jobs=0),
            "jobs 0: expected at least 1",
        ),
    ],
)
def test_messages(ask: Callable[[Made], Any], message: str, made: Made) -> None:
    with pytest.raises(sb.SpecBuilderError) as error:
        ask(made)
    assert str(error.value) == message
