import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import type { GenerateParams } from '../../runtime/contract/protocol.js';
import type { ChatPageEvent, ChatTurn } from '../../webview/protocol.js';
import { RUN_STRINGS } from '../../webview/protocol.js';
import type { Listener, Token } from '../../extension/engine/engine.js';
import { Cancelled, errorData, HostError, inputError, parsePlace } from '../../extension/host/errors.js';

import { serve } from '../../extension/panels/channel.js';
import { Chat } from '../../extension/panels/chat.js';
import { newNonce, pageHtml } from '../../extension/panels/html.js';
import { translated } from '../../extension/host/strings.js';
import type { Model } from '../../extension/workspace/models.js';

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

type Answer = (
  params: GenerateParams,
  listener: Listener,
) => Promise<{ text: string; ids: number[]; stopped: boolean }>;

function chat(answer: Answer, turns: ChatTurn[] = []) {
  const events: ChatPageEvent[] = [];
  const asked: GenerateParams[] = [];
  const kept: ChatTurn[][] = [];
  const adapter = {
    path: '/v',
    name: 'colours',
    role: 'task' as const,
    rank: 8,
    reason: null,
    attached: true,
    scale: 1,
  };
  const model: Model = { path: '/m', name: 'tiny', adapters: [adapter] };
  const it = new Chat({
    path: '/m',
    turns,
    model: () => model,
    reference: () => ({ model: '/m', adapters: adapter.attached ? [{ path: '/v', scale: 1 }] : [] }),
    generate: (params, listener) => {
      asked.push(params);
      return answer(params, listener);
    },
    newStop: () => {
      const listeners: (() => unknown)[] = [];
      const token = {
        isCancellationRequested: false,
        onCancellationRequested: (l: () => unknown) => ({ dispose: () => void listeners.push(l) }),
      };
      return { token: token as Token, cancel: () => void (token.isCancellationRequested = true) };
    },
    maxNewTokens: () => 16,
    post: (event) => events.push(event),
    changed: () => undefined,
    keep: (list) => kept.push(list),
  });
  return { it, events, asked, kept, adapter };
}

test('a chat asks with what is attached at that moment and with what that state has answered before', async () => {
  const { it, events, asked, kept, adapter } = chat(async (_params, { onToken }) => {
    onToken!('two ');
    onToken!('apples');
    return { text: 'two apples', ids: [1, 2], stopped: true };
  });
  await it.send('how many?');
  adapter.attached = false;
  await it.send('and now?');
  assert.deepEqual(asked[0]!.adapters, [{ path: '/v', scale: 1 }]);
  assert.deepEqual(asked[1]!.adapters, []);
  assert.deepEqual(
    asked[1]!.messages!.map(({ role, content }) => `${role}: ${content}`),
    ['user: and now?'],
  );
  assert.equal(asked[0]!.options.maxNewTokens, 16);
  assert.deepEqual(
    events.map((e) => e.type),
    ['token', 'token', 'done', 'token', 'token', 'done'],
  );
  const { turns, busy } = it.state();
  assert.equal(busy, false);
  assert.deepEqual([turns[1]!.adapters, turns[3]!.adapters], [['colours'], []]);
  assert.equal(kept.at(-1)!.length, 4);
});

test('each state of the model answers to its own history, and the page shows which messages it sees', async () => {
  const { it, asked, adapter } = chat(async ({ adapters }) => {
    const by = adapters.length ? `scale ${adapters[0]!.scale}` : 'base';
    return { text: `answer of ${by}`, ids: [], stopped: true };
  });
  const ask = async (text: string): Promise<string[]> => {
    await it.send(text);
    return asked.at(-1)!.messages!.map(({ content }) => content);
  };
  adapter.attached = false;
  assert.deepEqual(await ask('one'), ['one']);
  assert.deepEqual(await ask('two'), ['one', 'answer of base', 'two']);
  adapter.attached = true;
  assert.deepEqual(it.state().sees, { own: 0, others: 2 });
  assert.deepEqual(await ask('three'), ['three']);
  assert.deepEqual(await ask('four'), ['three', 'answer of scale 1', 'four']);
  adapter.scale = 0.5;
  assert.deepEqual(await ask('five'), ['five'], 'half of an adapter is another state');
  adapter.attached = false;
  assert.deepEqual(it.state().sees, { own: 2, others: 3 });
  assert.deepEqual(await ask('six'), ['one', 'answer of base', 'two', 'answer of base', 'six']);
  assert.deepEqual(
    it.state().turns.flatMap(({ saw }) => (saw ? [[saw.own, saw.others]] : [])),
    [
      [0, 0],
      [1, 0],
      [0, 2],
      [1, 2],
      [0, 4],
      [2, 3],
    ],
  );
});

test("answers that were kept before states had histories are no state's own", async () => {
  const turns: ChatTurn[] = [
    { role: 'user', content: 'old' },
    { role: 'assistant', content: 'answer', adapters: ['colours'] },
  ];
  const { it, asked } = chat(async () => ({ text: 'x', ids: [], stopped: true }), turns);
  await it.send('new');
  assert.deepEqual(asked[0]!.messages, [{ role: 'user', content: 'new' }]);
});

test('an answer that failed is shown and is no part of the conversation', async () => {
  let first = true;
  const { it, asked } = chat(async () => {
    if (!first) return { text: 'yes', ids: [], stopped: true };
    first = false;
    throw new HostError({ kind: 'failed', message: 'the engine ended' });
  });
  await it.send('one');
  assert.match(it.state().turns[1]!.error!.message, /ended/);
  await it.send('two');
  assert.deepEqual(asked[1]!.messages, [{ role: 'user', content: 'two' }]);
});

test('stopping keeps what was written, and clearing drops an answer that is still coming', async () => {
  let finish: (text: string) => void = () => undefined;
  const { it, events } = chat(
    (_params, { onToken }) =>
      new Promise((resolve) => {
        onToken!('half');
        finish = (text) => resolve({ text, ids: [], stopped: false });
      }),
  );
  const stopped = it.send('one');
  await assert.rejects(it.send('two'), /still being written/);
  it.stop();
  finish('half');
  await stopped;
  assert.deepEqual([it.state().turns[1]!.content, it.state().turns[1]!.stopped], ['half', true]);
  const cleared = it.send('three');
  it.clear();
  finish('late');
  await cleared;
  assert.deepEqual(it.state().turns, []);
  assert.equal(events.filter((e) => e.type === 'done').length, 1);
});
