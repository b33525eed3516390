"""Scans: the same numbers whoever computes them, however often they were stopped, and for anybody's patch set."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest
from matplotlib.collections import QuadMesh

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import executor_for, process_pool
from spec_builder.base.grids import parse_grid
from spec_builder.histfactory.patchset import round_value
from spec_builder.inference import exclusion, points
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise
from spec_builder.inference.points import CHUNK
from spec_builder.model.analysis import load_analysis
from spec_builder.model.patches import build_patch_set
from spec_builder.physics.interactions import choose
from spec_builder.studies import scans
from spec_builder.studies.limits import find_limits
from spec_builder.studies.scans import ScanResult, default_couplings, scan_analysis, scan_patches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spec_builder.base.arrays import FloatArray

    Column = np.ndarray[Any, np.dtype[Any]]

MASSES = np.geomspace(0.01, 1000, 90)
COUPLINGS = np.geomspace(3e-6, 4e-3, 200)


def scan_vector(law: str = "normsys", **how: Any) -> ScanResult | None:
    """18 000 points, three chunks, of the universal vector in XENONnT."""
    return scan_analysis(load_analysis("xenonnt", law), choose("vector_universal"), MASSES, COUPLINGS, **how)


def run(executor: Executor | None = None, **how: Any) -> ScanResult:
    """The same, in memory."""
    result = scan_vector(executor=executor, **how)
    assert result is not None
    return result


@pytest.fixture(scope="module")
def here() -> ScanResult:
    """Computed in this process."""
    return run()


def same(one: ScanResult, other: ScanResult) -> bool:
    """Bit by bit."""
    assert one.metadata == other.metadata
    assert list(one.columns) == list(other.columns)
    return all(column.tobytes() == other.columns[name].tobytes() for name, column in one.columns.items())


def read_npz(path: Path) -> tuple[dict[str, Any], dict[str, Column]]:
    with np.load(path) as archive:
        columns = {name: archive[name] for name in archive.files}
    return json.loads(str(columns.pop("metadata"))), columns


def read_csv(path: Path) -> tuple[dict[str, Any], dict[str, list[str]]]:
    lines = path.read_text("utf-8").splitlines()
    metadata = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    names, *rows = [line.split(",") for line in lines[len(metadata) :]]
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return {key: json.loads(value) for key, value in metadata.items()}, columns


# ---------------------------------------------------------------- what a scan holds


def test_columns_and_choices(here: ScanResult) -> None:
    likelihood, _ = load_analysis("xenonnt").new_physics(choose("vector_universal"))
    assert list(here.columns) == [
        *("mass_MeV", "g", "delta_chi2", "twice_nll", "edm", "valid", "reason", "at_bound"),
        *(f"theta_{name}" for name in likelihood.parameters),
    ]
    np.testing.assert_array_equal(here.columns["mass_MeV"], np.repeat(MASSES, COUPLINGS.size))
    np.testing.assert_array_equal(here.columns["g"], np.tile(COUPLINGS, MASSES.size))
    assert here.columns["valid"].all()
    assert here.columns["edm"].max() <= 1e-10
    for key, value in {
        "analysis": "xenonnt",
        "law": "normsys",
        "variants": {},
        "interaction": "vector_universal",
        "coupling_set": None,
        "longitudinal_factor": None,
        "masses_MeV": MASSES.tolist(),
        "couplings": COUPLINGS.tolist(),
    }.items():
        assert here.metadata[key] == value


def test_values_are_the_likelihoods_at_theta(here: ScanResult) -> None:
    likelihood, yields = load_analysis("xenonnt").new_physics(choose("vector_universal"))
    rows = np.random.default_rng(6).integers(0, len(here.columns["g"]), 30)
    n0, n1, n2 = yields(here.columns["mass_MeV"][rows])
    x = here.columns["g"][rows, None] ** 2
    fits = minimise(likelihood, sample="cevns", yields=n0 + n1 * x + n2 * x**2)
    np.testing.assert_allclose(here.columns["twice_nll"][rows], fits.twice_nll, rtol=1e-13)
    # the minimum over the plane is below every point of it
    least = here.metadata["minimum"]["twice_nll"]
    np.testing.assert_array_equal(here.columns["delta_chi2"], here.columns["twice_nll"] - least)
    assert here.columns["delta_chi2"].min() >= 0
    assert here.columns["delta_chi2"].min() < 0.1  # and near to one


# ---------------------------------------------------------------- executors and chunks


@contextmanager
def dask_cluster() -> Iterator[Executor]:
    """A scheduler and a worker on loopback, reached by their address as ``--dask`` does."""
    from dask.distributed import LocalCluster

    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            protocol="tcp",
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=False,
        ) as cluster,
        executor_for(1, dask=cluster.scheduler_address) as executor,
    ):
        assert executor is not None
        yield executor


@pytest.mark.parametrize(
    "make", [partial(ThreadPoolExecutor, 2), partial(process_pool, 2)], ids=["threads", "processes"]
)
def test_executors_of_the_standard_library(here: ScanResult, make: Callable[[], Executor]) -> None:
    with make() as executor:
        assert same(run(executor), here)


def test_dask(here: ScanResult) -> None:
    with warnings.catch_warnings():
        for module in ("dask", "distributed", "tornado", "zict", "msgpack"):
            warnings.filterwarnings("ignore", module=rf"{module}\b")
        with dask_cluster() as executor:
            assert same(run(executor), here)


@pytest.mark.parametrize("size", [CHUNK // 4, CHUNK * 4])
def test_the_size_of_chunks_does_not_matter(here: ScanResult, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(points, "chunk_size", lambda _: size)
    told: list[tuple[int, int]] = []
    assert same(run(report=lambda *done: told.append(done)), here)
    total = -(-len(here.columns["g"]) // size)
    assert told == [(done, total) for done in range(total + 1)]


# ---------------------------------------------------------------- files


def test_npz_and_csv_hold_the_scan(here: ScanResult, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as executor:
        for suffix in (".npz", ".csv"):
            assert scan_vector(executor=executor, output=tmp_path / f"scan{suffix}") is None
    metadata, columns = read_npz(tmp_path / "scan.npz")
    assert same(ScanResult(metadata, columns), here)
    metadata, text = read_csv(tmp_path / "scan.csv")
    assert metadata == here.metadata
    assert list(text) == list(columns)
    for name, column in columns.items():
        np.testing.assert_array_equal(np.array(text[name], dtype=float), column)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scan.csv", "scan.npz"]


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/scan.npz").write_bytes(b"old")
    (tmp_path / "link.npz").symlink_to(tmp_path / "there/scan.npz")
    scan_vector(output=tmp_path / "link.npz", force=True)
    assert (tmp_path / "link.npz").is_symlink()
    with np.load(tmp_path / "there/scan.npz") as archive:
        assert archive["valid"].all()


@pytest.mark.parametrize(("name", "told"), [("scan.npz", "exists already; give another name"), ("a.xls", "a.xls: ")])
def test_an_output_that_cannot_be_written_is_told_before_anything_is_computed(
    name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scan.npz").write_bytes(b"mine")
    monkeypatch.setattr(scans, "default_couplings", lambda *_: pytest.fail("computed"))
    with pytest.raises(SpecBuilderError, match=told):
        scan_analysis("xenonnt", "scalar", output=tmp_path / name)
    assert (tmp_path / "scan.npz").read_bytes() == b"mine"


# ---------------------------------------------------------------- interrupted scans

INTERRUPTED = ("xenonnt", "tensor", "0.01:1000:440", "2e-4:0.1:440")
CHUNKS = 24


def chunk_files(output: Path) -> dict[str, tuple[int, int]]:
    """Which file a chunk is and when it was written."""
    found = {}
    for path in sorted(output.with_name(output.name + ".parts").glob("chunk-*.npz")):
        about = path.stat()
        found[path.name] = (about.st_ino, about.st_mtime_ns)
    return found


def finish(output: Path) -> list[tuple[int, int]]:
    """Go on with the interrupted scan from Python; returns the progress that was told."""
    analysis, interaction, masses, couplings = INTERRUPTED
    told: list[tuple[int, int]] = []
    scan_analysis(
        load_analysis(analysis),
        choose(interaction),
        np.array(parse_grid(masses, "masses")),
        np.array(parse_grid(couplings, "couplings")),
        output=output,
        report=lambda *done: told.append(done),
    )
    return told


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    output = tmp_path_factory.mktemp("uninterrupted") / "scan.npz"
    finish(output)
    return output.read_bytes()


def command(output: Path, *words: str) -> list[str]:
    """The interrupted scan as a user types it."""
    analysis, interaction, masses, couplings = INTERRUPTED
    executable = str(Path(sys.executable).with_name("spec-builder"))
    grid = ["--interaction", interaction, "--masses", masses, "--couplings", couplings]
    return [executable, "scan", analysis, *grid, "--output", str(output), *words]


def wait_for_chunks(process: subprocess.Popen[str], output: Path, count: int) -> None:
    while process.poll() is None and len(chunk_files(output)) < count:
        time.sleep(0.002)


def test_a_scan_killed_ten_times_at_random_moments_ends_in_the_same_bytes(tmp_path: Path, uninterrupted: bytes) -> None:
    output = tmp_path / "scan.npz"
    rng = np.random.default_rng(20)
    kept: dict[str, tuple[int, int]] = {}
    for kill in range(10):
        jobs = str(1 + kill % 2)
        with subprocess.Popen(command(output, "--jobs", jobs), stderr=subprocess.PIPE, text=True) as process:
            wait_for_chunks(process, output, min(len(kept) + int(rng.integers(0, 3)), CHUNKS - 8))
            time.sleep(rng.uniform(0, 0.05))
            process.kill()
            assert process.stderr is not None
            complaints = process.stderr.read().splitlines()
        # Python's own note that it tidies up after a killed pool
        known = ("resource_tracker", "warnings.warn", "goes on where it was stopped")
        assert [line for line in complaints if not any(text in line for text in known)] == []
        assert process.returncode == -signal.SIGKILL
        assert not output.exists()
        found = chunk_files(output)
        assert {name: found.get(name) for name in kept} == kept  # neither lost nor written again
        kept = found
    assert 3 <= len(kept) < CHUNKS
    assert finish(output) == [(done, CHUNKS) for done in range(len(kept), CHUNKS + 1)]
    assert output.read_bytes() == uninterrupted
    assert [path.name for path in tmp_path.iterdir()] == ["scan.npz"]


def test_a_scan_whose_cluster_dies_goes_on_without_it(tmp_path: Path, uninterrupted: bytes) -> None:
    output = tmp_path / "scan.npz"
    cluster = """
