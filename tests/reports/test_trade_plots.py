from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from reports.plots import BLUE, ORANGE
from reports.trade_plots import costs_figure, excursion_figure, holding_figure, returns_figure


def columns(figure: Any, place: int = 0) -> dict[str, Any]:
    return dict(figure.renderers[place].data_source.data)


def test_every_closed_trade_is_counted_and_the_sides_of_zero_have_their_own_colours() -> None:
    returns = np.concatenate([np.linspace(-0.2, 0.3, 400), [5.0, -0.9]])

    drawn = columns(returns_figure(pl.DataFrame({"return": returns})))

    assert sum(drawn["count"]) == 402
    assert {color for color, left in zip(drawn["color"], drawn["left"], strict=True) if left >= 0} == {BLUE}
    assert {color for color, right in zip(drawn["color"], drawn["right"], strict=True) if right <= 0} == {
        ORANGE
    }
    assert max(drawn["right"]) < 1


@pytest.mark.parametrize("values", [[0.01], [0.0, 0.0], [None], [-0.5, -0.5, -0.5]])
def test_few_or_equal_returns_are_drawn(values: list[float | None]) -> None:
    drawn = columns(returns_figure(pl.DataFrame({"return": values}, schema={"return": pl.Float64})))

    assert sum(drawn["count"]) == len([value for value in values if value is not None])


def test_holding_times_are_counted_by_whole_sessions() -> None:
    drawn = columns(holding_figure(pl.DataFrame({"sessions": [1, 1, 2, 5]})))

    assert dict(zip(drawn["left"], drawn["count"], strict=True)) == {0: 0, 1: 2, 2: 1, 3: 0, 4: 0, 5: 1}


def test_a_long_holding_time_does_not_widen_the_plot() -> None:
    drawn = columns(holding_figure(pl.DataFrame({"sessions": [3] * 999 + [100_000]})))

    assert sum(drawn["count"]) == 1000
    assert max(drawn["right"]) <= 41


def test_excursions_of_profits_and_losses_have_their_own_marks() -> None:
    trades = pl.DataFrame(
        {
            "trade_id": [1, 2, 3],
            "symbol": ["A", "B", "C"],
            "mae": [-0.1, -0.2, None],
            "mfe": [0.3, 0.05, 0.1],
            "return": [0.2, -0.1, 0.1],
        }
    )
    figure = excursion_figure(trades)

    marks = [(renderer.glyph.marker, renderer.data_source.data["trade_id"]) for renderer in figure.renderers]
    assert marks == [("x", [2]), ("circle", [1])]


def test_costs_are_stacked_in_the_order_of_their_columns() -> None:
    days = pl.Series(["2024-01-01", "2024-02-01", "2024-03-01"]).str.to_date()
    costs = pl.DataFrame(
        {"start": days[:2], "end": days[1:], "commission": [1.0, 2.0], "slippage": [10.0, 20.0]}
    )

    figure = costs_figure(costs)

    assert list(columns(figure, 1)["bottom"]) == [1.0, 2.0]
    assert list(columns(figure, 1)["top"]) == [11.0, 22.0]
