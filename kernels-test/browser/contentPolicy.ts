/** The strict Content-Security-Policy of docs/security.md, under which every page of the gallery is tested. */
export const strict: Readonly<Record<string, string>> = {
  "default-src": "'self'",
  "script-src": "'self' 'wasm-unsafe-eval'",
  "worker-src": "'self' blob:",
  "img-src": "'self' data: blob:",
};

export const policyHeader = (policy: Readonly<Record<string, string>>): Record<string, string> => ({
  "content-security-policy": Object.entries(policy)
    .map((entry) => entry.join(" "))
    .join("; "),
});
