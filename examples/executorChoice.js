/** What a page computes by, as one chose it. The choice stands in the address, as in `?executor=webgpu`. */

const choices = { auto: "automatic", webgpu: "WebGPU", cpu: "CPU (WebAssembly)" };

/**
 * In a page, and in a worker whose address is `withChoice`.
 * @returns {"auto" | "webgpu" | "cpu"} as `init` takes it
 */
export function chosenExecutor() {
  const wanted = new URLSearchParams(location.search).get("executor") ?? "";
  return Object.hasOwn(choices, wanted) ? wanted : "auto";
}

/** The same address with another choice. */
function addressFor(address, choice) {
  const url = new URL(address);
  if (choice === "auto") url.searchParams.delete("executor");
  else url.searchParams.set("executor", choice);
  return url;
}

/** A worker's address with the choice of this page. */
export const withChoice = (address) => addressFor(address, chosenExecutor());

/**
 * Fills the page's `#computedBy`.
 * @param {() => void} [changed] computes by what is chosen now; by default the page is loaded anew
 */
export function offerExecutors(changed = () => location.reload()) {
  const select = document.getElementById("computedBy");
  for (const [name, title] of Object.entries(choices)) select.add(new Option(title, name));
  select.value = chosenExecutor();
  select.addEventListener("change", () => {
    history.replaceState(history.state, "", addressFor(location.href, select.value));
    changed();
  });
}
