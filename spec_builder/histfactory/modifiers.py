"""Normalisation uncertainties as pyhf modifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LAWS", "Law", "normalisation_factors", "normalisation_modifier", "normalisation_modifiers"]

#: How the size of a component follows its nuisance parameter; part of every result.
Law = Literal["normsys", "linear"]
LAWS: tuple[Law, ...] = get_args(Law)

Modifier = dict[str, Any]


def normalisation_modifier(law: Law, name: str, relative: float, nominal: Sequence[float]) -> Modifier:
    """One relative uncertainty on the normalisation of a sample.

    Args:
        law: ``normsys`` is HistFactory's usual factor (polynomial inside one standard deviation, exponential
            outside) with hi = 1 + s and lo = 1 - s; for s >= 1, where lo would not be positive and pyhf's rate
            would become NaN, lo = 1/(1 + s). ``linear`` is a symmetric ``histosys`` of nominal (1 +- s): the factor
            1 + s alpha of Eq. (17) of arXiv:2411.11749.
        name: the nuisance parameter.
        relative: s, positive.
        nominal: the sample's events per bin.

    Examples:
        >>> normalisation_modifier("normsys", "xenonnt_electron_recoil", 1.0, [0.01])["data"]
        {'hi': 2.0, 'lo': 0.5}
        >>> normalisation_modifier("linear", "flux_8b", 0.5, [2.0])["data"]
        {'hi_data': [3.0], 'lo_data': [1.0]}
    """
    high, low = normalisation_factors(law, relative)
    if law == "normsys":
        return {"name": name, "type": "normsys", "data": {"hi": high, "lo": low}}
    return {
        "name": name,
        "type": "histosys",
        "data": {"hi_data": [events * high for events in nominal], "lo_data": [events * low for events in nominal]},
    }


def normalisation_factors(law: Law, relative: float) -> tuple[float, float]:
    """What a sample is multiplied by at +1 and at -1 of a relative uncertainty; see :func:`normalisation_modifier`."""
    low = 1 / (1 + relative) if law == "normsys" and relative >= 1 else 1 - relative
    return 1 + relative, low


def normalisation_modifiers(law: Law, uncertainties: dict[str, float], nominal: Sequence[float]) -> list[Modifier]:
    """The modifiers of a sample, sorted by name."""
    return [normalisation_modifier(law, name, relative, nominal) for name, relative in sorted(uncertainties.items())]
