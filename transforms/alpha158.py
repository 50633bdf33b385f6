"""The columns of the feature set alpha158, in qlib's order; their formulas are ``models_sql/macros/alpha158.sql``."""

from __future__ import annotations

_OF_BAR = (
    *("kmid", "klen", "kmid2", "kup", "kup2", "klow", "klow2", "ksft", "ksft2"),
    *("open0", "high0", "low0", "vwap0"),
)
_OVER_WINDOWS = (
    *("roc", "ma", "std", "beta", "rsqr", "resi", "max", "min", "qtlu", "qtld", "rank", "rsv"),
    *("imax", "imin", "imxd", "corr", "cord", "cntp", "cntn", "cntd", "sump", "sumn", "sumd"),
    *("vma", "vstd", "wvma", "vsump", "vsumn", "vsumd"),
)
_WINDOWS = (5, 10, 20, 30, 60)

ALPHA158_COLUMNS = (*_OF_BAR, *(f"{name}{n}" for name in _OVER_WINDOWS for n in _WINDOWS))
