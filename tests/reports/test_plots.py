from __future__ import annotations

import json
import os
import subprocess
import sys

import polars as pl

from reports import plots
from reports.model_plots import importance_figure
from transforms.paths import PROJECT

SHARES = pl.DataFrame({"feature": ["a"], "mean": [0.6], "lowest": [0.5], "highest": [0.7]})


def test_equal_figures_give_equal_text_although_bokeh_counts_on() -> None:
    first, second = (plots.embeddable({"plot": importance_figure(SHARES)}) for _ in range(2))
    assert first == second


def test_what_is_embedded_cannot_end_its_script_element() -> None:
    hostile = SHARES.with_columns(feature=pl.Series(["</script><script>alert(1)</script>"]))
    text = plots.embeddable({"plot": importance_figure(hostile)})
    assert not set("<>&") & set(text)
    assert "</script><script>alert(1)</script>" in json.dumps(json.loads(text))


def test_a_value_that_looks_like_a_model_id_is_left_alone() -> None:
    figure = importance_figure(SHARES.with_columns(feature=pl.Series(["p1001"])))
    assert '"p1001"' in plots.embeddable({"plot": figure})


def test_figures_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "import hashlib, polars as pl; from datetime import date; from reports import plots\n"
        "from reports.performance_plots import performance_figure\n"
        "curves = pl.DataFrame({'session_date': [date(2020, 1, 2), date(2020, 1, 3)], 'equity': [1.0, 1.1],\n"
        "    'drawdown': [0.0, 0.0], 'benchmark': [1.0, 1.2], 'benchmark_drawdown': [0.0, 0.0]})\n"
        "figure = performance_figure(curves, book_label='a', benchmark_label='b')\n"
        "print(hashlib.sha256(plots.embeddable({'plot': figure}).encode()).hexdigest())"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=PROJECT,
            stdout=subprocess.PIPE,
        )
        for seed in ("1", "2")
    ]
    digests = {run.communicate(timeout=60)[0] for run in runs}
    assert [run.returncode for run in runs] == [0, 0]
    assert len(digests) == 1
