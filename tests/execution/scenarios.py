"""Random scenarios for the simulator: a market, costs, rules, targets and orders from one seed.

Prices lie on a coarse grid half the time, and distances are fractions that floats hold exactly, so that levels are
touched to the tick, ties occur and nothing hangs on how a sum was rounded.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from execution.kernel.types import (
    EXPLICIT,
    GTC,
    ORDER_TYPES,
    TARGET,
    TRAILING_STOP,
    CostTable,
    Floats,
    Market,
    Orders,
    Rules,
    Targets,
)

Random = np.random.Generator
_FREE_FLOAT = 1e6


class Scenario(NamedTuple):
    market: Market
    costs: CostTable
    rules: Rules
    cash: float
    targets: Targets | None
    orders: Orders | None


def scenario(seed: int) -> Scenario:
    """Return the scenario of a seed: 1 to 4 symbols over 5 to 30 bars."""
    random = np.random.default_rng(seed)
    count, names = int(random.integers(5, 31)), int(random.integers(1, 5))
    is_leveraged = random.random() < 0.2
    market = _market(random, count, names, is_wild=is_leveraged)
    rules = _rules(random)
    if is_leveraged:
        rules = rules._replace(
            is_margin=True,
            initial_margin=_one(random, 0.25, 0.25, 0.5),
            maintenance_margin=0.1875,
            max_position_weight=4.0,
            max_gross=4.0,
            max_stale_sessions=100,
            max_price_move=1e9,
            min_confidence=0.0,
            order_type=0,
        )
        if random.random() < 0.7:
            rules = rules._replace(stop_loss=0.0, take_profit=0.0, trailing_stop=0.0, max_bars=0)
    has_targets = random.random() < 0.8
    has_orders = not has_targets or random.random() < 0.5
    return Scenario(
        market=market,
        costs=_costs(random, count, names),
        rules=rules,
        cash=float(random.choice([1000.0, 10_000.0, 65_536.0])),
        targets=_targets(random, rules, count, names) if has_targets else None,
        orders=_orders(random, market) if has_orders else None,
    )


def _one(random: Random, *choices: Any) -> Any:
    return choices[int(random.integers(len(choices)))]


def _sessions(random: Random, count: int) -> tuple[Any, Floats]:
    """Daily sessions, or up to five bars in each; a weekend now and then."""
    if random.random() < 0.6:
        session = np.arange(count)
    else:
        session = np.cumsum(random.random(count) < _one(random, 0.2, 0.4))
        session -= session[0]
    days = np.where(random.random(count) < 0.2, 3.0, 1.0)
    days[1:][session[1:] == session[:-1]] = 0.0
    days[0] = 0.0
    return session.astype(np.int64), days


def _market(random: Random, count: int, names: int, *, is_wild: bool) -> Market:
    shape = (count, names)
    session, days = _sessions(random, count)
    step = _one(random, 0.1, 0.3) if is_wild else _one(random, 0.01, 0.03, 0.1)
    gap = _one(random, 0.0, 0.02, 0.1)
    split_chance, dividend_chance = _one(random, 0.0, 0.0, 0.05), _one(random, 0.0, 0.1)
    ratio = np.where(
        random.random(shape) < split_chance, random.choice([2.0, 4.0, 1.5, 0.5, 0.1], shape), 1.0
    )
    value = random.choice([8.0, 32.0, 100.0], names) * np.exp(
        np.cumsum(random.normal(0, step, shape), axis=0)
    )
    close = value / np.cumprod(ratio, axis=0)
    before = np.vstack([close[:1], close[:-1] / ratio[1:]])
    open_ = before * np.exp(random.normal(0, gap, shape)) if gap else before
    reach = np.exp(np.abs(random.normal(0, step, (2, *shape))))
    tick = _one(random, 0.0, 0.0, 0.25, 1.0)
    if tick:
        open_, close = (np.maximum(np.round(price / tick), 1.0) * tick for price in (open_, close))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    if tick:
        high, low = np.ceil(high / tick) * tick, np.maximum(np.floor(low / tick), 1.0) * tick
    low = np.minimum(np.minimum(open_, close), low)
    if random.random() < 0.1:  # opens of 0, on which nobody could trade
        unreal = random.random(shape) < 0.1
        open_[unreal], low[unreal] = 0.0, 0.0
    has_bar = _present(random, count, names)
    shares = random.uniform(0, 1, shape)
    vwap = np.where(random.random() < 0.5, low + (high - low) * shares, (high + low + close) / 3)
    for prices in (open_, high, low, close, vwap):
        prices[~has_bar] = np.nan
    volume = random.choice([0.0, 64.0, 1024.0, _FREE_FLOAT], shape, p=[0.05, 0.25, 0.3, 0.4])
    volume[~has_bar] = np.nan
    dividend = np.where(random.random(shape) < dividend_chance, random.choice([0.125, 0.5], shape), 0.0)
    known = random.random(shape) > 0.1
    return Market(
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        vwap=vwap,
        split_ratio=ratio,
        dividend=dividend,
        volatility=np.where(known, random.choice([1 / 64, 1 / 32, 1 / 16, step], shape), 0.0),
        is_shortable=random.random(shape) >= _one(random, 0.0, 0.0, 0.1, 1.0),
        session=session,
        days=days,
    )


def _present(random: Random, count: int, names: int) -> Any:
    """Which bars exist: late listings, gaps, and symbols that are gone for good."""
    present = random.random((count, names)) >= _one(random, 0.0, 0.05, 0.3)
    for i in range(names):
        if random.random() < 0.15:
            present[int(random.integers(count)) :, i] = False
        if random.random() < 0.1:
            present[: int(random.integers(count)), i] = False
    return present


def _costs(random: Random, count: int, names: int) -> CostTable:
    is_free = random.random() < 0.3

    def some(*choices: float) -> float:
        return 0.0 if is_free else float(_one(random, 0.0, *choices))

    buckets = int(random.integers(1, 4))
    per_symbol = (
        np.zeros((buckets, names)) if is_free else random.choice([0.0, 1 / 1024, 1 / 256], (buckets, names))
    )
    return CostTable(
        per_share=some(1 / 128, 0.005),
        per_order=some(0.5, 1.0),
        rate=some(1 / 2048, 0.001),
        minimum=some(1.0),
        maximum=float(_one(random, np.inf, np.inf, 2.0)),
        maximum_rate=float(_one(random, np.inf, np.inf, 0.01)),
        sale_rate=np.full(count, some(1 / 32768)),
        sale_per_share=np.full(count, some(0.000166)),
        sale_maximum=np.full(count, float(_one(random, np.inf, 0.0625))),
        spread=per_symbol,
        bucket=random.integers(0, buckets, count).astype(np.int64),
        slippage=some(1 / 1024, 0.0005),
        slippage_volatility=some(1 / 16),
        impact=some(0.5, 1.0),
        borrow_rate=random.choice([0.0, 0.25], names),
    )


def _rules(random: Random) -> Rules:
    def rarely(*choices: Any) -> Any:
        return _one(random, *choices) if random.random() < 0.3 else type(choices[0])(0)

    is_margin = bool(random.random() < 0.7)
    by_volatility = bool(random.random() < 0.3)
    unit = 1.0 if by_volatility else 1 / 32
    has_margin_rule = is_margin and random.random() < 0.8
    return Rules(
        whole_shares=bool(random.random() < 0.6),
        lot=float(_one(random, 0.0, 0.0, 0.0, 1.0, 10.0)),
        min_trade_weight=float(_one(random, 0.0, 0.0, 1 / 64)),
        min_notional=float(rarely(100.0)),
        order_type=int(random.integers(len(ORDER_TYPES))) if random.random() < 0.7 else 0,
        time_in_force=int(random.integers(2)),
        fill_at=int(_one(random, 0, 0, 1, 2)),
        limit_distance=float(_one(random, 0.0, 1 / 64, 1 / 32)),
        stop_distance=float(_one(random, 0.0, 1 / 64, 1 / 32)),
        trail=float(_one(random, 1 / 64, 1 / 16)),
        participation=float(_one(random, 0.0, 0.0, 1 / 64, 1 / 8)),
        carries_remainder=bool(random.random() < 0.5),
        stop_loss=float(_one(random, 0.0, unit, 2 * unit)),
        take_profit=float(_one(random, 0.0, unit, 3 * unit)),
        trailing_stop=float(_one(random, 0.0, 0.0, 0.75 * unit, 2.5 * unit)),  # never quite the stop loss
        exits_by_volatility=by_volatility,
        max_bars=int(_one(random, 0, 0, 1, 3)),
        is_margin=is_margin,
        initial_margin=float(_one(random, 0.5, 0.25, 1.0)) if has_margin_rule else 1 / 64,
        maintenance_margin=float(_one(random, 0.25, 0.125)) if has_margin_rule else 0.0,
        margin_rate=float(rarely(0.0625, 0.1)),
        cash_rate=float(rarely(0.03125, 0.02)),
        exit_after_missing_sessions=int(rarely(1, 2, 3)),
        vanished_recovery=float(_one(random, 0.0, 0.5, 1.0)),
        max_position_weight=float(_one(random, 0.25, 1.0, 1.0)),
        max_gross=float(_one(random, 0.75, 1.0, 2.0, 4.0)),
        min_confidence=float(rarely(0.5)),
        min_price=float(rarely(5.0, 30.0)),
        max_price_move=float(_one(random, 1e9, 1e9, 0.25)),
        max_stale_sessions=int(_one(random, 0, 5, 100)),
    )


def _targets(random: Random, rules: Rules, count: int, names: int) -> Targets:
    bars = np.flatnonzero(random.random(count) < _one(random, 0.2, 0.5, 1.0)).astype(np.int64)
    shape = (bars.size, names)
    weight = random.choice([0.0, 0.125, 0.25, 0.5, 1.0, 2.0], shape, p=[0.15, 0.2, 0.2, 0.25, 0.15, 0.05])
    if rules.is_margin:
        weight = weight * random.choice([-1.0, 1.0], shape, p=[0.4, 0.6])
    if rules.max_gross == 4.0:
        weight *= 2
    weight[random.random(shape) < 0.1] = np.nan
    return Targets(bars, weight, random.choice([0.25, 0.5, 1.0], shape))


def _orders(random: Random, market: Market) -> Orders:
    count, names = market.open.shape
    size = int(random.integers(1, 13))
    bar = np.sort(random.integers(-1, count, size)).astype(np.int64)
    symbol = random.integers(0, names, size).astype(np.int64)
    # Levels lie about where the symbol trades next, on round numbers of its own price.
    near = np.where(np.isfinite(market.open), market.open, 0.0).max(axis=0)
    price = np.array(
        [market.open[b + 1, s] if b + 1 < count else np.nan for b, s in zip(bar, symbol, strict=True)]
    )
    price = np.where(price > 0, price, np.where(near[symbol] > 0, near[symbol], 10.0))
    kind = random.integers(0, len(ORDER_TYPES), size).astype(np.int64)
    side = random.choice([-1.0, 1.0], size, p=[0.4, 0.6])
    has_limit, has_stop = np.isin(kind, (1, 3)), np.isin(kind, (2, 3))
    return Orders(
        bar=bar,
        symbol=symbol,
        quantity=side * random.choice([1.0, 10.0, 25.0, 100.0, 12.5], size),
        type=kind,
        limit=np.where(has_limit, price * (1 + random.choice([-1 / 32, 0, 1 / 32, 1 / 8], size)), np.nan),
        stop=np.where(has_stop, price * (1 + random.choice([-1 / 32, 0, 1 / 32], size)), np.nan),
        trail=np.where(kind == TRAILING_STOP, 1 / 32, np.nan),
        time_in_force=np.where(random.random(size) < 0.6, GTC, 0).astype(np.int64),
        reason=np.where(random.random(size) < 0.8, EXPLICIT, TARGET).astype(np.int64),
        goal=random.choice([np.nan, 0.0, 50.0], size, p=[0.8, 0.15, 0.05]),
    )
