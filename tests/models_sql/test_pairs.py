"""The strategy pairs against its rules: candidates, ranking, bands, legs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from execution.strategies import PairsParameters
from tests.models_sql.strategies import CHOSEN, COUNT, SYMBOLS, Floor, day, market, mean, strategy
from transforms.operators.catalogue import Array


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


def fashions() -> pl.DataFrame:
    """The market, where DDD is much traded at first and at last only: its pairs come and go as candidates."""
    fashionable = (pl.col("symbol") == "DDD") & ~pl.col("session_date").is_between(day(40), day(180))
    value = pl.col("traded_value")
    return market().with_columns(traded_value=pl.when(fashionable).then(value * 1e6).otherwise(value))


@pytest.mark.parametrize("rank_by", ["cointegration", "correlation"])
@pytest.mark.parametrize("bars", [market(), fashions()], ids=["steady", "fashions"])
def test_the_best_pairs_of_the_month_before_are_traded_at_their_bands(
    floor: Floor, bars: pl.DataFrame, rank_by: str
) -> None:
    floor.load(bars)
    p: PairsParameters = replace(CHOSEN["pairs"].parameters, rank_by=rank_by, candidates=3)
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
    assert sum(score != 0 for score in got.values()) > 20
    begun = next(one for one in days[p.window_bars :] if one.day == 1)
    assert {today for _, today in got} == set(days[days.index(begun) :])


def test_a_pair_that_comes_back_has_a_spell_of_its_own_and_nothing_between(floor: Floor) -> None:
    floor.load(fashions())
    chosen = CHOSEN["pairs"]
    floor.build(replace(chosen, parameters=replace(chosen.parameters, candidates=3)))
    spreads = floor.table("int_pair_spreads").filter(pl.col("second_symbol") == "DDD")
    rows = spreads.group_by("pair").agg(pl.col("symbol").n_unique(), pl.len()).sort("pair")
    assert rows["symbol"].to_list() == [2, 1, 2], "BBB is traded too little to come back"
    assert all(count < COUNT - 40 for count in rows["len"])
    unknown = spreads.group_by("symbol").agg(pl.col("spread_zscore").head(24).is_null().all())
    assert unknown["spread_zscore"].all(), "no window reaches over the gap"


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
