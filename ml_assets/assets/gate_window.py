"""What the gate looks at: both versions on mature rows that neither was trained on, and in use."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.errors import TrackingError
from ml_assets.loop.gate import Operation
from ml_assets.loop.paired import Comparison
from ml_assets.ml.classes import aligned, codes
from ml_assets.ml.codec import fit as fit_codec
from ml_assets.ml.model import vocabulary
from ml_assets.ml.slices import slice_values
from ml_assets.ml.training_table import clusters, partitions_of, spread
from ml_assets.tables.challenger import closed_partitions, label_times
from ml_assets.tables.spine import feature_names
from ml_assets.tables.training import read
from ml_assets.warehouse.lake import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from ml_assets.assets.training_set import Reading
    from ml_assets.ml.model import Model
    from ml_assets.registry.record import TrainingRecord
    from ml_assets.registry.versions import Version
    from ml_assets.tables.pipeline import Pipeline
    from ml_assets.warehouse.settings import Settings

GOLDEN = 300
"""Rows that a fresh process has to answer identically: every kind of row, in kilobytes."""
TIMED = 10_000
"""Rows of one timed call: long enough for a clock, short enough to repeat."""
CALLS = 5
"""Timed calls of each model, in turn, so that a busy moment of the machine meets both."""


@dataclass(frozen=True)
class Contender:
    """A version as it is compared: its model as trained and what it remembers."""

    version: Version
    record: TrainingRecord
    model: Model

    @property
    def name(self) -> str:
        """The version as a sentence names it."""
        return f"version {self.version.version}"


def contender(settings: Settings, version: Version) -> Contender:
    """Load a version to be compared."""
    from ml_assets.registry.package import load_native
    from ml_assets.registry.record import read_record

    uri = settings.tracking_uri
    return Contender(version, read_record(uri, version.run_id), load_native(uri, version.uri))


@dataclass(frozen=True)
class Rows:
    """The rows of a look, with the features of each contender: of one entity in one line."""

    champion: pa.Table
    challenger: pa.Table
    snapshot: int
    """That the champion's features are read at."""
    unseen: int
    """Partitions with rows that neither was trained on, also where the champion has no features."""

    @property
    def ended(self) -> bool:
        """Whether there are partitions that the champion will never have features of."""
        return len(partitions_of(self.champion)) < self.unseen


def read_window(
    pipeline: Pipeline, settings: Settings, source: Reading, *contenders: Contender
) -> pa.Table:
    """Return the rows of all closed partitions later than any contender's, with all their features.

    Those before a rolling window are unseen as well, and past. Of a partition whose labels are
    still coming, those known are not like the rest: it is left to the next challenger.
    """
    newest = max(key for one in contenders for key in one.record.trained_on)
    names = dict.fromkeys(name for one in contenders for name in one.record.features)
    with connect(pipeline.name, settings, snapshot=source.snapshot) as con:
        known = label_times(con, pipeline, source.as_of)
        closed = closed_partitions(pipeline, known, source.as_of)
        keys = [key for key in closed if key > newest]
        return read(con, pipeline, source.as_of, list(names), keys)


def comparison(
    pipeline: Pipeline, rows: Rows, champion: Contender, challenger: Contender
) -> Comparison:
    """Return both contenders' answers on the same rows, with the report's slices."""
    threads, today = pipeline.declaration.model.threads, rows.challenger
    # Of several classes on all that either knows, or that happened.
    classes = vocabulary(today, (champion.model, challenger.model))
    before, after = (
        aligned(one.model.predict(asked, threads), one.model.classes, classes)
        for one, asked in ((champion, rows.champion), (challenger, today))
    )
    return Comparison(
        problem=pipeline.declaration.model.problem,
        label=codes(today, classes),
        champion=before,
        challenger=after,
        classes=classes,
        clusters=clusters(today),
        slices={name: slice_values(today, name) for name in pipeline.declaration.evaluation.slices},
    )


def operate(
    pipeline: Pipeline,
    settings: Settings,
    rows: Rows,
    champion: Contender,
    challenger: Contender,
    on_fault: Callable[[str], None],
) -> Operation:
    """Load and call both contenders on sampled rows, and keep the golden ones with the run."""
    model, threads = challenger.model, pipeline.declaration.model.threads
    latency = _latency(rows, champion.model, model, threads)
    golden = golden_rows(rows.challenger, model)
    _keep_golden(settings, challenger, golden)
    return Operation(
        golden_identical=golden_identical(
            settings, challenger.version.uri, model, golden, on_fault
        ),
        signature_known=_signature_known(pipeline, rows.challenger, model),
        champion_latency=latency[0],
        challenger_latency=latency[1],
        megabytes=sum(len(text.encode()) for text in model.files.values()) / 1e6,
    )


def golden_rows(rows: pa.Table, model: Model) -> pa.Table:
    """Return the model's features in a few hundred rows, spread over all of `rows`."""
    return spread(rows, GOLDEN).select(list(model.codec.names))


def golden_identical(
    settings: Settings,
    uri: str,
    model: Model,
    golden: pa.Table,
    on_fault: Callable[[str], None],
) -> bool:
    """Return whether a fresh process answers exactly as `model` does here; faults are told."""
    from ml_assets.registry.golden import fresh_scores

    try:
        answered = fresh_scores(settings.tracking_uri, uri, golden)
    except TrackingError as error:
        on_fault(str(error))
        return False
    return np.array_equal(answered, model.predict(golden))


def _keep_golden(settings: Settings, challenger: Contender, golden: pa.Table) -> None:
    from ml_assets.registry.golden import log_golden

    scores = challenger.model.predict(golden)
    log_golden(settings.tracking_uri, challenger.version.run_id, golden, scores)


def _latency(rows: Rows, champion: Model, challenger: Model, threads: int) -> tuple[float, float]:
    """Return each one's median microseconds a row; both have answered before."""
    timed = [(champion, spread(rows.champion, TIMED)), (challenger, spread(rows.challenger, TIMED))]
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(CALLS):
        for (model, asked), seconds in zip(timed, taken, strict=True):
            began = time.perf_counter()
            model.predict(asked, threads)
            seconds.append(time.perf_counter() - began)
    count = timed[0][1].num_rows
    champions, challengers = (median(seconds) * 1e6 / count for seconds in taken)
    return champions, challengers


def _signature_known(pipeline: Pipeline, rows: pa.Table, model: Model) -> bool:
    """Return whether every input is a feature of today, of the kind that the lake holds."""
    today = set(feature_names(pipeline))
    names = [name for name in model.codec.names if name in today]
    kinds = {feature.name: feature.kind for feature in fit_codec(rows.slice(0, 0), names).features}
    return all(kinds.get(feature.name) == feature.kind for feature in model.codec.features)
