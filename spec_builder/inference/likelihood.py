"""The likelihood of a pyhf workspace: value, gradient and Hessian of 2NLL for many points at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spec_builder.base.arguments import as_numbers, check_argument, check_known, check_path, checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import shown, unknown_name
from spec_builder.base.printing import counted
from spec_builder.histfactory.checks import check_workspace
from spec_builder.histfactory.interpolation import Factor, FactorBank
from spec_builder.histfactory.patch import load_workspace
from spec_builder.histfactory.specification import ParameterSpec, Term, hold
from spec_builder.histfactory.workspace_reading import read_specification
from spec_builder.inference.compilation import compile_engine
from spec_builder.inference.engine import evaluate_terms
from spec_builder.inference.packing import is_small, pack
from spec_builder.inference.rows import PLAIN, SHARED, Layout, lay_out, saturated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spec_builder.base.arrays import BoolArray, FloatArray
    from spec_builder.histfactory.specification import Group, Specification
    from spec_builder.inference.engine import Engine
    from spec_builder.inference.jacobian import JacobianEngine
    from spec_builder.inference.packing import PackedModel
    from spec_builder.inference.rows import RowArrays

__all__ = ["Likelihood"]

#: Where between its bounds a parameter is put to see whether a rate that is zero stays zero: no special place.
_ELSEWHERE = 0.381966


@dataclass(frozen=True, repr=False)
class Likelihood:
    """A pyhf model compiled into arrays.

    2NLL = -2 ln L, Poisson and constraint terms with all their constants, as pyhf prints it. Parameters are in
    the order of ``parameters``; look them up by name.
    """

    specification: Specification

    @classmethod
    @checked
    def from_workspace(
        cls,
        workspace: Mapping[str, Any] | str | PathLike[str],
        measurement: str | None = None,
        *,
        normsys: Literal["code1", "code4"] = "code4",
        histosys: Literal["code0", "code4p"] = "code4p",
        poi: str | None = None,
    ) -> Likelihood:
        """Compile the content of a workspace, or its file.

        Arguments and errors as for :func:`spec_builder.histfactory.workspace_reading.read_specification`, and errors
        for what is no workspace.
        """
        check_known("normsys", normsys, ("code1", "code4"))
        check_known("histosys", histosys, ("code0", "code4p"))
        name = "workspace"
        if isinstance(workspace, str | PathLike):
            check_path(name, workspace)
            name = fspath(workspace)
            workspace = load_workspace(name, measurement=measurement)
        try:
            return cls(read_specification(workspace, measurement, normsys=normsys, histosys=histosys, poi=poi))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            check_workspace(workspace, name)  # says what is wrong with it
            raise

    def __repr__(self) -> str:
        of = f" of {self.poi}" if self.poi else ""
        return f"<Likelihood{of}: {counted(self.observed.size, 'bin')}, {counted(len(self.parameters), 'parameter')}>"

    def holding(self, values: Mapping[str, float]) -> Likelihood:
        """The same model with some parameters held; see :func:`spec_builder.histfactory.specification.hold`."""
        check_argument("hold", values)
        return Likelihood(hold(self.specification, values)) if values else self

    # ------------------------------------------------------------------ parameters

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the P parameters, sorted."""
        return tuple(spec.name for spec in self.specification.parameters)

    @cached_property
    def init(self) -> FloatArray:
        """Start values, shape (P,)."""
        return np.array([spec.init for spec in self.specification.parameters])

    @cached_property
    def bounds(self) -> FloatArray:
        """Lower and upper bounds, shape (2, P)."""
        return np.array([[spec.lower, spec.upper] for spec in self.specification.parameters]).T

    @cached_property
    def free(self) -> tuple[int, ...]:
        """Indices of the parameters that a fit varies: those that are not held, and whose bounds leave room."""
        return tuple(i for i, p in enumerate(self.specification.parameters) if not p.fixed and p.lower < p.upper)

    def free_without(self, fixed: tuple[str, ...]) -> tuple[int, ...]:
        """Indices of the free parameters less those named."""
        held = {self.index(name) for name in fixed}
        return tuple(i for i in self.free if i not in held)

    @property
    def observed(self) -> FloatArray:
        """Counts, shape (bins,)."""
        return self.specification.observed

    @property
    def poi(self) -> str:
        """Parameter of interest."""
        return self.specification.poi

    def index(self, parameter: str) -> int:
        """Position of a parameter.

        Raises:
            SpecBuilderError: if there is none of that name.
        """
        if not isinstance(parameter, str) or parameter not in self.parameters:
            raise unknown_name("parameter", str(parameter), self.parameters)
        return self.parameters.index(parameter)

    def constrained(self) -> tuple[int, ...]:
        """Indices of the parameters with an auxiliary measurement."""
        return tuple(i for i, spec in enumerate(self.specification.parameters) if spec.constraint)

    def degrees_of_freedom(self) -> int:
        """Bins minus free unconstrained parameters; a bin with nothing expected and nothing observed is none."""
        constrained = self.constrained()
        empty = self.nothing_expected(self.init[:, None], self.free)[:, 0] & (self.observed == 0)
        return int(np.sum(~empty)) - sum(1 for i in self.free if i not in constrained)

    # ------------------------------------------------------------------ variations of the model

    def renamed(self, parameter: str, name: str) -> Likelihood:
        """The same model with another name for a parameter; none may have that name yet."""
        index = self.index(parameter)
        if name in self.parameters:
            raise SpecBuilderError(f"parameter '{name}' is there already")
        parameters = list(self.specification.parameters)
        parameters[index] = replace(parameters[index], name=name)
        return Likelihood(replace(self.specification, parameters=tuple(parameters)))

    def with_observed(self, observed: Sequence[float] | FloatArray) -> Likelihood:
        """The same model with other counts, shape (bins,)."""
        counts = np.array(as_numbers("observed", observed))
        if counts.shape != self.observed.shape or not (np.isfinite(counts) & (counts >= 0)).all():
            raise SpecBuilderError(f"observed counts must be {self.observed.size} numbers >= 0")
        return Likelihood(replace(self.specification, observed=counts))

    def thinned(self, part: float) -> Likelihood:
        """The same model with a part of its rates and counts, made once like :meth:`engine`."""
        if part not in self._thinned:
            spec = self.specification
            groups = tuple(replace(group, template=part * group.template) for group in spec.groups)
            self._thinned[part] = Likelihood(replace(spec, observed=part * spec.observed, groups=groups))
        return self._thinned[part]

    @cached_property
    def _thinned(self) -> dict[float, Likelihood]:
        return {}

    def with_polynomial(
        self,
        sample: str | tuple[str, ...],
        parameter: str,
        coefficients: Mapping[str, FloatArray] | None,
        *,
        init: float,
        bounds: tuple[float, float],
    ) -> Likelihood:
        """Replace a sample's nominal yields by n0 + n1 x + n2 x^2 with a new free parameter x.

        Where x is there already, from another sample, it is the same parameter. The sample's other normalisation
        factors stay where the workspace has them, and are fixed there: x takes their place.

        Args:
            sample: its name, in all channels; several names if their coefficients come by row.
            parameter: name of x, the new parameter of interest.
            coefficients: (n0, n1, n2) by channel, each of shape (3, bins of the channel); None if they come by row
                (:class:`spec_builder.inference.rows.Polynomial`).
            init: start value of x.
            bounds: domain of x.
        """
        spec = self.specification
        samples = (sample,) if isinstance(sample, str) else sample
        signal = np.zeros((3, self.observed.size))
        for channel, place in spec.channels.items():
            if coefficients is None:
                signal[:, place] = 1.0
            elif channel in coefficients:
                signal[:, place] = coefficients[channel]
        names = [*self.parameters] if parameter in self.parameters else [*self.parameters, parameter]
        order = sorted(range(len(names)), key=names.__getitem__)
        moved = {old: new for new, old in enumerate(order)}
        x = moved[names.index(parameter)]
        factors = [replace(factor, parameter=moved[factor.parameter]) for factor in spec.factors]
        powers = ((), (len(factors),), (len(factors) + 1,))
        factors += [Factor(x, "identity"), Factor(x, "square")]
        groups: list[Group] = []
        for group in spec.groups:
            groups += _times_polynomial(group, signal, powers) if group.sample in samples else [group]
        vectors = tuple(np.array([moved.get(int(p), -1) for p in vector], dtype=np.intp) for vector in spec.vectors)
        replaced = _parameters_of(spec, samples)
        old = [
            replace(p, fixed=p.fixed or (p.constraint is None and i in replaced)) for i, p in enumerate(spec.parameters)
        ]
        new = ParameterSpec(parameter, init, *bounds, fixed=False, constraint=None)
        parameters = tuple([*old, new][i] for i in order)
        return Likelihood(
            replace(
                spec,
                parameters=parameters,
                factors=tuple(factors),
                groups=tuple(groups),
                poi=parameter,
                vectors=vectors,
            )
        )

    # ------------------------------------------------------------------ values at given points

    @cached_property
    def _engines(self) -> dict[tuple[tuple[int, ...], Layout], Engine | JacobianEngine]:
        return {}

    def engine(self, free: tuple[int, ...] = (), layout: Layout = PLAIN) -> Engine | JacobianEngine:
        """The compiled likelihood for one choice of free parameters and of what comes by row, made once.

        Raises:
            SpecBuilderError: if the model does not have what comes by row.
        """
        key = (free, layout)
        if key not in self._engines:
            self._engines[key] = compile_engine(lay_out(self.specification, layout), free)
        return self._engines[key]

    @cached_property
    def _packed(self) -> dict[tuple[tuple[int, ...], Layout], PackedModel | None]:
        return {}

    def packed(self, free: tuple[int, ...], layout: Layout = PLAIN) -> PackedModel | None:
        """The likelihood for the compiled minimiser, made once like :meth:`engine`; None where numpy suits it."""
        key = (free, layout)
        if key not in self._packed:
            laid = lay_out(self.specification, layout)
            self._packed[key] = pack(laid, free, self.bounds) if is_small(laid, free) else None
        return self._packed[key]

    def _columns(self, theta: FloatArray) -> FloatArray:
        points = np.atleast_2d(as_numbers("theta", theta))
        if points.ndim > 2:
            raise SpecBuilderError(f"theta {shown(theta)}: expected {len(self.parameters)} values for each point")
        if points.shape[1] != len(self.parameters):
            raise SpecBuilderError(f"theta has {points.shape[1]} values, expected {len(self.parameters)}")
        return np.ascontiguousarray(points.T)

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def rates(self, theta: FloatArray) -> FloatArray:
        """Expected events, shape (N, bins), at theta (N, P)."""
        return self.engine().rates(self._columns(theta)).T

    def sample_rates(self, theta: FloatArray) -> dict[str, FloatArray]:
        """Events per bin of each sample at one point theta (P,): shape (bins,) by sample."""
        column = self._columns(theta)
        values, _, _ = FactorBank(self.specification.factors)(column)
        rates: dict[str, FloatArray] = {}
        for group in self.specification.groups:
            events = group.template * np.ravel(evaluate_terms(group.terms, values))[0]
            for vector in (self.specification.vectors[v] for v in group.gammas):
                events *= np.where(vector >= 0, column[vector, 0], 1.0)
            rates[group.sample] = rates.get(group.sample, np.zeros(events.size)) + events
        return rates

    def nothing_expected(
        self, theta: FloatArray, free: tuple[int, ...], layout: Layout = PLAIN, arrays: RowArrays = SHARED
    ) -> BoolArray:
        """Bins whose rate is zero whatever the free parameters are, shape (bins, N).

        Without a count such a bin adds nothing to 2NLL; with one, 2NLL is infinite.

        Args:
            theta: the values of the fixed parameters, shape (P, N).
            free: indices of the free ones.
            layout: what comes by row.
            arrays: it.
        """
        engine = self.engine(free, layout)
        empty: BoolArray = engine.rates(theta, arrays) == 0
        if empty.any():
            lower, upper = self.bounds[:, list(free)]
            elsewhere = theta.copy()
            elsewhere[list(free)] = (lower + _ELSEWHERE * (upper - lower))[:, None]
            empty &= engine.rates(elsewhere, arrays) == 0
        return empty

    def impossible_bin(self, layout: Layout = PLAIN, arrays: RowArrays = SHARED) -> str | None:
        """What is wrong with the first bin that has counts although nothing is expected there; None if none has.

        Args:
            layout: what comes by row.
            arrays: it, for one row.
        """
        empty = self.nothing_expected(self.init[:, None], self.free, layout, arrays)[:, 0]
        observed = self.observed if arrays.observed is None else arrays.observed[:, 0]
        bad = np.flatnonzero(empty & (observed > 0))
        if not bad.size:
            return None
        where = self.bin_name(int(bad[0]))
        return f"{where}: {observed[bad[0]]:g} observed, but nothing is expected there whatever the parameters are"

    def bin_name(self, place: int) -> str:
        """A bin as its channel and its number within it, counted from 0."""
        channel, bins = next(item for item in self.specification.channels.items() if place < item[1].stop)
        return f"channel '{channel}', bin {place - bins.start}"

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def twice_nll(self, theta: FloatArray) -> FloatArray:
        """2NLL at theta (N, P): shape (N,); infinite where a rate is negative."""
        return self.engine()(self._columns(theta)).value

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def gradient(self, theta: FloatArray) -> FloatArray:
        """Gradient of 2NLL in all parameters at theta (N, P): shape (N, P)."""
        return self.engine(tuple(range(len(self.parameters))))(self._columns(theta)).gradient.T

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def slope(self, theta: FloatArray, parameter: str) -> FloatArray:
        """Derivative of 2NLL in one parameter at theta (N, P): shape (N,)."""
        slope: FloatArray = self.engine((self.index(parameter),))(self._columns(theta)).gradient[0]
        return slope

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def hessian(self, theta: FloatArray) -> FloatArray:
        """Hessian of 2NLL in all parameters at theta (N, P): shape (N, P, P)."""
        parts = self.engine(tuple(range(len(self.parameters))))(self._columns(theta))
        lower = np.tril(np.moveaxis(parts.hessian, 2, 0))
        return lower + np.swapaxes(np.tril(lower, -1), 1, 2)

    @cached_property
    def saturated(self) -> float:
        """2NLL if every rate met its count and every parameter its auxiliary datum."""
        return float(saturated(self.specification, self.observed[:, None], None)[0])


def _times_polynomial(group: Group, signal: FloatArray, powers: Sequence[tuple[int, ...]]) -> list[Group]:
    """A sample's group with the coefficients of a polynomial (3, bins) for nominal yields: one for each power of x."""
    found = []
    for k, (yields, power) in enumerate(zip(signal, powers, strict=True)):
        template = group.relative * yields
        if template.any():
            terms = tuple(Term(term.coefficient, (*term.factors, *power)) for term in group.terms)
            found.append(replace(group, template=template, terms=terms, power=k))
    return found


def _parameters_of(spec: Specification, samples: Sequence[str]) -> set[int]:
    """Positions of the parameters that the samples' groups have factors of."""
    terms = [term for group in spec.groups if group.sample in samples for term in group.terms]
    return {spec.factors[f].parameter for term in terms for f in term.factors}
