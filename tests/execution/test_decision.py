import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from execution.config import PortfolioConfig, RiskConfig
from execution.decision import decide
from execution.panel import Panel, ScorePanel
from execution.types import Account, Decision, Scores, Snapshot
from tests.execution.markets import (
    EVERY_DAY,
    LENIENT,
    NAN,
    account,
    markets,
    portfolios,
    risks,
    scores,
    snapshot,
)
from transforms.errors import QuantmillError

RISK = RiskConfig(name="test", max_position_weight=0.5)


def run(
    bar: Snapshot,
    given_scores: Scores,
    book: Account,
    *,
    portfolio: PortfolioConfig = EVERY_DAY,
    risk: RiskConfig = RISK,
    is_rebalance: bool = True,
) -> Decision:
    return decide(
        bar, given_scores, book, book="b", portfolio=portfolio, risk=risk, is_rebalance=is_rebalance
    )


def test_decision_carries_weights_orders_and_a_sentence_for_each() -> None:
    bar = snapshot([100.0, 50.0, 20.0])
    decision = run(bar, scores([0.21, 0.3, -0.1]), account([6, 0, 10], cash=200))
    assert decision.weights.tolist() == [0.5, 0.5, 0.0]
    assert [(o.symbol, o.signed_quantity) for o in decision.orders] == [("A", -1), ("C", -10), ("B", 10)]
    assert decision.reasons == (
        "score 0.21 rank 2 of 3 → 50.0% of equity, holds 60.0%",
        "score 0.3 rank 1 of 3 → 50.0% of equity, holds 0.0%",
        "score -0.1 rank 3 of 3 → 0.0% of equity, holds 20.0%",
    )
    assert [o.reason for o in decision.orders] == [decision.reasons[i] for i in (0, 2, 1)]


def test_reason_tells_what_risk_did() -> None:
    bar = snapshot([100.0, 50.0], sessions_since_bar=[3, 0])
    decision = run(bar, scores([0.2, 0.3]), account([1, 0], cash=900), risk=replace(RISK, max_gross=0.4))
    assert decision.reasons[0] == (
        "score 0.2 rank 2 of 2 → left alone, holds 10.0%; "
        "its last bar is 3 sessions old, more than 0; left alone"
    )
    assert decision.reasons[1].startswith(
        "score 0.3 rank 1 of 2 → 30.0% of equity, holds 0.0%; gross 60.0% of"
    )


@pytest.mark.parametrize("case", ["no rebalance", "no scores"])
def test_nothing_is_decided_without_a_rebalance_or_any_score(case: str) -> None:
    given_scores = scores([NAN, NAN] if case == "no scores" else [0.1, 0.2])
    decision = run(snapshot([10.0, 10.0]), given_scores, account([5, 0]), is_rebalance=case != "no rebalance")
    assert np.all(np.isnan(decision.weights))
    assert (decision.reasons, decision.risk, decision.orders) == (("", ""), (), ())


def test_position_that_lost_its_score_is_closed() -> None:
    decision = run(snapshot([10.0, 10.0]), scores([NAN, 0.2]), account([5, 0], cash=50))
    assert decision.reasons[0] == "no score → 0.0% of equity, holds 50.0%"
    assert [(o.symbol, o.signed_quantity) for o in decision.orders] == [("A", -5), ("B", 5)]


@pytest.mark.parametrize("cash", [-1000.0, -2000.0])
def test_book_without_equity_closes_everything_and_opens_nothing(cash: float) -> None:
    decision = run(snapshot([100.0, 100.0, 100.0]), scores([0.3, 0.2, 0.1]), account([15, -5, 0], cash=cash))
    assert [(o.symbol, o.signed_quantity) for o in decision.orders] == [("A", -15), ("B", 5)]
    assert "equity is used up" in decision.reasons[0]


@pytest.mark.parametrize(
    ("bar", "book", "given_scores", "message"),
    [
        (snapshot([NAN]), account([1]), scores([0.1]), "never had a price"),
        (snapshot([1.0]), account([1]), scores([math.inf]), "score of A is infinite"),
        (snapshot([1.0]), account([1, 1]), scores([0.1]), "not over the same symbols"),
        (snapshot([1.0]), account([1]), scores([0.1, 0.2]), "not over the same symbols"),
    ],
)
def test_broken_input_stops_the_decision(
    bar: Snapshot, book: Account, given_scores: Scores, message: str
) -> None:
    with pytest.raises(QuantmillError, match=message):
        run(bar, given_scores, book)


