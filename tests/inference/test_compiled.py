"""The compiled minimiser against numpy's, and its builds against each other."""

from __future__ import annotations

import ctypes
import dataclasses
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference import compiled, descent, newton, packing
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import Rows, take_apart
from spec_builder.model.analysis import load_analysis
from tests.inference.random_models import random_model

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.inference.minima import BatchFit

LIBRARY = compiled.find_library()
needs_library = pytest.mark.skipif(isinstance(LIBRARY, str), reason=f"no compiled engine: {LIBRARY}")
HEADER = Path(__file__).parents[2] / "kernel/model.h"


def fit_with(engine: str, monkeypatch: pytest.MonkeyPatch, likelihood: Likelihood, rows: Rows) -> BatchFit:
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", engine)
    return newton.minimise(likelihood, rows=rows)


def everything_by_row(likelihood: Likelihood, count: int) -> Rows:
    """Rows of the generic workspace with yields, shapes, a ratio, counts and auxiliary data of their own."""
    rng = np.random.default_rng(11)
    signal = np.array([3.0, 5.0, 2.0, 4.0, 6.0])[:, None] * rng.uniform(0.7, 1.5, (5, count))
    small = np.array([1.0, 0.5, 0.25, 0.0, 0.0])[:, None] * rng.uniform(0.5, 1.8, count)
    high, low = small * rng.uniform(0.9, 1.3, (5, count)), small * rng.uniform(0.8, 1.1, (5, count))
    ratio = rng.uniform(1.05, 1.3, count), rng.uniform(0.75, 0.95, count)
    auxiliary = [
        spec.constraint.auxiliary * rng.uniform(0.9, 1.1, count)
        for spec in likelihood.specification.parameters
        if spec.constraint
    ]
    return Rows(
        yields={"signal": signal, "small": small},
        variations={("small", "other"): (high, low)},
        ratios={("left", "small", "other"): ratio},
        observed=rng.poisson(likelihood.observed[:, None], (5, count)).astype(float),
        auxiliary=np.array(auxiliary),
    )


def bytes_of(library: compiled.Library, likelihood: Likelihood, rows: Rows, build: str) -> bytes:
    layout, arrays = take_apart(likelihood, rows)
    packed = likelihood.packed(likelihood.free, layout)
    assert packed is not None
    theta = np.tile(likelihood.init[:, None], (1, rows.count() or 1))
    barrier = np.full((1, 1), 1e-9)
    value, edm, reason = compiled.run(library, packed, theta, arrays, barrier, evaluations=100, build=build)
    return b"".join(array.tobytes() for array in (theta, value, edm, reason))


@needs_library
@pytest.mark.parametrize(
    ("kilobytes", "rows", "chosen"), [(4, 1, 1), (4, 2, 2), (400, 1, 0), (400, 7, 1), (400, 48, 2), (100_000, 48, 0)]
)
def test_lanes_without_a_row_are_for_small_models(kilobytes: int, rows: int, chosen: int) -> None:
    lanes = (1, 4, 8)

    class Functions:
        @staticmethod
        def spec_builder_size(build: int, _model: Any) -> int:
            return 1024 * kilobytes * lanes[build]

    library = compiled.Library(cast("ctypes.CDLL", Functions), ("single", "baseline", "avx2"), lanes)
    assert library.best_build(packing.Model(), rows) == chosen


