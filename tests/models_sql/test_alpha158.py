"""Alpha158 against its definitions, alone and in part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from flows.dbt import PROJECT_DIR
from tests.models_sql import alpha158_reference
from tests.models_sql.market import VARS, Lab, day, whole_market
from transforms.alpha158 import ALPHA158_COLUMNS
from transforms.errors import ConfigError, QuantmillError
from transforms.features import FeaturesConfig

KEY = ("symbol", "bar_at", "session_date")
TABLE = "intermediate.int_features_alpha158"
ALL = replace(VARS, features=FeaturesConfig(name="alpha158", sets=["alpha158"]))


@pytest.fixture(scope="module")
def alpha(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab.at(tmp_path_factory.mktemp("alpha158"), threads=2)
    lab.load(*whole_market())
    lab.build(ALL, select="+int_features_alpha158")
    yield lab
    lab.warehouse.close()


@pytest.fixture(scope="module")
def features(alpha: Lab) -> pl.DataFrame:
    return alpha.table(TABLE)


def test_it_has_the_158_columns_in_qlibs_order(features: pl.DataFrame) -> None:
    assert len(set(ALPHA158_COLUMNS)) == 158
    assert tuple(features.columns) == (*KEY, *ALPHA158_COLUMNS)
    assert set(features.drop(KEY).dtypes) == {pl.Float32}


def test_every_column_equals_qlibs_definition(features: pl.DataFrame) -> None:
    bars, actions = (pd.DataFrame(rows) for rows in whole_market())
    expected = alpha158_reference.features(bars, actions, "IDX")
    assert features["symbol"].to_list() == expected.symbol.to_list()
    assert features["bar_at"].to_list() == expected.bar_at.to_list()
    for name in ALPHA158_COLUMNS:
        got, want = features[name].to_numpy(), expected[name].to_numpy()
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg=f"where {name} is NULL")
        # What float32 keeps of numbers around 1.
        np.testing.assert_allclose(got, want, rtol=2e-7, atol=2e-7, err_msg=name)
        assert np.isfinite(want).any(), f"comparing only NULLs of {name} shows nothing"


def test_what_stands_still_is_0_or_null_and_never_infinite(features: pl.DataFrame) -> None:
    flat = features.filter((pl.col("symbol") == "FLAT") & pl.col("session_date").is_between(day(61), day(69)))
    values = flat.drop(KEY)
    assert all(values[name].drop_nulls().is_finite().all() for name in values.columns)
    zero = ("kmid2", "std5", "beta60", "resi20", "rsv10", "sump20", "sumd60", "cntp5", "wvma5", "vsump5")
    for name in zero:
        assert values[name].to_list() == [0] * len(values), name
    for name in ("rsqr5", "corr60", "cord5", "vma5", "vstd60"):
        assert values[name].null_count() == len(values), name


def test_chosen_columns_are_built_alone_and_are_the_same(alpha: Lab, features: pl.DataFrame) -> None:
    chosen = ["vma20", "kmid", "beta20"]
    some = replace(ALL, features=replace(ALL.features, alpha158_columns=chosen))
    alpha.build(some, select="int_features_alpha158")
    assert alpha.table(TABLE).equals(features.select(*KEY, "kmid", "beta20", "vma20"))


def test_an_unknown_column_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"features\.alpha158_columns.*was 'roc25'.*roc20"):
        FeaturesConfig(name="alpha158", alpha158_columns=["kmid", "roc25"])
    with pytest.raises(ConfigError, match=r"features\.alpha158_columns must be a list without duplicates"):
        FeaturesConfig(name="alpha158", alpha158_columns=["kmid", "kmid"])


def test_sql_refuses_an_unknown_column_too(alpha: Lab) -> None:
    wrong = replace(ALL, features=replace(ALL.features))
    wrong.features.alpha158_columns.append("kmid) from secrets --")
    with pytest.raises(QuantmillError, match=r"var features\.alpha158_columns must be some of kmid, klen"):
        alpha.build(wrong, select="int_features_alpha158")


def test_every_column_is_described() -> None:
    text = (PROJECT_DIR / "intermediate" / "features" / "int_features_alpha158.yml").read_text()
    for name in ALPHA158_COLUMNS:
        assert f"name: {name}," in text or f"name: {name}\n" in text, name
