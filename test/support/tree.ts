import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names and contents of everything below a folder. */
export function treeOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    names.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(folder.length + 1), entry.isFile() ? readFileSync(path, 'latin1') : 'folder'];
    }),
  );
}
