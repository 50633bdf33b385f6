"""The record of holdouts: who looked at which, with what config. A holdout is worth something once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from execution.trials import Trial
from transforms import schemas_validation as schemas
from transforms.warehouse import Warehouse, utc_now


@dataclass(frozen=True)
class HoldoutUse:
    """A config that was measured on a holdout, and when first."""

    run_id: str
    used_at: datetime


def earlier_uses(warehouse: Warehouse, trial: Trial, sessions: tuple[date, date]) -> list[HoldoutUse]:
    """Return the other configs of a strategy that used any of these sessions before this config did, oldest first.

    Later uses by others do not spoil an earlier one's.
    """
    found = warehouse.read(
        """
        with uses as (
            select config, min(used_at) as used_at, arg_min(run_id, used_at) as run_id
            from ops.holdout_uses
            where strategy = $strategy and data = $data and first_session <= $last and last_session >= $first
            group by config
        )
        select run_id, used_at from uses
        where config <> $config
            and used_at <= coalesce((select used_at from uses where config = $config), 'infinity'::timestamp)
        order by used_at, run_id
        """,
        _of(trial, sessions),
    )
    return [HoldoutUse(*row) for row in found.iter_rows()]


def record_use(warehouse: Warehouse, trial: Trial, sessions: tuple[date, date]) -> None:
    """Enter a use; the same config on the same sessions again is not a new one."""
    known = warehouse.value(
        "select count(*) from ops.holdout_uses where strategy = $strategy and data = $data and config = $config "
        "and first_session = $first and last_session = $last",
        _of(trial, sessions),
    )
    if known:
        return
    row = {
        "strategy": trial.strategy,
        "data": trial.data,
        "config": trial.fingerprint,
        "first_session": sessions[0],
        "last_session": sessions[1],
        "run_id": trial.run_id,
        "used_at": utc_now(),
    }
    schema = warehouse.read("select * from ops.holdout_uses limit 0").schema
    warehouse.append(schemas.HOLDOUT_USES, pl.DataFrame([row], schema=schema))


def _of(trial: Trial, sessions: tuple[date, date]) -> dict[str, object]:
    return {
        "strategy": trial.strategy,
        "data": trial.data,
        "config": trial.fingerprint,
        "first": sessions[0],
        "last": sessions[1],
    }
