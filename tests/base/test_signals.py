"""Signals that wait until what must not be broken off is done."""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any

import pytest

from spec_builder.base.files import write_files
from spec_builder.base.signals import held_back

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")


def test_a_signal_acts_when_the_block_is_done() -> None:
    done: list[str] = []

    def work() -> None:
        with held_back():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest of the block")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["the rest of the block"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_while_a_temporary_file_is_made_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = tempfile.mkstemp

    def met(**how: Any) -> tuple[int, str]:
        made = make(**how)
        signal.raise_signal(signal.SIGINT)
        return made

    monkeypatch.setattr(tempfile, "mkstemp", met)
    with pytest.raises(KeyboardInterrupt):
        write_files({tmp_path / "new" / "a.txt": "text"})
    assert not list(tmp_path.iterdir())


def test_handlers_come_back_after_a_fault() -> None:
    before = dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.default_int_handler)
    for number, handler in before.items():  # one of them may be ignored; the test suite puts it back
        signal.signal(number, handler)
    within: list[object] = []

    def work() -> None:
        with held_back():
            within.extend(signal.getsignal(number) for number in before)
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        work()
    assert all(handler is not old for handler, old in zip(within, before.values(), strict=True))
    assert {number: signal.getsignal(number) for number in before} == before


def test_what_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the test suite puts it back
    with held_back():
        signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_another_thread_has_nothing_to_hold(tmp_path: Path) -> None:
    thread = threading.Thread(target=write_files, args=({tmp_path / "a": "text"},))
    thread.start()
    thread.join()
    assert (tmp_path / "a").read_text() == "text"


def test_files_that_belong_together_are_not_parted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C between two names: all of them are new, and then it ends."""
    from spec_builder.base import files

    put = files._put

    def interrupted(*what: Path, force: bool) -> None:
        put(*what, force=force)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(files, "_put", interrupted)
    for name in "abc":
        (tmp_path / name).write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_files({tmp_path / name: "new" for name in "abc"}, force=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys("abc", "new")
