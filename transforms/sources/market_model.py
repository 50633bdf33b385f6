"""An artificial market: prices that behave like prices, from a seed, one symbol at a time.

Log returns of a symbol are

    beta × market + sector beta × sector + own noise + slow drift + (transient now − transient before)

* The market alternates between a calm and a turbulent regime (Markov, durations geometric), with drift and
  volatility of each; market, sectors and symbols have volatilities whose logarithm is AR(1) over sessions
  (stochastic volatility, Taylor 1986), so large moves cluster; market and symbols jump now and then.
* The slow drift (AR(1), half-life about a month) makes past returns say a little about coming ones
  (momentum), the transient part makes a move partly revert in the next bar. Both are weak: a learner finds
  something, and not much.
* Given a bar's return, its open is drawn from the Brownian bridge at the fraction of variance that falls
  before the open, and high and low from the law of a bridge's extremes (Karatzas & Shreve 1991, 4.3.40).
* Volume rises with the size of the move and the state of volatility, and has a weekday and intraday shape.

Every random number comes from PCG64 streams keyed by (seed, role, symbol): a symbol's bars do not depend on
how many symbols there are or in which order they are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SECTORS = 10
REVIEW_SESSIONS = 63  # a board looks at splits and dividends once a quarter

_MARKET, _SECTOR, _SYMBOL = range(3)

# Per session, as fractions; magnitudes of US large caps.
_MARKET_VOLATILITY = 0.008
_SECTOR_VOLATILITY = 0.005
_OWN_VOLATILITY = 0.012
_CALM_DRIFT, _TURBULENT_DRIFT = 0.0006, -0.0008
_CALM_SESSIONS, _TURBULENT_SESSIONS = 180, 40  # mean duration of a regime
_TURBULENT_FACTOR = 2.2  # volatility against the calm regime's
_VOLATILITY_MEMORY, _VOLATILITY_SPREAD = 0.95, 0.3  # of log volatility: AR(1) coefficient, standard deviation
_MARKET_JUMPS, _MARKET_JUMP_MEAN, _MARKET_JUMP_SPREAD = 0.004, -0.01, 0.02
_OWN_JUMPS, _OWN_JUMP_SPREAD = 0.006, 0.05
_DRIFT_MEMORY, _DRIFT_SPREAD = 0.97, 0.0012
_TRANSIENT = 0.18  # standard deviation of the transient part in units of the bar's own volatility

_SPLIT_ABOVE, _REVERSE_SPLIT_BELOW = 120.0, 5.0  # USD
_SPLITS = (2.0, 2.0, 3.0, 1.5)
_REVERSE_SPLIT = 0.1


@dataclass(frozen=True)
class Clock:
    """The bars of the market, in order.

    Attributes:
        session: Number of each bar's session, from 0, (T,).
        variance: Variance of a bar in units of a session's, (T,).
        before_open: Fraction of a bar's variance that falls before its open, (T,).
        volume: Volume of a bar in units of a session's, (T,).
        session_starts: First bar of each session, (S,).
    """

    session: NDArray[np.int64]
    variance: Floats
    before_open: Floats
    volume: Floats
    session_starts: NDArray[np.int64]

    @property
    def bars(self) -> int:
        return len(self.session)

    @property
    def sessions(self) -> int:
        return len(self.session_starts)


@dataclass(frozen=True)
class Market:
    """What all symbols share: log returns (T,), sector log returns (SECTORS, T), volatility (S,)."""

    returns: Floats
    sectors: Floats
    state: Floats  # the session's volatility in units of the calm regime's
    sector_state: Floats


@dataclass(frozen=True)
class Action:
    """A split (new shares per old) or dividend (USD per share) at the first bar of a session."""

    bar: int
    kind: str
    value: float


@dataclass(frozen=True)
class Bars:
    """Raw bars of one symbol, (T,) each; prices in USD rounded to cents."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    split_factor: Floats  # cumulative new shares per first share


