"""Executors: there is at least one job, and none outlives the process that asked for it."""

from __future__ import annotations

import contextlib
import inspect
import os
import re
import signal
import struct
import subprocess
import sys
import time
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import executor_for, loss_is_told, process_pool, submit
from spec_builder.base.version import __version__

if TYPE_CHECKING:
    from pathlib import Path


def test_jobs_are_processes() -> None:
    with executor_for(1) as executor:
        assert executor is None
    with executor_for(2) as executor:
        assert isinstance(executor, ProcessPoolExecutor)


@pytest.mark.parametrize("jobs", [0, -1])
def test_there_is_at_least_one_job(jobs: int) -> None:
    with pytest.raises(SpecBuilderError, match=f"jobs {jobs}: expected at least 1"), executor_for(jobs):
        pass


@pytest.mark.parametrize("error", [BrokenProcessPool(), CancelledError(), EOFError(), ConnectionResetError()])
def test_a_loss_is_told(error: Exception) -> None:
    with pytest.raises(SpecBuilderError, match=r"^a worker was lost; run again"), loss_is_told():
        raise error


@pytest.mark.parametrize("error", [ZeroDivisionError(), KeyError("a"), SpecBuilderError("a mistake")])
def test_a_mistake_is_not_a_loss(error: Exception) -> None:
    with pytest.raises(type(error)) as told, loss_is_told():
        raise error
    assert told.value is error


@pytest.mark.skipif(sys.platform == "win32", reason="process groups and SIGKILL are POSIX")
def test_workers_end_with_the_process_that_started_them() -> None:
    """Also if it is killed: no worker, and no fork server, is left asleep."""
    script = """
import time
from spec_builder.base.executors import process_pool
pool = process_pool(2)
list(pool.map(abs, range(50)))
print("working", flush=True)
pool.submit(time.sleep, 60)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        process.kill()
    try:
        for _ in range(200):  # up to 10 s
            os.killpg(process.pid, 0)
            time.sleep(0.05)
        pytest.fail("processes of the pool live on")
    except ProcessLookupError:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no process that forks workers")
@pytest.mark.parametrize(("given", "found"), [({}, "1 None"), ({"OMP_NUM_THREADS": "3"}, "None None")])
def test_blas_of_a_worker_has_one_thread_unless_told(given: dict[str, str], found: str) -> None:
    """The process that starts them keeps its own."""
    script = """
import os
from spec_builder.base.executors import process_pool
with process_pool(1) as pool:
    print(pool.submit(os.getenv, "OPENBLAS_NUM_THREADS").result(), os.getenv("OPENBLAS_NUM_THREADS"))
"""
    settings = {name: text for name, text in os.environ.items() if not name.endswith("_NUM_THREADS")} | given
    done = subprocess.run([sys.executable, "-c", script], env=settings, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == found


@pytest.mark.skipif(sys.platform == "win32", reason="there is no process that forks workers")
def test_workers_have_modules_from_where_their_parent_has_them(tmp_path: Path) -> None:
    """Whatever lies in the folder that it works in."""
    desk, program = tmp_path / "desk", tmp_path / "program"
    for folder in (desk, program):
        folder.mkdir()
    for name in ("spec_builder", "numpy", "random", "selectors", "signal"):
        (desk / f"{name}.py").write_text("raise SystemExit('the one in the folder')")
    (program / "own.py").write_text("import spec_builder\n\ndef where():\n    return spec_builder.__file__\n")
    (program / "main.py").write_text("""
import os
import own
from spec_builder.base.executors import process_pool

if __name__ == "__main__":
    before = dict(os.environ)
    with process_pool(2, ["numpy", "spec_builder.base.files"]) as pool:
        print(pool.submit(own.where).result() == own.where(), os.environ == before)
""")
    settings = {name: text for name, text in os.environ.items() if name != "PYTHONSAFEPATH"}
    words = [sys.executable, str(program / "main.py")]
    done = subprocess.run(words, cwd=desk, env=settings, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("True True", "")


def test_a_worker_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of a cluster may be."""
    with process_pool(1) as pool:
        assert submit(pool, max, 1, 2).result() == 2
        monkeypatch.setattr("spec_builder.base.executors.__version__", "99.0")
        refusal = rf"^a worker on .+ has spec_builder {re.escape(__version__)}, expected 99\.0$"
        with pytest.raises(SpecBuilderError, match=refusal):
            submit(pool, max, 1, 2).result()


def end_while_sending() -> None:
    """End the worker after the first bytes of an answer, as SIGTERM may."""
    frame = inspect.currentframe()
    while frame is not None and "result_queue" not in frame.f_locals:
        frame = frame.f_back
    assert frame is not None
    os.write(frame.f_locals["result_queue"]._writer.fileno(), struct.pack("!i", 1000))
    os._exit(1)


def stop_with_half_an_answer() -> Future[None]:
    """Stop like Ctrl-C where the only worker has ended while it sent."""
    pool = process_pool(1)
    with contextlib.suppress(KeyboardInterrupt), pool:
        answer = pool.submit(end_while_sending)
        (worker,) = pool._processes.values()
        worker.join()
        raise KeyboardInterrupt
    return answer


def test_half_an_answer_is_not_waited_for() -> None:
    assert isinstance(stop_with_half_an_answer().exception(timeout=10), BrokenProcessPool)
