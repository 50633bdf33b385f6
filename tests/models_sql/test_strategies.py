"""Every strategy's signals against a plain reading of its rules, and against the past alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
import talib

from execution.config import StrategyConfig
from execution.strategies import (
    STRATEGIES,
    FactorCompositeParameters,
    IntradayMeanReversionParameters,
    MeanReversionParameters,
    PairsParameters,
    PlainStrategyConfig,
    SwingTrendParameters,
    TrendBreakoutParameters,
)
from tests.models_sql.rendering import RefusedError, text_of
from tests.models_sql.strategies import Floor, bars_of, day, refusal_of, walk
from transforms.operators.catalogue import Array

NAN = float("nan")
COUNT = 260
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "LATE")


def strategy(name: str, **parameters: Any) -> StrategyConfig:
    config = STRATEGIES.get(name, PlainStrategyConfig)(name=name, scores="signals")
    if parameters:
        config.parameters = replace(config.parameters, **parameters)
    return config


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


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """A warehouse that each test loads and builds for itself."""
    with Floor.at(tmp_path_factory.mktemp("floor")) as floor:
        yield floor


def closes(bars: pl.DataFrame, symbol: str) -> dict[str, Array]:
    own = bars.filter(pl.col("symbol") == symbol).sort("bar_at")
    names = ("adj_high", "adj_low", "adj_close", "traded_value")
    return {name.removeprefix("adj_"): own[name].to_numpy() for name in names}


def scores_of(signals: pl.DataFrame, symbol: str, count: int, column: str = "score") -> Array:
    """Return a symbol's scores of its last ``count`` bars, NaN where it has none before the first."""
    found = signals.filter(pl.col("symbol") == symbol)[column].to_numpy()
    return np.concatenate([np.full(count - len(found), NAN), found])


def held(enter: Callable[[int], bool], leave: Callable[[int], bool], known: Array) -> Array:
    """Walk bar by bar: leave first, else enter."""
    out, holds = np.full(len(known), NAN), False
    for t in np.flatnonzero(known).tolist():
        holds = (holds or enter(t)) and not leave(t)
        out[t] = float(holds)
    return out


def mean(x: Array, n: int) -> Array:
    out = np.full(len(x), NAN)
    for t in range(n - 1, len(x)):
        out[t] = x[t - n + 1 : t + 1].mean()
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


def test_members_are_ranked_by_momentum_among_themselves(floor: Floor) -> None:
    bars = market()
    floor.load(bars, [("AAA", day(0), None), ("BBB", day(100), day(200)), ("CCC", day(0), None)])
    signals = floor.build(CHOSEN["momentum"])
    wide = bars.pivot(on="symbol", index="session_date", values="adj_close").sort("session_date")
    growth = {
        symbol: dict(
            zip(own["session_date"], own["adj_close"].shift(3) / own["adj_close"].shift(20) - 1, strict=True)
        )
        for symbol in SYMBOLS
        for own in [bars.filter(pl.col("symbol") == symbol)]
    }
    rows = {(row["symbol"], row["session_date"]): row for row in signals.to_dicts()}
    expected = 0
    for today in wide["session_date"]:
        ranked = ["AAA", "CCC"] + (["BBB"] if day(100) <= today < day(200) else [])
        known = {s: growth[s][today] for s in ranked if growth[s].get(today) is not None}
        for symbol, value in known.items():
            lower = sum(other < value for other in known.values())
            higher = sum(other > value for other in known.values())
            row = rows[symbol, today]
            assert row["score"] == pytest.approx((lower - higher) / len(known))
            assert row["confidence"] == abs(row["score"])
            expected += 1
    assert len(rows) == expected