class Symbol:
    """One symbol of the market, simulated on construction; ``bars`` draws what lies between its closes."""

    def __init__(self, seed: int, index: int, clock: Clock, market: Market) -> None:
        self._rng = _stream(seed, _SYMBOL, index)
        self._clock = clock
        rng, sector = self._rng, index % SECTORS
        beta = float(np.clip(rng.normal(1.0, 0.25), 0.3, 1.8))
        sector_beta = float(np.clip(rng.normal(1.0, 0.2), 0.4, 1.6))
        own = _OWN_VOLATILITY * float(np.exp(rng.normal(0.0, 0.3)))
        self.first_price = float(np.clip(60 * np.exp(rng.normal(0.0, 0.6)), 8.0, 150.0))
        self.capitalisation = float(np.exp(rng.normal(23.5, 1.2)))  # USD, at the first price
        self._turnover = float(np.exp(rng.normal(-5.5, 0.4)))  # fraction of shares per session
        annual_yield = float(rng.uniform(0.005, 0.04)) if rng.random() < 0.5 else 0.0
        self._first_review = int(rng.integers(1, REVIEW_SESSIONS + 1))

        state = _volatility_state(rng, clock.sessions)
        drift = _ar1(rng, clock.sessions, _DRIFT_MEMORY, _DRIFT_SPREAD)
        scale = np.sqrt(clock.variance)
        volatility = own * state[clock.session] * scale
        noise = volatility * rng.standard_normal(clock.bars)
        transient = _TRANSIENT * volatility * rng.standard_normal(clock.bars)
        returns = beta * market.returns + sector_beta * market.sectors[sector] + noise
        returns += drift[clock.session] * clock.variance + np.diff(transient, prepend=0.0)
        returns += _jumps(rng, clock, _OWN_JUMPS, 0.0, _OWN_JUMP_SPREAD)
        shared = (beta * _MARKET_VOLATILITY * market.state) ** 2
        shared += (sector_beta * _SECTOR_VOLATILITY * market.sector_state[sector]) ** 2
        self._volatility = np.sqrt(shared + (own * state) ** 2)[clock.session] * scale
        self._state = (state * market.state)[clock.session]

        self._dividend_return = np.zeros(clock.bars)
        reviews = clock.session_starts[self._first_review :: REVIEW_SESSIONS]
        quarterly = annual_yield / 4
        self._dividend_return[reviews] = np.log1p(-quarterly)
        self._returns = returns
        self._log_close = np.log(self.first_price) + np.cumsum(returns + self._dividend_return)
        self.actions, self._split_factor = self._act(reviews, quarterly)

    def _act(self, reviews: NDArray[np.int64], quarterly: float) -> tuple[list[Action], Floats]:
        """Return the splits and dividends that the price brings about, and the cumulative split factor."""
        actions: list[Action] = []
        split_factor = np.ones(self._clock.bars)
        factor = 1.0
        choices = self._rng.integers(0, len(_SPLITS), len(reviews))
        for bar, previous, choice in zip(
            reviews.tolist(), np.exp(self._log_close[reviews - 1]).tolist(), choices.tolist(), strict=True
        ):
            price = previous / factor
            ratio = _REVERSE_SPLIT if price < _REVERSE_SPLIT_BELOW else 1.0
            ratio = _SPLITS[choice] if price > _SPLIT_ABOVE else ratio
            if ratio != 1.0:
                factor *= ratio
                split_factor[bar:] = factor
                actions.append(Action(bar, "split", ratio))
            if quarterly:
                actions.append(Action(bar, "dividend", max(round(quarterly * previous / factor, 2), 0.01)))
        return actions, split_factor

    def bars(self) -> tuple[Bars, Bars]:
        """Return the raw bars, and the same before splits and rounding (for the index). Call it once."""
        rng, clock = self._rng, self._clock
        share, volatility = clock.before_open, self._volatility
        gap = share * self._returns + self._dividend_return
        gap += np.sqrt(share * (1 - share)) * volatility * rng.standard_normal(clock.bars)
        log_open = np.concatenate(([np.log(self.first_price)], self._log_close[:-1])) + gap
        body = self._log_close - log_open
        reach = 2 * (1 - share) * volatility**2
        up, down = (np.sqrt(body**2 + reach * rng.standard_exponential(clock.bars)) for _ in range(2))
        high = np.exp(log_open + (body + up) / 2)
        low = np.exp(log_open + (body - down) / 2)
        opened, close = np.exp(log_open), np.exp(self._log_close)
        surprise = np.minimum(np.abs(self._returns) / volatility, 6.0)
        activity = 0.35 * surprise + 0.5 * np.log(self._state) + 0.3 * rng.standard_normal(clock.bars)
        shares = self.capitalisation / self.first_price * self._turnover
        volume = np.maximum(np.rint(shares * clock.volume * np.exp(activity - 0.3)), 1.0)
        whole = Bars(opened, high, low, close, volume, np.ones(clock.bars))
        return _as_quoted(whole, self._split_factor), whole


class Index:
    """A capitalisation-weighted price index of the symbols that were added, 1000 at the first prices."""

    def __init__(self, clock: Clock) -> None:
        self._sums = np.zeros((6, clock.bars))  # open, high, low, close, upper and lower end of the body
        self._volume = np.zeros(clock.bars)
        self._weight = 0.0

    def add(self, symbol: Symbol, bars: Bars) -> None:
        """Add a symbol; sums run in the order of the calls, so the same order gives the same bits."""
        weight = symbol.capitalisation / symbol.first_price
        self._weight += symbol.capitalisation
        body = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
        self._sums += weight * np.stack((bars.open, bars.high, bars.low, bars.close, *body))
        self._volume += bars.volume

    def bars(self) -> Bars:
        """Return the index's bars.

        Members reach their extremes at different moments: half of their mean reach beyond the body counts.
        """
        opened, high, low, close, above, below = self._sums * (1000.0 / self._weight)
        top = np.maximum(opened, close) + 0.5 * (high - above)
        bottom = np.minimum(opened, close) - 0.5 * (below - low)
        ones = np.ones(len(opened))
        return _as_quoted(Bars(opened, top, bottom, close, self._volume, ones), ones)


