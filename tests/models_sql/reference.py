"""The features once more, from their textbook definitions, bar by bar in numpy. Slow and plain on purpose.

Nothing here knows the SQL. TA-Lib's conventions (seeds, first defined bar) are followed from its C sources'
documentation: RSI, ATR and EMA start with the plain mean of their first full window; MACD starts both of its
averages on the slow one's first bar. Directional movement, Aroon and OBV are TA-Lib's own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import talib
from numpy.typing import NDArray

Floats = NDArray[np.float64]
YEAR = 252


def adjust(bars: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    """Walk one symbol's bars as its holder would: splits multiply the shares, dividends buy more of them."""
    bars = bars.sort_values("bar_at").reset_index(drop=True)
    pending = actions.sort_values("ex_date").to_dict("records")
    pending = [a for a in pending if a["ex_date"] > bars.session_date[0]]
    shares, splits = 1.0, 1.0
    factor, split_factor = [], []
    for i, row in bars.iterrows():
        due = [a for a in pending if a["ex_date"] <= row.session_date]
        pending = pending[len(due) :]
        if due:
            # All in units of today's shares.
            later = 1.0
            cash = 0.0
            for a in reversed(due):
                if a["kind"] == "split":
                    later *= a["value"]
                else:
                    cash += a["value"] / later
            before = bars.close[i - 1] / later
            shares *= later * before / (before - cash)
            splits *= later
        factor.append(shares)
        split_factor.append(splits)
    out = bars.copy()
    for column in ("open", "high", "low", "close"):
        out[column] = bars[column] * factor
    out["traded_value"] = bars.close * bars.volume
    out["volume"] = bars.volume / split_factor
    return out


def rolling(f: Callable[..., float], n: int, *series: Floats) -> Floats:
    """Apply ``f`` to the last ``n`` values of each series; NaN until all are there and known."""
    out = np.full(len(series[0]), np.nan)
    for i in range(n - 1, len(out)):
        windows = [s[i - n + 1 : i + 1] for s in series]
        if not any(np.isnan(w).any() for w in windows):
            out[i] = f(*windows)
    return out


def ema(x: Floats, n: int, first: int, alpha: float) -> Floats:
    """Exponential mean seeded by the plain mean of ``x[first:first + n]``."""
    out = np.full(len(x), np.nan)
    if len(x) < first + n:
        return out
    value = float(np.mean(x[first : first + n]))
    out[first + n - 1] = value
    for i in range(first + n, len(x)):
        value = alpha * x[i] + (1 - alpha) * value
        out[i] = value
    return out


def quotient(a: float, b: float) -> float:
    return a / b if b != 0 else np.nan


def position(x: float, low: float, high: float) -> float:
    return quotient(x - low, high - low)


def lagged(x: Floats, n: int) -> Floats:
    return np.concatenate([np.full(min(n, len(x)), np.nan), x[: max(len(x) - n, 0)]])


def slope(y: Floats, x: Floats) -> float:
    covariance = np.cov(x, y)
    return quotient(covariance[0, 1], covariance[0, 0])


