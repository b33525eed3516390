"""The comparison with pyhf on a folder of anybody's workspaces."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
WORKSPACE: dict[str, Any] = {
    "channels": [
        {
            "name": "sr",
            "samples": [
                {"name": "s", "data": [5.0, 2.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
                {
                    "name": "b",
                    "data": [12.0, 4.0],
                    "modifiers": [{"name": "bx", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}],
                },
            ],
        }
    ],
    "observations": [{"name": "sr", "data": [19, 9]}],
    "measurements": [{"name": "fit", "config": {"poi": "mu", "parameters": []}}],
    "version": "1.0.0",
}


def test_a_folder_is_compared_with_pyhf(tmp_path: Path) -> None:
    wrong = copy.deepcopy(WORKSPACE)
    wrong["channels"][0]["samples"][0]["modifiers"][0]["Data"] = None
    digest = hashlib.sha256(json.dumps(WORKSPACE, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    patch = [{"op": "replace", "path": "/channels/0/samples/0/data", "value": [1.0, 2.0]}]
    patches = {
        "metadata": {
            "references": {"hepdata": "ins1234567"},
            "digests": {"sha256": digest},
            "labels": ["x"],
            "description": "",
        },
        "patches": [{"metadata": {"name": "p", "values": [1]}, "patch": patch}],
        "version": "1.0.0",
    }
    files = {"BkgOnly": WORKSPACE, "patchset": patches, "wrong": wrong, "other": {"no": "workspace"}}
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, ROOT / "scripts/public_models", tmp_path], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    rows = {cells[1].strip(): cells for line in run.stdout.splitlines()[2:] if (cells := line.split("|"))}
    assert sorted(rows) == ["BkgOnly.json", "patchset.json", "wrong.json"]
    assert [cell.strip() for cell in rows["wrong.json"][-3:-1]] == ["refused", "refused"]
    assert [cell.strip() for cell in rows["patchset.json"][2:4]] == ["2", "2"]
    assert float(rows["BkgOnly.json"][4]) < 1e-11
    assert float(rows["patchset.json"][5]) < 1e-6
