"""A user's own interaction: a TOML file, a Python file, or an object from Python.

A TOML file takes the formulas of a shipped kind under another name::

    name = "my_bl"                                # letters, digits and underscores
    title = "B-L once more"
    kind = "vector"                               # or scalar, axial, tensor
    charges = { u = 0.3333333333333333, d = 0.3333333333333333, nu = -1.0, e = -1.0 }   # of a vector
    coupling_set = "A"                            # options of the other kinds stand by their names
    references = ["an internal note"]
    default_range = [1e-6, 1e-3]                  # optional

A Python file has ``name``, ``title``, ``references``, ``parameter`` (its symbol), optionally ``unit``, ``signed``,
``mediator`` (False where there is no mass), ``default_range``, and one of::

    def terms(scatterers, recoil_energy_MeV, flavour): ...
        # -> [Term(order in x, power of 1/(m^2 + 2 M T), (a0, a1, a2))], arrays (scatterers, T)
    def cross_section(neutrino_energy_MeV, recoil_energy_MeV, mediator_mass_MeV, scatterers, flavour): ...
        # -> (3, ...) dsigma/dT [MeV^-3] beyond the Standard Model, per power of x

``scatterers`` is a :class:`~.targets.Target`: columns Z, N, A, mass_MeV, spin of shape (scatterers, 1), and ``kind``
(``nucleus`` or ``electron``). ``flavour`` is one of :data:`~.sources.FLAVOURS`. x is the square of the parameter, or
the parameter itself where ``signed``. The file is code, and it is run only where its path is named.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
import sys
import types
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.patience import call
from spec_builder.base.reading import read_bytes
from spec_builder.physics.choices import Interaction
from spec_builder.physics.descriptions import read_description
from spec_builder.physics.terms import Term

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.physics.choices import Options
    from spec_builder.physics.descriptions import Description
    from spec_builder.physics.targets import Target

__all__ = ["KINDS", "interaction_from", "load_interaction", "reload_interaction"]

KINDS = ("vector", "scalar", "axial", "tensor")
#: Keys of a TOML file of any kind.
_KEYS = ("name", "title", "kind", "references", "default_range")
_NAME = re.compile(r"[A-Za-z0-9_]+")
#: Columns of a scan's file beside the parameter, and the most characters of its symbol.
_COLUMNS = ("mass_MeV", "row", "patch", "delta_chi2", "twice_nll", "edm", "valid", "reason", "at_bound", "metadata")
_LONGEST_SYMBOL = 40
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
#: Of one flavour; a list without end is none.
_MOST_TERMS = 1000


def load_interaction(path: Path) -> Interaction:
    """A user's interaction from its TOML or Python file.

    Raises:
        SpecBuilderError: naming the file and the key that is wrong.
    """
    if path.suffix not in (".toml", ".py"):
        raise SpecBuilderError(f"{path}: expected an interaction's file, .toml or .py")
    if path.is_dir() or not path.exists():
        raise SpecBuilderError(f"{path}: no such file")
    digest = hashlib.sha256(read_bytes(path)).hexdigest()
    return _loaded(str(path), digest)


def reload_interaction(path: str, digest: str) -> Interaction:
    """The interaction that another process loaded.

    Raises:
        SpecBuilderError: if the file is not the same any more.
    """
    interaction = load_interaction(Path(path))
    if interaction.digest != digest:
        raise SpecBuilderError(f"{path}: has changed since it was loaded (SHA-256 {interaction.digest}, not {digest})")
    return interaction


@cache
def _loaded(path: str, digest: str) -> Interaction:
    file = Path(path)
    interaction = _from_toml(file) if file.suffix == ".toml" else _from_python(file, digest)
    return replace(interaction, path=str(file.resolve()), digest=digest)


def _from_toml(file: Path) -> Interaction:
    from spec_builder.physics.interactions import shipped_interactions  # noqa: PLC0415

    description = read_description(file)
    options = {i.name: tuple(option.name for option in i.options) for i in shipped_interactions() if i.name in KINDS}
    own = {kind: ("charges",) if kind == "vector" else names for kind, names in options.items()}
    description.only(*_KEYS, *(key for keys in own.values() for key in keys))
    name = description.name("name")
    _check_name(str(file), name)
    kind = description.one_of("kind", KINDS)
    description.only(*_KEYS, *own[kind])
    shipped = next(i for i in shipped_interactions() if i.name == kind)
    if kind == "vector":
        given = _charges(description)
    else:
        given = {name: description.take(name) for name in own[kind] if name in description}
    nuclei_alone = kind == "vector" and "e" not in given
    try:
        values = shipped.choose(**({"e": 0.0} | given if nuclei_alone else given)).options
    except SpecBuilderError as error:
        raise SpecBuilderError(f"{file}: {error}") from None
    interaction = replace(
        shipped,
        name=name,
        title=description.text("title", name),
        options=tuple(replace(option, default=values[option.name]) for option in shipped.options),
        default_range=_range_of(description, shipped.default_range),
        references=description.texts("references"),
        acts_on=("nucleus",) if nuclei_alone else shipped.acts_on,
    )
    description.finish()
    return interaction


def _charges(description: Description) -> dict[str, object]:
    """The charges of a vector: all must be given, but that of the electron where only nuclei are targets."""
    section = description.section("charges")
    section.only("u", "d", "nu", "e")
    names = ("u", "d", "nu", "e") if "e" in section else ("u", "d", "nu")
    charges: dict[str, object] = {name: section.number(name) for name in names}
    section.finish()
    return charges


def _range_of(description: Description, default: tuple[float, float]) -> tuple[float, float]:
    if "default_range" not in description:
        return default
    values = description.positives("default_range")
    if len(values) != 2 or values[0] >= values[1]:
        raise description.error("default_range", "two increasing numbers", list(values))
    return values[0], values[1]


def _check_name(where: str, name: object) -> str:
    from spec_builder.physics.interactions import shipped_interactions  # noqa: PLC0415

    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SpecBuilderError(f"{where}: name must be a text of letters, digits and underscores, found {name!r}")
    if name in ("sm", "weak_mixing_angle", "all", *(i.name for i in shipped_interactions())):
        raise SpecBuilderError(f"{where}: name '{name}' is that of a shipped interaction, give it another")
    return name


def _from_python(file: Path, digest: str) -> Interaction:
    # a name of its own, under which classes of the file find their module
    module = types.ModuleType(f"spec_builder_user_{file.stem}_{digest[:16]}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    content = read_bytes(file)
    if hashlib.sha256(content).hexdigest() != digest:
        raise SpecBuilderError(f"{file}: has changed while it was read; run again")
    call(str(file), "its code", lambda: exec(compile(content, str(file), "exec"), module.__dict__))  # noqa: S102
    return call(str(file), "reading its names", lambda: _from_attributes(module, str(file)))


def interaction_from(thing: object) -> Interaction:
    """An interaction from an object with the attributes of a user's Python file.

    Raises:
        SpecBuilderError: naming the attribute that is missing or wrong.
    """
    where = call(type(thing).__name__, "its name", lambda: f"interaction {_called(thing)!r}")
    return call(where, "reading its attributes", lambda: _from_attributes(thing, where))


def _called(thing: object) -> object:
    return getattr(thing, "name", type(thing).__name__)


def _from_attributes(thing: object, where: str) -> Interaction:
    def take(key: str, kind: type | tuple[type, ...], expected: str, default: Any = None) -> Any:
        value = getattr(thing, key, default)
        if value is None:
            raise SpecBuilderError(f"{where}: '{key}' is missing, expected {expected}")
        if not isinstance(value, kind):
            raise SpecBuilderError(f"{where}: {key} must be {expected}, found {value!r}")
        return value

    name = _check_name(where, take("name", str, "a text of letters, digits and underscores"))
    signed = take("signed", bool, "True or False", default=False)
    mediator = take("mediator", bool, "True or False", default=True)
    references = take("references", (list, tuple), "a list of texts", ())
    if not all(isinstance(text, str) for text in references):
        raise SpecBuilderError(f"{where}: references must be a list of texts, found {references!r}")
    unit = take("unit", str, "a text", "")
    terms, cross_section = getattr(thing, "terms", None), getattr(thing, "cross_section", None)
    if (terms is None) == (cross_section is None):
        raise SpecBuilderError(f"{where}: expected one of the functions 'terms' and 'cross_section'")
    for key, function in (("terms", terms), ("cross_section", cross_section)):
        if function is not None and not callable(function):
            raise SpecBuilderError(f"{where}: {key} must be a function, found {function!r}")
    return Interaction(
        name=name,
        title=_words(where, "title", take("title", str, "a text", name)),
        term_function=None if terms is None else _UserTerms(terms, where, mediator=mediator),
        cross_section=None if cross_section is None else _UserCrossSection(cross_section, where),
        parameter=_symbol(where, take("parameter", str, "a text", "g")),
        unit=unit and _words(where, "unit", unit),
        signed=signed,
        has_mediator=mediator,
        default_range=_checked_range(where, getattr(thing, "default_range", None), signed=signed),
        flavour_blind=False,
        references=tuple(references),
    )


def _words(where: str, key: str, text: str) -> str:
    """A text of one line that is not empty."""
    if not text.strip() or not text.isprintable():
        raise SpecBuilderError(f"{where}: {key} must be a text of one line, found {text!r}")
    return text


def _symbol(where: str, text: str) -> str:
    """The symbol of a parameter: a column of tables and files, beside their own, and a label of pyhf's patch sets."""
    if not _SYMBOL.fullmatch(text) or len(text) > _LONGEST_SYMBOL:
        expected = "a symbol of letters, digits and underscores, such as g or mu_nu"
        raise SpecBuilderError(f"{where}: parameter must be {expected}, found {text!r}")
    if text in _COLUMNS or text.startswith("theta_"):
        raise SpecBuilderError(f"{where}: parameter '{text}' is a column of every scan, give it another symbol")
    return text


