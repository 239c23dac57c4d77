"""The two models of the ensemble, and how the members vote. src/ensemble/vote.ts has the same rules."""

from __future__ import annotations

import numpy as np
from weave_training import metrics

from windows import CLASSES, Windows

TREES = 120
WEIGHTS = {"rules": 1.0, "trees": 0.5, "outlier": 0.5}
# A model's vote counts whole from the first on, half from the second on.
STRICT, LOOSE = 1e-3, 1e-2
# Packets per second below which nothing is a flood that only a model sees.
MIN_RATE = 100.0

PARAMETERS = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.05,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
    "seed": 1,
}


def fit_trees(w: Windows, rows, label=None):
    import lightgbm

    y = (w.attack if label is None else label)[rows].astype(int)
    # Both kinds weigh the same: how rare attacks are is not known from captures.
    weight = np.where(y == 1, 0.5 / max(1, (y == 1).sum()), 0.5 / max(1, (y == 0).sum())) * len(rows)
    return lightgbm.train(PARAMETERS, lightgbm.Dataset(w.x[rows], y, weight=weight, free_raw_data=True), TREES)


def trees_margin(booster, x) -> np.ndarray:
    return booster.predict(x, raw_score=True, num_threads=1)


def fit_outlier(w: Windows, rows):
    from sklearn.ensemble import IsolationForest

    return IsolationForest(n_estimators=100, max_samples=256, random_state=1, n_jobs=1).fit(w.x[rows[~w.attack[rows]]])


def outlier_margin(forest, x) -> np.ndarray:
    return -forest.score_samples(x) if len(x) > 0 else np.zeros(0)


def thresholds(w: Windows, margin, benign_rows, fpr: float) -> np.ndarray:
    """One for each class; of too few windows, above all that were seen."""
    everything = metrics.threshold_at_fpr(margin[benign_rows], fpr)
    found = np.full(len(CLASSES), everything)
    for kind in range(len(CLASSES)):
        own = benign_rows[w.kind[benign_rows] == kind]
        if len(own) >= 100:
            found[kind] = metrics.threshold_at_fpr(margin[own], fpr)
    return found


def votes(margin, strict, loose, kind, fast) -> np.ndarray:
    """0, 0.5 or 1 of each row."""
    return np.where(fast, 0.5 * (margin >= loose[kind]) + 0.5 * (margin >= np.maximum(strict, loose)[kind]), 0.0)


def decide(rules, trees, outlier, members=("rules", "trees", "outlier")) -> np.ndarray:
    """2 attack, 1 unsure, 0 clear. A member that is left out says nothing; alone, a model needs its whole vote."""
    said = {"rules": np.asarray(rules, float), "trees": trees, "outlier": outlier}
    weight = {name: 1.0 for name in members} if len(members) == 1 else WEIGHTS
    total = sum(weight[name] * said[name] for name in members)
    return np.where(total >= 1, 2, np.where(total >= 0.5, 1, 0))
