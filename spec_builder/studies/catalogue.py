"""The experiments, in words: what is shipped, and one in full with sources and statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec_builder.base.files import canonical_json
from spec_builder.experiments.reading import load_experiment, shipped_experiments
from spec_builder.model.signal import signal_kernel

if TYPE_CHECKING:
    from spec_builder.experiments.description import Experiment

__all__ = ["describe_experiment", "list_experiments"]


def list_experiments(*, as_json: bool = False) -> str:
    """The shipped experiments, a line each."""
    loaded = [load_experiment(name) for name in shipped_experiments()]
    if as_json:
        return canonical_json([{"name": e.name, "title": e.title, "variants": list(e.variants)} for e in loaded])
    lines = [
        f"{e.name:10} {e.title}: {e.bins} bins of {e.observable.name}, {e.exposure_t_yr:.3g} t yr, "
        f"{e.observed.sum():.0f} events; variants {', '.join(e.variants) or 'none'}"
        for e in loaded
    ]
    return "\n".join(lines) + "\n"


def describe_experiment(name_or_path: str, *, as_json: bool = False) -> str:
    """One experiment in full."""
    experiment = load_experiment(name_or_path)
    kernel = signal_kernel(experiment)
    signal = kernel.standard_model()
    if as_json:
        return canonical_json(_content(experiment, signal.tolist()))
    e = experiment
    lines = [e.title, f"  name          {e.name}   (channel {e.channel})"]
    lines += [f"  reference     {reference}" for reference in e.references]
    lines.append(f"  observable    {e.observable.name} [{e.observable.unit}]")
    for run in e.runs:
        edges = ", ".join(f"{edge:g}" for edge in run.bin_edges)
        lines.append(f"  run {run.name:9} {run.exposure_t_yr:g} t yr, edges {edges}")
    lines.append("  events per bin")
    rows = [("observed", e.observed), ("cevns (SM)", signal)]
    rows += [(b.name, b.expected) for b in e.backgrounds]
    for label, values in rows:
        numbers = " ".join(f"{value:8.4g}" for value in values)
        lines.append(f"    {label:16} {numbers}   sum {values.sum():.5g}")
    lines.append("  relative uncertainties")
    for sample, sizes in [
        ("cevns", e.signal_uncertainties),
        *((b.name, b.uncertainties) for b in e.backgrounds),
    ]:
        lines += [f"    {sample:16} {name} {size:.3g}" for name, size in sizes.items()]
    lines.append("  tables")
    lines += [f"    {what:16} {status}: {e.sources[what]}" for what, status in e.statuses.items()]
    if e.by_construction:
        lines.append(f"  by construction: {e.by_construction}")
    lines.append("  variants")
    lines += [f"    {key:24} {text}" for key, text in e.variants.items()] or ["    none"]
    return "\n".join(lines) + "\n"


def _content(e: Experiment, signal: list[float]) -> dict[str, object]:
    return {
        "name": e.name,
        "title": e.title,
        "references": list(e.references),
        "channel": e.channel,
        "observable": {"name": e.observable.name, "unit": e.observable.unit},
        "runs": [{"name": r.name, "exposure_t_yr": r.exposure_t_yr, "bin_edges": r.bin_edges.tolist()} for r in e.runs],
        "observed": e.observed.tolist(),
        "cevns": signal,
        "signal_uncertainties": dict(e.signal_uncertainties),
        "backgrounds": [
            {"name": b.name, "expected": b.expected.tolist(), "uncertainties": dict(b.uncertainties)}
            for b in e.backgrounds
        ],
        "tables": {what: {"status": s, "source": e.sources[what]} for what, s in e.statuses.items()},
        "by_construction": e.by_construction,
        "variants": dict(e.variants),
    }
