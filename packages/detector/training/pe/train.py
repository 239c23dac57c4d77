"""Trains, measures, writes and signs the model `pe`: PE headers → malware or not.

    python packages/detector/training/pe/train.py            the tables lie in ../shared/data/pe beside the repository
    python packages/detector/training/pe/train.py measure TABLE.csv --label NAME [--benign 0]   the shipped model on another table

The test part is a fifth of all groups of equal feature rows; calibration and band come from margins of models that did not see
the row. The cross-set figures are of models that saw one table only, on rows of the other whose features the first does not have.
"""

from __future__ import annotations

import argparse
import json
import os
from hashlib import blake2b
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
from columns import FEATURES, features
from weave_training import calibrate, export, manifest, metrics, sign

HERE = Path(__file__).resolve().parent
DETECTOR = HERE.parents[1]
DATA = Path(os.environ.get("WEAVE_PE_FOLDER") or DETECTOR.parents[2] / "shared" / "data" / "pe")
TABLES = {"malwares": ("dataset_malwares.csv.gz", "Malware", 1), "maldata": ("Output_clean_CSV__PE++++.csv.gz", "Label", 0)}
SETTINGS = {
    "objective": "binary", "num_leaves": 15, "learning_rate": 0.05, "min_child_samples": 40, "feature_fraction": 0.3,
    "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 100, "num_threads": 1, "verbose": -1, "seed": 1,
    "deterministic": True, "force_row_wise": True,
}  # fmt: skip
ROUNDS = 100
IN_TABLE_FPR = 0.001
MISSED = 0.05


def load(name: str) -> dict:
    """One row of each combination of features and label; `keys` names the features, whatever the label."""
    file, label, malware = TABLES[name]
    table = pd.read_csv(DATA / file)
    return distinct(features(table), (table[label] == malware).to_numpy(np.float32), len(table))


def distinct(rows: np.ndarray, y: np.ndarray, given: int) -> dict:
    _, index = np.unique(np.concatenate([rows, y[:, None]], axis=1), axis=0, return_index=True)
    index.sort()
    return {"x": rows[index], "y": y[index], "keys": np.array([int.from_bytes(blake2b(bytes(row), digest_size=7).digest()) for row in rows[index]]), "given": given}


def balanced(y: np.ndarray, table: np.ndarray | None = None) -> np.ndarray:
    """Each class of each table weighs the same."""
    table = np.zeros(len(y), int) if table is None else table
    groups = table * 2 + (y > 0)
    counts = np.bincount(groups, minlength=4)
    return len(y) / np.count_nonzero(counts) / counts[groups]


def fit(x, y, weight, **changes) -> lgb.Booster:
    return lgb.train(SETTINGS | changes, lgb.Dataset(x, y, weight=weight), ROUNDS)


def margins(booster, x) -> np.ndarray:
    return booster.predict(x, raw_score=True, num_threads=1)


def frozen(keys: np.ndarray) -> np.ndarray:
    """A fifth of all features, for the test: equal ones fall together."""
    distinct_keys, inverse = np.unique(keys, return_inverse=True)
    return (np.random.default_rng(7).random(len(distinct_keys)) < 0.2)[inverse]


def auc_row(label, score, groups) -> list:
    value, low, high = metrics.bootstrap(lambda rows: metrics.auc(label[rows], score[rows]), groups, rounds=200)
    return [round(value, 4), round(low, 4), round(high, 4)]


def decided(y, p, low: float, high: float) -> dict:
    """What is decided, and how much of it wrongly. A false positive is a benign file that is called malware."""
    alarms, passes = p >= high, p <= low
    n = int((alarms | passes).sum())
    wrong = int((alarms & (y == 0)).sum())
    return {"n": len(y), "coverage": n / len(y), "falseAmongDecided": wrong / max(n, 1), "interval": metrics.wilson(wrong, n),
            "benignDecided": int(((alarms | passes) & (y == 0)).sum()), "alarms": int(alarms.sum()),
            "wrong": wrong, "missedAmongPassed": float((passes & (y == 1)).sum() / max(passes.sum(), 1))}  # fmt: skip


def held_out(x, y, keys, weight) -> np.ndarray:
    """Margins of each row by one of five models that saw no row of equal features: what calibration and band are chosen on."""
    distinct_keys, inverse = np.unique(keys, return_inverse=True)
    fold = np.random.default_rng(5).integers(0, 5, len(distinct_keys))[inverse]
    out = np.zeros(len(y))
    for each in range(5):
        out[fold == each] = margins(fit(x[fold != each], y[fold != each], weight[fold != each]), x[fold == each])
    return out


def choose(y, score) -> tuple[calibrate.Platt, float, float]:
    """Calibration, and the band: malware where one benign row in 1,000 lies, unremarkable where 5 % of the malware does."""
    platt = calibrate.platt(score, y)
    high = float(platt.apply(np.float32([metrics.threshold_at_fpr(score[y == 0], IN_TABLE_FPR)]))[0])
    low = float(platt.apply(np.float32([np.quantile(score[y == 1], MISSED)]))[0])
    return platt, round(min(low, 0.5), 4), round(high, 4)


