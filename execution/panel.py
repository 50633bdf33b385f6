"""Bars and scores as matrices: what the simulator loops over and a trading session looks at.

Rows are bars (T), columns the universe's present and former members sorted by name (N). Prices are raw USD on
the split basis of their own session; NaN where a symbol has no bar.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from execution.config import AccountConfig, PortfolioConfig, StrategyConfig
from execution.types import Floats, RiskDecision, Scores, Wish
from transforms.errors import ConfigError, QuantmillError, nearest
from transforms.warehouse import Warehouse

if TYPE_CHECKING:
    from execution.kernel.types import Market

Notes = tuple[tuple[int, RiskDecision], ...]


@dataclass(frozen=True)
class Panel:
    """The bars of a universe.

    Attributes:
        symbols: Present and former members, sorted, (N,).
        bar_at: Start of each bar, UTC, ascending, (T,).
        session_date: The exchange's date of each bar, (T,).
        open, high, low, close, volume: (T, N); NaN where a symbol has no bar.
        split_ratio: New shares per old, taking effect before the bar's open, (T, N); 1 if none.
        dividend: Cash per share with this ex-date, on the bar's basis, (T, N); 0 if none.
        benchmark: Total-return close of the benchmark, carried over bars it lacks, (T,); NaN before its
            first.
    """

    symbols: tuple[str, ...]
    bar_at: tuple[datetime, ...]
    session_date: tuple[date, ...]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    split_ratio: Floats
    dividend: Floats
    benchmark: Floats

    def __len__(self) -> int:
        return len(self.bar_at)

    @cached_property
    def sessions_per_year(self) -> int:
        """By which what is of sessions is annualised: 365 where there are some on either day of weekends, else 252."""
        return 365 if {5, 6} <= {day.weekday() for day in self.session_date} else 252

    @cached_property
    def _last_bar(self) -> NDArray[np.int64]:
        """Row of each symbol's last bar up to now, (T, N); -1 before its first."""
        rows = np.arange(len(self), dtype=np.int64)[:, None]
        return np.maximum.accumulate(np.where(np.isfinite(self.close), rows, -1), axis=0)

    @cached_property
    def _shares(self) -> Floats:
        """Shares that one share of the first bar has become, (T, N)."""
        shares: Floats = np.multiply.accumulate(self.split_ratio, axis=0)
        return shares

    def _close_of(self, bar: NDArray[np.int64]) -> Floats:
        """Close of row ``bar`` on the basis of the row asked from, (T, N); NaN where ``bar`` is -1."""
        row = np.maximum(bar, 0)
        price = np.take_along_axis(self.close, row, axis=0)
        price *= np.take_along_axis(self._shares, row, axis=0) / self._shares
        price[bar < 0] = np.nan
        return price

    @cached_property
    def last_close(self) -> Floats:
        """The last close up to now on today's split basis, (T, N)."""
        return self._close_of(self._last_bar)

    @cached_property
    def marks(self) -> Floats:
        """``last_close``, and 0 before a symbol's first: what a share counts for, whether held or not, (T, N)."""
        return np.nan_to_num(self.last_close, nan=0.0)

    @cached_property
    def traded_value(self) -> Floats:
        """Volume at the close (USD), (T, N); NaN where a symbol has no bar."""
        traded: Floats = self.volume * self.close
        return traded

    @cached_property
    def previous_close(self) -> Floats:
        """The close before the one in ``last_close``, on today's split basis, (T, N)."""
        last = self._last_bar
        one_before = np.full_like(last, -1)
        one_before[1:] = last[:-1]  # the last bar as seen from the row before
        return self._close_of(
            np.where(last < 0, -1, np.take_along_axis(one_before, np.maximum(last, 0), axis=0))
        )

    @cached_property
    def range_by_symbol(self) -> tuple[Floats, Floats]:
        """``high`` and ``low`` with each symbol's bars side by side in memory, as who follows positions reads them."""
        return np.asfortranarray(self.high), np.asfortranarray(self.low)

    @cached_property
    def dates(self) -> NDArray[np.datetime64]:
        """``session_date`` as ``datetime64[D]``, (T,)."""
        return np.array(self.session_date, dtype="datetime64[D]")

    @cached_property
    def session(self) -> NDArray[np.int64]:
        """Number of each bar's session, from 0, (T,)."""
        changed = np.diff(self.dates).astype(np.int64) != 0
        return np.concatenate([np.zeros(min(len(self), 1)), np.cumsum(changed)]).astype(np.int64)

    @cached_property
    def days(self) -> Floats:
        """Calendar days since the session of the bar before, (T,); 0 within a session and on the first bar."""
        return np.diff(self.dates, prepend=self.dates[:1]).astype(np.float64)

    @cached_property
    def sessions_since_bar(self) -> Floats:
        """Sessions since each symbol's last bar, (T, N): 0 where this bar exists, NaN before the first."""
        since = (self.session[:, None] - self.session[np.maximum(self._last_bar, 0)]).astype(np.float64)
        since[self._last_bar < 0] = np.nan
        return since

    @cached_property
    def volatility(self) -> Floats:
        """Daily volatility (fraction) known at the close of the session before, (T, N); 0 if unknown."""
        from execution.volatility import known_volatility

        return known_volatility(
            close=self.close,
            dividend=self.dividend,
            shares=self._shares,
            last_close=self.last_close,
            session=self.session,
        )

    @cached_property
    def _market(self) -> Market:
        from execution.kernel.types import Market

        return Market(
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            volume=self.volume,
            vwap=(self.high + self.low + self.close) / 3,
            split_ratio=self.split_ratio,
            dividend=self.dividend,
            volatility=self.volatility,
            is_shortable=np.ones(self.close.shape, dtype=np.bool_),
            session=self.session,
            days=self.days,
        )

    def market(self, account: AccountConfig) -> Market:
        """Return the bars as the kernel takes them, with ``account.not_shortable``; the arrays are the panel's.

        Raises:
            ConfigError: If ``account.not_shortable`` names a symbol that the panel does not have.
        """
        if not account.not_shortable:
            return self._market
        is_shortable = np.ones(self.close.shape, dtype=np.bool_)
        for symbol in account.not_shortable:
            if symbol not in self.symbols:
                raise ConfigError(
                    f"account.not_shortable: {symbol} is no symbol of the universe.{nearest(symbol, self.symbols)}"
                )
            for start, end in account.spells(symbol):
                within = (self.dates >= np.datetime64(start)) & (self.dates <= np.datetime64(end))
                is_shortable[within, self.symbols.index(symbol)] = False
        return self._market._replace(is_shortable=is_shortable)


