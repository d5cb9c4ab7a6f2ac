"""BG/NBD: customers buy at a rate of their own and may be gone after each purchase.

Fader, Hardie and Lee (2005), "Counting your customers" the easy way. Rates differ between customers
as a gamma distribution (r, alpha), chances to be gone as a beta distribution (a, b).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
NAMES = ("r", "alpha", "a", "b")
WEEK = 7
AHEAD = 13
"""Weeks that are predicted: the label's 91 days."""


def fit(customer_id: Array, frequency: Array, recency: Array, age: Array) -> dict[str, float]:
    """Return the parameters of the highest likelihood, from each customer's newest row."""
    from scipy.optimize import minimize

    newest = np.lexsort((age, customer_id))
    newest = newest[np.append(np.diff(customer_id[newest]) != 0, True)]
    history = np.column_stack([frequency, recency, age])[newest].astype(np.float64)
    distinct, counts = np.unique(history, axis=0, return_counts=True)
    purchases, last, watched = distinct[:, 0], distinct[:, 1] / WEEK, distinct[:, 2] / WEEK

    def loss(logarithms: Array) -> float:
        found = dict(zip(NAMES, np.exp(logarithms).tolist(), strict=True))
        return float(
            -(counts * log_likelihood(found, purchases, last, watched)).sum() / len(newest)
        )

    best = minimize(loss, np.zeros(4), method="L-BFGS-B", options={"ftol": 1e-12, "gtol": 1e-7})
    return dict(zip(NAMES, np.exp(best.x).tolist(), strict=True))


def predict(parameters: dict[str, float], frequency: Array, recency: Array, age: Array) -> Array:
    """Return the probability of a purchase in the next AHEAD weeks."""
    r, alpha, a, b = (parameters[name] for name in NAMES)
    purchases, last, watched = frequency, recency / WEEK, age / WEEK
    gone = np.where(purchases > 0, a / (b + np.maximum(purchases, 1) - 1), 0.0)
    gone = gone * ((alpha + watched) / (alpha + last)) ** (r + purchases)
    silent = ((alpha + watched) / (alpha + watched + AHEAD)) ** (r + purchases)
    return np.asarray((1 - silent) / (1 + gone))


def log_likelihood(
    parameters: dict[str, float], purchases: Array, last: Array, watched: Array
) -> Array:
    """Return each customer's, of repeat purchases, and weeks until the last one and until now."""
    from scipy.special import betaln, gammaln

    r, alpha, a, b = (parameters[name] for name in NAMES)
    rate = gammaln(r + purchases) - gammaln(r) + r * np.log(alpha)
    stayed = betaln(a, b + purchases) - betaln(a, b) - (r + purchases) * np.log(alpha + watched)
    left = betaln(a + 1, b + np.maximum(purchases, 1) - 1) - betaln(a, b)
    left = left - (r + purchases) * np.log(alpha + last)
    return np.asarray(rate + np.where(purchases > 0, np.logaddexp(stayed, left), stayed))
