"""A service that joins the registry with py-eureka-client, told by lines what to do:

    python client.py REGISTRY_URL APP PORT

    see APP     says `sees APP HOST:PORT` once an instance of the application is up
    miss APP    says `misses APP` once none is
    leave       gives its lease back, says `left` and ends
"""

import asyncio
import sys

from py_eureka_client.eureka_client import EurekaClient

INTERVAL_S = 1


def up(client, app):
    return client.applications.get_application(app).up_instances


async def until(condition):
    while not condition():
        await asyncio.sleep(0.05)


def say(words):
    print(words, flush=True)


async def main(url, app, port):
    client = EurekaClient(
        eureka_server=url,
        app_name=app,
        instance_port=int(port),
        instance_host="127.0.0.1",
        instance_ip="127.0.0.1",
        renewal_interval_in_secs=INTERVAL_S,
        duration_in_secs=30 * INTERVAL_S,
        on_error=lambda kind, error: say(f"error {kind}: {error}"),
    )
    await client.start()
    say("joined")
    while words := (await asyncio.to_thread(sys.stdin.readline)).split():
        if words[0] == "see":
            await until(lambda: up(client, words[1]))
            found = up(client, words[1])[0]
            say(f"sees {words[1]} {found.ipAddr}:{found.port.port}")
        elif words[0] == "miss":
            await until(lambda: not up(client, words[1]))
            say(f"misses {words[1]}")
        else:
            await client.stop()
            say("left")
            return


asyncio.run(main(*sys.argv[1:]))
