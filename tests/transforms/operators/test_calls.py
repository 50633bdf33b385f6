"""Reading calls of operators out of a model's SQL."""

from __future__ import annotations

import pytest

from transforms.errors import QuantmillError
from transforms.operators.calls import Call, find_calls, parse_call


def test_calls_are_found_by_their_identifiers_each_once() -> None:
    sql = 'select "symbol", "lagged(x, 1)" - x as a, "lagged(x, 1)" as b, "growth(x, 2)" as c from t'
    calls = find_calls(sql)
    assert list(calls) == ["lagged(x, 1)", "growth(x, 2)"]
    assert calls["growth(x, 2)"].operator.name == "growth"
    assert calls["growth(x, 2)"].parameters == (2,)


def test_arguments_are_expressions_or_calls() -> None:
    call = parse_call("rolling_mean(log_growth(greatest(high, low) / 2, 1), 5)")
    inner = call.series[0]
    assert isinstance(inner, Call)
    assert inner.operator.name == "log_growth"
    assert call.expressions == ("greatest(high, low) / 2",)


def test_arithmetic_between_calls_is_an_expression_and_no_call() -> None:
    assert parse_call("rolling_mean(lagged(x, 1) / lagged(x, 2), 5)").series == (
        "lagged(x, 1) / lagged(x, 2)",
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("no_such(x, 1)", "names no operator; there are: .*rolling_mean"),
        ("rolling_mean(x)", r"rolling_mean takes \(x, periods\), was 1 arguments"),
        ("rolling_mean(x, n)", "'n' must be a number"),
        ("rolling_mean(x, 0)", r"periods must be a whole number in 1\.\.10000, was 0"),
        ("rolling_mean(x, 2.5)", "was 2.5"),
    ],
)
def test_a_wrong_call_is_named_with_what_is_right(call: str, message: str) -> None:
    with pytest.raises(QuantmillError, match=message):
        find_calls(f'select "{call}" from t')


def test_every_operator_says_what_it_is() -> None:
    from transforms.operators.catalogue import operators

    for name, operator in operators().items():
        assert operator.description, name
        assert len({*operator.series, *(p.name for p in operator.parameters)}) == len(operator.series) + len(
            operator.parameters
        ), name
