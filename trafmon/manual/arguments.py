"""What a command takes, read out of its argparse parser: the one place where options are declared."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from unittest.mock import patch


@dataclass(frozen=True)
class Option:
    """flags: as typed, the short one first; value: what follows it ("" for nothing); rivals: flags that exclude it."""

    flags: tuple[str, ...]
    value: str
    help: str
    rivals: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True)
class Positional:
    """name: as in the text of others; usage: with brackets where it may be left out or repeated."""

    name: str
    usage: str
    help: str


@dataclass(frozen=True)
class Command:
    """name: with the command it belongs to ("trafmon keygen"); summary: one line for lists of commands."""

    name: str
    summary: str
    description: str
    options: tuple[Option, ...]
    positionals: tuple[Positional, ...]
    commands: tuple[Command, ...]


class _Parsed(Exception):  # noqa: N818 no error
    pass


def parser_of(main: Callable[[], object]) -> argparse.ArgumentParser:
    """The parser with which a program reads its arguments; the program itself does not run."""
    found: list[argparse.ArgumentParser] = []

    def stop(parser: argparse.ArgumentParser, *_args, **_kwargs) -> None:
        found.append(parser)
        raise _Parsed

    with patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            main()
        except _Parsed:
            return found[0]
    raise AssertionError(f"{main} has read no arguments")


def command(parser: argparse.ArgumentParser, name: str, summary: str = "") -> Command:
    """All that the parser declares; -h is left out, as every command has it."""
    description = parser.description or ""
    options = tuple(_option(parser, a) for a in parser._actions if a.option_strings and not isinstance(a, argparse._HelpAction))
    subs = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    positionals = tuple(_positional(a) for a in parser._actions if not a.option_strings and a not in subs)
    commands = tuple(command(sub, f"{name} {word}", text) for a in subs for word, sub, text in _sub_parsers(a))
    return Command(name, summary or description.partition("\n")[0], description, options, positionals, commands)


def _sub_parsers(action: argparse._SubParsersAction) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
    for word, parser in action.choices.items():
        yield word, parser, helps.get(word, "")


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> Option:
    groups = [group for group in parser._mutually_exclusive_groups if action in group._group_actions]
    rivals = tuple(max(other.option_strings, key=len) for group in groups for other in group._group_actions if other is not action)
    value = "" if action.nargs == 0 else _usage(_value_name(action), action.nargs)
    return Option(tuple(action.option_strings), value, _help(action), rivals,
                  action.required or any(group.required for group in groups))


def _positional(action: argparse.Action) -> Positional:
    name = _value_name(action)
    return Positional(name, _usage(name, action.nargs), _help(action))


def _value_name(action: argparse.Action) -> str:
    if action.metavar:
        return str(action.metavar)
    if action.choices:
        return "{" + ",".join(str(c) for c in action.choices) + "}"
    return action.dest.upper() if action.option_strings else action.dest


def _usage(name: str, nargs: int | str | None) -> str:
    known = {None: name, "?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} [{name} ...]"}
    return known[nargs] if nargs in known else " ".join([name] * int(nargs))


def _help(action: argparse.Action) -> str:
    return (action.help or "") % {k: v for k, v in vars(action).items() if v is not argparse.SUPPRESS}
