"""One container: a program with a file system, a network address and a user of its own, of the namespaces that Docker makes it of."""

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from network import ROUTER, Network

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OF_ETC = ("nsswitch.conf", "ssl", "alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "protocols", "services")
KILLED_S = 10


@dataclass
class Plan:
    """What a container is made of, however it is written in a file."""

    name: str
    hostname: str
    command: list[str]
    environment: dict[str, str]
    user: int = 10001
    # Files and folders of this machine, by where they are seen, to read.
    readable: dict[str, str] = field(default_factory=dict)
    # Folders, by where they are seen, to write; None is one in memory.
    writable: dict[str, str | None] = field(default_factory=dict)
    read_only: bool = True
    health: list[str] | None = None


class Container:
    """A running one. Its output goes to `log`."""

    def __init__(self, plan: Plan, network: Network, folder: Path):
        self.plan, self.network = plan, network
        self.namespace, self.address = network.join()
        self.files = folder / plan.name
        self.files.mkdir(parents=True)
        (self.files / "resolv.conf").write_text(f"nameserver {ROUTER}\noptions ndots:0\n")
        (self.files / "hosts").write_text(f"127.0.0.1 localhost\n{self.address} {plan.hostname}\n")
        (self.files / "passwd").write_text(f"root:x:0:0::/:/bin/sh\n{plan.hostname}:x:{plan.user}:{plan.user}::/:/bin/sh\n")
        (self.files / "group").write_text(f"root:x:0:\n{plan.hostname}:x:{plan.user}:\n")
        self.log = self.files / "log"
        read, write = os.pipe()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.wrap(plan.command, ["--info-fd", str(write)]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[write],
            )
        os.close(write)
        with os.fdopen(read) as info:
            said = info.read()
        if not said:
            raise RuntimeError(f"{plan.name} does not start: {self.log.read_text()}")
        self.first = json.loads(said)["child-pid"]
        network.name(plan.hostname, self.address)

    def wrap(self, command: list[str], flags: list[str] | None = None) -> list[str]:
        """The command in this container's namespaces, with its view of the file system."""
        plan = self.plan
        args = ["nsenter", f"--net={self.namespace}", "bwrap", *(flags or [])]
        args += ["--unshare-user", "--uid", str(plan.user), "--gid", str(plan.user)]
        args += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", plan.hostname]
        args += ["--die-with-parent", "--new-session", "--clearenv", "--setenv", "PATH", PATH]
        for key, value in plan.environment.items():
            args += ["--setenv", key, value]
        args += ["--tmpfs", "/", "--ro-bind", "/usr", "/usr", "--tmpfs", "/usr/local"]
        for name in ("bin", "sbin", "lib", "lib64"):
            args += ["--symlink", f"usr/{name}", f"/{name}"]
        for name in OF_ETC:
            args += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        args += ["--dev", "/dev", "--proc", "/proc", "--dir", "/tmp", "--dir", "/run"]
        own = {f"/etc/{name}": str(self.files / name) for name in ("resolv.conf", "hosts", "passwd", "group")}
        readable = own | plan.readable
        for target, source in readable.items():
            args += ["--ro-bind", str(source), target]
        for target, source in plan.writable.items():
            args += ["--tmpfs", target] if source is None else ["--bind", source, target]
        if plan.read_only:
            args += ["--remount-ro", "/"]
        return [*args, "--", *command]

    def run(self, command: list[str], timeout_s: float) -> subprocess.CompletedProcess | None:
        """Runs a command as `docker exec` does; none if it does not end in time."""
        try:
            return subprocess.run(
                self.wrap(command), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s
            )
        except subprocess.TimeoutExpired:
            return None

    def is_running(self) -> bool:
        return self.process.poll() is None

    def stop(self, grace_s: float) -> int | None:
        """Asks the program to end: its exit code, or none if it had to be killed."""
        # Bubblewrap itself is the first process, and passes nothing on.
        children = Path(f"/proc/{self.first}/task/{self.first}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGTERM)
        try:
            code = self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            code = None
        self.kill()
        return code

    def kill(self) -> None:
        """Ends it as a power cut would."""
        if self.is_running():
            os.kill(self.first, signal.SIGKILL)
            self.process.wait(KILLED_S)
        if self.namespace:
            self.network.forget(self.plan.hostname, self.address)
            self.network.leave(self.namespace)
            self.namespace = ""

    def is_healthy(self, timeout_s: float) -> bool:
        answer = self.plan.health and self.run(self.plan.health, timeout_s)
        return bool(answer) and answer.returncode == 0

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def wait_until(what: str, look, patience_s: float, pause_s: float = 0.1):
    """The first thing that `look` finds; an error names what was waited for."""
    deadline = time.monotonic() + patience_s
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience_s:.0f} s in vain for {what}")
        time.sleep(pause_s)
