"""What a pipeline declares about its promotion gate."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from ml_assets.loop.paired import FEWEST_CLUSTERS
from ml_assets.sql.tables import STRICT

Margin = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class GateSpec:
    """What a challenger must show; the champion stays wherever it does not."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """One-sided, of every bound. An equal challenger is promoted once in twenty looks, which harms
    nobody; at .99 a gain must be 3.6 instead of 2.9 standard errors to be found in nine of ten."""
    slice_margin: Margin = 0.02
    """How much worse a slice may become, as a share of the champion's loss there: about one
    standard error of a slice with a thousand rows, so that equal slices are left alone."""
    slice_worse: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """How much worse a slice, the Brier score or the RMSE must be, as a share of the champion's, to
    be found in nine of ten looks, and how much farther from 1 observed / expected; data that cannot
    show it are "not enough data", which neither passes nor fails. A tenth is five margins of a
    loss, and more than retraining gains."""
    minimum_support: Annotated[int, Field(ge=1)] = 500
    """Rows below which a slice is only counted, as in the evaluation's report. From there on what
    is shown to be worse fails; whether the rest passes is a matter of `slice_worse`."""
    minimum_clusters: Annotated[int, Field(ge=FEWEST_CLUSTERS)] = FEWEST_CLUSTERS
    """Days a slice needs to be judged: two whole weeks."""
    metric_margin: Margin = 0.02
    """How much worse the Brier score or the RMSE may become, as a share of the champion's: they
    follow the loss, so that one for the other is a small trade or a sign of a fault."""
    calibration_margin: Margin = 0.05
    """How much farther from 1 observed / expected may be: less than one standard error (.07) of a
    month of 27,000 rows, a fifth of them positive, with a design effect of 30."""
    latency_limit_us: Annotated[float, Field(ge=0)] = 200.0
    """Microseconds a row that are allowed whatever the champion takes: a million rows in three
    minutes. A first champion of few trees would otherwise keep out every larger model."""
    latency_factor: Annotated[float, Field(ge=1)] = 3.0
    """Beyond that limit, at most so many times the champion's: room for more trees and for a
    machine that does other work. Threads that fight for cores, 10 to 20 times slower, fail."""
    size_limit_mb: Annotated[float, Field(gt=0)] = 100.0
    """Packed size: some fifty times 300 trees of 63 leaves (2 MB); beyond, something grows."""
