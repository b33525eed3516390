"""The minimiser of :mod:`spec_builder.inference.newton` as compiled code, where it was built and runs.

``kernel/`` holds its source, C++ without dependencies; installing the package compiles it where there is a compiler.
numpy's minimiser stays: it runs where there is no library, and it is the referee of the compiled one.

``SPEC_BUILDER_ENGINE`` = ``compiled`` or ``numpy`` chooses; without it the compiled one runs where it is there.
``SPEC_BUILDER_THREADS`` is the number of threads of a fit of many rows, 1 by default: scans use processes.
"""

from __future__ import annotations

import _thread
import ctypes
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.packing import LAYOUT, Column, Model, Result, Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray, IndexArray
    from spec_builder.inference.packing import PackedModel
    from spec_builder.inference.rows import RowArrays

__all__ = ["Library", "chosen_library", "describe_engine", "engine_name", "find_library", "run", "threads"]

ENGINES = ("compiled", "numpy")
#: Rows that are worth a thread: it takes as long to start as a few dozen fits.
_LEAST_ROWS = 256
#: Bytes of the arrays that a build works on: where they no longer stay in the processor's cache, so that a lane without
#: a row costs something, and at most.
_CACHE, _MOST_MEMORY = 1 << 20, 1 << 27


@dataclass(frozen=True)
class Library:
    """The compiled library.

    Attributes:
        functions: what it exports.
        builds: names of the builds that this processor runs, in order of speed; all give the same bytes.
        lanes: rows that each build works on side by side.
    """

    functions: ctypes.CDLL
    builds: tuple[str, ...]
    lanes: tuple[int, ...]

    def best_build(self, model: Model, rows: int) -> int:
        """The number of the build for this model and so many rows: narrow for few rows, and where a model is huge."""
        for build in reversed(range(len(self.builds))):
            size = self.functions.spec_builder_size(build, ctypes.byref(model))
            wanted = 4 * rows if size <= _CACHE else rows
            if self.lanes[build] <= wanted and size <= _MOST_MEMORY:
                return build
        return 0


@cache
def find_library() -> Library | str:
    """The library, or in a few words why there is none."""
    folder = Path(__file__).parent
    paths = [path for path in sorted(folder.glob("_kernel.*")) if path.suffix in {".so", ".dll", ".dylib"}]
    if not paths:
        return "not compiled when the package was installed"
    try:
        functions = ctypes.CDLL(str(paths[0]))
        layout = functions.spec_builder_layout()
    except (OSError, AttributeError) as error:
        return f"the compiled library cannot be loaded: {error}"
    if layout != LAYOUT:
        return "compiled for another version; install the package again"
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    functions.spec_builder_builds.restype = integer
    functions.spec_builder_name.argtypes, functions.spec_builder_name.restype = [integer], ctypes.c_char_p
    functions.spec_builder_lanes.argtypes, functions.spec_builder_lanes.restype = [integer], integer
    functions.spec_builder_size.argtypes, functions.spec_builder_size.restype = [integer, pointer], integer
    functions.spec_builder_minimise.argtypes = [integer, pointer, pointer, pointer]
    functions.spec_builder_minimise.restype = integer
    builds = range(functions.spec_builder_builds())
    names = tuple(functions.spec_builder_name(build).decode() for build in builds)
    return Library(functions, names, tuple(functions.spec_builder_lanes(build) for build in builds))


def chosen_library() -> Library | None:
    """The library, or None where numpy runs.

    Raises:
        SpecBuilderError: if SPEC_BUILDER_ENGINE is not a name, or asks for a library that is not there.
    """
    engine = os.environ.get("SPEC_BUILDER_ENGINE", "")
    if engine and engine not in ENGINES:
        raise SpecBuilderError(f"SPEC_BUILDER_ENGINE is '{engine}', expected {' or '.join(ENGINES)}")
    if engine == "numpy":
        return None
    library = find_library()
    if isinstance(library, Library):
        return library
    if engine == "compiled":
        raise SpecBuilderError(f"SPEC_BUILDER_ENGINE is compiled, but there is no compiled engine: {library}")
    return None


