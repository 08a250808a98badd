/**
 * Programs that tests start: those that are compiled with the tests (test/compile.mjs), or by tsx where one test is
 * run.
 */
import { fileURLToPath } from 'node:url';

const here = import.meta.url;

/** The file that Node runs for a file of the repository, and the options it needs. */
export const program = (file: string): { file: string; execArgv: string[] } =>
  here.endsWith('.ts')
    ? { file: fileURLToPath(new URL(`../../${file}`, here)), execArgv: ['--import', 'tsx'] }
    : { file: fileURLToPath(new URL(`../${file.replace(/ts$/, 'js')}`, here)), execArgv: [] };
