"""The model cards, with the figures of the run that made the models."""

from __future__ import annotations

from pathlib import Path

TEXT = """# {id}

{what} It votes beside the rules of `src/flow/rule.ts` (`src/ensemble/vote.ts`), and is not meant to decide by itself.

**Input.** A window of 64 packets or 10 seconds to one destination, by our own extractor (`flow-window-1`): sizes, flags, protocols, and how
addresses and ports spread. No address, port, TTL, time or rate. **Output.** `margin`, {margin}; `probability`, calibrated by isotonic steps on as many
attack as benign windows, so that it says nothing of how rare attacks are where you are.

**Data.** Attacks: 5 captures of StopDDoS (StopDDoS/packet-captures @230dd43, free for building DDoS protection, with attribution), and SYN, ACK, UDP and
ICMP floods and DNS, NTP and memcached amplification written packet by packet by `training/generate/floods.ts`: nothing was sent. Benign: captures of
nDPI (ntop/nDPI @3b1286a, LGPL-3), and downloads, backups, crowds, token streams, games, calls, resolvers and the like, real sockets on a loopback
(`training/generate/volume.ts`). Neither is in this repository; their hashes are in the manifest. {learns}

**Split.** By capture file: three folds to fit, the rest to calibrate and to set thresholds; the frozen test is runs with parameters that were drawn
after all else was fixed, and a fold of nDPI.

| frozen test | |
|---|---|
| AUC | {auc:.4f} ({low:.4f} to {high:.4f}) |
| recall at a false-positive rate of 1e-2 | {loose:.3f}, measured rate {loose_fpr:.4f} |
| recall at 1e-3 | {strict:.3f}, measured rate {strict_fpr:.4f} |
| ECE | {ece:.4f} (up to {ece_high:.4f}) |

**Thresholds.** For TCP, UDP, ICMP and other windows each, at false-positive rates of 1e-3 (a whole vote) and 1e-2 (half a vote). Feedback may move each by
a quarter of the standard deviation of benign margins.

**What it does not do.** Floods that look like nothing it has seen: see "each family left out" in `docs/detector-evaluation.md`. HTTP floods and slow
connections. IPv6 floods were in no training. Benign traffic of other networks than these may be odd to it.
"""

WHAT = {
    "flood": ("LightGBM, 120 trees of up to 15 leaves: is this window part of a flood?", "log-odds before calibration", ""),
    "flood-outlier": (
        "An isolation forest of 100 trees: is this window unlike ordinary traffic?", "its anomaly score, 0 to 1",
        "The forest learns from the benign ones only; attacks served to calibrate it. Its probability is not well calibrated (ECE below): the vote uses its margin.",
    ),
}


def write(part: dict, models: Path) -> None:
    frozen = next(table for table in part["tables"] if table["id"] == "frozen")["rows"]
    for (id, (what, margin, learns)), row in zip(WHAT.items(), frozen, strict=True):
        _, _, auc, low, high, loose, loose_fpr, strict, strict_fpr, ece, ece_high = row
        (models / id / "card.md").write_text(TEXT.format(**locals()), encoding="utf-8")
