"""Seeded artificial bars of any number of symbols, daily or by the minute, with splits and dividends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from transforms import calendars, frames
from transforms.config import SyntheticSourceConfig
from transforms.errors import ConfigError
from transforms.sources.base import Coverage, Page
from transforms.sources.market_model import Bars, Clock, Floats, Index, Market, Symbol, simulate_market
from transforms.sources.selection import in_range, require_known
from transforms.stamps import midnight_at

BENCHMARK = "SYNX"
PAGE_ROWS = 500_000
PAGE_SYMBOLS = 100

_MODEL = 1  # number of the model: raise it with every change that changes a bar
_WEEKDAYS = np.array([0.95, 1.0, 1.03, 1.02, 1.0, 0.9, 0.9])  # volume, Monday to Sunday
_OVERNIGHT = 0.3  # fraction of a session's variance that falls before its open, where exchanges close at all
_BETWEEN_BARS = 0.02  # fraction of a bar's variance between the bar before and its open
_HALF_DAY_VOLUME = 0.5
_FIRST_YEAR = 1900


class SyntheticSource:
    """Symbols ``S0000`` onwards and the index ``SYNX`` of all of them, with no dividends in it.

    A page of bars holds up to ``PAGE_SYMBOLS`` symbols or ``PAGE_ROWS`` rows (one symbol at least), the index
    comes last; corporate actions are one page. What is simulated depends on ``seed``, ``bar_count``,
    ``last_session``, ``timeframe`` and ``calendar``, and for the index on ``symbol_count``; ``symbols``,
    ``start`` and ``end`` only choose from it.
    """

    def __init__(self, config: SyntheticSourceConfig) -> None:
        self._config = config

    def coverage(self) -> Coverage:
        """Say what can be simulated.

        Raises:
            ConfigError: An unknown symbol is asked for, or more bars than the calendar has sessions for.
        """
        config = self._config
        known = (*self._names, BENCHMARK)
        require_known(config.symbols, known, f"the synthetic source of {config.symbol_count} symbols")
        version = (
            f"model-{_MODEL} seed-{config.seed} {config.symbol_count}x{config.bar_count} {config.timeframe} "
            f"{config.calendar} until-{config.last_session}"
        )
        days = self._table["session_date"]
        return Coverage(
            symbols=tuple(sorted(known)),
            timeframes=("1d", "1m"),
            start=days[0],
            end=days[-1],
            version=version,
        )

    def pages(self, kind: str, *, after: int = -1) -> Iterator[Page]:
        """Yield the pages of ``kind`` whose number is above ``after``, in order."""
        if kind == "corporate_actions":
            if after < 0:
                yield Page(kind, 0, self._actions())
            return
        stocks = [name for name in self._names if self._wants(name)]
        size = max(1, min(PAGE_SYMBOLS, PAGE_ROWS // self._clock.bars))
        groups = [stocks[begin : begin + size] for begin in range(0, len(stocks), size)]
        number_of = {name: number for number, group in enumerate(groups) for name in group}
        index = Index(self._clock) if self._wants(BENCHMARK) and len(groups) > after else None
        held: list[tuple[str, Bars]] = []
        for position, name in enumerate(self._names):
            number = number_of.get(name, -1)
            if index is None and number <= after:
                continue
            symbol = self._symbol(position)
            quoted, whole = symbol.bars()
            if index is not None:
                index.add(symbol, whole)
            if number > after:
                held.append((name, quoted))
                if name == groups[number][-1]:
                    yield Page("bars", number, self._frame(held))
                    held = []
        if index is not None:
            yield Page("bars", len(groups), self._frame([(BENCHMARK, index.bars())]))

    def _wants(self, name: str) -> bool:
        return not self._config.symbols or name in self._config.symbols

    def _symbol(self, position: int) -> Symbol:
        return Symbol(self._config.seed, position, self._clock, self._market)

    def _frame(self, symbols: list[tuple[str, Bars]]) -> pl.DataFrame:
        """Put symbols' bars together, symbol by symbol in order of time."""
        count, bars = len(symbols), self._clock.bars
        names = pl.Series([name for name, _ in symbols], dtype=pl.String)
        row = pl.Series(np.tile(np.arange(bars), count))
        stacked = {
            column: np.concatenate([getattr(one, column) for _, one in symbols])
            for column in ("open", "high", "low", "close", "volume")
        }
        frame = pl.DataFrame(
            {
                "symbol": names.gather(pl.Series(np.repeat(np.arange(count), bars))),
                "bar_at": self._table["bar_at"].gather(row),
                "session_date": self._table["session_date"].gather(row),
                **stacked,
                "defect": pl.Series([None], dtype=pl.String).new_from_index(0, count * bars),
            },
            schema=frames.BARS_SCHEMA,
        )
        return in_range(frame, "session_date", self._config)

    def _actions(self) -> pl.DataFrame:
        days = self._table["session_date"].to_list()
        rows = [
            (name, days[action.bar], action.kind, action.value, None, None)
            for position, name in enumerate(self._names)
            if self._wants(name)
            for action in self._symbol(position).actions
        ]
        frame = pl.DataFrame(rows, schema=frames.ACTIONS_SCHEMA, orient="row")
        return in_range(frame.sort("symbol", "ex_date", "kind"), "ex_date", self._config)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(f"S{position:04d}" for position in range(self._config.symbol_count))

    @cached_property
    def _market(self) -> Market:
        return simulate_market(self._config.seed, self._clock)

    @cached_property
    def _table(self) -> pl.DataFrame:
        """Every bar with session_date, bar_at, place and length (bars) of it in its session, is_half_day."""
        config = self._config
        bars_per_session = 1 if config.timeframe == "1d" else 200  # at least; half days have 210 minutes
        wanted = -(-config.bar_count // bars_per_session)
        last = date.fromisoformat(config.last_session)
        back = timedelta(days=wanted * 8 // 5 + 40)  # 252 of 365 days are sessions
        if (last - date(_FIRST_YEAR, 1, 1)) < back:
            raise ConfigError(
                f"source.bar_count: {config.bar_count} bars of {config.timeframe} until {last} would begin "
                f"before {_FIRST_YEAR}; take fewer"
            )
        sessions = calendars.sessions(config.calendar, last - back, last)
        if config.timeframe == "1d":
            zone = calendars.exchange_timezone(config.calendar)
            table = sessions.with_columns(
                bar_at=midnight_at(pl.col("session_date"), zone), place=pl.lit(0), length=pl.lit(1)
            )
        else:
            end = pl.col("close_at") - pl.duration(minutes=1)
            minutes = pl.datetime_ranges("open_at", end, "1m", time_unit="us").alias("bar_at")
            table = (
                sessions.with_columns(minutes)
                .explode("bar_at", empty_as_null=False)
                .with_columns(
                    place=pl.int_range(pl.len()).over("session_date"), length=pl.len().over("session_date")
                )
            )
        return table.tail(config.bar_count)

    @cached_property
    def _clock(self) -> Clock:
        table = self._table
        session = table["session_date"].rle_id().to_numpy().astype(np.int64)
        starts = np.flatnonzero(np.diff(session, prepend=-1)).astype(np.int64)
        always_open = bool((table["close_at"] - table["open_at"] >= timedelta(days=1)).any())
        overnight = _BETWEEN_BARS if always_open else _OVERNIGHT
        is_opening = table["place"].to_numpy() == 0
        share = _intraday_shape(table["place"].to_numpy(), table["length"].to_numpy())
        variance = (1 - overnight) * share + np.where(is_opening, overnight, 0.0)
        volume = share * _WEEKDAYS[table["session_date"].dt.weekday().to_numpy() - 1]
        volume *= np.where(table["is_half_day"].to_numpy(), _HALF_DAY_VOLUME, 1.0)
        return Clock(
            session=session,
            variance=variance,
            before_open=np.where(is_opening, overnight / variance, _BETWEEN_BARS),
            volume=volume,
            session_starts=starts,
        )


def _intraday_shape(place: NDArray[np.int64], length: NDArray[np.int64]) -> Floats:
    """Return each bar's share of its session: a U, the first and last minutes about five times the middle."""
    middle = (place + 0.5) / length * 2 - 1
    shape: Floats = (0.5 + 2.0 * middle**4) / (0.5 + 2.0 / 5) / length
    return np.where(length == 1, 1.0, shape)
