/** `tilegrad doctor`: which adapters there are, whether they compute, and which one would be used. */

import { createRequire } from "node:module";
import packageJson from "../../package.json" with { type: "json" };
import { driverAdvice, driverNames } from "../../setup/drivers.mjs";
import { probeAdapters } from "./adapterProbe";
import { type AdapterSurvey, type SurveyedAdapter, surveyAdapters } from "./adapterSurvey";
import type { Command, DoctorOptions } from "./command";
import { EXIT_FAILED, EXIT_OK } from "./exitCodes";
import { facts, list, widthOf, wrap } from "./layout";
import { bytes, count, duration } from "./wording";

/** Returns `EXIT_OK` if training would work here, else `EXIT_FAILED`. */
export const doctor: Command<DoctorOptions> = async ({ json, probe }, { stdout }) => {
  if (probe) {
    await probeAdapters(stdout);
    return EXIT_OK;
  }
  const survey = await surveyAdapters();
  const usable = survey.chosen?.works === true;
  const home = {
    version: packageJson.version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    webgpu: webgpuVersion(),
  };
  if (json) {
    const { adapters, chosen, why, noWebGPU } = survey;
    const used = chosen?.name ?? null;
    const advice = usable ? null : (noWebGPU ?? driverAdvice());
    stdout.write(`${JSON.stringify({ ...home, usable, used, why, advice, adapters })}\n`);
  } else {
    const { version, node, platform, webgpu } = home;
    const dawn = webgpu === null ? "no webgpu package" : `webgpu ${webgpu} (Dawn)`;
    stdout.write(`tilegrad ${version}, Node ${node} on ${platform}, ${dawn}\n\n`);
    stdout.write(`${findings(survey, widthOf(stdout)).join("\n")}\n`);
  }
  return usable ? EXIT_OK : EXIT_FAILED;
};

/** Of the npm package that brings Dawn; null where it is not installed. */
function webgpuVersion(): string | null {
  try {
    return (createRequire(import.meta.url)("webgpu/package.json") as { version: string }).version;
  } catch {
    return null;
  }
}

function findings({ adapters, chosen, why, noWebGPU }: AdapterSurvey, width: number): string[] {
  if (noWebGPU !== null) return [wrap(noWebGPU, width, "")];
  const lines = adapters.flatMap((adapter) => [...adapterFacts(adapter, width), ""]);
  if (chosen === null) {
    if (adapters.length === 0) return ["No WebGPU adapter was found.", driverAdvice()];
    return [...lines, `${why} Leave it unset to use what there is.`];
  }
  const others = driverNames.filter((name) => name !== chosen.driver);
  lines.push(
    wrap(`${chosen.name} is what would be used. ${why}`, width, ""),
    wrap(`TILEGRAD_ADAPTER=${others.join(" or ")} asks for another driver.`, width, ""),
  );
  if (!chosen.works) lines.push("", "It does not work, so nothing can be trained.", driverAdvice());
  return lines;
}

function adapterFacts(adapter: SurveyedAdapter, width: number): string[] {
  const { name, driverFile } = adapter;
  const found = driverFile === null ? "found by the system" : `named by ${driverFile}`;
  const rows: [string, string][] = adapter.works
    ? workingFacts(adapter, found)
    : [
        ["problem", adapter.problem],
        ["driver", found],
      ];
  return [
    `${name}: ${adapter.works ? "works" : "does not work"}`,
    ...facts(rows, { width, indent: 2 }),
  ];
}

function workingFacts(
  { report, limits, seconds }: SurveyedAdapter & { works: true },
  found: string,
): [string, string][] {
  const { description, features, subgroupMinSize, subgroupMaxSize } = report;
  const offers = (feature: string): boolean => features.includes(feature);
  const lanes =
    subgroupMinSize === subgroupMaxSize
      ? `${subgroupMaxSize} lanes`
      : `${subgroupMinSize} to ${subgroupMaxSize} lanes`;
  return [
    ["driver", list([description, found].filter(Boolean))],
    ["kind", report.class === "software" ? "software: computes on the CPU" : "GPU"],
    ["self-check", `a matrix product and its sums are right, in ${duration(seconds)}`],
    ["f16", offers("shader-f16") ? "yes" : "no"],
    ["timestamps", offers("timestamp-query") ? "yes" : "no; kernels cannot be timed"],
    ["subgroups", offers("subgroups") ? lanes : "no"],
    ["features", list(features)],
    [
      "limits",
      list([
        `buffer ${bytes(limits.maxBufferBytes)}`,
        `binding ${bytes(limits.maxBindingBytes)}`,
        `${limits.maxStorageBuffers} storage buffers a kernel`,
        `${count(limits.maxWorkgroupsPerDimension)} workgroups a dimension`,
        `${count(limits.maxInvocationsPerWorkgroup)} invocations a workgroup`,
        `${bytes(limits.maxWorkgroupBytes)} of workgroup memory`,
      ]),
    ],
  ];
}
