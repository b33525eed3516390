"""Existing bounds recast by a user's own DarkCast (arXiv:1801.04847, 2206.08563), which is never part of this project.

It runs in a process of its own, from the path that the user gives; only numbers come back.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.patience import PATIENCE, patience_s
from spec_builder.base.printing import one_line
from spec_builder.base.progress import silent
from spec_builder.paper.bounds import MissingBound, thinned
from spec_builder.paper.curves import within_reach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spec_builder.base.progress import Steps
    from spec_builder.paper.bounds import Bound

__all__ = ["COUPLINGS", "darkcast_folder", "recast_bounds"]

_CHARGED = ("e", "mu", "tau")
_NEUTRINOS = ("nue", "numu", "nutau")
_QUARKS = ("d", "u", "s", "c", "b", "t")
#: DarkCast gives this for a coupling that it does not find.
_NOT_FOUND = 1e5
#: Bytes of an answer, and pieces of 64 kB that are kept of what is said beside it.
_LONGEST, _PIECES = 2**24, 4
#: Characters of a reason.
_SHOWN = 300

#: (axial, vector) couplings of charged leptons, neutrinos and quarks in units of g; how they are called.
COUPLINGS = {
    "vector_bl": (
        ((0.0, -1.0), (0.0, -1.0), (0.0, 1 / 3)),
        "couplings -1 to charged leptons and neutrinos, +1/3 to quarks (three light right-handed neutrinos)",
    ),
    "vector_universal": (
        ((0.0, 1.0), (-0.5, 0.5), (0.0, 1.0)),
        "vector couplings +1 to charged leptons and all quarks, left-handed neutrinos",
    ),
    "axial": (
        ((1.0, 0.0), (-0.5, 0.5), (1.0, 0.0)),
        "axial couplings +1 to charged leptons and all quarks, left-handed neutrinos",
    ),
}
#: The vector couplings alone, for a DarkCast from before axial ones.
_VECTOR_ONLY = {"vector_bl": (-1.0, -1.0, 1 / 3), "vector_universal": (1.0, 1.0, 1.0)}


def darkcast_folder(path: Path) -> Path:
    """The package's folder, given it or the folder that it lies in.

    Raises:
        SpecBuilderError: if there is no DarkCast.
    """
    for folder in (path, path / "darkcast"):
        if all((folder / name).is_file() for name in ("__init__.py", "limit.py", "model.py")):
            return folder.resolve()
    raise SpecBuilderError(
        f"{path}: no DarkCast here, expected its folder with __init__.py, limit.py and model.py (or the one above it)"
    )


def _by_fermion(charged: Any, neutrinos: Any, quarks: Any) -> dict[str, Any]:
    return dict.fromkeys(_CHARGED, charged) | dict.fromkeys(_NEUTRINOS, neutrinos) | dict.fromkeys(_QUARKS, quarks)


def _forms(interaction: str) -> list[dict[str, Any]]:
    forms = [_by_fermion(*COUPLINGS[interaction][0])]
    if interaction in _VECTOR_ONLY:
        forms.append(_by_fermion(*_VECTOR_ONLY[interaction]))
    return forms


def _ask(folder: Path, interaction: str, limits: Sequence[str]) -> dict[str, Any]:
    """The worker's answer for one interaction.

    Raises:
        SpecBuilderError: if DarkCast cannot be imported.
    """
    request = {
        "package": str(folder),
        "model": f"spec_builder_{interaction}",
        "forms": _forms(interaction),
        "limits": list(limits),
    }
    text, complaint = _run(json.dumps(request), str(folder))
    try:
        content = json.loads(text)
        if "error" not in content:
            content = {"version": str(content["version"]), "limits": {name: content["limits"][name] for name in limits}}
    except (ValueError, TypeError, KeyError, RecursionError):
        reason = one_line((complaint.strip().splitlines() or ["no answer"])[-1])[:_SHOWN]
        raise SpecBuilderError(f"{folder}: DarkCast cannot be used ({reason})") from None
    return dict(content)


def _run(request: str, folder: str) -> tuple[str, str]:
    """What the worker writes, and the end of what it and DarkCast say beside.

    It has so long for each answer as any code of a user's, and ends with all that it has started.

    Raises:
        SpecBuilderError: if it takes longer, or answers without end.
    """
    seconds = patience_s()
    worker = Path(__file__).with_name("darkcast_worker.py")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        process = subprocess.Popen(  # noqa: S603 - our own worker, the user's own DarkCast
            [sys.executable, "-I", "-B", str(worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=work,
            start_new_session=True,
        )
        complaint: deque[bytes] = deque(maxlen=_PIECES)
        answers: queue.Queue[bytes] = queue.Queue()
        readers = [
            threading.Thread(target=_read, args=(stream, take), daemon=True)
            for stream, take in ((process.stdout, answers.put), (process.stderr, complaint.append))
        ]
        try:
            for reader in readers:
                reader.start()
            if process.stdin is not None:
                with contextlib.suppress(OSError), process.stdin as stdin:  # it may be gone
                    stdin.write(request.encode())
            text = b""
            while piece := answers.get(timeout=seconds):
                text += piece
                if len(text) > _LONGEST:
                    raise SpecBuilderError(f"{folder}: DarkCast answers more than {_LONGEST >> 20} MB")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1.0)  # it may still say why there is no answer
        except queue.Empty:
            raise SpecBuilderError(
                f"{folder}: DarkCast has not answered for {seconds:g} s; {PATIENCE}=SECONDS allows more"
            ) from None
        finally:
            _end(process)
            for reader in readers:
                reader.join(timeout=1.0)  # longer only where a child has left its group
    return text.decode("utf-8", "replace"), b"".join(complaint).decode("utf-8", "replace")


def _read(stream: IO[bytes], take: Callable[[bytes], object]) -> None:
    """Hand on what a stream brings, and an empty piece at its end."""
    with stream, contextlib.suppress(OSError, ValueError):
        while piece := os.read(stream.fileno(), 2**16):
            take(piece)
    take(b"")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children, if there are any left."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def recast_bounds(
    bounds: Sequence[Bound], path: Path, *, report: Steps = silent
) -> tuple[list[Bound], list[MissingBound]]:
    """Replace the curves that DarkCast knows by ones that it recasts now.

    Args:
        bounds: curves; those with a name in DarkCast are recast, the others stay.
        path: DarkCast's folder or the one above it.
        report: told about each step; see :class:`spec_builder.base.progress.Steps`.

    Returns:
        The curves, and what DarkCast could not recast, with its reason.

    Raises:
        SpecBuilderError: if there is no DarkCast, or it cannot be imported.
    """
    folder = darkcast_folder(path)
    wanted = _names_to_recast(bounds)
    answers: dict[str, dict[str, Any]] = {}
    if wanted:
        report(f"DarkCast: runs the code in {folder}")
    for interaction, names in wanted.items():
        report(f"DarkCast: {len(names)} limits to {interaction}")
        answers[interaction] = _ask(folder, interaction, names)
    done: list[Bound] = []
    failed: list[MissingBound] = []
    for bound in bounds:
        if not bound.darkcast or bound.interaction not in answers:
            done.append(bound)
            continue
        recast = _recast(bound, answers[bound.interaction])
        if isinstance(recast, MissingBound):
            failed.append(recast)
        else:
            done.append(recast)
    asked = sum(len(names) for names in wanted.values())
    if asked and len(failed) == asked:
        raise SpecBuilderError(f"{folder}: DarkCast recast none of {asked} limits ({failed[0].reason})")
    return done, failed


def _names_to_recast(bounds: Sequence[Bound]) -> dict[str, list[str]]:
    """DarkCast's names of the curves, by interaction; without interactions that it has no couplings for."""
    wanted: dict[str, list[str]] = {}
    for bound in bounds:
        if bound.darkcast and bound.interaction in COUPLINGS:
            wanted.setdefault(bound.interaction, []).append(bound.darkcast)
    return wanted


