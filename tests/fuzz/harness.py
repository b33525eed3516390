"""Hostile and unlucky inputs through the command's own main function, each told by its kind and a seed.

An attempt writes files into an empty folder, runs a command there, and says what is wrong with how it ended: an
exception that is no line, no end, a status that is not documented, control characters, or a fit that says it is valid
and is not pyhf's.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import os
import random
import signal
import sys
import tempfile
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import canonical_json
from spec_builder.cli import main
from spec_builder.histfactory.hs3 import hs3_workspace
from tests.fuzz.mutations import (
    VALUES,
    WORDS,
    hostile_patch,
    hostile_word,
    mutated_content,
    mutated_text,
    shifted_content,
    shifted_text,
)
from tests.fuzz.originals import KEYS_OF_CODE, ORIGINALS, VECTOR, sealed

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

#: Seconds of the processor that one command may take, and of the clock: other work may run beside it.
LIMIT_S, WAIT_S = 30, 600
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGPROF)
#: Statuses of a command that Ctrl-C, SIGTERM or SIGHUP ended.
_STOPPED = (130, 143, 129)
#: Toys that are thrown again: more take long, which is no fault.
_MOST_TOYS = 1000
#: Largest difference from pyhf in 2NLL at the same point, beside rounding.
_SAME = 1e-6


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int | str
    out: str
    err: str


class HangError(BaseException):
    """The command took too long."""


def _hang(_: int, __: FrameType | None) -> None:
    raise HangError


def run(arguments: list[str]) -> Ended:
    """Run the command in this process, as a shell would."""
    out, err = io.StringIO(), io.StringIO()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    status: int | str = 0
    given = sys.argv
    sys.argv = ["spec-builder", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            signal.signal(signal.SIGPROF, _hang)
            signal.signal(signal.SIGALRM, _hang)
            signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
            signal.alarm(WAIT_S)
            try:
                main()
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
                signal.alarm(0)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else str(end.code)
    except HangError:
        status = f"no end after {LIMIT_S} s of the processor, or {WAIT_S} s"
    except BaseException:  # noqa: BLE001  # a traceback is what is looked for
        status = traceback.format_exc()[-3000:]
    finally:
        sys.argv = given
        for number, handler in before.items():
            signal.signal(number, handler)
    if status in _STOPPED:  # no input stops a command: whoever runs this did
        raise SystemExit(status)
    return Ended(status, out.getvalue(), err.getvalue())


def problem(ended: Ended) -> str | None:
    """What is wrong with how a command ended."""
    if ended.status not in (0, 2):
        return f"status {ended.status}"
    lines = [line for line in ended.err.splitlines() if line.startswith("spec-builder: error: ")]
    if ended.status == 2 and not lines:
        return f"status 2 without a message: {ended.err[:300]}"
    if ended.status == 0 and lines:
        return f"status 0 with a message: {lines[0][:300]}"
    if "Traceback" in ended.err or "Warning:" in ended.err:
        return f"on standard error: {ended.err[:1000]}"
    shown = ended.out + ended.err
    if any(ord(letter) < 32 and letter not in "\n\t" for letter in shown):
        return f"control characters: {shown[:300]!r}"
    return None


def _not_pyhf(ended: Ended, workspace: Path) -> str | None:
    """Whether a fit that says it is valid has another 2NLL than pyhf at the same point."""
    import pyhf

    found = json.loads(ended.out)
    if not found.get("valid"):
        return None
    logging.getLogger("pyhf").setLevel(logging.CRITICAL)
    try:
        content = pyhf.Workspace(json.loads(workspace.read_text("utf-8-sig")))
        model = content.model()
        theta = model.config.suggested_init()
        for name, value in found["theta"].items():
            stem, _, index = name.partition("[")
            theta[model.config.par_slice(stem).start + int(index.rstrip("]") or 0 if index else 0)] = value
        theirs = -2 * float(np.asarray(model.logpdf(theta, content.data(model)))[0])
    except Exception:  # noqa: BLE001  # what pyhf does not take is not compared
        return None
    if not math.isfinite(theirs):
        return None
    difference = abs(found["twice_nll"] - theirs)
    if difference > _SAME * (1 + abs(theirs)):
        return f"valid, but 2NLL {found['twice_nll']!r} where pyhf has {theirs!r}"
    return None


def _write(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _spoilt(files: dict[str, bytes], chance: random.Random, names: list[str]) -> dict[str, bytes]:
    """One or two of the files changed: as text, or by their content."""
    spoilt = dict(files)
    if chance.random() < 0.4:  # nothing, or numbers alone
        name = chance.choice(names)
        if name.endswith(".json"):
            spoilt[name] = json.dumps(shifted_content(json.loads(spoilt[name]), chance)).encode()
        else:
            spoilt[name] = shifted_text(spoilt[name], chance)
        return files if chance.random() < 0.1 else spoilt
    for _ in range(chance.choice((1, 1, 1, 2))):
        name = chance.choice(names)
        if name.endswith(".json") and chance.random() < 0.7:
            with contextlib.suppress(ValueError, RecursionError):
                content = mutated_content(json.loads(spoilt[name]), chance)
                spoilt[name] = json.dumps(content).encode("utf-8", "surrogatepass")
                continue
        spoilt[name] = mutated_text(spoilt[name], chance)
    return spoilt


def _experiments(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    name = chance.choice(("xenonnt", "pandax4t", "texono", "mine"))
    files = ORIGINALS.experiment(name)
    verb = chance.choice(
        (
            ["experiments", f"./{name}"],
            ["experiments", f"./{name}", "--json"],
            ["export", f"./{name}"],
            ["fit", f"./{name}", "--parameter", "flux", "--json"],
        )
    )
    return _spoilt(files, chance, sorted(files)), verb


def _workspaces(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = {"w.json": ORIGINALS.workspace(chance)}
    verb = chance.choice((["verify", "w.json"], ["fit", "w.json", "--json"], ["fit", "w.json", "--json"]))
    if chance.random() < 0.1:
        verb = ["profile", "w.json", "--points", "5", "--json"]
    return _spoilt(files, chance, ["w.json"]), verb


def _patch_sets(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = ORIGINALS.exported()
    verb = chance.choice(
        (
            ["verify", "patchset_scalar.json"],
            ["scan", "BkgOnly.json", "--patchset", "patchset_scalar.json", "--jobs", "1", "-o", "s.csv"],
            ["verify", "BkgOnly.json"],
        )
    )
    return _spoilt(files, chance, sorted(files)), verb


def _archives(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = ORIGINALS.archive()
    if chance.random() < 0.2:
        return {"a.tar.gz": mutated_text(sealed(files, chance), chance)}, ["verify", "a.tar.gz"]
    spoilt = _spoilt(files, chance, sorted(files))
    return {"a.tar.gz": sealed(spoilt, chance)}, ["verify", "a.tar.gz"]


def _submissions(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = ORIGINALS.submission()
    verb = chance.choice((["verify", "r"], ["verify", "r/submission.yaml"]))
    if chance.random() < 0.3:
        inside = ORIGINALS.archive()
        return files | {"r/xenonnt.tar.gz": sealed(_spoilt(inside, chance, sorted(inside)), chance)}, verb
    spoilt = _spoilt(files, chance, sorted(set(files) - {"r/xenonnt.tar.gz"}))
    gone = chance.choice(sorted(files)) if chance.random() < 0.1 else None
    return {name: data for name, data in spoilt.items() if name != gone}, verb


_SCAN = [
    "scan",
    "xenonnt",
    "--interaction",
    "scalar",
    "--masses",
    "1,2",
    "--couplings",
    "1e-6,1e-5",
    "--jobs",
    "1",
    "-o",
]


def _scans(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = {f"s.npz.parts/{name}": data for name, data in ORIGINALS.chunks().items()}
    name = chance.choice(sorted(files))
    if chance.random() < 0.8:
        files[name] = mutated_text(files[name], chance)
    if chance.random() < 0.3:
        files[f"s.npz.parts/{chance.choice(('output.sha256', 'output.npz', 'chunk-000007.npz', 'x'))}"] = b"\xff\n"
    if chance.random() < 0.2:
        files["s.npz"] = b"x"
    return files, [*_SCAN, "s.npz", *(["--force"] if chance.random() < 0.3 else [])]


def _interactions(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = {"i.toml": ORIGINALS.interaction(chance)}
    verb = chance.choice(
        (
            ["limits", "xenonnt", "--interaction", "./i.toml", "--masses", "1", "--json"],
            ["spectrum", "--interaction", "./i.toml", "--mass", "1", "--coupling", "1e-5", "--energies", "1,2"],
        )
    )
    return _spoilt(files, chance, ["i.toml"]), verb


def _analyses(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = {"a.toml": ORIGINALS.analysis(chance)}
    verb = chance.choice((["export", "./a.toml"], ["fit", "./a.toml", "--parameter", "flux"]))
    return _spoilt(files, chance, ["a.toml"]), verb


def _spectra(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = {"s.csv": ORIGINALS.spectrum()}
    verb = chance.choice(
        (["fit", "xenonnt", "--spectrum", "s.csv", "--json"], ["limits", "xenonnt", "--spectrum", "s.csv", "--csv"])
    )
    return _spoilt(files, chance, ["s.csv"]), verb


def _critical(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = {"c.json": ORIGINALS.critical()}
    if chance.random() < 0.7:
        files = {"c.json": ORIGINALS.critical_of_a_user(), "i.toml": VECTOR.encode()}
    files = _spoilt(files, chance, sorted(files))
    verb = ["verify", "c.json", *(["--interaction", "i.toml"] if "i.toml" in files else [])]
    if chance.random() < 0.5 and not _many_toys(files["c.json"]):
        verb += ["--toys", "--jobs", "1", *(["--seed", "1"] if chance.random() < 0.3 else [])]
    return files, verb


def _many_toys(text: bytes) -> bool:
    with contextlib.suppress(ValueError, RecursionError, TypeError, KeyError):
        return float(json.loads(text)["toys"]) > _MOST_TOYS
    return False


def _hs3(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = {"h.json": ORIGINALS.hs3(chance)}
    verb = chance.choice((["verify", "h.json"], ["hs3", "h.json"], ["fit", "h.json", "--json"]))
    files = _spoilt(files, chance, ["h.json"])
    if chance.random() < 0.7:
        return files, verb
    workspace = _spoilt({"w.json": ORIGINALS.workspace(chance)}, chance, ["w.json"])["w.json"]
    return _in_both_forms(workspace), ["fit", "h.json", "--json"]


def _in_both_forms(workspace: bytes) -> dict[str, bytes]:
    """A workspace, if it is one, and the same model in HS3."""
    with contextlib.suppress(SpecBuilderError, ValueError, RecursionError):
        return {"w.json": workspace, "h.json": canonical_json(hs3_workspace(json.loads(workspace))).encode()}
    return {"w.json": workspace}


def _json_patches(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    workspace = ORIGINALS.workspace(chance)
    files = {"w.json": workspace, "p.json": json.dumps(hostile_patch(json.loads(workspace), chance)).encode()}
    verb = chance.choice((["fit", "w.json", "--patch", "p.json", "--json"], ["hs3", "w.json", "--patch", "p.json"]))
    return (_spoilt(files, chance, ["p.json"]) if chance.random() < 0.2 else files), verb


def _descriptions(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = ORIGINALS.source() | ORIGINALS.target()
    verb = ["spectrum", "--source", "./s.toml", "--target", "./t.toml", "--energies", "0.5,1", "--json"]
    return _spoilt(files, chance, sorted(files)), verb


def _counts(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = {"d.json": ORIGINALS.counts()}
    verb = chance.choice((["fit", "xenonnt"], ["events", "xenonnt"]))
    return _spoilt(files, chance, ["d.json"]), [*verb, "--parameter", "flux", "--data", "d.json"]


def _bounds(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    name, given = chance.choice((("l.csv", "l.csv"), ("l.json", "l.json"), ("scalar/mine.csv", ".")))
    files = _spoilt({name: ORIGINALS.bound(name)}, chance, [name])
    verb = ["compare", "xenonnt", "--interaction", "scalar", "--masses", "1,10", "--bounds", given, "-o", "out"]
    return files, verb


def _code(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    text = ORIGINALS.code(chance)
    for _ in range(chance.choice((0, 1, 1, 2))):
        key = chance.choice(KEYS_OF_CODE)
        value = chance.choice(VALUES) if chance.random() < 0.5 else chance.choice(WORDS)
        text += f"{key} = {value!r}\n"
    verb = chance.choice(
        (
            ["limits", "xenonnt", "--interaction", "./i.py", "--csv"],
            ["spectrum", "--interaction", "./i.py", "--coupling", "1e-10", "--energies", "1,2", "--csv"],
            ["explore", "xenonnt", "--interaction", "./i.py", "--points", "2", "--cl", "0.9", "--law", "normsys"],
        )
    )
    return {"i.py": text.encode("utf-8", "surrogatepass")}, verb


def _releases(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = ORIGINALS.release()
    many = sorted(name for name in files if "/mono/" in name)
    names = sorted(set(files) - set(many))
    names.append(chance.choice(many))
    return _spoilt(files, chance, names), ["import", "xenonnt", "r", "--model", "2024", "-o", "out"]


def _darkcast(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    files = ORIGINALS.darkcast(chance)
    if chance.random() < 0.3:
        files = _spoilt(files, chance, ["d/__init__.py"])
    return files, ["compare", "--darkcast", "d", "-o", "out"]


#: Verbs with the options that take values; what is drawn for them is hostile, or nearly right.
_OPTIONS = {
    ("limits", "xenonnt"): ("--interaction", "--masses", "--cl", "--dof", "--law", "--variant", "--exposure", "--data"),
    ("fit", "xenonnt"): ("--parameter", "--cl", "--law", "--minimiser", "--variant", "--method", "--plot"),
    ("fit", "w.json"): ("--measurement", "--poi", "--fix", "--cl", "--minimiser", "--patch"),
    ("profile", "xenonnt"): ("--parameter", "--points", "--cl", "--law", "--data", "--uncertainty"),
    ("spectrum",): ("--energies", "--mass", "--coupling", "--sin2thetaw", "--source", "--target", "--interaction"),
    ("explain", "xenonnt"): ("--interaction", "--mass", "--coupling", "--law", "--spectrum", "--strength"),
    ("events", "xenonnt"): ("--interaction", "--mass", "--coupling", "--law", "--variant"),
    ("point", "xenonnt"): ("--interaction", "--mass", "--coupling", "--output", "--law"),
    ("export", "xenonnt"): ("--law", "--variant", "--output", "--masses", "--hepdata", "--style"),
    ("scan", "xenonnt"): ("--interaction", "--masses", "--couplings", "--output", "--jobs", "--law"),
    ("verify",): ("--seed", "--jobs"),
    ("hs3", "w.json"): ("--patch", "--output"),
    ("archive", "xenonnt"): ("--interaction", "--masses", "--style", "--hepdata", "--law", "--critical"),
    ("plane", "xenonnt"): ("--interaction", "--points", "--cl", "--dof", "--law", "--data", "--output"),
    ("explore", "xenonnt"): ("--interaction", "--points", "--cl", "--law", "--page"),
    ("compare", "xenonnt"): ("--interaction", "--masses", "--cl", "--dof", "--law", "--bounds", "--output"),
    ("coverage", "xenonnt"): ("--parameter", "--values", "--toys", "--cl", "--seed", "--law", "--ensemble"),
}
_NEARLY = {
    "--interaction": ("scalar", "nsi", "magnetic_moment"),
    "--masses": ("1,10", "inf", "1:10:3"),
    "--energies": ("1,2", "0.5:2:3"),
    "--couplings": ("1e-6,1e-5", "1e-6:1e-5:3"),
    "--parameter": ("flux", "sin2thetaw"),
    "--mass": ("1", "inf"),
    "--coupling": ("1e-5", "0"),
    "--output": ("out.npz", "out.json", "out"),
    "--cl": ("0.9", "0.6827", "0.999"),
    "--dof": ("1", "2"),
    "--law": ("normsys", "linear"),
    "--variant": ("xenonnt=charge_yield",),
    "--exposure": ("xenonnt=10",),
    "--uncertainty": ("flux_8b=0.04",),
    "--data": ("asimov",),
    "--minimiser": ("minuit", "newton"),
    "--method": ("asymptotic",),
    "--measurement": ("m", "new_physics"),
    "--poi": ("mu", ""),
    "--fix": ("mu=1",),
    "--points": ("3", "21"),
    "--style": ("total", "signal"),
    "--hepdata": ("ins1234567",),
    "--source": ("solar_8b", "sns"),
    "--target": ("xenon", "argon"),
    "--jobs": ("1",),
    "--page": ("out.html",),
    "--values": ("1", "0.5,2"),
    "--toys": ("3",),
    "--ensemble": ("profiled", "nominal"),
}


def _options(chance: random.Random) -> tuple[dict[str, bytes], list[str]]:
    verb = chance.choice(list(_OPTIONS))
    arguments = list(verb)
    for option in _OPTIONS[verb]:
        if chance.random() < 0.6:
            nearly = _NEARLY.get(option, ("1",))
            hostile = chance.random() < 0.15
            value = hostile_word(chance).replace("\x00", "") if hostile else chance.choice(nearly)
            # toys, jobs and points in a number that ends are no mistake, and take long
            if option in ("--toys", "--jobs", "--points") and value.isdecimal():
                value = "3" if option != "--jobs" else "1"
            arguments += ["--output" if option == "--page" else option, value]
    if "--method" in arguments and "--toys" not in arguments:
        arguments += ["--toys", "3"]
    if verb[0] in ("fit", "scan", "plane", "coverage") and "--jobs" not in arguments and verb[-1] == "xenonnt":
        arguments += ["--jobs", "1"]
    if verb[0] in ("plane", "explore") and "--points" not in arguments:
        arguments += ["--points", "3"]
    if verb[0] == "coverage" and "--toys" not in arguments:
        arguments += ["--toys", "3"]
    if verb == ("verify",):
        arguments.append("w.json")
    return {"w.json": ORIGINALS.workspace(chance)}, arguments


KINDS: dict[str, Callable[[random.Random], tuple[dict[str, bytes], list[str]]]] = {
    "experiments": _experiments,
    "workspaces": _workspaces,
    "patch sets": _patch_sets,
    "archives": _archives,
    "submissions": _submissions,
    "scans": _scans,
    "interactions": _interactions,
    "analyses": _analyses,
    "spectra": _spectra,
    "critical values": _critical,
    "HS3": _hs3,
    "JSON patches": _json_patches,
    "sources and targets": _descriptions,
    "counts": _counts,
    "bounds": _bounds,
    "code": _code,
    "DarkCast": _darkcast,
    "releases": _releases,
    "options": _options,
}


def attempt(kind: str, seed: int) -> str | None:
    """Try one input: what is wrong with how the command ended, None if nothing is."""
    chance = random.Random(f"{kind} {seed}")  # noqa: S311  # no secret
    files, arguments = KINDS[kind](chance)
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            _write(files)
            ended = run(arguments)
            wrong = problem(ended)
            fitted = arguments[:1] == ["fit"] and arguments[2:] == ["--json"] and "w.json" in files
            if wrong is None and ended.status == 0 and fitted:
                wrong = _not_pyhf(ended, Path("w.json"))
        finally:
            os.chdir(here)
    return None if wrong is None else f"{kind}, seed {seed}: spec-builder {' '.join(arguments)!r}: {wrong}"


def case(kind: str, seed: int) -> dict[str, Any]:
    """The files and the command of an attempt, to look at one that failed."""
    files, arguments = KINDS[kind](random.Random(f"{kind} {seed}"))  # noqa: S311
    return {"files": files, "arguments": arguments}
