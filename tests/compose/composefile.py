"""Reads compose.yaml as Compose does, as far as this file goes: anchors, merges, `${NAME:-default}` and `$$`."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\})")


@dataclass(frozen=True)
class Secret:
    """A secret as one service sees it."""

    name: str
    target: str


def load(environment: dict[str, str], path: Path = ROOT / "compose.yaml") -> dict:
    """The document, with variables filled from `environment` alone."""
    return interpolate(yaml.safe_load(path.read_text()), environment)


def interpolate(node, environment: dict[str, str]):
    if isinstance(node, dict):
        return {key: interpolate(value, environment) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolate(value, environment) for value in node]
    if isinstance(node, str):
        return VARIABLE.sub(lambda match: value_of(match, environment), node)
    return node


def value_of(match: re.Match, environment: dict[str, str]) -> str:
    name = match["name"]
    if name is None:
        return "$"
    value = environment.get(name) or match["default"]
    if value is None:
        raise ValueError(f"${{{name}}} has neither a value nor a default")
    return value


def is_amphi(service: dict) -> bool:
    return "build" in service


def role_of(service: dict) -> str | None:
    """The role that a service runs; none for what is no `amphi serve`."""
    command = service.get("command", [])
    if is_amphi(service) and command[:2] == ["serve", "--roles"]:
        return command[2]
    return None


def secrets_of(service: dict) -> list[Secret]:
    secrets = []
    for entry in service.get("secrets", []):
        name = entry if isinstance(entry, str) else entry["source"]
        target = name if isinstance(entry, str) else entry.get("target", name)
        secrets.append(Secret(name, str(Path("/run/secrets") / target)))
    return secrets


def seconds(duration: str) -> float:
    """`1m30s` as Compose writes durations."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    parts = re.findall(r"(\d+)(ms|s|m|h)", duration)
    if "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"{duration} is no duration")
    return sum(int(number) * units[unit] for number, unit in parts)


def mounts_of(service: dict) -> list[str]:
    """Where a service may write."""
    in_memory = [entry.split(":")[0] for entry in service.get("tmpfs", [])]
    on_disk = [entry.split(":")[-1] for entry in service.get("volumes", [])]
    return in_memory + on_disk


def image_environment(dockerfile: Path = ROOT / "Dockerfile") -> dict[str, str]:
    """What the image itself sets by ENV in its last stage."""
    last = dockerfile.read_text().split("\nFROM ")[-1].replace("\\\n", " ")
    lines = [line.removeprefix("ENV ") for line in last.splitlines() if line.startswith("ENV ")]
    return dict(pair.split("=", 1) for line in lines for pair in line.split())
