"""The table of windows (windows.ts), and how it is split: by capture file, never by row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

DATA = Path(__file__).resolve().parents[4] / ".cache" / "detector-data" / "flood"
FOLDS = 5
# Runs from here on were made after the rules were last changed: nothing was fitted, calibrated or written with them.
FRESH_RUN = {"attack": 48, "benign": 19, "pings": 48}
# A busy capture teaches no more than a quiet one.
MOST_ROWS_PER_FILE = 150
CLASSES = ("tcp", "udp", "icmp", "other")


@dataclass
class Windows:
    table: pd.DataFrame
    features: list[dict]
    x: np.ndarray  # float32, features of models only
    attack: np.ndarray
    family: np.ndarray
    file: np.ndarray
    fold: np.ndarray
    fresh: np.ndarray
    rules: np.ndarray
    fired: np.ndarray  # Ids of the rules, with spaces between.
    fast: np.ndarray  # Fast enough for a model's vote to count.
    kind: np.ndarray  # Index into CLASSES.
    captures: list[dict]
    duplicates: int
    # Benign windows by source, and those on which a rule fired: models do not look at them.
    by_source: tuple[int, int]

    def rows(self, mask) -> np.ndarray:
        return np.flatnonzero(mask)

    def capped(self, mask, seed: int = 1) -> np.ndarray:
        """At most MOST_ROWS_PER_FILE of each file, drawn by a seed."""
        random, kept = np.random.default_rng(seed), []
        rows = np.flatnonzero(mask)
        for name in np.unique(self.file[rows]):
            own = rows[self.file[rows] == name]
            kept.append(own if len(own) <= MOST_ROWS_PER_FILE else random.choice(own, MOST_ROWS_PER_FILE, replace=False))
        return np.sort(np.concatenate(kept))


def load(min_rate: float) -> Windows:
    meta = json.loads((DATA / "captures.json").read_text())
    features = [each for each in meta["features"] if each["use"] == "model"]
    names = [each["name"] for each in features]
    table = pd.read_csv(DATA / "windows.csv", dtype={"rules": str}, keep_default_na=True)
    # Only destinations: a flood is something that a destination gets. Of equal rows of one kind the first stays.
    by_source = table[(table["group"] == "source") & (table["kind"] == "benign")]["rules"]
    table = table[table["group"] == "destination"]
    whole = len(table)
    table = table.drop_duplicates([*names, "kind"]).reset_index(drop=True)
    attack = (table["kind"] == "attack").to_numpy()
    run = np.where(table["origin"] == "made", table["file"].str.extract(r"-(\d+)\.pcap$")[0].fillna(-1).astype(int), -1)
    first = np.where(attack, FRESH_RUN["attack"], np.where(table["family"] == "pings", FRESH_RUN["pings"], FRESH_RUN["benign"]))
    shares = table[["protocol.tcp", "protocol.udp", "protocol.icmp"]].to_numpy()
    kind = np.where(shares.max(axis=1) >= 0.5, shares.argmax(axis=1), 3)
    return Windows(
        table=table,
        features=features,
        x=table[names].to_numpy(np.float32),
        attack=attack,
        family=table["family"].to_numpy(),
        file=table["file"].to_numpy(),
        fold=_folds(table),
        fresh=(table["origin"] == "made").to_numpy() & (run >= first),
        rules=table["rules"].notna().to_numpy(),
        fired=table["rules"].fillna("").to_numpy(str),
        fast=(table["rate"] >= np.maximum(min_rate, table["limit"].fillna(0))).to_numpy(),
        kind=kind,
        captures=meta["captures"],
        duplicates=whole - len(table),
        by_source=(len(by_source), int(by_source.notna().sum())),
    )


def _folds(table: pd.DataFrame) -> np.ndarray:
    """Files of a family in turn, so that each fold has of each that has enough files."""
    place: dict[str, int] = {}
    for family, own in table.groupby("family")["file"]:
        for turn, name in enumerate(sorted(own.unique())):
            place[name] = turn % FOLDS
    return table["file"].map(place).to_numpy()
