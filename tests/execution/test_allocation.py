from typing import Any

import numpy as np
import pytest

from execution.allocation import allocate
from execution.combined_config import AllocationConfig, CombinedConfig
from execution.config import AccountConfig, PortfolioConfig, StrategyConfig
from execution.construction.limits import UnsolvedError
from execution.types import Floats
from tests.execution.combinations import account, combined_config
from tests.execution.markets import book_config, panel
from transforms.errors import ConfigError

NAN = float("nan")
SESSIONS = 252


def shares(equity: Any, *, due: Any = None, **config: Any) -> tuple[Floats, list[tuple[int, str]]]:
    """What capital each strategy has at every close, and what was said."""
    values = np.array(equity, dtype=float)
    names = tuple("abcdefgh"[: values.shape[1]])
    rows = np.arange(len(values)) if due is None else np.array(due)
    found = allocate(names, values, panel(np.ones((len(values), 1))), rows, AllocationConfig(**config))
    return found.held, [(t, note.reason) for t, note in found.notes]


def grown(*returns: Floats) -> Floats:
    """Equity of strategies from their returns, after a first close."""
    return np.vstack([np.ones(len(returns)), np.cumprod(1 + np.array(returns).T, axis=0)])


def returns(count: int, *, mean: float = 0.0, deviation: float = 0.01, phase: float = 1.0) -> Floats:
    """Returns of exactly this mean and (sample) deviation; other phases are uncorrelated to them."""
    wave = np.cos(2 * np.pi * phase * np.arange(count) / count)
    return mean + deviation * wave / np.std(wave, ddof=1)


def test_equal_shares_of_those_that_have_begun() -> None:
    held, notes = shares([[1, NAN, NAN], [1, 1, NAN], [1, 1, NAN], [1, 1, 1]])
    assert held.tolist() == pytest.approx(np.array([[1, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0], [1 / 3] * 3]))
    assert [t for t, _ in notes] == [0, 1, 3]
    assert (
        notes[1][1] == "capital moved to a 50.0%, b 50.0%, c 0.0%; a share was 50.0% from where it should be"
    )


def test_shares_drift_with_returns_until_one_is_too_far_away() -> None:
    equity = [[1.0, 1.0], [1.1, 1.0], [1.3, 1.0], [1.3, 1.0]]
    held, notes = shares(equity, drift=0.05)
    assert held[1].tolist() == pytest.approx([1.1 / 2.1, 1.0 / 2.1])  # 2.4 % away
    assert held[2].tolist() == [0.5, 0.5]  # 1.3 / 2.3 would be 6.5 % away
    assert [t for t, _ in notes] == [0, 2]


def test_without_drift_capital_is_moved_at_every_decision_and_at_no_other_close() -> None:
    equity = [[1.0, 1.0], [1.1, 1.0], [1.2, 1.0], [1.3, 1.0]]
    held, _ = shares(equity, drift=0.0, due=[0, 2])
    assert held.tolist() == pytest.approx(
        np.array([[0.5, 0.5], [1.1 / 2.1, 1 / 2.1], [0.5, 0.5], [1.3 / (1.3 + 1.2), 1.2 / (1.3 + 1.2)]])
    )


def test_cash_that_is_not_given_out_neither_grows_nor_is_lost() -> None:
    held, _ = shares([[1.0, 1.0], [2.0, 1.0]], weighting="fixed", shares={"a": 0.3, "b": 0.2}, drift=1.0)
    assert held.tolist() == pytest.approx(np.array([[0.3, 0.2], [0.6 / 1.3, 0.2 / 1.3]]))


def test_risk_parity_is_inverse_volatility_where_strategies_are_uncorrelated() -> None:
    equity = grown(returns(100, deviation=0.01), returns(100, deviation=0.03, phase=3))
    held, _ = shares(equity, weighting="risk_parity", lookback=100, min_history=100, drift=0.0)
    assert held[99].tolist() == [0.5, 0.5]  # one return too few
    # Ledoit and Wolf's shrinkage draws the two together a little.
    assert held[100].tolist() == pytest.approx([0.75, 0.25], abs=0.01)


def test_kelly_is_mean_over_variance_for_one_strategy_and_nothing_for_a_losing_one() -> None:
    mean, deviation = 0.0004, 0.02
    equity = grown(returns(100, mean=mean, deviation=deviation), returns(100, mean=-mean, phase=3))
    held, _ = shares(
        equity, weighting="kelly", kelly_fraction=0.5, total=4.0, max_share=4.0, lookback=100, min_history=50
    )
    assert held[100].tolist() == pytest.approx([0.5 * mean / deviation**2, 0.0], rel=0.05, abs=1e-6)


def test_target_volatility_scales_the_shares_down() -> None:
    equity = grown(returns(100, deviation=0.02), returns(100, deviation=0.02, phase=3))
    held, _ = shares(equity, target_volatility=0.1, lookback=100, min_history=50, drift=0.0)
    of_all = np.sqrt(2 * (held[100, 0] * 0.02) ** 2 * SESSIONS)
    assert held[100, 0] == pytest.approx(held[100, 1])
    assert of_all == pytest.approx(0.1, rel=0.02)


def test_no_strategy_has_more_than_its_largest_share() -> None:
    held, _ = shares([[1.0, NAN], [1.0, 1.0]], max_share=0.4)
    assert held.tolist() == pytest.approx(np.array([[0.4, 0], [0.4, 0.4]]), abs=1e-6)


