"""Small markets for tests: panels from literals or from Hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
from hypothesis import strategies as st

from execution.config import (
    AccountConfig,
    BookConfig,
    CostsConfig,
    ExitsConfig,
    OrdersConfig,
    PortfolioConfig,
    RiskConfig,
)
from execution.costs import cost_table
from execution.panel import Panel, ScorePanel
from execution.rules import Terms, terms_of
from execution.simulator import SimulationResult, simulate
from execution.types import Scores

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


def scores(score: Sequence[float], *, confidence: float = 1.0, volatility: Any = None) -> Scores:
    """One bar's scores."""
    values = np.array(score, dtype=float)
    known = np.full(len(values), 0.2) if volatility is None else np.array(volatility, dtype=float)
    return Scores("test", values, np.full(len(values), confidence), known)


def book_config(
    portfolio: PortfolioConfig = EVERY_DAY,
    *,
    risk: RiskConfig = LENIENT,
    costs: CostsConfig = FREE,
    **groups: Any,
) -> BookConfig:
    """What a book trades by; daily, without costs and risk rules unless told."""
    return BookConfig(portfolio=portfolio, risk=risk, costs=costs, **groups)


def terms(bars: Panel, config: BookConfig) -> Terms:
    return terms_of(bars, config, cost_table(config.costs, bars.symbols, bars.session_date))


def simulated(
    bars: Panel, scored: ScorePanel, config: BookConfig, *, book: str = "backtest/test", first: int = 0
) -> SimulationResult:
    """A book over a panel."""
    return simulate(scored, terms(bars, config), book=book, config=config, first=first)


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
    high = np.fmax(open_, close) * np.exp(np.abs(random.normal(0, 0.02, shape)))
    low = np.fmin(open_, close) * np.exp(-np.abs(random.normal(0, 0.02, shape)))
    paid = np.where(has_bar & (random.random(shape) < dividends), close * random.uniform(0, 0.03, shape), 0.0)
    score = np.where(random.random(shape) < 0.1, NAN, np.round(random.normal(0, 1, shape), 1))
    volatility = np.where(random.random(shape) < 0.1, NAN, random.uniform(0.05, 1, shape))
    confidence = random.random(shape)
    return (
        panel(close, open_=open_, high=high, low=low, split=ratio, dividend=paid),
        score_panel(score, confidence=confidence, volatility=volatility),
    )


def year(names: int = 8, count: int = 250) -> tuple[Panel, ScorePanel]:
    """A year of eight symbols with splits, dividends, missing bars and scores on most days."""
    random = np.random.default_rng(11)
    shape = (count, names)
    has_bar = random.random(shape) > 0.02
    split = np.where(has_bar & (random.random(shape) < 0.01), random.choice([2.0, 3.0, 1.5, 0.1], shape), 1.0)
    worth = random.uniform(20, 200, names) * np.exp(np.cumsum(random.normal(0, 0.02, shape), axis=0))
    close = np.where(has_bar, worth / np.cumprod(split, axis=0), NAN)
    open_ = close * np.exp(random.normal(0, 0.01, shape))
    dividend = np.where(has_bar & (random.random(shape) < 0.01), close * 0.01, 0.0)
    score = np.where(random.random(shape) < 0.05, NAN, random.normal(0, 1, shape))
    return (
        panel(close, open_=open_, split=split, dividend=dividend, benchmark=np.linspace(100, 120, count)),
        score_panel(score, volatility=random.uniform(0.1, 0.5, shape)),
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
    borrow_rate=st.sampled_from([0.0, 0.03]),
    impact=st.sampled_from([0.0, 0.5]),
    sec_fee=st.booleans(),
)
order_kinds = st.builds(
    OrdersConfig,
    name=st.just("test"),
    type=st.sampled_from(["market", "limit", "stop", "stop_limit", "trailing_stop", "market_on_close"]),
    fill_at=st.sampled_from(["open", "close", "vwap"]),
    limit_bps=st.sampled_from([0.0, 50.0]),
    stop_bps=st.sampled_from([0.0, 50.0]),
    trail_bps=st.just(150.0),
    time_in_force=st.sampled_from(["day", "gtc"]),
    participation=st.sampled_from([0.0, 0.05]),
    remainder=st.sampled_from(["carry", "cancel"]),
)
exit_rules = st.builds(
    ExitsConfig,
    name=st.just("test"),
    stop_loss=st.sampled_from([0.0, 0.03]),
    take_profit=st.sampled_from([0.0, 0.05]),
    trailing_stop=st.sampled_from([0.0, 0.04]),
    max_bars=st.sampled_from([0, 4]),
)
account_terms = st.builds(
    AccountConfig,
    name=st.just("test"),
    initial_margin=st.sampled_from([0.5, 1.0]),
    maintenance_margin=st.sampled_from([0.0, 0.25, 0.5]),
    margin_rate=st.sampled_from([0.0, 0.08]),
    cash_rate=st.sampled_from([0.0, 0.02]),
    exit_after_missing_sessions=st.sampled_from([0, 2]),
    vanished_recovery=st.sampled_from([1.0, 0.5]),
)
configs = st.builds(
    BookConfig,
    portfolio=portfolios,
    risk=risks,
    costs=fees,
    orders=order_kinds,
    exits=exit_rules,
    account=account_terms,
)
