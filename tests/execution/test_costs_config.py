from typing import Any

import pytest

from execution.config import CostsConfig
from transforms.errors import ConfigError

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "key",
    [
        "commission_bps",
        "commission_per_share",
        "commission_per_order",
        "commission_minimum",
        "commission_maximum",
        "commission_maximum_bps",
        "half_spread_bps",
        "slippage_bps",
        "slippage_volatility",
        "impact",
        "borrow_rate",
        "slippage_multiple",
        "charges_multiple",
    ],
)
@pytest.mark.parametrize("value", [-0.01, NAN, INF, -INF])
def test_a_negative_or_not_finite_cost_is_refused_by_name(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"costs\.{key} must be in \[0, .*was (-0.01|nan|inf|-inf)"):
        CostsConfig(name="test", **{key: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"spread_minutes": [0, 30, 30]}, r"costs\.spread_minutes must be ascending"),
        ({"spread_minutes": [30, 0]}, r"costs\.spread_minutes must be ascending"),
        ({"spread_minutes": [5]}, r"costs\.spread_minutes must be ascending minutes .* begin with 0"),
        ({"spread_minutes": []}, r"costs\.spread_minutes must be ascending"),
        ({"spread_minutes": [0, 1440]}, r"costs\.spread_minutes must be ascending minutes below 1440"),
        (
            {"spread_multiples": [1.0, 2.0]},
            r"costs\.spread_multiples must be as many as costs\.spread_minutes",
        ),
        ({"spread_multiples": [NAN]}, r"costs\.spread_multiples must be in"),
        ({"half_spread_bps_by_symbol": {"AA": -1.0}}, r"costs\.half_spread_bps_by_symbol\.AA must be in"),
        ({"half_spread_bps_by_symbol": {"A A": 1.0}}, r"costs\.half_spread_bps_by_symbol must be symbols"),
        ({"borrow_rate_by_symbol": {"AA": NAN}}, r"costs\.borrow_rate_by_symbol\.AA must be in"),
        ({"sec_fee_rates": {"2024": 1.0}}, r"costs\.sec_fee_rates must be a date"),
        ({"sec_fee_rates": {"20240101": 1.0}}, r"costs\.sec_fee_rates must be a date"),
        ({"sec_fee_rates": {"2024-01-01": -1.0}}, r"costs\.sec_fee_rates\.2024-01-01 must be in"),
        ({"taf_rates": {"2024-01-01": [0.1]}}, r"costs\.taf_rates\.2024-01-01 must be \[USD per share"),
        ({"taf_rates": {"2024-01-01": [0.1, INF]}}, r"costs\.taf_rates\.2024-01-01\[1\] must be in"),
        ({"commission_minimum": 2.0, "commission_maximum": 1.0}, r"at least costs\.commission_minimum \(2\)"),
        ({"slippage_model": "latest"}, r"costs\.slippage_model must be null, or a version"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        CostsConfig(name="test", **changes)