def _checked_range(where: str, given: object, *, signed: bool) -> tuple[float, float]:
    if given is None:
        return (-1.0, 1.0) if signed else (1e-7, 1e-1)
    expected = "two increasing numbers" if signed else "two increasing positive numbers"
    values = tuple(given) if isinstance(given, (list, tuple)) else ()
    if len(values) == 2 and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        low, high = float(values[0]), float(values[1])
        lowest = -np.inf if signed else 0.0
        if lowest < low < high < np.inf:
            return low, high
    raise SpecBuilderError(f"{where}: default_range must be {expected}, found {given!r}")


def _numbers(what: str, found: object) -> FloatArray:
    """Real numbers; text, complex numbers and objects are none, even where numpy would make some of them.

    Raises:
        SpecBuilderError: for anything else.
    """
    array = np.asarray(found)
    if array.dtype.kind not in "fiu":
        raise SpecBuilderError(f"{what} must be real numbers, found {array.dtype.name}")
    return np.asarray(array, dtype=np.float64)


def _read_only(array: FloatArray) -> FloatArray:
    """A copy that a user's function cannot change."""
    copy = np.array(array)
    copy.flags.writeable = False
    return copy


class _UserTerms:
    """A user's ``terms``, with what it returns checked."""

    def __init__(self, function: Callable[..., object], where: str, *, mediator: bool) -> None:
        self._function, self._where, self._mediator = function, where, mediator

    def __call__(self, target: Target, T: FloatArray, flavour: str, _options: Options) -> Sequence[Term]:
        def answer() -> tuple[Term, ...]:
            terms: Any = self._function(target, _read_only(T), flavour)
            found = list(itertools.islice(terms, _MOST_TERMS + 1))
            if len(found) > _MOST_TERMS:
                raise SpecBuilderError(f"{self._where}: terms must be at most {_MOST_TERMS} of them")
            return tuple(self._checked(term, (target.mass_MeV.shape[0], T.size)) for term in found)

        return call(self._where, "terms", answer)

    def _checked(self, term: object, shape: tuple[int, int]) -> Term:
        if not isinstance(term, Term):
            raise SpecBuilderError(f"{self._where}: terms must be a list of Term, found {term!r}")
        if term.order not in (1, 2) or isinstance(term.order, bool):
            raise SpecBuilderError(f"{self._where}: order of a Term must be 1 or 2, found {term.order!r}")
        powers = (0, 1, 2) if self._mediator else (0,)
        if term.propagator_power not in powers or isinstance(term.propagator_power, bool):
            expected = "0, 1 or 2" if self._mediator else "0 without a mediator"
            raise SpecBuilderError(
                f"{self._where}: propagator power of a Term must be {expected}, found {term.propagator_power!r}"
            )
        parts: list[FloatArray] = []
        with contextlib.suppress(TypeError, ValueError):
            given = list(itertools.islice(term.coefficients, 4))
            parts = [np.broadcast_to(_numbers(f"{self._where}: coefficients of a Term", a), shape) for a in given]
        if len(parts) != 3:
            raise SpecBuilderError(
                f"{self._where}: coefficients of a Term must be (a0, a1, a2), numbers or arrays of shape {shape}"
            )
        coefficients = np.stack(parts)
        if not np.isfinite(coefficients).all():
            raise SpecBuilderError(f"{self._where}: coefficients of a Term are not finite")
        return replace(term, coefficients=coefficients)


