"""The project's own feature sets, through dbt, from the warehouse file into the warehouse file.

``CASE`` is ``prepare`` (build once what the models read, in a process of its own) or ``build`` (time dbt with the
models selected). ``DATA`` is the home. ``MODELS`` names the models, ``OVERRIDES`` is a JSON list of what follows
``quantmill`` on the command line.

A figure is the time of the models in dbt and of the checkpoint that puts them into the file; ``whole`` is that of the
dbt invocation around them, which also reads the project and runs the models' tests.
"""

from __future__ import annotations

import json
import os
import sys
import time

from hydra import compose, initialize_config_dir

from benchmarks.engines.protocol import arguments, sampled, say, timed
from flows.config import CONF, register, to_run_config
from flows.dbt import BuildVars, build
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse


def main() -> None:
    """Build the models that the environment names."""
    job = arguments(("prepare", "build"))
    models = os.environ["MODELS"].split()
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = to_run_config(compose("config", overrides=json.loads(os.environ["OVERRIDES"])))
    build_vars = BuildVars.from_config(
        config.source, config.universe, config.features, config.labels, config.strategy, as_of=config.as_of
    )
    home = Home(job.data)
    with Warehouse(home.warehouse, config.engine) as warehouse:

        def timings(select: str) -> float:
            """Return the seconds of the selected models and of putting them on disk."""
            result = build(home, warehouse, build_vars, engine=config.engine, select=select)
            started = time.perf_counter()
            warehouse.execute("checkpoint")
            return sum(result.timings.values()) + time.perf_counter() - started

        if job.case == "prepare":
            timings(" ".join(f"+{model}" for model in models))
            return
        of_models: list[float] = []
        _, whole = timed(lambda: of_models.append(timings(" ".join(models))), job.repeats)
        tables = [f"intermediate.{model}" for model in models]
        rows = warehouse.value(f"select count(*) from {tables[0]}")
        columns = sum(len(warehouse.columns(table)) - 3 for table in tables)
        symbols = warehouse.read(f"select distinct symbol from {tables[0]}")["symbol"].to_list()
        sample = warehouse.read(
            f"select * exclude (bar_at) from {tables[0]} where list_contains(?, symbol)", [sampled(symbols)]
        )
        sample.write_parquet(job.out)
    say("Quantmill", of_models, rows=rows, columns=columns, whole=sorted(whole)[len(whole) // 2])


if __name__ == "__main__":
    try:
        main()
    except QuantmillError as error:
        sys.exit(str(error))
