"""The analyst's macros: they say what they give, and give what the warehouse's own columns hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from flows.dictionary import MACRO_GROUPS
from flows.saved_macros import DIRECTORY, save_macros, saved_macros
from tests.models_sql.market import Lab
from transforms import schemas
from transforms.errors import QuantmillError
from transforms.warehouse import Warehouse

# Macro over marts.bars (with the benchmark's close beside it) → column of marts.features.
EQUAL = {
    "macros.growth(adj_close, 20)": "return_20",
    "macros.log_growth(adj_close, 1)": "log_return_1",
    "macros.sma(adj_close, 50)": "sma_50",
    "macros.ratio(adj_close, macros.sma(adj_close, 10)) - 1": "sma_distance_10",
    "macros.bollinger_band(adj_close, 20, 2)": "bbands_upper_20_2",
    "macros.bollinger_band(adj_close, 20, -2)": "bbands_lower_20_2",
    "macros.highest(adj_high, 55)": "donchian_upper_55",
    "macros.lowest(adj_low, 20)": "donchian_lower_20",
    "macros.annualised_volatility(adj_close, 20, 252)": "volatility_20",
    "macros.parkinson(adj_high, adj_low, 20, 252)": "parkinson_20",
    "macros.garman_klass(adj_open, adj_high, adj_low, adj_close, 20, 252)": "garman_klass_20",
    "macros.zscore(adj_volume, 20)": "volume_zscore_20",
    "macros.lagged(adj_close, 21) / macros.lagged(adj_close, 252) - 1": "momentum_12_1",
}


@pytest.fixture(scope="module")
def published(built: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A snapshot of the built market, opened as an analyst opens it."""
    path = tmp_path_factory.mktemp("published") / "warehouse.duckdb"
    built.warehouse.publish(path)
    with Warehouse(path, read_only=True) as warehouse:
        yield warehouse


def test_macros_give_what_the_columns_hold(published: Warehouse) -> None:
    calls = ", ".join(f"{call} as {column}" for call, column in EQUAL.items())
    ours = published.read(f"select symbol, bar_at, {calls} from marts.bars")
    columns = ", ".join(EQUAL.values())
    theirs = published.read(f"select symbol, bar_at, {columns} from marts.features order by symbol, bar_at")
    joined = theirs.join(ours, on=("symbol", "bar_at"), how="left", suffix="_macro", maintain_order="left")
    assert len(joined) > 1000
    for column in EQUAL.values():
        held, given = joined[column], joined[f"{column}_macro"]
        assert given.is_null().equals(held.is_null()), column
        assert held.drop_nulls().len() > 200, column
        worst = ((given - held).abs() / (held.abs() + 1e-9)).max()
        assert worst is not None
        assert worst < 1e-9, column  # type: ignore[operator]


def test_beta_and_correlation_are_those_of_returns(published: Warehouse) -> None:
    found = published.read("""
        with closes as (
            select bars.*, benchmark.adj_close as benchmark_close
            from marts.bars as bars
            left join marts.bars as benchmark on benchmark.is_benchmark and bars.bar_at = benchmark.bar_at
        ),
        returns as (
            select
                symbol, bar_at, macros.log_growth(adj_close, 1) as own, macros.log_growth(benchmark_close, 1) as other
            from closes
        ),
        computed as (
            select
                symbol, bar_at, macros.beta(own, other, 60) as beta, macros.correlation(own, other, 60) as correlation
            from returns
        )
        select beta, correlation, beta_60
        from computed inner join marts.features using (symbol, bar_at)
        where beta_60 is not null
    """)
    assert len(found) > 500
    assert (found["beta"] - found["beta_60"]).abs().max() < 1e-9  # type: ignore[operator]
    known = found["correlation"].drop_nulls()
    assert len(known) > 500
    assert known.is_between(-1, 1).all(), "where a price stands still there is none, not NaN"


def test_ranks_of_a_bar_go_from_lowest_to_highest(published: Warehouse) -> None:
    found = published.read("""
        select bar_at, momentum_12_1, macros.rank_of_bar(momentum_12_1) as standing
        from marts.features
        where momentum_12_1 is not null
    """)
    below = pl.col("momentum_12_1").rank("min").over("bar_at") - 1
    not_above = pl.col("momentum_12_1").rank("max").over("bar_at")
    expected = found.select((below + not_above) / pl.len().over("bar_at") - 1).to_series()
    assert len(found) > 200
    assert (found["standing"] - expected).abs().max() < 1e-12  # type: ignore[operator]


def test_cross_sections_leave_out_what_is_not_known(published: Warehouse) -> None:
    found = published.read("""
        select
            x, macros.rank_of_bar(x) as standing, macros.zscore_of_bar(x) as zscore, macros.bucket_of_bar(x, 2) as half
        from (values ('A', 1, 1.0), ('B', 1, 3.0), ('C', 1, null), ('D', 1, 3.0), ('E', 1, 5.0))
            as t (symbol, bar_at, x)
        order by x nulls last
    """)
    assert found["standing"].to_list() == [-0.75, 0.0, 0.0, 0.75, None]
    assert found["half"].to_list() == [1, 1, 2, 2, None]
    assert found["zscore"].to_list()[:3] == pytest.approx([-2 / 8**0.5 * 3**0.5, 0.0, 0.0])


