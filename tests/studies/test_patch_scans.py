"""Scans of patch sets, ours and somebody else's."""

from __future__ import annotations

import csv
import json
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import process_pool
from spec_builder.histfactory.patchset import round_value
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise
from spec_builder.model.analysis import load_analysis
from spec_builder.model.patches import build_patch_set
from spec_builder.physics.interactions import choose
from spec_builder.studies import patch_scans
from spec_builder.studies.patch_scans import scan_patches
from spec_builder.studies.scans import scan_analysis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spec_builder.base.arrays import FloatArray
    from spec_builder.studies.scan_results import ScanResult

from tests.studies.grid_scans import chunk_files, read_csv, read_npz, same

# ---------------------------------------------------------------- patch sets, ours


@pytest.mark.parametrize("law", ["normsys", "linear"])
def test_patches_equal_the_grid_at_their_rounded_values(law: str) -> None:
    analysis, choice = load_analysis("combined", law), choose("vector_universal")
    masses = np.array([round_value(mass) for mass in np.geomspace(0.01, 1000, 7)])
    couplings = np.array([round_value(g) for g in np.geomspace(1e-5, 3e-3, 13)])
    content = build_patch_set(analysis, choice, [(mass, g) for mass in masses for g in couplings])
    patched, grid = scan_patches(analysis.workspace, content), scan_analysis(analysis, choice, masses, couplings)
    assert patched is not None
    assert grid is not None
    for name in ("mass_MeV", "g"):
        np.testing.assert_array_equal(patched.columns[name], grid.columns[name])
    # 2NLL reaches 1e7 here, and yields are rounded to 8 digits
    np.testing.assert_allclose(patched.columns["twice_nll"], grid.columns["twice_nll"], rtol=1e-7, atol=1e-6)
    assert patched.columns["valid"].all()
    np.testing.assert_array_equal(
        patched.columns["delta_chi2"], patched.columns["twice_nll"] - content["metadata"]["minimum"]["twice_nll"]
    )


def test_the_minimum_that_a_patch_set_states_is_not_that_of_held_parameters() -> None:
    analysis, choice = load_analysis("xenonnt"), choose("scalar")
    content = build_patch_set(analysis, choice, [(10.0, 1e-6), (10.0, 8e-6)])
    held = scan_patches(analysis.workspace, content, hold={"flux_8b": 1.5})
    assert held is not None
    assert "minimum" not in held.metadata
    heights = held.columns["twice_nll"]
    np.testing.assert_array_equal(held.columns["delta_chi2"], heights - heights.min())


# ---------------------------------------------------------------- patch sets, somebody else's


def replace(path: str, value: object) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def sample(data: list[float], size: float, name: str = "extra") -> dict[str, Any]:
    """A sample with an uncertainty of its own."""
    modifier = {"name": f"{name}_size", "type": "normsys", "data": {"hi": 1 + size, "lo": 1 - size}}
    return {
        "op": "add",
        "path": "/channels/0/samples/-",
        "value": {"name": name, "data": data, "modifiers": [modifier]},
    }


SIGNAL, OTHER = "/channels/0/samples/0", "/channels/1/samples/0"
#: Patches as other people write them; alike ones stand apart, so that their groups mix the order.
FOREIGN: dict[str, list[dict[str, Any]]] = {
    "new_sample": [sample([1.0, 2.0, 3.0], 0.2)],
    "only_yields": [replace(f"{SIGNAL}/data", [4.0, 5.0, 6.0])],
    "wider": [replace(f"{SIGNAL}/modifiers/1/data/hi", 1.4)],
    "new_sample_again": [sample([2.0, 2.0, 1.0], 0.2)],
    "one_bin": [replace(f"{SIGNAL}/data/1", 9.0)],
    "other_size": [sample([2.0, 2.0, 1.0], 0.3)],
    "yields_in_both": [replace(f"{SIGNAL}/data", [1.0, 2.0, 3.0]), replace(f"{OTHER}/data", [7.0, 2.5])],
    "only_yields_again": [replace(f"{SIGNAL}/data", [1.5, 2.5, 3.5])],
    "observed": [replace("/observations/0/data", [11, 12, 13])],
    "statistics": [
        {
            "op": "add",
            "path": f"{SIGNAL}/modifiers/-",
            "value": {"name": "mc", "type": "staterror", "data": [0.5, 0.4, 0.3]},
        }
    ],
    "shape": [
        replace(f"{OTHER}/modifiers/0/data", {"hi_data": [6.0, 5.0], "lo_data": [5.0, 4.5]}),
    ],
    "yields_and_shape": [
        replace(f"{OTHER}/data", [11.0, 9.0]),
        replace(f"{OTHER}/modifiers/0/data", {"hi_data": [12.1, 9.9], "lo_data": [9.9, 8.1]}),
    ],
    "background": [replace("/channels/0/samples/1/data", [3.0, 4.0, 5.0])],
    "removed": [{"op": "remove", "path": "/channels/0/samples/1"}],
    "moved": [
        {"op": "move", "from": f"{SIGNAL}/data", "path": "/channels/0/samples/1/data"},
        {"op": "copy", "from": "/channels/0/samples/1/data", "path": f"{SIGNAL}/data"},
        sample([1.0, 1.0, 1.0], 0.1),
    ],
    "nothing": [],
}


