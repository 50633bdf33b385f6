"""Carry out the operator calls of a model: read a relation once, compute by symbol, stream rows to the model's SQL."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from transforms.errors import QuantmillError
from transforms.operators.calls import Call, find_calls
from transforms.operators.catalogue import Array, Segments

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

    @property
    def reading(self) -> str:
        """The query that reads everything, without a condition."""
        names = [f'"{column}"' for column in self.columns]
        series = [
            f'cast({text} as double) as "{series_name(i)}"'
            for i, text in enumerate(self.expressions)
            if text not in self.columns
        ]
        return f"select {', '.join([*names, *series])} from {self.relation}"


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
        if any(operator.across != across for operator in call.operators):
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


class Evaluation:
    """The values of calls over the series of some symbols; work that calls share is done once."""

    def __init__(self, segments: Segments, series: dict[str, Array]) -> None:
        self._segments = segments
        self._whole = Segments.whole(segments.starts)
        self._series = series
        self._done: dict[Any, Any] = {}

    def value(self, call: Call, *, inner: bool) -> Array:
        """Return the call's values, one per row; with ``inner``, of earlier rows than the wanted ones as well."""
        segments = self._whole if inner else self._segments
        key = (call.operator.compute, call.series, call.parameters, inner)
        if key not in self._done:
            arguments = [
                self.value(part, inner=inner or not call.operator.row_wise)
                if isinstance(part, Call)
                else self._series[part]
                for part in call.series
            ]
            with np.errstate(all="ignore"):
                self._done[key] = call.operator.compute(segments, *arguments, *call.parameters)
        result = self._done[key]
        values: Array = result if call.operator.output is None else result[call.operator.output]
        return values
