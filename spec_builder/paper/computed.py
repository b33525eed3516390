"""Our own curves beside the paper's: where they cross, and which experiment drives the joint limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.tables import packaged_table
from spec_builder.base.text import markdown_table
from spec_builder.drawing.style import display_name
from spec_builder.model.analysis import load_analysis
from spec_builder.paper.bounds import PANELS
from spec_builder.studies.explanation import explain_point
from spec_builder.studies.fits import errors_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.studies.fits import FitResult
    from spec_builder.studies.limits import LimitsResult

__all__ = [
    "COMPANIONS",
    "COMPANION_FITS",
    "COMPUTED",
    "GLOBAL",
    "PARTS",
    "PART_MASSES",
    "STAND_INS",
    "companions_summary",
    "computed_tables",
    "crossings",
    "everything_above",
    "first_excluded",
    "label_of",
]

#: The paper's combination, on which Fig. 5 is.
MAIN = "combined"
#: What Fig. 5 has from others' data, computed here.
COMPANIONS = ("coherent_csi", "eves", "texono")
#: Curves of the paper without public numbers that the companions stand for.
STAND_INS = ("coherent", "xenon_eves", "texono")
PARTS = (MAIN, *COMPANIONS)
#: All of them in one likelihood.
GLOBAL = "global"
COMPUTED = (*PARTS, GLOBAL)
#: Masses of the curves [MeV].
PART_MASSES = tuple(np.geomspace(1e-3, 1e3, 121).tolist())
#: Fits of the companions: analysis, law, variants, parameter.
COMPANION_FITS: tuple[tuple[str, str, dict[str, str], str], ...] = (
    ("coherent_csi", "linear", {}, "count"),
    ("coherent_csi", "linear", {}, "signal"),
    ("coherent_csi", "linear", {"coherent_csi": "collaboration_normalisation"}, "signal"),
    ("coherent_csi", "linear", {"coherent_csi": "response_shapes"}, "signal"),
    ("coherent_csi", "linear", {}, "sin2thetaw"),
    ("eves", "linear", {}, "flux_pp"),
    ("eves_all", "linear", {}, "flux_pp"),
    ("eves", "linear", {}, "sin2thetaw"),
    ("texono", "linear", {}, "rate"),
    ("texono", "linear", {}, "sin2thetaw"),
    ("global", "linear", {}, "sin2thetaw"),
)
#: Rows of the table of drivers.
_DECADES = (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)


def first_excluded(result: LimitsResult) -> FloatArray:
    """Where the first excluded interval begins at each mass; nan where nothing is excluded."""
    return np.array(
        [point.excluded[0][0] if point.excluded else np.nan for point in result.exclusion.points], dtype=np.float64
    )


def crossings(one: LimitsResult, other: LimitsResult) -> list[tuple[float, str]]:
    """Masses at which one limit overtakes the other [MeV], and which is the stronger one above.

    Args:
        one: limits at some masses.
        other: limits at the same masses.
    """
    masses = one.masses_MeV
    difference = np.log(first_excluded(one)) - np.log(first_excluded(other))
    found = []
    for i in np.flatnonzero(np.diff(np.sign(difference)) != 0):
        share = difference[i] / (difference[i] - difference[i + 1])
        mass = float(np.exp(np.log(masses[i]) + share * np.log(masses[i + 1] / masses[i])))
        stronger = other if difference[i + 1] > 0 else one
        found.append((mass, stronger.provenance.analysis))
    return found


def computed_tables(results: Sequence[LimitsResult]) -> str:
    """Markdown: where our curves cross, beside the paper's words, and which part drives the joint limit.

    Args:
        results: of each of :data:`COMPUTED` and :data:`spec_builder.paper.bounds.PANELS`, at the same masses.
    """
    by_place = {(r.provenance.analysis, r.choice.name): r for r in results}
    level = results[0].provenance.level
    lines = ["## Where our curves cross", ""]
    lines += [f"Which of two analyses excludes the smaller coupling, and from which mass on ({level}).", ""]
    columns = ("interaction", "curves", "here", "the paper")
    lines += [markdown_table(columns, _crossing_rows(by_place)), ""]
    lines += ["## The joint limit, and which experiment drives it", ""]
    lines += [
        f"One coupling to neutrinos, quarks and charged leptons, in one likelihood ({level}). `global` is the coupling",
        "above which everything is excluded; beside it is the smallest such coupling of a single part. The last four",
        "columns are the parts of Delta chi2 against the Standard Model at the joint limit; the largest drives it.",
        "The parts share nothing but the coupling, since no two of them see the same source.",
        "",
    ]
    driver_columns = ("interaction", "mass [MeV]", "global", "best part alone", *PARTS)
    lines += [markdown_table(driver_columns, _driver_rows(by_place))]
    return "\n".join([*lines, ""])


def companions_summary(fits: Sequence[FitResult], computed: Sequence[LimitsResult]) -> str:
    """Markdown: fits of the companions, where our curves cross, and the joint limit.

    Args:
        fits: of :data:`COMPANION_FITS`.
        computed: as :func:`computed_tables` takes them.
    """
    rows: list[tuple[str, ...]] = []
    for result in fits:
        fit, about = result.fit, result.provenance
        interval = f"{fit.value:.4g} {errors_text(fit.up, fit.down)}"
        unit = "" if result.unit == "1" else result.unit
        about_fit = (", ".join(about.variants.values()) or "default", fit.parameter, unit, interval)
        sigma = "" if fit.significance is None else f"{fit.significance:.2f} sigma"
        rows.append((about.analysis, *about_fit, sigma, f"{fit.chi2_min:.2f}/{fit.ndof}"))
    columns = ("analysis", "variant", "parameter", "unit", "fit", "signal", "chi2/ndof")
    lines = ["", "## The companions", "", "Law linear, one standard deviation.", "", markdown_table(columns, rows), ""]
    notes = dict.fromkeys(note for limit in computed for note in limit.provenance.by_construction)
    lines += ["By construction:", "", *(f"- {name}: {text}." for name, text in notes), ""]
    return "\n".join([*lines, computed_tables(computed)])


def _crossing_rows(by_place: Mapping[tuple[str, str], LimitsResult]) -> list[tuple[str, ...]]:
    said = packaged_table("comparison/paper_crossings", (), ("interaction", "other", "text"))
    words = {
        (panel, other): text
        for panel, other, text in zip(
            said.labels["interaction"], said.labels["other"], said.labels["text"], strict=True
        )
    }
    rows: list[tuple[str, ...]] = []
    for panel in PANELS:
        for other in COMPANIONS:
            found = crossings(by_place[MAIN, panel], by_place[other, panel])
            here = "; ".join(f"{name} above {mass:.3g} MeV" for mass, name in found)
            if not here:
                ours, theirs = (first_excluded(by_place[name, panel]) for name in (MAIN, other))
                here = f"{MAIN if ours[0] < theirs[0] else other} at every mass"
            rows.append((panel, f"{MAIN}, {other}", here, words.get((panel, other), "-")))
    return rows


def _driver_rows(by_place: Mapping[tuple[str, str], LimitsResult]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    about = by_place[GLOBAL, PANELS[0]].provenance
    joint = load_analysis(GLOBAL, str(about.law), about.variants)
    part_of = {c.name: name for name in PARTS for c in load_analysis(name).channels}
    owner = {
        modifier["name"]: part_of[channel["name"]]
        for channel in joint.workspace["channels"]
        for sample in channel["samples"]
        for modifier in sample["modifiers"]
    }
    for panel in PANELS:
        masses = by_place[GLOBAL, panel].masses_MeV
        limits = {name: everything_above(by_place[name, panel]) for name in COMPUTED}
        for mass in _DECADES:
            i = int(np.argmin(np.abs(np.log(masses / mass))))
            limit = float(limits[GLOBAL][i])
            best = min(PARTS, key=lambda name: limits[name][i])
            parts = explain_point(joint, by_place[GLOBAL, panel].choice, float(masses[i]), limit).parts
            sums = dict.fromkeys(PARTS, 0.0)
            for part in parts.bins:
                sums[part_of[part.channel]] += part.delta_chi2
            for pull in parts.pulls:
                sums[owner[pull.parameter]] += pull.delta_chi2
            alone = f"{limits[best][i]:.3e} {best}"
            heights = (f"{height:+z.2f}" for height in sums.values())
            rows.append((panel, f"{mass:g}", f"{limit:.3e}", alone, *heights))
    return rows


def everything_above(result: LimitsResult) -> FloatArray:
    """Where the last excluded interval, which has no end, begins at each mass."""
    ends = [point.excluded[-1] if point.excluded else (np.nan, None) for point in result.exclusion.points]
    return np.array([np.nan if high is not None else low for low, high in ends], dtype=np.float64)


def label_of(result: LimitsResult) -> str:
    """What a curve of ours is called in figures, with a star where something agrees by construction."""
    about = result.provenance
    name = {
        MAIN: r"XENONnT + PandaX-4T CE$\nu$NS",
        "coherent_csi": r"COHERENT CsI CE$\nu$NS",
        "eves": "XENONnT + LZ + PandaX-4T EvES",
        "texono": "TEXONO EvES",
        GLOBAL: "all in one likelihood",
    }.get(about.analysis, display_name(about.analysis))
    return f"{name}{'*' if about.by_construction else ''}"
