"""The ledger of runs, stages and alerts: ``ops.*``. It, not Prefect, is the truth about what happened."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from transforms import schemas_ops
from transforms.warehouse import Warehouse, utc_now

SEVERITIES = ("warning", "error")


@dataclass(frozen=True)
class StageRecord:
    """A stage that was carried out to its end."""

    fingerprint: str
    output: dict[str, Any]


class Ledger:
    """Reads and writes ``ops.runs``, ``ops.stages`` and ``ops.alerts`` for one run."""

    def __init__(self, warehouse: Warehouse, run_id: str) -> None:
        self._warehouse = warehouse
        self.run_id = run_id
        self._alerts = 0

    def open_run(self, row: dict[str, Any]) -> datetime:
        """Record the run as running; runs that a killed process left as running are marked killed."""
        started = utc_now()
        self._warehouse.execute("update ops.runs set state = 'killed' where state = 'running'")
        self._warehouse.upsert(
            schemas_ops.RUNS,
            schemas_ops.RUNS.frame(
                [{"run_id": self.run_id, "started_at": started, "state": "running", **row}]
            ),
        )
        return started

    def close_run(self, started: datetime, **changes: Any) -> None:
        """Record how the run ended."""
        now = utc_now()
        changes |= {"finished_at": now, "seconds": (now - started).total_seconds()}
        assignments = ", ".join(f'"{column}" = ?' for column in changes)
        self._warehouse.execute(
            f"update ops.runs set {assignments} where run_id = ?", [*changes.values(), self.run_id]
        )

    def finished(self, stage: str, fingerprint: str, *, shared: bool) -> StageRecord | None:
        """Return the record of a stage carried out with this fingerprint, None if it must be carried out.

        Args:
            shared: Whether the stage's tables hold one fingerprint's output at a time, so that only the
                latest counts; stages whose output carries the fingerprint as key count for ever.
        """
        row = self._warehouse.read(
            "select output from ops.stages where stage = ? and fingerprint = ? and (is_current or not ?)",
            [stage, fingerprint, shared],
        )
        return None if row.is_empty() else StageRecord(fingerprint, json.loads(row.item(0, "output")))

    def latest(self, stage: str) -> StageRecord | None:
        """Return the record of the stage's last carrying out, whatever its fingerprint."""
        row = self._warehouse.read(
            "select fingerprint, output from ops.stages where stage = ? order by finished_at desc limit 1",
            [stage],
        )
        return (
            None
            if row.is_empty()
            else StageRecord(row.item(0, "fingerprint"), json.loads(row.item(0, "output")))
        )

    def invalidate(self, stage: str) -> None:
        """Say that a shared stage's tables are about to change: until it has ended, nothing there counts."""
        self._warehouse.execute(
            "update ops.stages set is_current = false where stage = ? and is_current", [stage]
        )

    def record(self, stage: str, fingerprint: str, *, seconds: float, output: dict[str, Any]) -> None:
        """Record a stage as carried out."""
        row = {
            "stage": stage,
            "fingerprint": fingerprint,
            "run_id": self.run_id,
            "finished_at": utc_now(),
            "seconds": seconds,
            "is_current": True,
            "output": json.dumps(output, sort_keys=True, default=str),
        }
        with self._warehouse.transaction():
            self.invalidate(stage)
            self._warehouse.upsert(schemas_ops.STAGES, schemas_ops.STAGES.frame([row]))

    def alert(self, stage: str, severity: str, message: str) -> None:
        """Record an alert."""
        row = {
            "run_id": self.run_id,
            "number": self._alerts,
            "raised_at": utc_now(),
            "severity": severity,
            "stage": stage,
            "message": message,
        }
        self._alerts += 1
        self._warehouse.append(schemas_ops.ALERTS, schemas_ops.ALERTS.frame([row]))
