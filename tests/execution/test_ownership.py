from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.combined_config import AllocationConfig
from execution.config import BookConfig, CostsConfig, ExitsConfig, PortfolioConfig
from execution.ownership import parts_of
from execution.panel import Panel, ScorePanel
from tests.execution.combinations import combined, only
from tests.execution.markets import EVERY_DAY, NAN, book_config, configs, markets, panel, score_panel

BY_SCORE = replace(EVERY_DAY, k=0, weighting="score", whole_shares=False)
LONG_SHORT = replace(BY_SCORE, side="long_short")


@given(market=markets(), config=configs, seed=st.integers(0, 2**32 - 1), drift=st.sampled_from([0.0, 0.1]))
@settings(max_examples=150, deadline=None)
def test_parts_sum_to_positions_and_profit_of_the_account_at_every_bar(
    market: tuple[Panel, ScorePanel], config: BookConfig, seed: int, drift: float
) -> None:
    bars, scored = market
    random = np.random.default_rng(seed)
    members = {"one": scored}
    for name in ("two", "three"):
        score = np.where(random.random(bars.close.shape) < 0.2, np.nan, random.normal(0, 1, bars.close.shape))
        members[name] = replace(scored, strategy=name, score=np.round(score, 1))
    if not all(one.has_score.any() for one in members.values()):
        return
    result, scores = combined(bars, members, config, allocation=AllocationConfig(drift=drift))
    parts = parts_of(result, scores)
    assert np.isfinite(np.array(parts)).all()
    scale = np.maximum(np.abs(result.equity), result.initial_cash)
    assert np.allclose(
        parts.value.sum(axis=1), result.market_value.sum(axis=1), rtol=0, atol=1e-9 * scale.max()
    )
    change = np.diff(result.equity, prepend=result.initial_cash)
    # What a short opened and closed within a bar owes belongs to nobody.
    left = change - parts.pnl.sum(axis=1) - result.flow("interest")
    assert np.all(np.abs(left) <= 1e-9 * scale + np.abs(result.flow("borrow")))
    assert np.all(np.abs(parts.traded.sum(axis=1) - result.traded) <= 1e-9 * scale)


def test_each_strategy_earns_what_its_own_symbol_does() -> None:
    bars = panel([[10.0, 50.0], [10.0, 50.0], [12.0, 45.0], [15.0, 45.0]])
    members = {"one": score_panel(only(4, 2, A=1.0)), "two": score_panel(only(4, 2, B=1.0))}
    monthly = book_config(replace(BY_SCORE, rebalance="monthly"))
    result, scores = combined(bars, members, monthly)
    parts = parts_of(result, scores)
    # 50,000 each at the second open: 5,000 of A, 1,000 of B, held from then on.
    assert parts.pnl.tolist() == pytest.approx(np.array([[0, 0], [0, 0], [10_000, -5_000], [15_000, 0]]))
    assert parts.crossed.sum() == 0


def test_opposite_wishes_change_hands_at_the_open_without_a_fill() -> None:
    bars = panel([[10.0], [10.0], [11.0], [13.0]], open_=[[10.0], [10.0], [11.0], [12.0]])
    first = np.array([[1.0], [1.0], [0.0], [0.0]])
    members = {"one": score_panel(first), "two": score_panel(1 - first)}
    config = book_config(replace(BY_SCORE, min_trade_weight=0.05))
    result, scores = combined(bars, members, config, allocation=AllocationConfig(drift=1.0))
    parts = parts_of(result, scores)
    assert len(result.fills.bar) == 1  # one buys 5,000 shares at 10; on the third close it hands them to two
    dealt = (
        50_000 / 11
    )  # two has 50,000 and buys at the third close's price; the rest is below min_trade_weight
    assert parts.crossed[3].tolist() == pytest.approx([dealt * 12] * 2)
    assert parts.pnl[3].tolist() == pytest.approx(
        [5_000 * (12 - 11) + (5_000 - dealt) * (13 - 12), dealt * (13 - 12)]
    )


