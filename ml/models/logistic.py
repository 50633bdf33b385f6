"""Ridge-penalised logistic regression on z-scored features: the linear yardstick."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

from ml.config import LogisticConfig
from ml.matrix import Matrix
from ml.models.base import Floats
from transforms.errors import ArtifactError, QuantmillError

_LARGEST_GRADIENT = 1e-3  # of the mean log likelihood; beyond it the optimiser has not arrived


# Folds are fitted side by side, and Python's warning filters belong to the whole process.
_WARNINGS = threading.Lock()


@dataclass(frozen=True)
class _Fit:
    """What is learnt. Lists of k floats: ``median`` fills NaN, then z = (x − ``mean``) / ``scale``."""

    features: list[str]
    median: list[float]
    mean: list[float]
    scale: list[float]
    coefficients: list[float]
    intercept: float


class LogisticModel:
    """Maximum likelihood less ``alpha / 2 · Σ coefficient²`` per row; the intercept is not penalised.

    Median, mean and scale are the training rows' alone. A feature without any training value, or with only
    one, counts as zero. There is nothing to stop early, so validation is not used.
    """

    suffix: ClassVar[str] = ".json"

    def __init__(self, config: LogisticConfig, *, threads: int) -> None:
        self._config = config
        self._fitted: _Fit | None = None

    @property
    def _fit(self) -> _Fit:
        if self._fitted is None:
            raise QuantmillError("this logistic model is neither fitted nor loaded")
        return self._fitted

    @property
    def best_iteration(self) -> int | None:
        return None

    def fit(
        self, x: Matrix, y: Matrix, x_validation: Matrix, y_validation: Matrix, features: Sequence[str]
    ) -> None:
        from statsmodels.genmod.families import Binomial
        from statsmodels.genmod.generalized_linear_model import GLM
        from statsmodels.tools.sm_exceptions import ConvergenceWarning

        design = np.ones((len(x), len(features) + 1))
        median, mean, scale = (np.zeros(len(features)) for _ in range(3))
        for place in range(len(features)):
            column = x[:, place].astype(np.float64)
            known = column[~np.isnan(column)]
            median[place] = np.median(known) if len(known) else 0.0
            column[np.isnan(column)] = median[place]
            mean[place] = column.mean()
            deviation = column.std()
            # Relative, because the mean of equal values can differ from them in the last bit.
            varies = deviation > 1e-12 * max(1.0, abs(mean[place])) and len(known) > 0
            scale[place] = deviation if varies else np.inf
            design[:, place + 1] = (column - mean[place]) / scale[place]
        model = GLM(y.astype(np.float64), design, family=Binomial())
        penalty = np.full(len(features) + 1, self._config.alpha)
        penalty[0] = 0.0
        with _WARNINGS, warnings.catch_warnings():
            # It warns whenever a line search ends at machine precision; the gradient says if that is enough.
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = np.asarray(model.fit_regularized(method="elastic_net", alpha=penalty, L1_wt=0.0).params)
        gradient = model.score(found) / len(x) - penalty * found
        if not np.isfinite(found).all() or np.abs(gradient).max() > _LARGEST_GRADIENT:
            raise QuantmillError(
                f"the logistic regression did not converge (gradient {np.abs(gradient).max():.1e}): "
                f"raise model.alpha, was {self._config.alpha}"
            )
        used = np.isfinite(scale)
        self._fitted = _Fit(
            features=list(features),
            median=median.tolist(),
            mean=mean.tolist(),
            scale=np.where(used, scale, 1.0).tolist(),
            coefficients=np.where(used, found[1:], 0.0).tolist(),
            intercept=float(found[0]),
        )

    def predict(self, x: Matrix) -> Floats:
        from scipy.special import expit  # type: ignore[import-untyped]

        fit = self._fit
        # Column by column, not as a matrix product: BLAS sums in an order that depends on the number of rows.
        margin = np.full(len(x), fit.intercept)
        for place, coefficient in enumerate(fit.coefficients):
            column = x[:, place].astype(np.float64)
            column[np.isnan(column)] = fit.median[place]
            margin += (column - fit.mean[place]) / fit.scale[place] * coefficient
        return np.asarray(expit(margin), dtype=np.float64)

    def importance(self) -> Floats:
        sizes = np.abs(np.array(self._fit.coefficients, dtype=np.float64))
        total = sizes.sum()
        return sizes / total if total > 0 else sizes

    def to_bytes(self) -> bytes:
        return (json.dumps(asdict(self._fit), sort_keys=True, indent=1, allow_nan=False) + "\n").encode()

    def load_bytes(self, data: bytes) -> None:
        try:
            self._fitted = _Fit(**json.loads(data))
        except (ValueError, TypeError) as error:
            raise ArtifactError(f"the artifact is no logistic model ({error}): train again") from error
