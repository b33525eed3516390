"""Patch sets: one JSON patch of the Standard Model workspace for each mediator mass and coupling."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.description import SIGNAL_SAMPLE
from spec_builder.histfactory.modifiers import normalisation_modifiers
from spec_builder.histfactory.workspace import round_yields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.histfactory.modifiers import Law
    from spec_builder.histfactory.workspace import Workspace

__all__ = [
    "STYLES",
    "PatchBuilder",
    "Style",
    "check_record",
    "patch_name",
    "patch_set",
    "patch_set_json",
    "patch_values",
    "round_value",
]

#: ``total`` replaces the signal by Standard Model plus new physics; ``signal`` adds the new physics as a sample of
#: its own, scaled by mu_np, for tools that expect a signal on top.
Style = Literal["total", "signal"]
STYLES: tuple[Style, ...] = get_args(Style)

NO_RECORD = "ins0000000"
NEW_SAMPLE = "new_physics"
STRENGTH = "mu_np"
_HEPDATA = re.compile(r"ins[0-9]{7}")
_NAME = re.compile(r"(?P<interaction>[a-z_]+)_m(?P<mass>[0-9]p[0-9]+em?[0-9]+)_g(?P<g>[0-9]p[0-9]+em?[0-9]+)")


def round_value(value: float) -> float:
    """A mass or coupling to 6 digits, as it stands in a patch set, so that it can be typed.

    Examples:
        >>> round_value(2.5118864315e-05)
        2.51189e-05
    """
    return float(f"{value:.5e}")


def _encode(value: float) -> str:
    mantissa, exponent = f"{value:.5e}".split("e")
    digits = mantissa.rstrip("0").ljust(5, "0")  # at least three decimals
    return f"{digits}e{int(exponent)}".replace(".", "p").replace("-", "m")


def patch_name(interaction: str, mass_MeV: float, g: float) -> str:
    """Name of a patch: letters, digits and underscores only, as pyhf's schema wants it.

    Examples:
        >>> patch_name("vector_bl", 10.0, 2.5e-5)
        'vector_bl_m1p000e1_g2p500em5'
    """
    return f"{interaction}_m{_encode(mass_MeV)}_g{_encode(g)}"


def patch_values(name: str) -> tuple[str, float, float]:
    """Interaction, mass [MeV] and coupling that a patch's name encodes.

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
    mass, g = (float(match[key].replace("p", ".").replace("m", "-")) for key in ("mass", "g"))
    return match["interaction"], mass, g


@dataclass(frozen=True)
class PatchBuilder:
    """Turns yields into patches of one workspace.

    Attributes:
        workspace: the Standard Model workspace.
        law: how normalisation uncertainties act.
        style: ``total`` or ``signal``.
        uncertainties: of the signal, relative size by name, for each channel.
        largest_strength: upper bound of mu_np in the style ``signal``: 1 where the sample may be negative.
    """

    workspace: Workspace
    law: Law
    style: Style
    uncertainties: Mapping[str, Mapping[str, float]]
    largest_strength: float = 10.0

    def operations(self, yields: Mapping[str, FloatArray]) -> list[dict[str, Any]]:
        """The JSON patch of one point.

        Args:
            yields: events per bin of the signal by channel: Standard Model plus new physics for the style
                ``total``, new physics alone for ``signal``.
        """
        place = {channel["name"]: i for i, channel in enumerate(self.workspace["channels"])}
        operations = []
        for channel, i in sorted(place.items(), key=lambda item: item[1]):
            nominal = round_yields(yields[channel])
            if self.style == "total":
                operations += self._replace(i, channel, nominal)
            else:
                operations.append(self._add(i, channel, nominal))
        return operations if self.style == "total" else operations + self._strength()

    def _replace(self, i: int, channel: str, nominal: list[float]) -> list[dict[str, Any]]:
        samples = self.workspace["channels"][i]["samples"]
        j = next(j for j, sample in enumerate(samples) if sample["name"] == SIGNAL_SAMPLE)
        path = f"/channels/{i}/samples/{j}"
        operations: list[dict[str, Any]] = [{"op": "replace", "path": f"{path}/data", "value": nominal}]
        new = {
            m["name"]: m["data"] for m in normalisation_modifiers(self.law, dict(self.uncertainties[channel]), nominal)
        }
        operations += [
            {"op": "replace", "path": f"{path}/modifiers/{k}/data", "value": new[modifier["name"]]}
            for k, modifier in enumerate(samples[j]["modifiers"])
            if modifier["type"] == "histosys"
        ]
        return operations

    def _add(self, i: int, channel: str, nominal: list[float]) -> dict[str, Any]:
        modifiers = normalisation_modifiers(self.law, dict(self.uncertainties[channel]), nominal)
        modifiers.append({"name": STRENGTH, "type": "normfactor", "data": None})
        sample = {
            "name": NEW_SAMPLE,
            "data": nominal,
            "modifiers": sorted(modifiers, key=lambda m: (m["name"], m["type"])),
        }
        return {"op": "add", "path": f"/channels/{i}/samples/-", "value": sample}

    def _strength(self) -> list[dict[str, Any]]:
        """mu_np fixed at 1 in the workspace's own measurements, and a third one that has it as POI."""

        def parameter(*, fixed: bool) -> dict[str, Any]:
            return {"name": STRENGTH, "inits": [1.0], "bounds": [[0.0, self.largest_strength]], "fixed": fixed}

        measurements = self.workspace["measurements"]
        operations: list[dict[str, Any]] = [
            {"op": "add", "path": f"/measurements/{i}/config/parameters/-", "value": parameter(fixed=True)}
            for i in range(len(measurements))
        ]
        physics = next(m for m in measurements if m["name"] == "new_physics")
        config = {"poi": STRENGTH, "parameters": [*physics["config"]["parameters"], parameter(fixed=False)]}
        value = {"name": "signal_strength", "config": config}
        return [*operations, {"op": "add", "path": "/measurements/-", "value": value}]


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
    patches: Iterable[tuple[str, Sequence[float], Mapping[str, Any], list[dict[str, Any]]]],
    *,
    hepdata: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A patch set after pyhf's schema.

    Args:
        description: one line.
        digest: SHA-256 of the workspace.
        patches: name, values (mass [MeV], g), further metadata and operations of each point.
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
            "labels": ["mass_MeV", "g"],
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

    metadata = json.dumps(content["metadata"], indent=1, sort_keys=True, ensure_ascii=False)
    lines = ",\n".join(text(patch) for patch in content["patches"])
    return f'{{"metadata":{metadata},\n"patches":[\n{lines}\n],\n"version":{text(content["version"])}}}\n'
