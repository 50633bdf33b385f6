"""Strategies built on a few bars, their models rendered and carried out without dbt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from execution.config import StrategyConfig
from execution.strategies import STRATEGIES, PlainStrategyConfig
from tests.models_sql.rendering import render, render_model, text_of
from transforms.config import UniverseConfig
from transforms.features import FeaturesConfig
from transforms.operators.catalogue import Array
from transforms.operators.refresh import refresh
from transforms.versions import plain
from transforms.warehouse import Warehouse

FIRST = date(2024, 1, 1)
COUNT = 260
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "LATE")
_RELATION = re.compile(r'"(intermediate|staging|marts)"\."(\w+)"')
_LOADED = {"int_feature_bars", "stg_raw__sessions", "universe"}


def day(number: int) -> date:
    """Return the date of session ``number``; every day has one."""
    return FIRST + timedelta(days=number)


def walk(symbol: str, count: int, seed: int, *, first: int = 0, step: float = 0.02) -> pl.DataFrame:
    """Return daily bars of a random walk, adjusted, as ``int_feature_bars`` has them."""
    random = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(random.normal(0, step, count)))
    spread = np.abs(random.normal(0, step / 2, (2, count)))
    days = [day(first + i) for i in range(count)]
    return bars_of(
        symbol,
        days,
        close,
        high=close * np.exp(spread[0]),
        low=close * np.exp(-spread[1]),
        volume=np.round(np.exp(random.normal(10, 0.5, count))),
    )


def bars_of(symbol: str, days: list[date], close: Any, **others: Any) -> pl.DataFrame:
    """Return daily bars; open, high and low follow the close unless given."""
    close = np.array(close, dtype=float)
    prices = {f"adj_{name}": others.get(name, close) for name in ("open", "high", "low")}
    volume = np.array(others.get("volume", np.full(len(close), 100.0)))
    return pl.DataFrame(
        {"timeframe": "1d", "symbol": symbol, "session_date": days}
        | prices
        | {"adj_close": close, "adj_volume": volume, "traded_value": close * volume}
    ).with_columns(bar_at=pl.col("session_date").cast(pl.Datetime("us")))


def strategy(name: str, **parameters: Any) -> StrategyConfig:
    config = STRATEGIES.get(name, PlainStrategyConfig)(name=name, scores="signals")
    if parameters:
        config.parameters = replace(config.parameters, **parameters)
    return config


def signals_of(strategy: StrategyConfig) -> dict[str, Any]:
    """Return the var ``strategy`` as the SQL is given it."""
    return {"signals": {name: plain(parameters) for name, parameters in strategy.signals.items()}}


# Windows short enough for a few hundred bars.
CHOSEN = {
    "buy_and_hold": strategy("buy_and_hold"),
    "momentum": strategy("momentum", lookback_bars=20, skip_bars=3),
    "trend_breakout": strategy("trend_breakout", entry_bars=12, exit_bars=5, average_bars=30),
    "mean_reversion": strategy("mean_reversion", zscore_bars=10, stop_zscore=2.5, average_bars=40),
    "swing_trend": strategy("swing_trend", fast_bars=4, slow_bars=9, atr_bars=5, stop_atr=1.5),
    "multi_timeframe_trend": strategy("multi_timeframe_trend", timeframes=["week"], average_bars=5),
    "factor_composite": strategy(
        "factor_composite", lookback_bars=30, skip_bars=5, volatility_bars=10, winsorise_at=1.2
    ),
    "pairs": strategy(
        "pairs", candidates=4, held_pairs=2, window_bars=25, minimum_correlation=-0.2, entry_zscore=1.2
    ),
}


def market() -> pl.DataFrame:
    """Four random walks of which one lacks a bar and one trades little, and a late one."""
    frames = [walk(symbol, COUNT, seed) for seed, symbol in enumerate(SYMBOLS[:4])]
    frames[2] = frames[2].filter(pl.col("session_date") != day(120))
    frames[3] = frames[3].with_columns(pl.col("traded_value") / 1000)
    return pl.concat([*frames, walk("LATE", 90, 9, first=COUNT - 90)])


def scores_of(signals: pl.DataFrame, symbol: str, count: int, column: str = "score") -> Array:
    """Return a symbol's scores of its last ``count`` bars, NaN where it has none before the first."""
    found = signals.filter(pl.col("symbol") == symbol)[column].to_numpy()
    return np.concatenate([np.full(count - len(found), np.nan), found])


