"""Members against each other on a bar, and against the benchmark: the feature set ``cross_section``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from flows.dbt import PROJECT_DIR
from tests.models_sql.market import bar, day, random_bars
from tests.models_sql.rendering import RefusedError, render, render_model
from transforms.config import UniverseConfig
from transforms.errors import ConfigError, QuantmillError
from transforms.features import FeaturesConfig
from transforms.operators.refresh import refresh
from transforms.warehouse import Warehouse

FEATURES = FeaturesConfig(
    name="cross_section",
    sets=["cross_section"],
    cross_section_columns=["return_5", "volatility_20", "log_dollar_volume_10", "residual_momentum"],
    winsorise_deviations=0.8,
)
UNIVERSE = UniverseConfig(name="all", benchmark="IDX")
BARS = 340
MODELS = (
    *("int_feature_bars", "int_cross_section_inputs"),
    *("int_cross_section_members", "int_features_cross_section"),
)

# Who is a member, from which session to which: A alone at first, C leaves again, SMALL never comes.
MEMBERS = {"A": (120, BARS), "B": (160, BARS), "C": (190, 300), "STILL": (200, BARS)}


def market() -> list[dict[str, Any]]:
    """Bars of symbols that start one after the other, of one that never moves, and of the benchmark."""
    bars = random_bars("IDX", BARS, 0)
    for seed, (symbol, first) in enumerate({"A": 0, "B": 60, "C": 90, "SMALL": 0}.items(), start=1):
        bars += random_bars(symbol, BARS - first, seed, first=first)
    return bars + [bar("STILL", i, 20.0, volume=1e6 if i >= 200 else 0.0) for i in range(BARS)]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The models of the set, made of the market as they stand: nothing to adjust, members as above."""
    vars_ = {"universe": dataclasses.asdict(UNIVERSE), "features": dataclasses.asdict(FEATURES)}
    with Warehouse(tmp_path_factory.mktemp("cross_section") / "w.duckdb") as warehouse:
        warehouse.cursor.register("market", pl.DataFrame(market(), infer_schema_length=None))
        prices = ", ".join(f"{name} as adj_{name}" for name in ("open", "high", "low", "close", "volume"))
        warehouse.execute(f"create table intermediate.int_bars_adjusted as select *, {prices} from market")
        warehouse.execute(
            "create table marts.universe (symbol varchar, valid_from date, valid_to date, is_member boolean)"
        )
        for symbol, (first, end) in MEMBERS.items():
            spans = [[symbol, day(first), None if end == BARS else day(end), True]]
            spans += [[symbol, day(end), None, False]] if end < BARS else []
            for span in spans:
                warehouse.execute("insert into marts.universe values (?, ?, ?, ?)", span)
        for model in MODELS:
            _make(warehouse, model, render_model(model, vars_))
        yield warehouse


def _make(warehouse: Warehouse, model: str, sql: str) -> None:
    if "operators_" not in sql:
        warehouse.execute(f"create view intermediate.{model} as {sql}")
        return
    changes = "session" if "operators_across" in sql else "symbol"
    refresh(warehouse.cursor, sql=sql, target=f"intermediate.{model}", full=True, changes=changes)


@pytest.fixture(scope="module")
def built(build: Warehouse) -> pl.DataFrame:
    """The set with the values that it was made of, in the order of bars and symbols."""
    return build.read(
        "select * from intermediate.int_features_cross_section inner join "
        "(select symbol, bar_at, is_member, return_20, columns('^(return_5|volatility_20|log_dollar.*)$') "
        "from intermediate.int_cross_section_members) using (symbol, bar_at) order by bar_at, symbol"
    )


def test_forms_are_those_of_pandas_over_the_members_of_the_day(built: pl.DataFrame) -> None:
    members = built.filter("is_member").to_pandas()
    by_bar = members.groupby("bar_at")
    assert set(by_bar.size()) == {1, 2, 3, 4}
    for column in FEATURES.cross_section_columns:
        x, several = members[column], by_bar[column].transform("count") > 1
        mean, std = by_bar[column].transform("mean"), by_bar[column].transform("std")
        rank = by_bar[column].rank(pct=True).where(several)
        np.testing.assert_allclose(members[f"{column}_rank"], rank, rtol=1e-12)
        zscore = (x - mean) / std
        np.testing.assert_allclose(members[f"{column}_zscore"], zscore, rtol=1e-9, atol=1e-12)
        clipped = x.clip(mean - 0.8 * std, mean + 0.8 * std).where(several, x)
        np.testing.assert_allclose(members[f"{column}_winsorised"], clipped, rtol=1e-12)
        assert (members[f"{column}_winsorised"] != x).sum() > (50 if column != "residual_momentum" else 0)
    lowest = by_bar["return_20"].rank(method="min") - 1
    expected = lowest / (by_bar["return_20"].transform("count") - 1)
    np.testing.assert_allclose(members["return_rank_20"], expected, rtol=1e-12)