def features_of(bars: pd.DataFrame, benchmark: pd.DataFrame) -> pd.DataFrame:
    """Return one symbol's features; ``bars`` and ``benchmark`` are adjusted."""
    o, h, lo, c, v = (bars[name].to_numpy() for name in ("open", "high", "low", "close", "volume"))
    r = np.log(c / lagged(c, 1))
    tp = (h + lo + c) / 3
    index = benchmark.set_index("bar_at").close.reindex(bars.bar_at).to_numpy()
    index_r, index_20 = np.log(index / lagged(index, 1)), index / lagged(index, 20) - 1
    f: dict[str, Floats] = {}
    for n in (1, 5, 10, 20, 60):
        f[f"return_{n}"] = c / lagged(c, n) - 1
    f["log_return_1"] = r
    f["momentum_12_1"] = lagged(c, 21) / lagged(c, 252) - 1
    f["gap"] = o / lagged(c, 1) - 1
    f["intraday_range"] = (h - lo) / c
    for n in (10, 20):
        f[f"roc_{n}"] = 100 * f[f"return_{n}"]
    for n in (10, 20, 50, 200):
        f[f"sma_{n}"] = rolling(np.mean, n, c)
        f[f"sma_distance_{n}"] = rolling(lambda w: w[-1] / np.mean(w) - 1, n, c)
    for n in (9, 12, 21, 26):
        f[f"ema_{n}"] = ema(c, n, 0, 2 / (n + 1))
    annual = np.sqrt(YEAR)
    for n in (10, 20, 60):
        f[f"volatility_{n}"] = rolling(lambda w: np.std(w, ddof=1) * annual or np.nan, n, r)
    ranges = np.log(h / lo) ** 2
    f["parkinson_20"] = rolling(
        lambda w: np.sqrt(np.mean(w) / (4 * np.log(2))) * annual or np.nan, 20, ranges
    )
    klass = 0.5 * ranges - (2 * np.log(2) - 1) * np.log(c / o) ** 2
    f["garman_klass_20"] = rolling(lambda w: np.sqrt(max(np.mean(w), 0)) * annual or np.nan, 20, klass)

    overnight, daytime = np.log(o / lagged(c, 1)), np.log(c / o)
    inside = np.log(h / c) * np.log(h / o) + np.log(lo / c) * np.log(lo / o)
    k = 0.34 / (1.34 + 21 / 19)

    def yang_zhang(gaps: Floats, moves: Floats, ranges: Floats) -> float:
        variance = np.var(gaps, ddof=1) + k * np.var(moves, ddof=1) + (1 - k) * np.mean(ranges)
        return float(np.sqrt(variance) * annual) or np.nan

    f["yang_zhang_20"] = rolling(yang_zhang, 20, overnight, daytime, inside)

    tr = np.maximum(h, lagged(c, 1)) - np.minimum(lo, lagged(c, 1))
    f["atr_14"] = ema(tr, 14, 1, 1 / 14)
    f["natr_14"] = 100 * f["atr_14"] / c
    # TA-Lib gives 0 as long as nothing has moved.
    moved = np.maximum.accumulate((h != h[0]) | (lo != lo[0]) | (h != lo))
    f["adx_14"] = np.where(moved, talib.ADX(h, lo, c, 14), np.nan)
    f["plus_di_14"] = np.where(moved, talib.PLUS_DI(h, lo, c, 14), np.nan)
    f["minus_di_14"] = np.where(moved, talib.MINUS_DI(h, lo, c, 14), np.nan)
    f["aroon_down_25"], f["aroon_up_25"] = talib.AROON(h, lo, 25)
    change = c - lagged(c, 1)
    up, down = (
        ema(np.where(np.isnan(change), np.nan, np.maximum(s * change, 0)), 14, 1, 1 / 14) for s in (1, -1)
    )
    f["rsi_14"] = np.array([100 * quotient(a, a + b) for a, b in zip(up, down, strict=True)])
    macd = ema(c, 12, 14, 2 / 13) - ema(c, 26, 0, 2 / 27)
    f["macd_12_26_9"], f["macd_signal_12_26_9"] = macd, ema(macd, 9, 25, 0.2)
    f["macd_hist_12_26_9"] = macd - f["macd_signal_12_26_9"]
    f["macd_hist_12_26_9_over_close"] = f["macd_hist_12_26_9"] / c

    def percent_b(w: Floats) -> float:
        middle, width = np.mean(w), 2 * np.std(w)
        return position(w[-1], middle - width, middle + width) if np.ptp(w) else np.nan

    f["bbands_upper_20_2"] = rolling(lambda w: np.mean(w) + 2 * np.std(w), 20, c)
    f["bbands_middle_20_2"] = f["sma_20"]
    f["bbands_lower_20_2"] = rolling(lambda w: np.mean(w) - 2 * np.std(w), 20, c)
    f["bbands_percent_b_20_2"] = rolling(percent_b, 20, c)
    f["bbands_width_20_2"] = rolling(lambda w: 4 * np.std(w) / np.mean(w) if np.ptp(w) else np.nan, 20, c)
    raw_k = 100 * rolling(lambda hh, ll, cc: position(cc[-1], min(ll), max(hh)), 14, h, lo, c)
    f["stoch_k_14_3"] = rolling(np.mean, 3, raw_k)
    f["stoch_d_14_3"] = rolling(np.mean, 3, f["stoch_k_14_3"])
    f["willr_14"] = rolling(
        lambda hh, ll, cc: -100 * quotient(max(hh) - cc[-1], max(hh) - min(ll)), 14, h, lo, c
    )

    def cci(w: Floats) -> float:
        mean = np.mean(w)
        return (w[-1] - mean) / (0.015 * np.mean(np.abs(w - mean))) if np.ptp(w) else np.nan

    f["cci_20"] = rolling(cci, 20, tp)
    move = tp - lagged(tp, 1)
    f["mfi_14"] = rolling(
        lambda m, t, vv: 100 * quotient(sum((t * vv)[m > 0]), sum((t * vv)[m != 0])), 14, move, tp, v
    )
    for n in (20, 55):
        f[f"donchian_upper_{n}"] = rolling(max, n, h)
        f[f"donchian_lower_{n}"] = rolling(min, n, lo)
        f[f"donchian_position_{n}"] = rolling(
            lambda hh, ll, cc: position(cc[-1], min(ll), max(hh)), n, h, lo, c
        )
    middle, width = ema(c, 20, 0, 2 / 21), 2 * ema(tr, 20, 1, 1 / 20)
    f["keltner_upper_20_2"], f["keltner_lower_20_2"] = middle + width, middle - width
    f["keltner_position_20_2"] = 0.5 + (c - middle) / np.where(width > 0, 2 * width, np.nan)
    f["obv"] = talib.OBV(c, v)
    f["vwap_distance_20"] = rolling(
        lambda t, vv, cc: quotient(cc[-1] * sum(vv), sum(t * vv)) - 1, 20, tp, v, c
    )
    f["high_252_distance"] = rolling(lambda hh, cc: cc[-1] / max(hh) - 1, 252, h, c)
    f["drawdown_252"] = rolling(lambda cc: cc[-1] / max(cc) - 1, 252, c)
    f["volume_zscore_20"] = rolling(
        lambda w: (w[-1] - np.mean(w)) / np.std(w, ddof=1) if np.ptp(w) else np.nan, 20, v
    )
    value = bars.traded_value.to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        illiquidity = np.where(value > 0, np.abs(r) / (value / 1e6), np.nan)
    f["amihud_20"] = rolling(np.mean, 20, illiquidity)
    f["beta_60"] = rolling(slope, 60, r, index_r)
    f["relative_return_20"] = f["return_20"] - index_20
    return pd.DataFrame({"symbol": bars.symbol, "bar_at": bars.bar_at, **f})


def features(bars: pd.DataFrame, actions: pd.DataFrame, benchmark: str) -> pd.DataFrame:
    """Return the features of every symbol but the benchmark, in the order of (symbol, bar_at)."""
    adjusted = {
        symbol: adjust(group, actions[actions.symbol == symbol]) for symbol, group in bars.groupby("symbol")
    }
    index = adjusted.pop(benchmark)
    return pd.concat([features_of(adjusted[symbol], index) for symbol in sorted(adjusted)], ignore_index=True)
