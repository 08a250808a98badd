/** One adapter from several, by the wizard and by named choices. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fake, Uri, workspace } from './fake/vscode.js';
import { adapter, temporary } from './support.js';
import { keeping } from './fake/memory.js';
import { WorkAtHand } from '../../extension/host/workAtHand.js';

const { combine } = await import('../../extension/commands/combine.js');

const vector = { role: 'security' } as const;
const ADAPTERS = [
  adapter('topic', vector),
  adapter('lies', vector),
  adapter('orders'),
  adapter('foreign', { ...vector, reason: 'no' }),
];

async function combined(t: TestContext, answers: Record<string, string>, given: object = {}, lost?: number) {
  const root = await temporary(t);
  workspace.workspaceFolders = [{ uri: Uri.file(root) }] as never;
  t.after(() => (workspace.workspaceFolders = undefined));
  let sent: Record<string, unknown> = {};
  const engine = {
    request: async (name: string, params: Record<string, unknown>) => {
      assert.equal(name, 'combine');
      sent = params;
      return {
        path: params['out'],
        sha256: '',
        rank: 4,
        exactRank: 16,
        from: [],
        ...(lost !== undefined && { error: lost }),
      };
    },
  };
  fake.answer = (question) => answers[question] ?? assert.fail(question);
  const attached: unknown[][] = [];
  const told: string[] = [];
  const services = {
    ...{ assertTrusted: () => undefined, workAtHand: new WorkAtHand(keeping()), engine },
    models: {
      list: () => [{ path: '/w/m', name: 'm', adapters: ADAPTERS }],
      attach: async (...all: unknown[]) => void attached.push(all),
      inspectAgain: async () => undefined,
    },
    notices: { info: (message: string) => told.push(message) },
  };
  await combine(services as never, given);
  return { sent, root, attached, told };
}

test('what is added up, with which weights, what is projected off, and the rank are asked', async (t) => {
  const { sent, root, attached, told } = await combined(
    t,
    {
      'Which adapters are added up?': '$(shield) topic\n$(shield) lies',
      'Weight of topic (a negative weight subtracts it)': '1',
      'Weight of lies (a negative weight subtracts it)': '-0.5',
      'What should be done with their sum?': 'Without the part along another adapter',
      'Which adapter?': 'orders',
      'Largest rank; empty for the exact result': '4',
    },
    {},
    0.031,
  );
  const out = join(root, 'adapters', 'topic-lies');
  const adapters = [
    { path: '/w/topic', scale: 1 },
    { path: '/w/lies', scale: -0.5 },
  ];
  assert.deepEqual(sent, { model: '/w/m', adapters, out, off: '/w/orders', onto: undefined, rank: 4 });
  assert.deepEqual(attached, [['/w/m', out, false]]);
  assert.match(told[0]!, /^topic-lies was made, of rank 4 instead of 16: 3\.1\s% of the update is lost\.$/);
});

test('named choices ask nothing', async (t) => {
  const { sent, told } = await combined(t, {}, { model: '/w/m', adapters: [{ path: '/w/topic' }], out: '/w/out' });
  assert.deepEqual(sent['adapters'], [{ path: '/w/topic', scale: 1 }]);
  assert.equal(sent['out'], '/w/out');
  assert.match(told[0]!, /exact, of rank 4/);
});