def test_cost_of_a_fill_is_paid_by_those_who_asked_for_it() -> None:
    bars = panel([[10.0, 50.0]] * 4)
    members = {"one": score_panel(only(4, 2, A=1.0)), "two": score_panel(only(4, 2))}
    config = book_config(BY_SCORE, costs=CostsConfig(name="test", commission_bps=10.0, slippage_bps=10.0))
    result, scores = combined(bars, members, config)
    parts = parts_of(result, scores)
    paid = float(np.sum(result.fills.commission + result.fills.slippage))
    assert paid > 0
    assert parts.costs.sum(axis=0).tolist() == pytest.approx([paid, 0.0])
    assert parts.pnl.sum(axis=0).tolist() == pytest.approx([-paid, 0.0])


def test_stop_closes_the_part_of_everybody() -> None:
    bars = panel([[10.0], [10.0], [8.0], [8.0]], open_=[[10.0], [10.0], [10.0], [8.0]])
    members = {"one": score_panel(only(4, 1, A=1.0)), "two": score_panel(only(4, 1, A=0.5))}
    config = book_config(
        replace(BY_SCORE, rebalance="monthly"), exits=ExitsConfig(name="test", stop_loss=0.1)
    )
    result, scores = combined(bars, members, config)
    assert result.quantity[:, 0].tolist() == [0.0, 7_500.0, 0.0, 0.0]
    parts = parts_of(result, scores)
    assert parts.pnl[2].tolist() == pytest.approx([-5_000.0, -2_500.0])  # at the stop, 9
    assert parts.gross[2].tolist() == [0.0, 0.0]


def test_fill_behind_an_exit_is_of_the_strategy_that_asked_for_it() -> None:
    bars = panel([[10.0]] * 4)
    late = np.array([[0.0], [0.0], [0.5], [0.5]])
    members = {"one": score_panel(only(4, 1, A=1.0)), "late": score_panel(late)}
    config = book_config(BY_SCORE, exits=ExitsConfig(name="test", max_bars=2))
    result, scores = combined(bars, members, config)
    # One's 5,000 have been held for two bars and are sold; the 2,500 that late asked for are bought behind them.
    assert result.outcome.fills["quantity"].tolist() == pytest.approx([5_000, -5_000, 2_500])
    parts = parts_of(result, scores)
    assert parts.value[-1].tolist() == pytest.approx([0.0, 25_000.0])
    assert parts.traded[-1].tolist() == pytest.approx([50_000.0, 25_000.0])


def test_opposite_wishes_wait_for_the_next_open_that_there_is() -> None:
    bars = panel([[10.0]] * 6 + [[NAN], [12.0]])
    first = np.array([[1.0]] * 5 + [[0.0]] * 3)
    members = {"one": score_panel(first), "two": score_panel(1 - first)}
    weekly = book_config(replace(BY_SCORE, rebalance="weekly"))
    result, scores = combined(bars, members, weekly, allocation=AllocationConfig(drift=1.0))
    parts = parts_of(result, scores)
    assert parts.crossed[6:].tolist() == pytest.approx(np.array([[0.0, 0.0], [60_000.0, 60_000.0]]))
    assert parts.pnl[7].tolist() == pytest.approx([10_000.0, 0.0])


def test_stop_of_a_position_that_strategies_are_on_both_sides_of_is_traded_once() -> None:
    bars = panel([[10.0], [10.0], [8.0]], open_=[[10.0], [10.0], [10.0]])
    members = {"one": score_panel(only(3, 1, A=1.0)), "two": score_panel(only(3, 1, A=-0.5))}
    config = book_config(
        replace(LONG_SHORT, rebalance="monthly"), exits=ExitsConfig(name="test", stop_loss=0.1)
    )
    result, scores = combined(bars, members, config)
    parts = parts_of(result, scores)
    # 5,000 less 2,500 are sold at the stop, 9; the other 2,500 pass from one to two.
    assert parts.traded[2].tolist() == pytest.approx([15_000.0, 7_500.0])
    assert parts.crossed[2].tolist() == pytest.approx([30_000.0, 15_000.0])
    assert parts.pnl[2].tolist() == pytest.approx([-5_000.0, 2_500.0])


