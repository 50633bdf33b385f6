from dataclasses import replace

import numpy as np
import pytest

from execution.config import PortfolioConfig
from execution.construction.simple import ranking, simple_weights
from tests.execution.markets import NAN, scores
from transforms.errors import QuantmillError

ABCD = ("A", "B", "C", "D")


def config(**changes: object) -> PortfolioConfig:
    return PortfolioConfig(**{"name": "test", "k": 2, "gross": 0.9, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ([0.1, 0.4, 0.3, 0.2], [0, 0.45, 0.45, 0]),
        ([-0.1, 0.4, -0.3, 0.0], [0, 0.45, 0, 0]),  # one name above 0: the other half is cash
        ([-0.1, -0.4, -0.3, -0.2], [0, 0, 0, 0]),
        ([NAN, NAN, 0.3, NAN], [0, 0, 0.45, 0]),
        ([0.3, 0.3, 0.3, 0.3], [0.45, 0.45, 0, 0]),  # ties go by name
    ],
)
def test_long_holds_the_k_highest_scores_above_zero(score: list[float], expected: list[float]) -> None:
    assert simple_weights(ABCD, scores(score), config()).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ([0.1, 0.4, -0.3, -0.2], [0.225, 0.225, -0.225, -0.225]),
        ([0.1, 0.4, 0.3, -0.2], [0, 0.225, 0.225, -0.225]),
        ([0.0, NAN, NAN, NAN], [0, 0, 0, 0]),
    ],
)
def test_long_short_gives_half_of_the_gross_to_each_side(score: list[float], expected: list[float]) -> None:
    assert simple_weights(ABCD, scores(score), config(side="long_short")).tolist() == pytest.approx(expected)


def test_inverse_volatility_weighs_the_calm_more_and_keeps_the_gross() -> None:
    calm_first = scores([0.4, 0.3, 0.2, 0.1], volatility=[0.1, 0.3, 0.2, 0.2])
    weights = simple_weights(ABCD, calm_first, config(weighting="inverse_volatility"))
    assert weights.tolist() == pytest.approx([0.9 * 0.75, 0.9 * 0.25, 0, 0])


@pytest.mark.parametrize("unusable", [NAN, 0.0, -0.1])
def test_name_without_a_volatility_leaves_its_place_to_the_next(unusable: float) -> None:
    given = scores([0.4, 0.3, 0.2, 0.1], volatility=[unusable, 0.2, 0.2, 0.2])
    weights = simple_weights(ABCD, given, config(weighting="inverse_volatility"))
    assert weights.tolist() == pytest.approx([0, 0.45, 0.45, 0])


@pytest.mark.parametrize(
    ("side", "expected"), [("long", [0.225, 0, 0, 0.225]), ("long_short", [0.225, 0, -0.225, 0.225])]
)
def test_without_a_k_each_scored_symbol_has_a_place_and_flat_ones_leave_it_in_cash(
    side: str, expected: list[float]
) -> None:
    assert simple_weights(ABCD, scores([1, 0, -1, 0.1]), config(side=side, k=0)).tolist() == expected
    fewer = simple_weights(ABCD, scores([1, NAN, NAN, 0]), config(side=side, k=0))
    assert fewer.tolist() == [0.45, 0, 0, 0], "a symbol without a score has no place"
    assert simple_weights(ABCD, scores([NAN] * 4), config(side=side, k=0)).tolist() == [0] * 4


def test_without_a_k_the_held_divide_their_places_by_volatility() -> None:
    given = scores([1, 0, 1, 1], volatility=[0.1, 0.2, 0.3, NAN])
    weights = simple_weights(ABCD, given, config(k=0, weighting="inverse_volatility"))
    assert weights.tolist() == pytest.approx([0.9 * 2 / 3 * 0.75, 0, 0.9 * 2 / 3 * 0.25, 0])


