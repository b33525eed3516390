"""A model as the flat arrays that the compiled kernel reads: the fields of ``kernel/model.h``, in its order."""

from __future__ import annotations

import ctypes
import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from spec_builder.histfactory.interpolation import normsys_table
from spec_builder.inference.rows import FIXED, constant_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray
    from spec_builder.histfactory.interpolation import Kind
    from spec_builder.histfactory.specification import Group, Specification, Term
    from spec_builder.inference.rows import LaidOut

    Numbers: TypeAlias = Sequence[float] | npt.NDArray[np.generic]

__all__ = ["FIELDS", "LAYOUT", "SIZES", "Column", "Model", "PackedModel", "Result", "Rows", "is_small", "pack"]

#: Of the structures below; the library says which it was compiled with.
LAYOUT = 5

_KINDS: tuple[Kind, ...] = (
    "identity",
    "square",
    "normsys_code1",
    "normsys_code4",
    "histosys_code0",
    "histosys_code4p",
)
#: Pairs of factors up to which packing takes a fraction of a second, and factors of all their products up to which they
#: are quicker than a Jacobian: 145 normsys on three samples.
_MOST_PAIRS, _MOST_FACTORS = 20_000, 200_000
#: Kinds of a group's template.
_SHARED, _OWN, _SCALED = 0, 1, 2
#: Names of the sizes of a model.
SIZES = (
    *("parameters", "free", "bins", "factors", "groups", "slopes", "bends", "blocks", "normals", "poissons"),
    *("columns", "vector_groups", "affine", "sums", "parcels"),
)
_ARRAYS = """
int free_parameter
double lower, upper, stiffness
int free_first, free_last
int factor_kind, factor_parameter
double factor_numbers
int factor_column
double coefficient
int term_at, term_factors, group_terms_at, slope_terms_at, bend_terms_at
int group_first, group_last, group_kind, group_begin, group_own, group_slopes_at
double numbers, relative
int own_column, own_first, own_last, own_begin
int vector_group, vector_own, vector_template, scaled_begin, vectors_at, vectors
int vector_parameter, vector_free
int slope_group, slope_free, slope_factor, slope_bends
int bend_group, bend_row, bend_column, bend_factor, bend_other
int block_row, block_rows, block_column, block_size, block_first, block_last
int column_at, column_rows
int sum_size, sum_groups, parcel_size, parcel_slopes
int normal_parameter, normal_free, normal_datum
double normal_weight
int poisson_parameter, poisson_free, poisson_datum
double poisson_scale
"""
#: Name and type of each array of the model.
FIELDS = [
    (name, np.int32 if kind == "int" else np.float64)
    for kind, _, names in (line.partition(" ") for line in _ARRAYS.split("\n") if line)
    for name in names.split(", ")
]


class Column(ctypes.Structure):
    """``Column`` of ``model.h``: number i of row r is ``data[i * step + r * row]``."""

    _fields_ = (("data", ctypes.c_void_p), ("step", ctypes.c_int64), ("row", ctypes.c_int64))

    @classmethod
    def of(cls, array: FloatArray) -> Column:
        """An array (numbers or 1, N or 1), or (numbers,) for all rows; it must outlive the column."""
        step = array.strides[0] // array.itemsize if len(array) > 1 else 0
        row = array.strides[1] // array.itemsize if array.ndim > 1 and array.shape[1] > 1 else 0
        return cls(array.ctypes.data, step, row)


class Model(ctypes.Structure):
    """``Model`` of ``model.h``."""

    _fields_ = tuple((name, ctypes.c_int64) for name in SIZES) + tuple((name, ctypes.c_void_p) for name, _ in FIELDS)


class Rows(ctypes.Structure):
    """``Rows`` of ``model.h``."""

    _fields_ = (
        ("next", ctypes.POINTER(ctypes.c_int64)),
        ("count", ctypes.c_int64),
        ("stride", ctypes.c_int64),
        ("evaluations", ctypes.c_int64),
        ("observed", Column),
        ("barrier", Column),
        ("auxiliary", Column),
        ("columns", ctypes.POINTER(Column)),
    )


