/**
 * Reporter of node:test: one line a file, every failure in full, and the counts as JSON in the file TEST_RESULTS for
 * test/run.mjs.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { source } from '../unitTests.mjs';

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const relative = (file) => (file ? source(path.relative(process.cwd(), file).replaceAll('\\', '/')) : '');

/**
 * A suite is reported as well as the tests in it; a file that cannot be loaded is reported as a test named by its path.
 */
const isTest = (data) => data.details.type !== 'suite';

function describeFailure({ name, file, line, details: { error } }) {
  const cause = error?.cause ?? error;
  const text =
    cause instanceof Error ? (cause.stack ?? cause.message) : typeof cause === 'string' ? cause : inspect(cause);
  return `\n✖ ${name}  (${relative(file)}${line ? `:${line}` : ''})\n${text.replace(/^/gm, '    ')}\n`;
}

function describeFile(file, { passed, failed, skipped, ms }) {
  const counts = [`${passed} passed`, failed && `${failed} failed`, skipped && `${skipped} skipped`].filter(Boolean);
  return `${failed ? '✖' : '✔'} ${file}  ${counts.join(', ')}  (${seconds(ms)})\n`;
}

export default async function* reporter(events) {
  const tests = [];
  const output = [];
  let file; // events come file by file, whatever the concurrency
  let all;
  for await (const { type, data } of events) {
    if (type === 'test:stdout' || type === 'test:stderr') output.push(data.message);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (relative(data.file) !== file) {
      if (all) yield describeFile(file, all);
      file = relative(data.file);
      all = { passed: 0, failed: 0, skipped: 0, ms: 0 };
    }
    if (data.nesting === 0) all.ms += data.details.duration_ms;
    // A suite whose hook fails runs none of its tests: only it knows why.
    const { failureType } = data.details.error ?? {};
    if (failureType === 'hookFailed') yield describeFailure(data);
    if (!isTest(data)) continue;
    // A parent that fails only because of its subtests is not one more failure.
    if (failureType === 'subtestsFailed') continue;
    const ok = type === 'test:pass';
    const skipped = data.skip !== undefined || data.todo !== undefined;
    tests.push({ name: data.name, file, seconds: data.details.duration_ms / 1000, ok, skipped, why: data.skip });
    all[skipped ? 'skipped' : ok ? 'passed' : 'failed']++;
    if (skipped) yield `- skipped: ${data.name}  (${file})${typeof data.skip === 'string' ? `: ${data.skip}` : ''}\n`;
    else if (!ok) yield describeFailure(data);
  }
  if (all) yield describeFile(file, all);
  if (output.length && tests.some((test) => !test.ok))
    yield `\noutput of the tests:\n${output.join('').slice(-20_000)}\n`;
  if (process.env.TEST_RESULTS) writeFileSync(process.env.TEST_RESULTS, JSON.stringify({ tests }));
}
