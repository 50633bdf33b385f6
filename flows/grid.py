"""The grid of a sensitivity sweep: every combination of values, each a config as the command line would make it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import product
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from execution.combined_config import AllocationConfig
from execution.config import StrategyConfig
from flows.config import RunConfig, keys_of, translated
from flows.members import in_place, missing_member, own_key, parts_of, with_parts
from transforms.errors import ConfigError, nearest

GROUPS = ("strategy", "portfolio", "orders", "exits", "account", "costs", "risk")
_EXAMPLE = "sensitivity.grid='{portfolio.k:[5,10,20],risk.max_gross:[0.5,1.0]}'"


@dataclass(frozen=True)
class Axis:
    """A key of the config and its values, in order.

    Attributes:
        values: Numbers ascending, other values as they were given.
        is_ordered: Whether they are numbers, of which one lies next to another.
    """

    key: str
    values: tuple[Any, ...]
    is_ordered: bool


@dataclass(frozen=True)
class Combination:
    """One combination of values.

    Attributes:
        places: Of its values on the axes.
        values: Key → value.
        config: The run's config with these values, None where they do not go together.
        error: Why they do not.
    """

    places: tuple[int, ...]
    values: dict[str, Any]
    config: RunConfig | None
    error: str | None = None


def axes_of(config: RunConfig) -> tuple[Axis, ...]:
    """Return the axes that ``sensitivity.grid`` asks for.

    Raises:
        ConfigError: There are none, a key is not in the config or none that can be varied here, its values are no
            list of different values, or there are more combinations than ``sensitivity.max_trials``.
    """
    given = _flat(config.sensitivity.grid)
    if not given:
        raise ConfigError(f"sensitivity.grid names no key to vary; for example {_EXAMPLE}")
    axes = tuple(_axis(config, key, values) for key, values in given.items())
    count, most = math.prod(len(axis.values) for axis in axes), config.sensitivity.max_trials
    if count > most:
        sizes = " × ".join(f"{len(axis.values)} of {axis.key}" for axis in axes)
        raise ConfigError(
            f"sensitivity.grid has {count:,} combinations ({sizes}), sensitivity.max_trials allows {most:,}; "
            "give fewer values or raise the limit"
        )
    return axes


def combinations_of(config: RunConfig) -> tuple[tuple[Axis, ...], list[Combination]]:
    """Return the axes of a config's grid and every combination, the last axis running fastest.

    Raises:
        ConfigError: As ``axes_of``; or a value is wrong in whatever combination: it names the key and the value.
    """
    axes = axes_of(config)
    parts: dict[tuple[str, tuple[tuple[str, int], ...]], Any] = {}

    def part(place: str, chosen: tuple[tuple[str, int], ...]) -> Any:
        """Return a part of the config with some values, or the error that they are."""
        if (place, chosen) not in parts:
            values = {key: axes_by_key[key].values[number] for key, number in chosen}
            try:
                parts[place, chosen] = _changed(place, there[place], values)
            except ConfigError as error:
                parts[place, chosen] = error
        return parts[place, chosen]

    axes_by_key = {axis.key: axis for axis in axes}
    there = _parts_of(config)
    keys_at = {place: [axis.key for axis in axes if axis.key.startswith(f"{place}.")] for place in there}
    found = []
    for places in product(*(range(len(axis.values)) for axis in axes)):
        at = {axis.key: number for axis, number in zip(axes, places, strict=True)}
        values = {axis.key: axis.values[at[axis.key]] for axis in axes}
        changed = {
            place: part(place, tuple((key, at[key]) for key in keys))
            for place, keys in keys_at.items()
            if keys
        }
        error = next((one for one in changed.values() if isinstance(one, ConfigError)), None)
        whole = None
        if error is None:
            try:
                whole = _with_parts(config, changed)
            except ConfigError as refused:
                error = refused
        found.append(Combination(places, values, whole, None if error is None else str(error)))
    _require_each_value_somewhere(axes, found)
    return axes, found


def _parts_of(config: RunConfig) -> dict[str, Any]:
    """Return place → part of the config, of all that have keys to vary: groups, or what several strategies are of."""
    others = {group: getattr(config, group) for group in GROUPS if group != "strategy"}
    return parts_of(config.strategy) | others


def _with_parts(config: RunConfig, changed: Mapping[str, Any]) -> RunConfig:
    """Return the config with other parts.

    Raises:
        ConfigError: They do not go together.
    """
    groups = {place: part for place, part in changed.items() if place in GROUPS}
    return replace(config, **groups | {"strategy": with_parts(config.strategy, changed)})


def _require_each_value_somewhere(axes: Sequence[Axis], found: Sequence[Combination]) -> None:
    """Refuse a value with which no combination can be: it is wrong in itself."""
    for number, axis in enumerate(axes):
        for place, value in enumerate(axis.values):
            errors = [one.error for one in found if one.places[number] == place]
            if None not in errors:
                # Of several that the combinations give, that which the value itself is refused for, if any is.
                message = next((error for error in errors if error and axis.key in error), errors[0])
                raise ConfigError(f"sensitivity.grid, {axis.key}={value}: {message}")


def _axis(config: RunConfig, key: str, values: Any) -> Axis:
    group = key.split(".", maxsplit=1)[0]
    if group not in GROUPS:
        if hasattr(config, group):
            raise ConfigError(
                f"sensitivity.grid: {key} cannot be varied here, only keys of {', '.join(GROUPS)}; "
                f"a sweep can: quantmill -m {key}=…"
            )
        raise ConfigError(f"sensitivity.grid: {key} is no key.{nearest(group, GROUPS)}")
    known = _keys_in(config, group)
    if key not in known:
        within = [one for one in known if one.startswith(f"{key}.")]
        if within:
            raise ConfigError(
                f"sensitivity.grid: {key} is a group of keys; name one of them, such as {within[0]}"
            )
        _, place = own_key(key)
        if place != group and place not in _parts_of(config) and (missing := missing_member(place)):
            raise ConfigError(f"sensitivity.grid: {missing}")
        raise ConfigError(
            f"sensitivity.grid: {key} is no key of {_named(config, group)}.{nearest(key, known)}"
        )
    if not isinstance(values, list) or not values:
        raise ConfigError(f"sensitivity.grid, {key} must be a list of values, was {values!r}")
    twice = [value for place, value in enumerate(values) if value in values[:place]]
    if twice:
        raise ConfigError(f"sensitivity.grid, {key} must be a list of different values, was {values!r}")
    ordered = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return Axis(key, tuple(sorted(values) if ordered else values), ordered)


def _named(config: RunConfig, group: str) -> str:
    return f"{group}={getattr(config, group).name}"


def _keys_in(config: RunConfig, group: str) -> list[str]:
    """Return the keys of a group that may be varied: of a strategy, its parameters."""
    return [
        f"{place}.{name}"
        for place, part in _parts_of(config).items()
        if place.split(".")[0] == group
        for name in _names_in(part)
    ]


def _names_in(part: Any) -> list[str]:
    if isinstance(part, StrategyConfig):
        parameters = part.parameters
        names = [item.name for item in fields(parameters)] if is_dataclass(parameters) else list(parameters)
        return [f"parameters.{name}" for name in names]
    names = [name for name, _ in keys_of(type(part)) if name != "name"]
    entries = [f"shares.{name}" for name in part.shares] if isinstance(part, AllocationConfig) else []
    return names + entries


def _changed(place: str, part: Any, values: Mapping[str, Any]) -> Any:
    """Return a part of the config with other values, checked as an override is.

    Raises:
        ConfigError: A wrong type, or a value out of its range.
    """
    node = OmegaConf.structured(part)
    try:
        for key, value in values.items():
            OmegaConf.update(node, key.removeprefix(f"{place}."), value)
        return OmegaConf.to_object(node)
    except OmegaConfBaseException as error:
        raise translated(place, error) from error
    except ConfigError as error:
        raise in_place(place, error) from error


def _flat(grid: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return key → values, keys written out; a mapping among the values is a nested key."""
    flat: dict[str, Any] = {}
    for name, value in grid.items():
        key = f"{prefix}{name}"
        flat |= _flat(value, f"{key}.") if isinstance(value, Mapping) else {key: value}
    return flat