def slow_orders(
    bar: Snapshot, given_scores: Scores, book: Account, portfolio: PortfolioConfig
) -> dict[str, float]:
    """Portfolio and orders once more, name by name in plain Python, under lenient risk."""
    names = bar.symbols
    score = dict(zip(names, given_scores.score.tolist(), strict=True))
    volatility = dict(zip(names, given_scores.volatility.tolist(), strict=True))
    price = dict(zip(names, bar.last_close.tolist(), strict=True))
    held = dict(zip(names, book.quantity.tolist(), strict=True))
    worth = book.cash + sum(held[n] * price[n] for n in names if held[n])
    usable = [n for n in names if not math.isnan(score[n])]
    if not usable:
        return {}
    if portfolio.weighting == "inverse_volatility":
        usable = [n for n in usable if volatility[n] > 0]
    places = portfolio.k or len(usable)
    sure = dict(zip(names, given_scores.confidence.tolist(), strict=True))
    by_score = sorted(usable, key=lambda n: (-score[n], -sure[n], n))
    sides = [(1, [n for n in by_score if score[n] > 0][:places])]
    if portfolio.side == "long_short":
        by_score = sorted(sorted(usable, reverse=True), key=lambda n: (score[n], -sure[n]))
        sides.append((-1, [n for n in by_score if score[n] < 0][:places]))
    parts = len(sides) if portfolio.k else 1
    exposure = sum(abs(score[n]) for _, chosen in sides for n in chosen)
    weight = dict.fromkeys(names, 0.0)
    for sign, chosen in sides:
        for n in chosen:
            if portfolio.weighting == "equal":
                share = 1 / places / parts
            elif portfolio.weighting == "score":
                share = abs(score[n]) / max(1, exposure)
            else:
                inverse = (1 / volatility[n]) / sum(1 / volatility[m] for m in chosen)
                share = inverse * len(chosen) / places / parts
            # A single name of a leveraged book meets the largest cap that a config can set.
            weight[n] = sign * min(portfolio.gross * share, 1.0) if worth > 0 else 0.0
    orders = {}
    for n in names:
        if math.isnan(price[n]) or bar.sessions_since_bar[names.index(n)] > 0:
            continue
        wanted = weight[n] * worth / price[n]
        if portfolio.whole_shares:
            wanted = math.trunc(wanted + math.copysign(1e-6, wanted))
        change = wanted - held[n]
        big_enough = abs(change) * price[n] >= portfolio.min_trade_weight * worth
        if change and (big_enough or weight[n] == 0):
            orders[n] = change
    return orders


def holdings(panel: Panel, t: int, seed: int) -> Account:
    """A random book that holds only what has a price."""
    random = np.random.default_rng(seed)
    quantity = np.round(random.normal(0, 100, len(panel.symbols))) * (random.random(len(panel.symbols)) < 0.6)
    quantity[~np.isfinite(panel.last_close[t])] = 0
    return Account(panel.symbols, float(random.uniform(-2e4, 1e5)), quantity)


@settings(max_examples=150, deadline=None)
@given(market=markets(), portfolio=portfolios, seed=st.integers(0, 10**6))
def test_orders_agree_with_a_slow_reference(
    market: tuple[Panel, ScorePanel], portfolio: PortfolioConfig, seed: int
) -> None:
    panel, given_scores = market
    t = seed % len(panel)
    book = holdings(panel, t, seed)
    decision = run(panel.snapshot(t), given_scores.at(t), book, portfolio=portfolio, risk=LENIENT)
    assume(not any(change.rule == "max_gross" for change in decision.risk))  # a book beyond any config's cap
    expected = slow_orders(panel.snapshot(t), given_scores.at(t), book, portfolio)
    made = {order.symbol: order.signed_quantity for order in decision.orders}
    assert made == pytest.approx(expected)


@settings(max_examples=100, deadline=None)
@given(market=markets(), portfolio=portfolios, risk=risks, seed=st.integers(0, 10**6))
def test_decision_is_the_same_under_any_order_of_the_symbols(
    market: tuple[Panel, ScorePanel], portfolio: PortfolioConfig, risk: RiskConfig, seed: int
) -> None:
    panel, given_scores = market
    t = seed % len(panel)
    book = holdings(panel, t, seed)
    bar, said = panel.snapshot(t), given_scores.at(t)
    expected = run(bar, said, book, portfolio=portfolio, risk=risk)
    order = np.random.default_rng(seed).permutation(len(panel.symbols))
    names = tuple(panel.symbols[i] for i in order)
    moved = run(
        replace(
            bar,
            symbols=names,
            **{
                name: getattr(bar, name)[order]
                for name in Snapshot.__dataclass_fields__
                if name not in {"symbols", "bar_at", "session_date"}
            },
        ),
        Scores("test", said.score[order], said.confidence[order], said.volatility[order]),
        Account(names, book.cash, book.quantity[order]),
        portfolio=portfolio,
        risk=risk,
    )
    assert moved.orders == expected.orders
    assert sorted(map(repr, moved.risk)) == sorted(
        map(repr, expected.risk)
    )  # repr: NaN is not equal to itself
    assert moved.weights.tolist() == pytest.approx(expected.weights[order].tolist(), nan_ok=True, abs=0)
    assert moved.reasons == tuple(expected.reasons[i] for i in order)
