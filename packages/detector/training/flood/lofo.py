"""Leave one family out: what was never shown, against benign captures that were never shown either."""

from __future__ import annotations

import numpy as np

from members import LOOSE, STRICT, fit_outlier, fit_trees, outlier_margin, thresholds, trees_margin, votes
from windows import FOLDS, Windows


def outlier_of_folds(w: Windows) -> tuple[np.ndarray, list]:
    """Each window's score by the forest that saw no window of its fold; and the five forests."""
    margin, forests = np.empty(len(w.x)), []
    for fold in range(FOLDS):
        forest = fit_outlier(w, w.capped((w.fold != fold) & ~w.attack & ~w.fresh))
        own = w.rows(w.fold == fold)
        margin[own] = outlier_margin(forest, w.x[own])
        forests.append(forest)
    return margin, forests


def left_out(w: Windows, families, outlier: np.ndarray, forests, tree_label=None) -> dict:
    """Votes on benign windows of the fold that each model did not see, and on the families that none saw.

    Of an attack window there are five models' votes: rows of `attack_*` are folds.
    """
    hidden = np.isin(w.family, families)
    benign = w.rows(~w.attack)
    attack = w.rows(hidden)
    boosters, margin = [], np.full(len(w.x), np.nan)
    for fold in range(FOLDS):
        booster = fit_trees(w, w.capped((w.fold != fold) & ~hidden & ~w.fresh), tree_label)
        own = w.rows((w.fold == fold) & ~hidden)
        margin[own] = trees_margin(booster, w.x[own])
        boosters.append(booster)
    benign_votes = np.zeros((2, len(w.x)))
    attack_votes = np.zeros((2, FOLDS, len(attack)))
    attack_margin = np.zeros((2, FOLDS, len(attack)))
    for fold in range(FOLDS):
        # Thresholds come from the benign windows of the other folds, each scored by a model that had not seen it.
        known = benign[(w.fold[benign] != fold) & ~w.fresh[benign]]
        own = benign[w.fold[benign] == fold]
        for at, (scores, score) in enumerate(
            ((margin, lambda x: trees_margin(boosters[fold], x)), (outlier, lambda x: outlier_margin(forests[fold], x)))
        ):
            strict, loose = (thresholds(w, scores, known, fpr) for fpr in (STRICT, LOOSE))
            benign_votes[at, own] = votes(scores[own], strict, loose, w.kind[own], w.fast[own])
            attack_margin[at, fold] = score(w.x[attack])
            attack_votes[at, fold] = votes(attack_margin[at, fold], strict, loose, w.kind[attack], w.fast[attack])
    return {
        "attack": attack,
        "benign": benign,
        "benign_votes": benign_votes,
        "attack_votes": attack_votes,
        "attack_margin": attack_margin,
        "margin": margin,
    }
