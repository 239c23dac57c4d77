"""Golden vectors of the flow features, by a reader and sums of its own (dpkt, and the definitions in words).

Makes a small capture with every kind of packet that a feature asks for, cuts it into windows, and writes capture and
features to packages/detector/vectors/flow.json. Shares no code with the extractor in TypeScript, which a test holds to it.

    python flow.py
"""

import base64
import ipaddress
import json
import math
import random
import struct
from collections import Counter, OrderedDict
from io import BytesIO
from pathlib import Path

import dpkt

OUT = Path(__file__).resolve().parents[2] / "vectors" / "flow.json"
MAX_PACKETS, MAX_DURATION_US, MIN_PACKETS = 64, 10_000_000, 8
AMPLIFIED = {53, 123, 11211}


# ── the capture ──────────────────────────────────────────────────────────────────────────────────────────────────────

def ip4(source, destination, protocol, body, options=b"", fragment=0, more=False, total=None):
    header = 20 + len(options)
    length = header + len(body) if total is None else total
    first = struct.pack(">BBHHHBBH", 0x40 | header // 4, 0, length, 7, (0x2000 if more else 0) | fragment, 64, protocol, 0)
    return first + ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed + options + body


def ip6(source, destination, protocol, body, extension=False):
    if extension:  # one destination-options header of 8 bytes
        body = bytes([protocol, 0, 1, 4, 0, 0, 0, 0]) + body
        protocol = 60
    fixed = struct.pack(">IHBB", 6 << 28, len(body), protocol, 64)
    return fixed + ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed + body


def tcp(sport, dport, flags, window, data=b"", options=b""):
    return struct.pack(">HHIIBBHHH", sport, dport, 1, 2, (20 + len(options)) // 4 << 4, flags, window, 0, 0) + options + data


def udp(sport, dport, data):
    return struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data


def icmp(kind, data=b""):
    return struct.pack(">BBHHH", kind, 0, 0, 1, 1) + data


def ethernet(packet, vlan=False):
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    return bytes(12) + (b"\x81\x00\x00\x05" if vlan else b"") + kind + packet


def capture():
    rng = random.Random(20_26)
    frames, now = [], 1_700_000_000_000_000

    def add(packet, gap, vlan=False):
        nonlocal now
        now += gap
        frames.append((now, ethernet(packet, vlan)))

    host = "198.51.100.7"
    for i in range(90):  # connections, of every shape of flags
        flags = [0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x38, 0x00, 0x29, 0xC2, 0x03, 0x50][i % 12]
        options = b"\x02\x04\x05\xb4\x01\x01\x04\x02" if flags & 2 else b""
        data = rng.randbytes(rng.randrange(1, 40)) if i % 3 == 0 else b""
        segment = tcp(30_000 + i % 7, 443, flags, [0, 512, 65_535][i % 3], data, options)
        add(ip4(f"192.0.2.{i % 5}", host, 6, segment), rng.randrange(1, 90_000), vlan=i % 10 == 0)
    for i in range(30):  # answers that nobody asked for, in fragments too
        body = udp([53, 123, 11211, 40_000][i % 4], 5_000 + i, rng.randbytes(20 + i))
        add(ip4("203.0.113.9", host, 17, body, more=i % 5 == 0), 1_000)
        if i % 5 == 0:
            add(ip4("203.0.113.9", host, 17, rng.randbytes(16), fragment=185), 3)
    for i in range(24):  # ICMP, with IP options
        add(ip4("203.0.113.10", "198.51.100.8", 1, icmp([8, 0, 3, 11][i % 4], rng.randbytes(i)), options=b"\x94\x04\x00\x00"), 250_000)
    for i in range(24):  # IPv6: its own ICMP, extension headers, both directions of a flow
        a, b = "2001:db8::1", "2001:db8::2"
        if i % 3 == 0:
            add(ip6(a, b, 58, icmp([128, 129, 1][i // 3 % 3])), 10_000)
        elif i % 3 == 1:
            add(ip6(a, b, 6, tcp(50_000, 80, 0x10, 1_000), extension=i % 2 == 0), 10_000)
        else:
            add(ip6(b, a, 6, tcp(80, 50_000, 0x18, 2_000, rng.randbytes(30))), 10_000)
    for i in range(12):  # all at one moment: gaps of nothing
        add(ip4("192.0.2.77", "198.51.100.9", 17, udp(9, 9, b"same")), 0)
    for i in range(9):  # a protocol without ports, and a window that time closes
        add(ip4("192.0.2.78", "198.51.100.10", 47, rng.randbytes(12)), 900_000)
    for i in range(9):
        add(ip4("192.0.2.79", "198.51.100.10", 47, rng.randbytes(12)), 1_400_000)

    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
    for at, frame in frames:
        out += struct.pack("<IIII", at // 1_000_000, at % 1_000_000, len(frame), len(frame)) + frame
    return out


# ── the reader ───────────────────────────────────────────────────────────────────────────────────────────────────────

def read(pcap):
    for seconds, frame in dpkt.pcap.Reader(BytesIO(pcap)):
        ip = dpkt.ethernet.Ethernet(frame).data
        seen = {"us": round(seconds * 1e6), "flags": 0, "window": 0, "tcp_options": 0, "type": -1, "sport": 0, "dport": 0}
        if isinstance(ip, dpkt.ip.IP):
            raw = bytes(ip)
            offset = ip.offset // 8 if hasattr(ip, "offset") else 0
            seen |= {"bytes": ip.len, "protocol": ip.p, "extra": len(ip.opts), "later": offset > 0}
            seen |= {"fragment": offset > 0 or bool(ip.mf)}
            body = raw[20 + len(ip.opts):ip.len]
        else:
            extra = sum(len(each) for each in ip.all_extension_headers)
            raw = bytes(ip)
            protocol = ip.all_extension_headers[-1].nxt if ip.all_extension_headers else ip.nxt
            seen |= {"bytes": 40 + ip.plen, "protocol": protocol, "extra": extra, "later": False, "fragment": False}
            body = raw[40 + extra:40 + ip.plen]
        seen |= {"source": ipaddress.ip_address(ip.src), "destination": ipaddress.ip_address(ip.dst)}
        header = 0
        if not seen["later"]:
            if seen["protocol"] == 6:
                segment = dpkt.tcp.TCP(body)
                header = segment.off * 4
                seen |= {"flags": segment.flags & 0xFF, "window": segment.win, "tcp_options": header - 20}
            if seen["protocol"] == 17:
                header = 8
            if seen["protocol"] in (6, 17):
                seen["sport"], seen["dport"] = struct.unpack(">HH", body[:4])
            if seen["protocol"] in (1, 58):
                header = 8
                seen["type"] = body[0]
        seen["payload"] = len(body) - header
        yield seen


def number(address):
    """As one order for both families: IPv4 lies in ::ffff:0:0/96, and each 32-bit word counts with its sign."""
    value = int(address) if address.version == 6 else 0xFFFF << 32 | int(address)
    words = [value >> shift & 0xFFFFFFFF for shift in (96, 64, 32, 0)]
    return [word - (1 << 32) if word >> 31 else word for word in words]


def name(address):
    if address.version == 4:
        return str(address)
    return ":".join(format(int(group, 16), "x") for group in address.exploded.split(":"))


def windows(packets, group):
    opened, closed = OrderedDict(), []
    for packet in packets:
        ends = [(number(packet["source"]) + [packet["sport"]], "source", "sport"),
                (number(packet["destination"]) + [packet["dport"]], "destination", "dport")]
        backward = ends[0][0] > ends[1][0]
        if group == "flow":
            (_, low, low_port), (_, high, high_port) = reversed(ends) if backward else ends
            key = (f"{name(packet[low])} port {packet[low_port]} and {name(packet[high])} port {packet[high_port]}, "
                   f"protocol {packet['protocol']}")
        else:
            key, backward = name(packet[group]), False
        for other in [k for k, w in opened.items() if abs(packet["us"] - w[0]["us"]) >= MAX_DURATION_US]:
            closed.append((other, opened.pop(other)))
        opened.setdefault(key, []).append({**packet, "backward": backward})
        if len(opened[key]) == MAX_PACKETS:
            closed.append((key, opened.pop(key)))
    closed += opened.items()
    return [(key, window) for key, window in closed if len(window) >= MIN_PACKETS]


# ── the features, in the words of their table ────────────────────────────────────────────────────────────────────────

def features(window):
    n = len(window)
    share = lambda part, whole: part / whole if whole else None
    tcp_packets = [p for p in window if p["protocol"] == 6]
    shown = [p for p in tcp_packets if not p["later"]]
    ported = [p for p in window if p["sport"] or p["dport"]]
    times = [p["us"] for p in window]
    span = max(times) - min(times)
    gaps = [abs(b - a) for a, b in zip(times, times[1:])]
    mean = lambda values: sum(values) / len(values)
    deviation = lambda values: math.sqrt(mean([(v - mean(values)) ** 2 for v in values]))

    def median(values):
        ordered = sorted(values)
        return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2

    def spread(values):
        counts = Counter(values).values()
        total = len(values)
        return (share(len(counts), total), -sum(c / total * math.log2(c / total) for c in counts) if total else None)

    flagged = lambda test: share(sum(1 for p in shown if test(p["flags"])), len(tcp_packets))
    sizes, payloads = [p["bytes"] for p in window], [p["payload"] for p in window]
    gap_mean = mean(gaps)
    found = {
        "packets": n,
        "duration": span / 1e6,
        "rate.packets": (n - 1) / (max(span, 1) / 1e6),
        "rate.bytes": sum(sizes) / (max(span, 1) / 1e6),
        "gap.mean": gap_mean,
        "gap.median": median(gaps),
        "gap.deviation.relative": share(deviation(gaps), gap_mean),
        "gap.median.relative": share(median(gaps), gap_mean),
        "gap.burst": share(sum(1 for g in gaps if g < gap_mean / 10), n - 1) if gap_mean > 0 else None,
        "size.mean": mean(sizes), "size.deviation": deviation(sizes), "size.min": min(sizes), "size.median": median(sizes), "size.max": max(sizes),
        "payload.mean": mean(payloads), "payload.deviation": deviation(payloads),
        "payload.empty": payloads.count(0) / n,
        "protocol.tcp": len(tcp_packets) / n,
        "protocol.udp": sum(p["protocol"] == 17 for p in window) / n,
        "protocol.icmp": sum(p["protocol"] in (1, 58) for p in window) / n,
        "icmp.echo": sum((p["protocol"], p["type"]) in {(1, 0), (1, 8), (58, 128), (58, 129)} for p in window) / n,
        "icmp.unreachable": sum((p["protocol"], p["type"]) in {(1, 3), (58, 1)} for p in window) / n,
        "ip.fragment": sum(p["fragment"] for p in window) / n,
        "ip.extra": sum(p["extra"] > 0 for p in window) / n,
        "tcp.syn": flagged(lambda f: f & 0x12 == 0x02),
        "tcp.syn-ack": flagged(lambda f: f & 0x12 == 0x12),
        "tcp.ack-only": share(sum(1 for p in shown if p["flags"] & 0x3F == 0x10 and p["payload"] == 0), len(tcp_packets)),
        "tcp.fin": flagged(lambda f: f & 0x01), "tcp.rst": flagged(lambda f: f & 0x04), "tcp.psh": flagged(lambda f: f & 0x08),
        "tcp.urg": flagged(lambda f: f & 0x20), "tcp.ecn": flagged(lambda f: f & 0xC0),
        "tcp.odd-flags": flagged(lambda f: f & 0x3F == 0 or (f & 0x02 and f & 0x05) or f & 0x3F == 0x29),
        "tcp.window.zero": share(sum(1 for p in shown if p["window"] == 0), len(tcp_packets)),
        "tcp.options.mean": share(sum(p["tcp_options"] for p in shown), len(tcp_packets)),
        "direction.backward": sum(p["backward"] for p in window) / n,
    }
    columns = {
        "size": sizes,
        "tcp.window": [p["window"] for p in tcp_packets],
        "source.address": [p["source"] for p in window],
        "destination.address": [p["destination"] for p in window],
        "source.port": [p["sport"] for p in ported],
        "destination.port": [p["dport"] for p in ported],
    }
    for column, values in columns.items():
        found[f"{column}.distinct"], found[f"{column}.entropy"] = spread(values)
    return found


pcap = capture()
packets = list(read(pcap))
vectors = [
    {"group": group, "subject": subject, "packets": len(window), "features": features(window)}
    for group in ("destination", "source", "flow")
    for subject, window in windows(packets, group)
]
head = {
    "extractor": "flow-window-1",
    "about": "A capture, and the features of its windows of 64 packets or 10 s; null is NaN. Made by training/vectors/flow.py.",
    "capture": base64.b64encode(pcap).decode(),
}
lines = ",\n".join("  " + json.dumps(each) for each in vectors)
OUT.write_text("{\n" + "".join(f" {json.dumps(k)}: {json.dumps(v)},\n" for k, v in head.items()) + f' "windows": [\n{lines}\n ]\n}}\n')
print(f"{OUT.name}: {len(packets)} packets, {len(vectors)} windows")
