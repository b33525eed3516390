"""The likelihood that XENONnT's release gives, against the collaboration's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.releases.xenonnt import import_xenonnt
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.studies.limits import find_limits
from spec_builder.studies.scans import scan_analysis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spec_builder.experiments.description import Experiment

FLUX = 5.46
LIGHT, CHARGE = "xenonnt_light_yield", "xenonnt_charge_yield"

#: Standard Model events at 5.46e6; ratios of the totals at +-1 of each yield; flux, errors and significance, 2NLL.
#: Events, ratios and 2NLL: an independent calculation from the same files.
NUMBERS: dict[str, dict[str, Any]] = {
    "2024": {
        "events": 12.407,
        "ratios": {LIGHT: (1.271, 0.766), CHARGE: (1.140, 0.865)},
        "flux": (4.64, 3.74, 2.27),
        "significance": 2.62,
        "twice_nll": 191.8288,
    },
    "2026": {
        "events": 16.950,
        "ratios": {LIGHT: (1.251, 0.781), CHARGE: (1.177, 0.834)},
        "flux": (5.31, 3.17, 2.15),
        "significance": 3.33,
        "twice_nll": 305.0707,
    },
}


@pytest.fixture(params=["2024", "2026"])
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def analysis(imported: Callable[[str], Experiment], model: str) -> Analysis:
    return load_analysis(str(imported(model).folder))


def test_standard_model_events(analysis: Analysis, model: str) -> None:
    events = sum(kernel.standard_model().sum() for kernel in analysis.kernels)
    assert events == pytest.approx(NUMBERS[model]["events"], abs=1e-3)


def test_ratios_of_the_totals_at_other_yields(analysis: Analysis, model: str) -> None:
    templates = [template for kernel in analysis.kernels for template in kernel.templates().values()]
    nominal = sum(template.nominal.sum() for template in templates)
    for name, expected in NUMBERS[model]["ratios"].items():
        ratios = [sum(template.variations[name][side].sum() for template in templates) / nominal for side in (0, 1)]
        assert ratios == pytest.approx(expected, abs=6e-4)


def test_the_flux_is_the_collaboration_s(analysis: Analysis, model: str) -> None:
    """The collaboration: 4.7 +3.6 -2.3 with 2.73 standard deviations, and 3.3 standard deviations."""
    numbers = NUMBERS[model]
    found = fit(Likelihood.from_workspace(analysis.workspace, "b8_flux"), cl=0.6827)
    assert found.valid
    assert found.twice_nll == pytest.approx(numbers["twice_nll"], abs=1e-4)
    assert (found.up, found.down, found.significance) != (None, None, None)
    interval = [FLUX * value for value in (found.value, found.up or 0, found.down or 0)]
    assert interval == pytest.approx(numbers["flux"], abs=6e-3)
    assert found.significance == pytest.approx(numbers["significance"], abs=6e-3)


def test_the_polynomial_in_the_flux_has_the_same_minimum(analysis: Analysis, model: str) -> None:
    found = fit(analysis.likelihood("flux"), cl=0.6827)
    assert found.twice_nll == pytest.approx(NUMBERS[model]["twice_nll"], abs=1e-4)
    assert found.value == pytest.approx(NUMBERS[model]["flux"][0], abs=6e-3)


#: Ends of what is excluded at 90 % CL, dof 1, at 0.01 and 1000 MeV: each point's own workspace, fitted and root-found.
LIMITS: dict[str, dict[str, list[list[float]]]] = {
    "2024": {
        "scalar": [[7.631e-6], [3.667e-4]],
        "vector_universal": [[9.444e-6, 2.391e-5, 3.376e-5], [8.944e-4, 1.528e-3, 1.982e-3]],
        "vector_bl": [[2.994e-5], [1.555e-3]],
        "axial": [[7.175e-4], [3.489e-2]],
        "tensor": [[1.004e-3], [5.101e-2]],
    },
    "2026": {
        "scalar": [[7.405e-6], [3.631e-4]],
        "vector_universal": [[1.098e-5, 2.593e-5, 3.537e-5], [7.750e-4, 1.592e-3, 1.965e-3]],
        "vector_bl": [[2.849e-5], [1.475e-3]],
        "axial": [[6.968e-4], [3.454e-2]],
        "tensor": [[9.788e-4], [4.999e-2]],
    },
}


def test_limits_follow_the_shapes_with_the_coupling(analysis: Analysis, model: str) -> None:
    for name, expected in LIMITS[model].items():
        result = find_limits(analysis, choose(name), np.array([0.01, 1000.0]))
        for point, ends in zip(result.exclusion.points, expected, strict=True):
            found = [end for interval in point.excluded for end in interval if end]
            assert found == pytest.approx(ends, rel=2e-3), name


def test_limits_and_scans_under_the_law_linear_are_refused(imported: Callable[[str], Experiment], model: str) -> None:
    linear = load_analysis(str(imported(model).folder), law="linear")
    with pytest.raises(SpecBuilderError, match=f"xenonnt_{model}: limits need law normsys, not linear: under linear"):
        find_limits(linear, choose("scalar"), np.array([1.0]))
    with pytest.raises(SpecBuilderError, match="limits need law normsys"):
        scan_analysis(linear, choose("scalar"), np.array([1.0]), np.array([1e-5]))


def test_pyhf_evaluates_the_same_likelihood(analysis: Analysis) -> None:
    import pyhf

    likelihood = Likelihood.from_workspace(analysis.workspace, "new_physics")
    model = pyhf.Workspace(analysis.workspace).model(measurement_name="new_physics")
    data = pyhf.Workspace(analysis.workspace).data(model)
    moved = {name: 0.3 * (-1) ** i for i, name in enumerate(sorted(likelihood.parameters))} | {"mu_8b": 1.1}
    theta = np.array([moved[name] for name in likelihood.parameters])
    parameters = [moved[name] for name in model.config.par_order]
    expected = -2 * float(model.logpdf(parameters, data)[0])
    assert float(likelihood.twice_nll(theta[None])[0]) == pytest.approx(expected, abs=1e-9)


def test_a_made_up_release_is_fitted_like_the_real_one(made_up: Any, tmp_path: Path) -> None:
    import_xenonnt(made_up.folder, "2026", tmp_path / "mine", digests=made_up.digests)
    analysis = load_analysis(str(tmp_path / "mine"))
    (template,) = analysis.kernels[0].templates().values()
    up, down = template.variations[LIGHT]
    assert up == pytest.approx(1.2 * template.nominal, rel=1e-7)
    assert down == pytest.approx(0.8 * template.nominal, rel=1e-7)
    names = [channel["name"] for channel in analysis.workspace["channels"]]
    assert names == ["xenonnt_sr0", "xenonnt_sr1", "xenonnt_sr2"]
    kinds = [m["type"] for m in analysis.workspace["channels"][0]["samples"][1]["modifiers"] if m["name"] == LIGHT]
    assert sorted(kinds) == ["histosys", "normsys"]
    assert fit(Likelihood.from_workspace(analysis.workspace, "b8_flux")).valid