def test_strategy_that_lost_everything_gets_nothing_more() -> None:
    held, _ = shares([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    assert held.tolist() == pytest.approx(np.array([[0.5, 0.5], [0, 1], [0, 1]]))


def test_capital_that_was_lost_whole_leaves_no_shares_to_grow() -> None:
    held, _ = shares([[1.0, NAN], [0.0, NAN], [-1.0, NAN], [-1.0, 1.0]])
    assert held.tolist() == [[1, 0], [0, 0], [0, 0], [0, 1]]
    borrowed, _ = shares([[1.0, 1.0], [0.4, 0.4], [0.4, 0.4]], total=2.0, due=[0, 2])
    assert borrowed.tolist() == [[1, 1], [0, 0], [1, 1]]


@pytest.mark.filterwarnings("error")
def test_strategy_that_is_used_up_leaves_the_estimate_to_the_others() -> None:
    equity = grown(*(returns(100, deviation=0.01, phase=phase) for phase in (1, 3, 5)))
    equity[80:, 0] = 0.0
    held, _ = shares(equity, weighting="risk_parity", lookback=60, min_history=30, drift=0.0)
    assert held[-1].tolist() == pytest.approx([0, 0.5, 0.5], abs=0.02)


def test_share_that_comes_back_from_nothing_moves_no_capital_within_the_drift() -> None:
    random = np.random.default_rng(0)
    equity = grown(*(random.normal(mean, 0.01, 399) for mean in (0.0006, -0.0006, 0.0)))
    given = {"weighting": "kelly", "lookback": 60, "min_history": 30}
    held, said = shares(equity, drift=0.3, **given)
    assert (held[100:] == 0).any()
    moves = [float(reason.rsplit("was ", 1)[1].split("%")[0]) for t, reason in said if t > 0]
    assert moves
    assert min(moves) >= 30.0


def test_shares_are_as_given_while_there_is_no_history_to_scale_them_by() -> None:
    given = {"weighting": "fixed", "shares": {"a": 0.8, "b": 0.1}}
    held, _ = shares(np.ones((3, 2)), target_volatility=0.1, **given)
    assert held[-1].tolist() == [0.8, 0.1]


def test_failed_estimate_and_move_of_capital_are_told_in_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise UnsolvedError("solver", "kelly failed")

    monkeypatch.setattr("execution.construction.build.return_based_weights", fail)
    equity = grown(*(returns(60, phase=phase) for phase in (1, 3)))
    _, said = shares(equity, weighting="kelly", lookback=40, min_history=20, drift=0.0)
    assert len({t for t, _ in said}) == len(said)
    assert said[-1][1].startswith("kelly failed; shares do not rest on returns; capital moved to a 50.0%")


def test_shares_are_equal_while_a_strategy_has_not_moved() -> None:
    equity = np.ones((80, 2))
    equity[:, 0] = grown(returns(79))[:, 0]
    held, _ = shares(equity, weighting="risk_parity", drift=0.0)
    assert held[-1].tolist() == [0.5, 0.5]


def test_shares_at_a_close_do_not_depend_on_later_ones() -> None:
    random = np.random.default_rng(3)
    equity = grown(*(random.normal(0.0005, 0.01, 119) for _ in range(3)))
    config = {"weighting": "risk_parity", "lookback": 60, "min_history": 30, "drift": 0.02}
    whole, said = shares(equity, **config)
    for end in (31, 64, 119):
        part, told = shares(equity[:end], **config)
        assert part.tolist() == whole[:end].tolist()
        assert told == [note for note in said if note[0] < end]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"weighting": "best"},
            r"strategy\.allocation\.weighting must be one of equal, fixed, risk_parity, kelly",
        ),
        ({"shares": {"a": 0.5}}, r"strategy\.allocation\.shares must be given with .*weighting=fixed"),
        ({"weighting": "fixed", "shares": {"a": 0.7, "b": 0.6}}, r"allocation\.shares must be at most"),
        ({"min_history": 300}, r"strategy\.allocation\.min_history must be in 2\.\.lookback"),
        ({"drift": -0.1}, r"strategy\.allocation\.drift must be in \[0, 1\]"),
    ],
)
def test_bad_allocation_names_key_and_range(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AllocationConfig(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"members": {}}, r"strategy\.members must be 2 to 16 strategies, was 'none'"),
        (
            {"portfolios": {"c": PortfolioConfig(name="x")}},
            r"strategy\.portfolios must be for members \(a, b\)",
        ),
        ({"name": "a"}, r"strategy\.name must be another name than its members have"),
        (
            {"members": {"a": StrategyConfig(name="a"), "z": StrategyConfig(name="b")}},
            r"strategy\.members\.z\.name",
        ),
        (
            {"members": {"a": StrategyConfig(name="a"), "b": {"name": "b"}}},
            r"strategy\.members\.b must be a strategy",
        ),
        ({"parameters": {"x": 1}}, r"strategy\.parameters must be left to strategy\.members"),
    ],
)
def test_bad_combination_names_key_and_way_out(given: dict[str, Any], message: str) -> None:
    members = {name: StrategyConfig(name=name, scores="signals") for name in ("a", "b")}
    with pytest.raises(ConfigError, match=message):
        CombinedConfig(**({"name": "all", "members": members} | given))


def test_borrowing_for_strategies_is_refused_on_a_cash_account() -> None:
    strategy = combined_config("a", "b", allocation=AllocationConfig(total=1.5))
    cash = AccountConfig(name="cash", kind="cash")
    with pytest.raises(ConfigError, match=r"account\.kind must be margin or auto where .*allocation\.total"):
        account(strategy, book_config(account=cash))
    assert account(strategy, book_config()).is_margin
