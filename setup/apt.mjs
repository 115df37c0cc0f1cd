// Installing system packages on Debian and its descendants.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { SetupError } from "./setupError.mjs";

/** The command prefix that may install packages, or null where there is no apt or no permission. */
export function aptPrefix() {
  if (process.platform !== "linux" || !existsSync("/usr/bin/apt-get")) return null;
  if (process.getuid() === 0) return [];
  return spawnSync("sudo", ["-n", "true"]).status === 0 ? ["sudo", "-n"] : null;
}

/** ID and VERSION_CODENAME of /etc/os-release, as in `{ id: "debian", codename: "bookworm" }`. */
export function distribution(text = readFileSync("/etc/os-release", "utf8")) {
  const value = (key) => text.match(new RegExp(`^${key}="?([^"\n]*)`, "m"))?.[1] ?? "";
  return { id: value("ID"), codename: value("VERSION_CODENAME") };
}

function asRoot(command, input) {
  const [program, ...args] = [...aptPrefix(), ...command];
  return spawnSync(program, args, { input, encoding: "utf8", maxBuffer: 1 << 26 });
}

const apt = (...args) =>
  asRoot(
    ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y"].concat(
      ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"],
      args,
    ),
  );

/** Installs `packages`, from `release` where it has them. Throws SetupError with apt's own words. */
export function aptInstall(packages, release) {
  // A third-party source that cannot be reached fails the update but not the install.
  const update = apt("update");
  const from = release ? ["-t", release] : [];
  const install = apt("install", "--no-install-recommends", ...from, ...packages);
  if (install.status === 0) return;
  // apt-get update ends with 0 even when no source could be reached; its warnings tell.
  const words = `${update.stderr}${install.stderr || install.stdout}`.trim();
  throw new SetupError(`apt-get could not install ${packages.join(" ")}:\n\n${words}`);
}

/**
 * A source entry for `<codename>-backports` made from the machine's own entry for `<codename>`, so
 * that it uses the same mirror and keys. Null if no entry names that release.
 */
export function backportsSource(codename, sources) {
  const suite = `${codename}-backports`;
  for (const { name, text } of sources) {
    if (name.endsWith(".sources")) {
      for (const stanza of text.split(/\n\s*\n/)) {
        const suites =
          stanza
            .match(/^Suites:(.*)$/m)?.[1]
            .trim()
            .split(/\s+/) ?? [];
        if (!suites.includes(codename)) continue;
        const kept = stanza
          .split("\n")
          .filter((line) => line.trim() && !/^(#|Types:|Suites:|Components:|Enabled:)/.test(line));
        const lines = ["Types: deb", `Suites: ${suite}`, "Components: main", ...kept, ""];
        return { extension: "sources", text: lines.join("\n") };
      }
    } else {
      const line = text.match(new RegExp(`^deb\\s+(\\[.*?\\]\\s+)?(\\S+)\\s+${codename}\\s`, "m"));
      if (line)
        return { extension: "list", text: `deb ${line[1] ?? ""}${line[2]} ${suite} main\n` };
    }
  }
  return null;
}

function aptSources() {
  const folder = "/etc/apt/sources.list.d";
  const files = existsSync(folder) ? readdirSync(folder).map((name) => `${folder}/${name}`) : [];
  return ["/etc/apt/sources.list", ...files]
    .filter((name) => existsSync(name) && /\.(list|sources)$/.test(name))
    .map((name) => ({ name, text: readFileSync(name, "utf8") }));
}

/** Makes `<codename>-backports` available to apt; the name of that release. */
export function ensureBackports(codename) {
  const suite = `${codename}-backports`;
  const sources = aptSources();
  const listed = new RegExp(`^(deb\\s|Suites:).*\\b${suite}\\b`, "m");
  if (sources.some(({ text }) => listed.test(text))) return suite;
  const source = backportsSource(codename, sources);
  if (!source)
    throw new SetupError(
      `No entry for ${codename} in /etc/apt to take the mirror of ${suite} from.`,
    );
  const file = `/etc/apt/sources.list.d/${suite}.${source.extension}`;
  console.log(`set-up: adding ${file}`);
  const written = asRoot(["tee", file], source.text);
  if (written.status !== 0) throw new SetupError(`Cannot write ${file}: ${written.stderr.trim()}`);
  return suite;
}
