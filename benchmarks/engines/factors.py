"""Names that every engine shares: qlib's Alpha158, and fourteen of them."""

from __future__ import annotations

WINDOWS = (5, 10, 20, 30, 60)
BARS = ("KMID", "KLEN", "KMID2", "KUP", "KUP2", "KLOW", "KLOW2", "KSFT", "KSFT2")
PRICES = ("OPEN0", "HIGH0", "LOW0", "VWAP0")
ROLLING = (
    *("ROC", "MA", "STD", "BETA", "RSQR", "RESI", "MAX", "MIN", "QTLU", "QTLD", "RANK", "RSV"),
    *("IMAX", "IMIN", "IMXD", "CORR", "CORD", "CNTP", "CNTN", "CNTD", "SUMP", "SUMN", "SUMD"),
    *("VMA", "VSTD", "WVMA", "VSUMP", "VSUMN", "VSUMD"),
)
ALPHA158 = (*BARS, *PRICES, *(f"{name}{window}" for name in ROLLING for window in WINDOWS))
FACTORS = (
    *(
        "KMID",
        "KLEN",
        "ROC20",
        "MA5",
        "MA20",
        "MA60",
        "STD20",
        "BETA20",
        "MAX20",
        "MIN20",
        "CORR20",
        "SUMP20",
    ),
    *("VMA20", "WVMA20"),
)
NAMES = {"alpha158": ALPHA158, "factors": FACTORS}
WARM_UP = 61  # bars until every window is full, a change's included
