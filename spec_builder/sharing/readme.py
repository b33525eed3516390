"""README of an archive: everything a stranger needs, from the archive's own content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spec_builder.base.text import markdown_text
from spec_builder.model.workspace import NUISANCE_BOUND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from spec_builder.model.provenance import Choices

__all__ = ["archive_readme"]

_SHARED_APPROXIMATIONS = """\
- The likelihood is binned; the collaborations' own analyses are unbinned or have more dimensions. Correlations between
  backgrounds, and uncertainties of shape, are included only where an experiment's file names them: as a parameter of
  several samples, or as variations of its response.
- Detector responses were folded with the recoil spectrum of the target; the tables above say which were released
  by the collaborations and which are reconstructed.
- Mediator masses and couplings are tree-level and fixed: no renormalisation group running."""
_OF_8B = """\
- New physics is scattering off nuclei; scattering off electrons is not included.
- The flux of 8B neutrinos is shared by all experiments. Its uncertainty is part of the measurement `new_physics`, not
  of `b8_flux`, where the flux is what is measured."""
_OF_OTHERS = """\
- Each channel's target says what the neutrinos scatter off: nuclei or electrons, never both.
- A parameter that several channels name is shared: `flux_...` are sizes of sources. What the first measurement
  measures has no prior there; in `new_physics` all have theirs."""

_LAWS = {
    "normsys": "`normsys`, HistFactory's usual: a polynomial inside one standard deviation, exponential outside",
    "linear": "`histosys`, symmetric: the factor 1 + s alpha of Eq. (17) of arXiv:2411.11749",
}

#: pyhf takes the measurement of a workspace before it applies --patch, so one that is in the patch is applied first.
_FIT_OF_A_PATCH = {
    "total": (
        "pyhf patchset extract {name} --name {key} --output-file point.json",
        "pyhf fit BkgOnly.json --patch point.json --measurement new_physics --value",
    ),
    "signal": (
        "pyhf patchset apply BkgOnly.json {name} --name {key} --output-file patched.json",
        "pyhf fit patched.json --measurement new_physics --value",
    ),
}
#: The patch shown as an example is excluded by more than this Delta chi^2, if one is.
_CLEARLY = 5.0


def archive_readme(
    choices: Choices,
    workspace: Mapping[str, Any],
    metadata: Mapping[str, Any],
    patch_sets: Mapping[str, Mapping[str, Any]],
    expected: Mapping[str, Any],
    options_of: Mapping[str, Mapping[str, str]],
    critical: Iterable[str],
) -> str:
    """Markdown text: what, data, approximations, patches, commands with their output, licence, how to cite.

    Args:
        choices: of the analysis.
        workspace: content of ``BkgOnly.json``.
        metadata: content of ``BkgOnly.meta.json``.
        patch_sets: content by file name.
        expected: content of ``expected_results.json``.
        options_of: options of the interaction of each patch set.
        critical: names of files of critical values.
    """
    metadata = _as_text(metadata)
    parts = [
        *_what(choices, workspace, metadata, critical),
        *_data(choices, metadata),
        "## Approximations",
        "",
        _SHARED_APPROXIMATIONS,
        _OF_8B if _is_8b(metadata) else _OF_OTHERS,
        f"- Constrained parameters are bounded to +-{NUISANCE_BOUND:g} standard deviations, more than pyhf's +-5.",
        *_notes(metadata, patch_sets),
        "",
        *_patches(patch_sets, expected, options_of, _replaced(workspace, patch_sets)),
        *_commands(metadata, patch_sets, expected),
        *_licence(str(metadata.get("licence", "not stated")), metadata.get("attribution")),
    ]
    return "\n".join(parts)


def _as_text(content: Any) -> Any:
    """JSON content whose texts are text in Markdown too: a title is no link and no tag."""
    if isinstance(content, str):
        return markdown_text(content)
    if isinstance(content, list):
        return [_as_text(value) for value in content]
    if isinstance(content, dict):
        return {markdown_text(key): _as_text(value) for key, value in content.items()}
    return content


#: Counts of a channel of so many bins at most are listed.
_LISTED = 40
#: Key of a run's exposure in the metadata, and its unit.
_EXPOSURES = {"exposure_t_yr": "t yr", "exposure_t": "t"}
#: Key of a source's size in the metadata, and how its unit is written.
_SIZES = {"flux_1e6_cm2_s1": "cm^-2 s^-1", "fluence_1e6_cm2": "cm^-2 in all"}


def _is_8b(metadata: Mapping[str, Any]) -> bool:
    """Whether solar 8B neutrinos are the only source."""
    return str(metadata["reference"].get("meaning", "")).startswith("mu_8b ")


def _what(
    choices: Choices, workspace: Mapping[str, Any], metadata: Mapping[str, Any], critical: Iterable[str]
) -> Iterator[str]:
    titles = " and ".join(experiment["title"] for experiment in metadata["experiments"].values())
    of_8b = _is_8b(metadata)
    physics = "coherent elastic neutrino-nucleus scattering (CEvNS) of solar 8B neutrinos" if of_8b else "the signal"
    first = workspace["measurements"][0]["name"]
    yield f"# Likelihood of {'solar 8B neutrinos' if of_8b else 'neutrino scattering'} in {titles}"
    yield ""
    yield (
        f"The analysis `{choices.analysis}` after {metadata['paper']}, built by spec_builder {choices.version} as a "
        f"pyhf workspace: {physics}, its backgrounds "
        "and their uncertainties, with patch sets for new interactions with light mediators. This is not a product of "
        "the experiments' collaborations."
    )
    variants = ", ".join(sorted(choices.variant_texts)) or "default"
    yield f"Uncertainties act as {_LAWS[str(choices.law)]}. Variants: {variants}."
    yield ""
    yield "| file | what |"
    yield "|---|---|"
    yield f"| `BkgOnly.json` | the Standard Model as a pyhf workspace; measurements `{first}` and `new_physics` |"
    yield "| `BkgOnly.meta.json` | what the workspace cannot say: choices, sources, bin edges, units, digests |"
    yield "| `BkgOnly.hs3.json` | the same model in the HEP Statistics Serialization Standard (HS3) |"
    for name in sorted(critical):
        yield f"| `{name}` | critical values by toys; `spec-builder verify --toys` throws them again |"
    yield "| `patchset_<interaction>.json` | JSON patches, one for each mediator mass and coupling |"
    yield "| `expected_results.json` | what the files give, with tolerances |"
    yield "| `CITATION.bib` | what to cite |"
    yield "| `SHA256SUMS`, `LINES` | checksums of the files, and of their lines |"
    yield ""
    yield "## Data"
    yield ""
    yield "| channel | bins | observed | sample | expected events |"
    yield "|---|---|---|---|---|"
    observed = {observation["name"]: observation["data"] for observation in workspace["observations"]}
    for channel in workspace["channels"]:
        counts = observed[channel["name"]]
        listed = f"{sum(counts):g} in all" if len(counts) > _LISTED else " ".join(str(count) for count in counts)
        for sample in channel["samples"]:
            yield (
                f"| `{channel['name']}` | {len(counts)} | {listed} | `{sample['name']}` | {sum(sample['data']):.4g} |"
            )
    yield ""
    reference = metadata["reference"]
    yield f"Yields are events in the full exposure, with sin^2 theta_W = {reference['sin2_theta_w']}."
    for source in reference.get("sources", [reference]):
        factor = source["meaning"].removesuffix(" = 1")
        scaled = sorted(
            {
                f"`{sample['name']}`"
                for channel in workspace["channels"]
                for sample in channel["samples"]
                if any(modifier["name"] == factor for modifier in sample["modifiers"])
            }
        )
        size = next((f"{source[key]:g} x 10^6 {unit}" for key, unit in _SIZES.items() if key in source), "")
        yield f"`{factor}` scales {', '.join(scaled)}; 1 stands for {size}."
    yield ""


def _data(choices: Choices, metadata: Mapping[str, Any]) -> Iterator[str]:
    for name, experiment in metadata["experiments"].items():
        yield f"### {experiment['title']} (`{name}`)"
        yield ""
        yield f"References: {'; '.join(experiment['references'])}."
        yield ""
        for channel, described in (experiment.get("channels") or {experiment.get("channel"): experiment}).items():
            yield from _channel(str(channel), described)
        yield ""
        yield "| table | status | source |"
        yield "|---|---|---|"
        for table, about in experiment["tables"].items():
            yield f"| {table} | {about['status']} | {about['source']} |"
        yield ""
    yield (
        "Status: `measured`: released by the collaboration; `published`: a number in a paper; `computed`: calculated "
        "by this project from what the source names; `reconstructed`: ours, standing in for numbers that are not "
        "public; `recalled`: not confirmed against its source."
    )
    yield ""
    if choices.by_construction:
        yield "**By construction**, and therefore no test of anything:"
        yield ""
        yield from (f"- {name}: {markdown_text(text)}" for name, text in choices.by_construction)
        yield ""


def _replaced(workspace: Mapping[str, Any], patch_sets: Mapping[str, Mapping[str, Any]]) -> str:
    """Names of the samples that patches of the style ``total`` change: no name of a factor tells which they are."""
    paths = {
        operation["path"]
        for content in patch_sets.values()
        for patch in content["patches"]
        for operation in patch["patch"]
        if operation["op"] == "replace"
    }
    names = set()
    for path in paths:  # /channels/0/samples/3/data
        _, _, channel, _, sample, *_ = path.split("/")
        names.add(f"`{workspace['channels'][int(channel)]['samples'][int(sample)]['name']}`")
    return ", ".join(sorted(names))


def _channel(name: str, channel: Mapping[str, Any]) -> Iterator[str]:
    """Observables, and exposure and bin edges of each run."""
    axes = channel["observables"] if "observables" in channel else [channel["observable"]]
    observables = " and ".join(f"{axis['name']} [{axis['unit']}]" for axis in axes)
    yield f"- channel `{name}`: {observables}"
    for run, about in channel["runs"].items():
        key = next((key for key in _EXPOSURES if key in about), "exposure_t")
        exposure = f"{about[key]:g} {_EXPOSURES[key]}"
        by_axis = about["bin_edges"] if len(axes) > 1 else [about["bin_edges"]]
        edges = "; ".join(", ".join(f"{edge:g}" for edge in values) for values in by_axis)
        yield f"  - run `{run}`: {exposure}, bin edges {edges}"


def _notes(metadata: Mapping[str, Any], patch_sets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What else a reader should know of the workspace and of its patches, each once."""
    texts = [str(note) for note in metadata.get("notes", ())]  # text in Markdown already
    texts += [markdown_text(note) for content in patch_sets.values() for note in content["metadata"].get("notes", ())]
    yield from (f"- {note}." for note in dict.fromkeys(texts))