def test_borrow_fee_is_paid_by_the_strategy_that_is_short() -> None:
    bars = panel([[10.0, 50.0]] * 6)
    members = {"one": score_panel(only(6, 2, A=1.0)), "two": score_panel(only(6, 2, B=-1.0))}
    config = book_config(LONG_SHORT, costs=CostsConfig(name="test", borrow_rate=0.1))
    result, scores = combined(bars, members, config)
    parts = parts_of(result, scores)
    assert parts.pnl[:, 0].tolist() == pytest.approx([0.0] * 6)
    assert float(parts.pnl[:, 1].sum()) == pytest.approx(float(result.flow("borrow").sum()))
    assert parts.costs[:, 1].sum() > 0


def test_nobody_pays_for_borrowing_what_the_account_is_long_of() -> None:
    bars = panel([[10.0, 50.0]] * 6)
    members = {
        "long": score_panel(only(6, 2, A=1.0)),
        "against": score_panel(only(6, 2, A=-0.5)),
        "short": score_panel(only(6, 2, B=-1.0)),
    }
    config = book_config(LONG_SHORT, costs=CostsConfig(name="test", borrow_rate=0.1))
    result, scores = combined(bars, members, config, allocation=AllocationConfig(drift=1.0))
    paid = parts_of(result, scores).costs.sum(axis=0)
    assert paid.tolist() == pytest.approx([0.0, 0.0, -float(result.flow("borrow").sum())])
    assert paid[2] > 0


def test_split_and_dividend_reach_every_part() -> None:
    bars = panel(
        [[10.0], [10.0], [5.0], [5.0]],
        split=[[1.0], [1.0], [2.0], [1.0]],
        dividend=[[0.0], [0.0], [0.0], [0.1]],
    )
    members = {"one": score_panel(only(4, 1, A=1.0)), "two": score_panel(only(4, 1, A=0.5))}
    result, scores = combined(bars, members, book_config(replace(BY_SCORE, rebalance="monthly")))
    parts = parts_of(result, scores)
    assert parts.pnl[2].tolist() == pytest.approx([0.0, 0.0])
    assert parts.pnl[3].tolist() == pytest.approx([10_000 * 0.1, 5_000 * 0.1])


def test_what_risk_cuts_is_cut_from_all_alike() -> None:
    bars = panel([[10.0], [10.0], [11.0]])
    members = {"one": score_panel(only(3, 1, A=1.0)), "two": score_panel(only(3, 1, A=0.5))}
    config = book_config(replace(BY_SCORE, rebalance="monthly"))
    capped = replace(config, risk=replace(config.risk, max_position_weight=0.3))
    result, scores = combined(bars, members, capped, allocation=AllocationConfig())
    parts = parts_of(result, scores)
    # Alone each is cut to 0.3 of its capital: 0.15 and 0.15 of the account.
    assert result.quantity[1, 0] == pytest.approx(3_000.0)
    assert parts.pnl[2].tolist() == pytest.approx([1_500.0, 1_500.0])


def test_portfolio_type_is_of_each_member() -> None:
    bars = panel([[10.0, 20.0, 30.0]] * 3)
    score = np.array([[3.0, 2.0, 1.0]] * 3)
    members = {"one": score_panel(score), "two": score_panel(score)}
    top_one = PortfolioConfig(name="test", k=1, gross=1.0)
    result, scores = combined(bars, members, book_config(replace(EVERY_DAY, k=3)), two=top_one)
    assert scores.stakes(0)[1].tolist() == pytest.approx([0.5, 0.0, 0.0])
    assert scores.stakes(0)[0].tolist() == pytest.approx([0.5 / 3] * 3, rel=1e-3)
    assert result.outcome.weights[0].tolist() == pytest.approx([0.5 + 0.5 / 3, 0.5 / 3, 0.5 / 3], rel=1e-3)
