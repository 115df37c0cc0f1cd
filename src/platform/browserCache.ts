/** Bytes kept in the origin's IndexedDB. */
import type { ByteCache } from "./platform";

const store = "bytes";

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Null where the page may not keep anything (a sandboxed frame, some private windows). */
export async function openBrowserCache(): Promise<ByteCache | null> {
  try {
    const opening = indexedDB.open("tilegrad", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(store);
    const database = await settled(opening);
    const objects = (mode: IDBTransactionMode) =>
      database.transaction(store, mode).objectStore(store);
    return {
      async get(key) {
        try {
          const found: unknown = await settled(objects("readonly").get(key));
          return found instanceof Uint8Array ? found : null;
        } catch {
          return null;
        }
      },
      async put(key, bytes) {
        try {
          await settled(objects("readwrite").put(bytes, key));
        } catch {
          // The quota is used up: the bytes will be made again.
        }
      },
    };
  } catch {
    return null;
  }
}
