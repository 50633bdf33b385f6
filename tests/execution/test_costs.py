import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.config import CostsConfig
from execution.costs import affordable, commission, fill_price
from tests.execution.markets import fees

COSTS = CostsConfig(
    name="test", commission_bps=10, commission_per_share=0.01, commission_minimum=1.0, slippage_bps=5
)


def test_slippage_moves_the_price_against_us() -> None:
    assert fill_price(200.0, "buy", COSTS) == pytest.approx(200.10)
    assert fill_price(200.0, "sell", COSTS) == pytest.approx(199.90)


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [(0, 0.0), (1, 1.0), (-100, 100 * 50 * 0.001 + 1.0)],
    ids=["nothing is free", "minimum", "variable, sold"],
)
def test_commission_is_the_larger_of_minimum_and_variable(quantity: float, expected: float) -> None:
    assert commission(quantity, 50.0, COSTS) == pytest.approx(expected)


@given(cash=st.floats(0, 1e6), price=st.floats(0.5, 1e4), costs=fees)
def test_affordable_shares_use_up_the_cash_and_no_more(cash: float, price: float, costs: CostsConfig) -> None:
    shares = affordable(cash, price, costs)
    spent = shares * price + commission(shares, price, costs)
    if shares > 0:
        assert spent == pytest.approx(cash, rel=1e-9)
    else:
        assert cash <= costs.commission_minimum + 1e-9
