"""Names that nothing has, and those that were meant."""

from __future__ import annotations

import pytest

from spec_builder import (
    SpecBuilderError,
    choose,
    explain_point,
    find_limits,
    fit_analysis,
    fit_workspace,
    load_analysis,
    load_experiment,
    load_source,
    load_target,
)
from spec_builder.base.errors import UnknownNameError
from spec_builder.base.names import meant, unknown_name


def test_a_slip_is_told_from_another_word() -> None:
    assert meant("scalr", ["scalar", "axial"]) == "; did you mean 'scalar'?"
    assert meant("Vector-BL", ["vector_bl"]) == "; did you mean 'vector_bl'?"
    assert meant("", ["scalar"]) == ""
    assert meant("pseudo", ["scalar", "axial"]) == ""
    error = unknown_name("law", "cubic", ["normsys", "linear"], where="here", more=", or none")
    assert isinstance(error, UnknownNameError)
    assert error.name == "cubic"
    assert str(error) == "law 'cubic' is unknown here, expected one of normsys, linear, or none"
    assert str(unknown_name("law", "cubic", [], where="here")) == "law 'cubic' is unknown here, where there is none"


@pytest.mark.parametrize(
    ("ask", "wanted"),
    [
        (lambda: load_analysis("xenont"), "xenonnt"),
        (lambda: load_analysis("combined", "linaer"), "linear"),
        (lambda: load_analysis("pandax4t", variants={"pandax4t": "ce_rih"}), "ce_rich"),
        (lambda: load_analysis("combined", variants={"panda4t": "ce_rich"}), "pandax4t"),
        (lambda: load_experiment("pandax4"), "pandax4t"),
        (lambda: load_source("solar_8"), "solar_8b"),
        (lambda: load_target("xenn"), "xenon"),
        (lambda: choose("vector_b"), "vector_bl"),
        (lambda: choose("scalar", couplingset="A"), "coupling_set"),
        (lambda: fit_analysis("xenonnt", "fluxx"), "flux"),
        (lambda: fit_analysis("xenonnt", "flux", minimiser="minuitt"), "minuit"),  # type: ignore[arg-type]  # what is wrong
        (lambda: fit_workspace(load_analysis("xenonnt").workspace, measurement="b8_fluxx"), "b8_flux"),
        (lambda: fit_workspace(load_analysis("xenonnt").workspace, poi="mu_b8"), "mu_8b"),
        (lambda: find_limits("xenonnt", "tensr", 1), "tensor"),
        (lambda: explain_point("xenonnt", "axal", 1, 1e-5), "axial"),
    ],
)
def test_the_name_that_was_meant(ask: object, wanted: str) -> None:
    assert callable(ask)
    with pytest.raises(SpecBuilderError) as error:
        ask()
    assert str(error.value).endswith(f"; did you mean '{wanted}'?")
    assert "\n" not in str(error.value)