def test_factors_are_standardised_cut_and_weighed(floor: Floor) -> None:
    bars = market()
    floor.load(bars, [(symbol, day(0), None) for symbol in SYMBOLS if symbol != "BBB"])
    chosen = CHOSEN["factor_composite"]
    p: FactorCompositeParameters = chosen.parameters
    signals = floor.build(chosen)
    factors: dict[str, dict[Any, dict[str, float]]] = {}
    for symbol in ("AAA", "CCC", "DDD", "LATE"):
        own = bars.filter(pl.col("symbol") == symbol)
        c, v = own["adj_close"].to_numpy(), own["traded_value"].to_numpy()
        r = np.concatenate([[NAN], np.log(c[1:] / c[:-1])])
        for t, today in enumerate(own["session_date"].to_list()):
            known = {
                "momentum": c[t - p.skip_bars] / c[t - p.lookback_bars] - 1 if t >= p.lookback_bars else NAN,
                "low_volatility": -r[max(t - p.volatility_bars, 0) + 1 : t + 1].std(ddof=1) if t > 9 else NAN,
                "reversal": 1 - c[t] / c[t - p.reversal_bars] if t >= p.reversal_bars else NAN,
                "liquidity": -np.log((1e6 * np.abs(r) / v)[t - 19 : t + 1].mean()) if t >= 20 else NAN,
            }
            for factor, value in known.items():
                if not np.isnan(value):
                    factors.setdefault(factor, {}).setdefault(today, {})[symbol] = value
    expected: dict[tuple[str, Any], list[float]] = {}
    cuts = 0
    for factor, weight in {"momentum": 1.0, "low_volatility": 1.0, "reversal": 0.5, "liquidity": 0.5}.items():
        for today, members in factors[factor].items():
            values = np.array(list(members.values()))
            zscores = (values - values.mean()) / values.std(ddof=1)
            cuts += int((np.abs(zscores) > p.winsorise_at).sum())
            for symbol, zscore in zip(
                members, np.clip(zscores, -p.winsorise_at, p.winsorise_at), strict=True
            ):
                expected.setdefault((symbol, today), []).append(weight * zscore / 3 / p.winsorise_at)
    whole = {key: sum(parts) for key, parts in expected.items() if len(parts) == len(factors)}
    got = {(row["symbol"], row["session_date"]): row["score"] for row in signals.to_dicts()}
    assert got == pytest.approx(whole, abs=1e-9)
    assert cuts > 0


def test_all_timeframes_must_agree_and_a_week_counts_when_it_is_over(floor: Floor) -> None:
    bars = market()
    floor.load(bars)
    signals = floor.build(CHOSEN["multi_timeframe_trend"])
    for symbol in SYMBOLS:
        own = bars.filter(pl.col("symbol") == symbol)
        close, days = own["adj_close"].to_numpy(), own["session_date"].to_list()
        score = np.full(len(close), NAN)
        average = mean(close, 5)
        for t, today in enumerate(days):
            # Weeks end on Sundays, and Sunday's bar ends with its week.
            last = today - timedelta(days=(today.weekday() + 1) % 7)
            ends = [
                i for i in range(t + 1) if days[i] <= last and (i + 1 == len(days) or days[i].weekday() == 6)
            ]
            weekly = close[ends]
            if len(weekly) >= 20 and not np.isnan(average[t]):
                trends = [close[t] > average[t], weekly[-1] > weekly[-20:].mean()]
                score[t] = 1 if all(trends) else 0 if any(trends) else -1
        np.testing.assert_array_equal(scores_of(signals, symbol, len(score)), score, err_msg=symbol)
    assert signals["score"].unique().sort().to_list() == [-1, 0, 1]


def dickey_fuller(e: Array) -> float:
    change, before = np.diff(e), e[:-1]
    g = (before @ change) / (before @ before)
    noise = change - g * before
    return float(g / np.sqrt(noise @ noise / (len(change) - 1) / (before @ before)))


def pair_history(
    bars: pl.DataFrame, first: str, second: str, n: int
) -> dict[Any, tuple[float, float, float, float]]:
    """Return day → hedge ratio, z-score, t and correlation of a pair."""
    both = bars.filter(pl.col("symbol") == first).join(
        bars.filter(pl.col("symbol") == second), on="session_date", suffix="_2"
    )
    y, x = np.log(both["adj_close"].to_numpy()), np.log(both["adj_close_2"].to_numpy())
    found = {}
    for t in range(n, len(y)):
        window = slice(t - n + 1, t + 1)
        slope, constant = np.polyfit(x[window], y[window], 1)
        e = y[window] - constant - slope * x[window]
        growths = (np.diff(y[t - n : t + 1]), np.diff(x[t - n : t + 1]))
        correlation = float(np.corrcoef(*growths)[0, 1])
        deviation = np.sqrt(e @ e / (n - 2))
        found[both["session_date"][t]] = (
            float(slope),
            float(e[-1] / deviation),
            dickey_fuller(e),
            correlation,
        )
    return found


Pair = tuple[str, str]
History = dict[Any, tuple[float, float, float, float]]


def best_pairs(
    p: PairsParameters, value: dict[str, dict[Any, float]], history: dict[Pair, History], month: list[Any]
) -> list[Pair]:
    """Return the pairs to trade after a month, by what was last known of symbols and pairs in it."""

    def newest(known: dict[Any, Any]) -> Any:
        there = [today for today in month if today in known]
        return known[there[-1]] if there else None

    worth = {symbol: newest(known) for symbol, known in value.items()}
    traded = [symbol for symbol, amount in worth.items() if amount is not None and not np.isnan(amount)]
    candidates = sorted(traded, key=lambda symbol: -worth[symbol])[: p.candidates]
    fit = []
    for pair, known in history.items():
        last = newest(known)
        if set(pair) <= set(candidates) and last and last[0] > 0 and last[3] >= p.minimum_correlation:
            fit.append((last[2] if p.rank_by == "cointegration" else -last[3], pair))
    return [pair for _, pair in sorted(fit)[: p.held_pairs]]


