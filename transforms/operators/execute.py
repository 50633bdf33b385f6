"""Carry out the operator calls of a model: read a relation once, compute by symbol, stream rows to the model's SQL."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from transforms.errors import QuantmillError
from transforms.operators.calls import Call, Work, depths, find_calls
from transforms.operators.catalogue import Array, Rows, Segments

KEY = ("symbol", "bar_at")
ROWS = "operator_rows"  # the name under which the model's SQL finds the stream

_CAST = re.compile(r'\bcast\("([^"]+)" as float\)')
_OVER = re.compile(r"operators_(over|across)\(([a-zA-Z0-9_.\"]+)\)")


@dataclass(frozen=True)
class Plan:
    """What a model's SQL asks of operators.

    Attributes:
        sql: The model's SQL with the relation's place taken by ``ROWS``.
        relation: What is read.
        calls: Identifier → call.
        columns: Columns of the relation that the SQL may read besides, the key first.
        expressions: Expressions that the calls are over, each once.
        across: Whether operators go across the symbols of each bar instead of along the bars of each symbol.
    """

    sql: str
    relation: str
    across: bool
    calls: dict[str, Call]
    columns: tuple[str, ...]
    expressions: tuple[str, ...]

    @property
    def single(self) -> set[str]:
        """The calls that the SQL takes in single precision only: they are rounded before they reach DuckDB."""
        casts = Counter(_CAST.findall(self.sql))
        return {name for name in self.calls if casts[name] == self.sql.count(f'"{name}"')}

    @property
    def lookahead(self) -> int:
        """How many bars after its own a row may depend on."""
        return max((call.lookahead for call in self.calls.values()), default=0)

    @cached_property
    def depths(self) -> dict[Work, float]:
        """On how many bars before the wanted ones the values of all work are needed."""
        return depths(self.calls.values())

    def needs_history(self, call: Call) -> bool:
        """Whether a call is computed over all of a symbol's bars: it rests on them, or what it goes into does."""
        return math.isinf(self.depths[call.work] + call.memory)

    @property
    def memory(self) -> int:
        """How many bars before the wanted ones the other calls look at."""
        return max((int(self.depths[call.work] + call.memory) for call in self._computed(False)), default=0)

    @property
    def recent(self) -> Plan:
        """What is read of the last bars: all columns, and the expressions of the calls that need no more."""
        return replace(self, expressions=self._expressions(history=False))

    @property
    def history(self) -> Plan:
        """What is read of all bars: the key, and the expressions of the calls that rest on them."""
        return replace(self, columns=KEY, expressions=self._expressions(history=True))

    def _computed(self, history: bool) -> list[Call]:
        every = (part for call in self.calls.values() for part in call.calls)
        return [call for call in every if self.needs_history(call) == history]

    def _expressions(self, history: bool) -> tuple[str, ...]:
        series = (part for call in self._computed(history) for part in call.series)
        return tuple(dict.fromkeys(part for part in series if isinstance(part, str)))

    def reading(self, source: str | None = None) -> str:
        """Return the query that reads everything, or all of a subquery in the relation's place."""
        names = [f'"{column}"' for column in self.columns]
        series = [
            f'cast({text} as double) as "{series_name(i)}"'
            for i, text in enumerate(self.expressions)
            if text not in self.columns
        ]
        return f"select {', '.join([*names, *series])} from {source or self.relation}"


def is_over_operators(sql: str) -> bool:
    """Whether a model's SQL is over rows that operators are carried out on, so that there is a plan of it."""
    return _OVER.search(sql) is not None


def plan(sql: str, columns_of: Any) -> Plan | None:
    """Return the plan of a model's SQL, None where it has no ``operators_over`` or ``operators_across``.

    Args:
        sql: The compiled SQL.
        columns_of: Function from a relation's name to its column names.

    Raises:
        QuantmillError: It is over two relations, over one without the key, or a call is wrong.
    """
    found = _OVER.findall(sql)
    calls = find_calls(sql)
    if not found:
        if calls:
            raise QuantmillError(
                f'"{next(iter(calls))}": calls need a relation: from {{{{ operators_over(…) }}}}'
            )
        return None
    if len(found) > 1:
        names = ", ".join(name for _, name in found)
        raise QuantmillError(f"a model is over one relation, was {names}")
    across, relation = found[0][0] == "across", found[0][1]
    for name, call in calls.items():
        if any(part.operator.across != across for part in call.calls):
            direction = "across symbols: from {{ operators_across(…) }}"
            direction = "along bars: from {{ operators_over(…) }}" if across else direction
            raise QuantmillError(f'"{name}" goes {direction}')
    there = tuple(columns_of(relation))
    missing = [name for name in KEY if name not in there]
    if missing:
        raise QuantmillError(
            f"{relation}: operators go by symbol and bar_at; there is no column {missing[0]}"
        )
    others = [name for name in there if name not in KEY]
    expressions = tuple(dict.fromkeys(part for call in calls.values() for part in call.expressions))
    return Plan(
        sql=_OVER.sub(ROWS, sql),
        relation=relation,
        across=across,
        calls=calls,
        columns=(*KEY, *others),
        expressions=expressions,
    )


def series_name(index: int) -> str:
    """Name of the column in which an expression of a plan is read."""
    return f"series {index}"


@dataclass(frozen=True)
class Frame:
    """Rows of some symbols: where each symbol's lie, and the series by their expressions."""

    segments: Segments
    series: dict[str, Array]

    def from_before(self, bars: float) -> Segments:
        """Return the segments with so many more bars wanted, before the ones that are."""
        starts = self.segments.starts
        if math.isinf(bars):
            return Segments.whole(starts)
        return Segments(starts, np.maximum(self.segments.wanted - int(bars), starts[:-1]))


class Evaluation:
    """The values of a plan's calls for some symbols; work that calls share is done once."""

    def __init__(self, plan_: Plan, recent: Frame, history: Frame) -> None:
        """Take the rows that most calls need, and for those that rest on everything all the rows, ending alike.

        Both may be one.
        """
        self._plan = plan_
        self._recent = recent
        self._history = history
        self._done: dict[Work, Any] = {}

    def value(self, call: Call) -> Array:
        """Return the call's values on the recent rows; before the wanted ones they may be NaN."""
        return self._value(call, self._recent)

    def _value(self, call: Call, rows: Frame) -> Array:
        if call.work not in self._done:
            self._done[call.work] = self._computed(call)
        result = self._done[call.work]
        values: Array = result if call.operator.output is None else result[call.operator.output]
        return values if self._frame(call) is rows else values[self._ends]

    def _frame(self, call: Call) -> Frame:
        return self._history if self._plan.needs_history(call) else self._recent

    def _computed(self, call: Call) -> Any:
        frame = self._frame(call)
        arguments = [
            self._value(part, frame) if isinstance(part, Call) else frame.series[part] for part in call.series
        ]
        segments = frame.from_before(self._plan.depths[call.work])
        with np.errstate(all="ignore"):
            return call.operator.compute(segments, *arguments, *call.parameters)

    @cached_property
    def _ends(self) -> Rows:
        """Which rows of the history the recent ones are."""
        counts = np.diff(self._recent.segments.starts)
        ends = self._history.segments.starts[1:]
        return np.concatenate([np.arange(end - count, end) for end, count in zip(ends, counts, strict=True)])