@pytest.fixture(scope="module")
def workspace() -> dict[str, Any]:
    """Two channels, as other people build them: no measurement of ours, no name of ours."""
    return {
        "channels": [
            {
                "name": "bulk",
                "samples": [
                    {
                        "name": "signal",
                        "data": [3.0, 4.0, 2.0],
                        "modifiers": [
                            {"name": "mu", "type": "normfactor", "data": None},
                            {"name": "efficiency", "type": "normsys", "data": {"hi": 1.1, "lo": 0.92}},
                        ],
                    },
                    {
                        "name": "background",
                        "data": [8.0, 6.0, 9.0],
                        "modifiers": [{"name": "rate", "type": "normsys", "data": {"hi": 1.3, "lo": 0.7}}],
                    },
                ],
            },
            {
                "name": "side",
                "samples": [
                    {
                        "name": "background",
                        "data": [5.5, 4.5],
                        "modifiers": [
                            {
                                "name": "tilt",
                                "type": "histosys",
                                "data": {"hi_data": [6.05, 4.95], "lo_data": [4.95, 4.05]},
                            },
                            {"name": "rate", "type": "normsys", "data": {"hi": 1.3, "lo": 0.7}},
                        ],
                    }
                ],
            },
        ],
        "observations": [{"name": "bulk", "data": [10, 12, 9]}, {"name": "side", "data": [6, 4]}],
        "measurements": [{"name": "theirs", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


def patch_set(workspace: dict[str, Any], patches: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "version": "1.0.0",
        "metadata": {
            "description": "somebody else's",
            "digests": {"sha256": pyhf.utils.digest(workspace)},
            "labels": ["kind", "number"],
            "references": {"hepdata": "ins1234567"},
        },
        "patches": [
            {"metadata": {"name": name, "values": [f"the {name}", number]}, "patch": operations}
            for number, (name, operations) in enumerate(patches.items())
        ],
    }


@pytest.fixture(scope="module")
def foreign(workspace: dict[str, Any]) -> dict[str, Any]:
    return patch_set(workspace, FOREIGN)


@pytest.fixture(scope="module")
def one_by_one(workspace: dict[str, Any], foreign: dict[str, Any]) -> dict[str, tuple[float, dict[str, float]]]:
    """2NLL and parameters of each patched workspace, fitted alone."""
    read = pyhf.PatchSet(foreign)
    found = {}
    for patch in read:
        likelihood = Likelihood.from_workspace(read.apply(workspace, patch.name))
        fits = minimise(likelihood)
        assert fits.valid.all()
        found[patch.name] = (
            float(fits.twice_nll[0]),
            dict(zip(likelihood.parameters, fits.theta[0].tolist(), strict=True)),
        )
    return found


def scanned(workspace: dict[str, Any], content: dict[str, Any], **how: Any) -> ScanResult:
    result = scan_patches(workspace, content, measurement=None, **how)
    assert result is not None
    return result


def test_each_patch_is_fitted_as_if_it_were_alone(
    workspace: dict[str, Any], foreign: dict[str, Any], one_by_one: dict[str, tuple[float, dict[str, float]]]
) -> None:
    columns = scanned(workspace, foreign).columns
    assert columns["patch"].tolist() == list(FOREIGN)
    assert columns["kind"].tolist() == [f"the {name}" for name in FOREIGN]
    assert columns["number"].tolist() == list(range(len(FOREIGN)))
    assert columns["valid"].all()
    names = {name for _, theta in one_by_one.values() for name in theta}
    assert {name for name in columns if name.startswith("theta_")} == {f"theta_{name}" for name in names}
    for row, (value, theta) in enumerate(one_by_one.values()):
        assert columns["twice_nll"][row] == pytest.approx(value, abs=1e-9)
        for name in names:
            expected = theta.get(name, np.nan)  # a parameter that this patch does not have
            assert columns[f"theta_{name}"][row] == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_pyhf_finds_the_same_minima(
    workspace: dict[str, Any], foreign: dict[str, Any], one_by_one: dict[str, tuple[float, dict[str, float]]]
) -> None:
    read = pyhf.PatchSet(foreign)
    tight = pyhf.optimize.scipy_optimizer(tolerance=1e-10)
    settings = {"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}}
    before = pyhf.get_backend()
    pyhf.set_backend(before[0], tight)
    try:
        for patch in read:
            theirs = pyhf.Workspace(read.apply(workspace, patch.name))
            model = theirs.model(modifier_settings=settings)
            _, value = pyhf.infer.mle.fit(theirs.data(model), model, return_fitted_val=True)
            assert one_by_one[patch.name][0] == pytest.approx(float(value), abs=1e-6)
    finally:
        pyhf.set_backend(*before)


def test_files_keep_the_order_of_the_set(workspace: dict[str, Any], foreign: dict[str, Any], tmp_path: Path) -> None:
    in_memory = scanned(workspace, foreign)
    for suffix in (".npz", ".csv"):
        assert scan_patches(workspace, foreign, measurement=None, output=tmp_path / f"scan{suffix}") is None
    metadata, columns = read_npz(tmp_path / "scan.npz")
    assert metadata == in_memory.metadata
    assert list(columns) == list(in_memory.columns)
    for name, column in columns.items():
        np.testing.assert_array_equal(column, in_memory.columns[name])
    _, text = read_csv(tmp_path / "scan.csv")
    assert list(text) == list(columns)
    assert text["patch"] == list(FOREIGN)
    np.testing.assert_array_equal(np.array(text["twice_nll"], dtype=float), columns["twice_nll"])


@pytest.mark.parametrize(
    "make", [partial(ThreadPoolExecutor, 2), partial(process_pool, 2)], ids=["threads", "processes"]
)
def test_the_executor_does_not_matter_for_patches(
    workspace: dict[str, Any], foreign: dict[str, Any], make: Callable[[], Executor]
) -> None:
    with make() as executor:
        assert same(scanned(workspace, foreign, executor=executor), scanned(workspace, foreign))


def test_patches_of_several_chunks(workspace: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    patches = {f"p{i}": [replace(f"{SIGNAL}/data", rng.uniform(1, 9, 3).tolist())] for i in range(50)}
    patches |= {f"q{i}": [sample(rng.uniform(1, 9, 3).tolist(), 0.1)] for i in range(50)}
    names = [str(name) for name in rng.permutation(list(patches))]
    content = patch_set(workspace, {name: patches[name] for name in names})
    whole = scanned(workspace, content)
    monkeypatch.setattr(patch_scans, "chunk_size", lambda _: 16)
    told: list[tuple[int, int]] = []
    parts = scanned(workspace, content, report=lambda *done: told.append(done))
    assert told[-1] == (8, 8)
    assert parts.columns["patch"].tolist() == whole.columns["patch"].tolist() == names
    np.testing.assert_allclose(parts.columns["twice_nll"], whole.columns["twice_nll"], rtol=0, atol=1e-9)


def test_an_interrupted_patch_scan_goes_on(workspace: dict[str, Any], foreign: dict[str, Any], tmp_path: Path) -> None:
    whole, output = tmp_path / "whole.npz", tmp_path / "scan.npz"
    scan_patches(workspace, foreign, measurement=None, output=whole)

    def interrupt(done: int, _: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan_patches(workspace, foreign, measurement=None, output=output, report=interrupt)
    assert len(chunk_files(output)) == 4
    told: list[tuple[int, int]] = []
    scan_patches(workspace, foreign, measurement=None, output=output, report=lambda *done: told.append(done))
    assert told[0][0] == 4
    assert output.read_bytes() == whole.read_bytes()


def test_a_patch_set_of_another_workspace_is_refused(workspace: dict[str, Any], foreign: dict[str, Any]) -> None:
    other = json.loads(json.dumps(workspace))
    other["observations"][0]["data"][0] += 1
    wanted, found = (pyhf.utils.digest(content)[:16] for content in (workspace, other))
    with pytest.raises(SpecBuilderError, match=rf"theirs\.json: made for a workspace of sha256 {wanted}.* has {found}"):
        scan_patches(other, foreign, name="theirs.json")


def labelled(foreign: dict[str, Any], *labels: str) -> dict[str, Any]:
    """The foreign set with other labels, and as many values."""
    content: dict[str, Any] = json.loads(json.dumps(foreign))
    content["metadata"]["labels"] = list(labels)
    for number, patch in enumerate(content["patches"]):
        patch["metadata"]["values"] = [number + i / 100 for i in range(len(labels))]
    return content


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_labels_hide_no_column(workspace: dict[str, Any], foreign: dict[str, Any], tmp_path: Path, suffix: str) -> None:
    own = [
        "row",
        "patch",
        "delta_chi2",
        "twice_nll",
        "edm",
        "valid",
        "reason",
        "at_bound",
        "metadata",
        "theta_mu",
        "label_row",
    ]
    content = labelled(foreign, *own, "mass")
    plain, columns = scanned(workspace, foreign).columns, scanned(workspace, content).columns
    assert set(columns) == {*plain, *(f"label_{name}" for name in own), "mass"} - {"kind", "number"}
    for name in set(plain) - {"kind", "number"}:
        np.testing.assert_array_equal(columns[name], plain[name])
    for i, name in enumerate([*(f"label_{name}" for name in own), "mass"]):
        np.testing.assert_array_equal(columns[name], np.arange(len(FOREIGN)) + i / 100)
    output = tmp_path / f"scan{suffix}"
    scan_patches(workspace, content, measurement=None, output=output)
    names = read_npz(output)[1] if suffix == ".npz" else read_csv(output)[1]
    assert list(names) == list(columns)


def test_a_label_that_stands_twice_is_named(workspace: dict[str, Any], foreign: dict[str, Any]) -> None:
    with pytest.raises(SpecBuilderError, match=r"theirs\.json: label 'mass' stands twice in metadata\.labels"):
        scan_patches(workspace, labelled(foreign, "mass", "g", "mass"), name="theirs.json")


def test_labels_and_values_are_quoted_in_csv(
    workspace: dict[str, Any], foreign: dict[str, Any], tmp_path: Path
) -> None:
    content = labelled(foreign, "mass, in MeV", "kind")
    for patch in content["patches"]:
        patch["metadata"]["values"][1] = 'a "heavy", new one'
    scan_patches(workspace, content, measurement=None, output=tmp_path / "scan.csv")
    with (tmp_path / "scan.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("# ")))
    assert [row["mass, in MeV"] for row in rows] == [f"{i}.0" for i in range(len(FOREIGN))]
    assert {row["kind"] for row in rows} == {'a "heavy", new one'}


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        ([replace("/channels/4/samples/0/data", [1.0])], "does not apply"),
        ([replace(f"{SIGNAL}/data", [1.0, 2.0])], "data has 2 bins, expected 3"),
        ([replace(f"{SIGNAL}/data", None)], "'data'"),
        ([replace(f"{SIGNAL}/data", 3.0)], "'data'"),
        ([replace(f"{SIGNAL}/data", ["many", 1.0, 2.0])], "many"),
        ([replace(f"{SIGNAL}/modifiers/1/type", "shapewarp")], "type 'shapewarp' is not supported"),
        ([replace(f"{SIGNAL}/modifiers/1/type", "shapefactor")], "'efficiency', key 'data': expected null"),
        ([replace(f"{SIGNAL}/modifiers/1/data/lo", 0.0)], "efficiency"),
    ],
    ids=["no such channel", "two bins", "null", "a number", "a word", "unknown type", "wrong data", "lo zero"],
)
def test_a_patch_that_does_not_work_is_named(
    workspace: dict[str, Any], operations: list[dict[str, Any]], words: str
) -> None:
    content = patch_set(workspace, {"good": [], "bad": operations, "good_again": []})
    with pytest.raises(SpecBuilderError, match=rf"^theirs\.json: patch 'bad': .*{words}"):
        scan_patches(workspace, content, name="theirs.json", measurement=None)


def test_yields_of_one_sample_are_found_whichever_operations_replace_them(
    workspace: dict[str, Any], one_by_one: dict[str, tuple[float, dict[str, float]]]
) -> None:
    """Bin by bin or as a whole: the same model."""
    whole: FloatArray = np.array([4.0, 5.0, 6.0])
    bin_by_bin = [replace(f"{SIGNAL}/data/{i}", value) for i, value in enumerate(whole.tolist())]
    columns = scanned(workspace, patch_set(workspace, {"bin_by_bin": bin_by_bin})).columns
    assert columns["twice_nll"][0] == pytest.approx(one_by_one["only_yields"][0], abs=1e-9)
