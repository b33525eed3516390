"""Patch sets after pyhf's schema: names and values of their patches, their text, their checks."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.patch import MOST_OPERATIONS
from spec_builder.histfactory.schema import patch_problem, schema_problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "check_digest",
    "check_labels",
    "check_patch_set",
    "check_record",
    "patch_name",
    "patch_set",
    "patch_set_json",
    "patch_values",
    "round_value",
]

NO_RECORD = "ins0000000"
MOST_PATCHES, _MOST_LABELS = 100_000, 100
_HEPDATA = re.compile(r"ins[0-9]{7}")
_NUMBER = "[0-9]p[0-9]+em?[0-9]+"
_INTERACTION = r"(?!m\d)((?!_m\d)[A-Za-z0-9_])+?"  # what looks like a mass is one
_NAME = re.compile(rf"(?P<interaction>{_INTERACTION})(_m(?P<mass>{_NUMBER}))?_(?P<sign>[gn])(?P<g>{_NUMBER})")


def round_value(value: float) -> float:
    """A mass or coupling to 6 digits, as it stands in a patch set, so that it can be typed.

    Examples:
        >>> round_value(2.5118864315e-05)
        2.51189e-05
    """
    return float(f"{value:.5e}")


def _encode(value: float) -> str:
    """A number >= 0 in letters and digits."""
    mantissa, exponent = f"{value:.5e}".split("e")
    digits = mantissa.rstrip("0").ljust(5, "0")  # at least three decimals
    return f"{digits}e{int(exponent)}".replace(".", "p").replace("-", "m")


def patch_name(interaction: str, mass_MeV: float | None, g: float) -> str:
    """Name of a patch: letters, digits and underscores only, as pyhf's schema wants it.

    Args:
        interaction: its name.
        mass_MeV: of the mediator; None where there is none.
        g: the coupling, or the interaction's own parameter; ``n`` stands for ``g`` before a negative value.

    Examples:
        >>> patch_name("vector_bl", 10.0, 2.5e-5)
        'vector_bl_m1p000e1_g2p500em5'
        >>> patch_name("nsi", None, -1.0)
        'nsi_n1p000e0'
    """
    mass = "" if mass_MeV is None else f"_m{_encode(mass_MeV)}"
    return f"{interaction}{mass}_{'n' if g < 0 else 'g'}{_encode(abs(g))}"


def patch_values(name: str) -> tuple[str, float | None, float]:
    """Interaction, mass [MeV] (None if there is none) and coupling that a patch's name encodes.

    Raises:
        SpecBuilderError: if the name is not one of ours.

    Examples:
        >>> patch_values("vector_bl_m1p000e1_g2p500em5")
        ('vector_bl', 10.0, 2.5e-05)
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise SpecBuilderError(
            f"patch name '{name}': expected INTERACTION_mMASS_gCOUPLING, as in scalar_m1p000e1_g2p500em5"
        )
    mass = None if match["mass"] is None else _decode(match["mass"])
    g = _decode(match["g"])
    return match["interaction"], mass, -g if match["sign"] == "n" else g


def _decode(text: str) -> float:
    return float(text.replace("p", ".").replace("m", "-"))


def check_record(hepdata: str | None) -> str:
    """A HEPData record's identifier, or the stand-in for none.

    Raises:
        SpecBuilderError: for another form than ``ins`` and seven digits.
    """
    record = NO_RECORD if hepdata is None else hepdata
    if not _HEPDATA.fullmatch(record):
        raise SpecBuilderError(f"hepdata '{record}': expected ins and seven digits, as in ins1234567")
    return record


