import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { RUN_STRINGS } from '../../webview/protocol/run.js';
import { Cancelled, errorData, inputError, parsePlace } from '../../extension/host/errors.js';

import { PageChannel, serve } from '../../extension/panels/channel.js';
import { COMPARE_STATE, RUN_STATE, TRIAGE_STATE } from '../../extension/panels/requests.js';
import { newNonce, pageHtml } from '../../extension/panels/html.js';
import { translated } from '../../extension/host/strings.js';

test('a page may load its own bundle and nothing else', () => {
  const html = pageHtml(
    { script: 'https://x/run.js', style: 'https://x/style.css', source: 'https://x', title: '<b>"a"' },
    'N0nce',
  );
  const policy = /Content-Security-Policy" content="([^"]+)"/.exec(html)![1]!;
  assert.match(policy, /^default-src 'none'; script-src 'nonce-N0nce'/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  assert.equal([...html.matchAll(/<script/g)].length, 1);
  assert.ok(html.includes('<title>&#60;b&#62;&#34;a&#34;</title>'));
  assert.notEqual(newNonce(), newNonce());
});

test('every request of a page is answered once: result, cancelled, error; bugs are logged', async () => {
  const sent: unknown[] = [];
  const bugs: unknown[] = [];
  let receive: (message: unknown) => unknown = () => undefined;
  const port = {
    postMessage: async (message: unknown) => void sent.push(message),
    onDidReceiveMessage: (listener: typeof receive) => {
      receive = listener;
      return { dispose: () => undefined };
    },
  };
  const channel = serve<{ type: string }, { type: string }>(
    port,
    z.object({ type: z.string() }),
    ({ type }) => {
      if (type === 'cancel') throw new Cancelled();
      if (type === 'bad') throw inputError('no model', { remedy: 'Add one.' });
      if (type === 'bug') throw new TypeError('x is undefined');
    },
    (error) => bugs.push(error),
  );
  for (const [id, type] of ['ok', 'cancel', 'bad', 'bug'].entries()) await receive({ id, request: { type } });
  // Without a number there is nothing to answer; a request of another form is a bug of the page.
  for (const message of [{ other: 1 }, null, 5, { id: '1', request: { type: 'ok' } }]) await receive(message);
  for (const request of [null, undefined, { type: 5 }, []]) await receive({ id: 9, request });
  await receive({ id: 9 });
  assert.equal(bugs.splice(1).length, 5);
  for (const message of sent.splice(4)) assert.equal((message as { outcome: { kind: string } }).outcome.kind, 'error');
  channel.post({ type: 'event' });
  assert.deepEqual(sent.slice(0, 3), [
    { reply: 0, outcome: { kind: 'result' } },
    { reply: 1, outcome: { kind: 'cancelled' } },
    { reply: 2, outcome: { kind: 'error', error: { kind: 'input', message: 'no model', remedy: 'Add one.' } } },
  ]);
  assert.equal(sent.length, 5);
  assert.deepEqual(sent[4], { event: { type: 'event' } });
  assert.equal(bugs.length, 1);
});

test('nothing is posted to a page that is hidden, until it has asked again', async () => {
  const sent: unknown[] = [];
  let changed = (): void => undefined;
  const page = {
    visible: true,
    onDidChangeViewState: (listener: () => void) => {
      changed = listener;
      return { dispose: () => undefined };
    },
    webview: {
      postMessage: async (message: unknown) => void sent.push(message),
      onDidReceiveMessage: () => ({ dispose: () => undefined }),
    },
  };
  const channel = new PageChannel<string, unknown>(page as never, z.unknown(), () => undefined, assert.ifError);
  channel.post('before it has asked');
  channel.ready = true;
  channel.post('first');
  changed();
  channel.post('second');
  page.visible = false;
  changed();
  channel.post('hidden');
  page.visible = true;
  changed();
  channel.post('shown, and has not asked');
  assert.deepEqual(sent, [{ event: 'first' }, { event: 'second' }]);
});

test('what a page keeps of how it was left does not keep it from being opened again', () => {
  const view = { filter: 'all', steps: [[{ hashes: ['a'] }]] };
  assert.deepEqual(TRIAGE_STATE.parse({ triage: '/w/a.jsonl', view }), { triage: '/w/a.jsonl' });
  assert.deepEqual(COMPARE_STATE.parse({ runs: ['/w/a'], view: { hidden: [] } }), { runs: ['/w/a'] });
  assert.deepEqual(RUN_STATE.parse({ run: '/w/a', answers: { set: 'x' } }), { run: '/w/a' });
});

test('placeholders of a page stay in its strings', () => {
  assert.equal(translated(RUN_STRINGS).stepOf, RUN_STRINGS.stepOf);
});

test('places in files are found, others are not', () => {
  assert.deepEqual(parsePlace('data/train.jsonl:42'), { file: 'data/train.jsonl', line: 42, column: 1 });
  assert.deepEqual(parsePlace('C:\\w\\r.json:3:7'), { file: 'C:\\w\\r.json', line: 3, column: 7 });
  assert.deepEqual(parsePlace('r.json'), { file: 'r.json', line: 1, column: 1 });
  assert.deepEqual(parsePlace('wrong.json:7 adapter.rank'), { file: 'wrong.json', line: 7, column: 1 });
  assert.equal(parsePlace('model.layers.0.weight'), undefined);
  assert.equal(parsePlace(undefined), undefined);
});

test('what is not for people is a bug with its stack', () => {
  const data = errorData(new TypeError('x'));
  assert.deepEqual([data.kind, data.message], ['internal', 'internal: x']);
  assert.match(data.stack!, /TypeError/);
});
