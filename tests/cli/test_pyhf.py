"""The exported workspaces with the stock ``pyhf`` command line, no option of ours."""

from __future__ import annotations

import json
import re
import shutil
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]
    Runs = dict[tuple[str, str, str], subprocess.CompletedProcess[str]]

WORKSPACES = Path(__file__).parents[2] / "workspaces"
LAWS = ("normsys", "linear")
CHANNELS = {
    "xenonnt": {"xenonnt_cs2": 3},
    "pandax4t": {"pandax4t_us2": 8},
    "combined": {"xenonnt_cs2": 3, "pandax4t_us2": 8},
}
MEASUREMENTS = ("b8_flux", "new_physics")
FILE = "BkgOnly.json"
XML = ("json2xml", "xml2json")
VERBS: dict[str, tuple[str, ...]] = {
    "inspect": ("inspect", FILE),
    "digest": ("digest", FILE),
    "cls": ("cls", FILE),
    "fit b8_flux": ("fit", FILE, "--measurement", "b8_flux", "--value"),
    "fit new_physics": ("fit", FILE, "--measurement", "new_physics", "--value"),
    "sort": ("sort", FILE),
    "prune": ("prune", FILE, "--measurement", "b8_flux", "--modifier", "flux_8b"),
    # XML names its files relative to the folder it was made in
    "json2xml": ("json2xml", FILE),
    "xml2json": ("xml2json", "FitConfig.xml", "--hide-progress"),
}
every_file = pytest.mark.parametrize(("law", "analysis"), list(product(LAWS, CHANNELS)))


def exported(law: str, analysis: str) -> Path:
    return WORKSPACES / law / analysis / "BkgOnly.json"


@pytest.fixture(scope="module")
def pyhf_of(shell: Command, pyhf_here: Command) -> Command:
    """pyhf's command line: as an executable ``alone``, and always where it keeps files of XML by their names."""

    def run(*words: str, cwd: Path, alone: bool = False) -> subprocess.CompletedProcess[str]:
        return shell("pyhf", *words, cwd=cwd) if alone or words[0] in XML else pyhf_here(*words, cwd=cwd)

    return run


