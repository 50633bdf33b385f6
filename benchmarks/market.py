"""The bars that every engine of a benchmark reads: seeded, and the same number in single and double precision.

Prices and volumes are rounded to float32 and kept as doubles, because qlib stores float32: what engines differ by is
then their arithmetic and not their input.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from transforms import calendars

_LAST_SESSION = date(2025, 12, 31)
_SEED = 20_261
COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Size:
    """So many symbols with so many daily bars each."""

    symbols: int
    bars: int

    @property
    def rows(self) -> int:
        return self.symbols * self.bars

    def __str__(self) -> str:
        return f"{self.symbols} × {self.bars:,}"


def daily_bars(size: Size) -> pl.DataFrame:
    """Return symbol, session_date, open, high, low, close, volume and vwap, by symbol and session.

    Log returns are a common factor and noise, opens gap, ranges are half-normal, volume follows the size of the
    move: what rolling windows cost does not depend on it, but ties, ranks and correlations look like a market's.
    Daily bars have no traded price of their own: the typical price stands in for ``vwap``.
    """
    random = np.random.default_rng(_SEED)
    shape = (size.bars, size.symbols)
    deviation = random.uniform(0.010, 0.030, size.symbols)
    common = random.normal(0.0003, 0.009, size.bars)[:, None] * random.uniform(0.5, 1.5, size.symbols)
    returns = common + random.normal(0, 1, shape) * deviation - 0.5 * deviation**2
    close = random.uniform(8, 150, size.symbols) * np.exp(np.cumsum(returns, axis=0))
    opening = np.vstack([close[:1], close[:-1]]) * np.exp(random.normal(0, 0.004, shape))
    high = np.maximum(opening, close) * np.exp(np.abs(random.normal(0, 0.006, shape)))
    low = np.minimum(opening, close) * np.exp(-np.abs(random.normal(0, 0.006, shape)))
    usual = random.uniform(11, 15, size.symbols)
    volume = np.round(np.exp(random.normal(0, 0.35, shape) + usual) * (1 + 12 * np.abs(returns)))
    values = dict(zip(COLUMNS, (opening, high, low, close, volume), strict=True))
    single = {name: matrix.T.reshape(-1).astype(np.float32) for name, matrix in values.items()}
    days = calendars.sessions("XNYS", date(1980, 1, 2), _LAST_SESSION)["session_date"].tail(size.bars)
    names = [f"S{number:04d}" for number in range(size.symbols)]
    return pl.DataFrame(
        {
            "symbol": pl.Series(np.repeat(names, size.bars)),
            "session_date": pl.concat([days] * size.symbols),
            **{name: pl.Series(column).cast(pl.Float64) for name, column in single.items()},
        }
    ).with_columns(vwap=(pl.col("high") + pl.col("low") + pl.col("close")) / 3)


def write_source(bars: pl.DataFrame, folder: Path) -> None:
    """Write bars as files that ``source=parquet source.path=<folder>/*.parquet`` reads: the last session apart."""
    folder.mkdir(parents=True, exist_ok=True)
    named = bars.select("symbol", pl.col("session_date").alias("bar_at"), *COLUMNS)
    last = named["bar_at"].max()
    named.filter(pl.col("bar_at") < last).write_parquet(folder / "bars-0.parquet")
    named.filter(pl.col("bar_at") == last).write_parquet(folder / "bars-1.parquet")


def write_qlib(bars: pl.DataFrame, folder: Path) -> None:
    """Write bars as qlib's store: float32 files by symbol and field, the first bar's index before the values."""
    days = bars["session_date"].unique().sort()
    (folder / "calendars").mkdir(parents=True)
    (folder / "instruments").mkdir()
    (folder / "calendars" / "day.txt").write_text("\n".join(str(day) for day in days) + "\n")
    symbols = bars.partition_by("symbol", as_dict=True, maintain_order=True)
    lines = [f"{name}\t{days[0]}\t{days[-1]}\n" for (name,) in symbols]
    (folder / "instruments" / "all.txt").write_text("".join(lines))
    for (name,), frame in symbols.items():
        place = folder / "features" / str(name).lower()
        place.mkdir(parents=True)
        for field in (*COLUMNS, "vwap"):
            values = frame[field].to_numpy().astype("<f4")
            np.concatenate([np.zeros(1, "<f4"), values]).tofile(place / f"{field}.day.bin")
