import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.slippage import MOST_BPS, SlippageModel, fit, load, pinned
from tests.execution.markets import FREE
from transforms.errors import ArtifactError, QuantmillError
from transforms.paths import PROJECT, Home

PARTS = (0, 30)


def fills(*rows: tuple[str, int, float]) -> pl.DataFrame:
    """Fills of (symbol, minute, bps against us): buys and sells in turn, of 100 shares at a reference of 50 USD."""
    signed = [100.0 if place % 2 == 0 else -100.0 for place in range(len(rows))]
    return pl.DataFrame(
        {
            "symbol": [symbol for symbol, _, _ in rows],
            "minute": [minute for _, minute, _ in rows],
            "quantity": signed,
            "price": [50 + np.sign(q) * 50 * bps * 1e-4 for q, (_, _, bps) in zip(signed, rows, strict=True)],
            "slippage": [100 * 50 * bps * 1e-4 for _, _, bps in rows],
        }
    )


def fitted(recorded: pl.DataFrame, root: Path, prior_fills: float = 20.0) -> SlippageModel:
    return fit(recorded, minutes=PARTS, prior_fills=prior_fills, book="live/paper", home=Home(root))


def test_few_fills_count_little_and_the_mean_of_all_the_rest(tmp_path: Path) -> None:
    model = fitted(
        fills(("A", 0, 4.0), ("A", 5, 8.0), ("B", 0, 0.0), ("B", 45, 2.0)), tmp_path, prior_fills=2
    )
    overall = (4 + 8 + 0 + 2) / 4
    early, late = (4 + 8 + 0 + 2 * overall) / 5, (2 + 2 * overall) / 3
    assert model.pooled == pytest.approx((early, late), abs=1e-6)
    assert model.by_symbol["A"] == pytest.approx(((12 + 2 * early) / 4, late), abs=1e-6)
    assert model.by_symbol["B"] == pytest.approx(((0 + 2 * early) / 3, (2 + 2 * late) / 3), abs=1e-6)


def test_many_fills_speak_for_themselves(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 1, 4000)
    rows = [("A", 0, 3 + e) for e in noise[:2000]] + [("B", 60, 9 + e) for e in noise[2000:]]
    model = fitted(fills(*rows), tmp_path)
    assert model.by_symbol["A"][0] == pytest.approx(3, abs=0.2)
    assert model.by_symbol["B"][1] == pytest.approx(9, abs=0.2)
    assert model.fills == 4000


def test_a_symbol_never_traded_gets_the_mean_of_its_part_of_the_day(tmp_path: Path) -> None:
    model = fitted(fills(("A", 0, 4.0), ("A", 60, 8.0)), tmp_path)
    table = model.bps(["NEW", "A"])
    assert table.shape == (2, 2)
    assert table[:, 0].tolist() == list(model.pooled)
    assert table[:, 1].tolist() == list(model.by_symbol["A"])


@given(
    rows=st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(-60, 400), st.floats(-500, 500)),
        min_size=1,
        max_size=20,
    ),
    prior=st.floats(0.1, 100),
)
def test_estimates_are_bounded_and_do_not_depend_on_the_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int, float]], prior: float
) -> None:
    root = tmp_path_factory.getbasetemp() / "models"
    recorded = fills(*rows)
    model = fitted(recorded, root, prior)
    every = np.array([model.pooled, *model.by_symbol.values()])
    assert np.all((every >= 0) & (every <= MOST_BPS))
    assert fitted(recorded.reverse(), root, prior) == model


def test_improvement_is_no_income_and_a_wild_record_is_no_market(tmp_path: Path) -> None:
    assert fitted(fills(*[("A", 0, -30.0)] * 50), tmp_path).by_symbol["A"] == (0.0, 0.0)
    assert fitted(fills(*[("A", 0, 5000.0)] * 50), tmp_path).by_symbol["A"] == (MOST_BPS, MOST_BPS)


def test_one_wild_record_among_many_moves_the_estimate_little(tmp_path: Path) -> None:
    model = fitted(fills(*[("A", 0, 2.0)] * 199, ("A", 0, 9000.0)), tmp_path)
    assert model.by_symbol["A"][0] < 2.6


def test_the_same_fills_give_the_same_version_and_other_fills_another(tmp_path: Path) -> None:
    one, again, other = (fitted(fills(("A", 0, bps)), tmp_path) for bps in (4.0, 4.0, 5.0))
    assert one == again
    assert one.version != other.version
    assert len(list(tmp_path.glob("models/slippage/*/model.json"))) == 2


def test_a_model_is_read_back_as_it_was_fitted(tmp_path: Path) -> None:
    model = fitted(fills(("A", 0, 4.0), ("B", 60, 1.5)), tmp_path)
    assert load(Home(tmp_path), model.version) == model
    assert pinned(Home(tmp_path), replace(FREE, slippage_model=model.version)) == model
    assert pinned(Home(tmp_path), FREE) is None


def test_a_file_that_was_changed_is_not_loaded(tmp_path: Path) -> None:
    model = fitted(fills(("A", 0, 4.0)), tmp_path)
    (path,) = tmp_path.glob("models/slippage/*/model.json")
    content = json.loads(path.read_text())
    content["symbols"]["A"]["bps"][0] = 0.0
    path.write_text(json.dumps(content))
    with pytest.raises(
        ArtifactError, match=r"model\.json is not what was fitted: .*nothing of it was\s*loaded"
    ):
        load(Home(tmp_path), model.version)


def test_fitting_again_repairs_a_changed_file(tmp_path: Path) -> None:
    model = fitted(fills(("A", 0, 4.0)), tmp_path)
    (path,) = tmp_path.glob("models/slippage/*/model.json")
    path.write_text("{}")
    assert fitted(fills(("A", 0, 4.0)), tmp_path) == model


def test_an_unknown_version_is_named_with_those_there_are(tmp_path: Path) -> None:
    unknown = "s" + "0" * 16
    with pytest.raises(ArtifactError, match=rf"has no version {unknown}\. There is none yet"):
        load(Home(tmp_path), unknown)
    model = fitted(fills(("A", 0, 4.0)), tmp_path)
    with pytest.raises(ArtifactError, match=rf"has no version {unknown}.*{model.version}"):
        load(Home(tmp_path), unknown)


def test_a_book_without_fills_is_named(tmp_path: Path) -> None:
    with pytest.raises(QuantmillError, match=r"no fill of 'live/paper'.*flow\.fit_book"):
        fitted(fills(), tmp_path)


@pytest.mark.parametrize(
    ("column", "value"),
    [("quantity", 0.0), ("price", -1.0), ("price", float("nan")), ("slippage", float("inf"))],
)
def test_a_fill_without_a_sound_reference_price_is_named(tmp_path: Path, column: str, value: float) -> None:
    broken = fills(("A", 0, 4.0), ("BAD", 0, 4.0))
    broken = broken.with_columns(
        pl.when(pl.col("symbol") == "BAD").then(value).otherwise(column).alias(column)
    )
    with pytest.raises(QuantmillError, match=r"no reference price above 0: .*'BAD'"):
        fitted(broken, tmp_path)


def test_a_kill_before_the_rename_leaves_no_model_and_the_next_fit_makes_it(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from tests.execution.test_slippage import fills, fitted; "
        f"fitted(fills(('A', 0, 4.0)), Path({str(tmp_path)!r}))"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env={**os.environ, "QUANTMILL_FAILPOINT": "slippage.rename"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.glob("models/slippage/*/model.json")) == []
    model = fitted(fills(("A", 0, 4.0)), tmp_path)
    assert load(Home(tmp_path), model.version) == model
