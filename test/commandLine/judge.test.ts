import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { choicesOf } from '../../runtime/calls/finishedRun.js';
import { judgePlace, readJudge } from '../../runtime/commandLine/judge.js';
import { HumanError } from '../../runtime/support/errors.js';

const folder = await mkdtemp(join(tmpdir(), 'judge-'));
after(() => rm(folder, { recursive: true }));

test('a judge is a word, JSON, or a file with it, whose paths are relative to it', async () => {
  assert.equal(await readJudge('refusal-phrases'), 'refusal-phrases');
  const model = { endpoint: 'http://localhost:8000/v1', model: 'm', concurrency: 4, timeoutSeconds: 60 };
  assert.deepEqual(await readJudge('{"endpoint":"http://localhost:8000/v1","model":"m"}'), model);
  const classifier = { classifier: 'c', refused: 'R' };
  assert.deepEqual(await readJudge(JSON.stringify(classifier)), { ...classifier, classifier: resolve('c') });
  const file = join(folder, 'judge.json');
  await writeFile(file, `// ours\n${JSON.stringify(classifier)}`);
  assert.deepEqual(await readJudge(file), { ...classifier, classifier: join(folder, 'c') });
});

test('what is none is refused, and says where', async () => {
  const refused = (given: string, message: RegExp): Promise<void> =>
    assert.rejects(readJudge(given), { name: 'HumanError', message, place: `--judge ${given}` });
  await refused('{', /not JSON/);
  await refused('"gpt"', /a judge is "refusal-phrases"/);
  await refused('{"endpoint":"x","model":"m"}', /this is not an address/);
});

test('a folder is none, and is named', async () => {
  for (const name of ['rejection', 'rejection.json']) {
    const given = join(folder, name);
    await mkdir(given);
    const place = name.endsWith('.json') ? given : `--judge ${given}`;
    await assert.rejects(readJudge(given), { message: 'this is a folder; a judge was expected.', place });
  }
});

test('a place among further judges is what stands on the command line', () => {
  const given = ['a/judge.json', '{"vscode": true}'];
  assert.equal(judgePlace('judges.0.token', given), 'a/judge.json: token');
  assert.equal(judgePlace('judges.0', given), 'a/judge.json');
  assert.equal(judgePlace('judges.1', given), '--judge {"vscode": true}');
  assert.equal(judgePlace('judges', given), '--judge');
  assert.equal(judgePlace('generation.maxNewTokens', given), 'generation.maxNewTokens');
  assert.equal(judgePlace(undefined, given), undefined);
});

test('a further judge that cannot be one is named as it was given, whatever judges the run has', async () => {
  const run = { recipe: { judges: ['refusal-phrases'] }, manifest: {}, sets: new Map() };
  const given = ['{"refusalPhrases": ["no"], "name": "fine"}', '{"refusalPhrases": ["no"], "name": "exact-match"}'];
  const other = '{"refusalPhrases": ["no"], "name": "refusal-phrases"}';
  for (const [all, wrong] of [
    [given, given[1]],
    [given.toReversed(), given[1]],
    [[given[0], other], other],
  ] as const) {
    const more = await Promise.all(all.map(readJudge));
    assert.throws(
      () => choicesOf(run as never, more),
      (error) => error instanceof HumanError && judgePlace(error.place, all) === `--judge ${wrong}`,
      all.join(' '),
    );
  }
});
