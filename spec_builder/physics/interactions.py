"""The one list of interactions, and how one is chosen: by name, by the path of a user's file, or as an object."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from spec_builder.base.arguments import checked
from spec_builder.base.names import unknown_name
from spec_builder.physics import electromagnetic, electron_scattering, mediators, standard_model
from spec_builder.physics.choices import PAPER, Choice, Interaction
from spec_builder.physics.descriptions import is_path
from spec_builder.physics.options import SHIPPED_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.physics.choices import Options
    from spec_builder.physics.targets import Target
    from spec_builder.physics.terms import Term

__all__ = ["STANDARD_MODEL", "WEAK_MIXING_ANGLE", "choose", "shipped_interactions"]


def _no_terms(_target: Target, _T: FloatArray, _flavour: str, _options: Options) -> Sequence[Term]:
    return ()


def _weak_mixing_angle(target: Target, T: FloatArray, flavour: str, _options: Options) -> Sequence[Term]:
    if target.kind == "electron":
        return electron_scattering.weak_mixing_angle_terms(target, T, flavour)
    return standard_model.weak_mixing_angle_terms(target, T)


def _scalar(target: Target, T: FloatArray, _flavour: str, options: Options) -> Sequence[Term]:
    if target.kind == "electron":
        return electron_scattering.scalar_terms(target, T, exact=options["scalar_form"] == "exact")
    return mediators.scalar_terms(target, T, str(options["coupling_set"]))


def _vector(target: Target, T: FloatArray, flavour: str, options: Options) -> Sequence[Term]:
    charges = {name: float(options[name]) for name in ("u", "d", "nu", "e")}
    if target.kind == "electron":
        return electron_scattering.vector_terms(target, T, flavour, charges["e"], charges["nu"])
    return mediators.vector_terms(target, T, charges["u"], charges["d"], charges["nu"])


def _vector_universal(target: Target, T: FloatArray, flavour: str, _options: Options) -> Sequence[Term]:
    return _vector(target, T, flavour, {"u": 1.0, "d": 1.0, "nu": 1.0, "e": 1.0})


def _vector_bl(target: Target, T: FloatArray, flavour: str, _options: Options) -> Sequence[Term]:
    return _vector(target, T, flavour, {"u": 1 / 3, "d": 1 / 3, "nu": -1.0, "e": -1.0})


def _axial(target: Target, T: FloatArray, flavour: str, options: Options) -> Sequence[Term]:
    if target.kind == "electron":
        sign = 1.0 if options["axial_sign"] == "+" else -1.0
        return electron_scattering.axial_terms(target, T, flavour, sign)
    return mediators.axial_terms(target, T)


def _tensor(target: Target, T: FloatArray, _flavour: str, options: Options) -> Sequence[Term]:
    return mediators.tensor_terms(target, T, float(options["longitudinal_factor"]))


def _nsi(target: Target, T: FloatArray, _flavour: str, options: Options) -> Sequence[Term]:
    u, d = (1.0, 0.0) if options["quark"] == "u" else (0.0, 1.0)
    return mediators.contact_terms(target, T, u, d)


def _magnetic_moment(target: Target, T: FloatArray, _flavour: str, _options: Options) -> Sequence[Term]:
    return electromagnetic.magnetic_moment_terms(target, T)


def _millicharge(target: Target, T: FloatArray, flavour: str, _options: Options) -> Sequence[Term]:
    return electromagnetic.millicharge_terms(target, T, flavour)


def _scalar_references(options: Options, kind: str) -> tuple[str, ...]:
    """Source of the coupling set, which electrons have none of."""
    labels = mediators.coupling_table().labels
    return (labels["reference"][labels["set"].index(str(options["coupling_set"]))],) if kind == "nucleus" else ()


def _axial_references(_options: Options, kind: str) -> tuple[str, ...]:
    text = "quark contributions to the nucleon spin: HERMES, arXiv:hep-ex/0609039"
    return (text,) if kind == "nucleus" else ()


def _tensor_references(_options: Options, _kind: str) -> tuple[str, ...]:
    return ("tensor charges of the nucleon: PNDME, arXiv:1808.07597",)


_VOGEL_ENGEL = "Vogel and Engel, Phys. Rev. D 39 (1989) 3378"

#: The Standard Model alone.
STANDARD_MODEL = Interaction(
    name="sm",
    title="Standard Model",
    term_function=_no_terms,
    has_mediator=False,
    references=(f"{PAPER}, Eqs. (1)-(3)",),
).choose()

#: The Standard Model against x = sin^2 theta_W.
WEAK_MIXING_ANGLE = Interaction(
    name="weak_mixing_angle",
    title="weak mixing angle",
    term_function=_weak_mixing_angle,
    parameter="sin2thetaw",
    signed=True,  # x is the parameter itself
    has_mediator=False,
    default_range=(0.0, 1.0),
    standard_model=False,
    references=(f"{PAPER}, Eqs. (1)-(3)",),
).choose()

#: Default ranges hold the 90 % CL limits of the 8B analyses from 0.01 MeV to 1 GeV, and of xenon's electron recoils
#: for the magnetic moment.
_SHIPPED = (
    Interaction(
        name="scalar",
        title="scalar mediator",
        term_function=_scalar,
        default_range=(2e-6, 1e-3),
        options=SHIPPED_OPTIONS["scalar"],
        references=(f"{PAPER}, Eqs. (5) and (9)",),
        references_of=_scalar_references,
    ),
    Interaction(
        name="vector_universal",
        title="universal vector mediator",
        term_function=_vector_universal,
        default_range=(3e-6, 4e-3),
        references=(f"{PAPER}, Eqs. (6) and (10)",),
    ),
    Interaction(
        name="vector_bl",
        title="vector mediator of B-L",
        term_function=_vector_bl,
        default_range=(6e-6, 4e-3),
        references=(f"{PAPER}, Eqs. (6) and (10)",),
    ),
    Interaction(
        name="vector",
        title="vector mediator",
        term_function=_vector,
        default_range=(3e-6, 4e-3),
        options=SHIPPED_OPTIONS["vector"],
        references=(f"{PAPER}, Eqs. (6) and (10)",),
    ),
    Interaction(
        name="axial",
        title="axial-vector mediator",
        term_function=_axial,
        default_range=(2e-4, 1e-1),
        options=SHIPPED_OPTIONS["axial"],
        references=(f"{PAPER}, Eq. (7)",),
        references_of=_axial_references,
        uses_spin=True,
    ),
    Interaction(
        name="tensor",
        title="tensor mediator",
        term_function=_tensor,
        default_range=(2e-4, 1e-1),
        options=SHIPPED_OPTIONS["tensor"],
        acts_on=("nucleus",),
        references=(f"{PAPER}, Eq. (8)",),
        references_of=_tensor_references,
        uses_spin=True,
    ),
    Interaction(
        name="nsi",
        title="vector contact interaction with quarks",
        term_function=_nsi,
        parameter="epsilon",
        signed=True,
        has_mediator=False,
        default_range=(-1.0, 1.0),
        options=SHIPPED_OPTIONS["nsi"],
        acts_on=("nucleus",),
        references=("Barranco, Miranda and Rashba, JHEP 12 (2005) 021, arXiv:hep-ph/0508299",),
    ),
    Interaction(
        name="magnetic_moment",
        title="neutrino magnetic moment",
        term_function=_magnetic_moment,
        parameter="mu_nu",
        unit="mu_B",
        has_mediator=False,
        default_range=(1e-12, 1e-8),
        references=(_VOGEL_ENGEL,),
    ),
    Interaction(
        name="millicharge",
        title="neutrino millicharge",
        term_function=_millicharge,
        parameter="q_nu",
        unit="e",
        signed=True,
        has_mediator=False,
        default_range=(-1e-6, 1e-6),
        references=("Cadeddu et al., Phys. Rev. D 102 (2020) 015030, arXiv:2005.01645",),
    ),
)


def shipped_interactions() -> tuple[Interaction, ...]:
    """Every interaction that comes with the package, in the order of lists and figures.

    Examples:
        >>> [interaction.name for interaction in shipped_interactions()][:3]
        ['scalar', 'vector_universal', 'vector_bl']
    """
    return _SHIPPED


@checked
def choose(interaction: str | PathLike[str] | object, **options: object) -> Choice:
    """An interaction with its options.

    Args:
        interaction: a shipped name (or ``sm``, ``weak_mixing_angle``), the path of a user's TOML or Python file, an
            :class:`~.choices.Interaction`, a :class:`Choice` (its options stay), or an object with the attributes of
            a user's Python file.
        options: values of its options; those that are left out or None have their default.

    Raises:
        SpecBuilderError: for an unknown name, a broken file, or an option that does not belong to it.

    Examples:
        >>> choose("scalar", coupling_set="A").changed
        {'coupling_set': 'A'}
        >>> choose("vector", u=1 / 3, d=1 / 3, nu=-1, e=-1).has_mediator
        True
    """
    if isinstance(interaction, Choice):
        given = {name: value for name, value in options.items() if value is not None}
        return interaction.interaction.choose(**{**interaction.options, **given})
    return _find(interaction).choose(**options)


def _find(interaction: object) -> Interaction:
    from spec_builder.physics import user_interactions  # noqa: PLC0415

    if isinstance(interaction, Interaction):
        return interaction
    if isinstance(interaction, PathLike) or (isinstance(interaction, str) and is_path(interaction)):
        return user_interactions.load_interaction(Path(interaction))
    if not isinstance(interaction, str):
        return user_interactions.interaction_from(interaction)
    known = {i.name: i for i in (STANDARD_MODEL.interaction, WEAK_MIXING_ANGLE.interaction, *_SHIPPED)}
    if interaction not in known:
        more = f", or a path such as ./{interaction}.toml"
        raise unknown_name("interaction", interaction, [i.name for i in _SHIPPED], more=more)
    return known[interaction]
