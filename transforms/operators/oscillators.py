"""Oscillators that need more than windows of one series: money flow, on-balance volume, the stochastic.

Equal to TA-Lib but where a quotient is not defined: NULL here, 0 there.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import (
    Array,
    Rows,
    Segments,
    bars_before,
    one_before,
    operator,
    periods,
    window,
)
from transforms.operators.compiled import compiled
from transforms.operators.rolling import rolling_max, rolling_min, rolling_sum


@operator(series=("high", "low", "close"), parameters=(periods(),), memory=window)
def fast_stochastic(segments: Segments, high: Array, low: Array, close: Array, n: int) -> Array:
    """Where close lies between the lowest low (0) and the highest high (100) of n bars; NULL if they are equal."""
    lowest, highest = rolling_min(segments, low, n), rolling_max(segments, high, n)
    span = highest - lowest
    span[span == 0] = np.nan
    return 100 * ((close - lowest) / span)


@compiled
def _flow(starts: Rows, wanted: Rows, price: Array, volume: Array, n: int) -> tuple[Array, Array]:
    """Money that went up, and down: typical price times volume by the sign of the price's change."""
    up, down = np.full(len(price), np.nan), np.full(len(price), np.nan)
    for s in range(len(wanted)):
        for t in range(max(starts[s], wanted[s] - n) + 1, starts[s + 1]):
            move, flow = price[t] - price[t - 1], price[t] * volume[t]
            if not np.isnan(move + flow):
                up[t] = flow if move > 0 else 0.0
                down[t] = flow if move < 0 else 0.0
    return up, down


@operator(series=("price", "volume"), parameters=(periods(low=2),), memory=bars_before)
def money_flow_index(segments: Segments, price: Array, volume: Array, n: int) -> Array:
    """Upward in all money flow of n bars, 0 to 100; NULL where none flowed. ``price`` is the typical price.

    Source: Quong and Soudack (1989), Technical Analysis of Stocks and Commodities 7:3. TA-Lib gives 0 where less than
    1.0 flowed in n bars.
    """
    up, down = _flow(segments.starts, segments.wanted, price, volume, n)
    upward, all_flow = rolling_sum(segments, up, n), rolling_sum(segments, down, n)
    all_flow += upward
    all_flow[all_flow == 0] = np.nan
    return 100 * (upward / all_flow)


@compiled
def _on_balance_volume(starts: Rows, price: Array, volume: Array) -> Array:
    out = np.full(len(price), np.nan)
    for s in range(len(starts) - 1):
        total, before = 0.0, np.nan
        for t in range(starts[s], starts[s + 1]):
            if np.isnan(price[t]) or np.isnan(volume[t]):
                continue
            if np.isnan(before):
                total = volume[t]
            elif price[t] > before:
                total += volume[t]
            elif price[t] < before:
                total -= volume[t]
            before = price[t]
            out[t] = total
    return out


@operator(series=("price", "volume"))
def on_balance_volume(segments: Segments, price: Array, volume: Array) -> Array:
    """Volume of rising less that of falling bars so far, beginning with the first bar's volume.

    A bar without price or volume is NULL and left out. Source: Granville (1963), New Key to Stock Market Profits.
    """
    return _on_balance_volume(segments.starts, price, volume)


@operator(series=("price", "traded_value"), memory=one_before)
def illiquidity(segments: Segments, price: Array, traded_value: Array) -> Array:
    """Absolute log return from the bar before per million traded; NULL without trade. See amihud in the macros."""
    out = np.full(len(price), np.nan)
    known = (price[1:] > 0) & (price[:-1] > 0) & (traded_value[1:] > 0)
    known[segments.starts[1:-1] - 1] = False  # no bar before a symbol's first
    np.divide(price[1:], price[:-1], out=out[1:], where=known)
    np.log(out, out=out)
    np.abs(out, out=out)
    np.divide(1e6 * out[1:], traded_value[1:], out=out[1:], where=known)
    return out
