"""Recoil spectra in workspaces: samples of their own beside the neutrinos, whose strength is fitted or limited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonpatch

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import digest
from spec_builder.base.version import __version__
from spec_builder.histfactory.patchset import patch_set
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.patches import MEASUREMENT, NEW_SAMPLE, STRENGTH, check_new_names, strength_operations
from spec_builder.model.provenance import in_words
from spec_builder.model.spectra import RECOILING, acts_on, spectrum_notes, spectrum_yields
from spec_builder.model.workspace import YIELD_DIGITS, signal_sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spec_builder.experiments.description import Channel
    from spec_builder.experiments.spectra import RecoilSpectrum
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.workspace import Workspace

__all__ = ["build_spectra_patch_set", "spectrum_likelihood", "spectrum_patch", "spectrum_workspace"]

#: The strength runs up to this many events for each one observed, and this many more.
_EVENTS_PER_OBSERVED, _EVENTS_MORE = 10.0, 100.0


def _uncertainties(channel: Channel) -> dict[str, float]:
    """Those of every signal of a channel but the sizes of its source: what the detector does to any recoil."""
    fluxes = {component.parameter for component in channel.source.components}
    first, *others = channel.signals
    return {
        name: size
        for name, size in first.uncertainties.items()
        if name not in fluxes and all(name in other.uncertainties for other in others)
    }


def spectrum_patch(analysis: Analysis, spectrum: RecoilSpectrum) -> list[dict[str, Any]]:
    """JSON patch of an analysis' workspace: the spectrum as a sample ``new_physics``, scaled by ``mu_np``.

    In the workspace's own measurements the strength is held at 1; a further one, ``signal_strength``, has it as its
    parameter of interest, with the neutrinos at their reference size within its uncertainty.

    Raises:
        SpecBuilderError: if the spectrum gives no events, the targets differ and it does not say which is its own, or
            the workspace has a sample or parameter of these names.
    """
    check_new_names(analysis.workspace)
    channels = _channels_of(analysis, spectrum)
    yields = {name: spectrum_yields(channel, spectrum) for name, channel in channels.items()}
    events = sum(float(y.nominal[1].sum()) for y in yields.values())
    if not events > 0:
        raise SpecBuilderError(f"spectrum {spectrum.name}: it gives no events in {analysis.name}")
    operations: list[dict[str, Any]] = []
    for i, described in enumerate(analysis.workspace["channels"]):
        if described["name"] in channels:
            channel = channels[described["name"]]
            template = yields[channel.name].template(1.0)
            uncertainties = _uncertainties(channel)
            sample = signal_sample(NEW_SAMPLE, STRENGTH, analysis.law, uncertainties, template, YIELD_DIGITS)
            operations.append({"op": "add", "path": f"/channels/{i}/samples/-", "value": sample})
    observed = sum(float(channel.observed.sum()) for channel in analysis.channels)
    largest = float(f"{(_EVENTS_PER_OBSERVED * observed + _EVENTS_MORE) / events:.2g}")
    return operations + strength_operations(analysis.workspace["measurements"], largest, min(1.0, largest / 10))


def _channels_of(analysis: Analysis, spectrum: RecoilSpectrum) -> dict[str, Channel]:
    """The channels that a spectrum belongs to."""
    channels = {channel.name: channel for channel in analysis.channels if acts_on(channel, spectrum)}
    targets = sorted({channel.target.name for channel in analysis.channels})
    if not channels:
        own = f"target is {spectrum.target}" if spectrum.target else f"energies are of {RECOILING[spectrum.recoil]}"
        raise SpecBuilderError(f"spectrum {spectrum.name}: its {own}, but {analysis.name} has {', '.join(targets)}")
    if len(targets) > 1 and not spectrum.target:
        raise SpecBuilderError(
            f"spectrum {spectrum.name}: {analysis.name} has the targets {', '.join(targets)}, expected a header line "
            "'# target: ...' with the one it belongs to"
        )
    return channels


def spectrum_workspace(analysis: Analysis, spectrum: RecoilSpectrum) -> Workspace:
    """The workspace of an analysis with a spectrum in it; see :func:`spectrum_patch`."""
    patched: Workspace = jsonpatch.apply_patch(analysis.workspace, spectrum_patch(analysis, spectrum))
    return patched


def spectrum_likelihood(analysis: Analysis, spectrum: RecoilSpectrum) -> Likelihood:
    """Likelihood with the strength of a spectrum as its parameter of interest."""
    return Likelihood.from_workspace(spectrum_workspace(analysis, spectrum), MEASUREMENT)


def build_spectra_patch_set(
    analysis: Analysis, spectra: Sequence[RecoilSpectrum], *, hepdata: str | None = None
) -> dict[str, Any]:
    """The patch set of spectra, a patch for each; see :func:`spectrum_patch`.

    Its labels are those of the spectra, or ``spectrum`` with their names where they have none. Each patch's metadata
    holds title, source and digest of its table, and what lies outside the simulated recoils.

    Args:
        analysis: from :func:`spec_builder.model.analysis.load_analysis`.
        spectra: with the same labels, from :func:`spec_builder.experiments.spectra.read_spectra`.
        hepdata: the record's identifier, ``ins`` and seven digits.

    Raises:
        SpecBuilderError: if two spectra have the same values, one gives no events, or the law is not one for limits.
    """
    analysis.check_limits()
    labels = tuple(spectra[0].labels) or ("spectrum",)
    seen: dict[tuple[float | str, ...], str] = {}
    for spectrum in spectra:
        values = _values(spectrum)
        if values in seen:
            shown = ", ".join(f"{name} {value}" for name, value in zip(labels, values, strict=True))
            raise SpecBuilderError(f"spectra {seen[values]} and {spectrum.name} have the same labels: {shown}")
        seen[values] = spectrum.name

    def patches() -> Iterator[tuple[str, Sequence[float | str], dict[str, Any], list[dict[str, Any]]]]:
        for spectrum in spectra:
            about = {
                "title": spectrum.title,
                "source": spectrum.source,
                "status": spectrum.status,
                "spectrum_sha256": spectrum.sha256,
                "notes": in_words(spectrum_notes(analysis, spectrum)),
            }
            yield spectrum.name, _values(spectrum), about, spectrum_patch(analysis, spectrum)

    return patch_set(
        f"{analysis.name}: recoil spectra at strength 1, scaled by {STRENGTH}",
        digest(analysis.workspace),
        patches(),
        labels=labels,
        hepdata=hepdata,
        extra={
            "analysis": analysis.name,
            "law": analysis.law,
            "variants": analysis.variants,
            "by_construction": in_words(analysis.by_construction),
            **analysis.terms,
            "version": __version__,
        },
    )


def _values(spectrum: RecoilSpectrum) -> tuple[float | str, ...]:
    return tuple(spectrum.labels.values()) or (spectrum.name,)
