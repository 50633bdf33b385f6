"""From config to fill: what the kernel and the reference charge by a config's table, against docs/costs.md by hand."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from execution.config import CostsConfig
from execution.costs import cost_table
from execution.kernel.types import GTC
from execution.slippage import SlippageModel
from tests.execution.agreement import ENGINES, FILL, Result
from tests.execution.kernel import books
from tests.execution.scenarios import Scenario

pytestmark = pytest.mark.parametrize("engine", ENGINES)
FIRST = date(2025, 5, 12)
BOUGHT, SOLD = 400.0, 300.0  # at the second bar and the fourth, 2025-05-13 and 15
MARKET_OF_FOUR_DAYS = books.market(50, 50, 50, 60)
ORDERS = books.sent(books.order(BOUGHT, bar=0, force=GTC), books.order(-SOLD, bar=2, force=GTC))


def traded(
    engine: str, config: CostsConfig, first: date = FIRST, slippage: SlippageModel | None = None
) -> Result:
    """Buy 400 shares at a reference of 50 and sell 300 at 60; a million trade a day, daily volatility is 2 %."""
    days = [first + timedelta(days=n) for n in range(len(MARKET_OF_FOUR_DAYS.close))]
    costs = cost_table(config, ("A",), days, slippage=slippage)
    return ENGINES[engine](Scenario(MARKET_OF_FOUR_DAYS, costs, books.rules(), 1e5, None, ORDERS))


def column(result: Result, name: str) -> list[float]:
    return [float(fill[FILL.index(name)]) for fill in result.fills]


def test_commission_has_a_part_per_order_share_and_value(engine: str) -> None:
    config = CostsConfig(name="test", commission_per_order=1, commission_per_share=0.01, commission_bps=2)
    result = traded(engine, config)
    by_hand = [1 + 4 + 2e-4 * 400 * 50, 1 + 3 + 2e-4 * 300 * 60]
    assert column(result, "commission") == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize(
    ("minimum", "maximum", "maximum_bps", "bought"),
    [(5.0, None, None, 5.0), (0.0, 3.0, None, 3.0), (0.0, None, 1.0, 2.0), (50.0, None, 1.0, 2.0)],
    ids=["minimum", "maximum in USD", "maximum of the value", "the maximum holds over the minimum"],
)
def test_commission_is_bounded(
    engine: str, minimum: float, maximum: float | None, maximum_bps: float | None, bought: float
) -> None:
    config = CostsConfig(
        name="test",
        commission_per_share=0.01,
        commission_minimum=minimum,
        commission_maximum=maximum,
        commission_maximum_bps=maximum_bps,
    )
    assert column(traded(engine, config), "commission")[0] == pytest.approx(bought, rel=1e-12)


@pytest.mark.parametrize(
    ("first", "per_million", "per_share"),
    [(FIRST, 0.0, 0.000166), (date(2024, 6, 3), 27.80, 0.000166), (date(2014, 3, 14), 17.40, 0.000119)],
)
def test_sales_pay_the_fees_of_their_day_and_purchases_none(
    engine: str, first: date, per_million: float, per_share: float
) -> None:
    result = traded(engine, CostsConfig(name="test", sec_fee=True, taf=True), first)
    sold = SOLD * 60 * per_million * 1e-6 + SOLD * per_share
    assert column(result, "fees") == pytest.approx([0.0, sold], rel=1e-12)


def test_the_taf_is_capped(engine: str) -> None:
    config = CostsConfig(name="test", taf=True, taf_rates={"2000-01-01": [0.01, 2.5]})
    assert column(traded(engine, config), "fees")[1] == pytest.approx(2.5, rel=1e-12)


def test_spread_slippage_volatility_and_impact_move_the_price_together(engine: str) -> None:
    config = CostsConfig(
        name="test",
        half_spread_bps=2,
        spread_multiples=[3.0],
        slippage_bps=1,
        slippage_volatility=0.05,
        impact=0.8,
        slippage_multiple=1.5,
    )
    result = traded(engine, config)
    distance = [1.5 * (6e-4 + 1e-4 + 0.05 * 0.02 + 0.8 * 0.02 * np.sqrt(q / 1e6)) for q in (BOUGHT, SOLD)]
    by_hand = [50 * (1 + distance[0]), 60 * (1 - distance[1])]
    assert column(result, "price") == pytest.approx(by_hand, rel=1e-12)
    assert column(result, "reference") == [50.0, 60.0]


def test_a_fitted_model_moves_the_price_by_its_estimate(engine: str) -> None:
    model = SlippageModel("s" + "0" * 16, (0,), (9.0,), {"A": (4.0,)}, fills=1)
    result = traded(engine, CostsConfig(name="test", slippage_model=model.version), slippage=model)
    assert column(result, "price") == pytest.approx([50 * 1.0004, 60 * 0.9996], rel=1e-12)


def test_no_price_is_moved_by_more_than_nine_tenths(engine: str) -> None:
    config = CostsConfig(name="test", slippage_volatility=10, impact=10, slippage_multiple=100)
    assert column(traded(engine, config), "price")[1] == pytest.approx(6.0, rel=1e-12)