def patch_set(
    description: str,
    digest: str,
    patches: Iterable[tuple[str, Sequence[float | str], Mapping[str, Any], list[dict[str, Any]]]],
    *,
    labels: Sequence[str] = ("mass_MeV", "g"),
    hepdata: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A patch set after pyhf's schema.

    Args:
        description: one line.
        digest: SHA-256 of the workspace.
        patches: name, values, further metadata and operations of each point.
        labels: what the values are.
        hepdata: the record's identifier, ``ins`` and seven digits; a stand-in by default.
        extra: free keys of the metadata.

    Raises:
        SpecBuilderError: for another form of ``hepdata``.
    """
    record = check_record(hepdata)
    return {
        "version": "1.0.0",
        "metadata": {
            **(extra or {}),
            "description": description,
            "digests": {"sha256": digest},
            "labels": list(labels),
            "references": {"hepdata": record},
        },
        "patches": [
            {"metadata": {**metadata, "name": name, "values": list(values)}, "patch": operations}
            for name, values, metadata, operations in patches
        ],
    }


def patch_set_json(content: Mapping[str, Any]) -> str:
    """JSON text of a patch set with a line for each patch: small, and readable in a diff."""

    def text(value: object) -> str:
        return json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False, separators=(",", ":"))

    metadata = json.dumps(content["metadata"], indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    lines = ",\n".join(text(patch) for patch in content["patches"])
    return f'{{"metadata":{metadata},\n"patches":[\n{lines}\n],\n"version":{text(content["version"])}}}\n'


def check_patch_set(content: Any, name: str) -> None:
    """Refuse what is not a patch set after pyhf's schema, or names a patch twice.

    Raises:
        SpecBuilderError: saying where.
    """
    problem = _schema_problem(content)
    if problem is not None:
        raise SpecBuilderError(f"{name}: {problem}")
    _refuse_many(content, name)
    names = Counter(patch["metadata"]["name"] for patch in content["patches"])
    twice = [key for key, count in names.items() if count > 1]
    if twice:
        raise SpecBuilderError(f"{name}: patch '{twice[0]}' stands twice; rename or remove one")
    labels = content["metadata"]["labels"]
    _check_distinct(content["patches"], name)
    check_labels(labels, name)
    for patch in content["patches"]:
        values = patch["metadata"]["values"]
        if len(values) != len(labels):
            raise SpecBuilderError(
                f"{name}: patch '{patch['metadata']['name']}' has {len(values)} values, expected {len(labels)} "
                f"({', '.join(labels)})"
            )


def _refuse_many(content: Mapping[str, Any], name: str) -> None:
    """Refuse more patches, labels or operations than any set has that ends in a sensible time."""
    operations = max(len(patch["patch"]) for patch in content["patches"])
    counts = (
        ("patches", len(content["patches"]), MOST_PATCHES),
        ("labels", len(content["metadata"]["labels"]), _MOST_LABELS),
        ("operations in one patch", operations, MOST_OPERATIONS),
    )
    for what, count, most in counts:
        if count > most:
            raise SpecBuilderError(f"{name}: {count} {what}, expected at most {most}")


def _check_distinct(patches: Sequence[Mapping[str, Any]], name: str) -> None:
    """Refuse two patches of one point."""
    seen: set[tuple[Any, ...]] = set()
    for patch in patches:
        point = tuple(patch["metadata"]["values"])
        if point in seen:
            shown = ", ".join(str(value) for value in point)
            raise SpecBuilderError(f"{name}: patch '{patch['metadata']['name']}': its values {shown} stand twice")
        seen.add(point)


def _schema_problem(content: Any) -> str | None:
    """What is wrong after pyhf's schema: pyhf looks at the set with its first patch, we look at the others."""
    patches = content.get("patches") if isinstance(content, dict) else None
    if not (isinstance(patches, list) and patches):
        return schema_problem(content, "patchset.json")
    problem = schema_problem({**content, "patches": patches[:1]}, "patchset.json")
    if problem is not None:
        return problem
    for i, patch in enumerate(patches):
        own = patch_problem(patch, f"patches/{i}")
        if own is not None:
            theirs = schema_problem({**content, "patches": [patch]}, "patchset.json")
            return f"patches/{i}{theirs.removeprefix('patches/0')}" if theirs else f"not after pyhf's schema: {own}"
    return None


def check_labels(labels: Sequence[str], name: str) -> None:
    """Refuse labels that do not tell a patch set's values apart.

    Raises:
        SpecBuilderError: naming the label that stands twice.
    """
    for label in labels:
        if not isinstance(label, str):
            raise SpecBuilderError(f"{name}: metadata.labels: expected texts, found {label!r}")
    for label, count in Counter(labels).items():
        if count > 1:
            raise SpecBuilderError(f"{name}: label '{label}' stands twice in metadata.labels")


def check_digest(workspace: Mapping[str, Any], patchset: Mapping[str, Any], name: str) -> None:
    """Refuse a patch set that was made for another workspace.

    Raises:
        SpecBuilderError: naming both digests.
    """
    try:
        wanted = patchset["metadata"]["digests"]
        digests = {kind: str(value) for kind, value in wanted.items()}
    except (KeyError, TypeError, AttributeError):
        raise SpecBuilderError(f"{name}: not a pyhf patch set: metadata.digests is missing") from None
    text = json.dumps(workspace, sort_keys=True, ensure_ascii=False).encode()
    for kind, value in digests.items():
        found = hashlib.new(kind, text).hexdigest() if kind in ("sha256", "md5") else value
        if found != value:
            raise SpecBuilderError(
                f"{name}: made for a workspace of {kind} {value[:16]}..., but the one given has {found[:16]}..."
            )