def simulate_market(seed: int, clock: Clock) -> Market:
    """Return what all symbols share."""
    rng = _stream(seed, _MARKET, 0)
    turbulent = _regimes(rng, clock.sessions)
    regime = np.where(turbulent, _TURBULENT_FACTOR, 1.0)
    state = regime * _volatility_state(rng, clock.sessions)
    scale = np.sqrt(clock.variance)
    drift = np.where(turbulent, _TURBULENT_DRIFT, _CALM_DRIFT)
    returns = drift[clock.session] * clock.variance
    returns += _MARKET_VOLATILITY * state[clock.session] * scale * rng.standard_normal(clock.bars)
    returns += _jumps(rng, clock, _MARKET_JUMPS, _MARKET_JUMP_MEAN, _MARKET_JUMP_SPREAD)
    sectors = np.empty((SECTORS, clock.bars))
    sector_state = np.empty((SECTORS, clock.sessions))
    for number in range(SECTORS):
        own = _stream(seed, _SECTOR, number)
        sector_state[number] = np.sqrt(regime) * _volatility_state(own, clock.sessions)
        volatility = _SECTOR_VOLATILITY * sector_state[number][clock.session] * scale
        sectors[number] = volatility * own.standard_normal(clock.bars)
    return Market(returns, sectors, state, sector_state)


def _stream(seed: int, role: int, index: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, role, index])))


def _regimes(rng: np.random.Generator, sessions: int) -> NDArray[np.bool_]:
    """Return whether each session is turbulent: a two-state Markov chain, by its geometric durations."""
    turbulent = np.empty(sessions, dtype=np.bool_)
    begin, state = 0, bool(rng.random() < _TURBULENT_SESSIONS / (_CALM_SESSIONS + _TURBULENT_SESSIONS))
    while begin < sessions:
        mean = _TURBULENT_SESSIONS if state else _CALM_SESSIONS
        end = begin + int(rng.geometric(1 / mean))
        turbulent[begin:end] = state
        begin, state = end, not state
    return turbulent


def _ar1(rng: np.random.Generator, length: int, memory: float, spread: float) -> Floats:
    """Return a stationary AR(1) with standard deviation ``spread``: the recursion of an exponential mean."""
    shocks = rng.standard_normal(length) * (spread * np.sqrt((1 + memory) / (1 - memory)))
    shocks[:1] *= np.sqrt((1 - memory) / (1 + memory))  # begins in its stationary law
    return pl.Series(shocks).ewm_mean(alpha=1 - memory, adjust=False).to_numpy()


def _volatility_state(rng: np.random.Generator, sessions: int) -> Floats:
    """Return positive volatility multipliers with root mean square 1."""
    logarithm = _ar1(rng, sessions, _VOLATILITY_MEMORY, _VOLATILITY_SPREAD)
    state: Floats = np.exp(logarithm - _VOLATILITY_SPREAD**2)
    return state


def _jumps(rng: np.random.Generator, clock: Clock, rate: float, mean: float, spread: float) -> Floats:
    """Return jumps, ``rate`` a session, spread over its bars as its variance is."""
    jumps = np.zeros(clock.bars)
    sessions = np.flatnonzero(rng.random(clock.sessions) < rate)
    sizes = rng.normal(mean, spread, len(sessions))
    ends = np.append(clock.session_starts[1:], clock.bars)
    for session, size, at in zip(sessions.tolist(), sizes.tolist(), rng.random(len(sessions)), strict=True):
        begin, end = clock.session_starts[session], ends[session]
        within = np.cumsum(clock.variance[begin:end])
        jumps[begin + np.searchsorted(within, at * within[-1])] += size
    return jumps


def _as_quoted(bars: Bars, split_factor: Floats) -> Bars:
    """Divide by the splits and round to cents, keeping low ≤ open, close ≤ high and all above zero."""
    opened, high, low, close = (
        np.maximum(np.rint(price * (100 / split_factor)), 1.0) / 100
        for price in (bars.open, bars.high, bars.low, bars.close)
    )
    high = np.maximum(high, np.maximum(opened, close))
    low = np.minimum(low, np.minimum(opened, close))
    return Bars(opened, high, low, close, np.rint(bars.volume * split_factor), split_factor)
