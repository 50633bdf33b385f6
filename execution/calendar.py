"""When a book is rebalanced: decided by two dates alone, so that a replay from any day agrees."""

from __future__ import annotations

from datetime import date

from transforms.config import require_choice


def is_rebalance(session_date: date, previous_session: date | None, rebalance: str) -> bool:
    """Whether a book is rebalanced at the close of a bar of ``session_date``.

    Args:
        session_date: The bar's session.
        previous_session: The session of the bar before it, None where there is none.
        rebalance: ``bar`` (every bar), ``daily`` (the first bar of every session), or that of the first session of
            each ``weekly`` (ISO week) or ``monthly`` period. The first bar of all is always one.

    Raises:
        ConfigError: If ``rebalance`` is none of these.
    """
    require_choice(rebalance, ("bar", "daily", "weekly", "monthly"), "portfolio.rebalance")
    if rebalance == "bar" or previous_session is None:
        return True
    if rebalance == "daily":
        return session_date != previous_session
    if rebalance == "weekly":
        return session_date.isocalendar()[:2] != previous_session.isocalendar()[:2]
    return (session_date.year, session_date.month) != (previous_session.year, previous_session.month)