class Result(ctypes.Structure):
    """``Result`` of ``model.h``."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in ("theta", "value", "edm", "reason"))


@dataclass(frozen=True)
class PackedModel:
    """A model for the kernel.

    Attributes:
        model: sizes and pointers.
        arrays: what they point to.
        observed: the model's counts, shape (bins,).
        auxiliary: its auxiliary data, shape (K,).
        constant: terms of 2NLL that no parameter changes, where rows have no data of their own.
    """

    model: Model
    arrays: dict[str, npt.NDArray[np.generic]]
    observed: FloatArray
    auxiliary: FloatArray
    constant: float

    def thinned(self, part: float) -> PackedModel:
        """The model with a part of its rates and counts."""
        numbers = np.multiply(part, self.arrays["numbers"], dtype=np.float64)
        model = Model.from_buffer_copy(self.model)
        model.numbers = numbers.ctypes.data
        return replace(self, model=model, arrays=self.arrays | {"numbers": numbers}, observed=part * self.observed)


class _Slope(NamedTuple):
    """dA/df of a group for a factor f of the free parameter at ``position``."""

    group: int
    position: int
    factor: int
    terms: tuple[Term, ...]


@dataclass
class _Terms:
    """Terms of groups, slopes and bends, one after the other."""

    coefficient: list[float] = field(default_factory=list)
    at: list[int] = field(default_factory=lambda: [0])
    factors: list[int] = field(default_factory=list)

    def add(self, lists: Sequence[Sequence[Term]]) -> list[int]:
        """Where each list of terms begins, and where the last ends."""
        begins = [len(self.coefficient)]
        for terms in lists:
            for coefficient, factors in terms:
                self.coefficient.append(coefficient)
                self.factors.extend(factors)
                self.at.append(len(self.factors))
            begins.append(len(self.coefficient))
        return begins


def _derivatives(slopes: Sequence[_Slope], curved: Sequence[bool], groups: int) -> dict[str, Numbers]:
    """Columns of the first derivatives, and where those of each group begin."""
    group = [slope.group for slope in slopes]
    return {
        "group_slopes_at": np.searchsorted(group, np.arange(groups + 1)),
        "slope_group": group,
        "slope_free": [slope.position for slope in slopes],
        "slope_factor": [slope.factor for slope in slopes],
        "slope_bends": [int(curve) for curve in curved],
    }


def pack(laid: LaidOut, free: tuple[int, ...], bounds: FloatArray) -> PackedModel:
    """Lay a model out for the kernel.

    Args:
        laid: the model, with what comes by row.
        free: indices of the F parameters that are fitted.
        bounds: of all parameters, shape (2, P).
    """
    spec = laid.specification
    touched = _touched(laid)[list(free)]
    order, columns = _elimination(touched)
    free, touched = tuple(np.array(free, dtype=np.intp)[order].tolist()), touched[order]
    position = np.full(len(spec.parameters), -1)
    position[list(free)] = np.arange(len(free))
    slopes = [slope for g in range(len(spec.groups)) for slope in _slopes(spec, g, spec.groups[g], position)]
    bends = _bends(slopes)
    curved = [spec.factors[slope.factor].kind != "identity" for slope in slopes]
    terms = _Terms()
    values: dict[str, Numbers] = {
        "group_terms_at": terms.add([group.terms for group in spec.groups]),
        "slope_terms_at": terms.add([slope.terms for slope in slopes]),
        "bend_terms_at": terms.add([rest for _, _, rest in bends]),
    }
    values |= {"coefficient": terms.coefficient, "term_at": terms.at, "term_factors": terms.factors}
    values |= _factors(laid)
    values |= _templates(laid)
    vectors = np.array(spec.vectors, dtype=np.int64).reshape(len(spec.vectors), spec.observed.size)
    values["vector_parameter"] = vectors
    values["vector_free"] = np.where(vectors >= 0, position[vectors], -1)
    values |= _derivatives(slopes, curved, len(spec.groups))
    values |= {
        "bend_group": [a.group for a, _, _ in bends],
        "bend_row": [a.position for a, _, _ in bends],
        "bend_column": [b.position for _, b, _ in bends],
        "bend_factor": [a.factor for a, _, _ in bends],
        "bend_other": [b.factor for _, b, _ in bends],
    }
    lower, upper = bounds[:, list(free)]
    values |= {"free_parameter": free, "lower": lower, "upper": upper}
    values |= _blocks(touched) | columns
    values |= _parcels(slopes, [values[f"group_{what}"] for what in ("first", "last", "kind", "own")])
    values |= _constraints(spec, position)
    values["stiffness"] = _stiffness(spec, free)
    straight = not bends and not any(curved) and not (np.asarray(values["vector_free"]) >= 0).any()
    sizes = {
        "parameters": len(spec.parameters),
        "free": len(free),
        "bins": spec.observed.size,
        "factors": len(spec.factors),
        "groups": len(spec.groups),
        "slopes": len(slopes),
        "bends": len(bends),
        "blocks": len(values["block_row"]),
        "normals": len(values["normal_parameter"]),
        "poissons": len(values["poisson_parameter"]),
        "columns": len(values["own_column"]),
        "vector_groups": len(values["vector_group"]),
        "affine": int(straight),
        "sums": len(values["sum_size"]),
        "parcels": len(values["parcel_size"]),
    }
    # a pointer to nothing is not asked for, but must be one
    arrays = {name: np.ascontiguousarray(np.append(np.ravel(values[name]), 0), dtype=kind) for name, kind in FIELDS}
    return PackedModel(
        Model(**sizes, **{name: array.ctypes.data for name, array in arrays.items()}),
        arrays,
        np.ascontiguousarray(spec.observed, dtype=np.float64),
        np.array([p.constraint.auxiliary for p in spec.parameters if p.constraint], dtype=np.float64),
        float(constant_terms(spec, spec.observed[:, None], None)[0]),
    )


def is_small(laid: LaidOut, free: tuple[int, ...]) -> bool:
    """Whether the kernel suits a model: it takes second derivatives by pairs of factors of a group.

    With dozens of factors on each of many templates a Jacobian by samples has less to do: numpy's, for large models.
    """
    spec = laid.specification
    inside = set(free)
    pairs = products = 0
    for group in spec.groups:
        factors = {f for term in group.terms for f in term.factors if spec.factors[f].parameter in inside}
        own = len(factors) * len(factors) // 2
        pairs += own
        products += own * max((len(term.factors) for term in group.terms), default=0)
    return pairs <= _MOST_PAIRS and products <= _MOST_FACTORS


def _differentiate(terms: Sequence[Term], factor: int) -> tuple[Term, ...]:
    """Derivative of an amplitude in a factor; a product holds each factor once."""
    return tuple(
        term._replace(factors=tuple(f for f in term.factors if f != factor)) for term in terms if factor in term.factors
    )


def _slopes(spec: Specification, number: int, group: Group, position: IndexArray) -> list[_Slope]:
    inside = sorted({f for term in group.terms for f in term.factors})
    return [
        _Slope(number, int(position[spec.factors[f].parameter]), f, _differentiate(group.terms, f))
        for f in inside
        if position[spec.factors[f].parameter] >= 0
    ]


def _bends(slopes: Sequence[_Slope]) -> list[tuple[_Slope, _Slope, tuple[Term, ...]]]:
    """Second derivatives of amplitudes in two different factors, those that do not vanish."""
    bends = []
    for _, members in itertools.groupby(slopes, key=lambda slope: slope.group):
        for a, b in itertools.combinations(members, 2):
            terms = _differentiate(a.terms, b.factor)
            if terms:
                bends.append((a, b, terms))
    return bends


def _factors(laid: LaidOut) -> dict[str, Numbers]:
    factors = laid.specification.factors
    numbers = np.zeros((len(factors), 8))
    for row, factor in zip(numbers, factors, strict=True):
        if factor.kind.startswith("normsys"):
            row[:] = normsys_table(np.array(factor.high), np.array(factor.low))
    columns = np.full(len(factors), FIXED)
    columns[list(laid.ratios)] = np.arange(len(laid.ratios))
    return {
        "factor_kind": [_KINDS.index(factor.kind) for factor in factors],
        "factor_parameter": [factor.parameter for factor in factors],
        "factor_numbers": numbers,
        "factor_column": columns,
    }


def _templates(laid: LaidOut) -> dict[str, Numbers]:
    """Templates over the bins where they are not zero: numbers of the model, or parts of a row's own events."""
    groups = laid.specification.groups
    templates = [g.template if c == FIXED else g.relative for g, c in zip(groups, laid.column, strict=True)]
    extents = [_extent(template) for template in templates]
    columns = _bins_of_columns(laid.column, extents)
    own_begin = np.cumsum([0, *(last - first for first, last in columns.values())])
    own = {column: own_begin[i] - first for i, (column, (first, _)) in enumerate(columns.items())}  # of bin 0
    numbers: dict[int, list[float]] = {_SHARED: [], _OWN: []}
    names = "group_kind group_begin group_own vector_group vector_own vector_template vectors"
    found: dict[str, list[int]] = {name: [] for name in names.split()} | {"scaled_begin": [0], "vectors_at": [0]}
    for g, (group, column, (first, last)) in enumerate(zip(groups, laid.column, extents, strict=True)):
        kind = _SHARED if column == FIXED else _OWN
        begin = len(numbers[kind])
        numbers[kind].extend(templates[g][first:last].tolist())
        if group.gammas:
            found["vector_group"].append(g)
            found["vector_own"].append(int(kind == _OWN))
            found["vector_template"].append(begin)
            found["vectors"].extend(group.gammas)
            found["vectors_at"].append(len(found["vectors"]))
            kind, begin = _SCALED, found["scaled_begin"][-1]
            found["scaled_begin"].append(begin + last - first)
        found["group_kind"].append(kind)
        found["group_begin"].append(begin)
        found["group_own"].append(own[column] + first if column in own and first < last else 0)
    return {
        **found,
        "group_first": [first for first, _ in extents],
        "group_last": [last for _, last in extents],
        "numbers": numbers[_SHARED],
        "relative": numbers[_OWN],
        "own_column": [len(laid.ratios) + column for column in columns],  # the ratios by row stand first
        "own_first": [first for first, _ in columns.values()],
        "own_last": [last for _, last in columns.values()],
        "own_begin": own_begin,
    }


