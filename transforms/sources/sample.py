"""Real daily bars out of installed data packages: five stocks and two indices, without any network.

``bokeh_sampledata`` carries AAPL, FB, GOOG, IBM and MSFT (2000-03-01 to 2013-03-01, Quandl WIKI, raw and
adjusted), ``arch`` the S&P 500 (SPX) and the NASDAQ composite (IXIC) from 1999 to 2018.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from importlib import metadata
from pathlib import Path

import polars as pl

from transforms import actions, calendars, frames
from transforms.config import SampleSourceConfig
from transforms.errors import QuantmillError
from transforms.sources.base import Coverage, Page
from transforms.sources.selection import in_range, require_known

_STOCKS = ("bokeh_sampledata", "bokeh_sampledata/_data/stocks.csv.gz")
_INDICES = {
    "IXIC": ("arch", "arch/data/nasdaq/nasdaq.csv.gz"),
    "SPX": ("arch", "arch/data/sp500/sp500.csv.gz"),
}
_ADJUSTED_DECIMALS = 12
_PRICES = ("open", "high", "low", "close", "volume")


class SampleSource:
    """The default source; one page of bars per symbol, one page of corporate actions."""

    def __init__(self, config: SampleSourceConfig) -> None:
        self._config = config

    def coverage(self) -> Coverage:
        """Say what is there; raise ``ConfigError`` where the config asks for a symbol that is not."""
        known = tuple(sorted({*self.stocks["symbol"].to_list(), *_INDICES}))
        require_known(self._config.symbols, known, "the sample source")
        days = pl.concat([frame["session_date"] for frame in (self.stocks, *map(_index, _INDICES))])
        versions = [f"{package}-{metadata.version(package)}" for package in ("arch", "bokeh_sampledata")]
        ordered = days.sort()
        return Coverage(
            symbols=known,
            timeframes=("1d",),
            start=ordered[0],
            end=ordered[-1],
            version=" ".join((*versions, f"reading-{frames.READING}")),
        )

    def pages(self, kind: str, *, after: int = -1) -> Iterator[Page]:
        """Yield the pages numbered above ``after``: a symbol's bars each, or all corporate actions."""
        symbols = sorted(self._config.symbols or self.coverage().symbols)
        if kind == "corporate_actions":
            if after < 0:
                yield Page(kind, 0, self._actions(symbols))
            return
        for number, symbol in enumerate(symbols):
            if number > after:
                yield Page(kind, number, self._bars(symbol))

    def _bars(self, symbol: str) -> pl.DataFrame:
        received = _index(symbol) if symbol in _INDICES else self.stocks.filter(pl.col("symbol") == symbol)
        bars = frames.normalise_bars(
            received,
            columns={"bar_at": "session_date"},
            timezone=None,
            timeframe="1d",
            exchange_timezone=calendars.exchange_timezone(self._config.calendar),
            where=f"the sample's {symbol}",
            symbol=symbol,
        )
        return in_range(bars, "session_date", self._config)

    def _actions(self, symbols: list[str]) -> pl.DataFrame:
        closes = self.stocks.filter(pl.col("symbol").is_in(symbols))
        derived = actions.derive_actions(closes, adjusted_decimals=_ADJUSTED_DECIMALS)
        return in_range(derived, "ex_date", self._config)

    @cached_property
    def stocks(self) -> pl.DataFrame:
        """The stocks as received: symbol, session_date, prices, volume, adjusted_close."""
        adjusted = pl.col("Adj Close").alias("adjusted_close")
        return _read(*_STOCKS, "%Y-%m-%d", pl.col("Ticker").alias("symbol"), adjusted)


def _index(symbol: str) -> pl.DataFrame:
    return _read(*_INDICES[symbol], "%m/%d/%Y")


def _read(package: str, path: str, date_format: str, *more: pl.Expr) -> pl.DataFrame:
    """Read bars of an installed package without importing the package (and pandas with it)."""
    file = Path(str(metadata.distribution(package).locate_file(path)))
    if not file.is_file():
        raise QuantmillError(
            f"{file} is missing: {package} {metadata.version(package)} does not carry the sample's data; "
            "install the versions pinned in requirements.lock"
        )
    day = pl.col("Date").str.to_date(date_format).alias("session_date")
    prices = [pl.col(name.capitalize()).cast(pl.Float64).alias(name) for name in _PRICES]
    return pl.read_csv(file).select(day, *prices, *more)
