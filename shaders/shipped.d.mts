export function shippedText(wgsl: string): string;
export function shippedLauncher(typescript: string): string;
