// Runs every test and check of the repository and ends with one line: `N passed, N failed, N skipped`.
//
//   node tests/run.mjs                 everything
//   node tests/run.mjs --only checks   formatting, lints, types, licences
//   node tests/run.mjs --only rust     Rust tests (likewise: web, browser, compose)

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const web = join(root, "web");
const reports = join(root, "target", "test-reports");
const totals = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const amphi = join(root, "target", "debug", "amphi");
const complaintLines = 40;

const wanted = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : "all";
const wants = (group) => wanted === "all" || wanted === group;

// Far beyond what any step takes, so that one which hangs ends as a failure that shows where.
const minutesAtMost = 35;
const programMinutesAtMost = 20;
// The exit code of a step that was ended.
const ended = 124;
// What a child left running may still print after its end.
const drainMs = 2000;
const running = new Set();

/** Ends a child with all that it started. */
function endGroup(child, signal = "SIGKILL") {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended already.
  }
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    for (const child of running) endGroup(child);
    process.exit(1);
  });
}

function run(command, args, { cwd = root, env = {}, quiet = false, minutes = minutesAtMost } = {}) {
  return new Promise((resolve) => {
    // A group of its own, so that nothing it starts outlives it.
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    running.add(child);
    let output = "";
    const take = (chunk) => {
      output += chunk;
      if (!quiet) process.stderr.write(chunk);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const finish = (code, note = "") => {
      clearTimeout(limit);
      running.delete(child);
      if (child.pid) endGroup(child);
      resolve({ code: code ?? 1, output: output + note });
    };
    const limit = setTimeout(
      () => finish(ended, `\nerror: ${[command, ...args].join(" ")} was ended after ${minutes} minutes`),
      minutes * 60_000,
    );
    child.on("error", (error) => finish(127, `\n${command}: ${error.message}`));
    child.on("close", (code) => finish(code));
    // A child of the child may hold the pipes open for ever.
    child.on("exit", (code) => setTimeout(() => finish(code), drainMs));
  });
}

/** What a reader of a long log wants at its end: the lines that say what failed, else the last ones. */
function complaint(output) {
  const lines = output
    .replaceAll(/\x1b\[[0-9;]*m/g, "")
    .split("\n")
    .filter((line) => line.trim() !== "");
  // A panic says where it is in one line and why in the next.
  const telling = lines.filter(
    (line, at) =>
      /^error|^\s*-->|panicked at|^test .* FAILED|^\s*(FAIL|×)\s|AssertionError|No space left|signal:/.test(line) ||
      /panicked at .*:\d+:$/.test(lines[at - 1] ?? ""),
  );
  return (telling.length > 0 ? telling : lines).slice(-complaintLines);
}

function count(name, { passed = 0, failed = 0, skipped = 0 }, output = "") {
  totals.passed += passed;
  totals.failed += failed;
  totals.skipped += skipped;
  if (failed > 0) failures.push([`${name}: ${failed} failed`, ...complaint(output).map((line) => `    ${line}`)]);
}

async function step(name, action) {
  const started = Date.now();
  process.stderr.write(`\n== ${name}\n`);
  await action();
  process.stderr.write(`== ${name}: ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

/** A check counts as one test: it passes or it fails. */
async function check(name, command, args, options) {
  await step(name, async () => {
    const { code, output } = await run(command, args, { quiet: true, ...options });
    if (code !== 0) process.stderr.write(output);
    count(name, code === 0 ? { passed: 1 } : { failed: 1 }, output);
  });
}

/** Every test program of the workspace, with the folder that cargo would run it in. */
async function rustTestPrograms() {
  const { code, output } = await run(
    "cargo",
    ["test", "--locked", "--workspace", "--no-run", "--message-format=json-render-diagnostics"],
    { quiet: true },
  );
  if (code !== 0) return { output, programs: [] };
  const programs = output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line))
    .filter((message) => message.reason === "compiler-artifact" && message.profile.test && message.executable)
    .map((message) => ({
      name: `${relative(root, dirname(message.manifest_path))} ${message.target.name}`,
      executable: message.executable,
      cwd: dirname(message.manifest_path),
    }));
  return { output, programs: programs.sort((a, b) => a.name.localeCompare(b.name)) };
}

/** Sums libtest's closing lines; a run that failed without saying so (it was ended) counts as one failure. */
function sumOfLibtest(code, output) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const closing = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm;
  for (const [, passed, failed, ignored] of output.matchAll(closing)) {
    sum.passed += Number(passed);
    sum.failed += Number(failed);
    sum.skipped += Number(ignored);
  }
  if (code !== 0 && sum.failed === 0) sum.failed = 1;
  return sum;
}

/** The tests that had been running for a while when their program was ended, for they are why. */
function stuckTests(output) {
  const ended = new Set([...output.matchAll(/^test (\S+) \.\.\. (?:ok|FAILED|ignored)/gm)].map(([, name]) => name));
  const long = [...output.matchAll(/^test (\S+) has been running for over/gm)].map(([, name]) => name);
  return [...new Set(long)].filter((name) => !ended.has(name));
}

/** One program after the other, as cargo does; one that hangs ends as a failure of its own, and the others still run. */
async function rustTests() {
  const { output, programs } = await rustTestPrograms();
  if (programs.length === 0) {
    process.stderr.write(output);
    count("rust", { failed: 1 }, output);
    return;
  }
  for (const { name, executable, cwd } of programs) {
    await step(`rust: ${name}`, async () => {
      const env = { CARGO_MANIFEST_DIR: cwd };
      const { code, output } = await run(executable, [], { cwd, env, minutes: programMinutesAtMost });
      const stuck = code === ended ? stuckTests(output).map((test) => `\nerror: ${test} did not end`) : [];
      count(`rust: ${name}`, sumOfLibtest(code, output), output + stuck.join(""));
    });
  }
  await step("rust: examples in the documentation", async () => {
    const { code, output } = await run("cargo", ["test", "--locked", "--workspace", "--doc", "--no-fail-fast"]);
    count("rust: examples in the documentation", sumOfLibtest(code, output), output);
  });
}

async function vitest(name, args, env = {}) {
  const report = join(reports, `${name}.json`);
  rmSync(report, { force: true });
  const { code, output } = await run(
    "npx",
    ["--no-install", "vitest", "run", ...args, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
    { cwd: web, env },
  );
  if (!existsSync(report)) {
    count(name, { failed: 1 }, output);
    return;
  }
  const result = JSON.parse(readFileSync(report, "utf8"));
  const failed = result.numFailedTests + (result.numFailedTests === 0 && code !== 0 ? 1 : 0);
  count(name, { passed: result.numPassedTests, failed, skipped: result.numPendingTests + result.numTodoTests }, output);
}

async function buildWeb() {
  await step("web: install and build", async () => {
    for (const args of [["ci", "--no-audit", "--no-fund"], ["run", "build"]]) {
      const { code, output } = await run("npm", args, { cwd: web, quiet: true });
      if (code !== 0) {
        process.stderr.write(output);
        count("web build", { failed: 1 }, output);
        return;
      }
    }
    count("web build", { passed: 1 });
  });
}

mkdirSync(reports, { recursive: true });

// The gateway embeds the web app, so it is built first.
await buildWeb();

if (wants("rust") || wants("browser") || wants("compose")) {
  await step("rust: build", async () => {
    const { code, output } = await run("cargo", ["build", "--locked", "--workspace", "--all-targets"]);
    count("rust build", code === 0 ? { passed: 1 } : { failed: 1 }, output);
  });
}
if (wants("checks")) {
  await check("check: rust formatting", "cargo", ["fmt", "--all", "--check"]);
  await check("check: clippy", "cargo", ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]);
  await check("check: licences and bans", "scripts/deny", []);
  await check("check: web lint", "npm", ["run", "lint"], { cwd: web });
  await check("check: web types", "npm", ["run", "typecheck"], { cwd: web });
  await check("check: web types match the API", "scripts/schema-is-current", [], {
    // Built once already with the tests; a build of this package alone has other features and would take minutes.
    env: wanted === "all" ? { AMPHI_BIN: amphi } : {},
  });
}
if (wants("rust")) await rustTests();
if (wants("compose")) {
  const python = join(root, "target", "compose-tests", "python", "bin", "python");
  const s3 = join(root, "target", "debug", "examples", "s3");
  const options = { cwd: join(root, "tests", "compose"), env: { AMPHI_BIN: amphi, AMPHI_S3: s3 }, minutes: 8 };
  await check("compose.yaml: what must hold of it", python, ["test_rules.py"], options);
  await check("compose.yaml: run, used, scaled, and restarted one by one", python, ["walk.py"], options);
}
if (wants("web")) await step("web: unit tests", () => vitest("web", []));
if (wants("browser")) {
  await step("browser tests", () =>
    vitest("browser", ["--config", "vitest.e2e.config.ts"], { AMPHI_BIN: amphi }),
  );
}

if (failures.length > 0) process.stderr.write(`\nFailed:\n${failures.flat().map((line) => `  ${line}`).join("\n")}\n`);
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
process.exit(totals.failed === 0 ? 0 : 1);
