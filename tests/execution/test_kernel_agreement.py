"""The compiled kernel against the specification in plain Python, on thousands of random scenarios.

``scenarios.scenario(seed)`` makes a case again; the message of a failure names the seed and the first differences.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from execution.kernel.types import (
    FLOWS,
    OBSTACLES,
    ORDER_TYPES,
    REASONS,
    RISK_RULES,
    STATUSES,
    TIMES_IN_FORCE,
)
from tests.execution import agreement
from tests.execution.agreement import by_kernel, by_reference, differences
from tests.execution.scenarios import scenario

CHUNK, CHUNKS = 1000, 10


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_kernel_and_specification_agree_on_every_fill_order_and_flow(chunk: int) -> None:
    apart: dict[int, list[str]] = {}
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        given = scenario(seed)
        if found := differences(by_reference(given), by_kernel(given)):
            apart[seed] = found
    message = "\n".join(f"seed {seed}: {'; '.join(found)}" for seed, found in list(apart.items())[:5])
    assert not apart, f"{len(apart)} of {CHUNK} scenarios differ (specification and kernel):\n{message}"


@cache
def _occurrences() -> Counter[str]:
    """How often each thing happened in the first 1,000 scenarios, by the specification."""
    seen: Counter[str] = Counter()
    order = {name: place for place, name in enumerate(agreement.ORDER)}
    for seed in range(1000):
        result = by_reference(scenario(seed))
        for fill in result.fills:
            seen[f"fill: {REASONS[int(fill[-1])]}"] += 1
        for row in result.orders:
            kind, ended = int(row[order["type"]]), int(row[order["status"]])
            seen[f"{ORDER_TYPES[kind]} {TIMES_IN_FORCE[int(row[order['time_in_force']])]}"] += 1
            seen[f"{ORDER_TYPES[kind]} {STATUSES[ended]}"] += 1
            seen[f"obstacle: {OBSTACLES[int(row[order['obstacle']])]}"] += 1
        for event in result.events:
            seen[f"rule: {RISK_RULES[int(event[2])]}"] += 1
        for kind, name in enumerate(FLOWS):
            seen[f"flow: {name}"] += int(np.count_nonzero(result.flows[:, kind]))
    return seen


@pytest.mark.parametrize(
    "what",
    [
        *(f"{kind} {force}" for kind in ORDER_TYPES for force in TIMES_IN_FORCE),
        *(f"{kind} {status}" for kind in ORDER_TYPES for status in STATUSES),
        *(f"fill: {reason}" for reason in REASONS),
        *(f"obstacle: {obstacle}" for obstacle in OBSTACLES),
        *(f"rule: {rule}" for rule in RISK_RULES),
        *(f"flow: {flow}" for flow in FLOWS),
    ],
)
def test_scenarios_exercise(what: str) -> None:
    assert _occurrences()[what] >= 10, f"{what} occurred {_occurrences()[what]} times in 1,000 scenarios"


def test_a_difference_is_found_wherever_it_is() -> None:
    result = next(
        result
        for result in map(by_reference, map(scenario, range(1000)))
        if result.fills and result.orders and result.actions and result.events
    )
    assert differences(result, result) == []
    for name in result._fields:
        value = getattr(result, name)
        if isinstance(value, np.ndarray):
            changed = value.copy()
            changed.flat[np.flatnonzero(np.isfinite(value))[-1]] += 1e-3
        else:
            changed = [*value[:-1], (value[-1][0] + 1, *value[-1][1:])]
        assert differences(result, result._replace(**{name: changed})) != [], name