@pytest.mark.parametrize("rank_by", ["cointegration", "correlation"])
def test_the_best_pairs_of_the_month_before_are_traded_at_their_bands(floor: Floor, rank_by: str) -> None:
    bars = market()
    floor.load(bars)
    p: PairsParameters = replace(CHOSEN["pairs"].parameters, rank_by=rank_by)
    signals = floor.build(replace(CHOSEN["pairs"], parameters=p))
    days = sorted(set(bars["session_date"].to_list()))
    value = {}
    for symbol in SYMBOLS:
        own = bars.filter(pl.col("symbol") == symbol)
        traded = mean(own["traded_value"].to_numpy(), p.window_bars)
        value[symbol] = dict(zip(own["session_date"].to_list(), traded.tolist(), strict=True))
    history = {(a, b): pair_history(bars, a, b, p.window_bars) for a in SYMBOLS for b in SYMBOLS if a < b}
    expected: dict[tuple[str, Any], float] = {}
    positions = dict.fromkeys(history, 0)
    chosen: list[Pair] = []
    for i, today in enumerate(days):
        if i and days[i - 1].month != today.month:
            month = [one for one in days[:i] if one.replace(day=1) == days[i - 1].replace(day=1)]
            chosen = best_pairs(p, value, history, month)
        for pair, known in history.items():
            if today not in known:
                continue
            beta, z, _, _ = known[today]
            may, side = pair in chosen and beta > 0, positions[pair]
            if side and (not may or -side * z <= p.exit_zscore or -side * z > p.stop_zscore):
                positions[pair] = 0
            if may and positions[pair] == 0 and p.entry_zscore <= abs(z) <= p.stop_zscore:
                positions[pair] = -int(np.sign(z))
            first, second = pair
            part = positions[pair] / (1 + beta) / p.held_pairs
            expected[first, today] = expected.get((first, today), 0) + part
            expected[second, today] = expected.get((second, today), 0) - part * beta
    got = {(row["symbol"], row["session_date"]): row["score"] for row in signals.to_dicts()}
    assert got == pytest.approx({key: expected.get(key, 0) for key in got}, abs=1e-9)
    assert sum(score != 0 for score in got.values()) > 50
    assert {today for _, today in got} == set(days[p.window_bars - 1 :])


def test_configured_pairs_are_traded_in_every_month(floor: Floor) -> None:
    bars = market()
    floor.load(bars)
    chosen = strategy("pairs", pairs=["BBB:AAA"], window_bars=25, entry_zscore=1.2)
    signals = floor.build(chosen)
    open_ = signals.filter(pl.col("score") != 0)
    assert set(open_["symbol"]) == {"AAA", "BBB"}
    by_day = open_.pivot(on="symbol", index="session_date", values="score")
    ratio = floor.table("int_pair_positions").select("session_date", "hedge_ratio")
    legs = by_day.join(ratio, on="session_date")
    assert len(legs) > 20
    np.testing.assert_allclose(legs["AAA"], -legs["BBB"] * legs["hedge_ratio"], rtol=1e-12)
    np.testing.assert_allclose(legs["AAA"].abs() + legs["BBB"].abs(), 1, rtol=1e-12)


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
        position, prices, volumes, today = 0, [], [], None
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


@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_what_comes_later_changes_no_signal(floor: Floor, name: str) -> None:
    bars = market()
    floor.load(bars)
    whole = floor.build(CHOSEN[name])
    assert whole["score"].is_finite().all()
    for cut in (COUNT - 41, COUNT - 5):
        floor.load(bars.filter(pl.col("session_date") <= day(cut)))
        assert floor.build(CHOSEN[name]).equals(whole.filter(pl.col("session_date") <= day(cut)))


def test_what_comes_later_changes_no_intraday_signal(floor: Floor) -> None:
    bars = minutes("AAA", 5)
    minute_floor(floor, bars)
    whole = floor.build(INTRADAY, "5m")
    until = bars["bar_at"][100]
    minute_floor(floor, bars.filter(pl.col("bar_at") <= until))
    assert floor.build(INTRADAY, "5m").equals(whole.filter(pl.col("bar_at") <= until))


