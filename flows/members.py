"""Several strategies in a run's config: their types, their portfolios, and the keys under which their values stand.

A strategy and a portfolio name their keys as if they were the config's own (``strategy.parameters.lookback_bars``,
``portfolio.gross``). As members of a combined strategy they stand elsewhere, and that place is what a user must be
told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from execution.combined_config import CombinedConfig
from execution.config import PortfolioConfig, StrategyConfig
from transforms.errors import ConfigError

_MEMBER = re.compile(r"strategy\.(members|portfolios)\.(\w+)")
# Where members stand in a combined strategy → the group whose choices stand there, and how these name their keys.
_PARTS = {
    "members": ("strategy", re.compile(r"\bstrategy\.(?=(?:name|scores|parameters)\b)")),
    "portfolios": ("portfolio", re.compile(r"\bportfolio\.")),
}


def give_members_their_types(schema: DictConfig, composed: DictConfig) -> None:
    """Let the members of a combined strategy's schema be of the types that they were composed with.

    Any other schema has none, and is left as it is.

    Raises:
        ConfigError: A combined strategy is to be a member of another.
    """
    if "members" not in schema:
        return
    # By name: in whatever order they were composed, it is the same run, and its sums are the same to the last bit.
    for name, member in sorted(composed.members.items()):
        kind = OmegaConf.get_type(member)
        if kind is CombinedConfig:
            raise ConfigError(f"strategy.members.{name} must be one strategy, was a combined one")
        if isinstance(kind, type) and is_dataclass(kind):
            schema.members[name] = OmegaConf.structured(kind)


def require_members(group: DictConfig) -> None:
    """Refuse what is wrong within a combined strategy's members, by the keys under which it stands.

    Raises:
        ConfigError: A value that a member refuses, or the portfolio of one.
    """
    if "members" not in group:
        return
    for part in _PARTS:
        for name, node in group[part].items():
            try:
                if isinstance(node, DictConfig):
                    OmegaConf.to_object(node)
            except ConfigError as error:
                raise in_place(f"strategy.{part}.{name}", error) from error


def in_place(place: str, error: ConfigError) -> ConfigError:
    """Return what a part of a config refuses by the keys under which it stands: within a member, not its own.

    Args:
        place: Of the part, such as ``strategy.members.momentum`` or ``portfolio``.
    """
    named = _MEMBER.fullmatch(place)
    if named is None:
        return error
    _, own = _PARTS[named[1]]
    return ConfigError(own.sub(f"{place}.", str(error)))


def parts_of(strategy: StrategyConfig) -> dict[str, Any]:
    """Return place → part of a strategy, of all that have keys of their own; one strategy is one part."""
    if not isinstance(strategy, CombinedConfig):
        return {"strategy": strategy}
    return {
        **{f"strategy.members.{name}": member for name, member in strategy.members.items()},
        **{f"strategy.portfolios.{name}": portfolio for name, portfolio in strategy.portfolios.items()},
        "strategy.allocation": strategy.allocation,
    }


def with_parts(strategy: StrategyConfig, changed: Mapping[str, Any]) -> StrategyConfig:
    """Return a strategy with other parts, by place as ``parts_of`` has them.

    Raises:
        ConfigError: They do not go together.
    """
    parts = {place: changed.get(place, part) for place, part in parts_of(strategy).items()}
    if not isinstance(strategy, CombinedConfig):
        return cast(StrategyConfig, parts["strategy"])
    return replace(
        strategy,
        members={name: parts[f"strategy.members.{name}"] for name in strategy.members},
        portfolios={name: parts[f"strategy.portfolios.{name}"] for name in strategy.portfolios},
        allocation=parts["strategy.allocation"],
    )


def portfolios_of(strategy: StrategyConfig, portfolio: PortfolioConfig) -> dict[str, PortfolioConfig]:
    """Return key → portfolio of all by which scores become weights: of each member its own, or the config's."""
    if not isinstance(strategy, CombinedConfig):
        return {"portfolio": portfolio}
    return {
        f"strategy.portfolios.{name}" if name in strategy.portfolios else "portfolio": of_member
        for name, of_member in strategy.member_portfolios(portfolio).items()
    }


def missing_member(key: str) -> ConfigError | None:
    """Return the error for a key that names a member as a whole, one that is not there; None for another key."""
    named = _MEMBER.fullmatch(key)
    if named is None:
        return None
    group, _ = _PARTS[named[1]]
    return ConfigError(f"{key}: no such member; +{group}@{key}=<choice> adds it  (conf/{group}/)")


def own_key(key: str) -> tuple[str, str]:
    """Return a key as the group has it that was chosen for a member, and where that group stands.

    A key that is not within a member is its own: ``risk.max_gross`` gives ``risk.max_gross`` and ``risk``.
    """
    named = _MEMBER.match(key)
    if named is None:
        return key, key.split(".", maxsplit=1)[0]
    group, _ = _PARTS[named[1]]
    return f"{group}{key[named.end() :]}", named[0]
