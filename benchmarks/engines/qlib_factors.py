"""Alpha158 and the fourteen factors by qlib itself, from its store to a frame in memory, in two processes.

Without its caches of expressions, which would answer the second time from disk.
"""

from __future__ import annotations

import importlib.metadata
import warnings

from benchmarks.engines.factors import NAMES
from benchmarks.engines.protocol import arguments, sampled, say, timed

_PROCESSES = 2


def main() -> None:
    """Compute a case."""
    warnings.filterwarnings("ignore")
    import pandas as pd
    import qlib
    from qlib.config import REG_US
    from qlib.contrib.data.loader import Alpha158DL
    from qlib.data import D
    from qlib.data.cache import H

    job = arguments(tuple(NAMES))
    qlib.init(provider_uri=str(job.data / "qlib"), region=REG_US, kernels=_PROCESSES, logging_level=40)
    wanted = {
        "kbar": {},
        "price": {"windows": [0], "feature": ["OPEN", "HIGH", "LOW", "VWAP"]},
        "rolling": {},
    }
    definitions, names = Alpha158DL.get_feature_config(wanted)
    definition_of = dict(zip(names, definitions, strict=True))
    columns = NAMES[job.case]
    symbols = sorted(D.list_instruments(D.instruments("all"), as_list=True))

    def compute() -> pd.DataFrame:
        H.clear()
        expressions = [definition_of[name] for name in columns]
        frame: pd.DataFrame = D.features(symbols, expressions, freq="day", disk_cache=0)
        return frame

    frame, seconds = timed(compute, job.repeats)
    frame.columns = list(columns)
    sample = frame.loc[sampled(symbols)].rename_axis(["symbol", "session_date"]).reset_index()
    sample["symbol"] = sample["symbol"].astype(str).str.upper()
    sample["session_date"] = sample["session_date"].dt.date
    sample.to_parquet(job.out)
    version = importlib.metadata.version("pyqlib")
    say(f"qlib {version}, {_PROCESSES} processes", seconds, rows=len(frame), columns=len(columns))


if __name__ == "__main__":
    main()
