"""The slippage fit from the command line: recorded fills in, a version to pin out."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from execution.slippage import load
from tests.flows.conftest import Place
from transforms import schemas
from transforms.warehouse import Warehouse

pytestmark = pytest.mark.slow

FIT = ("flow=fit_slippage", "flow.fit_book=live/paper", "flow.fit_prior_fills=1")


def record(place: Place, *slippage: float) -> None:
    """Record fills of 10 shares at a reference of 100 USD, with the given cost in USD."""
    fills = [
        {
            "book": "live/paper",
            "fill_id": str(number),
            "client_order_id": str(number),
            "bar_at": datetime.fromisoformat("2024-07-02"),
            "session_date": date(2024, 7, 2),
            "symbol": "A",
            "quantity": 10.0,
            "price": 100 + cost / 10,
            "slippage": cost,
        }
        for number, cost in enumerate(slippage)
    ]
    frame = pl.DataFrame([{name: fill.get(name) for name in schemas.FILLS.columns} for fill in fills])
    place.home.root.mkdir(parents=True, exist_ok=True)
    with Warehouse(place.home.warehouse) as warehouse:
        warehouse.replace_where(schemas.FILLS, {"book": "live/paper"}, frame)


def test_fitting_prints_the_version_to_pin_and_fitting_again_prints_it_again(place: Place) -> None:
    record(place, 0.3, 0.5)  # 3 and 5 bps of 1,000 USD
    done = place.run(*FIT)
    assert done.code == 0, done.err
    (directory,) = (place.home.models / "slippage").iterdir()
    assert f"costs.slippage_model={directory.name}" in done.err
    assert load(place.home, directory.name).by_symbol["A"] == pytest.approx((4.0, 4.0, 4.0))
    again = place.run(*FIT)
    assert f"costs.slippage_model={directory.name}" in again.err
    assert "nothing has changed" in again.out


def test_a_book_that_never_traded_is_named(place: Place) -> None:
    done = place.run(*FIT)
    assert done.code == 1
    assert "no fill of 'live/paper'" in done.err
