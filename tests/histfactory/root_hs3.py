"""A model in HS3 in ROOT's words, and ROOT's own 2NLL of it.

Made with ROOT 6.40.00: a HistFactory Measurement of the channel SR (samples sig, bkg, rare; Lumi 1 +- 0.05), which
``RooJSONFactoryWSTool`` wrote; 2NLL from ``pdf.createNLL`` of its RooWorkspace.
"""

from __future__ import annotations

import copy
from typing import Any

__all__ = ["ELSEWHERE", "TWICE_NLL", "as_newer_root", "of_root"]

#: A point away from the start, in ROOT's names.
ELSEWHERE = {
    "Lumi": 0.95,
    "alpha_eff": -1.3,
    "alpha_tilt": 1.6,
    "gamma_stat_SR_bin_0": 0.9,
    "gamma_stat_SR_bin_1": 1.1,
    "gamma_unc_bin_0": 1.05,
    "gamma_unc_bin_1": 0.95,
    "mu": 1.7,
}
#: ROOT's 2NLL at the start and at that point, by likelihood.
TWICE_NLL = {
    "simPdf_asimovData": (30.946774701957025, 37.222501995958964),
    "simPdf_obsData": (33.79734854924516, 40.55959021760363),
}
_LUMI = {"name": "Lumi", "type": "normfactor", "parameter": "Lumi", "constraint_name": "lumiConstraint"}
_AXES = [{"name": "obs_x_SR", "min": 0.0, "max": 2.0, "nbins": 2}]
_BOUNDS = {
    "Lumi": (0.0, 10.0),
    "alpha_eff": (-5.0, 5.0),
    "alpha_tilt": (-5.0, 5.0),
    "gamma_stat_SR_bin_0": (0.0, 2.25),
    "gamma_stat_SR_bin_1": (0.0, 2.0),
    "gamma_unc_bin_0": (0.0, 1.75),
    "gamma_unc_bin_1": (0.0, 1.6666666666666665),
    "mu": (0.0, 10.0),
}
_SAMPLES = [
    {
        "name": "bkg",
        "data": {"contents": [20, 15]},
        "modifiers": [
            _LUMI,
            {
                "name": "tilt",
                "type": "histosys",
                "parameter": "alpha_tilt",
                "constraint_name": "alpha_tiltConstraint",
                "data": {"hi": {"contents": [22, 15.5]}, "lo": {"contents": [18.5, 14]}},
            },
            {
                "name": "unc",
                "type": "shapesys",
                "parameters": ["gamma_unc_bin_0", "gamma_unc_bin_1"],
                "constraint_type": "Poisson",
                "data": {"vals": [0.15, 0.13333333333333333]},
            },
        ],
    },
    {
        "name": "rare",
        "data": {"contents": [6, 4], "errors": [1.5, 0.7999999999999999]},
        "modifiers": [
            _LUMI,
            {
                "name": "staterror",
                "type": "staterror",
                "parameters": ["gamma_stat_SR_bin_0", "gamma_stat_SR_bin_1"],
                "constraint_type": "Poisson",
            },
        ],
    },
    {
        "name": "sig",
        "data": {"contents": [3, 5]},
        "modifiers": [
            _LUMI,
            {"name": "mu", "type": "normfactor", "parameter": "mu"},
            {
                "name": "eff",
                "type": "normsys",
                "parameter": "alpha_eff",
                "constraint_name": "alpha_effConstraint",
                "interpolation": 5,
                "data": {"hi": 1.1, "lo": 0.85},
            },
        ],
    },
]


def of_root() -> dict[str, Any]:
    """What was observed and Asimov data, constraints by name, a luminosity, a staterror with Poisson's constraint."""
    start = [{"name": name, "value": 0.0 if name.startswith("alpha") else 1.0} for name in _BOUNDS]
    fixed = {"nom_alpha_eff": 0.0, "nom_alpha_tilt": 0.0, "nominalLumi": 1.0}
    axes = [{"name": name, "min": low, "max": high} for name, (low, high) in _BOUNDS.items()]
    gaussians = [
        {"name": f"{name}Constraint", "type": "gaussian_dist", "x": name, "mean": f"nom_{name}", "sigma": 1.0}
        for name in ("alpha_eff", "alpha_tilt")
    ]
    counts = {"asimovData": [29, 24], "obsData": [24, 31]}
    content = {
        "metadata": {"hs3_version": "0.2", "packages": [{"name": "ROOT", "version": "6.40.00"}]},
        "distributions": [
            {"name": "model_SR", "type": "histfactory_dist", "axes": _AXES, "samples": _SAMPLES},
            *gaussians,
            {"name": "lumiConstraint", "type": "gaussian_dist", "x": "Lumi", "mean": "nominalLumi", "sigma": 0.05},
        ],
        "data": [
            {"name": f"{name}_SR", "type": "binned", "contents": data, "axes": _AXES} for name, data in counts.items()
        ],
        "likelihoods": [
            {"name": f"simPdf_{name}", "distributions": ["model_SR"], "data": [f"{name}_SR"]} for name in counts
        ],
        "analyses": [
            {
                "name": f"simPdf_{name}",
                "likelihood": f"simPdf_{name}",
                "parameters_of_interest": ["mu"],
                "domains": ["all"],
            }
            for name in counts
        ],
        "domains": [{"name": "all", "type": "product_domain", "axes": axes}],
        "parameter_points": [
            {
                "name": "default_values",
                "parameters": [
                    *start,
                    *({"name": name, "value": value, "const": True} for name, value in fixed.items()),
                ],
            }
        ],
    }
    return copy.deepcopy(content)


def as_newer_root(content: dict[str, Any]) -> dict[str, Any]:
    """The same as later versions of 6.40 write it: names of constraints in other keys, and none of a staterror."""
    bkg, rare, sig = content["distributions"][0]["samples"]
    for modifier in (*bkg["modifiers"], *sig["modifiers"], rare["modifiers"][0]):
        if "constraint_name" in modifier:
            modifier["constraint"] = modifier.pop("constraint_name")
    del sig["modifiers"][2]["interpolation"], bkg["modifiers"][2]["constraint_type"]
    del rare["modifiers"][1]["constraint_type"]
    content["distributions"][0]["default_interpolation"] = {"type": "mult", "in": "poly6", "out": "exp"}
    bkg["modifiers"][1]["interpolation"] = {"type": "add", "in": "poly6", "out": "poly1"}
    gammas = bkg["modifiers"][2]["parameters"]
    bkg["modifiers"][2]["constraints"] = [f"{gamma}_constraint" for gamma in gammas]
    content["functions"] = []
    for gamma, tau in zip(gammas, (44.44444444444444, 56.25), strict=True):
        mean, names = f"{gamma}_poisMean", (f"{gamma}_tau", f"nom_{gamma}")
        content["distributions"].append(
            {"name": f"{gamma}_constraint", "type": "poisson_dist", "x": names[1], "mean": mean, "integer": False}
        )
        content["functions"].append({"name": mean, "type": "product", "factors": [gamma, names[0]]})
        content["parameter_points"][0]["parameters"] += [{"name": n, "value": tau, "const": True} for n in names]
    return content
