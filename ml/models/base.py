"""What every model can do, and how a config becomes one."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ml.config import ModelConfig
from ml.matrix import Matrix
from transforms.errors import ArtifactError, QuantmillError

Floats = NDArray[np.float64]


class Model(Protocol):
    """A probabilistic classifier of the label's sign.

    Matrices are (n, k) float32 with NaN for missing and never infinite; labels (n,) float32 of 0.0 and 1.0,
    both present. A row's probability depends on that row alone, bit for bit, whatever else is in the matrix
    and however many threads there are.
    """

    suffix: ClassVar[str]  # of its artifact, such as ".ubj"

    @property
    def best_iteration(self) -> int | None:
        """The round (from 0) with the best validation log loss; None for a model without rounds."""
        ...

    def fit(
        self, x: Matrix, y: Matrix, x_validation: Matrix, y_validation: Matrix, features: Sequence[str]
    ) -> None:
        """Learn from ``x`` and ``y``; validation serves to stop early and for nothing else."""
        ...

    def predict(self, x: Matrix) -> Floats:
        """Return the probability of a positive label, (n,)."""
        ...

    def importance(self) -> Floats:
        """Return each feature's share, (k,), summing to 1; all 0 where the model uses none."""
        ...

    def to_bytes(self) -> bytes:
        """Return the artifact: UBJ or JSON, never a pickle. The same model gives the same bytes."""
        ...

    def load_bytes(self, data: bytes) -> None:
        """Become the model of an artifact. The caller has checked the bytes' SHA-256.

        Raises:
            ArtifactError: They are no artifact of this model.
        """
        ...


def open_model(config: ModelConfig, *, threads: int) -> Model:
    """Return an unfitted model of the class that ``config.implementation`` names (``module:Class``).

    Args:
        config: The model's config; its class decides the model's.
        threads: Threads to fit and predict with; 0 takes one per core.

    Raises:
        QuantmillError: The config's class names no implementation.
    """
    module, _, name = config.implementation.partition(":")
    if not name:
        raise QuantmillError(f"{type(config).__name__}.implementation must be module:Class, was {module!r}")
    factory: Any = getattr(importlib.import_module(module), name)
    return cast(Model, factory(config, threads=threads))


def known_config(implementation: str, values: dict[str, Any]) -> ModelConfig:
    """Return the config of a manifest: only implementations that a config class names are ever imported.

    Raises:
        ArtifactError: No config class names this implementation, or it does not take these values.
    """
    pending = [ModelConfig]
    while pending:
        kind = pending.pop()
        pending.extend(kind.__subclasses__())
        if implementation and kind.implementation == implementation:
            try:
                return kind(**values)
            except TypeError as error:
                raise ArtifactError(
                    f"{kind.__name__} does not take the manifest's config ({error}): train again"
                ) from error
    raise ArtifactError(f"no model config names the implementation {implementation!r}: train again")