def _patches(
    patch_sets: Mapping[str, Mapping[str, Any]],
    expected: Mapping[str, Any],
    options_of: Mapping[str, Mapping[str, str]],
    signals: str,
) -> Iterator[str]:
    if not patch_sets:
        return
    yield "## Patches"
    yield ""
    yield (
        "A patch is named `<interaction>_m<mass>_g<coupling>`: the mediator mass in MeV and the dimensionless coupling "
        "g, with `p` for the decimal point and `m` for minus: `m1p000e1_g2p500em5` is 10 MeV and g = 2.5 x 10^-5. The "
        "same numbers stand in `values`, in the order of `labels` (`mass_MeV`, `g`)."
    )
    if any(len(content["metadata"]["labels"]) == 1 for content in patch_sets.values()):
        yield (
            "Where there is no mediator mass the name holds the parameter alone, as `labels` does, with `n` for `g` "
            "before a negative value."
        )
    style = next(iter(patch_sets.values()))["metadata"]["style"]
    if style == "total":
        yield (
            f"A patch replaces the yields of the signal, {signals}, by those of the Standard Model with the new "
            "interaction, interference included. There is no signal strength: 2NLL of the measurement `new_physics` is "
            "the answer."
        )
    else:
        yield (
            "A patch adds the sample `new_physics`, scaled by `mu_np`, and the measurement `signal_strength` with "
            "`mu_np` as its parameter of interest. Since the measurement is in the patch, apply it with "
            "`pyhf patchset apply`: the option `--patch` of pyhf comes too late for it."
        )
    yield (
        "In a patch's metadata, `delta_chi2` is 2NLL less its minimum over the plane of masses and couplings, nuisance "
        "parameters profiled, and `excluded_90` says whether that is above 4.605: 90 % CL, two degrees of freedom, "
        "without CLs (2.706 and one degree where there is no mass). A patch set's metadata say the range of both."
    )
    yield ""
    yield "| patch set | patches | excluded | masses [MeV] | g | choices | minimum 2NLL |"
    yield "|---|---|---|---|---|---|---|"
    for name, content in patch_sets.items():
        values = [patch["metadata"]["values"] for patch in content["patches"]]
        excluded = sum(patch["metadata"]["excluded_90"] for patch in content["patches"])
        *masses, parameter = (f"{min(column):g} to {max(column):g}" for column in zip(*values, strict=True))
        label = content["metadata"]["labels"][-1]
        shown = parameter if label == "g" else f"{label} {parameter}"
        options = [f"{key.replace('_', ' ')} {value}" for key, value in options_of[name].items()]
        yield (
            f"| `{name}` | {len(values)} | {excluded} | {''.join(masses) or '-'} | {shown} "
            f"| {', '.join(options) or '-'} | {expected['patch_sets'][name]['minimum']['twice_nll']:.6f} |"
        )
    yield ""


