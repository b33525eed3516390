"""Which of the two compiled forms a model gets."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from spec_builder.inference.engine import Engine
from spec_builder.inference.jacobian import JacobianEngine
from spec_builder.inference.rows import spread

if TYPE_CHECKING:
    from spec_builder.inference.rows import LaidOut

__all__ = ["compile_engine"]

#: Time of a Jacobian for each derivative in a bin of a sample, and whatever the model, in units of that of a pair of
#: derivatives of amplitudes. Chosen by timings of models of 1 to 243 bins and 3 to 18 free parameters: where the
#: estimate errs, the other form would have been quicker by a quarter, in models of one bin by up to two thirds.
_DERIVATIVE, _START = 3, 200


def compile_engine(laid: LaidOut, free: tuple[int, ...]) -> Engine | JacobianEngine:
    """Compile a model for one choice of free parameters: by pairs of groups or by a Jacobian, whichever is quicker.

    Pairs do not look at bins one by one, a Jacobian does not look at pairs: many bins with few nuisance parameters want
    the first, many nuisance parameters the second.
    """
    pairs, derivatives = _costs(laid, free)
    return Engine(spread(laid), free) if pairs <= _DERIVATIVE * derivatives + _START else JacobianEngine(laid, free)


def _costs(laid: LaidOut, free: tuple[int, ...]) -> tuple[int, int]:
    """Pairs of derivatives of amplitudes within each channel; derivatives in each bin of each sample."""
    inside = set(free)
    spec = laid.specification
    slopes: defaultdict[str, int] = defaultdict(int)
    factors_of: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for group in spec.groups:
        place = spec.channels[group.channel]
        factors = {f for term in group.terms for f in term.factors if spec.factors[f].parameter in inside}
        copies = place.stop - place.start if group.gammas else 1  # a group for each bin
        slopes[group.channel] += copies * (len(factors) + len(group.gammas))
        factors_of[group.channel, group.sample] |= factors
    derivatives = 0
    for (channel, _), factors in factors_of.items():
        place = spec.channels[channel]
        derivatives += (place.stop - place.start) * (len(factors) + 1)
    return sum(count**2 for count in slopes.values()), derivatives
