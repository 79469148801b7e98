"""`docker compose up`, for one file and without Docker: starts what compose.yaml describes, in the order it asks for."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import engines
from composefile import Secret, image_environment, is_amphi, mounts_of, seconds, secrets_of
from container import Container, Plan, wait_until
from network import Network

PATIENCE_S = 120


class Stack:
    def __init__(self, compose: dict, folder: Path, secrets: Path, binary: Path, store: Path):
        self.services = compose["services"]
        self.folder, self.secrets, self.binary, self.store = folder, secrets, binary, store
        self.network = Network()
        self.containers: dict[str, list[Container]] = {}
        self.done: set[str] = set()
        self.started = 0

    def up(self) -> None:
        """Starts each service as soon as what it depends on is as it must be."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self.done) < len(self.services):
            for name, service in self.services.items():
                if name not in self.containers and self.may_start(service):
                    self.start(name)
            for name in set(self.containers) - self.done:
                if self.has_settled(name):
                    self.done.add(name)
            if time.monotonic() > deadline:
                raise TimeoutError(f"these do not come up: {self.state()}")
            time.sleep(0.1)

    def may_start(self, service: dict) -> bool:
        return set(service.get("depends_on", {})) <= self.done

    def has_settled(self, name: str) -> bool:
        """Whether a service is healthy, or has ended well if that is what it is for."""
        container = self.containers[name][-1]
        if self.services[name].get("restart") != "no":
            if not container.is_running():
                raise RuntimeError(f"{name} has ended: {container.tail()}")
            return container.is_healthy(seconds(self.services[name]["healthcheck"]["timeout"]))
        if container.is_running():
            return False
        if container.process.returncode != 0:
            raise RuntimeError(f"{name} has failed: {container.tail()}")
        return True

    def state(self) -> str:
        waiting = set(self.services) - self.done
        return "\n".join(f"{it}: {self.containers[it][-1].tail() if it in self.containers else '-'}" for it in waiting)

    def start(self, name: str) -> Container:
        """Starts one more container of a service."""
        self.started += 1
        container = Container(self.plan(name), self.network, self.folder)
        self.containers.setdefault(name, []).append(container)
        return container

    def scale_up(self, name: str) -> Container:
        """One more container of a service, when it is healthy."""
        container = self.start(name)
        wait_until(f"a second {name} to be healthy", lambda: self.has_settled(name), PATIENCE_S)
        return container

    def remove(self, name: str, container: Container) -> int | None:
        """Stops one as Compose would, and tells how it ended."""
        self.containers[name].remove(container)
        return container.stop(seconds(self.services[name].get("stop_grace_period", "10s")))

    def down(self) -> dict[str, int | None]:
        """Stops everything, first all of ours at once: how each ended."""
        ours = [(name, it) for name in self.containers if is_amphi(self.services[name]) for it in self.containers[name]]
        running = [(name, it) for name, it in ours if it.is_running()]
        with ThreadPoolExecutor(len(running)) as pool:
            codes = list(pool.map(lambda entry: self.remove(*entry), running))
        for containers in self.containers.values():
            for container in containers:
                container.kill()
        return {container.plan.name: code for (_, container), code in zip(running, codes, strict=True)}

    def plan(self, name: str) -> Plan:
        service = self.services[name]
        identity = f"{name}-{self.started}"
        health = service.get("healthcheck", {}).get("test")
        if health:
            health = health[1:] if health[0] == "CMD" else ["/bin/sh", "-c", health[1]]
        plan = Plan(
            name=identity,
            hostname=service.get("hostname", name),
            command=[*service.get("entrypoint", []), *service.get("command", [])],
            environment={key: str(value) for key, value in service.get("environment", {}).items()},
            readable={secret.target: self.secret(secret) for secret in secrets_of(service)},
            writable={target: self.place(identity, target) for target in mounts_of(service)},
            read_only=service.get("read_only", False),
            health=health,
        )
        if is_amphi(service):
            plan.user = int(service["user"].split(":")[0])
            plan.command = ["amphi", *plan.command]
            plan.environment = image_environment() | plan.environment
            plan.readable["/usr/local/bin/amphi"] = str(self.binary)
        else:
            plan.user = 999
            plan.writable.setdefault("/tmp", None)
            self.stand_in(name, plan)
        return plan

    def stand_in(self, name: str, plan: Plan) -> None:
        bucket = self.services["media"]["environment"]["AMPHI_BLOBS__S3__BUCKET"]
        if name == "s3":
            engines.s3(plan, self.store, bucket)
        elif name == "bucket":
            # It is there from the start, and the command is of a program that is not here.
            plan.command = ["true"]
        else:
            getattr(engines, name)(plan)

    def secret(self, secret: Secret) -> str:
        return str(self.secrets / secret.name)

    def place(self, identity: str, target: str) -> str | None:
        if any(entry.split(":")[0] == target for entry in self.services[identity.rsplit("-", 1)[0]].get("tmpfs", [])):
            return None
        folder = self.folder / "volumes" / identity / target.strip("/").replace("/", "-")
        folder.mkdir(parents=True)
        return str(folder)
