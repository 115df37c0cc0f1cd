/** The executable of an installed Chromium, Chrome or Edge, or null. */
export function findChromium(platform?: string, exists?: (file: string) => boolean): string | null;
