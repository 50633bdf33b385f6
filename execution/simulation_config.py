"""Config of what happens to an account on a bar: orders, exits, the account's terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from transforms.config import require, require_choice, require_date, require_symbols

# In the order of the kernel's codes; a test holds the two together.
ORDER_TYPES = ("market", "limit", "stop", "stop_limit", "trailing_stop", "market_on_close")
TIMES_IN_FORCE = ("day", "gtc")
FILL_AT = ("open", "close", "vwap")


@dataclass
class OrdersConfig:
    """What kind of orders a decision becomes, and how far the market takes them (docs/simulator.md).

    Attributes:
        name: The choice's name.
        type: ``market``, ``limit``, ``stop``, ``stop_limit``, ``trailing_stop`` or ``market_on_close``; what closes
            a position is a market order whatever stands here.
        fill_at: Where market orders fill on the next bar: ``open``, ``close`` or ``vwap`` (bars carry
            none: the typical price, (high + low + close) / 3, stands for it).
        limit_bps: Distance of a limit from the decision's close, to our advantage (basis points).
        stop_bps: Distance of a stop from the decision's close, in the direction of the trade (basis points).
        trail_bps: Distance of a trailing order's level from the best price since the decision (basis points).
        time_in_force: ``day`` (until the end of the next session with bars) or ``gtc`` (until filled, or until the
            next decision on the symbol).
        participation: Largest part of a bar's volume that our fills may be (fraction); 0 for no such cap.
        remainder: What becomes of a market order that the cap has cut: ``carry`` or ``cancel``.
        lot: Fills are whole multiples of this many shares, except what closes a position; 0 for none
            (``portfolio.whole_shares`` asks for at least 1).
        min_notional: Changes worth less are not traded (USD).
    """

    name: str = "???"
    type: str = "market"
    fill_at: str = "open"
    limit_bps: float = 0.0
    stop_bps: float = 0.0
    trail_bps: float = 0.0
    time_in_force: str = "day"
    participation: float = 0.0
    remainder: str = "cancel"
    lot: float = 0.0
    min_notional: float = 0.0

    def __post_init__(self) -> None:
        require_choice(self.type, ORDER_TYPES, "orders.type")
        require_choice(self.fill_at, FILL_AT, "orders.fill_at")
        require_choice(self.time_in_force, TIMES_IN_FORCE, "orders.time_in_force")
        require_choice(self.remainder, ("carry", "cancel"), "orders.remainder")
        for name in ("limit_bps", "stop_bps", "trail_bps"):
            value = getattr(self, name)
            require(0 <= value <= 5000, f"orders.{name}", "in [0, 5000]", value)
        require(
            self.type != "trailing_stop" or self.trail_bps > 0,
            "orders.trail_bps",
            "above 0 with orders.type=trailing_stop",
            self.trail_bps,
        )
        require(0 <= self.participation <= 1, "orders.participation", "in [0, 1]", self.participation)
        require(0 <= self.lot <= 1e6, "orders.lot", "in [0, 1000000]", self.lot)
        require(0 <= self.min_notional <= 1e9, "orders.min_notional", "in [0, 1e9]", self.min_notional)


@dataclass
class ExitsConfig:
    """When a position is left before a decision says so; 0 switches an exit off (docs/simulator.md).

    Attributes:
        name: The choice's name.
        stop_loss: Loss from the entry price at which a position is closed (see ``scale``).
        take_profit: Gain from the entry price at which it is closed.
        trailing_stop: Distance from the best price since the entry at which it is closed.
        scale: Whether the three are fractions of the price (``none``) or multiples of the daily volatility known
            when the position was opened (``volatility``).
        max_bars: Closes that a position is held at most; it leaves at the open after.
    """

    name: str = "???"
    stop_loss: float = 0.0
    take_profit: float = 0.0
    trailing_stop: float = 0.0
    scale: str = "none"
    max_bars: int = 0

    def __post_init__(self) -> None:
        require_choice(self.scale, ("none", "volatility"), "exits.scale")
        most = {"none": {"take_profit": 100.0}, "volatility": {}}[self.scale]
        for name in ("stop_loss", "take_profit", "trailing_stop"):
            limit = most.get(name, 0.99 if self.scale == "none" else 100.0)
            value = getattr(self, name)
            require(0 <= value <= limit, f"exits.{name}", f"in [0, {limit:g}]", value)
        require(self.max_bars >= 0, "exits.max_bars", "at least 0", self.max_bars)

    @property
    def is_on(self) -> bool:
        """Whether any exit is switched on."""
        return any((self.stop_loss, self.take_profit, self.trailing_stop, self.max_bars))


@dataclass
class AccountConfig:
    """The terms on which the account is held (docs/simulator.md).

    Attributes:
        name: The choice's name.
        kind: ``cash`` (buys what its cash pays for, holds no shorts), ``margin``, or ``auto``: margin where the
            portfolio is long_short or its gross above 1.
        initial_margin: Equity that a new or larger position of a margin account needs (fraction of its value;
            Regulation T: 0.5).
        maintenance_margin: Equity below which positions are sold (fraction of their value; FINRA rule 4210: 0.25).
        margin_rate: Interest on money owed (per year, simple, actual/365).
        cash_rate: Interest on cash beyond the proceeds of shorts (per year, simple, actual/365).
        exit_after_missing_sessions: Sessions without a bar after which a position counts as vanished and is closed
            at its last price; 0 to hold it for ever.
        vanished_recovery: Part of the last price that a vanished long still brings (fraction).
        not_shortable: Symbol → ranges of sessions, ``[from, to]``, both included (ISO dates; ``[from]`` has no end),
            in which it cannot be held short; an open short is bought in. ``+account.not_shortable.AAPL=[[2008-09-19]]``
            adds one.
    """

    name: str = "???"
    kind: str = "auto"
    initial_margin: float = 0.5
    maintenance_margin: float = 0.25
    margin_rate: float = 0.0
    cash_rate: float = 0.0
    exit_after_missing_sessions: int = 0
    vanished_recovery: float = 1.0
    not_shortable: dict[str, list[list[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_choice(self.kind, ("auto", "cash", "margin"), "account.kind")
        require(0 < self.initial_margin <= 1, "account.initial_margin", "in (0, 1]", self.initial_margin)
        require(
            0 <= self.maintenance_margin <= self.initial_margin,
            "account.maintenance_margin",
            f"in [0, account.initial_margin = {self.initial_margin}]",
            self.maintenance_margin,
        )
        require(0 <= self.margin_rate <= 1, "account.margin_rate", "in [0, 1]", self.margin_rate)
        require(0 <= self.cash_rate <= 1, "account.cash_rate", "in [0, 1]", self.cash_rate)
        missing = self.exit_after_missing_sessions
        require(0 <= missing <= 10_000, "account.exit_after_missing_sessions", "in 0..10000", missing)
        require(
            0 <= self.vanished_recovery <= 1,
            "account.vanished_recovery",
            "in [0, 1]",
            self.vanished_recovery,
        )
        require_symbols(list(self.not_shortable), "account.not_shortable")
        for symbol, spells in self.not_shortable.items():
            for spell in spells:
                _require_spell(spell, f"account.not_shortable.{symbol}")

    def spells(self, symbol: str) -> list[tuple[date, date]]:
        """Return the ranges of sessions, both ends included, in which ``symbol`` cannot be held short."""
        return [
            (date.fromisoformat(spell[0]), date.fromisoformat(spell[1]) if len(spell) > 1 else date.max)
            for spell in self.not_shortable.get(symbol, [])
        ]


def _require_spell(spell: list[str], key: str) -> None:
    require(len(spell) in {1, 2}, key, "a list of [from, to] or [from]", spell)
    for day in spell:
        require_date(day, key)
    ordered = sorted(date.fromisoformat(day) for day in spell)
    require([day.isoformat() for day in ordered] == list(spell), key, "[from, to] with from first", spell)
