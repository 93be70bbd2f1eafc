"""Runs a command in a network namespace whose only way out is a sink, and tells what fell into it.

`unshare --net python sink.py COMMAND…`: prints one line for each TCP or UDP packet that was meant for
another machine or for a name server, and `nothing` when there was none.
"""

import socket
import struct
import subprocess
import sys

MARK = ("198.51.100.99", 9)


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def described(frame, family):
    """What a packet is, when it leaves or asks for a name; else nothing."""
    if family == 0x0800 and len(frame) >= 20:
        head, protocol, to = (frame[0] & 15) * 4, frame[9], socket.inet_ntoa(frame[16:20])
        here = to.startswith("127.")
    elif family == 0x86DD and len(frame) >= 40:
        head, protocol, to = 40, frame[6], socket.inet_ntop(socket.AF_INET6, frame[24:40])
        here = to == "::1"
    else:
        return None
    if protocol not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) or len(frame) < head + 4:
        return None
    port = struct.unpack("!H", frame[head + 2 : head + 4])[0]
    if here and port != 53:
        return None
    return to, port


def fallen(sniffer):
    """All until the mark, which is sent after whatever there was."""
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"mark", MARK)
    seen = []
    while True:
        frame, (_, family, _, _, _) = sniffer.recvfrom(65536)
        packet = described(frame, family)
        if packet == MARK:
            return seen
        if packet is not None:
            seen.append(packet)


def wait_for(sniffer, packet):
    """Until this very packet has been seen."""
    while True:
        frame, (_, family, _, _, _) = sniffer.recvfrom(65536)
        if described(frame, family) == packet:
            return


ip("link", "set", "lo", "up")
ip("link", "add", "sink", "type", "dummy")
ip("addr", "add", "198.51.100.1/24", "dev", "sink")
ip("link", "set", "sink", "up")
ip("route", "add", "default", "dev", "sink")
# ETH_P_ALL, without link headers, on every interface.
sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024 * 1024)
sniffer.settimeout(60)

# The sink works: what leaves falls into it.
probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
probe.setblocking(False)
probe.connect_ex(("192.0.2.7", 443))
wait_for(sniffer, ("192.0.2.7", 443))
probe.close()
fallen(sniffer)

ended = subprocess.run(sys.argv[1:])
packets = sorted(set(fallen(sniffer)))
for packet in packets:
    print("%s port %d" % packet)
if not packets:
    print("nothing")
sys.exit(ended.returncode)
