"""The strategy intraday_mean_reversion against its rules, on short sessions of five-minute bars."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from execution.strategies import IntradayMeanReversionParameters
from tests.models_sql.strategies import Floor, bars_of, day, scores_of, strategy

NAN = float("nan")


def minutes(symbol: str, seed: int, sessions: int = 4) -> pl.DataFrame:
    """Bars of five minutes over sessions of three hours; a few are missing, a few lie outside."""
    random = np.random.default_rng(seed)
    frames = []
    for i in range(sessions):
        stamps = [
            datetime.combine(day(i), datetime.min.time()) + timedelta(minutes=5 * k) for k in range(-2, 40)
        ]
        kept = [stamp for stamp in stamps if random.random() > 0.08]
        close = 100 + np.cumsum(random.normal(0, 0.3, len(kept)))
        frames.append(
            bars_of(
                symbol,
                [day(i)] * len(kept),
                close,
                high=close + 0.1,
                low=close - 0.2,
                volume=np.round(random.uniform(0, 9, len(kept))),
            ).with_columns(bar_at=pl.Series(kept, dtype=pl.Datetime("us")))
        )
    return pl.concat(frames)


def minute_floor(floor: Floor, bars: pl.DataFrame) -> None:
    floor.load(bars)
    opens = [datetime.combine(day(i), datetime.min.time()) for i in range(10)]
    floor.calendar([day(i) for i in range(10)], opens, [at + timedelta(hours=3) for at in opens])


INTRADAY = strategy(
    "intraday_mean_reversion", entry_deviations=1.2, stop_deviations=2.5, wait_minutes=20, flat_minutes=30
)


def test_intraday_positions_follow_the_session_and_end_with_it(floor: Floor) -> None:
    bars = pl.concat([minutes("AAA", 1), minutes("BBB", 2)])
    minute_floor(floor, bars)
    p: IntradayMeanReversionParameters = INTRADAY.parameters
    signals = floor.build(INTRADAY, "5m")
    assert len(signals) == len(bars)
    for symbol in ("AAA", "BBB"):
        own = bars.filter(pl.col("symbol") == symbol)
        got = scores_of(signals, symbol, len(own))
        position, today = 0, date.min
        prices: list[float] = []
        volumes: list[float] = []
        for t, row in enumerate(own.to_dicts()):
            if row["session_date"] != today:
                position, prices, volumes, today = 0, [], [], row["session_date"]
            elapsed = (row["bar_at"] - datetime.combine(today, datetime.min.time())).total_seconds() / 60 + 5
            if not 0 < elapsed <= 180:
                assert got[t] == 0
                continue
            prices.append((row["adj_high"] + row["adj_low"] + row["adj_close"]) / 3)
            volumes.append(row["adj_volume"])
            z = NAN
            if len({x for x, v in zip(prices, volumes, strict=True) if v}) > 1:
                vwap = np.average(prices, weights=volumes)
                deviation = np.sqrt(np.average((np.array(prices) - vwap) ** 2, weights=volumes))
                z = (row["adj_close"] - vwap) / deviation
            late = 180 - elapsed <= p.flat_minutes
            if position and (late or -position * z <= p.exit_deviations or -position * z > p.stop_deviations):
                position = 0
            for side in (1, -1):
                inside = p.entry_deviations <= -side * z <= p.stop_deviations
                if not position and elapsed >= p.wait_minutes and not late and inside:
                    position = side
            assert got[t] == position, (symbol, row["bar_at"])
    assert signals["score"].unique().sort().to_list() == [-1, 0, 1]


def test_bars_longer_than_the_last_minutes_are_flat_before_the_last_bar_begins(floor: Floor) -> None:
    stamps = [datetime.combine(day(0), datetime.min.time()) + timedelta(hours=k) for k in range(3)]
    bars = bars_of("A", [day(0)] * 3, [100.0, 99.0, 98.0], high=[101.0, 99, 98], low=[99.0, 99, 98])
    minute_floor(floor, bars.with_columns(bar_at=pl.Series(stamps, dtype=pl.Datetime("us"))))
    chosen = strategy("intraday_mean_reversion", entry_deviations=0.5, wait_minutes=0, flat_minutes=15)
    assert floor.build(chosen, "1h")["score"].to_list() == [0, 0, 0], (
        "an hour before the close is the last chance"
    )
    assert floor.build(chosen, "30m")["score"].to_list() == [0, 1, 0]


def test_what_comes_later_changes_no_intraday_signal(floor: Floor) -> None:
    bars = minutes("AAA", 5)
    minute_floor(floor, bars)
    whole = floor.build(INTRADAY, "5m")
    until = bars["bar_at"][100]
    minute_floor(floor, bars.filter(pl.col("bar_at") <= until))
    assert floor.build(INTRADAY, "5m").equals(whole.filter(pl.col("bar_at") <= until))
