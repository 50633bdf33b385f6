from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from execution.config import PortfolioConfig, StrategyConfig
from execution.panel import load_panel, load_scores
from tests.execution.markets import NAN, panel
from tests.execution.marts import write_marts
from transforms.errors import QuantmillError
from transforms.warehouse import Warehouse

MODEL = StrategyConfig(name="model")
SIGNALS = StrategyConfig(name="momentum", scores="signals")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "warehouse.duckdb") as opened:
        yield opened


def test_carried_closes_are_on_todays_split_basis() -> None:
    bars = panel(
        [[10, NAN], [12, 50], [NAN, 60], [3, NAN], [4, 30]],
        split=[[1, 1], [1, 1], [1, 1], [4, 1], [1, 2]],
    )
    equal = np.testing.assert_array_equal
    equal(bars.last_close.T, [[10, 12, 12, 3, 4], [NAN, 50, 60, 60, 30]])
    equal(bars.previous_close.T, [[NAN, 10, 10, 3, 3], [NAN, NAN, 50, 50, 30]])
    equal(bars.sessions_since_bar.T, [[0, 0, 1, 0, 0], [NAN, 0, 0, 1, 0]])


def test_sessions_since_bar_count_sessions_not_bars() -> None:
    bars = panel([[1, 1], [1, NAN], [1, NAN], [1, NAN]])
    twice_a_day = tuple(bars.session_date[n // 2] for n in range(4))
    intraday = type(bars)(
        **{**{f: getattr(bars, f) for f in bars.__dataclass_fields__}, "session_date": twice_a_day}
    )
    assert intraday.sessions_since_bar[:, 1].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("seed", range(3))
def test_loaded_panel_and_scores_equal_what_was_written(warehouse: Warehouse, seed: int) -> None:
    random = np.random.default_rng(seed)
    close = np.where(random.random((12, 4)) < 0.2, NAN, random.uniform(5, 100, (12, 4)))
    close[:, 0] = 10.0  # every bar has a row
    ratio = np.where(np.isfinite(close) & (random.random((12, 4)) < 0.1), 2.0, 1.0)
    written = panel(close, open_=close * 1.01, split=ratio, benchmark=random.uniform(90, 110, 12))
    score = np.where(np.isfinite(close), random.normal(0, 1, (12, 4)), NAN)
    write_marts(warehouse, written, score=score, model_id="m1", volatility=np.abs(score))
    loaded = load_panel(warehouse)
    assert (loaded.symbols, loaded.bar_at, loaded.session_date) == (
        written.symbols,
        written.bar_at,
        written.session_date,
    )
    for name in ("open", "close", "volume", "split_ratio", "dividend", "benchmark"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(written, name), err_msg=name)
    scores = load_scores(warehouse, loaded, strategy=MODEL, model_id="m1")
    np.testing.assert_array_equal(scores.score, score)
    np.testing.assert_array_equal(scores.confidence, np.abs(score))
    np.testing.assert_array_equal(scores.volatility, np.abs(score))
    assert scores.has_score.all()


def test_window_ends_where_asked_and_keeps_scores_inside(warehouse: Warehouse) -> None:
    written = panel([[10.0, 20.0]] * 5, benchmark=[100.0] * 5)
    write_marts(warehouse, written, score=np.ones((5, 2)), strategy="momentum")
    warehouse.execute("insert into marts.signals select * replace ('GONE' as symbol) from marts.signals")
    loaded = load_panel(warehouse, end=date(2024, 1, 3))
    assert loaded.session_date == written.session_date[:3]
    assert load_scores(warehouse, loaded, strategy=SIGNALS, model_id=None).score.shape == (3, 2)


def test_former_member_keeps_its_prices(warehouse: Warehouse) -> None:
    written = panel([[10.0, 20.0]] * 4, benchmark=[100.0] * 4)
    write_marts(warehouse, written)
    warehouse.execute(
        "update marts.bars set is_member = false where symbol = 'B' and session_date > '2024-01-02'"
    )
    assert load_panel(warehouse).close.tolist() == written.close.tolist()


def test_benchmark_is_carried_over_bars_it_lacks(warehouse: Warehouse) -> None:
    written = panel([[10.0]] * 4, benchmark=[NAN, 100.0, NAN, 102.0])
    write_marts(warehouse, written)
    assert load_panel(warehouse).benchmark.tolist() == pytest.approx([NAN, 100, 100, 102], nan_ok=True)


def test_null_score_is_no_score(warehouse: Warehouse) -> None:
    written = panel([[10.0, 20.0]] * 2)
    write_marts(warehouse, written, score=np.array([[NAN, NAN], [0.5, NAN]]), model_id="m1", null_scores=True)
    scores = load_scores(warehouse, load_panel(warehouse), strategy=MODEL, model_id="m1")
    assert scores.has_score.tolist() == [False, True]
    assert np.isnan(scores.at(1).score).tolist() == [False, True]


def test_no_member_bars_in_the_range_is_an_error_that_says_where(warehouse: Warehouse) -> None:
    write_marts(warehouse, panel([[10.0]] * 2))
    with pytest.raises(
        QuantmillError, match=r"no bar of a member .* up to 2020-01-01; check universe.symbols"
    ):
        load_panel(warehouse, end=date(2020, 1, 1))


def test_two_timeframes_are_refused_by_name(warehouse: Warehouse) -> None:
    write_marts(warehouse, panel([[10.0]] * 2))
    warehouse.execute("insert into marts.bars select * replace ('1h' as timeframe) from marts.bars")
    with pytest.raises(QuantmillError, match=r"several timeframes \(1d, 1h\)"):
        load_panel(warehouse)


@pytest.mark.parametrize(
    ("strategy", "model_id", "message"),
    [
        (MODEL, None, "train a model first"),
        (MODEL, "xgboost-2", r"model_id = 'xgboost-2' between .* Did you mean: xgboost-1"),
        (
            StrategyConfig(name="momentun", scores="signals"),
            None,
            "marts.signals has no score .* Did you mean: momentum",
        ),
    ],
)
def test_missing_scores_are_named_with_what_there_is(
    warehouse: Warehouse, strategy: StrategyConfig, model_id: str | None, message: str
) -> None:
    written = panel([[10.0]] * 2)
    write_marts(warehouse, written, score=np.ones((2, 1)), model_id="xgboost-1", strategy="momentum")
    with pytest.raises(QuantmillError, match=message):
        load_scores(warehouse, load_panel(warehouse), strategy=strategy, model_id=model_id)


def test_without_volatility_there_are_scores_but_no_weighting_by_it(warehouse: Warehouse) -> None:
    write_marts(warehouse, panel([[10.0]] * 2), score=np.ones((2, 1)), strategy="momentum")
    warehouse.execute("alter table marts.features drop column volatility_20")
    loaded, equal = load_panel(warehouse), PortfolioConfig(name="test")
    scores = load_scores(warehouse, loaded, strategy=SIGNALS, model_id=None, portfolio=equal)
    assert scores.score.tolist() == [[1], [1]]
    assert np.isnan(scores.volatility).all()
    by_volatility = PortfolioConfig(name="test", weighting="inverse_volatility")
    with pytest.raises(QuantmillError, match=r"portfolio.weighting=inverse_volatility needs .*volatility_20"):
        load_scores(warehouse, loaded, strategy=SIGNALS, model_id=None, portfolio=by_volatility)


def test_row_order_of_the_table_does_not_matter(warehouse: Warehouse) -> None:
    written = panel([[10.0, 20.0, 30.0], [11.0, 21.0, 31.0]], benchmark=[1.0, 2.0])
    write_marts(warehouse, written)
    first = load_panel(warehouse)
    rows = warehouse.read("select * from marts.bars").sample(fraction=1.0, shuffle=True, seed=1)
    warehouse.execute("delete from marts.bars")
    warehouse.cursor.register("shuffled", rows)
    warehouse.execute("insert into marts.bars select * from shuffled")
    again = load_panel(warehouse)
    assert again.symbols == first.symbols
    np.testing.assert_array_equal(again.close, first.close)
