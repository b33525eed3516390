"""Rankings against brute force with pyhf."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyhf
import pytest
from scipy.optimize import minimize

from spec_builder.base.errors import SpecBuilderError
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.impacts import RankingResult, rank_analysis, rank_workspace

MODEL: dict[str, Any] = {
    "channels": [
        {
            "name": "c",
            "samples": [
                {
                    "name": "s",
                    "data": [6.0, 9.0, 3.0],
                    "modifiers": [
                        {"name": "mu", "type": "normfactor", "data": None},
                        {"name": "eff", "type": "normsys", "data": {"lo": 0.9, "hi": 1.12}},
                    ],
                },
                {
                    "name": "b",
                    "data": [40.0, 35.0, 50.0],
                    "modifiers": [
                        {"name": "size", "type": "normsys", "data": {"lo": 0.93, "hi": 1.08}},
                        {
                            "name": "tilt",
                            "type": "histosys",
                            "data": {"lo_data": [38.0, 35.0, 53.0], "hi_data": [43.0, 35.0, 47.0]},
                        },
                        {"name": "stat", "type": "shapesys", "data": [3.0, 3.0, 4.0]},
                    ],
                },
            ],
        }
    ],
    "observations": [{"name": "c", "data": [49.0, 48.0, 52.0]}],
    "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    "version": "1.0.0",
}


def refit(model: Any, data: Any, held: dict[int, float], begin: dict[int, float] | None = None) -> np.ndarray[Any, Any]:
    """Parameters at the minimum by pyhf's own 2NLL."""
    start = np.array(model.config.suggested_init())
    for i, value in (begin or {}).items():
        start[i] = value
    free = [i for i in range(start.size) if i not in held]
    for i, value in held.items():
        start[i] = value

    def height(x: np.ndarray[Any, Any]) -> float:
        point = start.copy()
        point[free] = x
        return -2 * float(np.ravel(model.logpdf(point.tolist(), data))[0])

    bounds = [model.config.suggested_bounds()[i] for i in free]
    x = start[free]
    for _ in range(3):
        x = minimize(height, x, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-9}).x
    x = minimize(
        height, x, method="Nelder-Mead", bounds=bounds, options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 20000}
    ).x
    start[free] = x
    return start


def compare(found: RankingResult, workspace: dict[str, Any], measurement: str, scale: float, names: list[str]) -> None:
    space = pyhf.Workspace(workspace)
    model = space.model(measurement_name=measurement)
    data = space.data(model)
    labels = model.config.par_names
    best = refit(model, data, {})
    poi = model.config.poi_index
    assert best[poi] * scale == pytest.approx(found.fit.fit.value, rel=2e-4)
    by_name = {one.parameter: one for one in found.impacts}
    for name in names:
        one, place = by_name[name], labels.index(name)
        for sign, change in zip((1, -1), one.after, strict=True):
            assert change is not None
            other = refit(model, data, {place: best[place] + sign * one.pull_error * _width(name)})
            assert (other[poi] - best[poi]) * scale == pytest.approx(change, abs=2e-3 * abs(found.fit.fit.value))


def _width(name: str) -> float:
    return {"stat[0]": 3 / 40, "stat[1]": 3 / 35, "stat[2]": 4 / 50}.get(name, 1.0)


def test_a_small_model_against_pyhf() -> None:
    found = rank_workspace(MODEL, "small")
    assert {one.parameter for one in found.impacts} == {"eff", "size", "tilt", "stat[0]", "stat[1]", "stat[2]"}
    compare(found, MODEL, "m", 1.0, ["eff", "size", "tilt", "stat[1]"])


def test_combined_against_pyhf() -> None:
    analysis = load_analysis("combined")
    found = rank_analysis(analysis, "flux")
    scale = analysis.measurable("flux").reference
    compare(
        found,
        analysis.workspace,
        analysis.measurable("flux").measurement,
        scale,
        ["pandax4t_micro_discharge", "xenonnt_accidental"],
    )


