"""What a run knows of the market before its first bar."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from execution.kernel.ahead import find_other

_RATIOS = arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=st.sampled_from([1.0, 2.0])
)


@given(_RATIOS, st.data())
def test_bars_on_which_any_symbol_splits_are_found_among_those_to_be_run_and_no_others(
    ratios: np.ndarray, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(ratios)))
    last = data.draw(st.integers(first, len(ratios)))
    found = np.zeros(len(ratios), np.bool_)
    find_other(ratios, 1.0, first, last, found)
    wanted = (ratios != 1.0).any(axis=1)
    wanted[:first] = wanted[last:] = False
    np.testing.assert_array_equal(found, wanted)