@pytest.fixture(scope="module")
def runs(shell: Command, pyhf_of: Command, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Every verb on every exported file: what it printed, by law, analysis and verb."""
    found: Runs = {}
    for law, analysis in product(LAWS, CHANNELS):
        folder = tmp_path_factory.mktemp(f"{law}_{analysis}")
        shutil.copy(exported(law, analysis), folder / "BkgOnly.json")
        for verb, words in VERBS.items():
            alone = (law, analysis) == ("normsys", "combined")
            found[law, analysis, verb] = pyhf_of(*words, cwd=folder, alone=alone)
    for law in LAWS:
        joined = shell("pyhf", "combine", "--join", "outer", exported(law, "xenonnt"), exported(law, "pandax4t"))
        ordered = shell("pyhf", "sort", stdin=joined.stdout)
        found[law, "combined", "combine"] = shell("pyhf", "digest", stdin=ordered.stdout)
    return found


def printed_json(runs: Runs, law: str, analysis: str, verb: str) -> Any:
    return json.loads(runs[law, analysis, verb].stdout)


@every_file
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_runs_on_every_file(runs: Runs, law: str, analysis: str, verb: str) -> None:
    run = runs[law, analysis, verb]
    assert run.returncode == 0, run.stderr


@every_file
def test_inspect_lists_channels_measurements_and_modifiers(runs: Runs, law: str, analysis: str) -> None:
    text = runs[law, analysis, "inspect"].stdout
    for channel, bins in CHANNELS[analysis].items():
        assert re.search(rf"{channel} +{bins}\b", text)
    # the starred one is what a verb takes that is given none
    assert re.search(r"\(\*\) b8_flux +mu_8b", text)
    assert re.search(r"new_physics +mu_8b", text)
    kind = {"normsys": "normsys", "linear": "histosys"}[law]
    assert re.search(rf"flux_8b +constrained_by_normal +{kind}\n", text)
    assert re.search(r"mu_8b +unconstrained +normfactor", text)


@every_file
def test_digest_is_the_one_in_the_metadata(runs: Runs, law: str, analysis: str) -> None:
    metadata = json.loads(exported(law, analysis).with_name("BkgOnly.meta.json").read_text("utf-8"))
    assert runs[law, analysis, "digest"].stdout.strip() == f"sha256:{metadata['sha256']}"


@every_file
def test_cls_is_a_probability(runs: Runs, law: str, analysis: str) -> None:
    result = printed_json(runs, law, analysis, "cls")
    assert 0 < result["CLs_obs"] < 1
    assert all(0 < value < 1 for value in result["CLs_exp"])


@every_file
@pytest.mark.parametrize("measurement", MEASUREMENTS)
def test_fit_prints_our_2nll(runs: Runs, spec_builder: Command, law: str, analysis: str, measurement: str) -> None:
    theirs = printed_json(runs, law, analysis, f"fit {measurement}")
    run = spec_builder("fit", exported(law, analysis), "--measurement", measurement, "--json")
    ours = json.loads(run.stdout)
    assert ours["valid"]
    assert ours["twice_nll"] == pytest.approx(theirs["twice_nll"], abs=1e-6, rel=0)
    # pyhf's optimiser stops within 1e-6 of the minimum of 2NLL, so within 1e-2 standard deviations of ours
    assert ours["value"] == pytest.approx(theirs["mle_parameters"]["mu_8b"][0], abs=5e-3)


@every_file
def test_sort_changes_nothing(runs: Runs, law: str, analysis: str) -> None:
    assert printed_json(runs, law, analysis, "sort") == json.loads(exported(law, analysis).read_text("utf-8"))


@every_file
def test_prune_takes_out_a_measurement_and_a_modifier(runs: Runs, law: str, analysis: str) -> None:
    before = pyhf.Workspace(json.loads(exported(law, analysis).read_text("utf-8"))).model()
    after = pyhf.Workspace(printed_json(runs, law, analysis, "prune"))
    assert after.measurement_names == ["new_physics"]
    assert set(before.config.par_names) - set(after.model().config.par_names) == {"flux_8b"}


@pytest.mark.parametrize("law", LAWS)
def test_the_two_experiments_combine_to_the_combined_workspace(runs: Runs, law: str) -> None:
    digest = runs[law, "combined", "combine"].stdout
    assert digest.startswith("sha256:")
    assert digest == runs[law, "combined", "digest"].stdout


@every_file
@pytest.mark.parametrize("measurement", MEASUREMENTS)
def test_xml_holds_the_same_likelihood(runs: Runs, law: str, analysis: str, measurement: str) -> None:
    """XML drops the bounds, so the two are compared at the same points and not by their digests."""
    models = []
    for content in (
        json.loads(exported(law, analysis).read_text("utf-8")),
        printed_json(runs, law, analysis, "xml2json"),
    ):
        workspace = pyhf.Workspace(content)
        model = workspace.model(measurement_name=measurement)
        models.append((model, workspace.data(model)))
    names = models[0][0].config.par_names
    assert sorted(models[1][0].config.par_names) == sorted(names)

    generator = np.random.default_rng(20250512)
    for _ in range(5):
        point = dict(zip(names, generator.normal(size=len(names)), strict=True)) | {"mu_8b": generator.uniform(0, 3)}
        first, second = (
            -2 * model.logpdf([point[name] for name in model.config.par_names], data).item() for model, data in models
        )
        assert np.isfinite(first)
        assert second == pytest.approx(first, rel=1e-12)


@pytest.mark.parametrize("law", LAWS)
def test_what_xml_keeps_of_the_settings(runs: Runs, law: str) -> None:
    """Measurements, what is held and the bounds of mu_8b stay; those of nuisance parameters and the digest do not."""
    before = json.loads(exported(law, "combined").read_text("utf-8"))
    after = printed_json(runs, law, "combined", "xml2json")
    assert [m["name"] for m in after["measurements"]] == list(MEASUREMENTS)
    for old, new in zip(before["measurements"], after["measurements"], strict=True):
        assert new["config"]["poi"] == old["config"]["poi"]
        was = {p["name"]: p for p in old["config"]["parameters"]}
        now = {p["name"]: p for p in new["config"]["parameters"]}
        assert {n for n, p in now.items() if p.get("fixed")} == {n for n, p in was.items() if p["fixed"]}
        assert now["mu_8b"]["bounds"] == was["mu_8b"]["bounds"]
        assert set(now) - set(was) == {"lumi"}, "HistFactory's XML always has a luminosity; no modifier uses it"
        model = pyhf.Workspace(after).model(measurement_name=new["name"])
        bounds = dict(zip(model.config.par_names, model.config.suggested_bounds(), strict=True))
        assert {bounds[name] for name in was if name != "mu_8b"} == {(-5.0, 5.0)}, "pyhf's default again"
    assert pyhf.utils.digest(after) != pyhf.utils.digest(before)
    assert after["observations"] == [
        {"name": o["name"], "data": [float(n) for n in o["data"]]} for o in before["observations"]
    ]


# ---------------------------------------------------------------- the companions


#: First measurement and its parameter of interest, by the folder of the workspace.
FIRST = {
    "coherent_csi": ("cevns_count", "mu_sns"),
    "eves": ("eves_pp_flux", "mu_pp"),
    "texono": ("event_rate", "mu_reactor"),
    "global": ("b8_flux", "mu_8b"),
    "eves_all": ("eves_pp_flux", "mu_pp"),
    "variants/collaboration_normalisation/coherent_csi": ("cevns_count", "mu_sns"),
    "variants/response_shapes/coherent_csi": ("cevns_count", "mu_sns"),
}
PATCHED = [analysis for analysis in FIRST if (WORKSPACES / "normsys" / analysis / "patchset_axial.json").exists()]


def verbs_on_a_patch(file: Path) -> dict[str, tuple[str, ...]]:
    name = json.loads(file.read_text("utf-8"))["patches"][112]["metadata"]["name"]
    return {
        "verify": ("patchset", "verify", "BkgOnly.json", file.name),
        "extract": ("patchset", "extract", file.name, "--name", name, "--output-file", "point.json"),
        "fit patch": ("fit", "BkgOnly.json", "--patch", "point.json", "--measurement", "new_physics", "--value"),
    }


@pytest.fixture(scope="module")
def companions(pyhf_of: Command, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Every verb on every companion's file, and a fit of one of its patches."""

    def each(analysis: str) -> Runs:
        folder = tmp_path_factory.mktemp(analysis.replace("/", "_"))
        source = WORKSPACES / "normsys" / analysis
        shutil.copy(source / "BkgOnly.json", folder)
        first, factor = FIRST[analysis]
        verbs: dict[str, tuple[str, ...]] = {
            "inspect": ("inspect", "BkgOnly.json"),
            "digest": ("digest", "BkgOnly.json"),
            "cls": ("cls", "BkgOnly.json"),
            "fit": ("fit", "BkgOnly.json", "--measurement", first, "--value"),
            "fit new_physics": ("fit", "BkgOnly.json", "--measurement", "new_physics", "--value"),
            "sort": ("sort", "BkgOnly.json"),
            "prune": ("prune", "BkgOnly.json", "--modifier", factor),
            "json2xml": ("json2xml", "BkgOnly.json"),
        }
        if analysis in PATCHED:
            shutil.copy(source / "patchset_axial.json", folder)
            verbs |= verbs_on_a_patch(folder / "patchset_axial.json")
        return {("normsys", analysis, verb): pyhf_of(*words, cwd=folder) for verb, words in verbs.items()}

    return {key: run for analysis in FIRST for key, run in each(analysis).items()}


@pytest.mark.parametrize("analysis", FIRST)
def test_every_verb_runs_on_the_companions(companions: Runs, analysis: str) -> None:
    for (_, name, verb), run in companions.items():
        if name == analysis:
            assert run.returncode == 0, (verb, run.stderr)


@pytest.mark.parametrize("analysis", FIRST)
def test_pyhf_fits_the_companions_as_we_do(companions: Runs, spec_builder: Command, analysis: str) -> None:
    file = WORKSPACES / "normsys" / analysis / "BkgOnly.json"
    for verb, measurement in (("fit", FIRST[analysis][0]), ("fit new_physics", "new_physics")):
        theirs = printed_json(companions, "normsys", analysis, verb)
        run = spec_builder("fit", file, "--measurement", measurement, "--json")
        ours = json.loads(run.stdout)
        assert theirs["twice_nll"] == pytest.approx(ours["twice_nll"], abs=1e-4)
        (value,) = theirs["mle_parameters"][FIRST[analysis][1]]
        assert value == pytest.approx(ours["value"], abs=2e-3)


def test_all_with_patch_sets_are_tried() -> None:
    assert PATCHED == ["coherent_csi", "eves", "texono", "global"]


@pytest.mark.parametrize("analysis", PATCHED)
def test_pyhf_finds_the_height_of_a_patch(companions: Runs, analysis: str) -> None:
    content = json.loads((WORKSPACES / "normsys" / analysis / "patchset_axial.json").read_text("utf-8"))
    least = content["metadata"]["minimum"]["twice_nll"]
    expected = content["patches"][112]["metadata"]["delta_chi2"]
    found = printed_json(companions, "normsys", analysis, "fit patch")["twice_nll"]
    assert found - least == pytest.approx(expected, abs=1e-3)