@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_bars_that_were_added_or_changed_give_what_a_build_from_nothing_gives(
    floor: Floor, name: str
) -> None:
    bars = market()
    restated = (pl.col("symbol") == "BBB") & (pl.col("session_date") == day(230))
    before = bars.filter(pl.col("session_date") < day(COUNT - 1)).with_columns(
        adj_close=pl.when(restated).then(pl.col("adj_close") * 1.01).otherwise(pl.col("adj_close"))
    )
    floor.load(before)
    floor.build(CHOSEN[name])
    floor.load(bars)
    newest = datetime.combine(day(COUNT - 1), datetime.min.time())
    changed = dict.fromkeys(SYMBOLS, newest) | {"BBB": datetime.combine(day(230), datetime.min.time())}
    mended = floor.build(CHOSEN[name], changed_from=changed)
    assert mended.equals(floor.build(CHOSEN[name]))


def test_only_members_have_signals_on_the_days_of_their_membership(floor: Floor) -> None:
    floor.load(market(), [("AAA", day(10), day(20)), ("AAA", day(40), None), ("CCC", day(250), None)])
    signals = floor.build(CHOSEN["buy_and_hold"])
    days = {s: signals.filter(pl.col("symbol") == s)["session_date"].to_list() for s in ("AAA", "CCC")}
    assert days["AAA"] == [day(i) for i in [*range(10, 20), *range(40, COUNT)]]
    assert days["CCC"] == [day(i) for i in range(250, COUNT)]
    assert set(signals["symbol"]) == {"AAA", "CCC"}


def test_without_a_sql_strategy_there_are_no_signals_but_their_columns(floor: Floor) -> None:
    floor.load(market())
    expected = floor.build(CHOSEN["buy_and_hold"]).schema
    empty = floor.build(PlainStrategyConfig(name="model", scores="predictions"))
    assert empty.is_empty()
    assert empty.schema == expected


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"plain", "own"}))
def test_config_and_sql_check_the_same_parameters_within_the_same_ranges(name: str) -> None:
    """The SQL is run by hand as well, so it does not rely on the config; what they say must not drift apart."""
    models = [model for model in MODELS[name] if model]
    sql = " ".join(text_of(model) for model in models)
    for item in fields(STRATEGIES[name](name=name).parameters):
        if "range" not in item.metadata:
            assert f"parameter_{KINDS[item.name]}('{item.name}'" in sql, item.name
            continue
        low, high = item.metadata["range"]
        kind = "integer" if isinstance(low, int) else "number"
        bounds = {f"{low:g}, {high:g}", f"{low}, {high}"}
        assert any(f"parameter_{kind}('{item.name}', {text})" in sql for text in bounds), item.name


KINDS = {"pairs": "pairs", "rank_by": "choice", "entry": "choice", "timeframes": "choices"}
MODELS = {name: [f"int_signals_{name}"] for name in STRATEGIES} | {
    "momentum": ["int_momentum_inputs"],
    "factor_composite": ["int_factor_inputs", "int_signals_factor_composite"],
    "pairs": ["int_pair_candidates", "int_pair_choices", "int_pair_liquidity", "int_pair_positions"],
}


@pytest.mark.parametrize(
    ("call", "value", "rule"),
    [
        ("parameter_integer('n', 2, 9)", 1, "a whole number in 2..9, was 1"),
        ("parameter_integer('n', 2, 9)", 2.5, "a whole number in 2..9, was 2.5"),
        ("parameter_integer('n', 2, 9)", True, "a whole number in 2..9, was true"),
        ("parameter_integer('n', 2, 9)", None, "a whole number in 2..9, was null"),
        ("parameter_number('n', 0, 1)", 1.5, "a number in 0..1, was 1.5"),
        ("parameter_number('n', 0, 1)", float("nan"), "a number in 0..1"),
        ("parameter_number('n', 0, 1)", "1 or true", "a number in 0..1"),
        ("parameter_choice('n', ['a', 'b'])", "c", "one of a, b"),
        ("parameter_choices('n', ['a', 'b'])", ["a", "a"], "some of a, b, each once"),
        ("parameter_choices('n', ['a', 'b'])", [], "some of a, b, each once"),
        ("parameter_pairs('n')", ["A:A"], "pairs of different symbols"),
        ("parameter_pairs('n')", ["A:B' or true"], "pairs of different symbols"),
        ("parameter_pairs('n')", "A:B", "pairs of different symbols"),
    ],
)
def test_the_sql_refuses_a_bad_parameter_by_name(call: str, value: object, rule: str) -> None:
    with pytest.raises(RefusedError) as caught:
        refusal_of(call, {} if value is None else {"n": value})
    assert "strategy.parameters.n must be" in str(caught.value)
    assert rule in str(caught.value)
