import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { readJudge } from '../../runtime/commandLine/judge.js';
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
    assert.rejects(readJudge(given), (error) => {
      assert.ok(error instanceof HumanError);
      assert.match(error.message, message);
      assert.equal(error.place, `--judge ${given}`);
      return true;
    });
  await refused('{', /not JSON/);
  await refused('"gpt"', /a judge is "refusal-phrases"/);
  await refused('{"endpoint":"x","model":"m"}', /this is not an address/);
});
