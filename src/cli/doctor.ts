/** `tilegrad doctor`: what can compute here, whether it does, and what would be used. */

import { createRequire } from "node:module";
import packageJson from "../../package.json" with { type: "json" };
import { driverAdvice } from "../../setup/drivers.mjs";
import type { ExecutorLimits } from "../device/executor";
import { probeAdapters } from "./adapterProbe";
import { type AdapterSurvey, type SurveyedAdapter, surveyAdapters } from "./adapterSurvey";
import type { Command, DoctorOptions } from "./command";
import { type CPUFindings, probeCPU } from "./cpuProbe";
import { ADAPTER_CHOICES } from "./deviceFlags";
import { chooseAdapter } from "./engine";
import { EXIT_FAILED, EXIT_OK } from "./exitCodes";
import { facts, list, widthOf, wrap } from "./layout";
import { adapterKind, bytes, count, counted, duration } from "./wording";

/** Returns `EXIT_OK` if training would work here, else `EXIT_FAILED`. */
export const doctor: Command<DoctorOptions> = async ({ adapter, json, probe }, { stdout }) => {
  if (probe) {
    await probeAdapters(stdout);
    return EXIT_OK;
  }
  chooseAdapter(adapter);
  const survey = await surveyAdapters();
  const cpu = await probeCPU();
  const usable = survey.executor === "cpu" ? cpu.works : survey.chosen?.works === true;
  const home = {
    version: packageJson.version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    webgpu: webgpuVersion(),
  };
  if (json) {
    const { adapters, executor, chosen, why, noWebGPU } = survey;
    const used = chosen?.name ?? null;
    stdout.write(
      `${JSON.stringify({ ...home, usable, executor, used, why, cpu, noWebGPU, adapters })}\n`,
    );
  } else {
    const { version, node, platform, webgpu } = home;
    const dawn = webgpu === null ? "no webgpu package" : `webgpu ${webgpu} (Dawn)`;
    stdout.write(`tilegrad ${version}, Node ${node} on ${platform}, ${dawn}\n\n`);
    stdout.write(`${findings(survey, cpu, widthOf(stdout)).join("\n")}\n`);
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

function findings(survey: AdapterSurvey, cpu: CPUFindings, width: number): string[] {
  const { adapters, executor, chosen, why, noWebGPU } = survey;
  const lines = adapters.flatMap((adapter) => [...adapterFacts(adapter, width), ""]);
  if (noWebGPU !== null) lines.push(wrap(noWebGPU, width, "WebGPU: "), "");
  else if (adapters.length === 0) lines.push("WebGPU: no adapter was found.", "");
  lines.push(...cpuFacts(cpu, width), "");
  const name = executor === "cpu" ? "the CPU executor" : chosen?.name;
  lines.push(
    wrap(name ? `init() takes ${name}. ${why}` : `init() fails. ${why}`, width, ""),
    wrap(`--adapter ${ADAPTER_CHOICES.join(", ")}, or TILEGRAD_ADAPTER, asks for one.`, width, ""),
  );
  const works = executor === "cpu" ? cpu.works : chosen?.works === true;
  if (!works && executor === "webgpu")
    lines.push(
      "",
      "It does not work. --adapter cpu needs no driver. For a driver:",
      driverAdvice(),
    );
  return lines;
}

function cpuFacts(cpu: CPUFindings, width: number): string[] {
  const { engine, threads, cache } = cpu;
  const relaxed = engine.relaxedSimd ? "relaxed SIMD (if asked for)" : "no relaxed SIMD";
  const rows: [string, string][] = [
    cpu.works ? ["self-check", checked(cpu.seconds)] : ["problem", cpu.problem],
    [
      "engine",
      list([
        `${engine.simd ? "" : "no "}WebAssembly SIMD`,
        relaxed,
        `${engine.sharedMemory ? "" : "no "}shared memory`,
      ]),
    ],
    ["threads", `${threads}`],
    [
      "cache",
      `${counted(cache.kernels, "compiled kernel")}, ${bytes(cache.bytes)}, in ${cache.folder}`,
    ],
  ];
  if (cpu.works) rows.push(["limits", limitsText(cpu.limits)]);
  const title = `CPU executor: ${cpu.works ? "works" : "does not work"}`;
  return [title, ...facts(rows, { width, indent: 2 })];
}

const checked = (seconds: number): string =>
  `a matrix product and its sums are right, in ${duration(seconds)}`;

const limitsText = (limits: ExecutorLimits): string =>
  list([
    `buffer ${bytes(limits.maxBufferBytes)}`,
    `binding ${bytes(limits.maxBindingBytes)}`,
    `${limits.maxStorageBuffers} storage buffers a kernel`,
    `${count(limits.maxWorkgroupsPerDimension)} workgroups a dimension`,
    `${count(limits.maxInvocationsPerWorkgroup)} invocations a workgroup`,
    `${bytes(limits.maxWorkgroupBytes)} of workgroup memory`,
  ]);

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
    ["kind", adapterKind(report.class)],
    ["self-check", checked(seconds)],
    ["f16", offers("shader-f16") ? "yes" : "no"],
    [
      "timestamps",
      offers("timestamp-query") ? "yes" : "no; kernels are timed one by one, by the host",
    ],
    ["subgroups", offers("subgroups") ? lanes : "no"],
    ["features", list(features)],
    ["limits", limitsText(limits)],
  ];
}
