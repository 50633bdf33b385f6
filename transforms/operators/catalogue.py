"""What operators there are: name, series, parameters with their ranges, and the compiled function behind each.

An operator turns whole series of each symbol (in the order of bars) into one series. Its value on a bar depends on
that bar and earlier ones alone, unless it says how far it looks ahead (labels do).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from threading import Thread
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from transforms.errors import QuantmillError

_F = TypeVar("_F", bound=Callable[..., Any])
Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

# Every module that registers operators.
_MODULES = (
    "across",
    "alpha",
    "changes",
    "conditions",
    "directional",
    "elementwise",
    "order_statistics",
    "oscillators",
    "paths",
    "positions",
    "regression",
    "rolling",
    "seasonal",
    "sessions",
    "smoothing",
    "spreads",
)


@dataclass(frozen=True)
class Segments:
    """Where each symbol's bars lie in the flat series that operators take.

    Attributes:
        starts: Row of each segment's first bar, and the total at the end; shape (segments + 1,).
        wanted: First row of each segment that will be looked at; shape (segments,). Operators may leave earlier
            rows NaN. Equals ``starts[:-1]`` when all rows are wanted.
    """

    starts: Rows
    wanted: Rows

    @classmethod
    def whole(cls, starts: Rows) -> Segments:
        """All rows of all segments."""
        return cls(starts, starts[:-1].copy())


@dataclass(frozen=True)
class Parameter:
    """A number after the series of an operator: its name and its range, both ends allowed."""

    name: str
    kind: type[int] | type[float]
    low: float
    high: float

    def check(self, operator: str, value: float) -> int | float:
        """Return ``value`` in the parameter's type.

        Raises:
            QuantmillError: It is of another type or out of range.
        """
        whole = float(value).is_integer()
        if (self.kind is int and not whole) or not self.low <= value <= self.high:
            kind = "a whole number" if self.kind is int else "a number"
            raise QuantmillError(
                f"operator {operator}: {self.name} must be {kind} in {self.low:g}..{self.high:g}, was {value:g}"
            )
        return int(value) if self.kind is int else float(value)


def periods(name: str = "periods", low: int = 1, high: int = 10_000) -> Parameter:
    """A number of bars."""
    return Parameter(name, int, low, high)


def number(name: str, low: float, high: float) -> Parameter:
    """A number within bounds."""
    return Parameter(name, float, low, high)


def own_bar(*_: float) -> float:
    """Memory of an operator that looks at its own bar alone, and at later ones if it looks ahead."""
    return 0


def one_before(*_: float) -> float:
    """Memory of an operator that compares a bar with the one before."""
    return 1


def bars_before(n: float, *_: float) -> float:
    """Memory of an operator that looks back n bars, n being its first parameter."""
    return n


def window(n: float, *_: float) -> float:
    """Memory of an operator over the last n bars, its own one of them; n is its first parameter."""
    return n - 1


def whole_history(*_: float) -> float:
    """Memory of an operator whose value rests on all bars before."""
    return math.inf


@dataclass(frozen=True)
class Operator:
    """One callable name.

    Attributes:
        name: As models call it.
        series: Names of the series it takes, in order.
        parameters: What follows them, in order.
        compute: ``compute(segments, *series, *parameters)`` returns one array, or a tuple of which this operator
            is entry ``output``: names that share their work share ``compute``. NaN stands for NULL, both ways.
        output: Entry of the tuple; None where ``compute`` returns one array.
        lookahead: Given the parameters, how many bars after its own a value may depend on; 0 for all but labels.
        across: Whether it goes across the symbols of one bar (a segment is a bar, its rows ascend by symbol) instead
            of along the bars of one symbol.
        memory: Given the parameters, how many bars before its own a value may depend on; infinite where on all. That
            many of the arguments' rows before the wanted ones are then enough for the same values, bit for bit.
    """

    name: str
    series: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    compute: Callable[..., Any]
    output: int | None
    lookahead: Callable[..., int]
    across: bool
    memory: Callable[..., float]
    description: str


_OPERATORS: dict[str, Operator] = {}


def operator(
    *,
    series: tuple[str, ...],
    parameters: tuple[Parameter, ...] = (),
    outputs: tuple[str, ...] | None = None,
    lookahead: Callable[..., int] | None = None,
    across: bool = False,
    memory: Callable[..., float] = whole_history,
) -> Callable[[_F], _F]:
    """Register a function as an operator of its own name, or as one operator per entry of ``outputs``."""

    def register(function: _F) -> _F:
        names = outputs or (function.__name__,)
        for index, name in enumerate(names):
            if name in _OPERATORS:
                raise QuantmillError(f"operator {name} is defined twice")
            _OPERATORS[name] = Operator(
                name=name,
                series=series,
                parameters=parameters,
                compute=function,
                output=index if outputs else None,
                lookahead=lookahead or (lambda *_: 0),
                across=across,
                memory=memory,
                description=(function.__doc__ or "").strip(),
            )
        return function

    return register


def operators() -> dict[str, Operator]:
    """Return every operator by name."""
    for module in _MODULES:
        import_module(f"transforms.operators.{module}")
    return _OPERATORS


def load_ahead() -> None:
    """Load the operators, and what carries them out, while others wait for a database; else the first model does."""
    Thread(target=_load, name="operators").start()


def _load() -> None:
    import_module("transforms.operators.refresh")
    mean = operators()["rolling_mean"]
    mean.compute(Segments.whole(np.array([0, 1])), np.ones(1), 1)
