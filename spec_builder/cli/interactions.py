"""Interactions on the command line: by name or path, with options that come from the one list of interactions."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import click

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import meant, unknown_name
from spec_builder.cli.examples import INTERACTION, Verb
from spec_builder.cli.options import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from click.shell_completion import CompletionItem

    from spec_builder.physics.choices import Choice
    from spec_builder.physics.options import Option

__all__ = ["InteractionCommand", "choice_of", "choices_of", "interaction_option", "option_names"]

_NAMES = ("interaction", "interactions")
#: Stands for the paper's interactions.
ALL = "all"


@cache
def _options() -> dict[str, tuple[str, Option]]:
    """Shipped interactions and an option of theirs, by what it is called in files and on the command line."""
    from spec_builder.model.provenance import option_key  # noqa: PLC0415
    from spec_builder.physics.options import SHIPPED_OPTIONS  # noqa: PLC0415

    return {option_key(option.name): (name, option) for name, options in SHIPPED_OPTIONS.items() for option in options}


def option_names() -> set[str]:
    """Parameters of a command line that are options of an interaction."""
    return {*_options(), "options"}


class InteractionCommand(Verb):
    """A verb that names an interaction.

    The options of the shipped interactions are found when they are asked for: ``--help`` of the other verbs is quick.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The verb's own parameters, and behind the interaction its options."""
        params = super().get_params(ctx)
        place = 1 + next(i for i, param in enumerate(params) if param.name in _NAMES)
        return [*params[:place], *_click_options(), *params[place:]]

    def heading_of(self, parameter: click.Parameter) -> str:
        """The interaction's for its options."""
        return INTERACTION if parameter in _click_options() else super().heading_of(parameter)


@cache
def _click_options() -> tuple[click.Option, ...]:
    made = []
    for key, (interaction, option) in _options().items():
        words = [str(value) for value in option.allowed]
        made.append(
            click.Option(
                [f"--{key.replace('_', '-')}", key],
                metavar="|".join(words) or "X",
                shell_complete=words_of(*words),
                help=f"{interaction}: {option.meaning} (default: {_shown(option.default)}).",
            )
        )
    own = "An option of your own interaction; repeatable."
    given = click.Option(["--option", "options"], multiple=True, metavar="NAME=VALUE", help=own)
    return (*made, given)


def _shown(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _complete_interaction(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the list, else a user's file."""
    from spec_builder.physics.interactions import shipped_interactions  # noqa: PLC0415

    names = [interaction.name for interaction in shipped_interactions()]
    names += [ALL] * parameter.multiple + ["sm"] * (context.info_name == "spectrum")
    return words_of(*names, files=True)(context, parameter, incomplete)


def interaction_option(help_text: str, *, multiple: bool = False, **settings: Any) -> Callable[..., Any]:
    """``--interaction``: a name of the list, or the path of a user's file."""
    return click.option(
        "--interaction",
        "interactions" if multiple else "interaction",
        multiple=multiple,
        metavar="NAME|PATH",
        shell_complete=_complete_interaction,
        help=f"A name of those below, or the file of your own. {help_text}",
        **settings,
    )


def choice_of(name: str | None, choices: Mapping[str, Any]) -> Choice:
    """The interaction that was named, with its options.

    Args:
        name: or path, as it was typed.
        choices: all parameters of the verb.

    Raises:
        SpecBuilderError: if there is none, or for an option or value that does not belong to it.
    """
    from spec_builder.physics.interactions import shipped_interactions  # noqa: PLC0415

    if name is None:
        known = ", ".join(interaction.name for interaction in shipped_interactions())
        raise SpecBuilderError(f"give --interaction, one of {known}, or the path of a file")
    return choices_of([name], choices)[0]


def choices_of(names: Sequence[str], choices: Mapping[str, Any]) -> list[Choice]:
    """The interactions asked for; an option goes to each of them that has it.

    Args:
        names: or paths; ``all`` for the paper's.
        choices: all parameters of the verb.

    Raises:
        SpecBuilderError: for an interaction that stands twice, or an option that belongs to none of them.
    """
    from spec_builder.model.given import as_choice  # noqa: PLC0415
    from spec_builder.physics.interactions import choose  # noqa: PLC0415

    plain = [as_choice(name) for name in _meant(names)]
    given = _given(choices)
    for key, (option, value) in given.items():
        if not any(option in choice.options for choice in plain):
            _refuse_option(key, option, value, plain)
    chosen = []
    for choice in plain:
        mine = {option: value for option, value in given.values() if option in choice.options}
        chosen.append(choose(choice, **mine))
    return chosen


def _meant(names: Sequence[str]) -> Sequence[str]:
    """The names themselves, or the paper's for ``all``."""
    if len(set(names)) < len(names):
        raise SpecBuilderError(f"interaction '{max(names, key=names.count)}' is given twice")
    if ALL not in names:
        return names
    if len(names) > 1:
        raise SpecBuilderError(f"interaction '{ALL}' holds several: give it alone")
    from spec_builder.paper.plane import PLANE_INTERACTIONS  # noqa: PLC0415

    return PLANE_INTERACTIONS


def _given(choices: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Options that stand on the command line: by key, the option's own name and its value."""
    given: dict[str, tuple[str, str]] = {}
    for key, (_, option) in _options().items():
        if choices.get(key) is not None:
            _check_value(key, option, str(choices[key]))
            given[key] = (option.name, str(choices[key]))
    for text in choices.get("options", ()):
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise SpecBuilderError(f"--option '{text}': expected NAME=VALUE")
        given[name] = (name, value)
    return given


def _check_value(key: str, option: Option, value: str) -> None:
    """Refuse a value that is none of an option's.

    Raises:
        SpecBuilderError: naming those there are.
    """
    allowed = [str(known) for known in option.allowed]
    words = key.replace("_", " ")
    if not allowed or value in allowed:
        return
    if len(allowed) == 2:
        raise SpecBuilderError(f"{words} {value}: expected {allowed[0]} or {allowed[1]}")
    raise unknown_name(words, value, allowed)


def _refuse_option(key: str, option: str, value: str, chosen: Sequence[Choice]) -> None:
    """Say to whom an option belongs.

    Raises:
        SpecBuilderError: always.
    """
    from spec_builder.physics.interactions import shipped_interactions  # noqa: PLC0415

    owners = [f"'{i.name}'" for i in shipped_interactions() if option in (known.name for known in i.options)]
    what = f"{key.replace('_', ' ')} '{value}'"
    others = " or ".join(f"'{choice.name}'" for choice in chosen)
    if not owners:
        known = dict.fromkeys(name for choice in chosen for name in choice.options)
        has = f"expected one of {', '.join(known)}" if known else "which has none"
        raise SpecBuilderError(f"option '{option}' is unknown in {others}, {has}{meant(option, known)}")
    raise SpecBuilderError(f"{what} belongs to interaction {' or '.join(owners)}, not {others}")
