/** A secret of a judge is for the address that it was given for, and the environment of the window is for none. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { SecretStorage } from 'vscode';
import { createRun } from '../../extension/runs/run.js';
import { recipeFacts } from '../../runtime/contract/recipeFacts.js';
import { secretKey } from '../../runtime/contract/secrets.js';
import { fake } from './fake/vscode.js';
import { recipe } from './support.js';
import { keeping } from './fake/memory.js';
import { WorkAtHand } from '../../extension/host/workAtHand.js';

const { judgeSecrets } = await import('../../extension/commands/secrets.js');
const { judgeAgain } = await import('../../extension/commands/judgeAgain.js');

const MINE = { address: 'https://api.example.org/v1', name: 'JUDGE_KEY' };
const OTHER = { ...MINE, address: 'https://elsewhere.example.net/v1' };
const kept = new Map<string, string>();
const storage = {
  get: async (key: string) => kept.get(key),
  store: async (key: string, value: string) => void kept.set(key, value),
  delete: async (key: string) => void kept.delete(key),
} as unknown as SecretStorage;
const asked: string[] = [];

beforeEach(() => {
  kept.clear();
  asked.length = 0;
  fake.answer = (question) => (asked.push(question), `sesame ${asked.length}`);
});

test('a secret of a judge is asked for by its name and address, once, and again when it was refused', async () => {
  const secrets = judgeSecrets(storage);
  const found = { [secretKey(MINE.address, MINE.name)]: 'sesame 1' };
  assert.deepEqual(await secrets.get([MINE]), found);
  assert.deepEqual(await secrets.get([MINE]), found);
  assert.equal(asked.length, 1);
  assert.match(asked[0]!, /"JUDGE_KEY".* sent to https:\/\/api\.example\.org\/v1 only/);
  assert.deepEqual(await secrets.get([OTHER]), { [secretKey(OTHER.address, OTHER.name)]: 'sesame 2' });
  await secrets.forget([OTHER]);
  assert.deepEqual(await secrets.get([MINE]), found, 'that of another address was refused');
  await secrets.get([OTHER]);
  assert.equal(asked.length, 3);
});

test('those that are kept are found without a question', async () => {
  const secrets = judgeSecrets(storage);
  const given = await secrets.get([MINE]);
  assert.deepEqual([await secrets.kept([MINE, OTHER]), asked.length], [given, 1]);
});

test('one that is not given is left out', async () => {
  fake.answer = () => '';
  assert.deepEqual(await judgeSecrets(storage).get([MINE]), {});
});

test('a recipe says which address wants which secret', () => {
  const judge = { endpoint: MINE.address, model: 'm', token: MINE.name };
  const judges = ['refusal-phrases', judge, { ...judge, model: 'n' }, { ...judge, endpoint: OTHER.address }];
  assert.deepEqual(recipeFacts(recipe({ judges }), (path) => path)!.judgeSecrets, [MINE, OTHER]);
});

test('who judges again gives the engine the secrets of the further judges, and none where they want none', async () => {
  const sent: unknown[] = [];
  const run = createRun('/r', 'r');
  run.progress.state = 'finished';
  const services = {
    assertTrusted: () => undefined,
    workAtHand: new WorkAtHand(keeping()),
    engine: {
      request: async (_: string, { secrets }: { secrets?: object }) => (sent.push(secrets), { judges: [] }),
    },
    secrets: storage,
    store: {
      open: async () => run,
      read: async () => undefined,
      whileJudged: (_: string, ask: () => unknown) => ask(),
    },
    runPanels: { show: async () => undefined },
  } as unknown as Parameters<typeof judgeAgain>[0];
  const endpoint = { endpoint: MINE.address, model: 'm', concurrency: 1, timeoutSeconds: 5 };
  await judgeAgain(services, { run: '/r', judges: [{ ...endpoint, token: MINE.name }] });
  await judgeAgain(services, { run: '/r', judges: [endpoint] });
  assert.deepEqual(sent, [{ [secretKey(MINE.address, MINE.name)]: 'sesame 1' }, {}]);
});
