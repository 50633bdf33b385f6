from typing import Any

import pytest

from execution.portfolio_config import (
    BarbellConfig,
    CovarianceConfig,
    LimitsConfig,
    ObjectiveConfig,
    PortfolioConfig,
    SizingConfig,
)
from transforms.errors import ConfigError

NAN = float("nan")


@pytest.mark.parametrize(
    ("kind", "changes", "key"),
    [
        (PortfolioConfig, {"weighting": "equalish"}, "portfolio.weighting"),
        (PortfolioConfig, {"quantile": 0.6, "side": "long_short", "k": 0}, "portfolio.quantile"),
        (PortfolioConfig, {"quantile": 0.2, "k": 3}, "portfolio.k"),
        (PortfolioConfig, {"quantile": 0.2, "k": 0, "weighting": "kelly"}, "portfolio.weighting"),
        (PortfolioConfig, {"gross": NAN}, "portfolio.gross"),
        (PortfolioConfig, {"initial_cash": float("inf")}, "portfolio.initial_cash"),
        (CovarianceConfig, {"estimator": "ledoit"}, "portfolio.covariance.estimator"),
        (CovarianceConfig, {"lookback": 50}, "portfolio.covariance.min_history"),
        (CovarianceConfig, {"half_life": 0.0}, "portfolio.covariance.half_life"),
        (ObjectiveConfig, {"expected_return": "hope"}, "portfolio.objective.expected_return"),
        (ObjectiveConfig, {"kelly_fraction": 1.1}, "portfolio.objective.kelly_fraction"),
        (ObjectiveConfig, {"risk_aversion": 0.0}, "portfolio.objective.risk_aversion"),
        (LimitsConfig, {"max_turnover": -0.1}, "portfolio.limits.max_turnover"),
        (LimitsConfig, {"max_weight": NAN}, "portfolio.limits.max_weight"),
        (LimitsConfig, {"min_net": 0.5, "max_net": 0.4}, "portfolio.limits.min_net"),
        (LimitsConfig, {"group_caps": {"tech": 0.2}}, "portfolio.limits.group_caps"),
        (LimitsConfig, {"groups": {"A": "t"}, "group_caps": {"t": -1.0}}, "portfolio.limits.group_caps.t"),
        (LimitsConfig, {"groups": {"A B": "t"}}, "portfolio.limits.groups"),
        (SizingConfig, {"confidence_power": -1.0}, "portfolio.sizing.confidence_power"),
        (SizingConfig, {"drawdown_start": 0.3}, "portfolio.sizing.drawdown_full"),
        (SizingConfig, {"drawdown_full": NAN}, "portfolio.sizing.drawdown_full"),
        (SizingConfig, {"drawdown_floor": 0.0}, "portfolio.sizing.drawdown_floor"),
        (SizingConfig, {"stop_scale": "atr"}, "portfolio.sizing.stop_scale"),
        (BarbellConfig, {"safe": ["A", "A"]}, "portfolio.barbell.safe"),
        (BarbellConfig, {"safe_min": 0.5, "safe_max": 0.4}, "portfolio.barbell.safe_min"),
    ],
)
def test_value_out_of_range_is_refused_by_its_key(kind: Any, changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        kind(**changes)
    assert str(refused.value).startswith(f"{key} ")
