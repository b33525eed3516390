"""Changes of text, bytes and JSON content: hostile, or merely unlucky."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

WORDS = (
    *(
        "",
        " ",
        "0",
        "-0",
        "-1",
        "1",
        "2",
        "1e400",
        "-1e400",
        "1e308",
        "1e-320",
        "NaN",
        "nan",
        "Infinity",
        "inf",
        "-inf",
    ),
    *("0x10", "１２", "1_0", "1,5", "1;5", "true", "null", "None", "9" * 400, "1e5000", "0.1:100:3", "1:1:1", "3:1:2"),
    *(
        "\ufeff",
        "\x00",
        "\x1b[31m",
        "\u202e",
        "\u2028",
        "\ud7ff",
        "é",
        "ν",
        "\r",
        "\r\n",
        "\n",
        "\t",
        "'",
        '"',
        "\\",
        "\\u0000",
    ),
    *(
        "../x",
        "/dev/zero",
        "/etc/passwd",
        ".",
        "~",
        "a/b",
        "x" * 3000,
        "[" * 3000,
        "{" * 60,
        "a." * 200,
        "#",
        "# x: y\n",
        "=",
    ),
    *(
        "[[",
        "]]",
        "{}",
        "[]",
        ",",
        ":",
        "-",
        "+",
        "*",
        "%s",
        "{0}",
        "$HOME",
        "`",
        "|",
        "normsys",
        "linear",
        "mu",
        "xenonnt",
    ),
)
GENTLE = ("0", "1", "2", "0.5", "3.0", "0.25", "10", "1e-6", "100")
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 0.5, -0.5, 1e308, -1e308, 1e-320, 1e15, 2**70, 0.0, -0.0, 1e-9, 1e9),
    *("", "x", "mu", "\n", "\x1b[2J", "\u202e", "é", "x" * 2000, "1", "nan"),
    *([], {}, [1], [1.0, 2.0], [[]], [None], ["x"], {"x": 1}, {"name": "x"}, [[[[[]]]]]),
)


def hostile_word(chance: random.Random) -> str:
    """A word that no option expects, or a number."""
    return chance.choice(WORDS)


def shifted_text(data: bytes, chance: random.Random) -> bytes:
    """Text with a number changed to another that may well be meant."""
    return _number_changed(data, chance, GENTLE)


def mutated_text(data: bytes, chance: random.Random) -> bytes:
    """Bytes with one to three changes."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        data = _one_change(data, chance)
    return data


def _one_change(data: bytes, chance: random.Random) -> bytes:  # noqa: PLR0911  # a case each
    place = chance.randrange(len(data) + 1)
    end = min(len(data), place + chance.choice((1, 1, 2, 5, 20, 200)))
    word = chance.choice(WORDS).encode()
    lines = data.split(b"\n")
    line = chance.randrange(len(lines))
    match chance.randrange(12):
        case 0:
            return data[:place] + word + data[place:]
        case 1:
            return data[:place] + word + data[end:]
        case 2:
            return data[:place] + data[end:]
        case 3:
            return data[:place]
        case 4:
            return b"\n".join([*lines[:line], *lines[line + 1 :]])
        case 5:
            return b"\n".join([*lines[:line], lines[line], lines[line], *lines[line + 1 :]])
        case 6:
            return _number_changed(data, chance)
        case 7:
            return chance.choice((data.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + data, data + b"\x00", b""))
        case 8:
            return data.decode("utf-8", "replace").encode(chance.choice(("utf-16", "latin-1", "utf-32")), "replace")
        case 9:
            return data[:place] + bytes([chance.randrange(256)]) + data[end:]
        case _:
            return _number_changed(data, chance)


def _number_changed(data: bytes, chance: random.Random, words: Sequence[str] = WORDS[:32]) -> bytes:
    """A digit, and what follows it, replaced by a word."""
    places = [i for i, letter in enumerate(data) if 48 <= letter < 58]
    if not places:
        return data
    place = chance.choice(places)
    end = place
    while end < len(data) and data[end : end + 1] in b"0123456789.eE+-":
        end += 1
    return data[:place] + chance.choice(words).encode() + data[end:]


