"""Writes a model artifact: model.onnx, manifest.json, and golden vectors that onnxruntime gave. See ../../models/README.md."""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from .export import OPSETS, run

GOLDEN = 100
MAX_BYTES = 2_000_000
MODELS = Path(__file__).resolve().parents[2] / "models"


def file_sha256(path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def write_artifact(
    *,
    id: str,
    version: str,
    onnx: bytes,
    extractor: tuple[str, str],
    features: list[tuple[str, str, str]],
    thresholds: list[dict],
    data: list[tuple[str, str]],
    metrics: list[dict],
    golden_rows,
    margin: str = "log-odds before calibration",
    abstain: tuple[float, float] = (0.5, 0.5),
    shadow: dict | None = None,
    created_at: str | None = None,
    folder: Path | None = None,
) -> Path:
    """Writes both files and returns their folder, models/<id> unless another is given. Sign it afterwards (sign.py).

    extractor  (name, version), exactly what the TypeScript extractor says of itself
    features   (name, unit, when it is NaN, or "never") in the order of the input
    thresholds [{"class", "name", "fpr", "output": "probability" | "margin", "at", "low", "high"}]: how far feedback may
               move `at` is low..high
    data       (name, sha256 hex) of what it was trained on
    metrics    [{"name", "value", "low", "high", "n"}], low and high the ends of the 95 % interval
    golden_rows  at least 100 rows of real features, from which 100 are picked, spread over the margins
    abstain    no verdict when low < probability < high
    shadow     {"rows", "meanDifference", "flips"}: what another version may differ by on live rows
    """
    rows = np.ascontiguousarray(golden_rows, np.float32)
    if rows.ndim != 2 or rows.shape[1] != len(features):
        raise ValueError(f"Cannot write the manifest: golden rows of shape {rows.shape}, wanted {len(features)} features")
    manifest = {
        "id": id,
        "version": version,
        "createdAt": created_at or datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "onnxSha256": hashlib.sha256(onnx).hexdigest(),
        "onnxBytes": len(onnx),
        "opset": {domain or "ai.onnx": number for domain, number in OPSETS.items()},
        "extractor": {"name": extractor[0], "version": extractor[1]},
        "features": [{"name": name, "unit": unit, "nan": nan} for name, unit, nan in features],
        "outputs": {"margin": margin, "probability": "calibrated probability of the class attack or malware"},
        "thresholds": thresholds,
        "abstain": {"low": abstain[0], "high": abstain[1]},
        "shadow": shadow or {"rows": 256, "meanDifference": 0.05, "flips": 0.02},
        "data": [{"name": name, "sha256": digest} for name, digest in data],
        "metrics": metrics,
        "golden": _golden(onnx, rows),
    }
    _check(manifest)
    target = Path(folder) if folder is not None else MODELS / id
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.onnx").write_bytes(onnx)
    (target / "manifest.json").write_text(_text(manifest), encoding="utf-8")
    (target / "manifest.sig").unlink(missing_ok=True)  # It was over other bytes.
    size = sum(file.stat().st_size for file in (target / "model.onnx", target / "manifest.json"))
    if size > MAX_BYTES:
        raise ValueError(f"Cannot ship the artifact: {size} bytes, wanted at most {MAX_BYTES}")
    return target


def _golden(onnx: bytes, rows: np.ndarray) -> list[dict]:
    rows = np.where(np.isfinite(rows), rows, np.float32(np.nan))
    rows = rows[np.sort(np.unique(rows, axis=0, return_index=True)[1])]
    if len(rows) < GOLDEN:
        raise ValueError(f"Cannot pick golden vectors: {len(rows)} distinct rows, wanted {GOLDEN} or more")
    margin, _ = run(onnx, rows)
    order = np.argsort(margin, kind="stable")
    picked = rows[order[np.linspace(0, len(order) - 1, GOLDEN).round().astype(int)]]
    margin, probability = run(onnx, picked)
    return [
        {"features": [_number(x) for x in row], "margin": _number(m), "probability": _number(p)}
        for row, m, p in zip(picked, margin, probability)
    ]


def _number(value: np.float32) -> float | int | None:
    """The shortest decimal that is this float32 again, read as a float64 and rounded. NaN is null."""
    if np.isnan(value):
        return None
    short = float(str(np.float32(value)))
    exact = short if np.float32(short) == value else float(value)
    return int(exact) if exact.is_integer() and abs(exact) < 2**53 and not (exact == 0 and math.copysign(1, exact) < 0) else exact


def _check(manifest: dict) -> None:
    """The rules of models/README.md that a script is likely to break; the loader holds to all of them."""
    names = [feature["name"] for feature in manifest["features"]]
    if len(set(names)) != len(names):
        raise ValueError("Cannot write the manifest: a feature is named twice")
    for digest in (manifest["onnxSha256"], *(item["sha256"] for item in manifest["data"])):
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ValueError(f"Cannot write the manifest: {digest!r} is no SHA-256")
    for threshold in manifest["thresholds"]:
        if set(threshold) != {"class", "name", "fpr", "output", "at", "low", "high"}:
            raise ValueError(f"Cannot write the manifest: threshold {threshold}, wanted class, name, fpr, output, at, low, high")
        if not threshold["low"] <= threshold["at"] <= threshold["high"]:
            raise ValueError(f"Cannot write the manifest: threshold {threshold['name']} lies outside its bounds")
    for metric in manifest["metrics"]:
        if set(metric) != {"name", "value", "low", "high", "n"} or not metric["low"] <= metric["value"] <= metric["high"]:
            raise ValueError(f"Cannot write the manifest: metric {metric}, wanted name, value in low..high, n")


def _text(manifest: dict) -> str:
    """JSON with one line a list item: a change of a model can be read in a diff."""
    lines = []
    for key, value in manifest.items():
        if isinstance(value, list):
            items = ",\n".join("    " + json.dumps(item, allow_nan=False, ensure_ascii=False) for item in value)
            lines.append(f"  {json.dumps(key)}: [\n{items}\n  ]")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value, allow_nan=False, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
