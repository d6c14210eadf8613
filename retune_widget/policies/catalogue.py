"""The rules of this package as forms: their arguments with defaults and help, read off the classes themselves."""

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from retune_widget.errors import PolicyError
from retune_widget.policies.active import BUILT_IN
from retune_widget.policies.policy import Policy

Kind = Literal["metric", "hyperparameter", "number", "whole", "choice"]
_DOCUMENTED = re.compile(r"^(\w+(?:, \w+)*): (.*)$")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a rule.

    Attributes:
        name: as the class has it.
        kind: what a form offers for it.
        required: whether it has no default.
        optional: whether it may be None.
        default: None where there is none.
        choices: of a "choice".
        help: from the class's docstring.
    """

    name: str
    kind: Kind
    required: bool
    optional: bool
    default: str | float | None
    choices: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Form:
    """A rule that can be made: the name of its class, what it does in a sentence, what it is made with."""

    kind: str
    summary: str
    arguments: tuple[Argument, ...]


def forms() -> tuple[Form, ...]:
    """Every rule of this package."""
    return tuple(_form_of(name, its) for name, its in BUILT_IN.items())


def make(kind: str, arguments: Mapping[str, Any]) -> Policy:
    """The rule of these arguments; None stands for the default.

    Raises:
        PolicyError: there is no such rule, or an argument is missing, unknown or of another type.
        ValueError: the rule refuses them.
    """
    if kind not in BUILT_IN:
        raise PolicyError(f"There is no rule {kind!r}. There are: {', '.join(BUILT_IN)}.")
    form = _form_of(kind, BUILT_IN[kind])
    known = {its.name: its for its in form.arguments}
    for name in arguments:
        if name not in known:
            raise PolicyError(f"{kind} has no argument {name!r}. It has: {', '.join(known)}.")
    given = {name: value for name, value in arguments.items() if value is not None}
    for its in form.arguments:
        if its.name in given:
            given[its.name] = _checked(kind, its, given[its.name])
        elif its.required:
            raise PolicyError(f"{kind} needs {its.name}: {its.help}")
    return BUILT_IN[kind](**given)


def _checked(kind: str, its: Argument, value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    match its.kind:
        case "number" if number:
            return float(value)
        case "whole" if number and float(value).is_integer():
            return int(value)
        case "choice" if value in its.choices:
            return value
        case "metric" | "hyperparameter" if isinstance(value, str) and value:
            return value
    wanted = {"number": "a number", "whole": "a whole number", "choice": f"one of {', '.join(its.choices)}"}
    raise PolicyError(f"{kind}: {its.name} must be {wanted.get(its.kind, 'a name')}, not {_short(value)}.")


def _short(value: Any) -> str:
    """What was given; a long number is not spelled out (Python refuses to from 4,300 digits on)."""
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        return "a number too large for any use"
    return repr(value)[:100]


def _form_of(kind: str, its: type[Policy]) -> Form:
    words = (inspect.getdoc(its) or "").partition("\n\n")[0].replace("\n", " ").replace("`", "")
    return Form(kind, words, tuple(_arguments(its)))


def _arguments(its: type[Policy]) -> Iterator[Argument]:
    fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(its)  # type: ignore[arg-type]  # all of them are
    hints, helps = get_type_hints(its, include_extras=True), _documented(its)
    for field in fields:
        hint, optional = _without_none(hints[field.name])
        kind, choices = _kind_of(hint)
        required = not optional and field.default in {None, dataclasses.MISSING}  # None is the default of `Policy`
        default: Any = None if required else field.default
        yield Argument(field.name, kind, required, optional, default, choices, helps.get(field.name, ""))


def _without_none(hint: Any) -> tuple[Any, bool]:
    """The type that `X | None` is about, and whether it is one."""
    if get_origin(hint) in {Annotated, Literal} or not get_args(hint):
        return hint, False
    (inner,) = [its for its in get_args(hint) if its is not type(None)]
    return inner, True


def _kind_of(hint: Any) -> tuple[Kind, tuple[str, ...]]:
    if get_origin(hint) is Annotated:
        return hint.__metadata__[0], ()
    if get_origin(hint) is Literal:
        return "choice", get_args(hint)
    kinds: dict[Any, Kind] = {int: "whole", float: "number"}
    return kinds[hint], ()


def _documented(its: type[Policy]) -> dict[str, str]:
    """What the "Attributes" of a class's docstring say of each."""
    found: dict[str, str] = {}
    names: list[str] = []
    text = (inspect.getdoc(its) or "").partition("Attributes:\n")[2].replace("`", "")
    for line in text.splitlines():
        if (entry := _DOCUMENTED.match(line.strip())) and not line.startswith(" " * 8):
            names = entry[1].split(", ")
            found |= dict.fromkeys(names, entry[2])
        else:
            found |= {name: f"{found[name]} {line.strip()}".strip() for name in names}
    return found
