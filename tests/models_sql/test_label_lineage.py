"""Who may read labels: models, columns and operators that look ahead stay away from what is decided on."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, time
from typing import Any

import polars as pl
import pytest
import yaml

from flows.dbt import PROJECT_DIR
from flows.dbt_state import read_manifest, target_path
from tests.models_sql.market import VARS, Lab, bar
from tests.models_sql.rendering import render_model
from tests.models_sql.test_labels import COMMON, KEY, MODELS
from transforms.config import LABEL_COLUMNS, LabelsConfig
from transforms.labels import (
    CrossSectionalRankLabelsConfig,
    TouchWithinLabelsConfig,
    TripleBarrierLabelsConfig,
)
from transforms.operators.calls import find_calls

READERS = {"labels", "training_set"}


def _models(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}


def _descendants(manifest: dict[str, Any], keys: set[str], kind: str = "model") -> set[str]:
    """Return the names of the models (or exposures) that read these nodes, directly or not."""
    found: set[str] = set()
    open_ = list(keys)
    while open_:
        for child in manifest["child_map"].get(open_.pop(), []):
            if child not in found:
                found.add(child)
                open_.append(child)
    return {key.split(".")[-1] for key in found - keys if key.startswith(f"{kind}.")}


def _looking_ahead(lab: Lab) -> set[str]:
    """Return the models whose compiled SQL calls an operator that depends on later bars."""
    found = set()
    for key, node in _models(read_manifest(lab.home)).items():
        path = target_path(lab.home) / "compiled" / "quantmill" / node["original_file_path"]
        if any(call.lookahead for call in find_calls(path.read_text()).values()):
            found.add(key)
    return found


def only_training_reads_labels(lab: Lab) -> None:
    """Check that nothing else than the training set descends from the labels of the last build."""
    manifest = read_manifest(lab.home)
    made = {key for key, node in _models(manifest).items() if node["name"].startswith("int_label")}
    assert made
    assert _descendants(manifest, made) == READERS
    assert not {"backtest", "order_path"} & _descendants(manifest, made, "exposure")


def test_nothing_that_is_decided_on_descends_from_what_looks_ahead(built: Lab) -> None:
    manifest = read_manifest(built.home)
    ahead = _looking_ahead(built)
    assert {key.split(".")[-1] for key in ahead} == {"int_label_returns"}
    assert _descendants(manifest, ahead) == {"int_labels_forward_return", *READERS}
    only_training_reads_labels(built)


@pytest.mark.parametrize(
    "config",
    [CrossSectionalRankLabelsConfig("r"), TripleBarrierLabelsConfig("b"), TouchWithinLabelsConfig("t")],
    ids=lambda config: str(config.kind),
)
def test_dbt_builds_the_chosen_kind_alone_and_its_tests_pass(lab: Lab, config: LabelsConfig) -> None:
    lab.load([bar(symbol, i, 10.0 + i) for symbol in ("A", "IDX") for i in range(30)])
    build_vars = dataclasses.replace(VARS, labels=config)
    result = lab.build(build_vars, select="+labels")
    assert {name for name in result.models if "int_label" in name} == set(MODELS[config.kind])
    only_training_reads_labels(lab)
    for model in MODELS[config.kind]:
        compiled = target_path(lab.home) / "compiled/quantmill/intermediate/labels" / f"{model}.sql"
        assert compiled.read_text().split() == render_model(model, build_vars.as_dict()).split()


def test_models_that_look_ahead_say_so_and_lie_with_the_labels() -> None:
    allowed = {
        path.relative_to(PROJECT_DIR).as_posix()
        for path in PROJECT_DIR.rglob("*.sql")
        if "may_look_ahead=true" in path.read_text().replace(" ", "")
    }
    assert allowed == {
        f"intermediate/labels/{name}.sql"
        for name in ("int_label_returns", "int_labels_triple_barrier", "int_labels_touch_within")
    }


def test_columns_of_labels_are_known_as_such_and_no_feature_has_their_names(built: Lab) -> None:
    described = set()
    for path in (PROJECT_DIR / "intermediate" / "labels").glob("int_label*.yml"):
        for model in yaml.safe_load(path.read_text())["models"]:
            described |= {column["name"] for column in model["columns"]}
    assert described - set(KEY) == set(LABEL_COLUMNS)
    features = set()
    for path in (PROJECT_DIR / "intermediate" / "features").glob("*.yml"):
        for model in yaml.safe_load(path.read_text())["models"]:
            features |= {column["name"] for column in model["columns"]}
    assert not features & set(LABEL_COLUMNS)
    training_set = set(built.warehouse.columns("marts.training_set"))
    assert training_set - set(built.warehouse.columns("marts.features")) == set(COMMON)


def test_every_label_ends_after_its_bar_and_within_the_data(built: Lab) -> None:
    table = built.table("marts.labels")
    known = table.filter(pl.col("label_end_at").is_not_null())
    assert (known["label_end_at"] > known["bar_at"]).all()
    newest: date = table["session_date"].max()  # type: ignore[assignment]
    assert known["label_end_at"].max() == datetime.combine(newest, time())