def _bins_of_columns(columns: Sequence[int], extents: Sequence[tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """First and before last of the bins where groups want a column's events; none of a column that no group wants."""
    found: dict[int, tuple[int, int]] = {}
    for column, (first, last) in zip(columns, extents, strict=True):
        if column != FIXED and first < last:
            begin, end = found.get(column, (first, last))
            found[column] = min(begin, first), max(end, last)
    return found


def _extent(template: FloatArray | BoolArray) -> tuple[int, int]:
    """First and before last of the bins where it is not zero."""
    where = np.flatnonzero(template)
    return (int(where[0]), int(where[-1]) + 1) if where.size else (0, 0)


def _parcels(slopes: Sequence[_Slope], extents: Sequence[Numbers]) -> dict[str, Numbers]:
    """Groups of the same bins, kind and column, and slopes of one parameter whose groups are so, by up to four."""
    alike = [tuple(int(number) for number in numbers) for numbers in zip(*extents, strict=True)]
    sums = _by_fours({g: key for g, key in enumerate(alike) if key[0] < key[1]})
    keys = {s: (slope.position, *alike[slope.group]) for s, slope in enumerate(slopes)}
    parcels = _by_fours({s: key for s, key in keys.items() if key[1] < key[2]})
    return {
        "sum_size": [len(parcel) for parcel in sums],
        "sum_groups": [number for parcel in sums for number in [*parcel, *[0] * (4 - len(parcel))]],
        "parcel_size": [len(parcel) for parcel in parcels],
        "parcel_slopes": [number for parcel in parcels for number in [*parcel, *[0] * (4 - len(parcel))]],
    }


def _by_fours(keys: dict[int, tuple[int, ...]]) -> list[list[int]]:
    """Numbers of the same key in parcels of 4, 2 or 1."""
    parcels = []
    for _, same in itertools.groupby(sorted(keys, key=keys.__getitem__), key=keys.__getitem__):
        left = list(same)
        while left:
            length = next(n for n in (4, 2, 1) if n <= len(left))
            parcels.append(left[:length])
            left = left[length:]
    return parcels


def _touched(laid: LaidOut) -> BoolArray:
    """Which bins feel which parameter, shape (P, bins)."""
    spec = laid.specification
    touched = np.zeros((len(spec.parameters), spec.observed.size), dtype=bool)
    for group, column in zip(spec.groups, laid.column, strict=True):
        there = (group.template if column == FIXED else group.relative) != 0
        for parameter in {spec.factors[f].parameter for term in group.terms for f in term.factors}:
            touched[parameter] |= there
        for vector in group.gammas:
            bins = np.flatnonzero((spec.vectors[vector] >= 0) & there)
            touched[spec.vectors[vector][bins], bins] = True
    return touched


def _elimination(touched: BoolArray) -> tuple[list[int], dict[str, Numbers]]:
    """An order of the free parameters in which the Hessian's factor stays sparse, and where it is not zero.

    The next one is always one that shares bins with fewest of those that are left: parameters of single bins and
    channels come first, those that all channels share last.
    """
    shared = touched.astype(np.float64) @ touched.T.astype(np.float64) > 0
    np.fill_diagonal(shared, val=False)
    order, partners = [], []
    counts = shared.sum(axis=1)
    most = counts.copy()
    for _ in range(len(touched)):
        chosen = int(np.lexsort((most, counts))[0])
        mine = np.flatnonzero(shared[chosen])
        order.append(chosen)
        partners.append(mine)
        shared[np.ix_(mine, mine)] = True
        shared[mine, mine] = shared[chosen] = shared[:, chosen] = False
        counts[mine] = shared[mine].sum(axis=1)
        counts[chosen] = len(touched)  # not again
    position = np.argsort(order)
    rows = [np.sort(position[mine]) for mine in partners]
    at = np.cumsum([0, *(len(mine) for mine in rows)])
    return order, {"column_at": at, "column_rows": np.concatenate([*rows, np.empty(0, dtype=np.intp)])}


def _blocks(touched: BoolArray) -> dict[str, Numbers]:
    """Pairs of free parameters that share bins: one row, or two with the same partners, and up to four columns."""
    extents = np.array([_extent(row) for row in touched]).reshape(-1, 2)
    shared = touched.astype(np.float64) @ touched.T.astype(np.float64) > 0
    blocks = []
    p = 0
    while p < len(touched):
        twins = (extents[p : p + 2] == extents[p]).all() and (shared[p : p + 2] == shared[p]).all()
        rows = min(2, len(touched) - p) if twins else 1
        partners = np.flatnonzero(shared[p, : p + rows])
        for run in np.split(partners, np.flatnonzero(np.diff(partners) > 1) + 1):
            for columns in (run[i : i + 4] for i in range(0, len(run), 4)):
                first = max(extents[p, 0], extents[columns, 0].min())
                last = min(extents[p, 1], extents[columns, 1].max())
                blocks.append((p, rows, columns[0], len(columns), first, last))
        p += rows
    names = [f"block_{what}" for what in ("row", "rows", "column", "size", "first", "last")]
    numbers = np.array(blocks, dtype=np.intp).reshape(-1, len(names)).T
    return {"free_first": extents[:, 0], "free_last": extents[:, 1], **dict(zip(names, numbers, strict=True))}


def _constraints(spec: Specification, position: IndexArray) -> dict[str, Numbers]:
    constraints = [(i, p.constraint) for i, p in enumerate(spec.parameters) if p.constraint]
    parts: dict[str, Numbers] = {}
    for kind, name, number in (("normal", "weight", -2), ("poisson", "scale", 1)):
        mine = [(k, i, c.scale**number) for k, (i, c) in enumerate(constraints) if c.kind == kind]
        parts[f"{kind}_parameter"] = [i for _, i, _ in mine]
        parts[f"{kind}_free"] = [int(position[i]) for _, i, _ in mine]
        parts[f"{kind}_datum"] = [k for k, _, _ in mine]
        parts[f"{kind}_{name}"] = [value for _, _, value in mine]
    return parts


def _stiffness(spec: Specification, free: tuple[int, ...]) -> list[float]:
    """What the normal constraints add to the Hessian's diagonal."""
    constraints = [spec.parameters[i].constraint for i in free]
    return [2 * c.scale**-2 if c and c.kind == "normal" else 0.0 for c in constraints]
