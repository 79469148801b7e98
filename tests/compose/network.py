"""The network that the services are on: an address for each container, and names that lead to them, as Docker does it.

This process is the router and the name server in between. It runs in a network namespace of its own, so nothing here is seen
on the machine.
"""

import socket
import struct
import subprocess
import threading
from pathlib import Path

ROUTER = "10.89.0.1"
NAMESPACES = Path("/run/netns")
TYPE_A = 1
CLASS_IN = 1
NO_SUCH_NAME = 3
# As Docker's name server says; callers ask again soon after.
LIFETIME_S = 1


def ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True, timeout=10)


class Network:
    def __init__(self) -> None:
        NAMESPACES.mkdir(parents=True)
        ip("link", "set", "lo", "up")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        ip("address", "add", f"{ROUTER}/32", "dev", "lo")
        self.names: dict[str, list[str]] = {}
        self.lock = threading.Lock()
        self.count = 1
        self.answering = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.answering.bind((ROUTER, 53))
        threading.Thread(target=self.answer, daemon=True).start()

    def join(self) -> tuple[str, str]:
        """Makes a namespace with an address of its own: its path and the address."""
        self.count += 1
        name, address = f"c{self.count}", f"10.89.0.{self.count}"
        ip("netns", "add", name)
        ip("link", "add", f"v{self.count}", "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", f"v{self.count}", "up")
        ip("route", "add", f"{address}/32", "dev", f"v{self.count}", "src", ROUTER)
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "address", "add", f"{address}/32", "dev", "eth0")
        ip("-n", name, "route", "add", ROUTER, "dev", "eth0")
        ip("-n", name, "route", "add", "default", "via", ROUTER)
        return str(NAMESPACES / name), address

    def leave(self, namespace: str) -> None:
        ip("netns", "delete", Path(namespace).name)

    def name(self, name: str, address: str) -> None:
        with self.lock:
            self.names.setdefault(name, []).append(address)

    def forget(self, name: str, address: str) -> None:
        with self.lock:
            self.names[name].remove(address)

    def answer(self) -> None:
        while True:
            question, asker = self.answering.recvfrom(512)
            self.answering.sendto(self.answer_to(question), asker)

    def answer_to(self, question: bytes) -> bytes:
        labels, at = [], 12
        while length := question[at]:
            labels.append(question[at + 1 : at + 1 + length].decode())
            at += 1 + length
        kind = struct.unpack("!H", question[at + 1 : at + 3])[0]
        with self.lock:
            known = self.names.get(".".join(labels).lower(), [])
            addresses = known if kind == TYPE_A else []
            # Each answer begins with another one, so that whoever takes the first takes all in turn.
            if known:
                known.append(known.pop(0))
            records = b"".join(
                struct.pack("!HHHIH", 0xC00C, TYPE_A, CLASS_IN, LIFETIME_S, 4) + socket.inet_aton(address)
                for address in addresses
            )
            code = 0 if known else NO_SUCH_NAME
        head = question[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(addresses), 0, 0)
        return head + question[12 : at + 5] + records
