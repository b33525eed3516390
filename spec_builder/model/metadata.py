"""What a workspace's file cannot say: the choices, sources and units behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spec_builder.base.files import digest
from spec_builder.model.provenance import Choices
from spec_builder.model.signal import reference_size
from spec_builder.physics.constants import SIN2_THETA_W

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.experiments.description import Channel, Experiment
    from spec_builder.model.analysis import Analysis

__all__ = ["workspace_metadata"]

PAPER = "arXiv:2411.11749, JCAP 05 (2025) 012, doi:10.1088/1475-7516/2025/05/012"


def workspace_metadata(analysis: Analysis) -> dict[str, Any]:
    """What a workspace's file cannot say: the choices, sources and units behind it."""
    corrections = {
        channel.name: [float(f"{factor:.6g}") for factor in kernel.correction]
        for channel, kernel in zip(analysis.channels, analysis.kernels, strict=True)
    }
    return {
        "schema": "spec_builder/workspace/1",
        **Choices.of(analysis).to_dict(statuses=False),
        "paper": PAPER,
        **analysis.terms,
        "reference": _reference(analysis),
        "experiments": {
            experiment.name: _experiment_metadata(experiment, corrections) for experiment in analysis.experiments
        },
        "sha256": digest(analysis.workspace),
    }


def _reference(analysis: Analysis) -> dict[str, Any]:
    """What 1 means for the factors of the sources."""
    sources = {
        (signal.factor, channel.source.name): (channel, channel.source.kind)
        for channel in analysis.channels
        for signal in channel.signals
        if signal.factor is not None
    }
    units = {"flux": "1e6_cm2_s1", "fluence": "1e6_cm2"}
    sizes = [
        {f"{kind}_{units[kind]}": round(reference_size(channel, factor), 6), "meaning": f"{factor} = 1"}
        for (factor, _), (channel, kind) in sorted(sources.items())
    ]
    size = sizes[0] if len(sizes) == 1 else {"sources": sizes}
    return {**size, "sin2_theta_w": SIN2_THETA_W}


def _experiment_metadata(experiment: Experiment, corrections: Mapping[str, list[float]]) -> dict[str, Any]:
    """One experiment; what it has one channel of stands at its top."""
    channels = {channel.name: _channel_metadata(channel, corrections[channel.name]) for channel in experiment.channels}
    names = list(channels)
    described = {"channel": names[0], **channels[names[0]]} if len(names) == 1 else {"channels": channels}
    return {
        "title": experiment.title,
        "references": list(experiment.references),
        **described,
        "tables": {
            what: {"status": status, "source": experiment.sources[what]} for what, status in experiment.statuses.items()
        },
    }


def _channel_metadata(channel: Channel, correction: list[float]) -> dict[str, Any]:
    axes = [{"name": axis.name, "unit": axis.unit} for axis in channel.axes]
    return {
        **({"observable": axes[0]} if len(axes) == 1 else {"observables": axes}),
        "runs": {
            run.name: {
                channel.exposure_key: run.exposure,
                "bin_edges": _edges([axis.edges[run.name].tolist() for axis in channel.axes]),
            }
            for run in channel.runs
        },
        "response": type(channel.response).kind,
        "response_correction": correction,
    }


def _edges(edges: list[list[float]]) -> list[Any]:
    return edges[0] if len(edges) == 1 else edges
