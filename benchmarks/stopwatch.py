"""A stopwatch on the functions between which the pipeline's time is split."""

from __future__ import annotations

import functools
import importlib
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

P = ParamSpec("P")
R = TypeVar("R")

PARTS = {
    "read the sources": ["tables.load.read_source"],
    "SELECTs and contracts": ["tables.build._run_select"],
    "accounting": [
        "tables.account.account_slices",
        "tables.account.count_rows",
        "tables.load._account",
        "tables.load._checked",
    ],
    "write Parquet": ["tables.store._replace"],
    "content hash": ["warehouse.slices.content_hashes"],
    "ledger": ["warehouse.ledger.current", "warehouse.ledger.record"],
    "commit": ["warehouse.commit._attempt"],
    "time travel": ["tables.time_travel.travel"],
    "read the training set": ["assets.train.read_at"],
    "tune": ["ml.tune.tune"],
    "train": ["ml.boost.train"],
    "baselines": ["ml.baselines.fit"],
    "evaluate": ["ml.evaluate.evaluate"],
    "MLflow": [
        f"registry.{name}"
        for name in (
            "store.prepare",
            "tracking._start",
            "tracking.log",
            "tracking.log_input",
            "tracking.log_metrics",
            "tracking.log_text",
            "package.log_model",
            "package.log_baselines",
            "package.load_native",
            "package.load_baselines",
            "record.log_record",
            "record.read_record",
            "versions.register",
            "versions.versions",
            "versions.set_alias",
        )
    ],
    "report": ["reports.report.render"],
}


class Stopwatch:
    """Seconds and CPU seconds per part; within nested parts, time counts for the innermost."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.cpu_seconds: dict[str, float] = defaultdict(float)
        """Of this process with all its threads."""
        self._open: list[str] = []
        self._since = (0.0, 0.0)

    def attach(self) -> None:
        """Put the stopwatch around every function of PARTS, wherever it is or will be imported."""
        owners = {name: _owner(name) for names in PARTS.values() for name in names}
        # A module that is loaded later imports what is timed; loading all now would cost seconds.
        loaded = [vars(each) for name, each in sys.modules.items() if name.startswith("ml_assets")]
        for part, names in PARTS.items():
            for name in names:
                original = getattr(owners[name], name.rpartition(".")[2])
                timed = self._timed(part, original)
                for namespace in loaded:
                    for known, value in list(namespace.items()):
                        if value is original:
                            namespace[known] = timed

    def _timed(self, part: str, function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            self._switch()
            self._open.append(part)
            try:
                return function(*args, **kwargs)
            finally:
                self._switch()
                self._open.pop()

        return timed

    def _switch(self) -> None:
        now = (time.monotonic(), time.process_time())
        if self._open:
            self.seconds[self._open[-1]] += now[0] - self._since[0]
            self.cpu_seconds[self._open[-1]] += now[1] - self._since[1]
        self._since = now


def _owner(name: str) -> ModuleType:
    return importlib.import_module(f"ml_assets.{name}".rpartition(".")[0])
