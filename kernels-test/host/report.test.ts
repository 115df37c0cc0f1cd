import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { align, smooth, spread, thin } from "../../src/cli/report/curves";
import { html, scriptJson } from "../../src/cli/report/html";
import { type ReportAssets, type ReportData, renderReport } from "../../src/cli/report/report";
import { reportData } from "../../src/cli/report/runReport";
import type { RunEvent } from "../../src/cli/runEvents";
import { done, start, step } from "./exampleRun";

const whole: RunEvent[] = [
  start(),
  ...Array.from({ length: 100 }, (_, i) => step(i + 1)),
  { event: "eval", step: 50, trainLoss: 2, valLoss: 2.125 },
  { event: "eval", step: 100, trainLoss: 1.5, valLoss: 1.625 },
  {
    event: "profile",
    step: 100,
    kernels: [
      { kernel: "adamwArena", dispatches: 4, milliseconds: 1 },
      { kernel: "matmulTiled", dispatches: 24, milliseconds: 3, gigabytesPerSecond: 9.25 },
    ],
  },
  { event: "sample", step: 100, prompt: "let ", text: "x = <b>1</b> & '2';</script>\u0000" },
  done,
];

let assets: ReportAssets;
let page = "";

beforeAll(async () => {
  const uplot = join(dirname(createRequire(import.meta.url).resolve("uplot")));
  const own = new URL("../../src/cli/report/", import.meta.url);
  assets = {
    chartScript: await readFile(join(uplot, "uPlot.iife.min.js"), "utf8"),
    chartStyle: await readFile(join(uplot, "uPlot.min.css"), "utf8"),
    pageScript: await readFile(new URL("page.js", own), "utf8"),
    pageStyle: await readFile(new URL("page.css", own), "utf8"),
  };
  page = renderReport(reportData(whole, "runs/a")!, assets);
});

/** The page's words, without scripts, styles and tags. */
function words(source: string): string {
  return source
    .replace(/<(script|style)[^>]*>.*?<\/\1>/gs, "")
    .replace(/<[^>]+>/g, " ")
    .replace(/\s+/g, " ");
}

function chartData(source: string): Record<string, { data: (number | null)[][] }> {
  const json = /<script type="application\/json" id="chart-data">(.*?)<\/script>/s.exec(source)!;
  return JSON.parse(json[1]!);
}

