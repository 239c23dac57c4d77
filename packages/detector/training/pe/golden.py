"""The 2,568 numbers of EMBER's feature set version 3, on pefile: what the TypeScript extractor is held against.

    python golden.py FILE...  > lines.jsonl      one object a file: name, features (null where a value
                                                 is missing), header (what the model `pe` sees)

Shares no code with src/pe. Needs pefile, numpy and scikit-learn (requirements.txt in this folder). Signatures are not
opened: in a signed file seven of the eight authenticode numbers are null.
"""

from __future__ import annotations

import json
import math
import re
import struct
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pefile
from columns import COLUMNS
from columns import features as header_features
from sklearn.feature_extraction import FeatureHasher

# What pefile's messages begin with, or (after three dots) end with, by place.
MESSAGES = Path(__file__).with_name("pefile-messages.txt").read_text(encoding="utf-8").splitlines()
MACHINES = "0 14c 162 166 168 169 184 1a2 1a3 1a4 1a6 1a8 1c0 1c2 1c4 1d3 1f0 1f1 200 266 - 284 366 466 520 cef ebc 5032 5064 5128 6232 6264 8664 9041 aa64 c0ee".split()
SUBSYSTEMS = [0, 1, 2, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14, 16]
OPTIONAL = (
    "MajorImageVersion MinorImageVersion MajorLinkerVersion MinorLinkerVersion MajorOperatingSystemVersion MinorOperatingSystemVersion "
    "MajorSubsystemVersion MinorSubsystemVersion SizeOfCode SizeOfHeaders SizeOfImage SizeOfInitializedData SizeOfUninitializedData "
    "SizeOfStackReserve SizeOfStackCommit SizeOfHeapReserve SizeOfHeapCommit AddressOfEntryPoint BaseOfCode ImageBase SectionAlignment "
    "CheckSum NumberOfRvaAndSizes"
).split()
DOS = "e_magic e_cblp e_cp e_crlc e_cparhdr e_minalloc e_maxalloc e_ss e_sp e_csum e_ip e_cs e_lfarlc e_ovno e_oemid e_oeminfo e_lfanew".split()
WORDS = (
    "html javascript <script powershell cookie internet download connect base64 encode decode cache certificate clipboard command "
    "create debug delete desktop directory disk environment enum exit file hostname install hidden keyboard memory module mutex "
    "password privilege process remote resource security service shell snapshot system thread token wallet window"
).split()
HEX = "[A-Fa-f0-9]"
PATTERNS = {
    **{word: re.compile(re.escape(word), re.I) for word in WORDS},
    **{text: re.compile(text) for text in ("/dev/", "/proc/", "/bin/", "/usr/", "/tmp/", "/URI", "/FlateDecode", "/EmbeddedFile")},
    **{text: re.compile(text) for text in ("Invoke-Expression", "Invoke-Command", "Start-process", "crypt")},
    "url": re.compile(r"\b(?:http|https|ftp):\/\/[a-zA-Z0-9\-._~:?#[\]@!$&'()*+,;=]+"),
    "ipv4_addr": re.compile(r"\b(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\b"),
    "ipv6_addr": re.compile(rf"\b(?:{HEX}{{1,4}}:){{7}}{HEX}{{1,4}}\b|\b(?:{HEX}{{1,4}}:){{1,7}}:\b|\b:{HEX}{{1,4}}(?::{HEX}{{1,4}}){{1,6}}\b"),
    "mac_addr": re.compile(rf"\b(?:{HEX}{{2}}[:-]){{5}}(?:{HEX}{{2}})\b"),
    "email_addr": re.compile(rf"\b(?:{HEX}{{2}}[:-]){{5}}(?:{HEX}{{2}})\b"),
    "btc_wallet": re.compile("[13][a-km-zA-HJ-NP-Z1-9]{25,34}"),
    "file_path": re.compile(r"\bC:/"),
    "dos_msg": re.compile("!This program "),
    "registry_key": re.compile(r"\b(?:KHEY_|KHLM|HKCU)"),
    ".click(": re.compile(".click", re.I),
    "onlick": re.compile("onclick", re.I),
    "get": re.compile("GET /", re.I),
    "post": re.compile("POST /", re.I),
    "http": re.compile("HTTP/", re.I),
    "http://": re.compile("http://", re.I),
    "https://": re.compile("https://", re.I),
    "ftp": re.compile("ftp:", re.I),
    "useragent": re.compile("User-Agent", re.I),
    "base64string": re.compile("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
}
assert (len(PATTERNS), len(MESSAGES), len(MACHINES)) == (77, 87, 36)


def entropy(data: bytes) -> float:
    return -sum(n / len(data) * math.log(n / len(data), 2) for n in Counter(data).values()) if data else 0.0


def hashed(items, size: int, kind: str = "string", sign: bool = True) -> np.ndarray:
    return FeatureHasher(size, input_type=kind, alternate_sign=sign).transform([list(items)]).toarray()[0]


def byte_entropy(data: np.ndarray) -> np.ndarray:
    out = np.zeros((16, 16), np.int32)
    for start in range(0, max(len(data) - 2048, 0) + 1, 1024):
        counts = np.bincount(data[start : start + 2048] >> 4, minlength=16)
        share = (counts.astype(np.float32) / 2048)[counts > 0]
        out[min(15, int(np.sum(-share * np.log2(share)) * 2 * 2))] += counts
    flat = out.flatten().astype(np.float32)
    return flat / flat.sum()


def strings(data: bytes) -> list:
    found = re.findall(b"[\x20-\x7f]{5,}", data)
    joined = b"".join(found)
    counts = np.bincount(np.frombuffer(joined, np.uint8) - 0x20, minlength=96) if found else np.zeros(96)
    share = (counts.astype(np.float32) / np.int64(max(len(joined), 1)))[counts > 0]
    bits = float(np.sum(-share * np.log2(share))) if found else 0.0
    hits = [sum(PATTERNS[key].search(text.decode()) is not None for text in found) for key in sorted(PATTERNS)]
    return [len(found), len(joined) / len(found) if found else 0, len(joined), *(counts / max(len(joined), 1)), bits, *hits]


def header(pe) -> list:
    coff, optional = pe.FILE_HEADER, pe.OPTIONAL_HEADER
    machine = f"{coff.Machine:x}"
    return [
        coff.TimeDateStamp, coff.NumberOfSections, coff.NumberOfSymbols, coff.SizeOfOptionalHeader, coff.PointerToSymbolTable,
        MACHINES.index(machine) if machine in MACHINES else 0,
        SUBSYSTEMS.index(optional.Subsystem) if optional.Subsystem in SUBSYSTEMS else 0,
        *(getattr(optional, name) for name in OPTIONAL),
        *(coff.Characteristics >> bit & 1 for bit in range(16)),
        *(optional.DllCharacteristics >> bit & 1 for bit in range(5, 16)),
        *(getattr(pe.DOS_HEADER, name) for name in DOS),
    ]  # fmt: skip


def section_name(section) -> str:
    return section.Name.strip(b"\0").decode(errors="ignore").lower()


def sections(pe, data: bytes) -> list:
    rows = [
        (section_name(s), s.SizeOfRawData, s.Misc_VirtualSize, s.get_entropy(), [f[10:] for f, _ in pefile.section_characteristics if getattr(s, f)])
        for s in pe.sections
    ]
    overlay = pe.get_overlay() or b""
    entry = ""
    for s in pe.sections:
        if s.contains_rva(pe.OPTIONAL_HEADER.AddressOfEntryPoint):
            entry = section_name(s)
    for s in pe.sections:
        if entry == "" and s.Characteristics & 0x20000000:
            entry = section_name(s)
    entropies = [row[3] for row in rows] + [entropy(overlay), 0]
    shares = [row[1] / len(data) for row in rows] + [len(overlay) / len(data), 0]
    growth = [row[1] / max(row[2], 1) for row in rows] + [0]
    return [
        len(rows), sum(row[1] == 0 for row in rows), sum(row[0] == "" for row in rows),
        sum("MEM_READ" in row[4] and "MEM_EXECUTE" in row[4] for row in rows), sum("MEM_WRITE" in row[4] for row in rows),
        max(entropies), min(entropies), max(shares), min(shares), max(growth), min(growth),
        *(x for column in (1, 2, 3) for x in hashed([(row[0], row[column]) for row in rows], 50, "pair")),
        *hashed([f"{row[0]}:{flag}" for row in rows for flag in row[4]], 50), *hashed([entry], 10),
        len(overlay), len(overlay) / len(data), entropy(overlay),
    ]  # fmt: skip


def imports(pe) -> list:
    by_library: dict[str, list[str]] = {}
    for library in getattr(pe, "DIRECTORY_ENTRY_IMPORT", []):
        name = library.dll.decode()
        by_library[name] = [s.name.decode()[:10000] if s.name else f"{name}:ordinal{s.ordinal}" for s in library.imports]
    libraries = {name.lower() for name in by_library}
    functions = [f"{name.lower()}:{function}" for name, listed in by_library.items() for function in listed]
    return [len(functions), len(libraries), *hashed(libraries, 256, sign=False), *hashed(functions, 1024, sign=False)]


def exports(pe) -> list:
    directory = getattr(pe, "DIRECTORY_ENTRY_EXPORT", None)
    names = [s.name.decode()[:10000] if s.name else f"ordinal{s.ordinal}" for s in directory.symbols] if directory else []
    return [128, *hashed(names, 128)] if names else [0] * 129


def directories(pe) -> list:
    out = [0] * 34
    for index, directory in enumerate(pe.OPTIONAL_HEADER.DATA_DIRECTORY[:-1]):
        out[2 * index : 2 * index + 2] = directory.Size, directory.VirtualAddress
    out[32:] = int(pe.has_relocs()), int(pe.has_dynamic_relocs())
    return out


def rich(pe) -> list:
    values = pe.RICH_HEADER.values if pe.RICH_HEADER else []
    pairs = [(str(tool), count) for tool, count in zip(values[::2], values[1::2])]
    return [len(pairs), *hashed(pairs, 32, "pair")] if pairs else [0] * 33


def certificates(pe, data: bytes) -> list:
    listed = pe.OPTIONAL_HEADER.DATA_DIRECTORY
    if len(listed) < 5 or not listed[4].VirtualAddress or not listed[4].Size:
        return [0] * 8
    at, end, count = listed[4].VirtualAddress, min(listed[4].VirtualAddress + listed[4].Size, len(data)), 0
    while at + 8 <= end:
        length, _, kind = struct.unpack_from("<IHH", data, at)
        if length <= 8:
            break
        count += kind == 2
        at += (length + 7) // 8 * 8
    return [count, *[math.nan] * 7]


def place_of(message: str) -> int:
    """The longest end that fits, else the longest beginning: one text can fit several."""
    ends = [i for i, m in enumerate(MESSAGES) if m.startswith("...") and message.endswith(m[3:])]
    starts = [i for i, m in enumerate(MESSAGES) if not m.startswith("...") and message.startswith(m[:-3])]
    return max(ends or starts, key=lambda i: len(MESSAGES[i]))


def warnings(pe) -> list:
    places = {place_of(message) for message in pe.get_warnings()}
    return [*(float(i in places) for i in range(87)), len(places)]


def features(data: bytes) -> np.ndarray:
    array = np.frombuffer(data, np.uint8)
    try:
        pe = pefile.PE(data=data)
    except (pefile.PEFormatError, AttributeError):
        pe = None
    counts = np.bincount(array, minlength=256).astype(np.float32)
    start = [*data[:4], 0, 0, 0, 0][:4]
    parts = [[len(data), entropy(data), int(pe is not None), *start], counts / counts.sum(), byte_entropy(array), strings(data)]
    if pe is not None:
        parts += [header(pe), sections(pe, data), imports(pe), exports(pe), directories(pe), rich(pe), certificates(pe, data), warnings(pe)]
    out = np.concatenate([np.asarray(part, np.float64) for part in parts]).astype(np.float32)
    return np.concatenate([out, np.zeros(2568 - len(out), np.float32)])


def model_row(data: bytes) -> dict:
    """The numbers of the model `pe`, by way of the columns that its tables have."""
    try:
        pe = pefile.PE(data=data, fast_load=True)
    except pefile.PEFormatError:
        return {}
    table = {}
    for name in COLUMNS:
        part = next(part for part in (pe.DOS_HEADER, pe.FILE_HEADER, pe.OPTIONAL_HEADER) if hasattr(part, name))
        table[name] = np.array([getattr(part, name)], float)
    return {"header": [number(x) for x in header_features(table)[0]]}


def number(value: np.float32):
    if math.isnan(value):
        return None
    return int(value) if float(value).is_integer() else float(str(value))


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        try:
            data = path.read_bytes()
            print(json.dumps({"name": path.name, "features": [number(x) for x in features(data)], **model_row(data)}))
        except Exception as cause:  # pefile and the feature set end on a few of the oddest files.
            print(json.dumps({"name": path.name, "error": f"{type(cause).__name__}: {cause}"}))
