"""Limits on target weights: the feasible set, the nearest point of it, and which limits clash where it is empty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from execution.config import PortfolioConfig
from execution.construction.inputs import ConstructionInputs, heeds_holdings
from execution.types import Floats
from transforms.errors import QuantmillError

Bools = NDArray[np.bool_]
# Weights this far beyond a limit are within it: what a solver leaves, a millionth of a basis point of equity.
TOLERANCE = 1e-8
_SOLVED = 1e-6
_NOTHING = 1e-5
# The solver's steps are the same on every run: one thread, its own factorisation, and tolerances far below a share.
_SOLVER = {
    "solver": "CLARABEL",
    "tol_gap_abs": 1e-11,
    "tol_gap_rel": 1e-11,
    "tol_feas": 1e-11,
    "max_threads": 1,
    "direct_solve_method": "qdldl",
}


class UnsolvedError(QuantmillError):
    """There are no weights: the limits clash, or the solver gave up. Positions are left alone."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule


@dataclass(frozen=True)
class Bound:
    """Each weight lies in [low, high], (N,)."""

    text: str
    low: Floats
    high: Floats

    def excess(self, weights: Floats) -> float:
        """Return how far the weights are beyond it."""
        return float(np.max(np.maximum(self.low - weights, weights - self.high), initial=0.0))

    def of(self, places: NDArray[np.int64]) -> Bound:
        """Return the same for some of the names."""
        return Bound(self.text, self.low[places], self.high[places])

    def constraints(self, weights: Any) -> list[Any]:
        """Return it for the solver."""
        low, high = np.isfinite(self.low), np.isfinite(self.high)
        found = []
        if low.any():
            found.append(weights[low] >= self.low[low])
        if high.any():
            found.append(weights[high] <= self.high[high])
        return found


@dataclass(frozen=True)
class Total:
    """A sum over ``members``, (N,), lies in [low, high]: of weights, or of their distances from ``origin``, (N,)."""

    text: str
    members: Bools
    low: float
    high: float
    origin: Floats | None = None

    def excess(self, weights: Floats) -> float:
        """Return how far the weights are beyond it."""
        terms = weights if self.origin is None else np.abs(weights - self.origin)
        total = float(terms[self.members].sum())
        return max(self.low - total, total - self.high, 0.0)

    def of(self, places: NDArray[np.int64]) -> Total:
        """Return the same for some of the names; the others are 0 and stay so."""
        origin = None if self.origin is None else self.origin[places]
        return Total(self.text, self.members[places], self.low, self.high, origin)

    def constraints(self, weights: Any) -> list[Any]:
        """Return it for the solver; a least sum of distances would not be convex, and none is asked for."""
        import cvxpy as cp

        if not self.members.any():
            # What cannot be changed is a statement about 0; the solver knows no constraint without a variable.
            return [cp.Constant(0.0) >= self.low] if self.low > 0 else []
        chosen = weights[self.members]
        terms = chosen if self.origin is None else cp.abs(chosen - self.origin[self.members])
        found = []
        if np.isfinite(self.low):
            found.append(cp.sum(terms) >= self.low)
        if np.isfinite(self.high):
            found.append(cp.sum(terms) <= self.high)
        return found


Limit = Bound | Total


@dataclass(frozen=True)
class Feasible:
    """The weights that may be held.

    Attributes:
        sides: What a name's side allows; never given up.
        limits: What the config asks for.
    """

    sides: Bound
    limits: tuple[Limit, ...]

    def excess(self, weights: Floats) -> float:
        """Return how far the weights, (N,), are beyond the worst limit."""
        return max([limit.excess(weights) for limit in (self.sides, *self.limits)])

    @property
    def places(self) -> NDArray[np.int64]:
        """The names that may be held at all."""
        return np.flatnonzero(self.sides.low < self.sides.high)

    def solve(self, objective: Callable[[Any], Any], *more: Limit, explains: bool = True) -> Floats:
        """Return the weights, (N,), that minimise ``objective`` of the variable over ``places``.

        Args:
            more: Limits beside the set's own.
            explains: Whether to find out which limits clash.

        Raises:
            UnsolvedError: If the limits clash, or the solver fails.
        """
        places, limits = self.places, (*self.limits, *more)
        status, found = _solved(objective, self.sides.of(places), tuple(limit.of(places) for limit in limits))
        if status == "infeasible":
            culprits = self._clash(limits) if explains else [limit.text for limit in limits]
            together = " together" if len(culprits) > 1 else ""
            raise UnsolvedError("infeasible", f"{' and '.join(culprits)} cannot be kept{together}")
        if found is None or not np.isfinite(found).all():
            raise UnsolvedError("solver", f"the solver ended {status}")
        weights = np.zeros(len(self.sides.low))
        weights[places] = np.round(np.clip(found, self.sides.low[places], self.sides.high[places]), 10) + 0.0
        # A weight of exactly 0 closes a position; what a solver leaves beside 0 would keep a share of it.
        swept = np.where(np.abs(weights) < _NOTHING, 0.0, weights)
        for candidate, allowed in ((swept, _SOLVED / 10), (weights, _SOLVED)):
            if max(self.excess(candidate), *(limit.excess(candidate) for limit in more), 0.0) <= allowed:
                return candidate
        raise UnsolvedError("solver", "the solver's weights are beyond the limits")

    def _clash(self, limits: tuple[Limit, ...]) -> list[str]:
        """Return a smallest set of limits that cannot hold together: each is dropped unless the rest then can.

        The deletion filter of Chinneck and Dravnieks (1991).
        """
        import cvxpy as cp

        places = self.places
        kept = [limit.of(places) for limit in limits]
        for limit in tuple(kept):
            rest = [other for other in kept if other is not limit]
            status, _ = _solved(lambda weights: cp.Constant(0.0), self.sides.of(places), tuple(rest))
            if status == "infeasible":
                kept = rest
        return [limit.text for limit in kept]

    def nearest(self, weights: Floats) -> Floats:
        """Return the feasible weights nearest to ``weights``, (N,), which are returned as they are if feasible.

        Raises:
            UnsolvedError: If the limits clash, or the solver fails.
        """
        import cvxpy as cp

        if self.excess(weights) <= TOLERANCE:
            return weights
        places = self.places
        return self.solve(lambda variable: cp.sum_squares(variable - weights[places]))


