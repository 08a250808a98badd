/**
 * Where the files of a run are now. A workspace is moved or copied whole, to another machine and another system as
 * well: what stays is the way that leads from the run folder to them.
 */

/** `C:\…`, `C:/…` and `\\server\…`: paths of Windows, wherever they are read. */
const WINDOWS = /^(?:[a-z]:[\\/]|\\\\)/i;

/** Whether a path says where it lies by itself, on whichever system it was written. */
export const isRooted = (path: string): boolean => path.startsWith('/') || WINDOWS.test(path);

/**
 * The way from a folder to a path, with `/`, such as `../../recipes/vector.json`; both absolute, of the system that
 * wrote them. Undefined where none leads there: to another drive, or from a path that is not absolute.
 */
export function wayTo(folder: string, path: string): string | undefined {
  const [from, to] = [folder, path].map(partsOf);
  if (!from || !to || from[0] !== to[0]) return undefined;
  const apart = from.findIndex((part, i) => part !== to[i]);
  const shared = apart < 0 ? from.length : apart;
  return [...from.slice(shared).map(() => '..'), ...to.slice(shared)].join('/') || '.';
}

/** Its root first; `..` is followed. */
function partsOf(path: string): string[] | undefined {
  if (!isRooted(path)) return undefined;
  const isWindows = WINDOWS.test(path);
  const [root, ...names] = path.split(isWindows ? /[\\/]/ : '/');
  const parts: string[] = [];
  for (const name of names)
    if (name === '..') parts.pop();
    else if (name !== '' && name !== '.') parts.push(name);
  return [root.toLowerCase(), ...parts];
}
