/** What an adapter is called wherever it is shown. */
import { hubName, hubNameOf } from './hubName.js';

/**
 * By where it lies, on whatever system: as recipes name it if it is from the Hub, else by the run of which it is the
 * `adapter/`, or by its folder; nothing else of its path.
 */
export function adapterName(path: string): string {
  const parts = path.split(/[\\/]+/).filter(Boolean);
  const name = parts.at(-1) ?? path;
  const hub = hubName(path) ?? hubNameOf(name);
  if (hub) return `hub:${hub.repository}@${hub.revision}`;
  return name === 'adapter' && parts.length > 1 ? parts.at(-2)! : name;
}
