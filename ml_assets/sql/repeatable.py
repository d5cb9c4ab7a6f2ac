"""What makes a SELECT answer differently for the same rows: the clock, chance, the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOCK = (
    exp.CurrentDate,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.Localtime,
    exp.Localtimestamp,
)
CHANCE = (exp.Rand, exp.TableSample, exp.Uuid)
CLOCK_NAMES = frozenset(
    {"get_current_time", "get_current_timestamp", "now", "transaction_timestamp"}
)
CHANCE_NAMES = frozenset({"nextval", "random", "setseed", "txid_current", "uuidv4", "uuidv7"})
SESSION_NAMES = frozenset({"current_setting", "getenv"})


def unrepeatable(query: exp.Expr) -> Iterator[tuple[exp.Expr, str, str]]:
    """Yield each part of `query` that is not a function of the rows, with the fact and a hint."""
    for node in query.walk():
        name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
        if isinstance(node, CLOCK) or name in CLOCK_NAMES:
            yield (
                node,
                "the SELECT reads the clock.",
                "Compare with a column of the rows, such as known_at or prediction_time.",
            )
        elif isinstance(node, CHANCE) or name in CHANCE_NAMES:
            yield node, "the SELECT depends on chance.", "Order or sample by hash() of the key."
        elif name in SESSION_NAMES:
            yield (
                node,
                "the SELECT reads a setting of the session.",
                "Write the value, or read getvariable('time_zone').",
            )
