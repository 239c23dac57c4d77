"""From the numbers of a PE header to the features of the model `pe`. src/pe/header-model.ts is the same in TypeScript.

A column that a table does not have is NaN, and so are the features made of it. Left out on purpose: timestamps, checksums'
values, image bases' values, linker versions (they tell the two tables apart rather than the two classes), and two that made
the figures across tables worse: the control-flow guard, and whether the image's version is that of the system.
"""

from __future__ import annotations

import numpy as np

COLUMNS = (
    "e_cblp e_cp e_cparhdr e_minalloc e_maxalloc e_sp e_ovno e_lfanew NumberOfSections PointerToSymbolTable NumberOfSymbols "
    "Characteristics Magic SizeOfCode SizeOfInitializedData SizeOfUninitializedData AddressOfEntryPoint BaseOfCode ImageBase "
    "SectionAlignment FileAlignment MajorOperatingSystemVersion MinorOperatingSystemVersion MajorImageVersion MinorImageVersion "
    "MajorSubsystemVersion MinorSubsystemVersion SizeOfImage SizeOfHeaders CheckSum Subsystem DllCharacteristics SizeOfStackReserve "
    "SizeOfStackCommit SizeOfHeapReserve SizeOfHeapCommit"
).split()

FILE_BITS = {0: "relocs_stripped", 2: "lines_stripped", 3: "symbols_stripped", 5: "large_address", 8: "machine_32", 9: "debug_stripped", 13: "dll", 15: "bytes_reversed"}  # fmt: skip
DLL_BITS = {5: "high_entropy", 6: "dynamic_base", 7: "force_integrity", 8: "nx", 10: "no_seh", 15: "terminal_server"}
LOGS = (
    "SizeOfCode SizeOfInitializedData SizeOfUninitializedData AddressOfEntryPoint SizeOfImage SizeOfStackReserve SizeOfStackCommit "
    "SizeOfHeapReserve SizeOfHeapCommit BaseOfCode SizeOfHeaders FileAlignment SectionAlignment"
).split()
BASES = [0x400000, 0x10000000, 0x140000000, 0x180000000, 0x1000000, 0x10000]


def half_log2(values):
    return np.floor(2 * np.log2(1 + values)) / 2


def part(values, step: int, low: float, high: float):
    return np.clip(np.floor(values * step) / step, low, high)


def true(condition, *of):
    """1 or 0, NaN where one of the columns is."""
    return np.where(np.any([np.isnan(column) for column in of], axis=0), np.nan, condition.astype(float))


# Feature → (group of the ablation, unit, how it is made of the columns).
FEATURES = {
    "dos_standard": ("dos", "0 or 1", lambda d: true((d["e_cblp"] == 144) & (d["e_cp"] == 3) & (d["e_cparhdr"] == 4) & (d["e_maxalloc"] == 65535) & (d["e_sp"] == 184), d["e_cblp"], d["e_cp"], d["e_cparhdr"], d["e_maxalloc"], d["e_sp"])),
    "dos_borland": ("dos", "0 or 1", lambda d: true((d["e_cblp"] == 80) & (d["e_ovno"] == 26), d["e_cblp"], d["e_ovno"])),
    "dos_minalloc": ("dos", "paragraphs, at most 255", lambda d: np.clip(d["e_minalloc"], 0, 255)),
    "pe_offset": ("dos", "bytes, at most 1024", lambda d: np.clip(d["e_lfanew"], 0, 1024)),
    "sections": ("layout", "count, at most 20", lambda d: np.clip(d["NumberOfSections"], 0, 20)),
    "has_symbols": ("layout", "0 or 1", lambda d: true(d["NumberOfSymbols"] > 0, d["NumberOfSymbols"])),
    "has_symbol_table": ("layout", "0 or 1", lambda d: true(d["PointerToSymbolTable"] > 0, d["PointerToSymbolTable"])),
    "pe32_plus": ("layout", "0 or 1", lambda d: true(d["Magic"] == 523, d["Magic"])),
    **{f"file_{name}": ("flags", "0 or 1", lambda d, bit=bit: np.floor(d["Characteristics"] / 2**bit) % 2) for bit, name in FILE_BITS.items()},
    **{f"dll_{name}": ("flags", "0 or 1", lambda d, bit=bit: np.floor(d["DllCharacteristics"] / 2**bit) % 2) for bit, name in DLL_BITS.items()},
    "os_major": ("version", "number, at most 11", lambda d: np.clip(d["MajorOperatingSystemVersion"], 0, 11)),
    "os_minor": ("version", "number, at most 10", lambda d: np.clip(d["MinorOperatingSystemVersion"], 0, 10)),
    "image_major": ("version", "number, at most 20", lambda d: np.clip(d["MajorImageVersion"], 0, 20)),
    "image_minor": ("version", "number, at most 20", lambda d: np.clip(d["MinorImageVersion"], 0, 20)),
    "subsystem_major": ("version", "number, at most 11", lambda d: np.clip(d["MajorSubsystemVersion"], 0, 11)),
    "subsystem_minor": ("version", "number, at most 20", lambda d: np.clip(d["MinorSubsystemVersion"], 0, 20)),
    "subsystem": ("version", "number, at most 16", lambda d: np.clip(d["Subsystem"], 0, 16)),
    "has_checksum": ("layout", "0 or 1", lambda d: true(d["CheckSum"] > 0, d["CheckSum"])),
    **{f"log2_{name}": ("size", "half log2 of bytes", lambda d, name=name: half_log2(d[name])) for name in LOGS},
    "code_share": ("ratio", "of the image, steps of 1/64", lambda d: part(d["SizeOfCode"] / np.maximum(d["SizeOfImage"], 1), 64, 0, 4)),
    "data_share": ("ratio", "of the image, steps of 1/64", lambda d: part(d["SizeOfInitializedData"] / np.maximum(d["SizeOfImage"], 1), 64, 0, 4)),
    "zero_share": ("ratio", "of the image, steps of 1/64", lambda d: part(d["SizeOfUninitializedData"] / np.maximum(d["SizeOfImage"], 1), 64, 0, 4)),
    "entry_share": ("ratio", "of the image, steps of 1/64", lambda d: part(d["AddressOfEntryPoint"] / np.maximum(d["SizeOfImage"], 1), 64, 0, 4)),
    "entry_in_code": ("ratio", "of the code, steps of 1/64", lambda d: part((d["AddressOfEntryPoint"] - d["BaseOfCode"]) / np.maximum(d["SizeOfCode"], 1), 64, -1, 4)),
    "code_to_data": ("ratio", "half log2", lambda d: half_log2(d["SizeOfCode"]) - half_log2(d["SizeOfInitializedData"])),
    "usual_base": ("layout", "which of 6, 0 for none", lambda d: np.where(np.isnan(d["ImageBase"]), np.nan, np.select([d["ImageBase"] == base for base in BASES], range(1, 7), 0))),
    "base_aligned": ("layout", "0 or 1", lambda d: true(d["ImageBase"] % 65536 == 0, d["ImageBase"])),
}  # fmt: skip


def features(table) -> np.ndarray:
    """float32 [N, features]. `table` has columns by name: a DataFrame, or a dict of arrays."""
    rows = len(next(iter(table.values()))) if isinstance(table, dict) else len(table)
    columns = {name: np.asarray(table[name], float) if name in table else np.full(rows, np.nan) for name in COLUMNS}
    return np.stack([make(columns) for _, _, make in FEATURES.values()], axis=1).astype(np.float32)
