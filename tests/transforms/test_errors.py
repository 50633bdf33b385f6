"""What is taken of errors for messages."""

import pytest

from transforms.errors import first_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("\n  the file is damaged\nat line 3"), "the file is damaged"),
        (ValueError("short"), "short"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_first_line_is_what_an_error_says_first_or_its_type(error: Exception, line: str) -> None:
    assert first_line(error) == line