def mutated_content(content: Any, chance: random.Random) -> Any:
    """JSON content with one to three changes somewhere inside."""
    changed = copy.deepcopy(content)
    for _ in range(chance.choice((1, 1, 2, 3))):
        changed = _change_inside(changed, chance)
    return changed


def shifted_content(content: Any, chance: random.Random) -> Any:
    """JSON content with one to three numbers changed to others that may well be meant."""
    changed = copy.deepcopy(content)
    places: list[tuple[Any, Any]] = []
    waiting = [changed]
    while waiting:
        value = waiting.pop()
        keys: Any = value if isinstance(value, dict) else range(len(value))
        places += [(value, key) for key in keys if isinstance(value[key], int | float)]
        waiting += [value[key] for key in keys if isinstance(value[key], dict | list)]
    for _ in range(chance.choice((1, 2, 3)) if places else 0):
        where, key = chance.choice(places)
        where[key] = where[key] * chance.choice((0, 0.5, 2, 10, 1e-3, 1.5)) + chance.choice((0, 0, 0, 1))
    return changed


#: Ends of JSON pointers that point nowhere, or where few look.
_POINTERS = ("", "/", "/-", "/0", "/-1", "/01", "/1e3", "/99999", "/x", "/~0", "/~1", "/~", "/\u0661", "/x" * 500)


def hostile_patch(content: Any, chance: random.Random) -> list[Any]:
    """Operations of a JSON patch on places of some JSON content, or beside them."""
    places = _pointers(content)

    def pointer() -> str:
        return chance.choice(places) + (chance.choice(_POINTERS) if chance.random() < 0.25 else "")

    operations: list[Any] = []
    for _ in range(chance.choice((1, 1, 2, 3, 30))):
        operation = {"op": chance.choice(("add", "remove", "replace", "move", "copy", "test")), "path": pointer()}
        if operation["op"] in ("move", "copy"):
            operation["from"] = pointer()
        elif operation["op"] != "remove":
            operation["value"] = copy.deepcopy(chance.choice((*VALUES, [1.5, 2.5], 3.0)))
        operations.append(operation)
    numbers = [place for place in places if isinstance(_at(content, place), float)]
    if numbers and chance.random() < 0.5:  # what applies
        place = chance.choice(numbers)
        value = _at(content, place) * chance.choice((0, 0.5, 1, 1.5, 10))
        operations = [{"op": "replace", "path": place, "value": value}, *chance.choice(((), (), operations[:1]))]
    return operations


def _at(content: Any, pointer: str) -> Any:
    """What is at a pointer."""
    for key in pointer.split("/")[1:]:
        content = content[int(key) if isinstance(content, list) else key]
    return content


def _pointers(content: Any, here: str = "") -> list[str]:
    """JSON pointers of all that is inside some content."""
    found = [here]
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in pairs:
        found += _pointers(value, f"{here}/{key}")
    return found


def _change_inside(content: Any, chance: random.Random) -> Any:
    places: list[tuple[Any, Any]] = []
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            places += [(value, key) for key in value]
            waiting += value.values()
        elif isinstance(value, list):
            places += [(value, key) for key in range(len(value))]
            waiting += value
    if not places:
        return chance.choice(VALUES)
    where, key = chance.choice(places)
    match chance.randrange(8):
        case 0:
            del where[key]
        case 1 if isinstance(where, list):
            where.append(copy.deepcopy(where[key]))
        case 1:
            where[chance.choice(WORDS)] = where.pop(key)
        case 2:
            other, place = chance.choice(places)
            where[key] = (
                copy.deepcopy(other[place]) if place in other or (isinstance(place, int) and place < len(other)) else 0
            )
        case 3 if isinstance(where[key], int | float):
            where[key] = where[key] * chance.choice((-1, 0, 10, 1e6, 1e-6, 1e300))
        case _:
            where[key] = copy.deepcopy(chance.choice(VALUES))
    return content
