"""Scans that were stopped, however often, end in the same bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import parse_grid
from spec_builder.inference import exclusion
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.studies import scan_jobs, scans
from spec_builder.studies.scan_results import ScanResult
from spec_builder.studies.scans import scan_analysis
from tests.studies.grid_scans import COUPLINGS, MASSES, chunk_files, read_npz, run, same, scan_vector


@pytest.fixture(scope="module")
def here() -> ScanResult:
    """Computed in this process."""
    return run()


INTERRUPTED = ("xenonnt", "tensor", "0.01:1000:440", "2e-4:0.1:440")
CHUNKS = 24


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
    monkeypatch.setattr(scan_jobs, "engine_name", lambda: "compiled")
    stopped(output, 1)
    monkeypatch.setattr(scan_jobs, "engine_name", lambda: "numpy")
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