def _commands(
    metadata: Mapping[str, Any], patch_sets: Mapping[str, Mapping[str, Any]], expected: Mapping[str, Any]
) -> Iterator[str]:
    def block(language: str, *lines: str) -> Iterator[str]:
        yield from (f"```{language}", *lines, "```", "")

    yield "## Commands and what they print"
    yield ""
    yield "In this folder, with `pip install pyhf`; further digits depend on the minimiser."
    yield ""
    yield from block("sh", "sha256sum --check --quiet SHA256SUMS")
    yield from block("sh", "pyhf digest BkgOnly.json")
    yield from block("text", f"sha256:{metadata['sha256']}")
    for name, result in expected["measurements"].items():
        yield from block("sh", f"pyhf fit BkgOnly.json --measurement {name} --value")
        shown = f'"twice_nll": {result["twice_nll"]:.4f}'
        if "value" in result:
            shown = f'"{result["parameter"]}": [{result["value"]:.3f}], {shown}'
        yield from block("text", shown)
        if "flux_1e6_cm2_s1" in result:
            yield f"That is a flux of {result['flux_1e6_cm2_s1']:.4g} x 10^6 cm^-2 s^-1."
            yield ""
    for name, content in patch_sets.items():
        sample = expected["patch_sets"][name]["patches"]
        key = next((key for key, about in sample.items() if about["delta_chi2"] > _CLEARLY), next(iter(sample)))
        about = sample[key]
        yield from block("sh", f"pyhf patchset verify BkgOnly.json {name}")
        yield from block("text", "All good.")
        style = content["metadata"]["style"]
        yield from block("sh", *(line.format(name=name, key=key) for line in _FIT_OF_A_PATCH[style]))
        yield from block("text", f'"twice_nll": {about["twice_nll"]:.4f}')
        minimum = expected["patch_sets"][name]["minimum"]["twice_nll"]
        yield (
            f"Less the minimum over the plane, {minimum:.4f}, this is a delta_chi2 of {about['delta_chi2']:.4f}: "
            f"{'excluded' if about['excluded_90'] else 'not excluded'} at 90 % CL"
            f"{' (with mu_np fixed at 1)' if style == 'signal' else ''}."
        )
        yield ""
    yield "With spec_builder installed everything is recomputed from these files, and a changed line is named:"
    yield ""
    yield from block("sh", "spec-builder verify .")


def _licence(licence: str, attribution: str | None) -> Iterator[str]:
    yield "## Licence and citation"
    yield ""
    terms = {
        "CC-BY-4.0": "CC-BY-4.0 (https://creativecommons.org/licenses/by/4.0/).",
        "not stated": "The experiments' tables state no common licence: ask whoever made this archive.",
    }.get(licence, f"{licence}.")
    if attribution:
        terms += f" To be attributed to: {attribution}."
    yield (
        f"{terms} Please cite the paper, the experiments' data (the references and sources above) and spec_builder; "
        "`CITATION.bib` holds the entries. Where a source names a licence, it holds for what derives from it."
    )
    yield ""
