"""The page of every config key."""

import re

from flows.reference import page


def test_every_key_of_every_choice_has_a_meaning() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| .* \| (.*) \|$", page(), flags=re.MULTILINE)
    assert len(rows) > 200
    assert [key for key, meaning in rows if not meaning.strip()] == []
