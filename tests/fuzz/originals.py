"""Sound files of every kind, made once: what hostile ones begin from."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.chunks import FileStore
from spec_builder.base.files import canonical_json, data_path
from spec_builder.histfactory.hs3 import hs3_workspace
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.sharing.archive import write_archives
from spec_builder.sharing.bundle import read_archive, seal
from spec_builder.sharing.export import PatchRequest, export_workspaces
from spec_builder.studies.fits_by_toys import fit_analysis_by_toys
from spec_builder.studies.limits import find_limits
from spec_builder.studies.limits_by_toys import find_limits_by_toys
from spec_builder.studies.scans import scan_analysis
from tests.experiments.releases.conftest import write_run
from tests.histfactory.root_hs3 import as_newer_root, of_root
from tests.inference.random_models import random_model

if TYPE_CHECKING:
    import random

HEAD = "# title: x\n# source: x\n# status: computed\n# unit: x\n"
MINE = """name = "mine"
title = "x"
references = []
channel = "mine_c"
[observable]
name = "x"
unit = "x"
[[runs]]
name = "r"
exposure_t_yr = 1.0
bin_edges = [0, 1, 2]
[observed]
table = "o.csv"
[signal.response]
kind = "matrix"
tables = { r = "r.csv" }
[signal.normalisation]
events = 5.0
flux_1e6_cm2_s1 = 5.46
[signal.uncertainties]
flux_8b = 0.12
[backgrounds]
table = "b.csv"
[backgrounds.uncertainties]
b = { mine_b = 0.5 }
"""
VECTOR = """name = "my_bl"
title = "B-L once more"
kind = "vector"
charges = { u = 0.3333, d = 0.3333, nu = -1.0, e = -1.0 }
references = ["an internal note"]
default_range = [1e-6, 1e-3]
"""
SCALAR = 'name = "my_scalar"\nkind = "scalar"\ncoupling_set = "A"\nreferences = []\n'
SOURCE = """name = "mine"
title = "x"
kind = "flux"
normalisation = "mu_mine"
[[components]]
name = "nuebar"
title = "x"
flavour = "nuebar"
parameter = "flux_mine"
spectrum = "table"
table = "s.csv"
total = 1e12
total_source = "x"
"""
TARGET = 'name = "mine"\ntitle = "x"\nkind = "nuclei"\nisotopes = "t.csv"\n'
CODE = """from spec_builder.physics.terms import Term
name = "mine"
title = "x"
references = ["x"]
parameter = "mu"
unit = "mu_B"
mediator = False
default_range = (1e-11, 1e-8)
def terms(scatterers, recoil_energy_MeV, flavour):
    T = recoil_energy_MeV
    return ANSWER
"""
#: Names that an interaction's file may give.
KEYS_OF_CODE = ("name", "title", "references", "parameter", "unit", "mediator", "signed", "default_range", "terms")
_ANSWERS = (
    *("None", "[]", "[1]", "T", "[Term(1, 0, (T, T, T))]", "[Term(3, 0, (T, 0, 0))]", "[Term(1, 9, (T, 0, 0))]"),
    *("[Term(1, 0, (T * float('nan'), 0, 0))]", "[Term(1, 0, (T[:1], 0, 0))]", "[Term(1, 0, (1j * T, 0, 0))]"),
    *("[Term(1, 0, ('x', 0, 0))]", "[Term(1, 0, (1e308 * T, 1e308 * T, 0))]", "[Term(1, 0, (T,))] * 1000", "{}[T]"),
)
DARKCAST = """
__version__ = "1"
class Data:
    def __init__(self, mass, coupling):
        self.axes, self.vals = [mass], coupling
class Model:
    def __init__(self, name):
        pass
def forever():
    while True:
        pass
class Limit:
    def __init__(self, name):
        pass
    def recast(self, model):
        m, g = [1e-3, 2e-3, 4e-3], [1e-6, 2e-6, 5e-6]
        return ANSWER