def mean(x: Array, n: int) -> Array:
    out = np.full(len(x), np.nan)
    for t in range(n - 1, len(x)):
        out[t] = x[t - n + 1 : t + 1].mean()
    return out


class Floor:
    """A warehouse with bars, members and a calendar, and the models of one strategy over them."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    @classmethod
    @contextmanager
    def at(cls, directory: Path) -> Iterator[Self]:
        with Warehouse(directory / "w.duckdb") as warehouse:
            yield cls(warehouse)

    def load(self, bars: pl.DataFrame, members: list[tuple[str, date, date | None]] | None = None) -> None:
        """Hold these bars; everyone is a member all the time unless told who is, from when, until when."""
        given = members or [(symbol, date.min, None) for symbol in bars["symbol"].unique().sort()]
        columns = ("symbol", "valid_from", "valid_to")
        self._table(
            "marts.universe",
            pl.DataFrame(
                [dict(zip(columns, one, strict=True)) for one in given],
                schema={"symbol": pl.String, "valid_from": pl.Date, "valid_to": pl.Date},
            ).with_columns(is_member=True),
        )
        self._table("intermediate.int_feature_bars", bars)
        last: date = bars["session_date"].to_list()[-1]
        days = [day(i) for i in range((last - FIRST).days + 40)]
        opens = [datetime.combine(one, time()) for one in days]
        self.calendar(days, opens, [one + timedelta(days=1) for one in opens])

    def calendar(self, days: list[date], opens: list[datetime], closes: list[datetime]) -> None:
        """Hold these sessions instead of whole days."""
        sessions = pl.DataFrame({"session_date": days, "open_at": opens, "close_at": closes})
        self._table("staging.stg_raw__sessions", sessions.with_columns(is_half_day=False))

    def _table(self, name: str, frame: pl.DataFrame) -> None:
        self._warehouse.cursor.register("loaded", frame)
        self._warehouse.execute(f"create or replace table {name} as select * from loaded")

    def build(
        self,
        strategy: StrategyConfig,
        timeframe: str = "1d",
        changed_from: dict[str, datetime] | None = None,
    ) -> pl.DataFrame:
        """Build a strategy's models, or those of several, and return ``marts.signals``.

        Args:
            strategy: Name and parameters.
            timeframe: Length of a bar.
            changed_from: Bring tables up to date from these moments on; None makes them anew.
        """
        vars_ = {
            "universe": asdict(UniverseConfig(name="all")),
            "features": asdict(FeaturesConfig(name="core")),
            "strategy": signals_of(strategy),
            "timeframe": timeframe,
        }
        if changed_from is not None:
            changes = {"symbol": list(changed_from), "changed_from": list(changed_from.values())}
            self._table("intermediate.int_changed_symbols", pl.DataFrame(changes))
        self._make("signals", vars_, full=changed_from is None, made=set(_LOADED))
        return self._warehouse.read("select * from marts.signals order by strategy, symbol, bar_at")

    def table(self, model: str) -> pl.DataFrame:
        """Return a table of the intermediate schema in the order of its key."""
        return self._warehouse.read(f"select * from intermediate.{model} order by symbol, bar_at")

    def _make(self, model: str, vars_: dict[str, Any], *, full: bool, made: set[str]) -> None:
        """Make what a model reads, then itself."""
        made.add(model)
        sql = render_model(model, vars_)
        for _, read in _RELATION.findall(sql):
            if read not in made:
                self._make(read, vars_, full=full, made=made)
        text = text_of(model)
        if "materialized='refreshed'" not in text:
            schema = "marts" if model == "signals" else "intermediate"
            self._warehouse.execute(f"create or replace view {schema}.{model} as {sql}")
            return
        changes = re.search(r"changes='(\w+)'", text)
        reach = re.search(r"reach_back=(\d+)", text)
        refresh(
            self._warehouse.cursor,
            sql=sql,
            target=f"intermediate.{model}",
            full=full,
            changes=changes[1] if changes else "symbol",
            reach_back=int(reach[1]) if reach else 0,
        )


def refusal_of(call: str, parameters: dict[str, Any]) -> str:
    """Render a call of a macro with the parameters of a strategy x; for those that are refused."""
    return render("{{ " + call + " }}", {"strategy": {"signals": {"x": parameters}}})
