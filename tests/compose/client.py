"""Somebody who uses the platform over its public interface."""

import json
import re
import threading
import urllib.error
import urllib.request

TIMEOUT_S = 30
PAUSE_S = 0.1


class Client:
    def __init__(self, url: str):
        self.url = url
        self.token = ""

    def ask(self, path: str, body: dict | None = None) -> bytes:
        """The body of the answer; an answer that is no success is an error."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            headers["content-type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.read()

    def register(self, email: str, password: str) -> None:
        account = {"email": email, "name": "Test User", "password": password}
        self.token = json.loads(self.ask("/api/v1/auth/register", account))["access_token"]

    def video(self, video: str) -> dict:
        return json.loads(self.ask(f"/api/v1/videos/{video}"))

    def watch(self, video: str) -> int:
        """Reads a stream as a player does, to its end, and counts the segments."""
        session = json.loads(self.ask(f"/api/v1/videos/{video}/playback", {}))
        master = session["hls_url"].removeprefix(self.url)
        folder = master.rsplit("/", 1)[0]
        segments = 0
        for rendition in re.findall(r'URI="([^"]+)"|^([^#\s].*)$', self.ask(master).decode(), re.M):
            playlist = f"{folder}/{rendition[0] or rendition[1]}"
            lines = self.ask(playlist).decode().splitlines()
            if "#EXT-X-ENDLIST" not in lines:
                raise RuntimeError(f"{playlist} is not complete")
            for segment in [line for line in lines if line and not line.startswith("#")]:
                if not self.ask(f"{playlist.rsplit('/', 1)[0]}/{segment}"):
                    raise RuntimeError(f"{segment} is empty")
                segments += 1
        if not segments:
            raise RuntimeError("the stream has no segment")
        return segments


class Readers:
    """People who browse and watch all the while. What fails is kept, with what it was."""

    def __init__(self, client: Client, video: str):
        self.client, self.video = client, video
        self.read = 0
        self.failed: list[str] = []
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.go_on, args=(task,)) for task in (self.browse, self.look)]
        for thread in self.threads:
            thread.start()

    def browse(self) -> None:
        self.client.ask("/api/v1/videos")

    def look(self) -> None:
        self.client.watch(self.video)

    def go_on(self, task) -> None:
        while not self.ending.wait(PAUSE_S):
            self.read += 1
            try:
                task()
            except urllib.error.HTTPError as error:
                self.failed.append(f"{error.url}: {error.code} {error.read()[:300]}")
            except Exception as error:  # Whatever it is, a person has seen it.
                self.failed.append(f"{task.__name__}: {error!r}")

    def stop(self) -> tuple[int, list[str]]:
        self.ending.set()
        for thread in self.threads:
            thread.join()
        return self.read, self.failed
