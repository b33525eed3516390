"""One check for all that can be shared: workspaces, metadata, patch sets, archives, submissions, critical values."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spec_builder.base.arguments import check_argument, check_path
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import workers
from spec_builder.base.names import shown
from spec_builder.base.progress import Parts, silent
from spec_builder.base.reading import load_json, parse_json
from spec_builder.inference.toys import TOYS_MODULES
from spec_builder.sharing.bundle import is_archive, is_submission, read_archive
from spec_builder.sharing.critical import is_critical, recompute_critical
from spec_builder.sharing.verify import verify_file
from spec_builder.sharing.verify_archive import verify_archive
from spec_builder.sharing.verify_submission import verify_submission

if TYPE_CHECKING:
    import concurrent.futures

__all__ = ["verify"]


def verify(
    path: str | PathLike[str],
    *,
    toys: bool = False,
    seed: int | None = None,
    interaction: str | PathLike[str] | None = None,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    report: Parts = silent,
) -> tuple[str, list[str]]:
    """Check a file or a folder, whatever of ours it is; see :func:`~spec_builder.sharing.verify.verify_file`.

    Args:
        path: a JSON file, an archive or the folder that it was unpacked to, or a HEPData submission; ``-`` for standard
            input.
        toys: throw the toys behind critical values again.
        seed: of these toys; with another one than the file's they are to agree within the errors.
        interaction: file of a user's own interaction behind limits by toys. It may be code, and is not looked for.
        executor: any ``concurrent.futures.Executor`` for the toys; None computes here.
        jobs: worker processes in the place of an executor; a script that asks for them has its calls below
            ``if __name__ == "__main__":``.
        report: told how much is done, and of how much.

    Returns:
        What was checked, in a line, and the problems found; each says where, why and what to do.

    Raises:
        SpecBuilderError: for what cannot be read at all, and where there are no critical values for ``toys``.
    """
    check_path("path", path)
    check_argument("report", report)
    for what, given in (("seed", seed), ("executor", executor), ("jobs", jobs)):
        if given is not None:
            check_argument(what, given)
    if not isinstance(toys, bool):
        raise SpecBuilderError(f"toys {shown(toys)}: expected True or False")
    name = fspath(path)
    if interaction is not None:
        check_path("interaction", interaction)
    if not toys and any(given is not None for given in (seed, interaction, executor, jobs)):
        raise SpecBuilderError("verify: seed, interaction, executor and jobs apply with toys only")
    check = verify_submission if is_submission(name) else verify_archive if is_archive(name) else verify_file
    summary, problems = check(name, report=report)
    if not toys or problems:
        return summary, problems
    file = None if interaction is None else Path(interaction)
    with workers(executor, jobs, preload=TOYS_MODULES) as pool:
        found = _thrown_again(name, {"seed": seed, "interaction": file, "executor": pool, "report": report})
    return f"{summary}; the toys thrown again", found


def _thrown_again(name: str, how: dict[str, Any]) -> list[str]:
    """The problems of the critical values of a file, or of those in an archive."""
    problems: list[str] = []
    contents = {where: content for where, content in _contents(name).items() if is_critical(content)}
    if not contents:
        raise SpecBuilderError(f"{name}: holds no critical values, whose toys could be thrown again")
    for where, content in contents.items():
        problems += [f"{where}{problem}" for problem in recompute_critical(content, Path(name).parent, **how)]
    return problems


def _contents(name: str) -> dict[str, Any]:
    """What may be critical values, by where it stands."""
    if not is_archive(name):
        return {"": load_json(name)}
    texts = {key: data.decode() for key, data in read_archive(Path(name)).items() if key.startswith("critical_")}
    return {f"{key}: ": parse_json(text, key) for key, text in texts.items()}
