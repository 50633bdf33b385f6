"""The run's config: the dataclasses that stand beside their consumers, composed into one tree.

Hydra composes YAML over these schemas, so an unknown key or a wrong type is refused at composition;
``to_run_config`` validates the result once more (a ``+key`` override slips past Hydra's check) and returns
plain dataclasses, whose ``__post_init__`` checks the ranges. From there on nothing sees an OmegaConf node.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from execution.config import (
    AccountConfig,
    BookConfig,
    BrokerConfig,
    CostsConfig,
    ExitsConfig,
    OrdersConfig,
    PortfolioConfig,
    RiskConfig,
    SimulatedBrokerConfig,
    StrategyConfig,
)
from execution.costs_config import require_ascending_minutes
from execution.sensitivity_config import SensitivityConfig
from execution.statistics_config import StatisticsConfig
from execution.strategies import STRATEGIES
from execution.validation_config import ValidationConfig
from expectations.config import GateConfig
from flows.members import (
    give_members_their_types,
    missing_member,
    own_key,
    portfolios_of,
    require_members,
)
from ml.config import LogisticConfig, ModelConfig, SplitConfig, XgboostConfig
from transforms.config import (
    CsvSourceConfig,
    EngineConfig,
    LabelsConfig,
    ParquetSourceConfig,
    SampleSourceConfig,
    SourceConfig,
    SyntheticSourceConfig,
    UniverseConfig,
    require,
    require_choice,
    require_date,
)
from transforms.errors import ConfigError, first_line, nearest
from transforms.features import FeaturesConfig
from transforms.labels import (
    CrossSectionalRankLabelsConfig,
    ForwardReturnLabelsConfig,
    TouchWithinLabelsConfig,
    TripleBarrierLabelsConfig,
)
from transforms.ops import SEVERITIES
from transforms.paths import PROJECT

CONF = PROJECT / "conf"
STRATEGY_SQL = PROJECT / "models_sql" / "intermediate" / "strategies"
FLOWS = (
    "research",
    "ingest",
    "build",
    "train",
    "backtest",
    "trade",
    "fit_slippage",
    "audit_lookahead",
    "sensitivity",
    "validate_strategy",
    "compare",
)


@dataclass
class FlowConfig:
    """What is carried out.

    Attributes:
        name: The flow; a file in ``flows/``.
        session: Trade: the session to decide at its close (ISO date); None for the newest.
        start: Trade: with ``end``, replay every session from start to end through the broker.
        end: Trade: see ``start``.
        audit_cuts: Audit: at how many bars history is cut.
        audit_seed: Audit: chooses where, and which symbols.
        audit_symbols: Audit: of how many symbols, beside the benchmark; 0 for all.
        runs: Compare: what is laid side by side: run ids, unique beginnings of them, ``latest`` (the newest run) or
            books. On the command line ``run=a,b,c`` says the same.
        fit_book: Slippage: whose fills, ``<broker>/<account>``.
        fit_minutes: Slippage: minutes after the open at which the parts of the session begin, ascending from 0.
        fit_prior_fills: Slippage: how many fills of its own a symbol needs in a part of the session to count as much
            as the mean of all.
    """

    name: str = MISSING
    session: str | None = None
    start: str | None = None
    end: str | None = None
    audit_cuts: int = 5
    audit_seed: int = 0
    audit_symbols: int = 0
    runs: list[str] = field(default_factory=list)
    fit_book: str = "simulated/paper"
    fit_minutes: list[int] = field(default_factory=lambda: [0, 30, 375])
    fit_prior_fills: float = 20.0

    def __post_init__(self) -> None:
        if self.name != MISSING:
            require_choice(self.name, FLOWS, "flow")
        require(1 <= self.audit_cuts <= 1000, "flow.audit_cuts", "in 1..1000", self.audit_cuts)
        require(0 <= self.audit_seed < 2**32, "flow.audit_seed", "in 0..4294967295", self.audit_seed)
        require(0 <= self.audit_symbols <= 100_000, "flow.audit_symbols", "in 0..100000", self.audit_symbols)
        require_ascending_minutes(self.fit_minutes, "flow.fit_minutes")
        require(
            0 < self.fit_prior_fills <= 1e6, "flow.fit_prior_fills", "in (0, 1000000]", self.fit_prior_fills
        )
        self._require_runs()
        require_date(self.session, "flow.session")
        require_date(self.start, "flow.start")
        require_date(self.end, "flow.end")
        require(
            (self.start is None) == (self.end is None),
            "flow.start and flow.end",
            "given together",
            (self.start, self.end),
        )
        require(
            self.session is None or self.start is None, "flow.session", "null with flow.start", self.session
        )

    def _require_runs(self) -> None:
        if self.name == "compare":
            require(
                2 <= len(self.runs) <= 8,
                "flow.runs",
                "2 to 8 runs or books (run=a,b: ids, beginnings of them, latest, books)",
                self.runs,
            )
        else:
            require(not self.runs, "flow.runs (or run=…)", "left out except with flow=compare", self.runs)


@dataclass
class AlertsConfig:
    """What is worth telling.

    Attributes:
        minimum: Least severity that is recorded: warning or error.
    """

    name: str = MISSING
    minimum: str = "warning"

    def __post_init__(self) -> None:
        require_choice(self.minimum, SEVERITIES, "alerts.minimum")


@dataclass
class RunConfig:
    """Everything that decides a run's result (and ``engine``, which must not)."""

    flow: FlowConfig = field(default_factory=FlowConfig)
    source: SourceConfig = field(default_factory=SourceConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    universe: UniverseConfig = field(default_factory=UniverseConfig)
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    labels: LabelsConfig = field(default_factory=LabelsConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    strategy: StrategyConfig = field(default_factory=StrategyConfig)
    portfolio: PortfolioConfig = field(default_factory=PortfolioConfig)
    orders: OrdersConfig = field(default_factory=OrdersConfig)
    exits: ExitsConfig = field(default_factory=ExitsConfig)
    account: AccountConfig = field(default_factory=AccountConfig)
    costs: CostsConfig = field(default_factory=CostsConfig)
    risk: RiskConfig = field(default_factory=RiskConfig)
    statistics: StatisticsConfig = field(default_factory=StatisticsConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    sensitivity: SensitivityConfig = field(default_factory=SensitivityConfig)
    broker: BrokerConfig = field(default_factory=BrokerConfig)
    alerts: AlertsConfig = field(default_factory=AlertsConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    as_of: str | None = None

    def __post_init__(self) -> None:
        if self.as_of is not None:
            try:
                moment = datetime.fromisoformat(self.as_of)
            except ValueError as error:
                raise ConfigError(
                    f"as_of must be a UTC moment like 2024-12-31T23:59:59, was {self.as_of!r}"
                ) from error
            require(moment.tzinfo is None, "as_of", "UTC without a zone suffix", self.as_of)
        self.features.require_timeframe(self.source.timeframe)
        self.labels.require_fit(self.source.timeframe, self.universe)
        self.strategy.require_timeframe(self.source.timeframe)
        for key, portfolio in portfolios_of(self.strategy, self.portfolio).items():
            self._require_fit(key, portfolio)
        _ = self.book

    def _require_fit(self, key: str, portfolio: PortfolioConfig) -> None:
        """Refuse a portfolio that looks at what the run does not have."""
        require(
            portfolio.weighting != "inverse_volatility" or "core" in self.features.sets,
            f"{key}.weighting",
            "equal or score where features.sets is without core, which has volatility_20",
            portfolio.weighting,
        )
        sizing = portfolio.sizing
        require(
            self.universe.benchmark is not None
            or (sizing.regime_average == 0 and sizing.regime_max_volatility == 0),
            "universe.benchmark",
            f"given with {key}.sizing.regime_average or regime_max_volatility, which look at it",
            self.universe.benchmark,
        )

    @property
    def book(self) -> BookConfig:
        """What a book trades by; composing it checks the groups against each other."""
        return BookConfig(
            portfolio=self.strategy.account_portfolio(self.portfolio),
            risk=self.risk,
            costs=self.costs,
            orders=self.orders,
            exits=self.exits,
            account=self.account,
            members=self.strategy.member_portfolios(self.portfolio),
        )


# group → name of the schema → class. The names are what conf/<group>/*.yaml lists under defaults.
SCHEMAS: dict[str, dict[str, type]] = {
    "flow": {"flow": FlowConfig},
    "source": {
        "sample": SampleSourceConfig,
        "parquet": ParquetSourceConfig,
        "csv": CsvSourceConfig,
        "synthetic": SyntheticSourceConfig,
    },
    "gate": {"gate": GateConfig},
    "universe": {"universe": UniverseConfig},
    "features": {"features": FeaturesConfig},
    "labels": {
        "forward_return": ForwardReturnLabelsConfig,
        "cross_sectional_rank": CrossSectionalRankLabelsConfig,
        "triple_barrier": TripleBarrierLabelsConfig,
        "touch_within": TouchWithinLabelsConfig,
    },
    "split": {"split": SplitConfig},
    "model": {"xgboost": XgboostConfig, "logistic": LogisticConfig},
    "strategy": dict(STRATEGIES),
    "portfolio": {"portfolio": PortfolioConfig},
    "orders": {"orders": OrdersConfig},
    "exits": {"exits": ExitsConfig},
    "account": {"account": AccountConfig},
    "costs": {"costs": CostsConfig},
    "risk": {"risk": RiskConfig},
    "statistics": {"statistics": StatisticsConfig},
    "validation": {"validation": ValidationConfig},
    "sensitivity": {"sensitivity": SensitivityConfig},
    "broker": {"simulated": SimulatedBrokerConfig},
    "alerts": {"alerts": AlertsConfig},
    "engine": {"engine": EngineConfig},
}


def register() -> None:
    """Make the schemas known to Hydra."""
    store = ConfigStore.instance()
    store.store(group="schema", name="run", node=RunConfig)
    for group, classes in SCHEMAS.items():
        for name, node in classes.items():
            store.store(group=f"schema/{group}", name=name, node=node)


def to_run_config(composed: DictConfig) -> RunConfig:
    """Validate a composed config against the schemas and return it as dataclasses.

    Raises:
        ConfigError: An unknown key, a wrong type, a missing or an out-of-range value.
    """
    known = {item.name for item in fields(RunConfig)}
    for key in composed:
        if key not in known:
            raise unknown_key(str(key))
    nodes = {item.name: composed[item.name] for item in fields(RunConfig)}
    values = {
        name: to_group(name, node) if isinstance(node, DictConfig) else node for name, node in nodes.items()
    }
    config = RunConfig(**values)
    _require_sql_of(config.strategy)
    if config.flow.name == "sensitivity":
        from flows.grid import combinations_of

        combinations_of(config)  # a wrong grid is found before anything is fetched or built
    return config


def to_group(name: str, node: DictConfig) -> Any:
    """Validate one group of a composed config against its schema and return it as its dataclass.

    Raises:
        ConfigError: As ``to_run_config``.
    """
    schema = OmegaConf.structured(_schema_of(name, node))
    try:
        # A fresh schema refuses what was forced in with "+"; interpolations are resolved beforehand.
        give_members_their_types(schema, node)
        schema.merge_with(OmegaConf.create(OmegaConf.to_container(node, resolve=True)))
        require_members(schema)
        return OmegaConf.to_object(schema)
    except OmegaConfBaseException as error:
        raise translated(name, error) from error


def _require_sql_of(strategy: StrategyConfig) -> None:
    """Raise ``ConfigError`` for a strategy whose scores are to come from SQL that is not there."""
    for name in strategy.signals:
        if not (STRATEGY_SQL / f"int_signals_{name}.sql").exists():
            known = [
                path.stem.removeprefix("int_signals_") for path in STRATEGY_SQL.glob("int_signals_*.sql")
            ]
            key = "strategy.name" if name == strategy.name else f"strategy.members.{name}.name"
            place = f"{STRATEGY_SQL.relative_to(PROJECT)}/int_signals_{name}.sql"
            raise ConfigError(f"{key}={name}: there is no {place}.{nearest(name, sorted(known))}")


def _schema_of(group: str, node: DictConfig) -> type:
    kind = OmegaConf.get_type(node)
    if isinstance(kind, type) and is_dataclass(kind):
        return kind
    raise ConfigError(
        f"{group} must be one of {', '.join(SCHEMAS[group])}: write {group}=<choice> (conf/{group}/)"
    )


def translated(place: str, error: OmegaConfBaseException) -> ConfigError:
    """Return what OmegaConf refuses of a group, or of a part of it, as our own error."""
    key = getattr(error, "full_key", None) or getattr(error, "key", None)
    full = f"{place}.{key}" if key else place
    if "not in" in str(error) and key:
        return unknown_key(full)
    folder = f"conf/{own_key(full)[0].split('.')[0]}/"
    if "issing mandatory value" in str(error):
        return ConfigError(f"{full} has no value: give one with {full}=…  ({folder})")
    return ConfigError(f"{full}: {first_line(error)}  ({folder})")


def all_keys() -> dict[str, str]:
    """Return every key a run may set → the file or folder of ``conf/`` where it stands."""
    keys = {"as_of": "conf/config.yaml"}
    for group, classes in SCHEMAS.items():
        keys[group] = f"conf/{group}/"
        for node in classes.values():
            keys.update({f"{group}.{name}": f"conf/{group}/" for name, _ in keys_of(node)})
    return keys


def keys_of(node: type) -> list[tuple[str, Field[Any]]]:
    """Return key → field of a schema; keys of a dataclass within it as ``outer.inner``."""
    found: list[tuple[str, Field[Any]]] = []
    for item in fields(node):
        inner: Any = item.default_factory
        if isinstance(inner, type) and is_dataclass(inner):
            found += [(f"{item.name}.{name}", deeper) for name, deeper in keys_of(inner)]
        else:
            found.append((item.name, item))
    return found


def has_key(node: type, key: str) -> bool:
    """Whether a schema has a key, or a group of keys of the name."""
    return any(name == key or name.startswith(f"{key}.") for name, _ in keys_of(node))


def unknown_key(key: str) -> ConfigError:
    """Return the error for a key that no schema has, with the nearest valid ones and the file."""
    if missing := missing_member(key):
        return missing
    keys = all_keys()
    own, stands_at = own_key(key)
    group, _, rest = own.partition(".")
    place = f"conf/{group}/" if group in SCHEMAS else "conf/config.yaml"
    others = [name for name, node in SCHEMAS.get(group, {}).items() if rest and has_key(node, rest)]
    if others:
        return ConfigError(f"{key}: not a key of the chosen {group}, only of {', '.join(others)}  ({place})")
    holder = rest.rpartition(".")[0]
    if _is_map(group, holder):
        return ConfigError(f"{key}: {holder} has no such entry; +{key}=<value> adds it  ({place})")
    same = [f"{stands_at}{name.removeprefix(group)}" for name in keys if name.startswith(f"{group}.")] or [
        name for name in keys if "." not in name
    ]
    return ConfigError(f"{key}: no such key in {place}.{nearest(key, same)}")


def _is_map(group: str, key: str) -> bool:
    """Whether a key of the group is a map, to which entries of any name can be added."""
    found = [
        item
        for node in SCHEMAS.get(group, {}).values()
        for name, item in keys_of(node)
        if name == key or name.startswith(f"{key}.")
    ]
    return bool(found) and all(str(item.type).startswith("dict[") for item in found)


def choices_of(group: str) -> list[str]:
    """Return the choices of a group: the YAML files in its folder."""
    return sorted(path.stem for path in Path(CONF / group).glob("*.yaml"))
