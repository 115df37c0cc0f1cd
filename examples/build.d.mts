import type { Metafile } from "esbuild";

/** Where the bundled examples are, unless one says otherwise. */
export declare const target: string;

/**
 * @param folder what it holds is replaced
 * @returns esbuild's metafile, which says what each script loads
 */
export declare function buildExamples(folder?: string): Promise<Metafile>;
