"""Records a loopback of a network namespace of its own as pcap, headers only.

Started by volume.ts, which says on stdin what to do: `start PATH`, `stop`. Answers `ready`, `recording`, `stopped FRAMES
DROPPED`. Segmentation offload is switched off first: otherwise the kernel hands over packets of 64 kB that no wire carries.
"""

import ctypes
import fcntl
import mmap
import socket
import struct
import sys

# A frame's place in the ring: what does not fit is cut off.
SLOT = 256
BLOCK = 1 << 16
MAX_FRAMES = 40_960
SIOCETHTOOL = 0x8946
ETHTOOL_SET_TSO, ETHTOOL_SET_GSO, ETHTOOL_SET_GRO = 0x1F, 0x24, 0x2C
SOL_PACKET = 263
PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, PACKET_IGNORE_OUTGOING = 5, 6, 10, 23
TPACKET_V2, TP_STATUS_USER = 1, 1


def switch_offload_off(name: bytes) -> None:
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for command in (ETHTOOL_SET_TSO, ETHTOOL_SET_GSO, ETHTOOL_SET_GRO):
        value = ctypes.create_string_buffer(struct.pack("II", command, 0), 8)
        fcntl.ioctl(control, SIOCETHTOOL, struct.pack("16sP", name, ctypes.addressof(value)))


def main() -> None:
    switch_offload_off(b"lo")
    say("ready")
    while line := sys.stdin.readline():
        command, _, path = line.strip().partition(" ")
        if command == "start":
            record(path)


def record(path: str) -> None:
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    packets.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
    packets.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    request = struct.pack("IIII", BLOCK, MAX_FRAMES * SLOT // BLOCK, SLOT, MAX_FRAMES)
    packets.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
    ring = mmap.mmap(packets.fileno(), MAX_FRAMES * SLOT, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    packets.bind(("lo", 0x0003))
    say("recording")
    sys.stdin.readline()
    frames = 0
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SLOT, 1))
        for at in range(0, MAX_FRAMES * SLOT, SLOT):
            # tpacket2_hdr: status, length, captured, offset of the frame, of its payload, seconds, nanoseconds.
            status, wire, captured, mac, _, seconds, nanoseconds = struct.unpack_from("IIIHHII", ring, at)
            if not status & TP_STATUS_USER:
                break
            out.write(struct.pack("<IIII", seconds, nanoseconds // 1000, captured, wire))
            out.write(ring[at + mac : at + mac + captured])
            frames += 1
    _, dropped = struct.unpack("II", packets.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    ring.close()
    packets.close()
    say(f"stopped {frames} {dropped}")


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
