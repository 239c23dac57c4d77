"""From margins to probabilities. Fit on rows that the model has not seen; applied inside the ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def _f32(values) -> np.ndarray:
    return np.asarray(values, dtype=np.float32)


@dataclass(frozen=True)
class Platt:
    """probability = 1 / (1 + exp(-(slope * margin + intercept)))"""

    slope: float
    intercept: float

    def apply(self, margin) -> np.ndarray:
        inner = _f32(margin) * np.float32(self.slope) + np.float32(self.intercept)
        return _f32(1.0 / (1.0 + np.exp(-inner.astype(np.float64))))


@dataclass(frozen=True)
class Steps:
    """A non-decreasing step function: values[i] for edges[i-1] < margin <= edges[i]. One value more than edges."""

    edges: np.ndarray
    values: np.ndarray

    def __post_init__(self):
        if len(self.values) != len(self.edges) + 1:
            raise ValueError(f"Cannot calibrate: {len(self.values)} values, wanted {len(self.edges) + 1}")
        if np.any(np.diff(self.edges) <= 0) or np.any(np.diff(self.values) < 0):
            raise ValueError("Cannot calibrate: edges or values descend, wanted ascending ones")

    def apply(self, margin) -> np.ndarray:
        return _f32(self.values)[np.searchsorted(_f32(self.edges), _f32(margin), side="left")]


def platt(margin, label, weight=None) -> Platt:
    """Logistic regression on one input, with Platt's prior-smoothed targets, by Newton's method. The slope is >= 0."""
    m = np.asarray(margin, dtype=np.float64)
    y = np.asarray(label, dtype=np.float64)
    w = np.ones_like(m) if weight is None else np.asarray(weight, dtype=np.float64)
    positives, negatives = float(w[y > 0].sum()), float(w[y <= 0].sum())
    if positives == 0 or negatives == 0:
        raise ValueError("Cannot calibrate: one class only, wanted both")
    target = np.where(y > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    scale = float(np.std(m)) or 1.0
    x = np.stack([m / scale, np.ones_like(m)], axis=1)
    beta = np.array([0.0, np.log((positives + 1) / (negatives + 1))])
    ridge = 1e-8 * w.sum() * np.eye(2)

    def loss(b):
        z = x @ b
        return float(np.sum(w * (np.logaddexp(0, z) - target * z))) + 0.5 * float(b @ ridge @ b)

    for _ in range(200):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -500, 500)))
        gradient = x.T @ (w * (p - target)) + ridge @ beta
        hessian = (x * (w * p * (1 - p))[:, None]).T @ x + ridge
        step, size, before = np.linalg.solve(hessian, gradient), 1.0, loss(beta)
        while size > 1e-9 and loss(beta - size * step) > before:
            size /= 2
        beta = beta - size * step
        if np.max(np.abs(size * step)) < 1e-10:
            break
    if beta[0] < 0:
        raise ValueError("Cannot calibrate: a higher margin means a lower probability, wanted the contrary")
    return Platt(slope=float(beta[0] / scale), intercept=float(beta[1]))


def isotonic(margin, label, weight=None, max_steps: int = 64, floor: float = 1e-4) -> Steps:
    """Isotonic regression as at most `max_steps` steps, none closer to 0 or 1 than `floor`."""
    from sklearn.isotonic import IsotonicRegression

    m = _f32(margin).astype(np.float64)
    y = np.asarray(label, dtype=np.float64)
    w = np.ones_like(m) if weight is None else np.asarray(weight, dtype=np.float64)
    order = np.argsort(m, kind="stable")
    # Bins of equal weight first: a step must not stand on a handful of rows.
    bins = min(max_steps, max(2, len(m) // 20))
    share = np.cumsum(w[order]) / w.sum()
    cuts = np.unique(m[order][np.searchsorted(share, np.arange(1, bins) / bins)])
    place = np.searchsorted(cuts, m, side="left")
    weights = np.bincount(place, weights=w, minlength=len(cuts) + 1)
    means = np.bincount(place, weights=w * y, minlength=len(cuts) + 1) / np.maximum(weights, 1e-12)
    kept = weights > 0
    fitted = IsotonicRegression(y_min=floor, y_max=1 - floor).fit_transform(
        np.flatnonzero(kept), means[kept], sample_weight=weights[kept]
    )
    edges, values = [], []
    for at, value in zip(np.flatnonzero(kept), fitted):
        if values and value == values[-1]:
            edges[-1] = np.inf if at == len(cuts) else cuts[at]
            continue
        values.append(value)
        edges.append(np.inf if at == len(cuts) else cuts[at])
    return Steps(edges=_f32(edges[:-1]), values=_f32(values))
