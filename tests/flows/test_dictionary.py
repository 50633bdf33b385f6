from __future__ import annotations

from flows.dictionary import PAGE, current


def test_committed_dictionary_is_current() -> None:
    assert PAGE.read_text() == current(), "run python -m flows.dictionary"
