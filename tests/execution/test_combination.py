from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.combination import CombinedScores, combine
from execution.combined_config import AllocationConfig
from execution.config import BookConfig, CostsConfig, ExitsConfig, PortfolioConfig, RiskConfig
from execution.panel import Panel, ScorePanel
from tests.execution.combinations import account, combined, combined_config, only
from tests.execution.desks import BOOK, desk, until
from tests.execution.markets import (
    EVERY_DAY,
    book_config,
    configs,
    markets,
    panel,
    score_panel,
    simulated,
    terms,
    year,
)
from transforms.errors import QuantmillError

BY_SCORE = replace(EVERY_DAY, k=0, weighting="score", whole_shares=False)
LONG_SHORT = replace(BY_SCORE, side="long_short")


def combine_on(
    bars: Panel, members: dict[str, ScorePanel], config: BookConfig, allocation: AllocationConfig
) -> tuple[CombinedScores, BookConfig]:
    strategy = combined_config(*members, allocation=allocation)
    whole = account(strategy, config)
    return combine(members, terms(bars, whole), strategy=strategy, config=whole), whole


def test_account_wants_the_sum_of_what_its_strategies_want_by_their_shares() -> None:
    bars = panel([[10.0, 20.0]] * 2)
    members = {"one": score_panel(only(2, 2, A=1.0)), "two": score_panel(only(2, 2, A=0.5, B=0.5))}
    shares = AllocationConfig(weighting="fixed", shares={"one": 0.25, "two": 0.5})
    result, _ = combined(bars, members, book_config(BY_SCORE), allocation=shares)
    assert result.outcome.weights[0].tolist() == pytest.approx([0.25 + 0.25, 0.25])


def test_one_strategy_with_all_the_capital_is_its_own_backtest() -> None:
    bars, scores = year(names=5, count=120)
    config = book_config(
        PortfolioConfig(name="test", k=2, rebalance="daily", gross=0.9, min_trade_weight=0.0),
        costs=CostsConfig(name="test", commission_bps=2.0, slippage_bps=5.0),
        risk=RiskConfig(name="test"),
    )
    other = replace(scores, strategy="other", score=-scores.score)
    everything = AllocationConfig(weighting="fixed", shares={"test": 1.0, "other": 0.0})
    result, _ = combined(bars, {"test": scores, "other": other}, config, allocation=everything)
    alone = simulated(bars, scores, config, first=result.first)
    assert result.quantity.tolist() == alone.quantity.tolist()
    assert result.equity.tolist() == pytest.approx(alone.equity.tolist(), rel=1e-12)


def test_opposite_strategies_cancel_before_anything_is_traded() -> None:
    bars, _ = year(names=3, count=30)
    up = score_panel(only(30, 3, A=0.5, B=0.5))
    config = book_config(LONG_SHORT, costs=CostsConfig(name="test", commission_minimum=1.0))
    opposite = {"up": up, "down": replace(up, score=-up.score)}
    result, scores = combined(bars, opposite, config, allocation=AllocationConfig(drift=0.0))
    assert len(result.decided) == 30
    # Moved every day to equal shares, they want nothing together but for the last day's drift of their positions.
    assert np.abs(scores.score[~np.isnan(scores.score)]).max() < 0.05
    first_day = result.outcome.orders["bar"] == result.first
    assert not first_day.any()


def test_strategy_that_begins_later_gets_capital_when_it_begins() -> None:
    bars = panel([[10.0, 20.0]] * 4)
    late = only(4, 2, B=1.0)
    late[:2] = np.nan
    members = {"one": score_panel(only(4, 2, A=1.0)), "late": score_panel(late)}
    result, scores = combined(bars, members, book_config(BY_SCORE))
    assert result.outcome.weights.tolist() == pytest.approx(
        np.array([[1, 0], [1, 0], [0.5, 0.5], [0.5, 0.5]])
    )
    assert np.isnan(scores.alone[:2, 1]).all()


def test_between_its_decisions_a_strategy_wants_what_it_holds() -> None:
    bars = panel([[10.0, 10.0], [10.0, 10.0], [20.0, 10.0], [20.0, 10.0]])
    members = {name: score_panel(only(4, 2, A=0.5, B=0.5)) for name in ("one", "two")}
    monthly = replace(BY_SCORE, rebalance="monthly")
    _, scores = combined(bars, members, book_config(BY_SCORE), one=monthly, two=monthly)
    assert scores.weights[0].tolist() == pytest.approx(
        np.array([[1 / 2] * 2, [1 / 2] * 2, [2 / 3, 1 / 3], [2 / 3, 1 / 3]])
    )