def test_windows_are_null_until_full_and_where_a_value_is_missing(published: Warehouse) -> None:
    found = published.read("""
        select
            macros.sma(x, 3) as sma, macros.drawdown(x) as drawdown, macros.lagged(x, -1) as ahead,
            macros.annualised_volatility(x, 2, 252) as volatility, macros.ratio(1, x - 4) as ratio
        from (values ('A', 1, 4.0), ('A', 2, 2.0), ('A', 3, null), ('A', 4, 3.0), ('A', 5, 3.0), ('A', 6, 3.0))
            as t (symbol, bar_at, x)
        order by bar_at
    """)
    assert found["sma"].to_list() == [None, None, None, None, None, 3.0]
    assert found["drawdown"].to_list() == [0.0, -0.5, None, -0.25, -0.25, -0.25]
    assert found["ahead"].null_count() == 6, "no macro looks ahead"
    assert found["volatility"].null_count() == 6, "prices that did not move have none"
    assert found["ratio"].to_list() == [None, -0.5, None, -1.0, -1.0, -1.0]


def test_aggregates_of_returns(published: Warehouse) -> None:
    returns = "(values (1.0), (3.0), (null), (-1.0)) as t (x)"
    found = published.read(f"select macros.sharpe(x, 4) as sharpe, macros.hit_rate(x) as hits from {returns}")
    assert found.rows() == [(pytest.approx(1.0), pytest.approx(2 / 3))]


def test_lookups_of_a_symbol_and_of_a_session(published: Warehouse) -> None:
    known = published.read("select * from marts.features where symbol = 'AAA' order by bar_at").row(
        300, named=True
    )
    found = published.read("select feature, value from macros.features_on('AAA', ?)", [known["session_date"]])
    expected = {
        name: value for name, value in known.items() if name not in ("symbol", "bar_at", "session_date")
    }
    assert dict(found.rows()) == expected
    members = published.read("select symbol from macros.members_on(date '2020-12-31')")["symbol"].to_list()
    assert members == ["AAA", "BBB", "FLAT", "LATE"]


def test_drawdowns_go_by_the_closes_of_sessions(built: Lab, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    built.warehouse.publish(path)
    values = [[100, 92], [80, 95], [60, 96], [120, 130], [150, 117], [117, 117]]
    rows = [
        {
            "book": "backtest/a",
            "bar_at": datetime.fromisoformat(f"2024-01-0{2 + day} 1{5 + hour}:00"),
            "session_date": date(2024, 1, 2 + day),
            "equity": equity,
        }
        for day, bars in enumerate(values)
        for hour, equity in enumerate(bars)
    ]
    with Warehouse(path) as warehouse:
        warehouse.append(schemas.EQUITY, schemas.EQUITY.frame(rows))
        found = warehouse.read("select * exclude last_below from macros.drawdowns('backtest/a')")

    # First close of 100, then 92, 95, 96, 130, 117, 117: what was lower within a session is none, nor higher a high.
    assert found.rows() == [
        (date(2024, 1, 5), date(2024, 1, 6), pytest.approx(-0.1), 2, False),
        (date(2024, 1, 2), date(2024, 1, 2), pytest.approx(-0.08), 3, True),
    ]


def test_every_macro_is_saved_with_what_it_gives(published: Warehouse) -> None:
    macros = saved_macros()
    listed = dict(published.read("from macros.help()").rows())
    assert listed == {macro.call: macro.description for macro in macros}
    assert all(macro.description.endswith(".") for macro in macros)


def test_a_removed_macro_goes_and_one_that_does_not_fit_leaves_the_others(tmp_path: Path) -> None:
    one, *_ = saved_macros()
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        save_macros(warehouse, [one])
        with pytest.raises(QuantmillError, match=r"macro features_on: .*features"):
            save_macros(warehouse)  # there are no marts
        names = "select function_name from duckdb_functions() where schema_name = 'macros' and comment is not null"
        assert warehouse.read(names)["function_name"].to_list() == [one.name]
        save_macros(warehouse, [])
        assert warehouse.read(names).is_empty()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("create macro macros.f(x) as x;\n", "each macro is a comment"),
        ("-- One.\ncreate macro f(x) as x;\n", "each macro is a comment"),
        (
            "-- One.\ncreate macro macros.f(x) as x;\n\n-- Two.\ncreate macro macros.f(y) as y;\n",
            "f is defined twice",
        ),
    ],
)
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "own.sql").write_text(text)
    with pytest.raises(QuantmillError, match=told):
        saved_macros(tmp_path)


def test_macros_stand_in_the_groups_of_the_dictionary() -> None:
    assert {path.stem for path in DIRECTORY.glob("*.sql")} == set(MACRO_GROUPS)
