"""Fits, calibrates, tests and writes the models `flood` and `flood-outlier`, and evaluation/flood.json.

    python packages/detector/training/flood/train.py [--no-artifacts]

After generate/floods.ts, generate/volume.ts and flood/windows.ts. Fit: three folds of files; calibration and thresholds: the
rest; frozen test: made runs that nobody looked at before, and a fold of the ordinary captures.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from weave_training import calibrate, export, manifest, metrics, sign

import card
import report
from lofo import left_out, outlier_of_folds
from members import LOOSE, MIN_RATE, STRICT, fit_outlier, fit_trees, outlier_margin, thresholds, trees_margin
from windows import CLASSES, DATA, Windows, load

VERSION = "1.0.0"
EXTRACTOR = ("flow-window", "flow-window-1")
NAMES = {STRICT: "fpr-1e-3", LOOSE: "fpr-1e-2"}


def split(w: Windows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masks of fit, calibration and frozen test. The given attacks are one file each and all in fit."""
    ordinary = w.family == "ordinary"
    frozen = w.fresh | (ordinary & (w.fold == 4))
    fit = ~frozen & (w.fold <= 2)
    return fit, ~frozen & ~fit, frozen


def balanced(w: Windows, rows: np.ndarray) -> np.ndarray:
    """As many windows of each kind: a probability says something only of a mixture that is named."""
    random = np.random.default_rng(1)
    attack, benign = rows[w.attack[rows]], rows[~w.attack[rows]]
    n = min(len(attack), len(benign))
    return np.concatenate([random.choice(own, n, replace=False) for own in (attack, benign)])


def fitted_member(w: Windows, masks, fit, score, calibrator) -> dict:
    fit_mask, calibration_mask, frozen_mask = masks
    model = fit(w, w.capped(fit_mask))
    margin = score(model, w.x)
    tuned = balanced(w, w.rows(calibration_mask))
    calibration = calibrator(margin[tuned], w.attack[tuned])
    frozen = w.rows(frozen_mask)
    even = balanced(w, frozen)
    probability = calibration.apply(margin[even])
    benign = w.rows(calibration_mask & ~w.attack)
    return {
        "model": model,
        "margin": margin,
        "calibration": calibration,
        "thresholds": {fpr: thresholds(w, margin, benign, fpr) for fpr in (STRICT, LOOSE)},
        "auc": metrics.bootstrap(lambda i: metrics.auc(w.attack[frozen][i], margin[frozen][i]), w.file[frozen], 200),
        "ece": metrics.ece(w.attack[even], probability),
        "reliability": metrics.reliability(w.attack[even], probability),
        "frozen": {fpr: metrics.recall_at_fpr(
            w.attack[frozen], margin[frozen], fpr, metrics.threshold_at_fpr(margin[benign], fpr)
        ) for fpr in (STRICT, LOOSE)},
        "n": len(even),
    }


def write(w: Windows, id: str, onnx: bytes, member: dict, golden, meaning: str, masks) -> None:
    rows = []
    for fpr, each in member["thresholds"].items():
        benign = member["margin"][w.rows(masks[1] & ~w.attack)]
        spread = float(np.std(benign))
        for kind, at in zip(CLASSES, each):
            at = float(np.float32(at))
            rows.append({"class": f"{kind}-flood", "name": NAMES[fpr], "fpr": fpr, "output": "margin", "at": at,
                         "low": at - spread / 4, "high": at + spread / 4})
    auc, ece = member["auc"], member["ece"]
    figures = [{"name": "frozen.auc", "value": auc[0], "low": auc[1], "high": auc[2], "n": int(masks[2].sum())}]
    for fpr, of in member["frozen"].items():
        low, high = of["recallInterval"]
        figures.append({"name": f"frozen.recall@{NAMES[fpr]}", "value": of["recall"], "low": min(low, of["recall"]), "high": max(high, of["recall"]),
                        "n": of["positives"]})
    figures.append({"name": "frozen.ece", "value": ece, "low": 0.0, "high": max(ece, member["ece_high"]), "n": member["n"]})
    used = sorted({name for name in w.file[masks[0] | masks[1]]})
    digests = {each["name"]: each["sha256"] for each in w.captures}
    manifest.write_artifact(
        id=id, version=VERSION, onnx=onnx, extractor=EXTRACTOR,
        features=[(each["name"], each["unit"], each["nan"]) for each in w.features],
        thresholds=rows, abstain=(0.5, 0.5), data=[(name, digests[name]) for name in used], metrics=figures,
        golden_rows=golden, margin=meaning,
    )
    sign.sign_and_pin(id)


def ece_interval(w: Windows, member: dict, frozen) -> float:
    rows = balanced(w, frozen)
    probability = member["calibration"].apply(member["margin"][rows])
    _, _, high = metrics.bootstrap(lambda i: metrics.ece(w.attack[rows][i], probability[i]), w.file[rows], 200)
    return high


def shuffled(w: Windows, masks, deals: int = 20) -> list[float]:
    """AUC on the frozen test of trees that learned labels dealt out anew among the files, each deal by itself."""
    names = np.unique(w.file)
    is_attack = np.array([w.attack[w.file == name][0] for name in names])
    frozen, learn = w.rows(masks[2]), w.capped(masks[0])
    found = []
    for deal in range(deals):
        dealt = dict(zip(names, np.random.default_rng(deal).permutation(is_attack)))
        model = fit_trees(w, learn, np.array([dealt[name] for name in w.file]))
        found.append(metrics.auc(w.attack[frozen], trees_margin(model, w.x[frozen])))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--no-artifacts", action="store_true", help="measure only")
    arguments = parser.parse_args()
    w = load(MIN_RATE)
    masks = split(w)
    # For bench/floods.ts, which scores the frozen test with the artifacts as they are shipped.
    (DATA / "frozen.json").write_text(json.dumps(sorted(set(w.file[masks[2]]))))
    trees = fitted_member(w, masks, fit_trees, trees_margin, calibrate.isotonic)
    outlier = fitted_member(w, masks, fit_outlier, outlier_margin, calibrate.isotonic)
    for member in (trees, outlier):
        member["ece_high"] = ece_interval(w, member, w.rows(masks[2]))
    print("ece", trees["ece"], outlier["ece"], "auc", trees["auc"], outlier["auc"], flush=True)
    if not arguments.no_artifacts:
        golden = w.x[w.capped(masks[0] | masks[1])]
        write(w, "flood", export.export_lightgbm(trees["model"], trees["calibration"], golden), trees, golden,
              "log-odds of an attack before calibration", masks)
        write(w, "flood-outlier", export.export_isolation_forest(outlier["model"], outlier["calibration"], golden), outlier,
              golden, "anomaly score of an isolation forest, 0 to 1; higher is odder", masks)
    scores, forests = outlier_of_folds(w)
    hide = lambda families: left_out(w, families, scores, forests)
    part = report.write_part(w, hide, trees, outlier, scores, shuffled(w, masks), masks)
    if not arguments.no_artifacts:
        card.write(part, manifest.MODELS)
    path = Path(__file__).resolve().parents[2] / "evaluation" / "flood.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(part, indent=1, allow_nan=False, ensure_ascii=False) + "\n")
    print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
