"""Toys: what is drawn, which minimum each is fitted to, and that nobody's workers matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest

from spec_builder.base.chunks import FileStore, MemoryStore
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import process_pool
from spec_builder.inference import toys as module
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import saturated
from spec_builder.inference.toys import TOYS_PER_CHUNK, chunk_sizes, draw, fit_toys, generator_of, hypotheses, throw
from spec_builder.model.analysis import load_analysis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spec_builder.base.arrays import Columns
    from tests.inference.conftest import PyhfModel


@pytest.fixture(scope="module")
def xenonnt() -> Likelihood:
    return load_analysis("xenonnt", "linear").likelihood("flux")


# ---------------------------------------------------------------- what is drawn


def test_counts_and_auxiliary_data_have_their_moments(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic, "some_fixed")
    theta = likelihood.init.copy()
    theta[likelihood.index("tilt")] = 0.7
    theta[likelihood.index("lumi")] = 1.04
    count = 40_000
    data = draw(likelihood, theta, np.random.default_rng(3), count)
    rates = likelihood.rates(theta)[0]
    assert np.all(np.abs(data.observed.mean(axis=1) - rates) < 5 * np.sqrt(rates / count) + 1e-12)
    for k, i in enumerate(likelihood.constrained()):
        spec = likelihood.specification.parameters[i]
        assert spec.constraint is not None
        drawn, scale = data.auxiliary[k], spec.constraint.scale
        if spec.fixed:
            assert (drawn == spec.constraint.auxiliary).all()  # of a parameter that is held
        elif spec.constraint.kind == "normal":
            assert abs(drawn.mean() - theta[i]) < 5 * scale / np.sqrt(count)
            assert drawn.std() == pytest.approx(scale, rel=0.02)
        else:
            mean = theta[i] * scale
            assert (drawn == np.round(drawn)).all()
            assert abs(drawn.mean() - mean) < 5 * np.sqrt(mean / count)
            assert drawn.var() == pytest.approx(mean, rel=0.05)


def test_a_rate_that_cannot_be_drawn_is_refused(xenonnt: Likelihood) -> None:
    theta = xenonnt.init.copy()
    theta[xenonnt.index("flux")] = -20.0
    with pytest.raises(SpecBuilderError, match=r"channel 'xenonnt_cs2', bin 0: the rate at the hypothesis is -"):
        draw(xenonnt, theta, np.random.default_rng(0), 2)


def test_hypotheses_are_profiled_or_nominal(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic)
    values = np.array([0.5, 1.5])
    profiled = hypotheses(likelihood, "mu", values)
    nominal = hypotheses(likelihood, "mu", values, "nominal")
    mu, factor = likelihood.index("mu"), likelihood.index("factor")
    assert (profiled[:, mu] == values).all()
    assert (nominal[:, mu] == values).all()
    constrained = [i for i in likelihood.constrained() if i in likelihood.free]
    assert np.allclose(nominal[:, constrained], likelihood.init[constrained], rtol=0, atol=1e-12)
    assert np.abs(profiled[:, constrained] - likelihood.init[constrained]).max() > 0.1
    # what has no auxiliary datum has no nominal value: it is fitted
    assert np.abs(nominal[:, factor] - likelihood.init[factor]).min() > 0.01


def test_an_unknown_ensemble_is_refused(xenonnt: Likelihood) -> None:
    with pytest.raises(SpecBuilderError, match="ensemble 'mine' is unknown, expected one of profiled, nominal"):
        hypotheses(xenonnt, "flux", np.array([1.0]), "mine")  # type: ignore[arg-type]


@pytest.mark.parametrize(("toys", "seed", "message"), [(0, 0, "toys 0: expected"), (5, -1, "seed -1: expected")])
def test_numbers_that_are_none_are_refused(xenonnt: Likelihood, toys: int, seed: int, message: str) -> None:
    with pytest.raises(SpecBuilderError, match=message):
        throw(xenonnt, "flux", xenonnt.init[None], toys=toys, seed=seed)


def test_saturated_is_that_of_a_model_with_the_data(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic)
    data = draw(likelihood, likelihood.init, np.random.default_rng(1), 3)
    found = saturated(likelihood.specification, data.observed, data.auxiliary)
    expected = [data.take(slice(k, k + 1)).into(likelihood).saturated for k in range(3)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


# ---------------------------------------------------------------- minima


def test_statistic_of_single_toys_is_pyhfs(pyhf_model: Callable[..., PyhfModel]) -> None:
    workspace = load_analysis("xenonnt", "normsys").workspace
    likelihood = Likelihood.from_workspace(workspace, "b8_flux")
    reference = pyhf_model(workspace, "b8_flux")
    (theta,) = hypotheses(likelihood, "mu_8b", np.array([0.6]))
    data = draw(likelihood, theta, np.random.default_rng(11), 5)
    found = fit_toys(likelihood, "mu_8b", theta, data)
    names = [likelihood.parameters[i] for i in likelihood.constrained()]
    config = reference.model.config
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-13, maxiter=10_000))
    try:
        for i in range(data.count):
            auxiliary = [data.auxiliary[names.index(name), i] for name in config.auxdata_order]
            toy = [*data.observed[:, i], *auxiliary]
            start = reference.arrange(theta, likelihood.parameters).tolist()
            bounds = config.suggested_bounds()
            fixed = config.suggested_fixed()
            how = {"init_pars": start, "par_bounds": bounds, "fixed_params": fixed, "return_fitted_val": True}
            _, held = pyhf.infer.mle.fixed_poi_fit(0.6, toy, reference.model, **how)
            _, free = pyhf.infer.mle.fit(toy, reference.model, **how)
            assert found["statistic"][i] == pytest.approx(max(float(held) - float(free), 0.0), abs=1e-6)
    finally:
        pyhf.set_backend("numpy")


# ---------------------------------------------------------------- chunks


def all_columns(store: MemoryStore | FileStore, chunks: int) -> list[Columns]:
    return [{name: store.load(index, name) for name in store.names(index)} for index in range(chunks)]


def assert_same_bytes(first: list[Columns], second: list[Columns]) -> None:
    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys()
        assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_the_result_is_a_function_of_seed_and_number_of_toys(
    xenonnt: Likelihood, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truths = hypotheses(xenonnt, "flux", np.array([0.0, 5.0]))
    toys = TOYS_PER_CHUNK + 100
    alone, pooled = MemoryStore(), MemoryStore()
    throw(xenonnt, "flux", truths, toys=toys, seed=4, store=alone)
    with process_pool(2) as executor:
        throw(xenonnt, "flux", truths, toys=toys, seed=4, store=pooled, executor=executor)
    assert_same_bytes(all_columns(alone, 4), all_columns(pooled, 4))

    # stopped after two chunks, and gone on with by another run
    def stop(done: int, total: int) -> None:
        del total
        if done == 2:
            raise KeyboardInterrupt

    output = tmp_path / "toys.json"
    with pytest.raises(KeyboardInterrupt):
        throw(xenonnt, "flux", truths, toys=toys, seed=4, store=FileStore(output, "job"), report=stop)
    thrown: list[int] = []
    compute = module.ToyChunk.compute

    def counted(self: module.ToyChunk) -> Columns:
        thrown.append(self.chunk)
        return compute(self)

    monkeypatch.setattr(module.ToyChunk, "compute", counted)
    again = FileStore(output, "job")
    throw(xenonnt, "flux", truths, toys=toys, seed=4, store=again)
    assert len(thrown) == 2
    assert_same_bytes(all_columns(alone, 4), all_columns(again, 4))


def test_fewer_toys_are_the_first_of_more(xenonnt: Likelihood) -> None:
    truths = hypotheses(xenonnt, "flux", np.array([3.0]))
    (few,) = throw(xenonnt, "flux", truths, toys=100, seed=1)
    (more,) = throw(xenonnt, "flux", truths, toys=300, seed=1)
    assert np.allclose(few.statistic, more.statistic[:100], rtol=0, atol=1e-8)
    (other,) = throw(xenonnt, "flux", truths, toys=100, seed=2)
    assert np.abs(few.statistic - other.statistic).max() > 0.1


def test_streams_and_chunks_draw_different_numbers() -> None:
    keys = [(1, (0,), 0), (1, (0,), 1), (1, (1,), 0), (2, (0,), 0), (1, (1, 0), 0)]
    assert len({generator_of(*key).random() for key in keys}) == len(keys)
    assert chunk_sizes(TOYS_PER_CHUNK) == [TOYS_PER_CHUNK]


def test_many_toys_without_a_fit_are_refused() -> None:
    store = MemoryStore()
    bad = np.zeros(100, dtype=bool)
    bad[:98] = True
    store.save(0, {"statistic": np.zeros(100), "best": np.zeros(100), "chi2": np.zeros(100), "valid": bad})
    with pytest.raises(SpecBuilderError, match="2 of 100 have no valid fit"):
        module.collect(store, [0])
    bad[98] = True
    assert module.collect(store, [0]).lost == 1
