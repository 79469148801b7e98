"""Runs compose.yaml and does what its users and its operators do.

    AMPHI_BIN=… AMPHI_S3=… python walk.py

The services are those of the file, with its commands, settings, secrets, health checks and order; the images of others are
replaced by this machine's packages (see engines.py). It needs Linux's namespaces, bubblewrap and iproute2, and no more rights
than any user has. What it cannot show: bounds on processors and memory, capabilities, and SeaweedFS.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path

from client import Client, Readers
from composefile import ROOT, load
from container import wait_until
from stack import Stack

INSIDE = "AMPHI_COMPOSE_INSIDE"
PASSWORD = "correct horse battery"
PATIENCE_S = 90
# Roles that may run more than once.
SCALABLE = ("identity", "catalog", "media", "encoder", "playback")


def say(text: str, since: float) -> None:
    print(f"{time.monotonic() - since:6.1f} s  {text}", flush=True)


def make_clip(folder: Path) -> Path:
    clip = folder / "clip.mp4"
    source = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=6"]
    sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=6"]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"]
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", *source, *sound, *codecs, str(clip)]
    subprocess.run(command, check=True, timeout=60)
    return clip


def upload(binary: Path, url: str, email: str, clip: Path) -> subprocess.Popen:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AMPHI_")}
    return subprocess.Popen(
        [binary, "upload", clip, "--json", "--url", url, "--email", email],
        env=clean | {"AMPHI_PASSWORD": PASSWORD, "XDG_STATE_HOME": str(clip.parent)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )


def uploaded(process: subprocess.Popen) -> str:
    """The id of the video, once it plays."""
    out, err = process.communicate(timeout=PATIENCE_S)
    if process.returncode != 0:
        raise RuntimeError(f"the upload ended with {process.returncode}: {err}")
    return json.loads(out)["video_id"]


def knows(stack: Stack, role: str, count: int) -> bool:
    """Whether the gateway sees so many processes of a role, all of them of use."""
    gateway = stack.containers["gateway"][0]
    with urllib.request.urlopen(f"http://{gateway.address}:7000/debug/peers", timeout=5) as answer:
        report = json.load(answer)
    peers = {it["role"]: it["peers"] for it in report}[role]
    return len(peers) == count


def walk(binary: Path, store: Path, folder: Path) -> None:
    since = time.monotonic()
    secrets = folder / "secrets"
    subprocess.run([ROOT / "scripts" / "compose-secrets", secrets], check=True, timeout=60)
    clip = make_clip(folder)
    stack = Stack(load({}), folder / "containers", secrets, binary, store)
    stack.up()
    say(f"{len(stack.containers)} services are up", since)

    url = f"http://{stack.containers['gateway'][0].address}:8080"
    client = Client(url)
    email = f"{uuid.uuid4()}@example.org"
    client.register(email, PASSWORD)
    video = uploaded(upload(binary, url, email, clip))
    wait_until("the video to be ready", lambda: client.video(video)["state"] == "ready", PATIENCE_S)
    segments = client.watch(video)
    say(f"an upload plays: {segments} segments", since)

    readers = Readers(client, video)
    for role in SCALABLE:
        stack.scale_up(role)
    for role in set(SCALABLE) - {"encoder"}:  # Nobody calls that one.
        wait_until(f"the gateway to find two of {role}", lambda role=role: knows(stack, role, 2), PATIENCE_S)
    say("two of each role that may be there twice", since)

    during = upload(binary, url, email, clip_named(clip, "during.mp4"))
    stack.containers["media"].pop(0).kill()
    second = uploaded(during)
    say("one media was killed in the middle of an upload, which plays", since)
    stack.scale_up("media")

    for role in SCALABLE:
        stack.scale_up(role)
        oldest = stack.containers[role][0]
        code = stack.remove(role, oldest)
        if code != 0:
            raise RuntimeError(f"a {role} that was asked to stop ended with {code}: {oldest.tail()}")
    read, failed = readers.stop()
    if failed or read < 20:
        raise RuntimeError(f"{len(failed)} of {read} requests failed: {failed[:5]}")
    say(f"one of each was replaced, and none of {read} requests failed", since)

    client.watch(second)
    client.watch(video)
    for name, code in stack.down().items():
        if code != 0:
            raise RuntimeError(f"{name} did not end in peace: {code}")
    say("all ended in peace", since)


def clip_named(clip: Path, name: str) -> Path:
    other = clip.with_name(name)
    # A file of another content: the same one would be gone on with.
    other.write_bytes(clip.read_bytes() + name.encode())
    return other


def main() -> None:
    if INSIDE not in os.environ:
        namespaces = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        os.environ[INSIDE] = "1"
        os.execvp(namespaces[0], [*namespaces, sys.executable, *sys.argv])
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    binary = Path(os.environ.get("AMPHI_BIN", ROOT / "target" / "debug" / "amphi"))
    store = Path(os.environ.get("AMPHI_S3", ROOT / "target" / "debug" / "examples" / "s3"))
    with tempfile.TemporaryDirectory(prefix="amphi-compose-", ignore_cleanup_errors=True) as folder:
        walk(binary, store, Path(folder))


if __name__ == "__main__":
    main()
