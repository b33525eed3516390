"""The keys of ``experiment.toml``, table by table: what is none of them is refused before one is missed."""

from __future__ import annotations

__all__ = [
    "AXIS",
    "BACKGROUND",
    "CHANNEL",
    "EXPERIMENT",
    "LIMITS",
    "NORMALISATION",
    "RESPONSE",
    "RUN",
    "SIGNAL",
    "VARIATION",
]

EXPERIMENT = (
    *("name", "title", "references", "data_sets", "licence", "attribution", "by_construction", "limits"),
    *("channels", "variants"),
)
LIMITS = ("law", "reason")
CHANNEL = (
    *("name", "source", "flux", "target", "form_factor", "runs", "axes", "observed", "response", "timing"),
    *("normalisation", "signals", "backgrounds", "background_table"),
)
RUN = ("name", "exposure_t_yr", "exposure_t")
AXIS = ("name", "unit", "edges")
NORMALISATION = ("events", "flux_1e6_cm2_s1")
SIGNAL = ("components", "factor", "uncertainties")
BACKGROUND = ("free", "uncertainties", "absolute_uncertainties")
#: By the kind of response.
RESPONSE = {
    "matrix": ("kind", "tables", "variations"),
    "gaussian": ("kind", "efficiency", "resolution_keV", "hold_above_keV"),
    "charge_yield": ("kind", "tables", "charge_yield", "gain", "efficiency", "efficiency_tables", "bin_edges"),
}
VARIATION = ("up", "down")
