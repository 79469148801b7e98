"""What must hold of compose.yaml. Each rule yields what is wrong, in words."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from composefile import ROOT, image_environment, is_amphi, mounts_of, role_of, seconds, secrets_of

ANSWER_S = 60
CONDITIONS = ("service_healthy", "service_completed_successfully")


class Binary:
    """The `amphi` under test, which knows its settings and roles best."""

    def __init__(self, path: Path):
        self.path = path
        # Most services are asked about again after a change to another.
        self.said: dict[tuple, subprocess.CompletedProcess] = {}

    def run(self, args: list[str], settings: dict[str, str]) -> subprocess.CompletedProcess:
        question = (*args, *sorted(settings.items()))
        if question not in self.said:
            clean = {key: value for key, value in os.environ.items() if not key.startswith("AMPHI_")}
            self.said[question] = subprocess.run(
                [self.path, *args], env=clean | settings, capture_output=True, text=True, timeout=ANSWER_S
            )
        return self.said[question]

    def roles(self) -> set[str]:
        listed = self.run(["serve", "--help"], {}).stdout.split("Roles:\n")[1].split("\n\n")[0]
        return {line.split()[0] for line in listed.splitlines()}

    def settings(self, given: dict[str, str]) -> dict[str, str]:
        """Every setting in force by its dotted name, as it is written in TOML; nothing when one of them is refused."""
        dump, section = {}, ""
        for line in self.run(["config", "dump"], given).stdout.splitlines():
            if match := re.fullmatch(r"\[([\w.]+)\]", line.strip()):
                section = match[1]
            elif match := re.match(r"(\w+) = (\S+)", line):
                dump[f"{section}.{match[1]}"] = match[2]
        return dump


def problems(compose: dict, secrets: Path, binary: Binary) -> list[str]:
    """All that is wrong with the file. `secrets` is a folder that `scripts/compose-secrets` has filled."""
    found = []
    for rule in (roles, addresses, dependencies, secret_files, images, exposure, hardening, store):
        found += [f"{rule.__name__}: {text}" for text in rule(compose, secrets, binary)]
    for name, service in compose["services"].items():
        if is_amphi(service):
            found += [f"settings: {name}: {text}" for text in settings(service, secrets, binary)]
    return found


def environment(service: dict, secrets: Path) -> dict[str, str]:
    """What a process of the service is given, its secrets read from `secrets`."""
    places = {secret.target: str(secrets / secret.name) for secret in secrets_of(service)}
    given = image_environment() | {key: str(value) for key, value in service.get("environment", {}).items()}
    return {key: places.get(value, value) for key, value in given.items()}


def settings(service: dict, secrets: Path, binary: Binary) -> Iterator[str]:
    given = environment(service, secrets)
    answer = binary.run(["config", "check"], given)
    if answer.returncode != 0 or "warning" in answer.stderr:
        yield f"`amphi config check` says: {answer.stderr.strip()}"
        return
    for key, value in service["environment"].items():
        if not isinstance(value, str):
            yield f"{key}: {value!r} needs quotes, or Compose and Amphi may read it differently"
        if re.search(r"://[^/]*:[^/]*@", str(value)) or re.search(r"(SECRET|PASSWORD|TOKEN)$", key):
            yield f"{key} is a secret and belongs into a file"
    if role_of(service) is None:
        return
    dump = binary.settings(given)
    data = dump["server.data_dir"].strip('"')
    if data not in mounts_of(service):
        yield f"nothing is mounted at {data}, and the rest is read-only"
    stopping_s = (int(dump["server.drain_ms"]) + int(dump["server.shutdown_timeout_ms"])) / 1000
    if seconds(service["stop_grace_period"]) < stopping_s + 5:
        yield f"stop_grace_period is less than 5 s longer than the {stopping_s} s that stopping may take"
    if service["healthcheck"]["test"] != ["CMD", "amphi", "health"]:
        yield "the health check does not ask whether the role is ready"


def roles(compose: dict, _secrets: Path, binary: Binary) -> Iterator[str]:
    running = [role for service in compose["services"].values() if (role := role_of(service))]
    for role in sorted(binary.roles()):
        if running.count(role) != 1:
            yield f"{role} is run by {running.count(role)} services, not one"
    for role in set(running) - binary.roles():
        yield f"{role} is no role"


def addresses(compose: dict, secrets: Path, binary: Binary) -> Iterator[str]:
    places = {role_of(service): name for name, service in compose["services"].items() if role_of(service)}
    for name, service in compose["services"].items():
        if role_of(service) is None:
            continue
        dump = binary.settings(environment(service, secrets))
        if not dump:
            continue
        port = dump["server.internal_listen"].strip('"').rsplit(":", 1)[1]
        for key, value in dump.items():
            if key.startswith("cluster.services."):
                role = key.rsplit(".", 1)[1]
                expected = f'"dns+http://{places.get(role)}:{port}"'
                if value != expected:
                    yield f"{name} looks for {role} at {value}, not at {expected}"


def dependencies(compose: dict, _secrets: Path, _binary: Binary) -> Iterator[str]:
    services = compose["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            if other not in services:
                yield f"{name} depends on {other}, which is not there"
            elif how["condition"] not in CONDITIONS:
                yield f"{name} does not wait until {other} is of use"
            elif how["condition"] == CONDITIONS[0] and "healthcheck" not in services[other]:
                yield f"{name} waits for the health of {other}, which nobody checks"
            elif (how["condition"] == CONDITIONS[1]) != (services[other].get("restart") == "no"):
                yield f"{name} waits for {other} in a way that does not fit how it ends"
    settled: set[str] = set()
    while ready := [
        name for name, it in services.items() if name not in settled and set(it.get("depends_on", {})) <= settled
    ]:
        settled.update(ready)
    for name in set(services) - settled:
        yield f"{name} can never start: what it depends on is not there, or depends on it"


def secret_files(compose: dict, secrets: Path, _binary: Binary) -> Iterator[str]:
    used = set()
    for name, service in compose["services"].items():
        mounted = secrets_of(service)
        used.update(secret.name for secret in mounted)
        named = re.findall(r"/run/secrets/[\w.]+", json.dumps([service.get("environment"), service.get("command"), service.get("healthcheck")]))
        for path in set(named) - {secret.target for secret in mounted}:
            yield f"{name} reads {path}, which is not mounted"
        for path in {it.target for it in mounted if it.target.startswith("/run/secrets/")} - set(named):
            if not is_amphi(service) or role_of(service):
                yield f"{name} is given {path} and has no use for it"
    for name in used ^ set(compose["secrets"]):
        yield f"the secret {name} is either not used or not declared"
    for name in compose["secrets"]:
        if not (secrets / name).is_file():
            yield f"scripts/compose-secrets does not make {name}"


def images(compose: dict, _secrets: Path, _binary: Binary) -> Iterator[str]:
    for name, service in compose["services"].items():
        if not re.search(r":\d+\.\d+", service["image"]):
            yield f"{name} runs {service['image']}: name its version, at least to the minor one"


def exposure(compose: dict, _secrets: Path, _binary: Binary) -> Iterator[str]:
    for network in ("inside", "store"):
        if not compose["networks"][network].get("internal"):
            yield f"the network {network} leads outside"
    # Most of its ports ask for no password.
    at_the_store = {name for name, service in compose["services"].items() if "store" in service["networks"]}
    if at_the_store != {"s3", "bucket", "media", "playback"} or compose["services"]["s3"]["networks"] != ["store"]:
        yield f"the store is reached by {sorted(at_the_store)}: those who read and write blobs, and nobody else"
    for name, service in compose["services"].items():
        is_gateway = role_of(service) == "gateway"
        if bool(service.get("ports")) != is_gateway or ("outside" in service["networks"]) != is_gateway:
            yield f"{name}: the gateway is published, and nothing else"
        for port in service.get("ports", []):
            if not port.endswith(":8080"):
                yield f"{name} publishes {port}, which is not its public port"


def hardening(compose: dict, _secrets: Path, _binary: Binary) -> Iterator[str]:
    for name, service in compose["services"].items():
        if "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name} may gain privileges"
        if "logging" not in service:
            yield f"{name}: its log grows without bound"
        if service.get("restart") == "no":
            continue
        if service.get("restart") != "unless-stopped":
            yield f"{name} does not come back after a crash"
        limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
        if {"cpus", "memory"} - set(limits):
            yield f"{name} has no bound on processors and memory"
        if "healthcheck" not in service:
            yield f"{name}: nobody looks whether it works"
    for name, service in compose["services"].items():
        if is_amphi(service):
            if not (service.get("read_only") and service.get("init") and service.get("cap_drop") == ["ALL"]):
                yield f"{name} has more rights than it needs"
            if service.get("user", "0").startswith("0"):
                yield f"{name} runs as root"
    for name in set(compose["volumes"]) ^ {
        entry.split(":")[0] for it in compose["services"].values() for entry in it.get("volumes", []) if ":" in entry
    }:
        yield f"the volume {name} is either not used or not declared"


def store(compose: dict, secrets: Path, _binary: Binary) -> Iterator[str]:
    media = compose["services"]["media"]["environment"]
    bucket = media["AMPHI_BLOBS__S3__BUCKET"]
    if f"-name {bucket}'" not in compose["services"]["bucket"]["command"][0]:
        yield f"the bucket {bucket} is not made"
    identity = json.loads((secrets / "s3_identities.json").read_text())["identities"][0]
    credentials = identity["credentials"][0]
    if credentials["accessKey"] != media["AMPHI_BLOBS__S3__ACCESS_KEY_ID"]:
        yield "the store knows another access key"
    if credentials["secretKey"] != (secrets / "s3_secret").read_text().strip():
        yield "the store knows another secret"
    for action in identity["actions"]:
        if action.split(":")[1:] != [bucket]:
            yield f"{action} is more than the bucket {bucket}"