describe("renderReport", () => {
  test("shows the figures, the settings, the device and what comes next", () => {
    const text = words(page);
    for (const shown of [
      "GPT on tilegrad&#39;s own source",
      "finished",
      "1.23 M parameters, trained on 9,000 characters (65 distinct) in 10 s",
      "Validation loss 1.6250 like an even choice among 5.1 of 65 characters",
      "Training loss 1.5000",
      "Tokens a second 5,120",
      "Device memory at most 3.00 MiB",
      "Dispatches a step 87 in 2 submits",
      "The best validation loss, 1.6250, was at step 100.",
      "--eval-every",
      "llvmpipe",
      "software driver: WebGPU on the CPU",
      "8 lanes",
      "npx tilegrad sample runs/a",
    ]) {
      expect(text).toContain(shown);
    }
  });

  test("loads nothing: no address, import or foreign source is in it", () => {
    const withoutComments = page.replace(/\/\*.*?\*\//gs, "");
    expect(withoutComments).not.toMatch(/https?:\/\//);
    expect(withoutComments).not.toMatch(/<(?:script|img|iframe|link)[^>]*(?:src|href)="(?!data:,)/);
    expect(withoutComments).not.toMatch(/@import|url\(/);
    expect(page).toContain("default-src 'none'");
  });

  test("what the model wrote cannot become markup or end a script", () => {
    expect(page).toContain(
      "<mark>let </mark>x = &lt;b&gt;1&lt;/b&gt; &amp; &#39;2&#39;;&lt;/script&gt;\u2400",
    );
    const hostile = `</script><script>alert(1)</script>"'`;
    const data = reportData(whole, hostile)!;
    const renamed = renderReport({ ...data, config: { ...data.config, text: hostile } }, assets);
    expect(renamed.match(/<script/g)).toHaveLength(3);
  });

  test("the charts' data are the run's losses, aligned, with the guess of an even choice", () => {
    const [steps, raw, smoothed, validation, guessing] = chartData(page)["loss-chart"]!.data;
    expect(steps).toHaveLength(100);
    expect(raw![3]).toBe(2);
    expect(smoothed![0]).toBe(raw![0]);
    expect(validation!.filter((value) => value !== null)).toEqual([2.125, 1.625]);
    expect(guessing![0]).toBeCloseTo(Math.log(65), 12);
    expect(chartData(page)["rate-chart"]!.data[1]).toEqual(new Array(100).fill(1e-3));
  });

  test("has what assistive technology needs: language, title, one h1, headed tables, described charts", () => {
    expect(page).toContain('<html lang="en">');
    expect(page).toMatch(/<title>[^<]+<\/title>/);
    expect(page.match(/<h1>/g)).toHaveLength(1);
    const tables = page.match(/<table>/g)!.length;
    expect(tables).toBe(4);
    expect(page.match(/<caption>/g)).toHaveLength(tables);
    expect(page.match(/<thead><tr><th scope="col"/g)).toHaveLength(tables);
    expect(page).toContain('role="img" aria-label="Loss by step" aria-describedby="loss-summary"');
    for (const [, id] of page.matchAll(/aria-(?:labelledby|describedby)="([^"]+)"/g)) {
      expect(page).toContain(`id="${id}"`);
    }
  });

  test("every element that is opened is closed in order", () => {
    const markup = page.replace(/<(script|style)([^>]*)>.*?<\/\1>/gs, "");
    const open: string[] = [];
    for (const [, close, name, empty] of markup.matchAll(/<(\/?)([a-z0-9]+)\b[^>]*?(\/?)>/g)) {
      if (empty || name === "meta" || name === "link") continue;
      if (close) expect(open.pop()).toBe(name);
      else open.push(name!);
    }
    expect(open).toEqual([]);
  });

  test("kernels are listed with the longest first, their shares and only the columns that have values", () => {
    const table = words(page.slice(page.indexOf('id="kernels"')));
    expect(table).toMatch(/matmulTiled 3\.000 75\.0 % 24 9\.3 .*adamwArena 1\.000 25\.0 % 4 /);
    expect(table).toMatch(/All 4\.000 +28 /);
    expect(table).toContain("GB/s");
    expect(table).not.toContain("GFLOP/s");
  });

  test("a run that was stopped says so and how to go on", () => {
    const events: RunEvent[] = [
      ...whole.slice(0, 41),
      { event: "interrupted", step: 40, resume: "…" },
    ];
    const text = words(renderReport(reportData(events, "my runs/it's")!, assets));
    expect(text).toContain("stopped after 40 of 100 steps");
    expect(text).toContain(
      "npx tilegrad train gpt --resume &#39;my runs/it&#39;\\&#39;&#39;s&#39;",
    );
    expect(text).not.toContain("Device memory at most");
  });

  test("a run that diverged shows the finite part and says where it ended", () => {
    const events: RunEvent[] = [
      start(),
      step(1),
      step(2),
      step(3, null),
      { event: "diverged", step: 3, lastGoodStep: 2 },
    ];
    const diverged = renderReport(reportData(events, "runs/a")!, assets);
    expect(words(diverged)).toContain("diverged: no finite loss after step 3");
    expect(words(diverged)).toContain("not finite");
    expect(chartData(diverged)["loss-chart"]!.data[0]).toEqual([1, 2]);
  });

  test("a run without a step, a sample and kernel times is still a page", () => {
    const empty = renderReport(reportData([start()], "runs/a")!, assets);
    expect(words(empty)).toContain("No step was finished.");
    expect(words(empty)).toContain("in progress: 0 of 100 steps");
    expect(empty).not.toContain("<script");
    expect(empty).not.toContain("Where the time goes");
  });

  test("a long run's page stays small", () => {
    const losses = Array.from({ length: 200_000 }, (_, i) => ({
      step: i + 1,
      loss: 2,
      learningRate: 1e-3,
    }));
    const data: ReportData = { ...reportData(whole, "runs/a")!, losses };
    expect(renderReport(data, assets).length).toBeLessThan(400_000);
  });
});

describe("reportData", () => {
  test("without a start there is nothing to report", () => {
    expect(reportData([], "r")).toBeUndefined();
  });

  test("a resumed run is one run: its times add up and it began when the first part began", () => {
    const events = [start(), step(10), step(20), { ...start(20), time: "later" }, step(30)];
    const data = reportData(events, "r")!;
    expect(data.startedAt).toBe("2026-11-21T07:12:00Z");
    expect(data.seconds).toBe(2 + 3);
    expect(data.losses.map((loss) => loss.step)).toEqual([10, 20, 30]);
    expect([data.state, data.steps]).toEqual(["running", 30]);
  });
});

describe("curves", () => {
  const points = fc
    .array(fc.double({ min: 0, max: 10, noNaN: true }), { minLength: 1 })
    .map((losses) => losses.map((loss, i) => ({ step: 2 * i + 1, loss })));

  test("thinning keeps the last step, the order and, for even parts, the mean", () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 1, max: 20 }), (all, most) => {
        const thinned = thin(all, most);
        expect(thinned.length).toBe(Math.min(all.length, most));
        expect(thinned.at(-1)!.step).toBe(all.at(-1)!.step);
        for (let i = 1; i < thinned.length; i++) {
          expect(thinned[i]!.step).toBeGreaterThan(thinned[i - 1]!.step);
        }
      }),
    );
    const line = [1, 2, 3, 4].map((n) => ({ step: n, loss: n }));
    expect(thin(line, 2)).toEqual([
      { step: 2, loss: 1.5 },
      { step: 4, loss: 3.5 },
    ]);
  });

  test("a straight line is smooth already, ends included", () => {
    const line = Array.from({ length: 30 }, (_, i) => ({ step: i, loss: 3 - i / 16 }));
    for (const [i, { loss }] of smooth(line, 4).entries()) {
      expect(loss).toBeCloseTo(line[i]!.loss, 12);
    }
  });

  test("spreading keeps the first and the last", () => {
    expect(spread([1, 2, 3, 4, 5, 6, 7], 3)).toEqual([1, 4, 7]);
    expect(spread([1, 2], 3)).toEqual([1, 2]);
  });

  test("aligning puts each series on the common steps", () => {
    const a = [{ step: 1, loss: 5 }];
    const b = [
      { step: 0, loss: 6 },
      { step: 1, loss: 7 },
    ];
    expect(align([a, b])).toEqual([
      [0, 1],
      [null, 5],
      [6, 7],
    ]);
  });
});

describe("html", () => {
  test("escapes whatever is interpolated, once", () => {
    const inner = html`<i>${"a<b"}</i>`;
    expect(html`<p title="${'"&'}">${inner}${[inner]}${3}</p>`.text).toBe(
      '<p title="&quot;&amp;"><i>a&lt;b</i><i>a&lt;b</i>3</p>',
    );
    expect(html`${"a\tb\nc\u0007\u007f\u0085"}`.text).toBe("a\tb\nc\u2407\u2421\u2421");
  });

  test("JSON in a script reads back the same and holds no tag", () => {
    const value = { text: "</script><!--" };
    expect(scriptJson(value).text).not.toContain("<");
    expect(JSON.parse(scriptJson(value).text)).toEqual(value);
  });
});