def engine_name() -> str:
    """``compiled`` or ``numpy``: what runs here.

    Raises:
        SpecBuilderError: as :func:`chosen_library`.
    """
    return "numpy" if chosen_library() is None else "compiled"


def describe_engine() -> str:
    """Which engine runs, for a report: its build and threads, or why it is numpy.

    Raises:
        SpecBuilderError: as :func:`chosen_library` and :func:`threads`.
    """
    library = chosen_library()
    if library is not None:
        number = threads()
        return f"compiled, build {library.builds[-1]}, {number} thread{'s' if number > 1 else ''}"
    if os.environ.get("SPEC_BUILDER_ENGINE") == "numpy":
        return "numpy, as SPEC_BUILDER_ENGINE says"
    return f"numpy; the compiled one: {find_library()}"


def threads() -> int:
    """Threads of a fit of many rows.

    Raises:
        SpecBuilderError: if SPEC_BUILDER_THREADS is not a whole number >= 1.
    """
    given = os.environ.get("SPEC_BUILDER_THREADS", "1")
    if not given.isdecimal() or int(given) < 1:
        raise SpecBuilderError(f"SPEC_BUILDER_THREADS is '{given}', expected a whole number >= 1")
    return int(given)


def _side_by_side(work: Callable[[], None], number: int) -> None:
    """Do the same in so many threads, this one among them; they share the rows among themselves."""
    if number == 1:
        work()
        return
    ends: SimpleQueue[BaseException | None] = SimpleQueue()

    def help_out() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            ends.put(error)
        else:
            ends.put(None)

    started = 0
    try:
        for _ in range(number - 1):
            # :mod:`threading` waits until a thread runs, which takes as long as hundreds of fits
            _thread.start_new_thread(help_out, ())
            started += 1
        work()
    finally:  # whatever happens, no other may work on the arrays any more
        errors = [ends.get() for _ in range(started)]
    for error in errors:
        if error is not None:
            raise error


def run(
    library: Library,
    packed: PackedModel,
    theta: FloatArray,
    arrays: RowArrays,
    barrier: FloatArray,
    *,
    evaluations: int,
    build: str | None = None,
) -> tuple[FloatArray, FloatArray, IndexArray]:
    """Minimise all rows, as :func:`spec_builder.inference.descent.run` does.

    Args:
        library: the compiled library.
        packed: the model.
        theta: where each row starts, shape (P, N); overwritten by where it ends.
        arrays: what the rows have of their own.
        barrier: least counts while the minimum is sought, shape (bins or 1, N or 1).
        evaluations: allowed for each row.
        build: name of a build; the best one for this processor, model and number of rows by default.

    Returns:
        2NLL without the barrier, EDM and reason (0 where it converged), shape (N,) each.
    """
    count = theta.shape[1]
    if not count:
        return np.empty(0), np.empty(0), np.empty(0, dtype=np.intp)
    value, edm = np.empty(count), np.empty(count)
    reason = np.empty(count, dtype=np.int64)
    points = np.ascontiguousarray(theta)
    result = Result(*(array.ctypes.data for array in (points, value, edm, reason)))
    own = list(arrays.columns)
    if arrays.interpolations is not None:
        own = [*np.moveaxis(arrays.interpolations, 1, 0), *own]
    columns = (Column * max(len(own), 1))(*(Column.of(array) for array in own))
    observed = Column.of(packed.observed if arrays.observed is None else arrays.observed)
    least = Column.of(barrier)
    auxiliary = Column.of(packed.auxiliary if arrays.auxiliary is None else arrays.auxiliary)
    number = library.best_build(packed.model, count) if build is None else library.builds.index(build)

    rows = Rows(ctypes.pointer(ctypes.c_int64(0)), count, count, evaluations, observed, least, auxiliary, columns)
    arguments = number, *(ctypes.byref(part) for part in (packed.model, rows, result))

    def work() -> None:
        if not library.functions.spec_builder_minimise(*arguments):
            raise MemoryError("the compiled minimiser has no memory")

    _side_by_side(work, min(threads(), -(-count // _LEAST_ROWS)))
    if points is not theta:
        theta[:] = points
    value += packed.constant if arrays.constant is None else arrays.constant
    return value, edm, reason.astype(np.intp, copy=False)