def cross(a: dict, b: dict) -> dict:
    """A model of table a, with its own calibration and band, on the rows of table b that a does not have."""
    unseen = ~np.isin(b["keys"], a["keys"])
    weight = balanced(a["y"])
    platt, low, high = choose(a["y"], held_out(a["x"], a["y"], a["keys"], weight))
    score = margins(fit(a["x"], a["y"], weight), b["x"][unseen])
    return {"y": b["y"][unseen], "score": score, "keys": b["keys"][unseen], "p": platt.apply(score), "low": low, "high": high}


def cross_auc(a: dict, b: dict, columns, seed: int | None = None) -> float:
    unseen = ~np.isin(b["keys"], a["keys"])
    y = a["y"] if seed is None else np.random.default_rng(seed).permutation(a["y"])
    booster = fit(a["x"][:, columns], y, balanced(y))
    return metrics.auc(b["y"][unseen], margins(booster, b["x"][unseen][:, columns]))


def train() -> None:
    a, b = load("malwares"), load("maldata")
    directions = {"malwares → maldata": (a, b), "maldata → malwares": (b, a)}
    outcome = {name: cross(*pair) for name, pair in directions.items()}
    x, y = np.concatenate([a["x"], b["x"]]), np.concatenate([a["y"], b["y"]])
    keys, table = np.concatenate([a["keys"], b["keys"]]), np.repeat([0, 1], [len(a["y"]), len(b["y"])])
    test = frozen(keys)
    weight = balanced(y, table)
    platt, low, high = choose(y[~test], held_out(x[~test], y[~test], keys[~test], weight[~test]))
    booster = fit(x[~test], y[~test], weight[~test])
    onnx = export.export_lightgbm(booster, platt, x[:4000])
    margin, p = export.run(onnx, x[test])
    outcome["both → both (test part)"] = {"y": y[test], "score": margin, "keys": keys[test], "p": p, "low": low, "high": high}
    for name, o in outcome.items():
        o["auc"] = auc_row(o["y"], o["score"], o["keys"])
        o["decided"] = decided(o["y"], o["p"], o["low"], o["high"])
        o["ece"] = round(metrics.ece(o["y"], o["p"]), 4)
        print(name, len(o["y"]), o["auc"], "ece", o["ece"], "band", o["low"], o["high"], o["decided"])
    write(onnx, x[test], outcome)
    report(a, b, directions, booster, outcome)


def rounded(d: dict) -> list:
    return [d["n"], round(d["coverage"], 3), d["alarms"], d["wrong"], round(d["falseAmongDecided"], 4), round(d["interval"][0], 4), round(d["interval"][1], 4), round(d["wrong"] / max(d["benignDecided"], 1), 4), round(d["missedAmongPassed"], 4)]  # fmt: skip


def write(onnx, rows, outcome) -> None:
    shipped = list(outcome.values())[-1]
    low, high, n = shipped["low"], shipped["high"], shipped["decided"]
    recall = metrics.recall_at_fpr(shipped["y"], shipped["p"], IN_TABLE_FPR, threshold=high)
    spread = [("recall at the threshold, test part", recall["recall"], recall["recallInterval"], recall["positives"]),
              ("false positives at the threshold, test part", recall["measuredFpr"], recall["fprInterval"], recall["negatives"]),
              ("false positives among decided, test part", n["falseAmongDecided"], n["interval"], round(n["n"] * n["coverage"]))]  # fmt: skip
    figures = [{"name": f"auc, {name.replace('→', 'to')}", "value": o["auc"][0], "low": o["auc"][1], "high": o["auc"][2], "n": len(o["y"])} for name, o in outcome.items()]
    figures += [{"name": name, "value": value, "low": least, "high": most, "n": count} for name, value, (least, most), count in spread]
    manifest.write_artifact(
        id="pe", version="1.0.0", onnx=onnx, extractor=("pe-header", "1"),
        features=[(name, unit, "never") for name, (_, unit, _) in FEATURES.items()],
        thresholds=[{"class": "malware", "name": "in-table-1e-3", "fpr": IN_TABLE_FPR, "output": "probability", "at": high, "low": round(high - 0.01, 4), "high": 0.999}],
        abstain=(low, high), data=[(file, manifest.file_sha256(DATA / file)) for file, _, _ in TABLES.values()],
        metrics=figures, golden_rows=rows,
    )  # fmt: skip
    print("publisher", sign.sign_and_pin("pe"))


