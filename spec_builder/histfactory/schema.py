"""pyhf's JSON schemas, as one-line messages."""

from __future__ import annotations

import warnings
from typing import Any

__all__ = ["schema_problem"]


def schema_problem(content: Any, schema: str) -> str | None:
    """What is wrong with a file after pyhf's schema, None if nothing.

    Args:
        content: of the JSON file.
        schema: ``workspace.json`` or ``patchset.json``.
    """
    import pyhf  # noqa: PLC0415 - half a second to import

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="jsonschema.RefResolver", category=DeprecationWarning)
            pyhf.schema.validate(content, schema)
    except pyhf.exceptions.InvalidSpecification as error:
        where = "/".join(str(part) for part in getattr(error.parent, "absolute_path", ()))
        reason = str(getattr(error.parent, "message", error)).splitlines()[0]
        return f"{where or 'top level'}: not after pyhf's schema: {reason[:200]}"
    return None