def test_held_parameters_may_lead_to_another_minimum() -> None:
    """Both ends of ``bent`` raise the background, by different parts: less of it turns which is the lowest minimum."""
    bent = [
        {"name": "mu", "type": "normsys", "data": {"hi": 1.3, "lo": 0.8}},
        {"name": "bent", "type": "normsys", "data": {"hi": 0.9, "lo": 0.95}},
        {"name": "bent", "type": "histosys", "data": {"hi_data": [28.6], "lo_data": [38.65]}},
        {"name": "other", "type": "normsys", "data": {"hi": 1.3, "lo": 0.77}},
        {"name": "stat", "type": "shapesys", "data": [12.25]},
    ]
    workspace = {
        "channels": [{"name": "c", "samples": [{"name": "b", "data": [19.6], "modifiers": bent}]}],
        "observations": [{"name": "c", "data": [32.3]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": [{"name": "bent", "auxdata": [0.5]}]}}],
        "version": "1.0.0",
    }
    found = rank_workspace(workspace, "bent")
    space = pyhf.Workspace(workspace)
    model = space.model(modifier_settings={"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}})
    data, labels = space.data(model), model.config.par_names

    def lowest(held: dict[int, float]) -> np.ndarray[Any, Any]:
        """From a start on each side of what bends."""
        side = labels.index("bent")
        starts = [{**dict(enumerate(model.config.suggested_init())), side: bent} for bent in (-1.0, 1.0)]
        ends = [refit(model, data, held, start) for start in starts]
        return min(ends, key=lambda end: -float(model.logpdf(end, data)[0]))

    best, place, poi = lowest({}), labels.index("stat[0]"), model.config.poi_index
    assert found.fit.fit.value == pytest.approx(best[poi], abs=1e-4)
    one = next(one for one in found.impacts if one.parameter == "stat[0]")
    width = 12.25 / 19.6
    for sign, change in zip((1, -1), one.before, strict=True):
        assert change == pytest.approx(lowest({place: best[place] + sign * width})[poi] - best[poi], abs=1e-3)


def test_no_fit_from_elsewhere_is_taken_where_one_has_come_lower() -> None:
    """With `gone` at 1 the signal is less than none: 2NLL is lowest without it, and no step leads there."""
    shapes = {"gone": {"hi_data": [0.0], "lo_data": [0.105]}, "bent": {"hi_data": [0.0523], "lo_data": [0.0495]}}
    modifiers = [{"name": name, "type": "histosys", "data": data} for name, data in shapes.items()]
    free = {"name": "mu", "type": "normfactor", "data": None}
    workspace = {
        "channels": [{"name": "c", "samples": [{"name": "s", "data": [0.07], "modifiers": [free, *modifiers]}]}],
        "observations": [{"name": "c", "data": [0.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": [{"name": "bent", "auxdata": [0.5]}]}}],
        "version": "1.0.0",
    }
    (gone,) = (one for one in rank_workspace(workspace).impacts if one.parameter == "gone")
    assert gone.after == (0.0, 0.0) or not gone.valid


def test_the_largest_stands_first_and_before_is_not_smaller_than_after() -> None:
    found = rank_analysis(load_analysis("combined"), "flux")
    sizes = [one.size for one in found.impacts]
    assert sizes == sorted(sizes, reverse=True)
    assert all(one.valid for one in found.impacts)
    first = found.impacts[0]
    assert first.parameter == "pandax4t_micro_discharge"
    assert first.pull_error < 1
    assert first.before[0] is not None
    assert first.after[0] is not None
    assert abs(first.before[0]) > abs(first.after[0])


def test_rankings_can_be_read_drawn_and_written() -> None:
    found = rank_analysis(load_analysis("xenonnt"), "flux")
    content = found.to_dict()
    assert content["schema"] == "spec_builder/ranking/1"
    assert [row["parameter"] for row in content["impacts"]] == [one.parameter for one in found.impacts]
    assert found.to_csv().splitlines()[-1].startswith(found.impacts[-1].parameter)
    panel = found.plot()
    upper = next(ax for ax in panel.figure.axes if ax is not panel)
    filled = upper.containers[2]
    widths = [bar.get_width() for bar in filled]
    assert widths[::-1] == pytest.approx([one.after[0] for one in found.impacts])


def test_what_cannot_be_ranked_is_refused() -> None:
    with pytest.raises(SpecBuilderError, match="small: a ranking needs a free parameter of interest"):
        rank_workspace(MODEL, "small", poi="")
    with pytest.raises(SpecBuilderError, match="a ranking needs a free parameter of interest"):
        rank_workspace(MODEL, "small", hold={"mu": 1.0})
