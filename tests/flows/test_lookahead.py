"""The audit of look-ahead: leaks that were planted in the SQL are caught, and the project as it is passes."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

import flows.dbt
from expectations.lookahead import ROWS
from flows.config import FlowConfig, RunConfig
from flows.lookahead import STAGE
from flows.progress import Display
from flows.run import Run
from tests.flows.conftest import Place
from tests.models_sql.market import UNIVERSE, VARS, Lab, whole_market
from transforms.config import SourceConfig
from transforms.errors import QuantmillError
from transforms.features import FeaturesConfig
from transforms.labels import ForwardReturnLabelsConfig
from transforms.ops import Ledger

# Each a column of marts.features made from the model's own columns (final) and from what is joined to them.
LEAKS = {
    "centred_window": "avg(final.return_1) over (ordered rows between 3 preceding and 3 following)",
    "future_join": "later.return_1",
    "full_sample_zscore": "final.return_1 / stddev_samp(final.return_1) over (partition by final.symbol)",
    "backfilled": "coalesce(final.return_20, first_value(final.return_20 ignore nulls) over "
    "(ordered rows between current row and unbounded following))",
    "label_among_inputs": "labels.label",
    "week_joined_early": "weeks.close",
    "later_splits": "last_value(bars.split_factor) over "
    "(ordered rows between unbounded preceding and unbounded following)",
}
_PLANTED = """
),

weeks as (

    select symbol, date_trunc('week', bar_at) as week, max_by(close, bar_at) as close
    from {{{{ ref('bars') }}}}
    group by all

),

planted as (

    select
        final.*,
        {columns}
    from final
    left join final as later
        on final.symbol = later.symbol and final.bar_at + interval 1 day = later.bar_at
    left join {{{{ ref('labels') }}}} as labels
        on final.symbol = labels.symbol and final.bar_at = labels.bar_at
    left join weeks on final.symbol = weeks.symbol and date_trunc('week', final.bar_at) = weeks.week
    left join {{{{ ref('bars') }}}} as bars on final.symbol = bars.symbol and final.bar_at = bars.bar_at
    window ordered as (partition by final.symbol order by final.bar_at)

)

select * from planted
"""
# In the universe is who will still be traded when history ends: survivorship.
_BARS = "{{ ref('int_bars_adjusted') }}"
_LAST = f"(select max(session_date) from {_BARS})"
_SURVIVES = f"events.symbol in (select symbol from {_BARS} where session_date = {_LAST})"


def plant(project: Path) -> None:
    """Put the leaks into a copy of the SQL."""
    features = project / "marts" / "features.sql"
    head, end, rest = features.read_text().rpartition("\n)\n\nselect * from final")
    assert end
    assert not rest.strip()
    columns = ",\n        ".join(f"{expression} as {name}" for name, expression in LEAKS.items())
    features.write_text(head + _PLANTED.format(columns=columns))
    members = project / "intermediate" / "int_universe_members.sql"
    text = members.read_text()
    assert text.count("        events.is_member\n") == 1
    biased = f"        events.is_member and {_SURVIVES} as is_member\n"
    members.write_text(text.replace("        events.is_member\n", biased))


@dataclass
class Audited:
    """What the stage said of the planted project."""

    problem: str
    differing: dict[tuple[str, str], int]
    shown: str


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab.at(tmp_path_factory.mktemp("home"), threads=2)
    lab.load(*whole_market())
    yield lab
    lab.warehouse.close()


@pytest.fixture(scope="module")
def planted(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """One audit of a project with every leak in it."""
    project = tmp_path_factory.mktemp("project") / "models_sql"
    shutil.copytree(flows.dbt.PROJECT_DIR, project)
    plant(project)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows.dbt, "PROJECT_DIR", project)
        lab.build(tests=False)
        config = RunConfig(
            flow=FlowConfig(name="audit_lookahead", audit_cuts=2, audit_seed=1),
            source=SourceConfig(name="test", calendar="24/7"),
            universe=UNIVERSE,
            features=FeaturesConfig(name="core"),
            labels=ForwardReturnLabelsConfig(name="forward_return"),
            strategy=VARS.strategy,
            engine=lab.engine,
        )
        console = Console(file=io.StringIO(), record=True, width=160)
        display = Display("audit", console)
        run = Run("run", config, lab.home, lab.warehouse, Ledger(lab.warehouse, "run"), display)
        run.outputs["build"] = {"digests": {}}
        (lab.home.runs / "run").mkdir(parents=True)
        with pytest.raises(QuantmillError) as caught:
            run.carry_out(STAGE)
    assert caught.value.exit_code == 1
    frame = pl.read_csv(lab.home.runs / "run" / "lookahead.csv")
    totals = frame.group_by("table", "column").agg(pl.col("differing").sum()).filter(pl.col("differing") > 0)
    differing = {(table, column): count for table, column, count in totals.iter_rows()}
    return Audited(str(caught.value), differing, console.export_text())


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_among_the_features_is_caught(planted: Audited, leak: str) -> None:
    assert ("marts.features", leak) in planted.differing
    assert leak in planted.shown


def test_survivorship_in_the_universe_is_caught(planted: Audited) -> None:
    assert ("marts.universe", "is_member") in planted.differing


def test_nothing_but_the_leaks_and_what_they_reach_is_accused(planted: Audited) -> None:
    features = {column for table, column in planted.differing if table == "marts.features"}
    assert features == {*LEAKS, ROWS}, "rows: of the one who does not survive"
    others = {name for name in planted.differing if name[0] not in ("marts.features", "marts.signals")}
    assert others == {("marts.universe", "is_member"), ("marts.bars", "is_member")}


def test_a_leak_shows_as_far_back_as_it_reaches(planted: Audited) -> None:
    assert planted.differing["marts.features", "future_join"] < 20, "one bar of each symbol at each cut"
    assert planted.differing["marts.features", "full_sample_zscore"] > 500


def test_the_error_names_columns_and_the_file(planted: Audited, lab: Lab) -> None:
    assert "columns differ before a cut" in planted.problem
    assert str(lab.home.runs / "run" / "lookahead.csv") in planted.problem
    assert not lab.home.audit.exists(), "the scratch warehouse is gone"


@pytest.mark.slow
def test_the_command_passes_on_a_sample_of_the_project_itself(place: Place) -> None:
    asked = ["flow=audit_lookahead", "flow.audit_cuts=1", "flow.audit_symbols=2"]
    small = ["source=synthetic", "source.symbol_count=4", "source.bar_count=300"]
    done = place.run(*asked, *small)
    assert done.code == 0, done.err
    assert "audit: " in done.err
    assert "cuts: 1, columns: " in done.err
    assert "differing: 0" in done.err
    assert not place.home.audit.exists()
    (file,) = place.home.runs.glob("*/lookahead.csv")
    features = pl.read_csv(file).filter(pl.col("table") == "marts.features")
    # Of two of the four symbols, up to the cut; the benchmark is no member.
    (cells,) = features["cells"].unique()
    assert cells % 2 == 0
    assert 0 < cells < 2 * 300
    again = place.run(*asked, *small)
    assert "audit: unchanged" in again.err
