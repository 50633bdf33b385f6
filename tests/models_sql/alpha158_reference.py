"""Alpha158 once more, from qlib's definitions, window by window in numpy. Slow and plain on purpose.

The definitions are those of qlib's ``Alpha158DL.get_feature_config`` and of the operators in ``qlib/data/ops.py``
that it names, written down here as strings beside what they come to. Two things are ours: a window that is not full
or holds a NULL gives NULL, and the volume of a bar without trade divides nothing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.models_sql.reference import Floats, adjust, lagged, rolling

_TINY = 1e-12


def correlation(x: Floats, y: Floats) -> float:
    """Corr: NaN where one of them does not move, by more than rounding."""
    if min(np.std(x) / (abs(np.mean(x)) or 1), np.std(y) / (abs(np.mean(y)) or 1)) < 1e-12:
        return np.nan
    return float(np.corrcoef(x, y)[0, 1])


def line(y: Floats) -> tuple[float, float, float]:
    """Slope, Rsquare and Resi: of the line through the values at 1, 2, 3 …"""
    time = np.arange(1.0, len(y) + 1)
    slope, intercept = np.polyfit(time, y, 1) if np.ptp(y) else (0.0, y[-1])
    fit = np.corrcoef(time, y)[0, 1] ** 2 if np.ptp(y) else np.nan
    return float(slope), float(fit), float(y[-1] - intercept - slope * time[-1])


def rank(window: Floats) -> float:
    """Rank(pct): equal values share the mean of their ranks."""
    return float(((window < window[-1]).sum() + ((window == window[-1]).sum() + 1) / 2) / len(window))


def features_of(bars: pd.DataFrame) -> pd.DataFrame:
    """Return one symbol's 158 columns; ``bars`` are adjusted."""
    o, h, lo, c, v = (bars[name].to_numpy() for name in ("open", "high", "low", "close", "volume"))
    span = h - lo + _TINY
    f: dict[str, Floats] = {
        "kmid": (c - o) / o,  # ($close-$open)/$open
        "klen": (h - lo) / o,  # ($high-$low)/$open
        "kmid2": (c - o) / span,  # ($close-$open)/($high-$low+1e-12)
        "kup": (h - np.maximum(o, c)) / o,  # ($high-Greater($open, $close))/$open
        "kup2": (h - np.maximum(o, c)) / span,
        "klow": (np.minimum(o, c) - lo) / o,  # (Less($open, $close)-$low)/$open
        "klow2": (np.minimum(o, c) - lo) / span,
        "ksft": (2 * c - h - lo) / o,  # (2*$close-$high-$low)/$open
        "ksft2": (2 * c - h - lo) / span,
        "open0": o / c,
        "high0": h / c,
        "low0": lo / c,
        "vwap0": (h + lo + c) / 3 / c,
    }
    traded = np.where(v == 0, np.nan, v)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_change = np.log(v / lagged(v, 1) + 1)
    log_change[~np.isfinite(log_change)] = np.nan
    move, volume_move = c - lagged(c, 1), v - lagged(v, 1)
    moved_volume = np.abs(c / lagged(c, 1) - 1) * v
    for n in (5, 10, 20, 30, 60):
        highest, lowest = rolling(np.max, n, h), rolling(np.min, n, lo)
        f[f"roc{n}"] = lagged(c, n) / c  # Ref($close, n)/$close
        f[f"ma{n}"] = rolling(np.mean, n, c) / c  # Mean($close, n)/$close
        f[f"std{n}"] = rolling(lambda w: np.std(w, ddof=1), n, c) / c  # Std($close, n)/$close
        f[f"beta{n}"] = rolling(lambda w: line(w)[0], n, c) / c  # Slope($close, n)/$close
        f[f"rsqr{n}"] = rolling(lambda w: line(w)[1], n, c)  # Rsquare($close, n)
        f[f"resi{n}"] = rolling(lambda w: line(w)[2], n, c) / c  # Resi($close, n)/$close
        f[f"max{n}"] = highest / c  # Max($high, n)/$close
        f[f"min{n}"] = lowest / c  # Min($low, n)/$close
        f[f"qtlu{n}"] = rolling(lambda w: np.quantile(w, 0.8), n, c) / c  # Quantile($close, n, 0.8)/$close
        f[f"qtld{n}"] = rolling(lambda w: np.quantile(w, 0.2), n, c) / c  # Quantile($close, n, 0.2)/$close
        f[f"rank{n}"] = rolling(rank, n, c)  # Rank($close, n)
        # ($close-Min($low, n))/(Max($high, n)-Min($low, n)+1e-12)
        f[f"rsv{n}"] = (c - lowest) / (highest - lowest + _TINY)
        f[f"imax{n}"] = rolling(lambda w: np.argmax(w) + 1.0, n, h) / n  # IdxMax($high, n)/n
        f[f"imin{n}"] = rolling(lambda w: np.argmin(w) + 1.0, n, lo) / n  # IdxMin($low, n)/n
        f[f"imxd{n}"] = f[f"imax{n}"] - f[f"imin{n}"]
        f[f"corr{n}"] = rolling(correlation, n, c, np.log(v + 1))  # Corr($close, Log($volume+1), n)
        # Corr($close/Ref($close,1), Log($volume/Ref($volume, 1)+1), n)
        f[f"cord{n}"] = rolling(correlation, n, c / lagged(c, 1), log_change)
        f[f"cntp{n}"] = rolling(lambda w: (w > 0).mean(), n, move)  # Mean($close>Ref($close, 1), n)
        f[f"cntn{n}"] = rolling(lambda w: (w < 0).mean(), n, move)  # Mean($close<Ref($close, 1), n)
        f[f"cntd{n}"] = f[f"cntp{n}"] - f[f"cntn{n}"]
        for name, moves in (("sum", move), ("vsum", volume_move)):
            # Sum(Greater($close-Ref($close, 1), 0), n)/(Sum(Abs($close-Ref($close, 1)), n)+1e-12)
            whole = rolling(lambda w: np.abs(w).sum(), n, moves) + _TINY
            f[f"{name}p{n}"] = rolling(lambda w: np.maximum(w, 0).sum(), n, moves) / whole
            f[f"{name}n{n}"] = rolling(lambda w: np.maximum(-w, 0).sum(), n, moves) / whole
            f[f"{name}d{n}"] = rolling(np.sum, n, moves) / whole
        f[f"vma{n}"] = rolling(np.mean, n, v) / traded  # Mean($volume, n)/($volume+1e-12)
        f[f"vstd{n}"] = rolling(lambda w: np.std(w, ddof=1), n, v) / traded  # Std($volume, n)/($volume+1e-12)
        # Std(Abs($close/Ref($close, 1)-1)*$volume, n)/(Mean(Abs($close/Ref($close, 1)-1)*$volume, n)+1e-12)
        deviation = rolling(lambda w: np.std(w, ddof=1), n, moved_volume)
        f[f"wvma{n}"] = deviation / (rolling(np.mean, n, moved_volume) + _TINY)
    return pd.DataFrame({"symbol": bars.symbol, "bar_at": bars.bar_at, **f})


def features(bars: pd.DataFrame, actions: pd.DataFrame, benchmark: str) -> pd.DataFrame:
    """Return the columns of every symbol but the benchmark, in the order of (symbol, bar_at)."""
    groups = bars[bars.symbol != benchmark].groupby("symbol")
    parts = [features_of(adjust(group, actions[actions.symbol == symbol])) for symbol, group in groups]
    return pd.concat(parts, ignore_index=True)
