// A service that joins the registry with eureka-js-client, told by lines what to do:
//
//   node client.mjs REGISTRY_URL APP PORT
//
//   see APP     says `sees APP HOST:PORT` once an instance of the application is up
//   miss APP    says `misses APP` once none is
//   leave       gives its lease back, says `left` and ends

import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

// Installed in the working directory.
const { Eureka } = createRequire(join(process.cwd(), "package.json"))("eureka-js-client");
const intervalMs = 1000;
const [url, app, port] = process.argv.slice(2);
const registry = new URL(url);
const credentials = registry.username === "" ? "" : `${registry.username}:${registry.password}@`;

const client = new Eureka({
  logger: { debug() {}, info() {}, warn: console.error, error: console.error },
  shouldUseDelta: true,
  eureka: {
    host: `${credentials}${registry.hostname}`,
    port: registry.port,
    servicePath: `${registry.pathname}/apps/`,
    heartbeatInterval: intervalMs,
    registryFetchInterval: intervalMs,
  },
  instance: {
    app,
    instanceId: `127.0.0.1:${app}:${port}`,
    hostName: "127.0.0.1",
    ipAddr: "127.0.0.1",
    vipAddress: app,
    port: { $: Number(port), "@enabled": true },
    dataCenterInfo: { "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", name: "MyOwn" },
  },
});

const up = (name) => client.getInstancesByAppId(name);

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 50));
}

await new Promise((resolve, reject) => client.start((error) => (error ? reject(error) : resolve())));
console.log("joined");
for await (const line of createInterface({ input: process.stdin })) {
  const [word, name] = line.split(" ");
  if (word === "see") {
    await until(() => up(name).length > 0);
    const [found] = up(name);
    console.log(`sees ${name} ${found.ipAddr}:${found.port.$}`);
  } else if (word === "miss") {
    await until(() => up(name).length === 0);
    console.log(`misses ${name}`);
  } else {
    await new Promise((resolve, reject) => client.stop((error) => (error ? reject(error) : resolve())));
    console.log("left");
    process.exit(0);
  }
}
