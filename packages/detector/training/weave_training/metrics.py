"""The figures that a model card and the evaluation report give, always with intervals."""

from __future__ import annotations

import math
from typing import Callable

import numpy as np


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a share. (0, 1) of nothing."""
    if n == 0:
        return 0.0, 1.0
    p, zz = hits / n, z * z
    centre = (p + zz / (2 * n)) / (1 + zz / n)
    half = z / (1 + zz / n) * math.sqrt(p * (1 - p) / n + zz / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def auc(label, score, weight=None) -> float:
    """Area under the ROC curve; ties count half."""
    y = np.asarray(label) > 0
    s = np.asarray(score, dtype=np.float64)
    w = np.ones(len(s)) if weight is None else np.asarray(weight, dtype=np.float64)
    _, rank = np.unique(s, return_inverse=True)
    positive = np.bincount(rank, weights=w * y)
    negative = np.bincount(rank, weights=w * ~y)
    if positive.sum() == 0 or negative.sum() == 0:
        return float("nan")
    below = np.cumsum(negative) - negative
    return float(np.sum(positive * (below + negative / 2)) / (positive.sum() * negative.sum()))


def threshold_at_fpr(benign_score, fpr: float) -> float:
    """The lowest float32 t with at most `fpr` of the benign scores >= t. Above all of them when there are too few."""
    s = np.sort(np.asarray(benign_score, dtype=np.float32))[::-1]
    allowed = int(math.floor(fpr * len(s) + 1e-9))
    return float(np.nextafter(s[allowed], np.float32(np.inf))) if allowed < len(s) else float(s[-1])


def recall_at_fpr(label, score, fpr: float, threshold: float | None = None) -> dict:
    """Recall at a false-positive rate; at a threshold that was chosen elsewhere when one is given (the honest case)."""
    y = np.asarray(label) > 0
    s = np.asarray(score, dtype=np.float32)
    at = threshold_at_fpr(s[~y], fpr) if threshold is None else threshold
    hits, alarms = int((s[y] >= np.float32(at)).sum()), int((s[~y] >= np.float32(at)).sum())
    positives, negatives = int(y.sum()), int((~y).sum())
    return {
        "fpr": fpr,
        "threshold": at,
        "recall": hits / positives if positives else float("nan"),
        "recallInterval": wilson(hits, positives),
        "positives": positives,
        "measuredFpr": alarms / negatives if negatives else float("nan"),
        "fprInterval": wilson(alarms, negatives),
        "negatives": negatives,
    }


def bootstrap(
    figure: Callable[[np.ndarray], float], groups, rounds: int = 1000, seed: int = 1
) -> tuple[float, float, float]:
    """(value, low, high), 95 %: whole groups (capture files, families) are drawn, never rows.

    `figure` gets the indices of the rows that were drawn.
    """
    groups = np.asarray(groups)
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(rounds):
        pick = random.integers(0, len(members), len(members))
        value = figure(np.concatenate([members[i] for i in pick]))
        if not math.isnan(value):
            drawn.append(value)
    low, high = np.quantile(drawn, [0.025, 0.975]) if drawn else (float("nan"), float("nan"))
    return float(figure(np.arange(len(groups)))), float(low), float(high)


def reliability(label, probability, bins: int = 15) -> list[tuple[float, float, int]]:
    """(mean probability, share of positives, rows) of each bin of equal width that has rows."""
    y = np.asarray(label, dtype=np.float64) > 0
    p = np.asarray(probability, dtype=np.float64)
    place = np.minimum((p * bins).astype(int), bins - 1)
    return [
        (float(p[place == b].mean()), float(y[place == b].mean()), int((place == b).sum()))
        for b in range(bins)
        if np.any(place == b)
    ]


def ece(label, probability, bins: int = 15) -> float:
    """Expected calibration error: mean gap between probability and share, weighted by rows."""
    table = reliability(label, probability, bins)
    return sum(abs(p - share) * n for p, share, n in table) / sum(n for _, _, n in table)


def roc(label, score, points: int = 200) -> list[tuple[float, float]]:
    """(false-positive rate, recall) of at most `points` thresholds, ascending; dense where alarms are rare."""
    y = np.asarray(label) > 0
    s = np.asarray(score, dtype=np.float64)
    order = np.argsort(-s, kind="stable")
    last = np.append(np.diff(s[order]) != 0, True)
    x = (np.cumsum(~y[order])[last] / max(1, (~y).sum())).astype(float)
    r = (np.cumsum(y[order])[last] / max(1, y.sum())).astype(float)
    if len(x) > points:
        wanted = np.unique(np.searchsorted(x, np.geomspace(max(1e-6, x[x > 0].min(initial=1e-6)), 1, points - 1)))
        keep = np.unique(np.concatenate([[0], np.minimum(wanted, len(x) - 1)]))
        x, r = x[keep], r[keep]
    return [(0.0, 0.0), *zip(x.tolist(), r.tolist())]
