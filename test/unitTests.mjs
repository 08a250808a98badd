/** The unit tests: all test files but those that need a package, a window or time. */
import { readdirSync } from 'node:fs';

/** Folder that compile.mjs makes of them. */
export const COMPILED = 'out/unit';

const all = readdirSync(import.meta.dirname)
  .filter(
    (folder) => !['vscode', 'bench', 'fixtures', 'golden', 'peers', 'ray'].includes(folder) && !folder.includes('.'),
  )
  .flatMap((folder) =>
    readdirSync(`${import.meta.dirname}/${folder}`, { recursive: true }).map((file) => `test/${folder}/${file}`),
  )
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.test.ts'))
  .sort();

/**
 * Those that compute for a minute or so in processes of their own, as long in all as the windows beside which they run:
 * what is longer than these waits for one core alone.
 */
const LONG = /^test\/(kills|fuzz|calls\/(runs|hostile)|sample\/story|export\/peers|device\/webgpu)/;
export const longTests = all.filter((file) => LONG.test(file));
export const unitTests = all.filter((file) => !LONG.test(file));

/** The compiled file of a test file, and the other way round: both relative to the root. */
export const compiled = (file) => `${COMPILED}/${file.replace(/ts$/, 'js')}`;
export const source = (file) =>
  file.startsWith(`${COMPILED}/`) ? file.slice(COMPILED.length + 1).replace(/js$/, 'ts') : file;
