/**
 * Entry of the suite in the extension host: runs every *.suite file beside it; TEST_RESULTS names a file for the
 * counts.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Mocha from 'mocha';

interface Counted {
  name: string;
  file: string;
  seconds: number;
  ok: boolean;
  skipped: boolean;
}

export function run(): Promise<void> {
  const mocha = new Mocha({ ui: 'bdd', timeout: 120_000, color: false, reporter: 'spec' });
  for (const file of readdirSync(__dirname).sort())
    if (file.endsWith('.suite.cjs')) mocha.addFile(path.join(__dirname, file));
  const tests: Counted[] = [];
  return new Promise((resolve, reject) => {
    const runner = mocha.run((failures) => {
      if (process.env.TEST_RESULTS) writeFileSync(process.env.TEST_RESULTS, JSON.stringify({ tests }));
      if (failures > 0) reject(new Error(`${failures} failed`));
      else resolve();
    });
    const count = (test: Mocha.Runnable, ok: boolean, skipped = false): void => {
      const file = `test/vscode/suite/${path.basename(test.file ?? '', '.cjs')}.ts`;
      tests.push({ name: test.fullTitle(), file, seconds: (test.duration ?? 0) / 1000, ok, skipped });
    };
    runner.on('pass', (test) => count(test, true));
    runner.on('fail', (test) => count(test, false));
    runner.on('pending', (test) => count(test, true, true));
  });
}
