"""Strategies that are in or out, against a plain reading of their rules; TA-Lib where it has the indicator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import talib

from execution.strategies import MeanReversionParameters, SwingTrendParameters, TrendBreakoutParameters
from tests.models_sql.strategies import (
    CHOSEN,
    SYMBOLS,
    Floor,
    bars_of,
    day,
    market,
    mean,
    scores_of,
    strategy,
)
from transforms.operators.catalogue import Array

NAN = float("nan")


def closes(bars: pl.DataFrame, symbol: str) -> dict[str, Array]:
    own = bars.filter(pl.col("symbol") == symbol).sort("bar_at")
    names = ("adj_high", "adj_low", "adj_close", "traded_value")
    return {name.removeprefix("adj_"): own[name].to_numpy() for name in names}


def held(enter: Callable[[int], bool], leave: Callable[[int], bool], known: Array) -> Array:
    """Walk bar by bar: leave first, else enter."""
    out, holds = np.full(len(known), NAN), False
    for t in np.flatnonzero(known).tolist():
        holds = (holds or enter(t)) and not leave(t)
        out[t] = float(holds)
    return out


def trend_breakout(p: TrendBreakoutParameters, bar: dict[str, Array]) -> tuple[Array, Array]:
    high, low, close = bar["high"], bar["low"], bar["close"]
    n, m = p.entry_bars, p.exit_bars
    average = mean(close, p.average_bars)
    known = ~np.isnan(average)

    def position(up: bool) -> tuple[Array, Array]:
        sign = 1 if up else -1
        far, near = (high, low) if up else (low, high)
        entry = np.array([NAN] * n + [(sign * far[t - n : t]).max() for t in range(n, len(close))])
        ends = np.array([NAN] * m + [(sign * near[t - m : t]).min() for t in range(m, len(close))])
        holds = held(
            lambda t: bool(sign * close[t] > entry[t] and sign * close[t] > sign * average[t]),
            lambda t: bool(sign * close[t] < ends[t]),
            known,
        )
        return holds, np.clip((sign * close - ends) / (entry - ends), 0, 1)

    (longs, sure_of_long), (shorts, sure_of_short) = position(True), position(False)
    return longs - shorts, longs * sure_of_long + shorts * sure_of_short


def mean_reversion(p: MeanReversionParameters, bar: dict[str, Array]) -> tuple[Array, Array]:
    close, n = bar["close"], p.zscore_bars
    zscore, rsi, average = np.full(len(close), NAN), talib.RSI(close, p.rsi_bars), mean(close, p.average_bars)
    for t in range(n - 1, len(close)):
        window = close[t - n + 1 : t + 1]
        zscore[t] = (close[t] - window.mean()) / window.std(ddof=1)
    known = ~np.isnan(average + zscore + rsi)
    longs = held(
        lambda t: bool(
            -p.stop_zscore <= zscore[t] <= -p.entry_zscore and rsi[t] <= p.oversold and close[t] > average[t]
        ),
        lambda t: bool(zscore[t] >= -p.exit_zscore or zscore[t] < -p.stop_zscore),
        known,
    )
    shorts = held(
        lambda t: bool(
            p.entry_zscore <= zscore[t] <= p.stop_zscore
            and rsi[t] >= 100 - p.oversold
            and close[t] < average[t]
        ),
        lambda t: bool(zscore[t] <= p.exit_zscore or zscore[t] > p.stop_zscore),
        known,
    )
    confidence = (longs + shorts) * np.minimum(np.abs(zscore) / p.entry_zscore, 1)
    return longs - shorts, confidence


def swing_trend(p: SwingTrendParameters, bar: dict[str, Array]) -> tuple[Array, Array]:
    close = bar["close"]
    fast, slow = talib.EMA(close, p.fast_bars), talib.EMA(close, p.slow_bars)
    atr = talib.ATR(bar["high"], bar["low"], close, p.atr_bars)
    known = ~np.isnan(fast + slow + atr)
    if p.entry == "cross":
        known[np.argmax(known)] = False  # whether it crossed there cannot be known

    def position(sign: int) -> tuple[Array, Array]:
        gap, over = sign * (fast - slow), sign * (close - fast)
        entered: int | None = None
        out, sure = np.full(len(close), NAN), np.zeros(len(close))
        levels = sign * close - p.stop_atr * atr
        for t in np.flatnonzero(known).tolist():
            crossed = gap[t] > 0 and gap[t - 1] <= 0
            came_back = gap[t] > 0 and over[t] > 0 and over[t - 1] <= 0
            if entered is not None and (gap[t] < 0 or sign * close[t] < levels[entered:t].max()):
                entered = None
            elif entered is None and (crossed if p.entry == "cross" else came_back):
                entered = t
            out[t] = float(entered is not None)
            if entered is not None:
                stop = levels[entered : t + 1].max()
                sure[t] = np.clip((sign * close[t] - stop) / (p.stop_atr * atr[t]), 0, 1)
        return out, sure

    (longs, sure_of_long), (shorts, sure_of_short) = position(1), position(-1)
    return longs - shorts, sure_of_long + sure_of_short + 0 * longs


RULES: dict[str, Callable[[Any, dict[str, Array]], tuple[Array, Array]]] = {
    "trend_breakout": trend_breakout,
    "mean_reversion": mean_reversion,
    "swing_trend": swing_trend,
}
VARIANTS = [
    ("trend_breakout", {}),
    ("trend_breakout", {"exit_bars": 12}),
    ("mean_reversion", {}),
    ("mean_reversion", {"exit_zscore": 0.5, "entry_zscore": 1.0, "stop_zscore": 1.8, "oversold": 45.0}),
    ("swing_trend", {}),
    ("swing_trend", {"entry": "pullback"}),
    ("swing_trend", {"stop_atr": 100.0}),
]


@pytest.mark.parametrize(("name", "changes"), VARIANTS)
def test_positions_are_what_the_rules_say(floor: Floor, name: str, changes: dict[str, Any]) -> None:
    chosen = CHOSEN[name]
    chosen = replace(chosen, parameters=replace(chosen.parameters, **changes))
    bars = market()
    floor.load(bars)
    signals = floor.build(chosen)
    for symbol in SYMBOLS:
        bar = closes(bars, symbol)
        score, confidence = RULES[name](chosen.parameters, bar)
        np.testing.assert_array_equal(scores_of(signals, symbol, len(score)), score, err_msg=symbol)
        got = scores_of(signals, symbol, len(score), "confidence")
        np.testing.assert_allclose(got, confidence, atol=1e-9, err_msg=symbol)
    assert signals["score"].unique().sort().to_list() == [-1, 0, 1], "the market must show all of it"


def test_without_a_trend_filter_breakouts_of_both_sides_enter(floor: Floor) -> None:
    close = [10, 10, 10, 11, 12, 11.5, 9, 8, 8.5, 10]
    floor.load(bars_of("A", [day(i) for i in range(10)], close))
    signals = floor.build(strategy("trend_breakout", entry_bars=3, exit_bars=2, average_bars=0))
    assert signals["score"].to_list() == [1, 1, 1, -1, -1, -1, 1]
    # The first channel has no width to lie in.
    assert signals["confidence"].to_list() == pytest.approx([0, 1, 0.5, 1, 1, 0.5, 1])
