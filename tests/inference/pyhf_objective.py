"""pyhf's 2NLL of a workspace as a function of our parameters, and the least value that a minimiser of scipy's sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyhf
from scipy.optimize import minimize

from spec_builder.inference.likelihood import Likelihood

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

__all__ = ["FORBIDDEN", "Reference", "reference"]

#: Rounding of 2NLL, in parts of the largest of its terms; both programs have it.
_ROUNDING = 1e-14
#: What stands for 2NLL where a rate is negative.
FORBIDDEN = 1e15


class Reference(NamedTuple):
    """pyhf's objective in our order of the parameters."""

    likelihood: Likelihood
    model: Any
    data: Any

    @property
    def order(self) -> list[int]:
        """Our positions of pyhf's parameters."""
        return [self.likelihood.index(name) for name in self.model.config.par_names]

    def rates(self, theta: FloatArray) -> FloatArray:
        """Expected events (bins,) at theta (P,)."""
        rates: FloatArray = self.model.expected_actualdata(theta[self.order])
        return rates

    def twice_nll(self, theta: FloatArray) -> float:
        """At theta (P,)."""
        if (self.rates(theta) < 0).any():
            return FORBIDDEN
        with np.errstate(divide="ignore", invalid="ignore"):
            value = -2 * float(self.model.logpdf(theta[self.order], self.data)[0])
        return value if np.isfinite(value) else FORBIDDEN

    def lowest(self, start: FloatArray, held: tuple[str, ...] = ()) -> float:
        """The least value that SLSQP sees, from a start; slopes, which only lead the way, are ours."""
        free = list(self.likelihood.free_without(held))
        seen = [self.twice_nll(start)]
        offset = seen[0]
        if not free:
            return offset

        def full(x: FloatArray) -> FloatArray:
            point = start.copy()
            point[free] = np.clip(x, *self.likelihood.bounds[:, free])
            return point

        def objective(x: FloatArray) -> float:
            seen.append(self.twice_nll(full(x)))
            return seen[-1] - offset

        def slopes(x: FloatArray) -> FloatArray:
            with np.errstate(all="ignore"):
                gradient: FloatArray = self.likelihood.gradient(full(x)[None])[0][free]
            return np.where(np.isfinite(gradient), gradient, 0.0)

        bounds = self.likelihood.bounds.T[free]
        options = {"ftol": 1e-13, "maxiter": 100}
        minimize(objective, start[free], jac=slopes, method="SLSQP", bounds=bounds, options=options)
        return min(seen)

    def tolerance(self) -> float:
        """How far two minima may lie apart."""
        observed = self.likelihood.observed
        return 1e-6 + _ROUNDING * float(np.sum(observed * np.log(observed + 2)))


def reference(workspace: dict[str, Any]) -> Reference:
    """Both programs' models of a workspace."""
    read = pyhf.Workspace(workspace)
    model = read.model(modifier_settings={"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}})
    return Reference(Likelihood.from_workspace(workspace), model, np.array(read.data(model)))