@dataclass(frozen=True)
class ScorePanel:
    """Scores of one strategy on a panel's bars and symbols; NaN where a symbol has none.

    Attributes:
        score, confidence, volatility: (T, N); see ``Scores``.
        notes: (row, note) of what was decided on the way to the scores.
    """

    strategy: str
    score: Floats
    confidence: Floats
    volatility: Floats
    notes: Notes = ()

    @cached_property
    def has_score(self) -> NDArray[np.bool_]:
        """Whether any symbol has a score at the bar, (T,)."""
        scored: NDArray[np.bool_] = np.any(~np.isnan(self.score), axis=1)
        return scored

    def at(self, t: int) -> Scores:
        """Return the scores of bar ``t``."""
        return Scores(self.strategy, self.score[t], self.confidence[t], self.volatility[t])

    def wishes(self, _t: int) -> tuple[Wish, ...]:
        """Return what each of several strategies wants at the close of bar ``t``; of a lone strategy nothing."""
        return ()


def load_panel(warehouse: Warehouse, *, end: date | None = None) -> Panel:
    """Load every bar of every symbol that is or was a member of the universe, from ``marts.bars``.

    A symbol that has left the universe keeps its prices: what is still held of it must be valued and sold.

    Args:
        end: Last session, None for the newest.

    Raises:
        QuantmillError: If there is no bar of a member until then, or bars of several timeframes.
    """
    until = end or date.max
    frames = warehouse.read("select distinct timeframe from marts.bars order by 1")
    if len(frames) > 1:
        names = ", ".join(frames["timeframe"].to_list())
        raise QuantmillError(
            f"marts.bars holds several timeframes ({names}); build the marts for one of them"
        )
    bars = warehouse.read(_placed("session_date, open, high, low, close, volume"), [until])
    if bars.is_empty():
        raise QuantmillError(
            f"marts.bars has no bar of a member of the universe up to {end or 'now'}; "
            "check universe.symbols and the dates, or ingest more"
        )
    grid = bars.select("bar_at", "session_date").unique("bar_at").sort("bar_at")
    members = warehouse.read("select distinct symbol from marts.bars where is_member order by symbol")[
        "symbol"
    ]
    has_bars = np.bincount(bars["place"].to_numpy(), minlength=len(members)) > 0
    present = np.flatnonzero(has_bars)
    column_of = np.cumsum(has_bars) - 1
    symbols = members.gather(present).to_list()
    actions = warehouse.read(
        f"{_placed('split_ratio, dividend')} and (split_ratio != 1 or dividend != 0)", [until]
    )

    def matrices(frame: pl.DataFrame, **columns: float) -> list[Floats]:
        """Scatter columns of the frame over bars and symbols, each with its value where there is no row."""
        row = np.searchsorted(
            grid["bar_at"].to_physical().to_numpy(), frame["bar_at"].to_physical().to_numpy()
        )
        flat = row * len(symbols) + column_of[frame["place"].to_numpy()]
        found = []
        for column, default in columns.items():
            values = np.full((len(grid), len(symbols)), default)
            values.reshape(-1)[flat] = frame[column].cast(pl.Float64).fill_null(default).to_numpy()
            found.append(values)
        return found

    open_, high, low, close, volume = matrices(
        bars, open=np.nan, high=np.nan, low=np.nan, close=np.nan, volume=np.nan
    )
    split_ratio, dividend = matrices(actions, split_ratio=1.0, dividend=0.0)
    return Panel(
        symbols=tuple(symbols),
        bar_at=tuple(grid["bar_at"].to_list()),
        session_date=tuple(grid["session_date"].to_list()),
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        split_ratio=split_ratio,
        dividend=dividend,
        benchmark=_benchmark(warehouse, grid),
    )


