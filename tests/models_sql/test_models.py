"""What the models promise about revisions, quarantine, corporate actions, universe, labels and lineage."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from flows.dbt import unit_test
from flows.dbt_state import read_manifest
from tests.models_sql.market import VARS, Lab, action, bar, day
from transforms.config import UniverseConfig
from transforms.errors import QuantmillError
from transforms.schemas import QUARANTINE_BARS


def test_unit_tests_of_the_sql_pass(built: Lab) -> None:
    assert unit_test(built.home, built.warehouse, VARS, engine=built.engine) >= 6


def closes(lab: Lab) -> dict[str, list[float]]:
    table = lab.table("marts.bars")
    return {
        str(key[0]): rows["close"].to_list() for key, rows in table.group_by("symbol", maintain_order=True)
    }


def test_a_restated_bar_counts_from_when_it_was_known(lab: Lab) -> None:
    index = [bar("IDX", i, 100.0) for i in range(3)]
    first = [bar("A", i, 10.0 + i) for i in range(3)]
    again = bar("A", 1, 99.0, known_at=datetime.fromisoformat("2030-06-01"), batch_id="later")
    lab.load([*index, again, *first])
    lab.build(select="+bars")
    assert closes(lab)["A"] == [10.0, 99.0, 12.0]
    lab.build(dataclasses.replace(VARS, as_of="2030-05-31T23:59:59"), select="+bars")
    assert closes(lab)["A"] == [10.0, 11.0, 12.0]


def test_a_quarantined_revision_leaves_the_older_one_and_a_quarantined_bar_leaves_none(lab: Lab) -> None:
    index = [bar("IDX", i, 100.0) for i in range(3)]
    rows = [bar("A", i, 10.0 + i) for i in range(3)]
    bad = bar("A", 2, -5.0, known_at=datetime.fromisoformat("2030-06-01"), batch_id="later", page_row=0)
    lab.load([*index, *rows, bad])
    quarantined = [rows[1] | {"page_row": 4}, bad]
    reasons = [row | {"expectation": name, "reason": "-"} for row in quarantined for name in ("one", "two")]
    lab.warehouse.append(QUARANTINE_BARS, pl.DataFrame(reasons, infer_schema_length=None))
    lab.build(select="+bars")
    assert closes(lab)["A"] == [10.0, 12.0]


def test_rows_of_other_datasets_symbols_and_sessions_are_not_built_on(lab: Lab) -> None:
    rows = [bar(symbol, i, 10.0) for symbol in ("IDX", "A", "B") for i in range(4)]
    lab.load([*rows, bar("A", 3, 77.0, dataset="other", batch_id="o"), bar("C", 1, 10.0, timeframe="1h")])
    asked = dataclasses.replace(VARS, source_symbols=["A", "IDX"], start=str(day(1)), end=str(day(2)))
    lab.build(asked, select="+bars")
    assert closes(lab) == {"A": [10.0, 10.0], "IDX": [10.0, 10.0]}


def test_adjusted_closes_are_continuous_over_a_split_and_a_dividend(lab: Lab) -> None:
    raw = [10.0, 5.0, 4.0, 40.0]
    actions = [action("A", 1, "split", 2.0), action("A", 2, "dividend", 1.0), action("A", 3, "split", 0.1)]
    lab.load(
        [*[bar("IDX", i, 1.0) for i in range(4)], *[bar("A", i, close) for i, close in enumerate(raw)]],
        actions,
    )
    lab.build(select="+bars")
    bars = lab.table("marts.bars", "symbol = 'A'")
    assert bars["adj_close"].to_list() == pytest.approx([10.0] * 4, rel=1e-12)
    assert bars["split_ratio"].to_list() == [1.0, 2.0, 1.0, 0.1]
    assert bars["dividend"].to_list() == [0.0, 0.0, 1.0, 0.0]
    assert bars["split_factor"].to_list() == pytest.approx([1.0, 2.0, 2.0, 0.2], rel=1e-12)
    assert bars["adj_volume"].to_list() == pytest.approx([1000.0, 500.0, 500.0, 5000.0], rel=1e-12)


def test_a_dividend_of_the_whole_price_stops_the_build_and_names_the_bar(lab: Lab) -> None:
    lab.load([bar(s, i, 10.0) for s in ("A", "IDX") for i in range(3)], [action("A", 1, "dividend", 10.0)])
    with pytest.raises(QuantmillError) as failure:
        lab.build()
    text = str(failure.value)
    assert "test assert_dividends_are_below_price failed" in text
    assert "'symbol': 'A'" in text
    assert "assert_dividends_are_below_price.sql)" in text, "where the compiled SQL is"


def test_a_universe_symbol_without_bars_stops_the_build_and_is_named(lab: Lab) -> None:
    lab.load([bar(s, i, 10.0) for s in ("A", "IDX") for i in range(3)])
    with pytest.raises(QuantmillError, match=r"assert_universe_has_bars.*'symbol_without_bars': 'APPL'"):
        lab.build(dataclasses.replace(VARS, universe=UniverseConfig("list", ["A", "APPL"], "IDX")))


def test_only_listed_members_have_features_and_without_benchmark_nothing_compares(lab: Lab) -> None:
    lab.load([bar(s, i, 10.0 + i) for s in ("A", "B", "IDX") for i in range(70)])
    lab.build(dataclasses.replace(VARS, universe=UniverseConfig("list", ["B"])))
    bars, features = lab.table("marts.bars"), lab.table("marts.features")
    assert set(bars.filter("is_member")["symbol"]) == {"B"}
    assert not bars["is_benchmark"].any()
    assert set(features["symbol"]) == {"B"}
    assert features["return_20"].null_count() == 20
    for name in ("beta_60", "relative_return_20"):
        assert features[name].null_count() == len(features), name


def test_bars_outside_the_calendars_sessions_stop_the_build(lab: Lab) -> None:
    lab.load([bar(s, i, 10.0) for s in ("A", "IDX") for i in range(3)])
    lab.warehouse.execute("delete from raw.sessions where session_date = ?", [day(1)])
    with pytest.raises(QuantmillError, match="assert_bars_fall_on_sessions"):
        lab.build()


def test_training_set_keeps_the_newest_bars_without_a_label(built: Lab) -> None:
    training_set = built.table("marts.training_set")
    assert len(training_set) == len(built.table("marts.features"))
    newest = training_set.filter(pl.col("symbol") == "AAA").tail(7)
    assert newest["label_end_at"].is_null().to_list() == [False, *[True] * 6], "5 bars after the next open"


# ---------------------------------------------------------------- lineage and documentation


@pytest.fixture(scope="module")
def manifest(built: Lab) -> dict[str, Any]:
    return read_manifest(built.home)


def _models(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def test_no_label_is_among_the_ancestors_or_columns_of_features(manifest: dict[str, Any]) -> None:
    names = {node["unique_id"]: name for name, node in _models(manifest).items()}
    parents = {key: value for key, value in manifest["parent_map"].items() if key in names}
    for model in ("features", "universe"):
        open_ids = [key for key, name in names.items() if name == model]
        ancestors: set[str] = set()
        while open_ids:
            new = [parent for parent in parents.get(open_ids.pop(), []) if parent not in ancestors]
            ancestors.update(new)
            open_ids += new
        assert len(ancestors) > 3
        assert not any(names.get(ancestor) in {"labels", "training_set"} for ancestor in ancestors), model
    labels = set(_models(manifest)["labels"]["columns"]) - {"symbol", "bar_at", "session_date"}
    assert not labels & set(_models(manifest)["features"]["columns"])


def test_every_model_says_its_grain_and_describes_all_its_columns(
    manifest: dict[str, Any], built: Lab
) -> None:
    for name, model in _models(manifest).items():
        last_sentence = model["description"].strip().rstrip(".").split(". ")[-1]
        assert last_sentence.startswith("One row per "), name
        actual = built.warehouse.columns(f"{model['schema']}.{name}")
        described = {column: spec["data_type"].upper() for column, spec in model["columns"].items()}
        if name in {"features", "training_set"}:  # the chosen sets' columns are described with their sets
            assert described.items() <= actual.items(), name
        else:
            assert list(described.items()) == list(actual.items()), name
        assert all(spec["description"] for spec in model["columns"].values()), name


def test_every_key_is_tested_but_of_views_between_tested_tables(manifest: dict[str, Any]) -> None:
    tested = {
        node["attached_node"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node["name"].startswith("unique_and_not_null")
    }
    untested = {name for name, model in _models(manifest).items() if model["unique_id"] not in tested}
    assert untested == {
        "int_feature_bars",
        "int_labels_forward_return",
        "int_timed_bars",
        "int_bars_resampled_week",
        "int_bars_resampled_month",
        "bars_resampled",
    }
