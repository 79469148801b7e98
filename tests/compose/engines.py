"""What stands in for the images of others: the same program from this machine's packages, told the same things.

The store is the one that the Rust tests use: it checks signatures and keeps to conditions, but is not SeaweedFS.
"""

import glob
import json
from pathlib import Path

from container import Plan

POSTGRES = """
set -eu
data=/var/lib/postgresql/data
initdb -D $data -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 --no-sync >/dev/null
echo 'host all all all scram-sha-256' >>$data/pg_hba.conf
program=$1; shift
exec "$program" -D $data -k /tmp -h '*' -F "$@"
"""


def postgres(plan: Plan) -> None:
    bins = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
    if not bins:
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    plan.command = ["/bin/sh", "-c", f"PATH={bins[-1]}:$PATH;{POSTGRES}", "postgres", *plan.command]


def rabbitmq(plan: Plan) -> None:
    home = "/usr/lib/rabbitmq/bin"
    plan.environment |= {
        "HOME": "/var/lib/rabbitmq",
        "RABBITMQ_CONFIG_FILES": "/etc/rabbitmq/conf.d",
        "RABBITMQ_MNESIA_BASE": "/var/lib/rabbitmq/mnesia",
        "RABBITMQ_ENABLED_PLUGINS_FILE": "/var/lib/rabbitmq/plugins",
        "RABBITMQ_LOGS": "-",
        "LANG": "C.UTF-8",
        "RABBITMQ_CTL_ERL_ARGS": "+S 1 +sbwt none -start_epmd false",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2 +sbwt none",
    }
    # A whole Erlang starts for each health check, and sees to it that there is a port mapper. One that it had to start would end
    # with it, and the server with that: so there is one before anybody asks.
    plan.command = ["/bin/sh", "-c", f"epmd -daemon && exec {home}/rabbitmq-server"]
    plan.health = [f"{home}/{plan.health[0]}", *plan.health[1:]]


def redis(_plan: Plan) -> None:
    """Takes the command as it is."""


def s3(plan: Plan, program: Path, bucket: str) -> None:
    identities = json.loads(Path(plan.readable["/run/secrets/s3_identities.json"]).read_text())
    credentials = identities["identities"][0]["credentials"][0]
    plan.readable["/usr/local/bin/s3"] = str(program)
    plan.environment["AWS_SECRET_ACCESS_KEY"] = credentials["secretKey"]
    plan.command = ["s3", "0.0.0.0:8333", "/data", bucket, credentials["accessKey"]]
    # Any answer will do: it is one to a request without a signature.
    plan.health = ["curl", "--silent", "--output", "/dev/null", "http://127.0.0.1:8333/"]