def report(a, b, directions, booster, outcome) -> None:
    names = list(FEATURES)
    rows = [[name, len(o["y"]), *o["auc"]] for name, o in outcome.items()]
    choice = [[name, o["low"], o["high"], *rounded(o["decided"])] for name, o in outcome.items()]
    ablation = [["all", len(names), *(o["auc"][0] for o in list(outcome.values())[:2])]]
    for group in sorted({group for group, _, _ in FEATURES.values()}):
        kept = [i for i, name in enumerate(names) if FEATURES[name][0] != group]
        ablation.append([f"without {group}", len(kept), *(round(cross_auc(*pair, kept), 4) for pair in directions.values())])
    shuffled = []
    for name, pair in directions.items():
        values = [cross_auc(*pair, range(len(names)), seed) for seed in range(12)]
        shuffled.append([name, 12, round(float(np.mean(values)), 3), round(min(values), 3), round(max(values), 3)])
    gain = booster.feature_importance("gain") / booster.feature_importance("gain").sum()
    page = {
        "part": "pe",
        "title": "PE headers",
        "command": "python packages/detector/training/pe/train.py (environment: pnpm --filter @mystranet/detector training:setup)",
        "about": "Two public tables of PE headers, one row of each combination of features and label, no names, hashes or timestamps. Cross-set: trained on one table, measured on the rows "
        "of the other whose features the first does not have; calibration and band come from the first table alone. It looks at headers only, and says nothing about what a file does.",
        "tables": [
            {"id": "pe-auc", "title": "Area under the ROC curve", "columns": ["trained on → measured on", "n", "auc", "low", "high"], "rows": rows, "note": "95 % intervals by bootstrap over groups of equal features."},
            {"id": "pe-decided", "title": "What is decided", "columns": ["trained on → measured on", "unremarkable up to", "malware from", "n", "coverage", "called malware", "of them benign", "false positives among decided", "low", "high", "false positives among benign decided", "malware among unremarkable"], "rows": choice, "note": "Between the two probabilities it abstains. Chosen on held-out rows of what was trained on: one benign row in 1,000 above, 5 % of malware below."},
            {"id": "pe-ece", "title": "Calibration", "columns": ["trained on → measured on", "n", "ECE"], "rows": [[name, len(o["y"]), o["ece"]] for name, o in outcome.items()], "note": "Across tables a probability is not one: the share of malware and what it is differ."},
            {"id": "pe-shuffle", "title": "Label-shuffle control", "columns": ["trained on → measured on", "permutations", "mean auc", "least", "most"], "rows": shuffled, "note": "Training labels permuted; 0.5 is expected on average. Rows of one table resemble each other, so single permutations stray."},
            {"id": "pe-ablation", "title": "Ablation, cross-set AUC", "columns": ["features", "count", *directions], "rows": ablation},
            {"id": "pe-gain", "title": "Features by gain", "columns": ["feature", "share of gain"], "rows": [[name, round(float(value), 3)] for value, name in sorted(zip(gain, names), reverse=True)[:12]]},
            {"id": "pe-data", "title": "Rows", "columns": ["table", "given", "distinct", "malware among distinct"], "rows": [[name, t["given"], len(t["y"]), round(float(t["y"].mean()), 3)] for name, t in (("malwares", a), ("maldata", b))]},
        ],
        "plots": [
            {"id": "pe-roc", "title": "ROC", "kind": "roc", "x": {"label": "false-positive rate", "log": True}, "y": {"label": "recall"}, "series": [{"name": name, "points": [[round(float(at), 5) for at in point] for point in metrics.roc(o["y"], o["score"])]} for name, o in outcome.items()]},
            {"id": "pe-calibration", "title": "Calibration", "kind": "calibration", "x": {"label": "probability"}, "y": {"label": "share of malware"}, "series": [{"name": name, "points": [[round(float(m), 4), round(float(s), 4)] for m, s, _ in metrics.reliability(o["y"], o["p"])]} for name, o in outcome.items()]},
        ],
        "missing": [
            "No table of the 2,568 features was at hand: they are computed, and no model uses them.",
            "No figure here is of files: both tables give header fields that others read. A third table was not at hand.",
            "Two features were left out, and the share of features that a tree sees was chosen, by these cross-set figures: on an unseen table they would be a little lower.",
            "Much malware passes as unremarkable across tables: the model calls out, it does not clear.",
            "Both tables' benign files are to a large part of Windows itself: a benign program by anybody else looks less like them.",
        ],
    }  # fmt: skip
    (DETECTOR / "evaluation" / "pe.json").write_text(json.dumps(page, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def measure(path: str, label: str, benign: str) -> None:
    table = pd.read_csv(path)
    y = (table[label].astype(str) != benign).to_numpy(np.float32)
    d = distinct(features(table), y, len(table))
    model = json.loads((DETECTOR / "models" / "pe" / "manifest.json").read_text(encoding="utf-8"))
    margin, p = export.run((DETECTOR / "models" / "pe" / "model.onnx").read_bytes(), d["x"])
    print("rows", d["given"], "distinct", len(d["y"]), "auc", auc_row(d["y"], margin, d["keys"]), "ece", round(metrics.ece(d["y"], p), 4))
    print(decided(d["y"], p, model["abstain"]["low"], model["abstain"]["high"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=["train", "measure"], default="train")
    parser.add_argument("table", nargs="?")
    parser.add_argument("--label")
    parser.add_argument("--benign", default="0")
    given = parser.parse_args()
    if given.what == "train":
        train()
    else:
        measure(given.table, given.label, given.benign)
