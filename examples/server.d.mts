/** A running server of one folder. */
export interface FolderServer {
  readonly port: number;
  close(): Promise<void>;
}

export function serveFolder(folder: string, port: number): Promise<FolderServer>;
