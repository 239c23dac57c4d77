"""Signs manifest.json: `python -m weave_training.sign <id> [--key FILE]`.

Without a key, one is made, signs once and is thrown away: nobody can sign another manifest as this one. Either way the
public key is pinned in src/model/publisher.ts; commit that file together with the artifact.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .manifest import MODELS

PAYLOAD_TYPE = b"application/vnd.mystranet.detector-model.v1+json"
PUBLISHERS = Path(__file__).resolve().parents[2] / "src" / "model" / "publisher.ts"


def pae(payload_type: bytes, body: bytes) -> bytes:
    """DSSE v1's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type, len(body), body)


def sign_artifact(folder, key: bytes | None = None) -> str:
    """Writes manifest.sig beside manifest.json, and returns the public key in hex. `key` is a seed of 32 bytes."""
    private = Ed25519PrivateKey.generate() if key is None else Ed25519PrivateKey.from_private_bytes(key)
    folder = Path(folder)
    signature = private.sign(pae(PAYLOAD_TYPE, (folder / "manifest.json").read_bytes()))
    (folder / "manifest.sig").write_text(signature.hex() + "\n", encoding="ascii")
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def pin(id: str, public_key: str, path: Path = PUBLISHERS) -> None:
    """Makes this the only key of the model in publisher.ts."""
    text = path.read_text(encoding="utf-8").replace("= {}\n", "= {\n}\n")
    name = f"'{id}'" if "-" in id else id
    line = f"  {name}: ['{public_key}'],\n"
    pattern = re.compile(rf"^  {re.escape(name)}: \[[^\]]*\],\n", re.MULTILINE)
    if pattern.search(text):
        text = pattern.sub(line, text)
    else:
        text, found = re.subn(r"^\}$", line + "}", text, count=1, flags=re.MULTILINE)
        if found != 1:
            raise ValueError(f"Cannot pin the key of {id}: {path.name} has no table, wanted one that ends in a brace")
    path.write_text(text, encoding="utf-8")


def sign_and_pin(id: str, key: bytes | None = None) -> str:
    """What a training script calls last: models/<id> is signed and its key pinned. Returns the public key in hex."""
    public_key = sign_artifact(MODELS / id, key)
    pin(id, public_key)
    return public_key


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Signs models/<id>/manifest.json and pins the public key.")
    parser.add_argument("id")
    parser.add_argument("--key", type=Path, help="a file with a seed of 32 bytes in hex")
    arguments = parser.parse_args()
    seed = bytes.fromhex(arguments.key.read_text().strip()) if arguments.key else None
    print(sign_and_pin(arguments.id, seed))
