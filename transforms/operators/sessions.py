"""Operators that know where a session begins: intraday sums, ranges, profiles, and bars of a higher timeframe.

Series named ``session`` (or ``stretch``, ``slot``, ``bucket``) are numbers that say which session a bar belongs to;
NULL for a bar outside of every session, such as one before the open. Such bars take no part: their own value is NULL
and no other bar's value looks at them, save that ``last_completed`` answers for them too.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Parameter, Rows, Segments, operator, periods
from transforms.operators.compiled import compiled, compiled_sum


def _minutes(name: str = "minutes") -> Parameter:
    return Parameter(name, int, 1, 1440)


@compiled
def _session_sum(starts: Rows, session: Array, x: Array) -> Array:
    out = np.full(len(x), np.nan)
    for s in range(len(starts) - 1):
        now, total = np.nan, 0.0
        for t in range(starts[s], starts[s + 1]):
            if np.isnan(session[t]):
                continue
            if session[t] != now:
                now, total = session[t], 0.0
            total += x[t]
            out[t] = total
    return out


@operator(series=("session", "x"))
def session_sum(segments: Segments, session: Array, x: Array) -> Array:
    """Sum of x since the session's first bar, this one included; NULL from a NULL until the session's end."""
    return _session_sum(segments.starts, session, x)


@compiled
def _opening_high(starts: Rows, session: Array, elapsed: Array, x: Array, minutes: int) -> Array:
    out = np.full(len(x), np.nan)
    for s in range(len(starts) - 1):
        now, high, known = np.nan, -np.inf, True
        for t in range(starts[s], starts[s + 1]):
            if np.isnan(session[t]):
                continue
            if session[t] != now:
                now, high, known = session[t], -np.inf, True
            if elapsed[t] <= minutes:
                known = known and not np.isnan(x[t])
                high = max(high, x[t])
            if elapsed[t] >= minutes and known and high > -np.inf:
                out[t] = high
    return out


@operator(series=("session", "elapsed", "x"), parameters=(_minutes(),))
def opening_high(segments: Segments, session: Array, elapsed: Array, x: Array, minutes: int) -> Array:
    """Highest x of the session's first so many minutes; NULL until they are over.

    ``elapsed`` is the number of minutes from the session's open to the bar's end. Minutes without a bar are passed
    over; NULL for the whole session where none has a bar, or one has a NULL.
    """
    return _opening_high(segments.starts, session, elapsed, x, minutes)


@operator(series=("session", "elapsed", "x"), parameters=(_minutes(),))
def opening_low(segments: Segments, session: Array, elapsed: Array, x: Array, minutes: int) -> Array:
    """Lowest x of the session's first so many minutes, as ``opening_high``."""
    return -_opening_high(segments.starts, session, elapsed, -x, minutes)


@compiled
def _growth_over(starts: Rows, stretch: Array, ended: Array, x: Array, span: float) -> Array:
    out = np.full(len(x), np.nan)
    for s in range(len(starts) - 1):
        # Rows before `next_row` ended at or before the moment looked for; `base` is the last of them in the stretch.
        now, next_row, base = np.nan, starts[s], -1
        for t in range(starts[s], starts[s + 1]):
            if np.isnan(stretch[t]):
                continue
            if stretch[t] != now:
                now, next_row, base = stretch[t], t, -1
            while next_row < t and ended[next_row] <= ended[t] - span:
                if stretch[next_row] == now:
                    base = next_row
                next_row += 1
            if base >= 0 and ended[base] >= ended[t] - 2 * span and x[base] != 0:
                out[t] = x[t] / x[base] - 1
    return out


@operator(series=("stretch", "ended", "x"), parameters=(_minutes(),))
def growth_over_minutes(segments: Segments, stretch: Array, ended: Array, x: Array, minutes: int) -> Array:
    """x over x so many minutes ago, less 1, by the clock and not by bars.

    ``ended`` is the bar's end in seconds. Compared with is the last bar of the same stretch that had ended by then,
    if that was no more than twice as many minutes ago: across a longer gap the value is NULL, as it is until the
    stretch is old enough, and where x was 0.
    """
    return _growth_over(segments.starts, stretch, ended, x, 60.0 * minutes)