def test_confidence_is_the_highest_of_those_that_want_a_symbol() -> None:
    bars = panel([[10.0, 20.0, 30.0]] * 2)
    sure = score_panel(only(2, 3, A=1.0), confidence=np.full((2, 3), 0.9))
    unsure = score_panel(only(2, 3, A=0.5, B=0.5), confidence=np.full((2, 3), 0.2))
    _, scores = combined(bars, {"sure": sure, "unsure": unsure}, book_config(BY_SCORE))
    assert scores.confidence[0].tolist() == [0.9, 0.2, 0.0]


@given(
    market=markets(),
    config=configs,
    seed=st.integers(0, 2**32 - 1),
    weighting=st.sampled_from(["equal", "risk_parity"]),
    end=st.integers(1, 24),
)
@settings(max_examples=60, deadline=None)
def test_what_is_wanted_at_a_close_depends_on_no_later_bar(
    market: tuple[Panel, ScorePanel], config: BookConfig, seed: int, weighting: str, end: int
) -> None:
    bars, scores = market
    noise = np.random.default_rng(seed).normal(0, 1, bars.close.shape)
    members = {"one": scores, "two": replace(scores, strategy="two", score=np.round(noise, 1))}
    end = min(end, len(bars))
    if not scores.has_score[:end].any():
        return
    allocation = AllocationConfig(weighting=weighting, lookback=10, min_history=3, drift=0.02)
    whole, _ = combine_on(bars, members, config, allocation)
    earlier = {name: until((bars, one), end - 1)[1] for name, one in members.items()}
    part, _ = combine_on(until((bars, scores), end - 1)[0], earlier, config, allocation)
    assert np.array_equal(part.score, whole.score[:end], equal_nan=True)
    assert np.array_equal(part.confidence, whole.confidence[:end])
    assert np.array_equal(part.shares.held, whole.shares.held[:end])
    assert part.notes == tuple(note for note in whole.notes if note[0] < end)


def test_account_traded_day_by_day_is_the_backtest(tmp_path: Path) -> None:
    bars, scores = year(names=4, count=50)
    config = book_config(
        PortfolioConfig(name="test", k=2, rebalance="weekly", side="long_short"),
        costs=CostsConfig(name="test", commission_per_share=0.005, slippage_bps=5.0),
        risk=RiskConfig(name="test"),
        exits=ExitsConfig(name="test", stop_loss=0.03),
    )
    noise = np.random.default_rng(4).normal(0, 1, bars.close.shape)
    members = {"one": scores, "two": replace(scores, strategy="two", score=noise)}
    allocation = AllocationConfig(weighting="risk_parity", lookback=20, min_history=10, drift=0.02)
    whole, book = combine_on(bars, members, config, allocation)
    first = 6
    for t in range(first, len(bars)):
        known = {name: until((bars, one), t)[1] for name, one in members.items()}
        today, _ = until((bars, scores), t)
        wanted, _ = combine_on(today, known, config, allocation)
        with desk(tmp_path, (today, wanted), config=book) as (trader, _, _):
            trader.trade([t], is_replay=True)
    expected = simulated(bars, whole, book, book=BOOK, first=first)
    with desk(tmp_path, (bars, whole), config=book) as (_, journal, _):
        closes = [close.account["equity"] for close in journal.closes(BOOK)]
        rules = {r[1] for one in journal.decisions(BOOK) for r in one.detail.get("risk", [])}
    assert closes == expected.equity.tolist()
    assert "allocation" in rules


def test_strategy_without_a_score_has_not_begun() -> None:
    bars = panel([[10.0]] * 3)
    members = {"one": score_panel(only(3, 1, A=1.0)), "later": score_panel(np.full((3, 1), np.nan))}
    result, scores = combined(bars, members, book_config(BY_SCORE))
    assert scores.shares.held.tolist() == [[1.0, 0.0]] * 3
    assert result.outcome.weights.tolist() == [[1.0]] * 3


def test_strategies_without_any_score_are_named() -> None:
    bars = panel([[10.0]] * 3)
    empty = score_panel(np.full((3, 1), np.nan))
    with pytest.raises(QuantmillError, match="none of one, two has a score from 2024-01-01 to 2024-01-03"):
        combined(bars, {"one": empty, "two": empty})


def test_error_in_a_strategy_says_whose_it_is() -> None:
    bars = panel([[10.0]] * 3)
    members = {"one": score_panel(only(3, 1, A=1.0)), "broken": score_panel(only(3, 1, A=np.inf))}
    with pytest.raises(QuantmillError) as raised:
        combined(bars, members)
    assert raised.value.__notes__ == ["while simulating broken alone"]