def _recast(bound: Bound, answer: dict[str, Any]) -> Bound | MissingBound:
    """One curve of DarkCast's answer, or why it is missing."""
    found = answer if "error" in answer else answer["limits"][bound.darkcast]
    try:
        curve = None if "error" in found else _curve(bound, found, one_line(answer["version"])[:_SHOWN])
        reason = one_line(str(found.get("error", "DarkCast finds no excluded coupling")))[:_SHOWN]
    except (TypeError, ValueError, KeyError, AttributeError, IndexError):
        curve, reason = None, "DarkCast's answer is no curve"
    if curve is not None:
        return curve
    return MissingBound(bound.interaction, bound.name, bound.title, bound.source, f"not recast: {reason}")


def _curve(template: Bound, found: dict[str, Any], version: str) -> Bound | None:
    """The recast curve under the template's names; None if nothing is excluded."""
    mass = 1e3 * np.array(found["mass_GeV"], dtype=float)
    low = np.array(found["lower"], dtype=float)
    high = np.full_like(low, np.inf) if found["upper"] is None else np.array(found["upper"], dtype=float)
    high = np.where(high < _NOT_FOUND, high, np.inf)
    good = within_reach(mass) & within_reach(low) & within_reach(high, endless=True) & (low < _NOT_FOUND) & (low < high)
    mass, index = np.unique(mass[good], return_index=True)
    if mass.size == 0:
        return None
    how = f"recast with the user's DarkCast {version}".rstrip()
    recast = f"limit {template.darkcast}, {how}; {COUPLINGS[template.interaction][1]}"
    return thinned(
        replace(
            template, status="computed", recast=recast, mass_MeV=mass, g_low=low[good][index], g_high=high[good][index]
        )
    )
