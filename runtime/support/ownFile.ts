/**
 * Files that are sent, or copied, with the folder of a model or adapter: those that lie in it, not what a link in it
 * leads to.
 */
import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { HumanError } from './errors.js';

/**
 * In the cache of the Hub, files are links to these, by the hashes of their content: nobody can name one without
 * knowing it.
 */
const HUB_BLOB = /[/\\]models--[^/\\]+[/\\]blobs[/\\][0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/**
 * The path of a file in a folder, which may itself be a link.
 * @throws HumanError where the file is a link, or lies below one, that leads out of the folder and not to a file of the
 * Hub
 */
export async function ownFile(folder: string, name: string): Promise<string> {
  const file = join(folder, name);
  const [real, root] = await Promise.all([file, folder].map((path) => realpath(path)));
  if (real.startsWith(root.endsWith(sep) ? root : root + sep) || HUB_BLOB.test(real)) return file;
  throw new HumanError(`"${name}" is a link that leads out of its folder: what it leads to is not passed on.`, {
    place: file,
    remedy: 'Put the file itself there if it belongs to the folder, or remove the link.',
  });
}
