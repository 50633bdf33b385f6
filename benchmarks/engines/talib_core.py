"""Those indicators of the set ``core`` that TA-Lib has, symbol by symbol, from arrays to arrays in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import talib

from benchmarks.engines.protocol import arguments, sampled, say, timed

Array = npt.NDArray[np.float64]
_PRICES = ("open", "high", "low", "close", "volume")


def indicators(high: Array, low: Array, close: Array, volume: Array) -> dict[str, Any]:
    """Return column of ``core`` → values for one symbol."""
    macd, signal, histogram = talib.MACD(close, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(close, 20, 2, 2)
    slow_k, slow_d = talib.STOCH(high, low, close, 14, 3, slowd_period=3)  # simple means
    down, up = talib.AROON(high, low, 25)
    return {
        **{f"return_{n}": talib.ROCP(close, n) for n in (1, 5, 10, 20)},
        **{f"sma_{n}": talib.SMA(close, n) for n in (10, 20, 50, 200)},
        **{f"ema_{n}": talib.EMA(close, n) for n in (9, 12, 21, 26)},
        "macd_12_26_9": macd,
        "macd_signal_12_26_9": signal,
        "macd_hist_12_26_9": histogram,
        "adx_14": talib.ADX(high, low, close, 14),
        "plus_di_14": talib.PLUS_DI(high, low, close, 14),
        "minus_di_14": talib.MINUS_DI(high, low, close, 14),
        "aroon_up_25": up,
        "aroon_down_25": down,
        "atr_14": talib.ATR(high, low, close, 14),
        "natr_14": talib.NATR(high, low, close, 14),
        "bbands_upper_20_2": upper,
        "bbands_middle_20_2": middle,
        "bbands_lower_20_2": lower,
        "donchian_upper_20": talib.MAX(high, 20),
        "donchian_lower_20": talib.MIN(low, 20),
        "rsi_14": talib.RSI(close, 14),
        "stoch_k_14_3": slow_k,
        "stoch_d_14_3": slow_d,
        "willr_14": talib.WILLR(high, low, close, 14),
        "cci_20": talib.CCI(high, low, close, 20),
        "mfi_14": talib.MFI(high, low, close, volume, 14),
    }


def main() -> None:
    """Compute the indicators of every symbol."""
    job = arguments(("core",))
    bars = pl.read_parquet(job.data / "bars.parquet")
    parts = {
        str(name): {column: part[column].to_numpy().copy() for column in _PRICES}
        for (name,), part in bars.partition_by("symbol", as_dict=True, maintain_order=True).items()
    }

    def compute() -> dict[str, dict[str, Any]]:
        return {
            name: indicators(part["high"], part["low"], part["close"], part["volume"])
            for name, part in parts.items()
        }

    result, seconds = timed(compute, job.repeats)
    sample = pl.concat(
        bars.filter(pl.col("symbol") == name).select("symbol", "session_date").with_columns(**result[name])
        for name in sampled(list(result))
    )
    sample.write_parquet(job.out)
    columns = len(next(iter(result.values())))
    say(f"TA-Lib {talib.__version__}, a loop over symbols", seconds, rows=len(bars), columns=columns)


if __name__ == "__main__":
    main()
