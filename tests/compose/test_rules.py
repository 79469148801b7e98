"""compose.yaml keeps the rules, and the rules find what breaks them.

AMPHI_BIN names the binary; it is asked whether each service's settings are right.
"""

import copy
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from composefile import ROOT, interpolate, load, seconds
from rules import Binary, problems

BINARY = Binary(Path(os.environ.get("AMPHI_BIN", ROOT / "target" / "debug" / "amphi")))


class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.secrets = Path(cls.folder.name) / "secrets"
        subprocess.run([ROOT / "scripts" / "compose-secrets", cls.secrets], check=True, timeout=60)
        cls.compose = load({})

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_the_file_keeps_them_all(self):
        self.assertEqual(problems(self.compose, self.secrets, BINARY), [])

    def breaks(self, change, words: str):
        compose = copy.deepcopy(self.compose)
        change(compose["services"])
        found = problems(compose, self.secrets, BINARY)
        self.assertTrue(any(words in problem for problem in found), f"{words!r} is not in {found}")

    def test_a_setting_that_there_is_not_is_found(self):
        self.breaks(lambda it: it["media"]["environment"].update(AMPHI_MEDIA__UPLOAD_MAX="1"), "AMPHI_MEDIA__UPLOAD_MAX")

    def test_a_value_that_is_refused_is_found(self):
        self.breaks(lambda it: it["identity"]["environment"].update(AMPHI_SERVER__DRAIN_MS="soon"), "settings: identity")

    def test_a_role_that_is_missing_or_there_twice_is_found(self):
        self.breaks(lambda it: it.pop("playback"), "playback is run by 0 services")
        self.breaks(lambda it: it["media"].update(command=it["catalog"]["command"]), "catalog is run by 2 services")

    def test_an_address_where_the_role_is_not_is_found(self):
        change = {"AMPHI_CLUSTER__SERVICES__MEDIA": "dns+http://medium:7000"}
        self.breaks(lambda it: it["gateway"]["environment"].update(change), "gateway looks for media")

    def test_waiting_for_what_never_comes_is_found(self):
        self.breaks(lambda it: it["redis"].pop("healthcheck"), "the health of redis")
        self.breaks(lambda it: it["migrate"].update(restart="unless-stopped"), "waits for migrate")
        circle = {"gateway": {"condition": "service_healthy"}}
        self.breaks(lambda it: it["identity"]["depends_on"].update(circle), "can never start")

    def test_a_secret_out_in_the_open_or_out_of_place_is_found(self):
        def out_in_the_open(services):
            settings = services["catalog"]["environment"]
            settings.pop("AMPHI_DATABASE__URL_FILE")
            settings["AMPHI_DATABASE__URL"] = "postgres://amphi:hunter2@postgres/amphi_{service}"

        self.breaks(out_in_the_open, "belongs into a file")
        self.breaks(lambda it: it["catalog"]["secrets"].remove("database_url"), "not mounted")
        self.breaks(lambda it: it["encoder"]["secrets"].append("s3_secret"), "has no use for it")

    def test_more_than_the_gateway_in_the_open_is_found(self):
        self.breaks(lambda it: it["postgres"].update(ports=["5432:5432"]), "and nothing else")

    def test_a_store_that_anybody_reaches_is_found(self):
        self.breaks(lambda it: it["encoder"].update(networks=["inside", "store"]), "and nobody else")

    def test_a_version_that_may_change_by_itself_is_found(self):
        self.breaks(lambda it: it["redis"].update(image="redis:latest"), "redis:latest")

    def test_less_time_to_stop_than_is_needed_is_found(self):
        self.breaks(lambda it: it["media"].update(stop_grace_period="10s"), "stop_grace_period")

    def test_nowhere_to_write_is_found(self):
        self.breaks(lambda it: it["encoder"].update(volumes=[]), "nothing is mounted at /var/lib/amphi")

    def test_another_bucket_than_is_made_is_found(self):
        self.breaks(lambda it: it["media"]["environment"].update(AMPHI_BLOBS__S3__BUCKET="films"), "films")


class Reading(unittest.TestCase):
    def test_variables_are_filled(self):
        self.assertEqual(interpolate(["${A:-x}", "${B:-y}/z", "$$(cat f)"], {"B": "b"}), ["x", "b/z", "$(cat f)"])
        with self.assertRaises(ValueError):
            interpolate("${A}", {})

    def test_durations_are_read(self):
        self.assertEqual([seconds("20s"), seconds("1m30s"), seconds("500ms")], [20, 90, 0.5])
        with self.assertRaises(ValueError):
            seconds("20")


if __name__ == "__main__":
    unittest.main()