def test_who_is_no_member_on_the_day_takes_no_part(built: pl.DataFrame) -> None:
    outside = built.filter(~pl.col("is_member"))
    assert set(outside["symbol"]) == {"A", "B", "C", "SMALL", "STILL"}
    assert outside.filter(pl.col("symbol") == "C")["session_date"].max() == day(BARS - 1), "has left"
    forms = [name for name in built.columns if name.endswith(("_rank", "_zscore", "_winsorised", "_rank_20"))]
    assert len(forms) == 4 * 3 + 1
    assert outside.select(pl.col(forms).is_null().all()).row(0) == (True,) * len(forms)
    assert outside["beta_60"].is_not_null().any(), "of the symbol alone, members or not"


def test_who_is_alone_has_no_rank(built: pl.DataFrame) -> None:
    members = built.filter("is_member")
    alone = members.filter(pl.len().over("bar_at") == 1)
    assert alone["symbol"].unique().to_list() == ["A"]
    assert alone["return_5"].null_count() == 0
    assert alone["return_5_rank"].is_null().all()
    assert alone["return_5_zscore"].is_null().all()
    assert alone["return_rank_20"].is_null().all()
    assert alone["return_5_winsorised"].equals(alone["return_5"].alias("return_5_winsorised"))


def _residual_momentum(close: pd.Series, benchmark: pd.Series) -> float:
    """Of the last bar, one step after the other."""
    y, x = np.diff(np.log(close)), np.diff(np.log(benchmark))
    residuals = []
    for t in range(len(y) - 252 + 1, len(y) - 21 + 1):
        slope = np.polyfit(x[t - 60 : t], y[t - 60 : t], 1)[0]
        residuals.append(y[t - 1] - slope * x[t - 1])
    assert len(residuals) == 231
    return float(np.sum(residuals) / np.std(residuals, ddof=1))


def test_columns_against_the_benchmark_follow_their_definitions(
    build: Warehouse, built: pl.DataFrame
) -> None:
    bars = build.read("select * from intermediate.int_bars_adjusted where symbol in ('A', 'IDX')").to_pandas()
    closes = bars.pivot_table(index="bar_at", columns="symbol", values="adj_close")
    a = built.filter(pl.col("symbol") == "A")
    last = a.row(-1, named=True)
    y, x = np.diff(np.log(closes["A"]))[-60:], np.diff(np.log(closes["IDX"]))[-60:]
    assert last["beta_60"] == pytest.approx(np.polyfit(x, y, 1)[0], rel=1e-9)
    assert last["correlation_60"] == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-9)
    assert last["residual_momentum"] == pytest.approx(
        _residual_momentum(closes["A"], closes["IDX"]), rel=1e-9
    )
    raw = bars[bars["symbol"] == "A"].tail(10)
    assert last["log_dollar_volume_10"] == pytest.approx(
        np.log((raw["close"] * raw["volume"]).mean()), rel=1e-12
    )
    first = a["residual_momentum"].is_not_null().arg_max()
    assert first == 1 + 60 - 1 + 231 - 1 + 21


def test_no_trade_and_no_movement_are_null(built: pl.DataFrame) -> None:
    still = built.filter(pl.col("symbol") == "STILL")
    assert still["volatility_20"].is_null().all()
    assert still["residual_momentum"].is_null().all()
    assert still["log_dollar_volume_10"].is_null().to_list() == [True] * 200 + [False] * (BARS - 200)


def test_the_data_test_passes_and_finds_a_rank_of_no_member(build: Warehouse) -> None:
    path = PROJECT_DIR / "data_tests" / "assert_cross_section_stays_within_bounds.sql"
    sql = render(path.read_text(), {"features": dataclasses.asdict(FEATURES)})
    assert build.read(sql).is_empty()
    change = "update intermediate.int_features_cross_section set return_5_rank = ? where symbol = 'SMALL'"
    build.execute(f"{change} and session_date = ?", [0.5, day(300)])
    found = build.read(sql)
    build.execute(change, [None])
    assert found["symbol"].to_list() == ["SMALL"]