@pytest.mark.parametrize(
    ("changes", "score", "expected"),
    [
        ({"k": 0}, [0.5, -0.25, 0, 0.25], [0.45, 0, 0, 0.225]),
        ({"k": 0, "side": "long_short"}, [0.5, -0.25, 0, NAN], [0.45, -0.225, 0, 0]),
        (
            {"k": 0, "side": "long_short"},
            [1, -0.5, 0, 0.5],
            [0.45, -0.225, 0, 0.225],
        ),  # more than all there is
        ({"k": 1, "side": "long_short"}, [0.2, -0.3, 0.1, -0.1], [0.18, -0.27, 0, 0]),
        ({"k": 0}, [0, 0, NAN, -1], [0, 0, 0, 0]),
    ],
)
def test_weighting_by_score_gives_each_its_share_and_no_more_than_the_gross(
    changes: dict[str, object], score: list[float], expected: list[float]
) -> None:
    weights = simple_weights(ABCD, scores(score), config(weighting="score", **changes))
    assert weights.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("side", ["long", "long_short"])
@pytest.mark.parametrize("sign", [1, -1])
def test_of_equal_scores_the_more_confident_are_held(side: str, sign: int) -> None:
    given = replace(scores([sign] * 4), confidence=np.array([0.2, 0.9, NAN, 0.5]))
    held = np.flatnonzero(simple_weights(ABCD, given, config(side=side))).tolist()
    assert held == ([1, 3] if sign > 0 or side == "long_short" else [])


def test_weights_follow_their_symbols_under_any_order() -> None:
    given = scores([0.3, 0.3, 0.3, -0.1], volatility=[0.1, 0.2, 0.3, 0.4])
    chosen = config(weighting="inverse_volatility", side="long_short")
    expected = dict(zip(ABCD, simple_weights(ABCD, given, chosen), strict=True))
    for permutation in ([3, 2, 1, 0], [1, 3, 0, 2]):
        names = tuple(ABCD[i] for i in permutation)
        moved = scores(given.score[permutation], volatility=given.volatility[permutation])
        assert dict(zip(names, simple_weights(names, moved, chosen), strict=True)) == expected


def test_ranking_is_best_first_without_the_unscored() -> None:
    assert ranking(ABCD, scores([0.1, NAN, 0.5, 0.1])).tolist() == [2, 0, 3]


@pytest.mark.parametrize("field", ["score", "volatility", "confidence"])
def test_infinite_input_stops_with_the_symbol(field: str) -> None:
    given = scores([0.1, 0.2, 0.3, 0.4])
    getattr(given, field)[2] = -np.inf
    with pytest.raises(QuantmillError, match=f"the {field} of C is infinite"):
        simple_weights(ABCD, given, config())


@pytest.mark.parametrize(
    ("side", "quantile", "expected"),
    [
        ("long", 0.25, [0, 0.9, 0, 0]),
        ("long", 0.3, [0, 0.45, 0.45, 0]),  # a part of a name is a name
        ("long_short", 0.25, [-0.45, 0.45, 0, 0]),
        ("long_short", 0.5, [-0.225, 0.225, 0.225, -0.225]),
    ],
)
def test_quantiles_are_taken_by_rank_whatever_the_sign(
    side: str, quantile: float, expected: list[float]
) -> None:
    given = scores([-0.4, -0.1, -0.2, -0.3])
    weights = simple_weights(ABCD, given, config(side=side, k=0, quantile=quantile))
    assert weights.tolist() == pytest.approx(expected)


def test_quantiles_of_an_odd_number_of_names_never_take_one_for_both_sides() -> None:
    given = scores([0.4, 0.3, 0.2, NAN])
    weights = simple_weights(ABCD, given, config(side="long_short", k=0, quantile=0.5))
    assert weights.tolist() == pytest.approx([0.45, 0, -0.45, 0])
    alone = simple_weights(ABCD, scores([0.4, NAN, NAN, NAN]), config(side="long_short", k=0, quantile=0.5))
    assert alone.tolist() == [0, 0, 0, 0]
