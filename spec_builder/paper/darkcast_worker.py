"""Run with DarkCast in a process of its own: a JSON request on standard input, a JSON answer on standard output.

An empty line before the answer says that something is done, to whoever waits.

Imports nothing of this project, and DarkCast only from the folder that the request names. A model is a file with a
dictionary ``xfs`` of couplings; it is written to the current folder, where DarkCast looks first.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable


def load(package: str) -> Any:
    """DarkCast, whatever its folder is called."""
    folder = Path(package)
    spec = importlib.util.spec_from_file_location(
        "darkcast", folder / "__init__.py", submodule_search_locations=[package]
    )
    if spec is None or spec.loader is None:
        raise ImportError(package)
    module = importlib.util.module_from_spec(spec)
    sys.modules["darkcast"] = module
    spec.loader.exec_module(module)
    return module


def make_model(darkcast: Any, name: str, forms: list[dict[str, Any]]) -> Any:
    """A model from the first form of its couplings that this DarkCast accepts."""
    failure: Exception | None = None
    for number, couplings in enumerate(forms):
        module = f"{name}_{number}"
        xfs = {fermion: tuple(x) if isinstance(x, list) else x for fermion, x in couplings.items()}
        Path(f"{module}.py").write_text(f"xfs = {xfs!r}\n", encoding="utf-8")
        importlib.invalidate_caches()
        try:
            return darkcast.Model(module)
        except Exception as error:  # noqa: BLE001 - whatever this version of DarkCast raises
            failure = error
    raise failure or ValueError(name)


def recast(darkcast: Any, name: str, model: Any) -> dict[str, Any]:
    """One limit: masses [GeV] with lower and, for a region, upper ends."""
    bounds = darkcast.Limit(name).recast(model)
    if bounds is None:
        return {"error": "DarkCast cannot recast it to these couplings"}
    lower, upper = bounds["lower"], bounds.get("upper")
    ends = None if upper is None else [float(g) for g in upper.vals]
    return {"mass_GeV": [float(m) for m in lower.axes[0]], "lower": [float(g) for g in lower.vals], "upper": ends}


def answer(request: dict[str, Any], done: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """All limits of one model, each on its own: what fails says why."""
    darkcast = load(request["package"])
    done()
    try:
        model = make_model(darkcast, request["model"], request["forms"])
    except Exception as error:  # noqa: BLE001
        return {"error": f"this DarkCast has no such couplings ({type(error).__name__}: {error})"}
    limits: dict[str, Any] = {}
    for name in request["limits"]:
        try:
            limits[name] = recast(darkcast, name, model)
        except Exception as error:  # noqa: BLE001
            limits[name] = {"error": f"{type(error).__name__}: {error}"}
        done()
    return {"version": str(getattr(darkcast, "__version__", "") or ""), "limits": limits}


def main(out: TextIO) -> None:
    """Answer; whatever DarkCast prints goes to standard error."""
    request = json.load(sys.stdin)
    warnings.simplefilter("ignore")

    def done() -> None:
        out.write("\n")
        out.flush()

    with contextlib.redirect_stdout(sys.stderr):
        content = answer(request, done)
    json.dump(content, out)


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as own:
        os.dup2(2, 1)  # for what DarkCast's children print
        main(own)
