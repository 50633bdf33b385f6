"""Evaluate a suite: helper tables, quarantine candidates, Great Expectations' verdict, findings in words.

Everything happens on the calling thread's cursor, in temporary tables that are dropped at the end. An outcome
is Great Expectations' verdict; quarantine is filled by the same predicates, and the two counts must agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from expectations.engine import Verdict, preload, validate
from expectations.suites import Expectation, Suite, as_text_expression, with_limits
from transforms import schemas
from transforms.errors import QuantmillError
from transforms.warehouse import Warehouse

MAX_FINDINGS = 1000  # named per expectation; the rest is counted


@dataclass(frozen=True)
class Outcome:
    """What became of one expectation.

    Attributes:
        name: The expectation.
        severity: ``row``, ``batch`` or ``warn``.
        description: What should hold.
        passed: Whether it holds.
        failed_rows: Rows that fail, or findings of a query.
        findings: What is wrong, one sentence each, sorted; at most ``MAX_FINDINGS``.
    """

    name: str
    severity: str
    description: str
    passed: bool
    failed_rows: int
    findings: tuple[str, ...]

    @property
    def details(self) -> str:
        """The findings in one text; what is not named is counted."""
        return self.abridged(MAX_FINDINGS)

    def abridged(self, count: int) -> str:
        """Return the first ``count`` findings in one text; what is not named is counted."""
        named = self.findings[:count]
        unnamed = self.failed_rows - len(named) if named else 0
        return "; ".join([*named, *([f"and {unnamed} more"] if unnamed > 0 else [])])


@dataclass(frozen=True)
class Evaluation:
    """What became of a suite.

    Attributes:
        outcomes: In order of the suite; only the preconditions where one of them failed.
        verdict: Great Expectations' part.
        is_judged: Whether the rows were judged, so that ``failed`` may replace the quarantine.
    """

    outcomes: tuple[Outcome, ...]
    verdict: Verdict
    is_judged: bool


@contextmanager
def evaluated(
    warehouse: Warehouse,
    suite: Suite,
    *,
    variables: Mapping[str, str],
    limits: Mapping[str, float],
    run_id: str,
) -> Iterator[Evaluation]:
    """Evaluate ``suite``; in the block, ``batch`` and ``failed`` can be read on this thread's cursor.

    Args:
        warehouse: The open warehouse.
        suite: What must hold.
        variables: Texts that the suite's SQL reads as ``getvariable('gate_<name>')``.
        limits: Numbers that the suite's SQL names as ``{limit}``.
        run_id: The run's id.

    Raises:
        ConfigError: The suite names an unknown limit or expectation.
        QuantmillError: Something in the suite cannot be evaluated; names the file and the entry.
    """
    preload()
    work = _Work(warehouse, suite, limits)
    try:
        for name, value in variables.items():
            work.run(name, f"set variable gate_{name} = ?", [value])
        yield work.evaluate(run_id)
    finally:
        work.drop()
        for name in variables:
            warehouse.execute(f"reset variable gate_{name}")


class _Work:
    """The temporary tables of one evaluation, and the queries over them."""

    def __init__(self, warehouse: Warehouse, suite: Suite, limits: Mapping[str, float]) -> None:
        self._warehouse = warehouse
        self._suite = suite
        self._limits = limits
        self._made: list[tuple[str, str]] = []

    def evaluate(self, run_id: str) -> Evaluation:
        suite = self._suite
        self._make_contract()
        chosen: list[Expectation] = []
        queries: dict[str, str] = {}
        for entry in (entry for entry in suite.expectations if entry.precondition):
            chosen.append(entry)
            queries[entry.name] = self._finding_table(entry)
            if self._count(entry.name, queries[entry.name]) > 0:
                self._make("view", "batch", f"from {suite.table}", "batch")
                return self._finish(chosen, queries, run_id, is_judged=False)

        self._make("view", "batch", self._sql(suite.batch, "batch"), "batch")
        self._make_relations(suite.relations)
        if suite.quarantine is not None:
            self._judge_rows()
        self._make_relations(suite.clean_relations)
        chosen = list(suite.expectations)
        for entry in chosen:
            if entry.where is not None:
                condition = self._sql(entry.where, entry.name)
                queries[entry.name] = f"select * from batch where ({condition})"
            elif entry.query is not None and not entry.precondition:
                queries[entry.name] = self._finding_table(entry)
        return self._finish(chosen, queries, run_id, is_judged=True)

    def run(self, entry: str, sql: str, parameters: list[Any] | None = None) -> None:
        with self._entry_named(entry):
            self._warehouse.execute(sql, parameters)

    def drop(self) -> None:
        for kind, name in reversed(self._made):
            self._warehouse.execute(f"drop {kind} if exists temp.{name}")

    def _make(self, kind: str, name: str, sql: str, entry: str) -> None:
        self.run(entry, f"create or replace temp {kind} {name} as {sql}")
        self._made.append((kind, name))

    def _make_relations(self, relations: Mapping[str, str]) -> None:
        for name, sql in relations.items():
            self._make("table", name, self._sql(sql, name), name)

    def _finding_table(self, entry: Expectation) -> str:
        name = f"finding_{entry.name}"
        self._make("table", name, self._sql(entry.query or "", entry.name), entry.name)
        return f"select * from {name}"

    def _make_contract(self) -> None:
        """Make ``contract`` and ``actual_columns``: what the table should look like and what it does."""
        table = next((table for table in schemas.CONTRACTS if table.name == self._suite.table), None)
        if table is None:
            raise self._suite.error("table", f"{self._suite.table} is no table of the contracts")
        for name, columns in (
            ("contract", table.columns),
            ("actual_columns", self._warehouse.columns(table.name)),
        ):
            self._make(
                "table", name, "select ''::varchar as column_name, ''::varchar as data_type limit 0", name
            )
            if columns:
                self.run(
                    name, f"insert into {name} select unnest(?), unnest(?)", [[*columns], [*columns.values()]]
                )

    def _judge_rows(self) -> None:
        """Make ``failed``: row_id, expectation and reason of every row that fails a row expectation."""
        empty = "select 0::bigint as row_id, ''::varchar as expectation, ''::varchar as reason limit 0"
        self._make("table", "failed", empty, "failed")
        for entry in self._suite.expectations:
            if entry.severity == "row":
                reason = as_text_expression(entry.reason, self._limits, self._suite, entry.name)
                condition = self._sql(entry.where or "", entry.name)
                sql = f"insert into failed select row_id, ?, {reason} from batch where ({condition})"
                self.run(entry.name, sql, [entry.name])

    def _finish(
        self, chosen: list[Expectation], queries: dict[str, str], run_id: str, *, is_judged: bool
    ) -> Evaluation:
        verdict = validate(self._warehouse, self._suite, queries, chosen, run_id=run_id)
        if is_judged and self._suite.quarantine is not None:
            self._compare(verdict)
        outcomes = tuple(self._outcome(entry, queries.get(entry.name), verdict) for entry in chosen)
        return Evaluation(outcomes, verdict, is_judged)

    def _outcome(self, entry: Expectation, query: str | None, verdict: Verdict) -> Outcome:
        passed, failed = verdict.passed[entry.name], verdict.failed[entry.name]
        findings: tuple[str, ...] = ()
        if query is None:
            findings = () if passed else (f"{entry.description.rstrip('.')}: not so",)
        elif failed:
            findings = self._findings(entry, query)
        return Outcome(entry.name, entry.severity, entry.description, passed, failed, findings)

    def _compare(self, verdict: Verdict) -> None:
        """Raise unless quarantine holds as many rows of each expectation as Great Expectations counted."""
        rows = self._warehouse.read("select expectation, count(*) as n from failed group by expectation")
        counted = dict(rows.iter_rows())
        for entry in self._suite.expectations:
            found, quarantined = verdict.failed[entry.name], counted.get(entry.name, 0)
            if entry.severity == "row" and found != quarantined:
                raise QuantmillError(
                    f"{self._suite.path}: {entry.name}: Great Expectations counted {found} bad rows, "
                    f"quarantine {quarantined}"
                )

    def _count(self, entry: str, query: str) -> int:
        with self._entry_named(entry):
            return int(self._warehouse.value(f"select count(*) from ({query})"))

    def _findings(self, entry: Expectation, query: str) -> tuple[str, ...]:
        template = entry.reason if entry.where is None else f"{self._suite.row}: {entry.reason}"
        text = as_text_expression(template, self._limits, self._suite, entry.name)
        with self._entry_named(entry.name):
            frame = self._warehouse.read(
                f"select {text} as finding from ({query}) order by finding limit {MAX_FINDINGS}"
            )
        return tuple(frame["finding"])

    def _sql(self, text: str, entry: str) -> str:
        return with_limits(text, self._limits, self._suite, entry)

    @contextmanager
    def _entry_named(self, entry: str) -> Iterator[None]:
        try:
            yield
        except QuantmillError:
            raise
        except Exception as error:
            line = str(error).strip().split("\n", 1)[0]
            raise QuantmillError(f"{self._suite.path}: {entry}: cannot be evaluated ({line})") from error
