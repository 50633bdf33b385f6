"""``quantmill flow=compare``: from the command line to the page."""

from __future__ import annotations

import pytest

from flows.__main__ import named_runs
from tests.flows.conftest import Place
from tests.reports import books
from transforms.errors import ConfigError
from transforms.paths import Home
from transforms.warehouse import Warehouse, WriterLock


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A home with two runs published; its warehouse is locked and damaged, as nothing but the snapshot may be read."""
    home = Home(tmp_path_factory.mktemp("compare"))
    with Warehouse(home.warehouse) as warehouse:
        for number, name in enumerate(("aaaa", "bbbb"), 1):
            books.equity(warehouse, book=f"backtest/{name}")
            books.metrics(warehouse, {"sharpe": number / 4}, book=f"backtest/{name}")
            books.run(warehouse, f"2024030{number}-backtest-{name}", book=f"backtest/{name}", number=number)
        warehouse.publish(home.published)
    home.warehouse.write_text("damaged")
    return Place(home.root, "")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("run=latest,20240301", 'flow.runs=["latest","20240301"]'),
        ("run=backtest/aaaa, simulated/paper", 'flow.runs=["backtest/aaaa","simulated/paper"]'),
        ("flow=compare", "flow=compare"),
        ("model.runs=1,2", "model.runs=1,2"),
    ],
)
def test_bare_commas_after_run_are_a_list_and_others_stay_a_sweep(given: str, meant: str) -> None:
    assert named_runs([given]) == [meant]


@pytest.mark.parametrize("given", ["run=", "run=a,,b", "run=${oc.env:HOME},b", 'run=a"],b', "run=../x,b"])
def test_what_can_name_no_run_is_refused_before_hydra_reads_it(given: str) -> None:
    with pytest.raises(ConfigError, match="names no run"):
        named_runs([given])


def test_the_command_as_typed_compares_from_the_snapshot_while_another_run_writes(place: Place) -> None:
    with WriterLock(place.home.lock, "writer"):
        done = place.run("flow=compare", "run=20240301,latest")

    assert (done.code, done.err) == (0, "")
    (page,) = place.home.reports.glob("compare-*.html")
    assert f"comparison {page}" in done.out
    assert "★ model bbbb" in done.out
    assert "20240301-backtest-aaaa" in page.read_text(encoding="utf-8")
    assert place.home.warehouse.read_text() == "damaged"


def test_an_unknown_name_exits_1_and_lists_candidates(place: Place) -> None:
    done = place.run("flow=compare", "run=latest,20240309")

    assert done.code == 1
    assert "20240309: no run and no book of that name." in done.err
    assert "20240301-backtest-aaaa" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["flow=compare"], "flow.runs must be 2 to 8 runs"),
        (["flow=compare", "run=latest"], "flow.runs must be 2 to 8 runs"),
        (["run=latest,20240301"], "left out except with flow=compare"),
        (["flow=compare", "run=a,,b"], "'' names no run"),
    ],
)
def test_a_wrong_list_of_runs_is_a_wrong_config(place: Place, arguments: list[str], said: str) -> None:
    done = place.run(*arguments)

    assert done.code == 2
    assert said in done.err


def test_before_anything_is_published_it_says_what_to_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = Place(tmp_path_factory.mktemp("empty"), "")

    done = place.run("flow=compare", "run=a,b")

    assert done.code == 1
    assert "nothing is published yet" in done.err
