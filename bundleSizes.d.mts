export interface BundleSize {
  readonly what: string;
  /** Bytes after gzip that it may have. */
  readonly budget: number;
  readonly minified: number;
  readonly gzip: number;
  /** Minified bytes of each module. */
  readonly parts: readonly (readonly [module: string, bytes: number])[];
}

export function bundleSizes(): Promise<BundleSize[]>;
