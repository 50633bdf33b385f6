"""Small markets for tests: panels from literals or from Hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
from hypothesis import strategies as st

from execution.config import CostsConfig, PortfolioConfig, RiskConfig
from execution.panel import Panel, ScorePanel
from execution.types import Account, Floats, Scores, Snapshot

NAN = float("nan")
FREE = CostsConfig(name="zero")
# Rules that never speak, for tests of something else.
LENIENT = RiskConfig(name="none", max_position_weight=1.0, max_gross=4.0, min_price=0.0, max_price_move=1e9)
EVERY_DAY = PortfolioConfig(name="test", rebalance="daily", gross=1.0, min_trade_weight=0.0)


def weekdays(count: int, first: date = date(2024, 1, 1)) -> tuple[date, ...]:
    """The first ``count`` weekdays from a Monday on."""
    return tuple(first + timedelta(days=n // 5 * 7 + n % 5) for n in range(count))


def midnight(day: date) -> datetime:
    """The naive UTC stamp of a daily bar."""
    return datetime.combine(day, time())


def panel(
    close: Any,
    *,
    open_: Any = None,
    high: Any = None,
    low: Any = None,
    split: Any = None,
    dividend: Any = None,
    benchmark: Any = None,
) -> Panel:
    """A panel of symbols A, B, C, … from (T, N) lists; opens equal closes and bars have no wicks unless given."""
    closes = np.array(close, dtype=float)
    opens = closes.copy() if open_ is None else np.array(open_, dtype=float)
    count, names = closes.shape
    days = weekdays(count)
    return Panel(
        symbols=tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:names]),
        bar_at=tuple(midnight(day) for day in days),
        session_date=days,
        open=opens,
        high=np.maximum(opens, closes) if high is None else np.array(high, dtype=float),
        low=np.minimum(opens, closes) if low is None else np.array(low, dtype=float),
        close=closes,
        volume=np.where(np.isfinite(closes), 1000.0, NAN),
        split_ratio=np.ones_like(closes) if split is None else np.array(split, dtype=float),
        dividend=np.zeros_like(closes) if dividend is None else np.array(dividend, dtype=float),
        benchmark=np.full(count, NAN) if benchmark is None else np.array(benchmark, dtype=float),
    )


def score_panel(score: Any, *, confidence: Any = None, volatility: Any = None) -> ScorePanel:
    """Scores from (T, N) lists; confidence 1 and volatility 0.2 unless given."""
    values = np.array(score, dtype=float)
    return ScorePanel(
        "test",
        values,
        np.ones_like(values) if confidence is None else np.array(confidence, dtype=float),
        np.full_like(values, 0.2) if volatility is None else np.array(volatility, dtype=float),
    )


def snapshot(last_close: Sequence[float], **changes: Any) -> Snapshot:
    """One bar of A, B, C, … that opened and closed at ``last_close``, as did the bar before."""
    prices = np.array(last_close, dtype=float)
    base = Snapshot(
        symbols=tuple("ABCDEFGHIJ"[: len(prices)]),
        bar_at=midnight(date(2024, 1, 2)),
        session_date=date(2024, 1, 2),
        open=prices,
        close=prices,
        volume=np.full(len(prices), 1000.0),
        last_close=prices,
        previous_close=prices,
        sessions_since_bar=np.zeros(len(prices)),
        split_ratio=np.ones(len(prices)),
        dividend=np.zeros(len(prices)),
    )
    arrays = {k: np.array(v, dtype=float) if isinstance(v, list) else v for k, v in changes.items()}
    return replace(base, **arrays)


def scores(score: Sequence[float], *, confidence: float = 1.0, volatility: Any = None) -> Scores:
    """One bar's scores."""
    values = np.array(score, dtype=float)
    known = np.full(len(values), 0.2) if volatility is None else np.array(volatility, dtype=float)
    return Scores("test", values, np.full(len(values), confidence), known)


def account(quantity: Sequence[float], cash: float = 0.0) -> Account:
    return Account(tuple("ABCDEFGHIJ"[: len(quantity)]), cash, np.array(quantity, dtype=float))


def fraction_changes(equity: Floats) -> Floats:
    return equity[1:] / equity[:-1] - 1


@st.composite
def markets(draw: st.DrawFn) -> tuple[Panel, ScorePanel]:
    """Random prices with gaps, splits, dividends, and random scores: 2 to 25 bars of 1 to 5 symbols."""
    count, names = draw(st.integers(2, 25)), draw(st.integers(1, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    gaps, splits, dividends = (draw(st.sampled_from([0.0, 0.1, 0.3])) for _ in range(3))
    shape = (count, names)
    has_bar = random.random(shape) >= gaps
    ratio = np.where(
        has_bar & (random.random(shape) < splits), random.choice([2.0, 3.0, 0.1, 1.5], shape), 1.0
    )
    value = random.uniform(5, 200, names) * np.exp(np.cumsum(random.normal(0, 0.05, shape), axis=0))
    close = np.where(has_bar, value / np.cumprod(ratio, axis=0), NAN)
    open_ = close * np.exp(random.normal(0, 0.02, shape))
    paid = np.where(has_bar & (random.random(shape) < dividends), close * random.uniform(0, 0.03, shape), 0.0)
    score = np.where(random.random(shape) < 0.1, NAN, np.round(random.normal(0, 1, shape), 1))
    volatility = np.where(random.random(shape) < 0.1, NAN, random.uniform(0.05, 1, shape))
    confidence = random.random(shape)
    return (
        panel(close, open_=open_, split=ratio, dividend=paid),
        score_panel(score, confidence=confidence, volatility=volatility),
    )


portfolios = st.builds(
    PortfolioConfig,
    name=st.just("test"),
    side=st.sampled_from(["long", "long_short"]),
    k=st.integers(0, 4),
    weighting=st.sampled_from(["equal", "inverse_volatility", "score"]),
    gross=st.sampled_from([0.5, 0.95, 1.0, 1.5]),
    rebalance=st.sampled_from(["bar", "daily", "weekly"]),
    min_trade_weight=st.sampled_from([0.0, 0.02]),
    whole_shares=st.booleans(),
    initial_cash=st.sampled_from([500.0, 100_000.0]),
)
risks = st.builds(
    RiskConfig,
    name=st.just("test"),
    max_position_weight=st.sampled_from([0.3, 1.0]),
    max_gross=st.sampled_from([0.8, 1.0, 2.0]),
    min_confidence=st.sampled_from([0.0, 0.4]),
    min_price=st.sampled_from([0.0, 10.0]),
    max_price_move=st.sampled_from([0.08, 1.0]),
    max_stale_sessions=st.sampled_from([0, 3]),
)
fees = st.builds(
    CostsConfig,
    name=st.just("test"),
    commission_bps=st.sampled_from([0.0, 5.0]),
    commission_per_share=st.sampled_from([0.0, 0.005]),
    commission_minimum=st.sampled_from([0.0, 1.0]),
    slippage_bps=st.sampled_from([0.0, 10.0]),
)
