"""The project's own simulator.

``portfolio``: the features that peers share. ``realism``: the same weights with every kind of cost, stops, targets and
trailing stops, a participation cap, whole shares, a margin account. ``shorts``: as many short positions beside.
``grid``: all crossovers. ``load``: the bars, from a home's warehouse into matrices (``DATA`` is the home).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from benchmarks.engines import minutes, portfolio
from benchmarks.engines.portfolio import CASH, RATE, SLIPPAGE, Inputs
from benchmarks.engines.protocol import arguments, say, timed
from execution.crossovers import crossover_grid
from execution.kernel import new_state, run
from execution.kernel.types import AT_OPEN, DAY, MARKET, CostTable, Market, Outcome, Rules, Targets

_THREADS = 2
_CASES = {
    "portfolio": "shared features",
    "realism": "everything on",
    "shorts": "everything on, as many shorts",
}


def market(inputs: Inputs) -> Market:
    """Return daily bars without corporate actions; every seventh day is a weekend of three."""
    shape = inputs.close.shape
    days = np.where(np.arange(len(inputs.close)) % 5 == 0, 3.0, 1.0)
    days[0] = 0.0
    return Market(
        open=inputs.open,
        high=inputs.high,
        low=inputs.low,
        close=inputs.close,
        volume=inputs.volume,
        vwap=(inputs.high + inputs.low + inputs.close) / 3,
        split_ratio=np.ones(shape),
        dividend=np.zeros(shape),
        volatility=np.full(shape, 0.02),
        is_shortable=np.ones(shape, dtype=np.bool_),
        session=np.arange(len(inputs.close)),
        days=days,
    )


def costs(count: int, names: int, *, everything: bool) -> CostTable:
    """Return commission and slippage alone, or every kind of cost there is."""
    none = np.zeros(count)
    shared = CostTable(
        per_share=0.0,
        per_order=0.0,
        rate=RATE,
        minimum=0.0,
        maximum=np.inf,
        maximum_rate=np.inf,
        sale_rate=none,
        sale_per_share=none,
        sale_maximum=none,
        spread=np.zeros((1, names)),
        bucket=np.zeros(count, dtype=np.int64),
        slippage=SLIPPAGE,
        slippage_volatility=0.0,
        impact=0.0,
        borrow_rate=np.zeros(names),
    )
    if not everything:
        return shared
    return shared._replace(
        per_share=0.005,
        per_order=0.1,
        minimum=1.0,
        maximum_rate=0.01,
        sale_rate=none + 2.78e-5,
        sale_per_share=none + 1.66e-4,
        sale_maximum=none + 8.3,
        spread=np.full((1, names), 2e-4),
        slippage_volatility=0.01,
        impact=0.1,
        borrow_rate=np.full(names, 0.01),
    )


def rules(*, everything: bool) -> Rules:
    """Return a cash account that trades fractions at the next open, or one with every rule on."""
    shared = Rules(
        whole_shares=False,
        lot=0.0,
        min_trade_weight=0.0,
        min_notional=0.0,
        order_type=MARKET,
        time_in_force=DAY,
        fill_at=AT_OPEN,
        limit_distance=0.0,
        stop_distance=0.0,
        trail=0.0,
        participation=0.0,
        carries_remainder=False,
        stop_loss=0.0,
        take_profit=0.0,
        trailing_stop=0.0,
        exits_by_volatility=False,
        max_bars=0,
        is_margin=False,
        initial_margin=0.5,
        maintenance_margin=0.25,
        margin_rate=0.0,
        cash_rate=0.0,
        exit_after_missing_sessions=0,
        vanished_recovery=1.0,
        max_position_weight=1.0,
        max_gross=2.0,
        min_confidence=0.0,
        min_price=0.0,
        max_price_move=1e9,
        max_stale_sessions=0,
    )
    if not everything:
        return shared
    return shared._replace(
        whole_shares=True,
        min_trade_weight=0.0005,
        min_notional=100.0,
        participation=0.05,
        carries_remainder=True,
        stop_loss=0.1,
        take_profit=0.3,
        trailing_stop=0.15,
        max_bars=120,
        is_margin=True,
        margin_rate=0.06,
        cash_rate=0.03,
        exit_after_missing_sessions=5,
        max_position_weight=0.1,
        max_gross=1.6,
        min_confidence=0.1,
        min_price=1.0,
        max_price_move=0.5,
    )


def targets(inputs: Inputs, *, shorts: bool) -> Targets:
    """Return the weights; on demand, as many of what fell most are sold short, half as much of each."""
    decided = np.flatnonzero(~np.isnan(inputs.weight[:, 0]))
    weight = inputs.weight[decided]
    if shorts:
        fell = inputs.close[decided] / inputs.close[decided - decided[0]]
        worst = np.argsort(fell, axis=1)[:, : np.count_nonzero(weight[0])]
        np.put_along_axis(weight, worst, -0.5 * weight.max(), axis=1)
    return Targets(decided, weight, np.ones(weight.shape))


def _simulate(data: Path, out: Path, repeats: int, case: str) -> None:
    inputs = portfolio.read(data)
    count, names = inputs.close.shape
    everything = case != "portfolio"
    bars, wanted = market(inputs), targets(inputs, shorts=case == "shorts")
    charged, obeyed = costs(count, names, everything=everything), rules(everything=everything)

    def compute() -> Outcome:
        return run(
            bars,
            charged,
            obeyed,
            new_state(names, CASH),
            first=0,
            last=count,
            targets=wanted,
            keeps_positions=False,
        )

    outcome, seconds = timed(compute, repeats)
    portfolio.keep(out, outcome.equity)
    say(f"Quantmill, {_CASES[case]}", seconds, rows=count * names, fills=len(outcome.fills))


def _grid(data: Path, out: Path, repeats: int) -> None:
    opens, closes = minutes.read(data)
    pairs = minutes.chosen(int(os.environ["PAIRS"]))
    grid, seconds = timed(
        lambda: crossover_grid(
            opens, closes, pairs, commission_rate=minutes.RATE, slippage=minutes.SLIPPAGE, threads=_THREADS
        ),
        repeats,
    )
    portfolio.keep(out, 1.0 + grid.total_return)
    fills = int(2 * grid.round_trips.sum())
    say(f"Quantmill, {_THREADS} threads", seconds, rows=len(closes) * len(pairs), fills=fills)


def _load(data: Path, out: Path, repeats: int) -> None:
    from execution.panel import load_panel
    from transforms.paths import Home
    from transforms.warehouse import Warehouse

    with Warehouse(Home(data).warehouse) as warehouse:
        panel, seconds = timed(lambda: load_panel(warehouse), repeats)
    portfolio.keep(out, np.nansum(panel.close, axis=1))
    say("Quantmill, bars from the warehouse", seconds, rows=panel.close.size, fills=0)


def main() -> None:
    """Run the case."""
    job = arguments((*_CASES, "grid", "load"))
    if job.case == "grid":
        _grid(job.data, job.out, job.repeats)
    elif job.case == "load":
        _load(job.data, job.out, job.repeats)
    else:
        _simulate(job.data, job.out, job.repeats, job.case)


if __name__ == "__main__":
    main()
