import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { backportsSource } from "../../setup/apt.mjs";
import { dependenciesAreCurrent } from "../../setup/dependencies.mjs";
import { tallyCutOff, tallyVitest } from "../../setup/tally.mjs";
import { plannedRuns } from "../../setup/testPlan.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

let folder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tilegrad-setup-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("the source of backports", () => {
  const security = "Types: deb\nURIs: http://m/security\nSuites: bookworm-security\n";

  test("takes mirror and keys from the release's own deb822 entry", () => {
    const text = `${security}\nTypes: deb deb-src\n# a snapshot\nURIs: http://m/debian\nSuites: bookworm bookworm-updates\nComponents: main contrib\nSigned-By:\n -----BEGIN\n .\n x\n`;
    expect(backportsSource("bookworm", [{ name: "debian.sources", text }])).toEqual({
      extension: "sources",
      text: "Types: deb\nSuites: bookworm-backports\nComponents: main\nURIs: http://m/debian\nSigned-By:\n -----BEGIN\n .\n x\n",
    });
  });

  test("takes them from a one-line entry", () => {
    const text =
      "# deb http://old bookworm main\ndeb [signed-by=/k] http://m/debian bookworm main\n";
    expect(backportsSource("bookworm", [{ name: "sources.list", text }])).toEqual({
      extension: "list",
      text: "deb [signed-by=/k] http://m/debian bookworm-backports main\n",
    });
  });

  test("is not made from the security archive, which has no backports", () => {
    expect(backportsSource("bookworm", [{ name: "debian.sources", text: security }])).toBeNull();
  });
});

describe("installed dependencies", () => {
  const lock = (packages) => JSON.stringify({ packages });
  const locked = {
    "": { name: "tilegrad" },
    "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
    "node_modules/other-platform": { version: "1.0.0", integrity: "sha512-b", optional: true },
  };
  const current = (installed) => {
    writeFileSync(join(folder, "package-lock.json"), lock(locked));
    mkdirSync(join(folder, "node_modules"));
    if (installed) writeFileSync(join(folder, "node_modules/.package-lock.json"), lock(installed));
    return dependenciesAreCurrent(folder);
  };

  test("are current without the optional packages of other platforms", () => {
    expect(current({ "node_modules/a": locked["node_modules/a"] })).toBe(true);
  });

  test("are stale after the lock file moved to another version", () => {
    expect(current({ "node_modules/a": { version: "0.9.0", integrity: "sha512-z" } })).toBe(false);
  });

  test("are stale when a package is absent", () => {
    expect(current({})).toBe(false);
  });

  test("are stale when an install was cut off", () => {
    expect(current(null)).toBe(false);
  });
});

test("every development dependency is explained in docs/dependencies.md", () => {
  const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
  const explained = [...read("docs/dependencies.md").matchAll(/^\| `(\S+)` \|/gm)].map((m) => m[1]);
  expect(explained).toEqual(Object.keys(JSON.parse(read("package.json")).devDependencies));
});

describe("the plan of a test run", () => {
  const plan = (options) => plannedRuns(root, options).map(({ name }) => name);
  const fast = ["type check", "lint", "host", "static", "numeric cpu"];

  test("by default has what needs neither a driver nor a browser", () => {
    expect(plan({})).toEqual(fast);
    expect(plannedRuns(root, {}).every(({ on = "cpu" }) => on === "cpu")).toBe(true);
  });

  test("has every tier on every adapter with all", () => {
    expect(plan({ all: true })).toEqual([
      ...fast,
      ...["numeric lavapipe", "numeric swiftshader", "dawn lavapipe", "dawn swiftshader"],
      ...["pipelines lavapipe", "conformance lavapipe", "conformance swiftshader"],
      "browser",
      "deno swiftshader",
    ]);
  });

  test("has a tier that is named, on the first adapter that it can or the one that is asked for", () => {
    expect(plan({ chosen: ["numeric", "dawn"] })).toEqual(["numeric cpu", "dawn lavapipe"]);
    expect(plan({ chosen: ["numeric", "dawn"], adapter: "gpu" })).toEqual([
      "numeric gpu",
      "dawn gpu",
    ]);
    expect(plan({ chosen: ["dawn"], adapter: "cpu" })).toEqual([]);
  });

  test("has the tiers that hold the files that are named", () => {
    expect(plan({ files: ["host/setup.test"] })).toEqual(["host"]);
    expect(plan({ files: ["device.test.ts"] })).toEqual(["numeric cpu", "dawn lavapipe"]);
    expect(plan({ files: ["no such file"] })).toEqual([]);
  });
});

describe("the tally of a run", () => {
  const tally = (testResults, exitCode = 0) => {
    const report = join(folder, "report.json");
    writeFileSync(report, JSON.stringify({ testResults }));
    return tallyVitest("host", report, exitCode, folder, false);
  };
  const file = (status, ...statuses) => ({
    name: join(folder, "a.test.ts"),
    status,
    message: "",
    assertionResults: statuses.map((each, i) => ({ status: each, fullName: `t${i}` })),
  });

  test("counts what passed", () => {
    expect(tally([file("passed", "passed", "passed")])).toEqual({ passed: 2, failures: [] });
  });

  test("counts a skipped test as failed", () => {
    const { passed, failures } = tally([file("passed", "passed", "skipped")]);
    expect([passed, failures.length]).toEqual([1, 1]);
  });

  test("counts a file that broke before its first test as failed", () => {
    expect(tally([file("failed")], 1).failures).toHaveLength(1);
  });

  test("counts a run that ended badly without naming a failure as failed", () => {
    expect(tally([file("passed", "passed")], 1).failures).toHaveLength(1);
  });

  test("counts a run without tests as failed", () => {
    expect(tally([]).failures).toHaveLength(1);
  });

  test("counts a run without a report as failed", () => {
    expect(tallyVitest("host", join(folder, "none"), 0, folder, false).failures).toHaveLength(1);
  });
});

describe("the count of a run that was cut off", () => {
  const ended = (name, state, message) => [
    { name, state: "started" },
    { name, state, message },
  ];

  test("keeps what had ended, and names the test that was running", () => {
    const events = [
      ...ended("a", "passed"),
      ...ended("b", "failed", "Error: b\n    at node:internal/x"),
      { name: "c", state: "started" },
    ];
    expect(tallyCutOff("numeric", events, "crashed (SIGSEGV)")).toEqual({
      passed: 1,
      failures: [
        { name: "numeric › b", reason: "Error: b" },
        { name: "numeric › c", reason: "crashed (SIGSEGV)" },
      ],
    });
  });

  test("is a failure even where every test that was told of passed", () => {
    expect(tallyCutOff("numeric", ended("a", "passed"), "ended late").failures).toEqual([
      { name: "numeric", reason: "ended late" },
    ]);
    expect(tallyCutOff("numeric", [], "ended late")).toMatchObject({ passed: 0 });
  });
});