@pytest.mark.parametrize("block", range(6))
def test_random_small_models_agree(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    for seed in range(25 * block, 25 * block + 25):
        workspace, yields = random_model(seed, 6)
        likelihood = Likelihood.from_workspace(workspace)
        rows = Rows(yields={"signal": yields})
        theirs = fit_with("numpy", monkeypatch, likelihood, rows)
        ours = fit_with("compiled", monkeypatch, likelihood, rows)
        np.testing.assert_array_equal(ours.valid, theirs.valid)
        np.testing.assert_array_equal(ours.at_bound, theirs.at_bound)
        good = ours.valid
        np.testing.assert_allclose(ours.twice_nll[good], theirs.twice_nll[good], rtol=0, atol=1e-9)
        # an EDM of 1e-12 leaves 1.4e-6 of a standard deviation
        np.testing.assert_allclose(ours.theta[good], theirs.theta[good], rtol=0, atol=5e-6)
        compared += int(good.sum())
    assert compared > 100


@needs_library
def test_everything_by_row_agrees(generic: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    likelihood = Likelihood.from_workspace(generic)
    rows = everything_by_row(likelihood, 150)
    theirs = fit_with("numpy", monkeypatch, likelihood, rows)
    ours = fit_with("compiled", monkeypatch, likelihood, rows)
    assert theirs.valid.all()
    assert ours.valid.all()
    np.testing.assert_allclose(ours.twice_nll, theirs.twice_nll, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.theta, theirs.theta, rtol=0, atol=5e-6)


@needs_library
def test_all_builds_and_threads_give_the_same_bytes(generic: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(LIBRARY, compiled.Library)
    models = [(Likelihood.from_workspace(generic), everything_by_row(Likelihood.from_workspace(generic), 77))]
    for seed in range(12):
        workspace, yields = random_model(seed, 33)
        models.append((Likelihood.from_workspace(workspace), Rows(yields={"signal": yields})))
    assert LIBRARY.builds[:2] == ("single", "baseline")
    for likelihood, rows in models:
        expected = bytes_of(LIBRARY, likelihood, rows, "single")
        for build in LIBRARY.builds[1:]:
            assert bytes_of(LIBRARY, likelihood, rows, build) == expected
        monkeypatch.setenv("SPEC_BUILDER_THREADS", "3")
        monkeypatch.setattr(compiled, "_LEAST_ROWS", 1)
        assert bytes_of(LIBRARY, likelihood, rows, LIBRARY.builds[-1]) == expected
        monkeypatch.delenv("SPEC_BUILDER_THREADS")


class Meeting:
    """The library's functions; so many threads must be at work together, and each starts from the same queue."""

    def __init__(self, functions: Any, number: int) -> None:
        self._functions, self._barrier = functions, threading.Barrier(number)
        self.threads: set[int] = set()
        self.queues: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._functions, name)

    def spec_builder_minimise(self, build: int, model: Any, rows: Any, result: Any) -> int:
        self.threads.add(threading.get_ident())
        self.queues.add(ctypes.addressof(rows._obj.next.contents))
        self._barrier.wait(timeout=30)  # broken, and the fit fails, where one is missing
        done: int = self._functions.spec_builder_minimise(build, model, rows, result)
        return done


@needs_library
@pytest.mark.parametrize(("rows", "number"), [(256, 1), (300, 2), (4000, 3)])
def test_threads_share_the_rows(
    generic: dict[str, Any], monkeypatch: pytest.MonkeyPatch, rows: int, number: int
) -> None:
    assert isinstance(LIBRARY, compiled.Library)
    likelihood = Likelihood.from_workspace(generic)
    monkeypatch.setenv("SPEC_BUILDER_THREADS", "3")
    meeting = Meeting(LIBRARY.functions, number)
    library = dataclasses.replace(LIBRARY, functions=cast("Any", meeting))
    bytes_of(library, likelihood, everything_by_row(likelihood, rows), LIBRARY.builds[-1])
    assert len(meeting.threads) == number
    assert len(meeting.queues) == 1


@needs_library
@pytest.mark.parametrize("build", range(4))
def test_a_thread_takes_rows_that_no_other_has(generic: dict[str, Any], build: int) -> None:
    """From a queue of which others have taken 128 rows it takes the rest."""
    assert isinstance(LIBRARY, compiled.Library)
    if build >= len(LIBRARY.builds):
        pytest.skip("this processor does not run the build")

    class Late(Meeting):
        def spec_builder_minimise(self, build: int, model: Any, rows: Any, result: Any) -> int:
            rows._obj.next.contents.value = 128
            return super().spec_builder_minimise(build, model, rows, result)

    likelihood = Likelihood.from_workspace(generic)
    rows, name = everything_by_row(likelihood, 300), LIBRARY.builds[build]
    late = dataclasses.replace(LIBRARY, functions=cast("Any", Late(LIBRARY.functions, 1)))
    size = 300 * likelihood.init.size  # the first numbers are theta
    whole, rest = (
        np.frombuffer(bytes_of(library, likelihood, rows, name))[:size].reshape(-1, 300) for library in (LIBRARY, late)
    )
    np.testing.assert_array_equal(rest[:, 128:], whole[:, 128:])
    np.testing.assert_array_equal(rest[:, :128], np.tile(likelihood.init[:, None], 128))
    assert (whole[:, :128] != rest[:, :128]).any()


@needs_library
def test_rows_of_a_thinned_model_have_a_part_of_their_events(generic: dict[str, Any]) -> None:
    """Events of a row's own are thinned once, by the row and not by the model too."""
    assert isinstance(LIBRARY, compiled.Library)
    likelihood = Likelihood.from_workspace(generic)
    layout, arrays = take_apart(likelihood, everything_by_row(likelihood, 20))
    own = arrays.thinned(0.25)
    there = likelihood.thinned(0.25).packed(likelihood.free, layout)
    packed = likelihood.packed(likelihood.free, layout)
    assert packed is not None
    assert there is not None
    ends = []
    for model in (packed.thinned(0.25), there):
        theta = np.tile(likelihood.init[:, None], 20)
        compiled.run(LIBRARY, model, theta, own, np.zeros((1, 1)), evaluations=100)
        ends.append(theta)
    np.testing.assert_array_equal(ends[0], ends[1])


@needs_library
def test_a_row_does_not_depend_on_the_others(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic)
    rows = everything_by_row(likelihood, 40)
    order = np.random.default_rng(3).permutation(40)
    together = newton.minimise(likelihood, rows=rows)
    shuffled = newton.minimise(likelihood, rows=rows.take(order))
    np.testing.assert_array_equal(shuffled.twice_nll, together.twice_nll[order])
    np.testing.assert_array_equal(shuffled.theta, together.theta[order])


@needs_library
@pytest.mark.parametrize("events", [1e6, 1e9, 1e10, 1e11])
def test_a_huge_signal_settles(events: float) -> None:
    """Two uncertainties pull such a signal to zero: all digits of the Hessian in the valley between them are lost."""
    likelihood = Likelihood.from_workspace(load_analysis("pandax4t", "linear").workspace, "new_physics")
    shape: FloatArray = np.array([8.3, 6.5, 5.4, 4.2, 3.4, 2.8, 2.3, 1.9])
    yields = events * np.geomspace(1, 3, 60) * (shape / shape.sum())[:, None]
    fits = newton.minimise(likelihood, rows=Rows(yields={"cevns": yields}))
    assert fits.valid.all()
    # the signal is gone, whatever it was
    assert np.ptp(fits.twice_nll) < 0.01


@needs_library
def test_rates_that_rounding_hides_make_no_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terms of 1e7 that cancel to 1e-10 in an empty bin: one in 25 valid fits was not at its minimum."""
    likelihood = Likelihood.from_workspace(load_analysis("pandax4t", "linear").workspace, "new_physics")
    rng = np.random.default_rng(6)
    signal = np.array([8.3, 6.5, 5.4, 4.2, 3.4, 2.8, 2.3, 1.9])[:, None] * rng.uniform(0.1, 3, 1000) * 1e6
    counts = np.where(rng.random(signal.shape) < 0.4, 0, rng.poisson(likelihood.observed[:, None], signal.shape))
    auxiliary = rng.normal(size=(len(likelihood.constrained()), 1000))
    rows = Rows({"cevns": signal}, observed=counts.astype(float), auxiliary=auxiliary)
    one, other = (fit_with(engine, monkeypatch, likelihood, rows) for engine in ("compiled", "numpy"))
    both = one.valid & other.valid
    assert both.sum() > 500
    np.testing.assert_allclose(one.twice_nll[both], other.twice_nll[both], rtol=0, atol=1e-5)


@needs_library
@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("barrier", [0.0, 1e-9, 1e-2])
def test_a_minimum_that_is_not_looked_at_again_is_there(size: float, barrier: float) -> None:
    """Where rates are affine the last step is not evaluated: its EDM is a bound that holds, and 2NLL is that there."""
    assert isinstance(LIBRARY, compiled.Library)
    likelihood = Likelihood.from_workspace(load_analysis("pandax4t", "linear").workspace, "new_physics")
    rng = np.random.default_rng(6)
    signal = np.array([8.3, 6.5, 5.4, 4.2, 3.4, 2.8, 2.3, 1.9])[:, None] * rng.uniform(0.1, 3, 400) * size
    empty = rng.random(signal.shape) < 0.3
    counts = np.where(empty, 0, rng.poisson(likelihood.observed[:, None], signal.shape)).astype(float)
    auxiliary = rng.normal(size=(len(likelihood.constrained()), 400))
    layout, arrays = take_apart(likelihood, Rows({"cevns": signal}, observed=counts, auxiliary=auxiliary))
    packed = likelihood.packed(likelihood.free, layout)
    assert packed is not None
    assert packed.model.affine

    def fit(theta: FloatArray, evaluations: int) -> tuple[FloatArray, FloatArray, IndexArray]:
        least = np.full((1, 1), barrier)
        return compiled.run(LIBRARY, packed, theta, arrays, least, evaluations=evaluations)

    theta = np.tile(likelihood.init[:, None], 400)
    value, edm, reason = fit(theta, 100)
    end = theta.copy()
    there, distance, _ = fit(end, 1)
    np.testing.assert_array_equal(end, theta)  # one evaluation goes nowhere
    unseen = (reason == 0) & (distance != edm)
    assert unseen.sum() > 40
    assert (distance[unseen] <= edm[unseen]).all()
    assert edm[unseen].max() <= descent.EDM_GOAL
    np.testing.assert_allclose(value[unseen], there[unseen], rtol=1e-13, atol=1e-11)


@needs_library
def test_no_rows(generic: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    likelihood = Likelihood.from_workspace(generic)
    fits = fit_with("compiled", monkeypatch, likelihood, Rows(yields={"signal": np.zeros((5, 0))}))
    assert fits.twice_nll.shape == (0,)


@needs_library
def test_a_model_of_many_factors_is_left_to_numpy(generic: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    likelihood = Likelihood.from_workspace(generic)
    expected = newton.minimise(likelihood)
    assert likelihood.packed(likelihood.free) is not None
    monkeypatch.setattr(packing, "_MOST_PAIRS", 3)
    large = Likelihood.from_workspace(generic)
    fits = newton.minimise(large)
    assert large.packed(large.free) is None
    np.testing.assert_allclose(fits.twice_nll, expected.twice_nll, rtol=0, atol=1e-9)


def test_the_engine_is_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", "numpy")
    assert compiled.chosen_library() is None
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", "fortran")
    with pytest.raises(SpecBuilderError, match="SPEC_BUILDER_ENGINE is 'fortran', expected compiled or numpy"):
        compiled.chosen_library()
    monkeypatch.setattr(compiled, "find_library", lambda: "not compiled when the package was installed")
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", "compiled")
    with pytest.raises(SpecBuilderError, match=r"SPEC_BUILDER_ENGINE is compiled, but .*not compiled when"):
        compiled.chosen_library()
    monkeypatch.delenv("SPEC_BUILDER_ENGINE")
    assert compiled.chosen_library() is None


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5", ""])
def test_a_wrong_number_of_threads_is_refused(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEC_BUILDER_THREADS", number)
    with pytest.raises(SpecBuilderError, match=f"SPEC_BUILDER_THREADS is '{number}', expected a whole number >= 1"):
        compiled.threads()


@needs_library
def test_a_library_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "LAYOUT", -1)
    found = compiled.find_library.__wrapped__()
    assert found == "compiled for another version; install the package again"


@pytest.mark.skipif(not HEADER.is_file(), reason="no source of the kernel beside the tests")
def test_fields_are_those_of_the_header() -> None:
    """ctypes checks nothing: names, order and types of the fields must be the header's."""
    header = re.sub(r"//.*", "", HEADER.read_text(encoding="utf-8"))
    assert f"LAYOUT = {packing.LAYOUT};" in header
    (body,) = re.findall(r"struct Model \{(.*?)\};", header, re.DOTALL)
    fields = []
    for kind, names in re.findall(r"(int64_t|const int32_t|const double) ([^;]*);", body):
        fields += [(name.strip().lstrip("*"), kind) for name in names.split(",")]
    pointers = {np.int32: "const int32_t", np.float64: "const double"}
    expected = [(name, "int64_t") for name in packing.SIZES]
    expected += [(name, pointers[kind]) for name, kind in packing.FIELDS]
    assert fields == expected
    for structure in (packing.Rows, packing.Result, packing.Column):
        (body,) = re.findall(rf"struct {structure.__name__} \{{(.*?)\}};", header, re.DOTALL)
        names = re.sub(r"std::atomic<int64_t> |const |double |int64_t |Column ", "", body).replace(";", ",").split(",")
        assert [name.strip(" *\n") for name in names if name.strip()] == [name for name, *_ in structure._fields_]