def _placed(columns: str) -> str:
    """Return the query of members' bars until a session, each with its symbol's place among the members."""
    return (
        f"select place, bar_at, {columns} from marts.bars inner join (select symbol, row_number() over (order by "
        "symbol) - 1 as place from (select distinct symbol from marts.bars where is_member)) using (symbol) "
        "where session_date <= ?"
    )


def _benchmark(warehouse: Warehouse, grid: pl.DataFrame) -> Floats:
    """Return the benchmark's total-return close at each bar, the newest up to then, (T,)."""
    closes = warehouse.read(
        "select bar_at, adj_close from marts.bars where is_benchmark and bar_at <= ? order by bar_at",
        [grid["bar_at"][-1]],
    )
    joined = grid.select("bar_at").join_asof(closes, on="bar_at")
    return joined["adj_close"].cast(pl.Float64).fill_null(np.nan).to_numpy().copy()


def load_scores(
    warehouse: Warehouse,
    panel: Panel,
    *,
    strategy: StrategyConfig,
    model_id: str | None,
    portfolio: PortfolioConfig | None = None,
    may_begin_later: bool = False,
) -> ScorePanel:
    """Load the scores of a strategy onto a panel's bars; what lies outside the panel is left out.

    They come from ``ml.predictions`` of ``model_id``, or from ``marts.signals`` of the strategy's name, as
    ``strategy.scores`` says; the volatilities from ``marts.features.volatility_20``, NaN where no feature set has it.

    Args:
        portfolio: What the scores are for: their volatilities are read where it weighs by them; None to read them
            where there are any.
        may_begin_later: Whether a strategy may have its first score after the panel's last bar: then there is none.

    Raises:
        QuantmillError: If there is no score (the message lists what there is), predictions are asked for without a
            ``model_id``, or the portfolio weighs by a volatility that is not there.
    """
    if strategy.uses_predictions:
        if model_id is None:
            raise QuantmillError(
                f"strategy {strategy.name} trades a model's predictions: train a model first"
            )
        table, column, wanted = "ml.predictions", "model_id", model_id
    else:
        table, column, wanted = "marts.signals", "strategy", strategy.name
    bounds = [wanted, panel.bar_at[0], panel.bar_at[-1]]
    scores = warehouse.read(
        f"select symbol, bar_at, score, confidence from {table} "
        f"where {column} = ? and bar_at between ? and ?",
        bounds,
    )
    begins = f"select min(bar_at) > ? from {table} where {column} = ?"
    if scores.is_empty() and not (may_begin_later and warehouse.value(begins, [panel.bar_at[-1], wanted])):
        known = warehouse.read(f"select distinct {column} as name from {table} order by 1")["name"].to_list()
        hint = " Its scores lie outside that range." if wanted in known else nearest(wanted, known)
        raise QuantmillError(
            f"{table} has no score where {column} = {wanted!r} between {panel.session_date[0]} and "
            f"{panel.session_date[-1]}.{hint}"
        )
    score, confidence = _scatter(panel, scores, ("score", "confidence"))
    is_weighed = portfolio is None or portfolio.weighting == "inverse_volatility"
    volatility = load_volatility(warehouse, panel) if is_weighed else None
    if volatility is None:
        if portfolio is not None and is_weighed:
            raise QuantmillError(
                "portfolio.weighting=inverse_volatility needs marts.features.volatility_20, which no chosen feature "
                "set has; take another weighting, or core with 20 among features.volatility_windows"
            )
        volatility = np.full_like(score, np.nan)
    return ScorePanel(strategy.name, score, confidence, volatility)


