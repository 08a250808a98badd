/** Which rows of a public data set are brought, and of which revision, is asked for where there is a choice. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, test, type TestContext } from 'node:test';
import { describeDataset, downloadDataset, type DatasetParams } from '../../runtime/datasets/download.js';
import { errorData } from '../../runtime/support/errors.js';
import { HostError } from '../../extension/host/errors.js';
import { useHub } from '../support/hubDownloads.js';
import { commitOf } from '../support/hubServer.js';
import { jsonLines, PUBLIC } from '../support/publicSets.js';
import { BACK, fake, Uri, workspace } from './fake/vscode.js';
import { temporary } from './support.js';
import { keeping } from './fake/memory.js';
import { WorkAtHand } from '../../extension/host/workAtHand.js';

const { trainPublic } = await import('../../extension/commands/publicSets.js');
const { hub } = await useHub();
const row = (prompt: string): Buffer => jsonLines([{ prompt, completion: 'a' }]);
const some = () => hub.repositories['datasets/some/set']!;

beforeEach(() => {
  process.env['HF_ENDPOINT'] = hub.url;
  const files = { 'train.jsonl': row('train'), 'data/test.jsonl': row('test') };
  hub.repositories['datasets/some/set'] = { files, licence: 'mit' };
  for (const [name, set] of Object.entries(PUBLIC)) hub.repositories[`datasets/${name}`] = set;
});

/** Downloads what the answers choose, up to the training; each question is answered once. */
async function chosen(t: TestContext, answers: [question: RegExp, answer: string][], given: object = {}) {
  const root = await temporary(t);
  const before = fake.answer;
  workspace.workspaceFolders = [{ uri: Uri.file(root) }] as never;
  t.after(() => {
    fake.answer = before;
    workspace.workspaceFolders = undefined;
  });
  const asked: string[] = [];
  fake.answer = (question) => {
    asked.push(question);
    const [expected, answer] = answers.shift() ?? assert.fail(`nobody answers: ${question}`);
    assert.match(question, expected);
    return answer;
  };
  const reporter = { signal: new AbortController().signal, onProgress: () => undefined, onLog: () => undefined };
  const engine = {
    request: async (name: string, params: DatasetParams) =>
      name === 'describeDataset'
        ? describeDataset(params, reporter).catch((error: unknown) => Promise.reject(new HostError(errorData(error))))
        : downloadDataset(params, { ...reporter, cache: join(root, 'cache') }),
  };
  const add = (): never => {
    throw new Error('the training begins');
  };
  const services = {
    assertTrusted: () => undefined,
    workAtHand: new WorkAtHand(keeping()),
    engine,
    models: { list: () => [], add },
    secrets: { get: async () => undefined },
  };
  const more = { model: '/w/tiny', repository: 'some/set', benign: '', ...given };
  await assert.rejects(trainPublic(services as never, more), /the training begins/);
  assert.deepEqual(answers, []);
  const read = async (file: string): Promise<string> => readFile(join(root, 'data', file), 'utf8');
  return { asked, read, provenance: async () => JSON.parse(await read('set/provenance.json')) as DatasetParams };
}

test('the split train and the main revision are brought where nobody asks for others', async (t) => {
  const { asked, provenance, read } = await chosen(t, [[/./, 'Download']]);
  assert.deepEqual(asked, ['some/set · split train · licence mit · not gated · at most 0.1 MB']);
  const { split, revision } = await provenance();
  assert.deepEqual([split, revision], [null, 'main']);
  assert.match(await read('set/rows.jsonl'), /"train"/);
});

test('another split is chosen from those that the Hub has, and another revision is typed', async (t) => {
  some().revisions = { v2: commitOf(some()) };
  const { asked, provenance, read } = await chosen(t, [
    [/split train/, 'Another revision…'],
    [/a branch, a tag or a commit/, 'v2'],
    [/split train · revision v2/, 'Another split…'],
    [/Which split/, BACK],
    [/split train · revision v2/, 'Another split…'],
    [/Which split of some\/set/, 'test'],
    [/split test · revision v2/, 'Download'],
  ]);
  assert.equal(asked.length, 7);
  const { split, revision } = await provenance();
  assert.deepEqual([split, revision], ['test', 'v2']);
  assert.match(await read('set/rows.jsonl'), /"test"/);
});

test('a revision that does not exist is said in its box, and another one is typed', async (t) => {
  some().revisions = { v2: commitOf(some()) };
  const { asked, provenance } = await chosen(t, [
    [/split train/, 'Another revision…'],
    [/a branch, a tag or a commit/, 'v3'],
    [/some\/set: there is no revision "v3"\. Name a branch, a tag or a commit/, 'a/../b'],
    [/this is not a valid revision/, ' '],
    [/Name a revision/, 'v2'],
    [/split train · revision v2/, BACK],
    [/a branch, a tag or a commit/, 'v4'],
    [/there is no revision "v4"/, 'v2'],
    [/split train · revision v2/, 'Download'],
  ]);
  assert.equal(asked.length, 9);
  assert.equal((await provenance()).revision, 'v2');
});

test('a set that the Hub does not have is said in the box of its name, and typed again', async (t) => {
  const { asked, provenance } = await chosen(
    t,
    [
      [/Where do the harmful rows come from/, 'Another data set…'],
      [/Data set on the Hugging Face Hub/, 'some'],
      [/Give it as owner\/name/, 'some/sets'],
      [/some\/sets: .+/, 'some/set/none.jsonl'],
      [/none\.jsonl/, 'some/set'],
      [/split train/, BACK],
      [/Data set on the Hugging Face Hub/, 'some/set'],
      [/split train/, 'Download'],
    ],
    { repository: undefined },
  );
  assert.equal(asked.length, 8);
  assert.equal((await provenance()).repository, 'some/set');
});

test('a set without a split of that name asks for one first', async (t) => {
  const { 'train.jsonl': train, ...others } = some().files;
  some().files = { ...others, 'harmful.jsonl': train! };
  const { provenance } = await chosen(t, [
    [/Which split of some\/set/, 'harmful'],
    [/split harmful/, 'Download'],
  ]);
  assert.equal((await provenance()).split, 'harmful');
});

test('of a set of the table nothing is asked but the revision: its entry says what its splits are for', async (t) => {
  const { asked, read } = await chosen(t, [[/./, 'Download']], { repository: 'PKU-Alignment/BeaverTails' });
  assert.match(asked[0]!, /^PKU-Alignment\/BeaverTails · licence/);
  assert.match(await read('beavertails/harmful.jsonl'), /drimble/);
});

test('who calls the command says both, of the set that they name', async (t) => {
  some().revisions = { v2: commitOf(some()) };
  const { provenance, asked } = await chosen(t, [], { split: 'test', revision: 'v2', confirmed: true });
  assert.deepEqual(asked, []);
  const { split, revision } = await provenance();
  assert.deepEqual([split, revision], ['test', 'v2']);
});
