"""Small models are compiled by pairs of groups, large ones by a Jacobian."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spec_builder.inference import compilation
from spec_builder.inference.compilation import compile_engine
from spec_builder.inference.engine import Engine
from spec_builder.inference.jacobian import JacobianEngine
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import PLAIN, SHARED, lay_out


def model(count: int) -> Likelihood:
    """So many ``normsys`` on one sample of two bins."""
    modifiers = [{"name": f"n{i}", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}} for i in range(count)]
    return Likelihood.from_workspace(
        {
            "channels": [{"name": "c", "samples": [{"name": "s", "data": [10.0, 5.0], "modifiers": modifiers}]}],
            "observations": [{"name": "c", "data": [12, 4]}],
            "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
            "version": "1.0.0",
        }
    )


@pytest.mark.parametrize(("count", "kind"), [(2, Engine), (17, Engine), (18, JacobianEngine)])
def test_the_form_follows_the_number_of_derivatives(count: int, kind: type) -> None:
    likelihood = model(count)
    laid = lay_out(likelihood.specification, PLAIN)
    assert type(compile_engine(laid, likelihood.free)) is kind
    assert type(compile_engine(laid, ())) is Engine  # nothing to differentiate in


def test_both_forms_are_the_same_model(generic: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    likelihood = Likelihood.from_workspace(generic)
    laid = lay_out(likelihood.specification, PLAIN)
    theta = likelihood.init[:, None] + 0.01
    monkeypatch.setattr(compilation, "_START", 10**9)
    pairs = compile_engine(laid, likelihood.free)
    monkeypatch.setattr(compilation, "_START", -(10**9))
    jacobian = compile_engine(laid, likelihood.free)
    assert (type(pairs), type(jacobian)) == (Engine, JacobianEngine)
    np.testing.assert_allclose(jacobian(theta, SHARED).gradient, pairs(theta, SHARED).gradient, rtol=1e-9, atol=1e-9)