class _UserCrossSection:
    """A user's ``cross_section``, with what it returns checked."""

    def __init__(self, function: Callable[..., object], where: str) -> None:
        self._function, self._where = function, where

    def __call__(self, E: FloatArray, T: FloatArray, mass: float, target: Target, flavour: str) -> FloatArray:
        def answer() -> FloatArray:
            found = self._function(_read_only(E), _read_only(T), mass, target, flavour)
            return self._checked(found, E.shape, mass)

        return call(self._where, "cross_section", answer)

    def _checked(self, given: object, shape: tuple[int, ...], mass: float) -> FloatArray:
        found = _numbers(f"{self._where}: cross_section", given)
        if found.ndim == 0 or found.shape[0] != 3:
            raise SpecBuilderError(
                f"{self._where}: cross_section must return three arrays, per power 0, 1, 2 of x, "
                f"found shape {found.shape}"
            )
        try:
            values = np.broadcast_to(found, (3, *shape))
        except ValueError:
            raise SpecBuilderError(
                f"{self._where}: cross_section must return shape {(3, *shape)}, found {found.shape}"
            ) from None
        if not np.isfinite(values).all():
            raise SpecBuilderError(f"{self._where}: cross_section is not finite at a mass of {mass:g} MeV")
        if values[0].any():
            raise SpecBuilderError(
                f"{self._where}: cross_section at power 0 of x must be 0: the Standard Model is added without it"
            )
        return values
