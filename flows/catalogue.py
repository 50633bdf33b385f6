"""``make docs``: dbt's catalogue of the warehouse as it was last built, one page with lineage."""

from __future__ import annotations

import sys

from flows.dbt import docs
from transforms.config import EngineConfig
from transforms.errors import QuantmillError
from transforms.ops import Ledger
from transforms.paths import Home
from transforms.warehouse import Warehouse, WriterLock


def main() -> int:
    """Write the catalogue and say where it is; return the exit code."""
    home = Home.from_environment()
    try:
        with WriterLock(home.lock, "docs"), Warehouse(home.warehouse, EngineConfig()) as warehouse:
            last = Ledger(warehouse, "docs").latest("build")
            if last is None:
                raise QuantmillError(f"{home.warehouse}: nothing is built yet; make run builds it")
            path = docs(home, warehouse, last.output["basis"]["vars"])
    except QuantmillError as error:
        sys.stderr.write(f"quantmill docs: {error}\n")
        return error.exit_code
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
