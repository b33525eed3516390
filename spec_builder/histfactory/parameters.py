"""The parameters of a workspace, as its modifiers ask for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.specification import Constraint, ParameterSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Parameters"]


@dataclass
class Parameters:
    """Collects the parameters that modifiers ask for; sharing a name means sharing the parameter."""

    overrides: Mapping[str, Mapping[str, Any]]
    specs: dict[str, ParameterSpec] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        where: str,
        name: str,
        role: str,
        *,
        init: float,
        bounds: tuple[float, float],
        constraint: Constraint | None = None,
        fixed: bool = False,
        index: int | None = None,
    ) -> str:
        """Register (or share) a parameter; ``index`` is its place in a vector of them."""
        full = name if index is None else f"{name}[{index}]"
        self._check_use(where, name, full, role)
        at, given = index or 0, self.overrides.get(name, {})
        if index is None:
            for key in ("inits", "bounds", "auxdata", "sigmas", "factors"):
                if len(given.get(key, [None])) != 1:
                    raise SpecBuilderError(f"{where}: parameter '{name}' has {len(given[key])} {key}, expected 1")
        bound = given["bounds"][at] if "bounds" in given else bounds
        if constraint is not None:
            constraint = _as_given(where, name, constraint, given, at)
        spec = ParameterSpec(
            name=full,
            init=float(given["inits"][at] if "inits" in given else init),
            lower=float(bound[0]),
            upper=float(bound[1]),
            fixed=bool(given.get("fixed", fixed)),
            constraint=constraint,
        )
        if not spec.lower <= spec.init <= spec.upper:
            raise SpecBuilderError(
                f"{where}: parameter '{full}' starts at {spec.init:g}, outside its bounds "
                f"[{spec.lower:g}, {spec.upper:g}]"
            )
        if self.specs.setdefault(full, spec) != spec:
            raise SpecBuilderError(f"{where}: parameter '{full}' is constrained in two different ways")
        return full

    def _check_use(self, where: str, name: str, full: str, role: str) -> None:
        """Refuse a parameter that is something else already; ``full`` has its place in a vector."""
        shape = "one number" if full == name else "a number for each bin"
        if self.shapes.setdefault(name, shape) != shape:
            raise SpecBuilderError(
                f"{where}: parameter '{name}' is used as {shape} and as {self.shapes[name]}; rename one"
            )
        if self.roles.setdefault(full, role) != role:
            raise SpecBuilderError(
                f"{where}: parameter '{name}' is used as {role} and as {self.roles[full]}; rename one"
            )


def _as_given(where: str, name: str, constraint: Constraint, given: Mapping[str, Any], at: int) -> Constraint:
    """A parameter's constraint with the auxiliary datum and the scale that the measurement gives for it."""
    auxiliary = given["auxdata"][at] if "auxdata" in given else constraint.auxiliary
    key = "sigmas" if constraint.kind == "normal" else "factors"
    scale = given[key][at] if key in given else constraint.scale
    if constraint.kind == "poisson" and auxiliary < 0:
        raise SpecBuilderError(f"{where}: the auxiliary datum of '{name}' is {auxiliary:g}, expected a count >= 0")
    if not scale > 0:
        raise SpecBuilderError(f"{where}: the constraint of '{name}' has scale {scale}, expected > 0")
    return Constraint(constraint.kind, float(auxiliary), float(scale))