# ---------------------------------------------------------------- tables made across symbols


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.execute(
            "create table intermediate.t as select symbol, bar_at, random() as x from (values ('A'), ('B'), ('C')) "
            "as symbols (symbol), range(timestamp '2024-01-01', timestamp '2024-01-21', interval 1 day) as r (bar_at)"
        )
        warehouse.execute(
            "create table intermediate.int_changed_symbols (symbol varchar, changed_from timestamp)"
        )
        yield warehouse


ACROSS = 'select symbol, bar_at, "zscore_across(x)" as z from operators_across(intermediate.t)'


def test_after_a_change_the_table_is_that_of_a_full_build(warehouse: Warehouse) -> None:
    def made(*, full: bool) -> pl.DataFrame:
        refresh(warehouse.cursor, sql=ACROSS, target="marts.mine", full=full, changes="session")
        return warehouse.read("select * from marts.mine order by all")

    before = made(full=True)
    assert made(full=False).equals(before), "nothing has changed"
    warehouse.execute("insert into intermediate.int_changed_symbols values ('B', '2024-01-15')")
    warehouse.execute("delete from intermediate.t where symbol = 'B' and bar_at >= '2024-01-19'")
    warehouse.execute("update intermediate.t set x = 7 where symbol = 'B' and bar_at >= '2024-01-15'")
    after = made(full=False)
    assert made(full=True).equals(after)
    same = after.join(before, on=after.columns, how="semi")["bar_at"]
    assert same.max() == pd.Timestamp("2024-01-14")


@pytest.mark.parametrize(
    ("sql", "changes", "message"),
    [
        (ACROSS, "symbol", "changes must be session or all"),
        (
            ACROSS.replace("across(inter", "over(inter"),
            "symbol",
            r"goes across symbols: from .*operators_across",
        ),
        (
            ACROSS.replace("zscore_across(x)", "lagged(x, 1)"),
            "session",
            r"goes along bars: from .*operators_over",
        ),
        (ACROSS.replace("(x)", "(lagged(x, 1))"), "session", "goes along bars"),
    ],
)
def test_a_model_that_mixes_directions_is_refused(
    warehouse: Warehouse, sql: str, changes: str, message: str
) -> None:
    with pytest.raises(QuantmillError, match=f"marts.mine: .*{message}"):
        refresh(warehouse.cursor, sql=sql, target="marts.mine", full=True, changes=changes)


def test_two_rows_of_one_symbol_and_bar_are_refused(warehouse: Warehouse) -> None:
    warehouse.execute("insert into intermediate.t select * from intermediate.t where symbol = 'B'")
    with pytest.raises(QuantmillError, match=r"B at 2024-01-01.* is there twice"):
        refresh(warehouse.cursor, sql=ACROSS, target="marts.mine", full=True, changes="session")


# ---------------------------------------------------------------- parameters


def test_winsorised_values_end_where_the_config_says() -> None:
    def rendered(**changed: Any) -> str:
        features = dataclasses.asdict(dataclasses.replace(FEATURES, **changed))
        return render("{{ cross_section_form('return_5', 'winsorised') }}", {"features": features})

    member = "case when is_member then return_5 end"
    assert rendered() == f'"winsorised_by_deviations({member}, 0.8)"'
    assert rendered(winsorise_by="quantile") == f'"winsorised_by_quantile({member}, 0.01)"'


@pytest.mark.parametrize("columns", [[], "return_5", ["return_5", "return_5"], ["return_5; drop table t"]])
def test_sql_refuses_columns_that_the_config_let_through(columns: object) -> None:
    with pytest.raises(RefusedError, match=r"features\.cross_section_columns"):
        render("{{ cross_section_columns() }}", {"features": {"cross_section_columns": columns}})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"cross_section_columns": ["return_x"]},
            r"features\.cross_section_columns must be .*was 'return_x'",
        ),
        ({"cross_section_columns": ["volatility_1"]}, r"of volatility from 2.*was 'volatility_1'"),
        ({"cross_section_columns": ["return_5", "return_5"]}, "none twice"),
        ({"cross_section_forms": ["ranks"]}, r"features\.cross_section_forms must be one of rank, .*'ranks'"),
        ({"cross_section_forms": []}, "at least one form"),
        ({"winsorise_by": "mean"}, r"features\.winsorise_by must be one of deviations, quantile"),
        ({"winsorise_deviations": 0.0}, r"features\.winsorise_deviations must be in \[0\.1, 100\), was 0\.0"),
        ({"winsorise_quantile": 0.5}, r"features\.winsorise_quantile must be in \[0, 0\.5\), was 0\.5"),
        ({"beta_window": 1}, r"features\.beta_window must be in 2\.\.10000, was 1"),
    ],
)
def test_a_bad_parameter_is_refused_with_its_key_and_range(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        dataclasses.replace(FEATURES, **change)
