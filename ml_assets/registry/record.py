"""What a model version remembers, so that it can be rebuilt bit for bit or told why not."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets.errors import TrackingError
from ml_assets.registry.tracking import (
    RunHandle,
    TrainingInput,
    log,
    log_input,
    log_text,
    read_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_assets.ml.spec import Parameter

FILE = "training_record.json"
FORMAT = 1
LIBRARIES = ("duckdb", "lightgbm", "ml-assets", "numpy", "optuna", "pyarrow", "scikit-learn")
"""The distributions whose versions can change a model."""


@dataclass(frozen=True)
class Environment:
    """The machine and the libraries a model was trained with."""

    python: str
    system: str
    architecture: str
    cpu: str
    libraries: Mapping[str, str]


@dataclass(frozen=True)
class TrainingRecord:
    """All that went into one model version."""

    pipeline: str
    snapshot_id: int
    """The lake's snapshot every input was read at."""
    windows: Mapping[str, list[str]]
    """Partitions by use: train, tune, test."""
    cutoffs: Mapping[str, str]
    """ISO instants: what was known when, such as the last moment a label had to be known."""
    features: list[str]
    parameters: Mapping[str, Parameter]
    rounds: int
    seed: int
    threads: int
    training_rows: int
    purged: int
    """Rows left out because their label was not known when the test window began."""
    training_set_hash: str
    model_hash: str
    code_versions: Mapping[str, str]
    """Code version by table, and of the training code itself."""
    environment: Environment
    question: str = ""
    """What the model answers: problem, table and value of the label; empty in older records."""
    candidate: str = "lightgbm"
    """Which candidate it is: LightGBM, or a baseline that was better on the tuning partitions."""
    losses: Mapping[str, float] = field(default_factory=dict)
    """Candidate to mean loss on the tuning partitions, by which it was chosen."""

    def to_json(self) -> str:
        """Return the record as JSON, keys sorted."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> TrainingRecord:
        """Read what `to_json` wrote; a newer format is a TrackingError."""
        values = json.loads(text)
        found = values.pop("format")
        if found != FORMAT:
            raise TrackingError(
                f"The training record has format {found}, this ml_assets reads {FORMAT}.",
                "Use the ml_assets version that trained the model.",
            )
        values["environment"] = Environment(**values["environment"])
        return TrainingRecord(**values)

    @property
    def labels_known_by(self) -> datetime:
        """The instant by which a label had to be known to be in the training set."""
        return datetime.fromisoformat(self.cutoffs["labels_known_by"])

    @property
    def trained_on(self) -> frozenset[str]:
        """The partitions whose labels the model has seen, to train or to tune."""
        return frozenset(self.windows["train"]) | frozenset(self.windows["tune"])

    def tags(self) -> dict[str, str]:
        """Return what is worth searching for as tags of the MLflow run."""
        return {
            "lake.snapshot_id": str(self.snapshot_id),
            "candidate": self.candidate,
            "model_hash": self.model_hash,
            "training_set_hash": self.training_set_hash,
            "python": self.environment.python,
            "cpu": self.environment.cpu,
            **{f"library.{name}": found for name, found in self.environment.libraries.items()},
            **{f"code_version.{table}": found for table, found in self.code_versions.items()},
        }


def log_training(handle: RunHandle, record: TrainingRecord, metrics: Mapping[str, float]) -> None:
    """Log what went into a model: input, parameters, tags, `metrics`, and the record itself."""
    data = TrainingInput(
        f"{record.pipeline}.training_set",
        record.snapshot_id,
        record.training_set_hash,
        record.training_rows,
    )
    log_input(handle, data)
    log(
        handle,
        params={**record.parameters, "rounds": record.rounds, "seed": record.seed},
        metrics={**metrics, "training_rows": record.training_rows},
        tags=record.tags(),
    )
    log_record(handle, record)


def log_record(handle: RunHandle, record: TrainingRecord) -> None:
    """Write the record as an artifact of the run."""
    log_text(handle.tracking_uri, handle.run_id, FILE, record.to_json())


def read_record(tracking_uri: str, run_id: str) -> TrainingRecord:
    """Read the record of the run behind a model version."""
    return TrainingRecord.from_json(read_text(tracking_uri, run_id, FILE))


def environment() -> Environment:
    """Return this process's machine and libraries."""
    return Environment(
        python=platform.python_version(),
        system=platform.system(),
        architecture=platform.machine(),
        cpu=_cpu(),
        libraries={name: _version(name) for name in LIBRARIES},
    )


def differences(
    record: TrainingRecord, now: Environment, code_versions: Mapping[str, str]
) -> list[str]:
    """Say in words what is not as when the model was trained; empty if all is the same."""
    then = record.environment
    machine = (
        ("Python", then.python, now.python),
        ("operating system", then.system, now.system),
        ("architecture", then.architecture, now.architecture),
        ("CPU", then.cpu, now.cpu),
    )
    return [
        *(_changed(what, old, new) for what, old, new in machine if old != new),
        *_compared("library", then.libraries, now.libraries),
        *_compared("code of", record.code_versions, code_versions),
    ]


def _compared(what: str, then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    names = sorted({*then, *now})
    pairs = ((name, then.get(name, "absent"), now.get(name, "absent")) for name in names)
    return [_changed(f"{what} {name}", old, new) for name, old, new in pairs if old != new]


def _changed(what: str, old: str, new: str) -> str:
    return f"{what}: {old} then, {new} now"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _cpu() -> str:
    """Return the CPU's model name; its instruction set can change the last digits of a sum."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
