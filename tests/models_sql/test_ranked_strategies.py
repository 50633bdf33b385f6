"""Strategies that compare members or timeframes, against a plain reading of their rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from execution.strategies import FactorCompositeParameters
from tests.models_sql.strategies import CHOSEN, SYMBOLS, Floor, day, market, mean, scores_of

NAN = float("nan")


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
