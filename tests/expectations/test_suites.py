"""Suites: what a wrong file says, and that no text ever becomes SQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from expectations.suites import SUITES, as_text_expression, load_suite, with_limits
from transforms.errors import ConfigError
from transforms.warehouse import Warehouse

HEAD = """
table: raw.bars
quarantine: quarantine.bars
description: Bars.
row: "{symbol}"
batch: select * from raw.bars
"""
ENTRY = """
expectations:
  - name: high_is_high
    severity: row
    description: High.
    where: high < low
    reason: "high {high}"
"""


def write(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)


@pytest.mark.parametrize("path", sorted(SUITES.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_suite_loads(path: Path) -> None:
    suite = load_suite(path.stem)
    assert suite.expectations[0].name == "schema_equals_contract"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("severity: row", "severty: row", "high_is_high: unknown key 'severty'. Did you mean: severity"),
        (
            "severity: row",
            "severity: rows",
            "high_is_high: severity must be one of row, batch, warn, was 'rows'",
        ),
        (
            "where: high < low",
            "",
            "high_is_high: needs exactly one of expectation, where and query, has none",
        ),
        ("where: high < low", "where: high < low; drop table x", "high_is_high: where must be one statement"),
        ("where: high < low", "where: high < :low", "without :name"),
        ("where: high < low", "query: select 1", "severity row needs where"),
        ("name: high_is_high", "name: High-is", "name must be in snake case"),
        ("description: High.", "description: ''", "high_is_high: description must be a text"),
        ('reason: "high {high}"', "", "reason belongs to where and query"),
        (
            'reason: "high {high}"',
            'reason: "x"\n    kwargs: {a: 1}',
            "kwargs must be a mapping and belongs to",
        ),
        (
            'reason: "high {high}"',
            'reason: "x"\n    precondition: yes',
            "a precondition needs severity batch",
        ),
        ("quarantine: quarantine.bars", "quarantine: bars", "'bars' must be a table such as raw.bars"),
        ("table: raw.bars", "tabel: raw.bars", "unknown key 'tabel'. Did you mean: table"),
        ("batch: select", "relations: [a]\nbatch: select", "relations must be a mapping"),
        ("expectations:", "expectations: [", "is not YAML"),
    ],
)
def test_wrong_suite_is_refused_with_file_and_entry(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = HEAD + ENTRY
    assert old in text
    write(tmp_path, text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=r"mine\.yaml") as caught:
        load_suite("mine", directory=tmp_path)
    assert message in str(caught.value)


def test_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, HEAD + ENTRY + ENTRY.split("expectations:")[1])
    with pytest.raises(ConfigError, match="high_is_high: stands twice"):
        load_suite("mine", directory=tmp_path)


def test_missing_suite_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean: raw_bars"):
        load_suite("raw_bar")


def test_limits_are_numbers_and_unknown_ones_are_refused() -> None:
    suite = load_suite("raw_bars")
    assert with_limits("n > {gap}", {"gap": 1e-09}, suite, "x") == "n > 1e-09"
    with pytest.raises(
        ConfigError, match=r"raw_bars\.yaml: x: \{gapp\} is no limit of the gate. Did you mean: gap\?"
    ):
        with_limits("n > {gapp}", {"gap": 3}, suite, "x")
    for wrong in ("1; drop table raw.bars", float("nan"), True):
        with pytest.raises(ConfigError, match="must be a finite number"):
            with_limits("n > {gap}", {"gap": wrong}, suite, "x")  # type: ignore[dict-item]
    for wrong_field in ("{gap!r}", "{gap:x}", "{gap.real}", "{0}", "{"):
        with pytest.raises(ConfigError, match="x: "):
            with_limits(wrong_field, {"gap": 3}, suite, "x")


def test_reason_shows_the_rows_values_as_text_only(warehouse: Warehouse) -> None:
    suite = load_suite("raw_bars")
    expression = as_text_expression("it's {a} of {b}, limit {gap}", {"gap": 3}, suite, "x")
    sql = f"select {expression} from (select 'x''; drop table raw.bars' as a, null::double as b)"
    assert warehouse.value(sql) == "it's x'; drop table raw.bars of null, limit 3"
