"""Operators that look ahead: what labels are made of, and nothing else may be.

Each says how many bars after its own a value may depend on. A value is NULL until those of them that decide it are
there, and never changes afterwards.

Paths are walked from the entry on: ``delay`` 1 enters at the next bar's open, 0 at this bar's close; in both cases
the first bar that can touch anything is the next one. ``bar_at`` is in microseconds since 1970.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import (
    Array,
    Parameter,
    Rows,
    Segments,
    number,
    operator,
    own_bar,
    periods,
)
from transforms.operators.compiled import compiled

# A price counts as reached within this fraction of it: prices lie on ticks and often meet a level exactly, but
# adjustment has rounded both.
_TOLERANCE = 1e-12
_MINUTE = 60e6

_PROFIT, _STOP, _TIME = 1.0, -1.0, 0.0

_BARS = periods("bars", high=2520)
_DELAY = Parameter("delay", int, 0, 1)


@compiled
def _lead(starts: Rows, wanted: Rows, x: Array, n: int) -> Array:
    out = np.full(len(x), np.nan)
    for s in range(len(wanted)):
        for t in range(wanted[s], starts[s + 1] - n):
            out[t] = x[t + n]
    return out


@operator(series=("x",), parameters=(periods(),), lookahead=lambda n: n, memory=own_bar)
def leading(segments: Segments, x: Array, n: int) -> Array:
    """x so many bars later; NULL while there are not as many."""
    return _lead(segments.starts, segments.wanted, x, n)


@compiled
def _first_touch(
    open_: Array,
    high: Array,
    low: Array,
    first: int,
    stop_bar: int,
    upper: float,
    lower: float,
) -> tuple[int, float, bool]:
    """Walk the bars ``first`` to ``stop_bar - 1`` to the first that reaches a level.

    Returns the bar, which level (0 where none is reached: the bar is ``stop_bar``), and whether it opened there
    already. The bar is -1 where an unknown price leaves that open.
    """
    for j in range(first, stop_bar):
        if not (open_[j] > 0 and high[j] > 0 and low[j] > 0):
            return -1, _TIME, False
        if open_[j] >= upper:
            return j, _PROFIT, True
        if open_[j] <= lower:
            return j, _STOP, True
        # Which came first within a bar is not known: the loss is taken to have.
        if low[j] <= lower:
            return j, _STOP, False
        if high[j] >= upper:
            return j, _PROFIT, False
    return stop_bar, _TIME, False


@compiled
def _barriers(
    starts: Rows,
    wanted: Rows,
    open_: Array,
    high: Array,
    low: Array,
    close: Array,
    volatility: Array,
    bar_at: Array,
    bars: int,
    profit: float,
    stop: float,
    delay: int,
) -> tuple[Array, Array, Array]:
    touched = np.full(len(close), np.nan)
    earned = np.full(len(close), np.nan)
    ends_at = np.full(len(close), np.nan)
    for s in range(len(wanted)):
        end = starts[s + 1]
        for t in range(wanted[s], end - 1):
            entry = open_[t + 1] if delay == 1 else close[t]
            if not (entry > 0 and volatility[t] > 0):
                continue
            gain, loss = profit * volatility[t], stop * volatility[t]
            upper = entry * (1 + gain) * (1 - _TOLERANCE) if profit > 0 else np.inf
            lower = entry * (1 - loss) * (1 + _TOLERANCE) if stop > 0 else -np.inf
            limit = t + 1 + bars
            at, which, at_open = _first_touch(open_, high, low, t + 1, min(limit, end), upper, lower)
            if at < 0:
                continue
            if which == _TIME:
                at = limit if delay == 1 else limit - 1
                if at >= end:
                    continue
                price = open_[at] if delay == 1 else close[at]
                if not price > 0:
                    continue
                earned[t] = price / entry - 1
            elif at_open:
                earned[t] = open_[at] / entry - 1
            else:
                earned[t] = gain if which == _PROFIT else -loss
            touched[t] = which
            ends_at[t] = bar_at[at]
    return touched, earned, ends_at


@operator(
    series=("open", "high", "low", "close", "volatility", "bar_at"),
    parameters=(_BARS, number("profit", 0, 1000), number("stop", 0, 1000), _DELAY),
    outputs=("barrier_touched", "barrier_return", "barrier_end"),
    lookahead=lambda bars, profit, stop, delay: bars + delay,
    memory=own_bar,
)
def triple_barrier(
    segments: Segments,
    open_: Array,
    high: Array,
    low: Array,
    close: Array,
    volatility: Array,
    bar_at: Array,
    bars: int,
    profit: float,
    stop: float,
    delay: int,
) -> tuple[Array, Array, Array]:
    """Which barrier a position touches first: 1 profit, -1 stop, 0 the time limit; its return; the bar.

    The triple-barrier method of M. López de Prado, *Advances in Financial Machine Learning* (2018), 3.4, on the
    range of each bar instead of its close. The barriers lie ``profit`` and ``stop`` volatilities (of a fraction,
    as known at the position's decision) above and below the entry; 0 leaves one away. A bar that opens beyond a
    barrier touches it at its open; a bar that reaches both touches the stop. After ``bars`` bars the position is
    closed: at the next open where it was entered at one, else at the close.

    NULL without a volatility above 0, where a price on the way is NULL, and while nothing is touched and the time
    limit has not come.
    """
    return _barriers(
        segments.starts,
        segments.wanted,
        open_,
        high,
        low,
        close,
        volatility,
        bar_at,
        bars,
        profit,
        stop,
        delay,
    )


@compiled
def _window_end(
    bar_at: Array, t: int, end: int, bars: int, bar_minutes: int, delay: int
) -> tuple[int, bool, float]:
    """Return the bar behind the window after bar t, whether the window is over, and when it began."""
    last = min(t + bars, end - 1)
    if bar_minutes == 0:
        return last + 1, last == t + bars, 0.0
    begins = bar_at[t + 1] if delay == 1 else bar_at[t] + bar_minutes * _MINUTE
    ends = begins + bars * bar_minutes * _MINUTE
    j = t + 1
    while j <= last and bar_at[j] < ends:
        j += 1
    return j, j == t + 1 + bars or j < end, begins


@compiled
def _touches(
    starts: Rows,
    wanted: Rows,
    open_: Array,
    high: Array,
    low: Array,
    close: Array,
    bar_at: Array,
    bars: int,
    bar_minutes: int,
    rise: float,
    delay: int,
) -> tuple[Array, Array, Array, Array, Array, Array, Array]:
    out = np.full((7, len(close)), np.nan)
    for s in range(len(wanted)):
        end = starts[s + 1]
        for t in range(wanted[s], end - 1):
            entry = open_[t + 1] if delay == 1 else close[t]
            if not entry > 0:
                continue
            behind, is_over, begins = _window_end(bar_at, t, end, bars, bar_minutes, delay)
            if not is_over:
                continue
            target = entry * (1 + rise) * (1 - _TOLERANCE)
            highest, lowest, highest_at, last, there = -np.inf, np.inf, -1, -1, 0
            earned, is_touched = np.nan, False
            for j in range(t + 1, behind):
                if not (open_[j] > 0 and high[j] > 0 and low[j] > 0 and close[j] > 0):
                    continue
                there += 1
                last = j
                if high[j] > highest:
                    highest, highest_at = high[j], j
                lowest = min(lowest, low[j])
                if not is_touched and high[j] >= target:
                    is_touched = True
                    earned = open_[j] / entry - 1 if open_[j] >= target else rise
            out[4, t] = there / bars
            if there == 0:
                continue
            out[0, t] = 1.0 if is_touched else 0.0
            out[1, t] = highest / entry - 1
            out[2, t] = lowest / entry - 1
            if bar_minutes == 0:
                out[3, t] = highest_at - t
            else:
                out[3, t] = (bar_at[highest_at] - begins) / _MINUTE + bar_minutes
            out[5, t] = earned if is_touched else close[last] / entry - 1
            out[6, t] = bar_at[last]
    return out[0], out[1], out[2], out[3], out[4], out[5], out[6]


@operator(
    series=("open", "high", "low", "close", "bar_at"),
    parameters=(_BARS, Parameter("bar_minutes", int, 0, 1440), number("rise", 0, 100), _DELAY),
    outputs=(
        "touch_reached",
        "touch_max_gain",
        "touch_min_loss",
        "touch_time_to_max",
        "touch_coverage",
        "touch_return",
        "touch_end",
    ),
    lookahead=lambda bars, bar_minutes, rise, delay: bars,
    memory=own_bar,
)
def touch_within(
    segments: Segments,
    open_: Array,
    high: Array,
    low: Array,
    close: Array,
    bar_at: Array,
    bars: int,
    bar_minutes: int,
    rise: float,
    delay: int,
) -> tuple[Array, Array, Array, Array, Array, Array, Array]:
    """Whether the price rises by the fraction ``rise`` within a window after the entry, and what it does in there.

    In this order: 1 if it does and 0 if not; the highest and the lowest price of the window over the entry, less 1;
    when the first bar with the highest price ends (in bars from the entry, or in minutes); which fraction of the
    window's bars has prices; the return of a position that takes its profit at the rise (at the open of a bar that
    opens above it) and else leaves at the window's last close; that last bar.

    The window is ``bars`` bars long where ``bar_minutes`` is 0. Otherwise it lasts ``bars * bar_minutes`` minutes
    from the entry and holds the bars that begin in it: fewer than ``bars`` where some are missing or the session
    ends, never more. So a value depends on ``bars`` bars ahead at most, the first bar behind the window included,
    which shows that it is over. A bar with a NULL price counts as missing. NULL until the window is over; all but
    the coverage are NULL for a window without a bar.
    """
    return _touches(
        segments.starts,
        segments.wanted,
        open_,
        high,
        low,
        close,
        bar_at,
        bars,
        bar_minutes,
        rise,
        delay,
    )