import time
from distributed import LocalCluster
if __name__ == "__main__":
    made = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", host="127.0.0.1",
                        dashboard_address=None)
    print(made.scheduler_address, flush=True)
    time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", cluster], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as scheduler:
        assert scheduler.stdout is not None
        address = scheduler.stdout.readline().strip()
        with subprocess.Popen(command(output, "--dask", address), stderr=subprocess.PIPE, text=True) as process:
            wait_for_chunks(process, output, 2)
            scheduler.kill()
            _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert told == "spec-builder: error: a worker was lost; run again to go on where the scan stood\n"
    kept = chunk_files(output)
    assert 2 <= len(kept) < CHUNKS
    assert finish(output)[0] == (len(kept), CHUNKS)
    assert output.read_bytes() == uninterrupted


def stopped(output: Path, after: int, **how: Any) -> None:
    """A scan that is interrupted as soon as some chunks are done."""

    def interrupt(done: int, _: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan_vector(output=output, report=interrupt, **how)
    assert len(chunk_files(output)) == after
    assert not output.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_scan_that_is_stopped_says_how_it_goes_on(tmp_path: Path, number: int, status: int, jobs: str) -> None:
    """The signal goes to all processes of a group, as a terminal sends Ctrl-C."""
    output = tmp_path / "scan.npz"
    how: dict[str, Any] = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(command(output, "--jobs", jobs), **how) as process:
        wait_for_chunks(process, output, 2)
        os.kill(process.pid, number) if number == signal.SIGTERM else os.killpg(process.pid, number)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == status
    kept = len(chunk_files(output))
    assert 2 <= kept < CHUNKS
    folder = f"{output}.parts"
    again = "give the same command again to go on from there"
    assert complaint == f"spec-builder: error: stopped; {kept} chunks are kept in {folder}: {again}\n"
    done = subprocess.run(command(output, "--jobs", "1"), capture_output=True, text=True, check=True)
    assert done.stderr == f"goes on where it was stopped: {kept} of {CHUNKS} chunks are there\n"


def test_a_scan_goes_on_on_another_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose last digits differ; the header names both."""
    output = tmp_path / "scan.npz"
    monkeypatch.setattr(scans, "engine_name", lambda: "compiled")
    stopped(output, 1)
    monkeypatch.setattr(scans, "engine_name", lambda: "numpy")
    exact = exclusion.plane_minimum

    def elsewhere(*how: Any) -> Any:
        minimum = exact(*how)
        return dataclasses.replace(minimum, twice_nll=minimum.twice_nll * (1 + 1e-15), g=minimum.g * (1 + 1e-7))

    monkeypatch.setattr(scans, "plane_minimum", elsewhere)
    masses = MASSES * (1 + 2e-16)  # as another processor's logarithms give them
    analysis, choice = load_analysis("xenonnt"), choose("vector_universal")
    assert scan_analysis(analysis, choice, masses, COUPLINGS, output=output) is None
    assert read_npz(output)[0]["engine"] == "compiled and numpy"


def test_another_grid_is_another_scan(tmp_path: Path) -> None:
    output = tmp_path / "scan.npz"
    stopped(output, 1)
    analysis, choice = load_analysis("xenonnt"), choose("vector_universal")
    with pytest.raises(SpecBuilderError, match="chunk of another scan"):
        scan_analysis(analysis, choice, MASSES * (1 + 1e-8), COUPLINGS, output=output)


def test_chunks_are_compressed(tmp_path: Path) -> None:
    stopped(tmp_path / "scan.npz", 1)
    (chunk,) = (tmp_path / "scan.npz.parts").glob("chunk-*.npz")
    with np.load(chunk) as content:
        assert chunk.stat().st_size < 0.85 * sum(content[name].nbytes for name in content.files)


@pytest.mark.parametrize("change", ["short", "two axes", "missing", "foreign"])
def test_a_forged_chunk_without_a_number_for_each_point(tmp_path: Path, change: str) -> None:
    output = tmp_path / "scan.npz"
    stopped(output, 1)
    (chunk,) = (tmp_path / "scan.npz.parts").glob("chunk-*.npz")
    with np.load(chunk) as content:
        columns = {name: content[name] for name in content.files}
    own = [name for name in columns if name not in ("job", "index", "engine")]
    if change == "short":
        columns |= {name: columns[name][1:] for name in own}
    elif change == "two axes":
        columns |= {name: columns[name][:, None] for name in own}
    elif change == "missing":
        del columns["twice_nll"]
    else:
        columns["../x"] = columns["edm"]
    np.savez(chunk, **columns)
    chunk.write_bytes(chunk.read_bytes() + hashlib.sha256(chunk.read_bytes()).digest())
    with pytest.raises(SpecBuilderError, match=r"chunk-00000\d\.npz: corrupted chunk of a scan; delete it"):
        scan_vector(output=output)


def test_a_damaged_chunk_is_named_and_can_be_deleted(here: ScanResult, tmp_path: Path) -> None:
    output = tmp_path / "scan.npz"
    stopped(output, 2)
    damaged = tmp_path / "scan.npz.parts" / "chunk-000001.npz"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 4
    damaged.write_bytes(content)
    with pytest.raises(SpecBuilderError, match=r"chunk-000001\.npz: corrupted chunk of a scan; delete it"):
        scan_vector(output=output)
    damaged.unlink()
    untouched = chunk_files(output)
    stopped(output, 2)
    assert chunk_files(output).items() >= untouched.items()
    assert scan_vector(output=output) is None
    assert same(ScanResult(*read_npz(output)), here)


def test_a_chunk_of_another_scan_is_named(tmp_path: Path) -> None:
    output = tmp_path / "scan.npz"
    stopped(output, 1, law="linear")
    with pytest.raises(
        SpecBuilderError,
        match=r"scan\.npz\.parts/chunk-000000\.npz: chunk of another scan; delete scan\.npz\.parts or give another",
    ):
        scan_vector(output=output)
    assert not output.exists()


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
    monkeypatch.setattr(scans, "chunk_size", lambda _: 16)
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


@pytest.mark.parametrize("analysis", ["xenonnt", "coherent_csi", "eves", "texono"])
@pytest.mark.parametrize("interaction", ["scalar", "vector_bl", "axial", "magnetic_moment", "millicharge"])
def test_couplings_that_are_not_given_hold_what_is_excluded(analysis: str, interaction: str) -> None:
    """Electron recoils exclude a millicharge of 1e-13 and nuclear ones one of 1e-8: no one range shows both."""
    loaded, choice = load_analysis(analysis), choose(interaction)
    masses = [0.01, 1.0, 1000.0] if choice.has_mediator else None
    values = default_couplings(loaded, choice, masses)
    limits = find_limits(loaded, choice, masses)
    ends = [end for pairs in limits.excluded for pair in pairs for end in pair if end]
    assert values.size == 121
    assert values[0] < min(ends)
    assert values[-1] > max(ends)
    if choice.signed:  # evenly spaced: what is allowed is wider than a step
        assert max(ends) - min(ends) > 40 * (values[1] - values[0])


def test_the_picture_of_a_grid_is_its_delta_chi2() -> None:
    masses, couplings = [1.0, 100.0, 10.0], [1e-5, 1e-6, 3e-6, 1e-4]
    scan = scan_analysis("xenonnt", "scalar", masses, couplings)
    assert scan is not None
    (mesh,) = (c for c in scan.plot().collections if isinstance(c, QuadMesh))
    drawn = np.asarray(mesh.get_array()).reshape(len(couplings), len(masses))
    heights = np.asarray(scan.delta_chi2).reshape(len(masses), len(couplings))
    np.testing.assert_array_equal(drawn, heights[np.argsort(masses)][:, np.argsort(couplings)].T)
    line = scan_analysis("xenonnt", "nsi", couplings=[0.2, -0.1, 0.1])
    assert line is not None
    (curve,) = line.plot().lines
    np.testing.assert_array_equal(curve.get_xdata(), [-0.1, 0.1, 0.2])
    np.testing.assert_array_equal(curve.get_ydata(), np.asarray(line.delta_chi2)[[1, 2, 0]])


def test_a_scan_that_is_no_grid_has_no_picture() -> None:
    scan = scan_analysis("xenonnt", "scalar", [1.0, 10.0], [1e-5])
    assert scan is not None
    with pytest.raises(SpecBuilderError, match="no grid of couplings: there is nothing to draw"):
        scan.plot()
