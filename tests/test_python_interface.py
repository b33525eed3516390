"""Python takes what the command line takes, and refuses the same mistakes in the same words."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import spec_builder as sb
from spec_builder.studies.explorer import explore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Every public function of an analysis: how it is called with an analysis' name and whatever else is asked for.
OF_ANALYSIS: dict[str, Callable[..., Any]] = {
    "fit_analysis": lambda a, **how: sb.fit_analysis(a, "flux", **how),
    "fit_analysis_by_toys": lambda a, **how: sb.fit_analysis_by_toys(a, "flux", toys=20, **how),
    "profile_analysis": lambda a, **how: sb.profile_analysis(a, "flux", points=5, **how),
    "find_limits": lambda a, **how: sb.find_limits(a, "scalar", 10, **how),
    "find_limits_by_toys": lambda a, **how: sb.find_limits_by_toys(a, "scalar", 10, toys=10, points=3, **how),
    "expect_limits": lambda a, **how: sb.expect_limits(a, "scalar", 10, **how),
    "cover_analysis": lambda a, **how: sb.cover_analysis(a, "flux", [1], toys=10, **how),
    "cover_couplings": lambda a, **how: sb.cover_couplings(a, "scalar", 10, [5e-6], toys=20, **how),
    "explain_point": lambda a, **how: sb.explain_point(a, "scalar", 10, 2e-5, **how),
    "scan_analysis": lambda a, **how: sb.scan_analysis(a, "scalar", 10, [1e-5, 2e-5], **how),
}
WITHOUT_LEVEL = {"explain_point", "scan_analysis"}
WITH_MASSES: dict[str, Callable[..., Any]] = {
    "find_limits": lambda m: sb.find_limits("xenonnt", "scalar", m),
    "find_limits_by_toys": lambda m: sb.find_limits_by_toys("xenonnt", "scalar", m, toys=10),
    "expect_limits": lambda m: sb.expect_limits("xenonnt", "scalar", m),
    "scan_analysis": lambda m: sb.scan_analysis("xenonnt", "scalar", m, [1e-5]),
    "cover_couplings": lambda m: sb.cover_couplings("xenonnt", "scalar", m, [1e-5], toys=10),
    "explain_point": lambda m: sb.explain_point("xenonnt", "scalar", m, 1e-5),
}
WITH_INTERACTION: dict[str, Callable[..., Any]] = {
    "find_limits": lambda i: sb.find_limits("xenonnt", i, 1),
    "find_limits_by_toys": lambda i: sb.find_limits_by_toys("xenonnt", i, 1, toys=10),
    "expect_limits": lambda i: sb.expect_limits("xenonnt", i, 1),
    "scan_analysis": lambda i: sb.scan_analysis("xenonnt", i, 1, [1e-5]),
    "cover_couplings": lambda i: sb.cover_couplings("xenonnt", i, 1, [1e-5], toys=10),
    "explain_point": lambda i: sb.explain_point("xenonnt", i, 1, 1e-5),
    "explore": lambda i: explore("xenonnt", i, points=2),
}


@pytest.mark.parametrize("name", OF_ANALYSIS)
def test_a_name_with_a_law_is_the_loaded_analysis(name: str) -> None:
    call = OF_ANALYSIS[name]
    by_name, by_list = call("xenonnt", law="linear"), call(["xenonnt"], law="linear")
    loaded = call(sb.load_analysis("xenonnt", "linear"))
    assert by_name.to_dict() == by_list.to_dict() == loaded.to_dict()
    assert by_name.to_dict()["law"] == "linear"


@pytest.mark.parametrize("name", OF_ANALYSIS)
def test_unknown_names_and_laws_are_refused(name: str) -> None:
    call = OF_ANALYSIS[name]
    for wrong, how, message in (
        ("xenont", {}, "analysis 'xenont' is unknown, expected one of xenonnt"),
        ([], {}, "analysis: the list is empty"),
        ("xenonnt", {"law": "cubic"}, "law 'cubic' is unknown, expected one of"),
        ("xenonnt", {"variants": {"pandax4t": "ce_rich"}}, "variant of 'pandax4t' given"),
        (sb.load_analysis("xenonnt"), {"law": "linear"}, "law and variants are chosen where"),
    ):
        with pytest.raises(sb.SpecBuilderError, match=message) as error:
            call(wrong, **how)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", sorted(OF_ANALYSIS.keys() - WITHOUT_LEVEL))
@pytest.mark.parametrize("cl", [0, 1, -0.5, 90, math.nan, "0.9", True])
def test_levels_outside_0_and_1_are_refused(name: str, cl: Any) -> None:
    with pytest.raises(sb.SpecBuilderError, match=r"confidence level .*: expected a number between 0 and 1"):
        OF_ANALYSIS[name]("xenonnt", cl=cl)


@pytest.mark.parametrize("name", WITH_MASSES)
@pytest.mark.parametrize("masses", [-1, [1, -10], 0, math.nan, [np.nan], [], "", [1, 1], "-1", "1:0.1:5", True, "x"])
def test_masses_that_are_none_are_refused(name: str, masses: Any) -> None:
    with pytest.raises(sb.SpecBuilderError, match=r"^masses") as error:
        WITH_MASSES[name](masses)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", WITH_INTERACTION)
@pytest.mark.parametrize("interaction", ["scalr", "sm", "", None])
def test_interactions_that_are_none_are_refused(name: str, interaction: Any) -> None:
    with pytest.raises(sb.SpecBuilderError, match=r"^interaction"):
        WITH_INTERACTION[name](interaction)


def test_a_text_a_list_and_an_array_are_the_same_masses() -> None:
    one, two, three = (
        sb.find_limits("xenonnt", "scalar", m) for m in ("1:100:3", [1, 10, 100], np.geomspace(1, 100, 3))
    )
    assert one.to_dict() == two.to_dict() == three.to_dict()
    assert len(sb.find_limits("xenonnt", "scalar").exclusion.points) == 31
    assert len(sb.find_limits("xenonnt", "nsi").exclusion.points) == 1


def test_files_by_their_paths(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    written = sb.export_workspaces("xenonnt", str(folder), patches=sb.PatchRequest("scalar", [10], [1e-5, 2e-5]))
    names = sorted(path.name for path in written)
    assert names == ["BkgOnly.json", "BkgOnly.meta.json", "patchset_scalar.json"]
    workspace, patches = folder / "xenonnt" / "BkgOnly.json", folder / "xenonnt" / "patchset_scalar.json"
    assert sb.fit_workspace(str(workspace)).to_dict() == sb.fit_workspace(workspace).to_dict()
    scan = sb.scan_patches(workspace, patches)
    assert scan is not None
    assert len(scan.columns["patch"]) == 2
    output = str(tmp_path / "s.npz")
    assert sb.scan_analysis("xenonnt", "scalar", "1:10:2", "1e-5:1e-4:2", output=output) is None
    with np.load(output) as content:
        assert content["g"].tolist() == [1e-5, 1e-4, 1e-5, 1e-4]
    assert sb.verify_file(str(workspace))[1] == []


@pytest.mark.parametrize("values", [-1e-5, [0, 1e-5], [1e-5, 1e-5], [], math.nan, "x"])
def test_couplings_that_are_none_are_refused(values: Any, tmp_path: Path) -> None:
    with pytest.raises(sb.SpecBuilderError, match=r"^couplings"):
        sb.scan_analysis("xenonnt", "scalar", 1, values)
    with pytest.raises(sb.SpecBuilderError, match=r"^couplings"):
        sb.export_workspaces("xenonnt", tmp_path, patches=sb.PatchRequest("scalar", 1, values))
    assert list(tmp_path.iterdir()) == []


def test_energies_of_every_form() -> None:
    assert sb.recoil_spectrum(1).rate == sb.recoil_spectrum("1").rate == sb.recoil_spectrum(np.array([1.0])).rate
    with pytest.raises(sb.SpecBuilderError, match="energies: the list is empty"):
        sb.recoil_spectrum([])


def test_numbers_lie_one_level_down() -> None:
    fit = sb.fit_analysis("xenonnt", "flux")
    low, high = fit.interval
    assert low is not None
    assert high is not None
    assert low < fit.value < high
    assert (fit.value - low, high - fit.value) == pytest.approx((fit.fit.down, fit.fit.up))
    assert (fit.parameter, fit.cl, fit.valid, fit.ndof) == ("flux", 0.6827, True, fit.fit.ndof)
    limits = sb.find_limits("xenonnt", "scalar", [1, 10])
    assert limits.masses_MeV.tolist() == [1, 10]
    assert limits.excluded == tuple(point.excluded for point in limits.exclusion.points)
    assert limits.upper.tolist() == [point.excluded[-1][0] for point in limits.exclusion.points]
    assert limits.best.tolist() == [point.best_g for point in limits.exclusion.points]
    assert (limits.cl, limits.dof, bool(limits.valid.all())) == (0.9, 1, True)
    expected = sb.expect_limits("xenonnt", "scalar", [1, 10])
    assert expected.upper["median"].tolist() == [point.upper["median"] for point in expected.points]
    scan = sb.scan_analysis("xenonnt", "scalar", 1, [1e-6, 1e-5])
    assert scan is not None
    assert scan.delta_chi2.tolist() == scan["delta_chi2"].tolist()
    with pytest.raises(sb.SpecBuilderError, match="column 'coupling' is unknown, expected one of mass_MeV, g"):
        scan["coupling"]


DESCRIBED: dict[str, Callable[[], Any]] = {
    "Analysis": lambda: sb.load_analysis("combined"),
    "Experiment": lambda: sb.load_experiment("pandax4t"),
    "Channel": lambda: sb.load_experiment("pandax4t").channels[0],
    "Choice": lambda: sb.choose("scalar", coupling_set="A"),
    "Source": lambda: sb.load_source("solar_8b"),
    "Target": lambda: sb.load_target("xenon"),
    "FitResult": lambda: sb.fit_analysis("xenonnt", "flux"),
    "LimitsResult": lambda: sb.find_limits("xenonnt", "scalar", 1),
    "Spectrum": lambda: sb.recoil_spectrum([1, 2]),
}


@pytest.mark.parametrize("name", DESCRIBED)
def test_everything_reads_in_a_line_a_notebook_and_a_file(name: str, tmp_path: Path) -> None:
    thing = DESCRIBED[name]()
    assert repr(thing).startswith(f"<{name} ")
    assert len(repr(thing)) < 200
    assert "\n" not in repr(thing)
    assert "<table>" in thing._repr_html_()
    assert thing.report().title in str(thing)
    for suffix, inside in ((".txt", str(thing)), (".csv", thing.to_csv()), (".json", thing.to_json())):
        thing.save(tmp_path / f"it{suffix}")
        assert (tmp_path / f"it{suffix}").read_text("utf-8") == inside
    for suffix in (".md", ".html"):
        thing.save(tmp_path / f"it{suffix}")
        assert thing.report().title.partition(":")[0] in (tmp_path / f"it{suffix}").read_text("utf-8")
    thing.save(tmp_path / "it.npz")
    with np.load(tmp_path / "it.npz") as content:
        assert set(content) == {*thing.report().columns, "metadata"}
    with pytest.raises(sb.SpecBuilderError, match="exists already"):
        thing.save(tmp_path / "it.json")
    with pytest.raises(sb.SpecBuilderError, match=r"expected a name that ends in \.txt, \.csv, \.json, "):
        thing.save(tmp_path / "it.xls")


def test_a_choice_shows_what_tells_it_from_others() -> None:
    assert repr(sb.choose("scalar")) != repr(sb.choose("scalar", coupling_set="A"))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: sb.fit_analysis("xenonnt", ["flux"]), "parameter .*: expected a name"),  # type: ignore[arg-type]
        (lambda: sb.find_limits("pandax4t", "scalar", 1, variants="ce_rich"), "variants 'ce_rich': expected names"),  # type: ignore[arg-type]
        (lambda: sb.load_analysis("xenonnt", variants={"xenonnt": 3}), "variants .*: expected names by experiment"),  # type: ignore[dict-item]
        (lambda: sb.fit_workspace([1, 2]), "workspace: expected the content of a workspace or a path, found list"),  # type: ignore[arg-type]
        (lambda: sb.fit_workspace(sb.load_analysis("xenonnt").workspace, hold={"mu_8b": "1"}), "cannot be held at '1'"),  # type: ignore[dict-item]
        (lambda: sb.events_of_workspace({}, patches=["a.json"]), "patches: they apply to the path of a workspace"),
        (lambda: sb.profile_analysis("xenonnt", "flux", height=-1), "height -1: expected a number > 0"),
        (lambda: sb.profile_analysis("xenonnt", "flux", points=11.5), "points 11.5: expected a whole number"),  # type: ignore[arg-type]
        (lambda: sb.fit_analysis_by_toys("xenonnt", "flux", toys="50"), "toys '50': expected a whole number"),  # type: ignore[arg-type]
        (lambda: sb.fit_analysis_by_toys("xenonnt", "flux", toys=50, seed="a"), "seed 'a': expected a whole number"),  # type: ignore[arg-type]
    ],
)
def test_what_is_of_another_kind_is_refused(ask: Any, message: str) -> None:
    with pytest.raises(sb.SpecBuilderError, match=message):
        ask()


def test_jobs_are_worker_processes() -> None:
    """The same numbers as here, and no executor beside them."""
    alone = sb.expect_limits("xenonnt", "scalar", [10], kind="toys", toys=600)
    assert sb.expect_limits("xenonnt", "scalar", [10], kind="toys", toys=600, jobs=2).to_dict() == alone.to_dict()
    with ThreadPoolExecutor(1) as pool:
        found = sb.expect_limits("xenonnt", "scalar", [10], kind="toys", toys=600, executor=pool)
        assert found.to_dict() == alone.to_dict()
        with pytest.raises(sb.SpecBuilderError, match="jobs 2: an executor is given too, expected one of them"):
            sb.expect_limits("xenonnt", "scalar", [10], executor=pool, jobs=2)