def _solved(
    objective: Callable[[Any], Any], sides: Bound, limits: tuple[Limit, ...]
) -> tuple[str, Floats | None]:
    """Return the solver's status and the weights, None unless they are optimal."""
    import cvxpy as cp

    if not len(sides.low):
        zero = np.zeros(0)
        return (
            ("optimal", zero)
            if all(limit.excess(zero) <= TOLERANCE for limit in limits)
            else ("infeasible", None)
        )
    weights = cp.Variable(len(sides.low))
    constraints = [part for limit in (sides, *limits) for part in limit.constraints(weights)]
    problem = cp.Problem(cp.Minimize(objective(weights)), constraints)
    try:
        problem.solve(**_SOLVER)
    except cp.SolverError as error:
        return f"with {error}", None
    if problem.status in ("infeasible", "infeasible_inaccurate"):
        return "infeasible", None
    if problem.status != "optimal" or weights.value is None:
        return str(problem.status), None
    return "optimal", np.asarray(weights.value, dtype=np.float64)


def feasible_set(
    inputs: ConstructionInputs, signs: NDArray[np.int8], safe: Bools, config: PortfolioConfig
) -> Feasible:
    """Return the weights that ``portfolio.limits``, ``gross`` and ``barbell`` allow.

    A chosen name may be held on its side, a safe one long, any other not at all; where trading is limited or costs,
    what is held of it, be it on the wrong side, may be kept in part. A position beyond ``max_weight`` that
    ``max_participation`` does not let go at once need only shrink as fast as that allows.

    Args:
        signs: Side of each chosen name, (N,).
        safe: Whether a name of the safe sleeve can be held, (N,).
    """
    limits, barbell = config.limits, config.barbell
    count = len(inputs.symbols)
    everybody, zeros = np.ones(count, dtype=bool), np.zeros(count)
    held = inputs.held if inputs.held is not None and heeds_holdings(config) else zeros
    unlimited = np.full(count, np.inf)
    rows: list[Limit] = [Total(f"gross {config.gross:.4g}", everybody, -np.inf, config.gross, zeros)]
    reach = unlimited
    if limits.max_participation > 0:
        assert inputs.dollar_volume is not None  # construct has asked for it
        reach = limits.max_participation * np.nan_to_num(inputs.dollar_volume) / inputs.equity
        text = f"max_participation {limits.max_participation:.4g} of dollar volume"
        rows.append(Bound(text, held - reach, held + reach))
    if limits.max_weight > 0:
        most = np.maximum(limits.max_weight, np.abs(held) - reach)
        rows.append(Bound(f"max_weight {limits.max_weight:.4g}", -most, most))
    rows += _groups(inputs.symbols, config)
    if limits.min_net is not None:
        rows.append(Total(f"min_net {limits.min_net:.4g}", everybody, limits.min_net, np.inf))
    if limits.max_net is not None:
        rows.append(Total(f"max_net {limits.max_net:.4g}", everybody, -np.inf, limits.max_net))
    if limits.max_turnover > 0:
        text = f"max_turnover {limits.max_turnover:.4g}"
        rows.append(Total(text, everybody, -np.inf, limits.max_turnover, held))
    if barbell.safe:
        is_safe = np.isin(inputs.symbols, barbell.safe)
        for name, members in (("safe", is_safe), ("risk", ~is_safe)):
            low, high = getattr(barbell, f"{name}_min"), getattr(barbell, f"{name}_max")
            rows.append(Total(f"{name}_min {low:.4g}", members, low, np.inf))
            rows.append(Total(f"{name}_max {high:.4g}", members, -np.inf, high))
    low = np.where(signs < 0, -np.inf, np.minimum(held, 0.0))
    high = np.where((signs > 0) | safe, np.inf, np.maximum(held, 0.0))
    return Feasible(Bound("sides", low, high), tuple(rows))


def _groups(symbols: tuple[str, ...], config: PortfolioConfig) -> list[Limit]:
    """Return the limit of each group that has one."""
    limits = config.limits
    rows: list[Limit] = []
    for group in sorted(set(limits.groups.values())):
        cap = limits.group_caps.get(group, limits.max_group_weight or np.inf)
        members = np.array([limits.groups.get(symbol) == group for symbol in symbols])
        if np.isfinite(cap) and members.any():
            rows.append(Total(f"group {group} {cap:.4g}", members, -np.inf, cap, np.zeros(len(symbols))))
    return rows
