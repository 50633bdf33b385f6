"""The vars' macros alone: what is rendered, and what never is."""

from __future__ import annotations

import re

import pytest

from flows.dbt import PROJECT_DIR
from tests.models_sql.rendering import RefusedError, render

EVIL = "x'; drop table raw.bars; --"


@pytest.mark.parametrize(
    ("call", "value", "sql"),
    [
        ("literal(var('x'))", "it's", "'it''s'"),
        ("literal(var('x'))", ["a", 1, True], "['a', 1, true]"),
        ("literal(var('x'))", 0.25, "cast(0.25 as double)"),
        ("var_name('x')", "24/7", "'24/7'"),
        ("var_symbol_or_null('x')", "BRK.B", "'BRK.B'"),
        ("var_symbol_or_null('x')", None, "cast(null as varchar)"),
        ("var_symbols('x')", [], "cast([] as varchar[])"),
        ("var_symbols('x')", ["EUR/USD", "ES=F"], "cast(['EUR/USD', 'ES=F'] as varchar[])"),
        ("var_integer('x', 1, 9)", 9, "9"),
        ("var_integers('x', 1, 9)", [9, 1], "[9, 1]"),
        ("var_number('x', 0, 1)", 0, "cast(0.0 as double)"),
        ("var_bare_number('x', 0, 1)", 0.25, "0.25"),
        ("var_fraction('x')", 1, "cast(1.0 as double)"),
        ("var_date('x')", "2024-05-31", "cast('2024-05-31' as date)"),
        ("var_choice('x', ['a', 'b'])", "b", "b"),
    ],
)
def test_a_good_value_becomes_a_literal(call: str, value: object, sql: str) -> None:
    assert render(f"{{{{ {call} }}}}", {"x": value}) == sql


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("literal(var('x'))", None),
        ("literal(var('x'))", {"a": 1}),
        ("literal(var('x'))", float("nan")),
        ("literal(var('x'))", float("inf")),
        ("var_name('x')", EVIL),
        ("var_name('x')", "XNYS\n"),
        ("var_name('x')", 7),
        ("var_symbol_or_null('x')", EVIL),
        ("var_symbol_or_null('x')", "A" * 33),
        ("var_symbols('x')", ["A", EVIL]),
        ("var_symbols('x')", "A"),
        ("var_symbols('x')", {"A": 1}),
        ("var_symbols('x')", ["A", None]),
        ("var_integer('x', 1, 9)", "9); drop table raw.bars; --"),
        ("var_integer('x', 1, 9)", True),
        ("var_integer('x', 1, 9)", 10),
        ("var_integer('x', 1, 9)", 1.5),
        *[
            ("var_integers('x', 1, 9)", bad)
            for bad in ([], 3, "3", [0], [10], [2, 2], [True], [1.5], ["1); --"], {})
        ],
        ("var_number('x', 0, 1)", "0) or (1=1"),
        ("var_number('x', 0, 1)", 1.0),
        ("var_number('x', 0, 1)", float("nan")),
        ("var_bare_number('x', 0, 1)", "0); drop table raw.bars; --"),
        ("var_bare_number('x', 0, 1)", True),
        ("var_fraction('x')", 1.01),
        ("var_fraction('x')", float("nan")),
        ("var_date('x')", "2024-01-01' or 1=1 --"),
        ("var_choice('x', ['a', 'b'])", "a; drop table raw.bars"),
        ("var_timeframe()", "1d' or 1=1 --"),
        ("known_as_of('known_at')", "2024-01-01' or 1=1 --"),
        ("known_as_of('known_at')", 20240101),
    ],
)
def test_any_other_value_is_refused(call: str, value: object) -> None:
    with pytest.raises(RefusedError, match=r"must be|takes"):
        render(f"{{{{ {call} }}}}", {"x": value, "timeframe": value, "as_of": value})


def test_no_model_pastes_a_var_into_sql() -> None:
    for folder in ("staging", "intermediate", "marts", "data_tests"):
        for path in (PROJECT_DIR / folder).rglob("*.sql"):
            assert not re.search(r"\bvar\(", path.read_text()), path
