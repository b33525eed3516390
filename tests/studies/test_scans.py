"""Scans of a grid: the same numbers whoever computes them."""

from __future__ import annotations

import warnings
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import executor_for, process_pool
from spec_builder.inference import points
from spec_builder.inference.newton import minimise
from spec_builder.inference.points import CHUNK
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.studies import scans
from spec_builder.studies.limits import find_limits
from spec_builder.studies.scan_results import ScanResult
from spec_builder.studies.scans import default_couplings, scan_analysis
from tests.new_physics import new_physics
from tests.studies.grid_scans import COUPLINGS, MASSES, read_csv, read_npz, run, same, scan_vector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def here() -> ScanResult:
    """Computed in this process."""
    return run()


# ---------------------------------------------------------------- what a scan holds


def test_columns_and_choices(here: ScanResult) -> None:
    likelihood, _ = new_physics(load_analysis("xenonnt"), choose("vector_universal"))
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
    likelihood, yields = new_physics(load_analysis("xenonnt"), choose("vector_universal"))
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