@compiled_sum
def _sum(x: Array) -> float:
    total = 0.0
    for i in range(len(x)):
        total += x[i]
    return total


@compiled
def _realised_variance(
    starts: Rows, wanted: Rows, stretch: Array, first: Array, last: Array, n: int
) -> Array:
    out = np.full(len(last), np.nan)
    for s in range(len(wanted)):
        squares = np.empty(starts[s + 1] - starts[s])
        before, now, count = np.nan, np.nan, 0
        for t in range(starts[s], starts[s + 1]):
            if np.isnan(stretch[t]):
                continue
            base = before if stretch[t] == now else first[t]
            move = np.log(last[t] / base) if last[t] > 0 and base > 0 else np.nan
            squares[count] = move * move
            before, now, count = last[t], stretch[t], count + 1
            if t < wanted[s] or count < n:
                continue
            out[t] = _sum(squares[count - n : count]) / n
    return out


@operator(series=("stretch", "first", "last"), parameters=(periods(),))
def realised_variance(segments: Segments, stretch: Array, first: Array, last: Array, n: int) -> Array:
    """Mean squared log return of the last n bars in a session, without the nights between sessions.

    A bar's return is that of its ``last`` price over the bar before's; the first of a stretch counts from its own
    ``first`` price. Andersen and Bollerslev (1998), International Economic Review 39. NULL until n bars are there, or
    where one of their prices is NULL or not above 0.
    """
    return _realised_variance(segments.starts, segments.wanted, stretch, first, last, n)


@compiled
def _slot_zscore(starts: Rows, wanted: Rows, slot: Array, x: Array, n: int) -> Array:
    out = np.full(len(x), np.nan)
    slots = 0
    for t in range(len(x)):
        if slot[t] >= slots:
            slots = int(slot[t]) + 1
    held = np.empty((slots, n))
    counts = np.zeros(slots, dtype=np.int64)
    for s in range(len(wanted)):
        counts[:] = 0
        for t in range(starts[s], starts[s + 1]):
            if np.isnan(slot[t]):
                continue
            k = int(slot[t])
            count, window = counts[k], held[k]
            if t >= wanted[s] and count >= n:
                # From the oldest to the newest, wherever the ring begins, and as distances from the newest: exactly
                # 0 where nothing moved.
                newest = window[(count - 1) % n]
                mean = 0.0
                for i in range(count, count + n):
                    mean += window[i % n] - newest
                mean = newest + mean / n
                squares = 0.0
                for i in range(count, count + n):
                    distance = window[i % n] - mean
                    squares += distance * distance
                if squares > 0:
                    out[t] = (x[t] - mean) / np.sqrt(squares / (n - 1))
            window[count % n] = x[t]
            counts[k] = count + 1
    return out


@operator(series=("slot", "x"), parameters=(periods("sessions", low=2, high=1000),))
def slot_zscore(segments: Segments, slot: Array, x: Array, sessions: int) -> Array:
    """x from its mean in the same slot of earlier sessions, in their sample standard deviations.

    ``slot`` is the bar's number within its session, from 0. Compared with are the last so many earlier sessions that
    have a bar in this slot, this one not among them. NULL until there are as many, where one of their x is NULL, and
    where they are all the same.
    """
    return _slot_zscore(segments.starts, segments.wanted, slot, x, sessions)


@compiled
def _last_completed(starts: Rows, bucket: Array, complete: Array, ended: Array) -> Array:
    out = np.full(len(bucket), np.nan)
    for s in range(len(starts) - 1):
        before, now, completes = np.nan, np.nan, np.inf
        for t in range(starts[s], starts[s + 1]):
            if not np.isnan(bucket[t]):
                if bucket[t] != now:
                    before, now = now, bucket[t]
                completes = complete[t]
            out[t] = now if completes <= ended[t] else before
    return out


@operator(series=("bucket", "complete", "ended"))
def last_completed(segments: Segments, bucket: Array, complete: Array, ended: Array) -> Array:
    """The last bar of a higher timeframe that was complete at this bar's end; NULL before the first one is.

    ``bucket`` says which higher bar this bar belongs to (its start), ``complete`` when that one is
    complete and ``ended`` when this bar is, in the same unit. A bucket that is never complete is never answered.
    """
    return _last_completed(segments.starts, bucket, complete, ended)