def load_volatility(warehouse: Warehouse, panel: Panel) -> Floats | None:
    """Return the annualised volatility at each bar, (T, N); None where no feature set has it."""
    if "volatility_20" not in warehouse.read("select * from marts.features limit 0").columns:
        return None
    known = warehouse.read(
        "select symbol, bar_at, volatility_20 from marts.features where bar_at between ? and ?",
        [panel.bar_at[0], panel.bar_at[-1]],
    )
    (annual,) = _scatter(panel, known, ("volatility_20",))
    return annual


def _scatter(panel: Panel, frame: pl.DataFrame, columns: tuple[str, ...]) -> list[Floats]:
    """Return one (T, N) matrix per column, NaN where the frame has no row; rows outside the panel are left out."""
    grid = pl.Series(panel.bar_at, dtype=frame["bar_at"].dtype).to_physical().to_numpy()
    at = frame["bar_at"].to_physical().to_numpy()
    row = np.minimum(np.searchsorted(grid, at), len(grid) - 1)
    codes = frame["symbol"].cast(pl.Enum(panel.symbols), strict=False).to_physical()
    place = codes.cast(pl.Int64).fill_null(-1).to_numpy()
    inside = np.flatnonzero((place >= 0) & (grid[row] == at))
    flat = row[inside] * len(panel.symbols) + place[inside]
    matrices = []
    for column in columns:
        values = np.full((len(panel), len(panel.symbols)), np.nan)
        known = frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        values.reshape(-1)[flat] = known[inside]
        matrices.append(values)
    return matrices