"""
_CURVES = (
    *("None", "{}", "[]", "m", "1 / 0", "exit(3)", "__import__('os')._exit(0)", "forever()", "print('x' * 10**6)"),
    *("{'lower': Data(m, g), 'upper': Data(m, g[::-1])}", "{'lower': Data(m, g), 'upper': Data(m, g[:1])}"),
    *(
        f"{{'lower': Data(m, {g})}}"
        for g in ("[]", "g[:1]", "[1e300] * 3", "[5e-324] * 3", "[-1.0] * 3", "[10**400] * 3")
    ),
    *(
        f"{{'lower': Data(m, {g})}}"
        for g in ("[1j] * 3", "['x'] * 3", "[g] * 3", "[float('nan'), 1e-6, 1e-6]", "g * 1000")
    ),
    *(
        f"{{'lower': Data({m}, g)}}"
        for m in ("[]", "[1.0] * 3", "[1e300] * 3", "[-1.0, 0.0, 1e-3]", "[float('inf')] * 3")
    ),
)
ANALYSIS = """name = "both"
title = "Both"
experiments = ["xenonnt", "pandax4t"]
masses_MeV = [0.1, 100.0]
flux = { 8b = 5.25e6 }
uncertainties = { flux_8b = 0.0381 }
"""


def sealed(files: dict[str, bytes], chance: random.Random) -> bytes:
    """An archive with right seals, so that all of it is read; now and then with a member that has no place there."""
    whole = seal({name: data for name, data in files.items() if name not in ("LINES", "SHA256SUMS")})
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in whole.items():
            member = tarfile.TarInfo(f"x/{name}")
            member.size = len(data)
            if chance.random() < 0.005:
                member.name = chance.choice(("/etc/x", "../x", f"x/{'n' * 90}", "x/\x1b[2J", f"y/{name}"))
            if chance.random() < 0.003:
                member.type, member.linkname = chance.choice((tarfile.SYMTYPE, tarfile.LNKTYPE)), "/etc/passwd"
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(stream.getvalue(), 1)


class Originals:
    """Each is made when it is first asked for."""

    @cache  # noqa: B019  # one object for all of the process
    def experiment(self, name: str) -> dict[str, bytes]:
        """Files of an experiment's folder."""
        if name == "mine":
            rows = "".join(f"{energy},0.3,0.2\n" for energy in (0.5, 1, 2, 4))
            texts = {
                "experiment.toml": MINE,
                "r.csv": f"{HEAD}recoil_energy_keV,bin0,bin1\n{rows}",
                "b.csv": f"{HEAD}bin,b\n0,3.0\n1,2.0\n",
                "o.csv": f"{HEAD}bin,observed\n0,6\n1,4\n",
            }
            return {f"mine/{file}": text.encode() for file, text in texts.items()}
        folder = data_path("experiments", name)
        return {f"{name}/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    @cache  # noqa: B019
    def _models(self) -> tuple[bytes, ...]:
        contents: list[Any] = [random_model(seed, 1)[0] for seed in range(40)]
        contents += [load_analysis(name).workspace for name in ("xenonnt", "combined")]
        return tuple(json.dumps(content).encode() for content in contents)

    def workspace(self, chance: random.Random) -> bytes:
        """A workspace, small or shipped."""
        return chance.choice(self._models())

    @cache  # noqa: B019
    def exported(self) -> dict[str, bytes]:
        """A workspace with its patch set."""
        with tempfile.TemporaryDirectory() as folder:
            request = PatchRequest([choose("scalar")], [1.0, 10.0])
            export_workspaces(["xenonnt"], Path(folder), patches=request)
            return {path.name: path.read_bytes() for path in Path(folder, "xenonnt").iterdir()}

    @cache  # noqa: B019
    def archive(self) -> dict[str, bytes]:
        """Files of an archive."""
        with tempfile.TemporaryDirectory() as folder:
            request = PatchRequest([choose("scalar"), choose("nsi")], [1.0, 10.0])
            (path,) = write_archives(["xenonnt"], Path(folder), request, submission=False)
            return read_archive(path)

    @cache  # noqa: B019
    def submission(self) -> dict[str, bytes]:
        """Files of a HEPData submission."""
        with tempfile.TemporaryDirectory() as folder:
            request = PatchRequest([choose("scalar"), choose("nsi")], [1.0, 10.0])
            write_archives(["xenonnt"], Path(folder), request)
            return {f"r/{path.name}": path.read_bytes() for path in Path(folder).iterdir()}

    def darkcast(self, chance: random.Random) -> dict[str, bytes]:
        """A DarkCast, which answers with nonsense now and then."""
        text = DARKCAST.replace("ANSWER", chance.choice(("{'lower': Data(m, g)}", *_CURVES)))
        return {"d/__init__.py": text.encode(), "d/limit.py": b"", "d/model.py": b""}

    @cache  # noqa: B019
    def chunks(self) -> dict[str, bytes]:
        """Files of a scan that was stopped."""
        with tempfile.TemporaryDirectory() as folder:
            kept: dict[str, bytes] = {}

            def stop(store: FileStore, *_: object, **__: object) -> None:
                kept.update({path.name: path.read_bytes() for path in store._folder.iterdir()})
                raise KeyboardInterrupt

            before = FileStore.finish
            FileStore.finish = stop  # type: ignore[assignment, method-assign]
            try:
                with contextlib.suppress(KeyboardInterrupt):
                    scan_analysis(
                        load_analysis("xenonnt"),
                        choose("scalar"),
                        np.array([1.0, 2.0]),
                        np.array([1e-6, 1e-5]),
                        output=Path(folder, "s.npz"),
                    )
            finally:
                FileStore.finish = before  # type: ignore[method-assign]
            return kept

    def interaction(self, chance: random.Random) -> bytes:
        """A user's interaction."""
        return chance.choice((VECTOR, SCALAR)).encode()

    def analysis(self, chance: random.Random) -> bytes:
        """A file of an analysis, of experiments that are shipped."""
        return chance.choice((ANALYSIS, ANALYSIS.replace("xenonnt", "texono"))).encode()

    def spectrum(self) -> bytes:
        """A recoil spectrum."""
        rows = "".join(f"{energy},{10 / energy}\n" for energy in (0.2, 0.5, 1, 2, 4))
        return f"{HEAD}# labels: mass = 1\nrecoil_energy_keV,rate\n{rows}".encode()

    @cache  # noqa: B019
    def critical(self) -> bytes:
        """Critical values by toys."""
        found = fit_analysis_by_toys(load_analysis("xenonnt"), "flux", toys=10, values=np.array([0.5, 1.0, 2.0]))
        return found.to_json().encode()

    @cache  # noqa: B019
    def critical_of_a_user(self) -> bytes:
        """Critical values by toys of limits on a user's interaction, :data:`VECTOR`."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "i.toml")
            file.write_text(VECTOR, encoding="utf-8")
            grid = np.array([0.0, 1e-5, 3e-5])
            found = find_limits_by_toys(load_analysis("xenonnt"), choose(file), np.array([1.0]), toys=10, values=[grid])
        return found.to_json().encode()

    @cache  # noqa: B019
    def release(self) -> dict[str, bytes]:
        """Files of a made-up release, as far as they are read before their digests are compared."""
        with tempfile.TemporaryDirectory() as folder:
            write_run(Path(folder), "sr0")
            paths = [path for path in Path(folder).rglob("*") if path.is_file()]
            return {f"r/{path.relative_to(folder)}": path.read_bytes() for path in paths}

    def source(self) -> dict[str, bytes]:
        """Files of a source of one's own."""
        rows = "".join(f"{energy},{energy * (10 - energy)}\n" for energy in range(1, 10))
        table = "# title: x\n# source: x\n# status: computed\n# unit: E_MeV: MeV; spectrum: 1/MeV\n"
        return {"s.toml": SOURCE.encode(), "s.csv": f"{table}E_MeV,spectrum\n{rows}".encode()}

    def target(self) -> dict[str, bytes]:
        """Files of a target of one's own."""
        isotopes = data_path("targets", "argon_isotopes.csv").read_bytes()
        return {"t.toml": TARGET.encode(), "t.csv": isotopes}

    def counts(self) -> bytes:
        """Counts in the place of the observed ones."""
        channels = load_analysis("xenonnt").channels
        return json.dumps({channel.name: channel.observed.tolist() for channel in channels}).encode()

    @cache  # noqa: B019
    def bound(self, name: str) -> bytes:
        """Limits of one's own, or a table of a bound."""
        if name == "scalar/mine.csv":
            return data_path("comparison", "bounds", "axial", "a1.csv").read_bytes()
        limits = find_limits(load_analysis("xenonnt"), choose("scalar"), [1.0, 10.0, 100.0])
        return (limits.to_json() if name.endswith(".json") else limits.to_csv()).encode()

    def code(self, chance: random.Random) -> str:
        """An interaction in Python, which answers with nonsense now and then."""
        answer = chance.choice(("[Term(1, 0, (1e3 / T, -1e3, 0.0))]", *_ANSWERS))
        return CODE.replace("ANSWER", answer)

    @cache  # noqa: B019
    def _hs3(self) -> tuple[bytes, ...]:
        contents = [json.loads(text) for text in self._models()]
        models = []
        for content in contents:
            with contextlib.suppress(Exception):
                models.append(canonical_json(hs3_workspace(content)).encode())
        for content in (of_root(), as_newer_root(of_root())):
            models.append(canonical_json(content).encode())
            content["analyses"].pop(), content["likelihoods"].pop()
            models.append(canonical_json(content).encode())
        return tuple(models)

    def hs3(self, chance: random.Random) -> bytes:
        """A model in HS3."""
        return chance.choice(self._hs3())


ORIGINALS = Originals()
