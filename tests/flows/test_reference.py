"""The page of every config key."""

import re

from flows.reference import TARGET, page


def test_every_key_of_every_choice_has_a_meaning() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| .* \| (.*) \|$", page(), flags=re.MULTILINE)
    assert len(rows) > 200
    assert [key for key, meaning in rows if not meaning.strip()] == []


def test_the_page_is_that_of_the_config_classes_as_they_stand() -> None:
    assert TARGET.read_text() == page(), "docs/configuration.md is of before; make docs writes it anew"


def test_a_group_of_keys_that_0_switches_off_says_so() -> None:
    assert "`limits.*`: What target weights may not exceed" in page()
    assert "`parameters.*`" not in page()
