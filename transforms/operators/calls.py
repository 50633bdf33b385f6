"""Calls of operators in a model's SQL.

A macro renders a call as a quoted identifier, ``"ema(adj_close, 12)"``: the name of a column that the executor is to
supply. Arguments are SQL expressions over the columns of the relation, further calls, or (last) numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from transforms.errors import QuantmillError
from transforms.operators.catalogue import Operator, operators

_QUOTED_CALL = re.compile(r'"([a-z][a-z0-9_]*\([^"]*\))"')
_CALL = re.compile(r"([a-z][a-z0-9_]*)\((.*)\)", re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?")


Work = tuple[Any, ...]


@dataclass(frozen=True)
class Call:
    """One operator over its arguments: expressions (text) or further calls, then numbers."""

    operator: Operator
    series: tuple[str | Call, ...]
    parameters: tuple[int | float, ...]

    @property
    def lookahead(self) -> int:
        """How many bars after its own the value may depend on."""
        inner = max((part.lookahead for part in self.series if isinstance(part, Call)), default=0)
        return inner + self.operator.lookahead(*self.parameters)

    @property
    def memory(self) -> float:
        """How many bars before its own the value may depend on, given the values of the calls within."""
        return self.operator.memory(*self.parameters)

    @property
    def work(self) -> Work:
        """What is to be computed: calls of operators that share their work over the same are one."""
        return self.operator.compute, self.series, self.parameters

    @property
    def calls(self) -> tuple[Call, ...]:
        """The call and those within."""
        inner = [part.calls for part in self.series if isinstance(part, Call)]
        return (self, *(call for found in inner for call in found))

    @property
    def expressions(self) -> tuple[str, ...]:
        """The SQL expressions that must be read to compute it."""
        return tuple(part for call in self.calls for part in call.series if isinstance(part, str))


def depths(calls: Iterable[Call]) -> dict[Work, float]:
    """Return on how many bars before the wanted ones the values of all work are needed, calls within included.

    It is infinite, for all bars, where they go into what rests on its whole history.
    """
    found: dict[Work, float] = {}

    def descend(call: Call, depth: float) -> None:
        if depth <= found.get(call.work, -1):
            return
        found[call.work] = depth
        for part in call.series:
            if isinstance(part, Call):
                descend(part, depth + call.memory)

    for call in calls:
        descend(call, 0)
    return found


def find_calls(sql: str) -> dict[str, Call]:
    """Return every call in a model's SQL by its identifier (the text between the quotes).

    Raises:
        QuantmillError: A call names no operator, or its arguments do not fit; names the call.
    """
    return {text: parse_call(text) for text in dict.fromkeys(_QUOTED_CALL.findall(sql))}


def parse_call(text: str) -> Call:
    """Return the call that an identifier stands for.

    Raises:
        QuantmillError: As ``find_calls``.
    """
    match = _CALL.fullmatch(text.strip())
    known = operators()
    if match is None or match[1] not in known:
        raise QuantmillError(f'"{text}" names no operator; there are: {", ".join(sorted(known))}')
    operator = known[match[1]]
    arguments = _split(match[2])
    expected = len(operator.series) + len(operator.parameters)
    if len(arguments) != expected:
        names = [*operator.series, *(parameter.name for parameter in operator.parameters)]
        raise QuantmillError(
            f'"{text}": {operator.name} takes ({", ".join(names)}), was {len(arguments)} arguments'
        )
    series = tuple(_series(argument) for argument in arguments[: len(operator.series)])
    numbers = arguments[len(operator.series) :]
    for argument in numbers:
        if _NUMBER.fullmatch(argument) is None:
            raise QuantmillError(f'"{text}": {argument!r} must be a number')
    parameters = tuple(
        parameter.check(operator.name, float(argument))
        for parameter, argument in zip(operator.parameters, numbers, strict=True)
    )
    return Call(operator, series, parameters)


def _series(argument: str) -> str | Call:
    match = _CALL.fullmatch(argument)
    if match is not None and match[1] in operators() and _is_closed(match[2]):
        return parse_call(argument)
    return argument


def _is_closed(text: str) -> bool:
    """Whether every bracket in ``text`` closes one of its own: ``f(a) / g(b)`` is no call of f."""
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0


def _split(text: str) -> list[str]:
    """Split at the commas that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    last = text[start:].strip()
    return [*parts, last] if last or parts else parts
