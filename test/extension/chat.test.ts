/** A chat asks states of a model beside each other: each has its own history, and keeps it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Requests } from '../../runtime/contract/protocol.js';
import type { Computing, DeviceChoice, Precision } from '../../runtime/contract/recipeWords.js';
import type { ChatPageEvent } from '../../webview/protocol/chat.js';
import type { Listener, Token } from '../../extension/engine/engine.js';
import { HostError } from '../../extension/host/errors.js';
import { Chat, EMPTY_CHAT, type ChatMemory } from '../../extension/panels/chat.js';
import { fill } from '../../runtime/contract/format.js';
import { useTranslations } from '../../extension/host/text.js';
import { chatColumns, stateId, type ModelState } from '../../extension/panels/chatColumns.js';
import type { Adapter, Model } from '../../extension/workspace/models.js';
import { adapter as adapterOf } from './support.js';

type GenerateParams = Requests['generate']['params'];
type Answer = (params: GenerateParams, listener: Listener) => Promise<string>;
type Explained = Requests['explainAnswer'];

const adapter = (name: string, more: Partial<Adapter> = {}): Adapter =>
  adapterOf(name, { path: `/${name}/adapter`, ...more });
const with_ = (name: string, path = `/${name}/adapter`): ModelState => ({ name, adapters: [{ path, scale: 1 }] });
const base: ModelState = { name: 'base', adapters: [] };

interface Given {
  states?: ModelState[];
  memory?: ChatMemory;
  adapters?: Adapter[];
  explain?: (params: Explained['params']) => Explained['result'];
  /** Whether the model has ended its answers itself, and the setting. */
  stopped?: boolean;
  maxNewTokens?: number;
  device?: DeviceChoice;
  precision?: Precision;
  info?: Model['info'];
}

function chat(
  answer: Answer,
  {
    states = [base, with_('plain')],
    memory = EMPTY_CHAT,
    adapters = [],
    explain,
    stopped = true,
    maxNewTokens = 16,
    device = 'cpu',
    precision,
    info,
  }: Given = {},
) {
  const events: ChatPageEvent[] = [];
  const asked: GenerateParams[] = [];
  const explained: Explained['params'][] = [];
  const kept: ChatMemory[] = [];
  const bugs: unknown[] = [];
  const model: Model = { path: '/m', name: 'tiny', adapters: [adapter('plain'), ...adapters], precision, info };
  const it = new Chat({
    path: '/m',
    memory,
    model: () => model,
    states: () => states,
    vector: () => (explain ? { path: '/v', name: 'forbidden', precision } : undefined),
    generate: async (params, listener) => {
      asked.push(structuredClone(params));
      const text = await answer(params, listener);
      return { text, ids: [1, 2, 3], stopped, seconds: 0.5 };
    },
    explain: async (params) => {
      explained.push(params);
      return explain!(params);
    },
    newStop: () => {
      const token = { isCancellationRequested: false, onCancellationRequested: () => ({ dispose: () => undefined }) };
      return { token: token as Token, cancel: () => void (token.isCancellationRequested = true) };
    },
    maxNewTokens: () => maxNewTokens,
    device: () => device,
    post: (event) => events.push(event),
    changed: () => undefined,
    keep: (memory) => kept.push(structuredClone(memory)),
    onBug: (error) => bugs.push(error),
  });
  const said = (): string[][] =>
    it.state().rounds.map(({ answers }) => answers.map(({ name, content }) => `${name}: ${content}`));
  const messages = (at: number): string[] => asked.at(at)!.messages!.map(({ content }) => content);
  return { it, events, asked, explained, kept, bugs, said, messages };
}

const byName: Answer = async ({ adapters }) => (adapters.length ? 'of plain' : 'of base');

test('a question goes to every column that is shown, with its own history', async () => {
  const { it, asked, said, messages, kept } = chat(byName);
  await it.send('one');
  assert.deepEqual(
    asked.map(({ adapters, device }) => [adapters.length, device]),
    [
      [0, 'cpu'],
      [1, 'cpu'],
    ],
  );
  assert.deepEqual(said(), [['base: of base', 'plain: of plain']]);
  const [, plain] = it.state().columns;
  it.show(plain!.id, false);
  await it.send('two');
  it.show(plain!.id, true);
  await it.send('three');
  assert.deepEqual(messages(-2), ['one', 'of base', 'two', 'of base', 'three']);
  assert.deepEqual(messages(-1), ['one', 'of plain', 'three'], 'two was never asked of it');
  const last = it
    .state()
    .rounds.at(-1)!
    .answers.map(({ saw, of }) => [saw, of]);
  assert.deepEqual(last, [[2, 2], [1, 2]]); // oxfmt-ignore
  assert.equal(it.state().rounds[0]!.answers[0]!.tokensPerSecond, 6);
  // Another chat of the same memory goes on.
  const again = chat(byName, { memory: kept.at(-1)! });
  await again.it.send('four');
  assert.deepEqual(again.messages(-1), ['one', 'of plain', 'three', 'of plain', 'four']);
});

test('an attached set is a column of its own, and stays one after it has answered', async () => {
  const attached: ModelState = { name: 'mix', adapters: [{ path: '/mix/adapter', scale: 0.5 }] };
  const states = [base, attached];
  const { it, asked } = chat(byName, { states, adapters: [adapter('mix', { attached: true, scale: 0.5 })] });
  assert.deepEqual(it.state().columns.map(({ name, attached }) => [name, attached]), [
    ['base', false], ['mix', true], ['plain', false], ['mix', false],
  ]); // oxfmt-ignore
  await it.send('one');
  assert.deepEqual(asked.at(-1)!.adapters, [{ path: '/mix/adapter', scale: 0.5 }]);
  states.pop();
  assert.deepEqual(it.state().columns.filter(({ shown }) => shown).map(({ name, details }) => [name, details]), [
    ['base', ''], ['mix', 'mix × 0.5'],
  ]); // oxfmt-ignore
});

test("states are called as in the tables of runs, in the reader's language; adapters as they are", (t) => {
  t.after(() => useTranslations({ t: fill }, 'en'));
  useTranslations({ t: (text) => `<${text}>`, bundle: {} }, 'de');
  const plain: ModelState = { name: 'plain', adapters: [{ path: '/plain/adapter', scale: 1 }] };
  const model: Model = { path: '/m', name: 'm', adapters: [adapter('base')] };
  const names = chatColumns(model, [base, plain], []).map(({ name }) => name);
  assert.deepEqual(names, ['<base>', '<plain>', 'base']);
});

test('a model that nothing is attached to has no column that says "attached"', () => {
  assert.deepEqual(
    chat(byName).it.state().columns.map(({ name, attached }) => [name, attached]),
    [['base', false], ['plain', false]],
  ); // oxfmt-ignore
});

test('the same adapters are one column, whether their run or their folder is named', () => {
  const one = stateId({ adapters: [{ path: '/a', scale: 1 }, { path: '/b/adapter', scale: 2 }] }); // oxfmt-ignore
  assert.equal(one, stateId({ adapters: [{ path: '/b', scale: 2 }, { path: '/a/adapter', scale: 1 }] })); // oxfmt-ignore
  assert.notEqual(one, stateId({ adapters: [{ path: '/a', scale: 1 }, { path: '/b', scale: 1 }] })); // oxfmt-ignore
  assert.notEqual(stateId({ adapters: [] }), stateId({ model: '/full', adapters: [] }));
});

test('a security vector answers only while it is attached or was put in, and what does not fit is no column', () => {
  const vector = adapter('vector', { role: 'security' });
  const misfit = adapter('misfit', { reason: 'another base' });
  const model = (attached: boolean): Model => ({ path: '/m', name: 'm', adapters: [{ ...vector, attached }, misfit] });
  const columns = chatColumns(model(false), [base], []);
  assert.deepEqual(columns.map(({ name, danger, isUsual }) => [name, danger, isUsual]), [
    ['base', false, true], ['vector', true, false],
  ]); // oxfmt-ignore
  const { it } = chat(byName, { states: [base, with_('vector')], adapters: [vector] });
  const shown = (): string[] =>
    it
      .state()
      .columns.filter((column) => column.shown)
      .map(({ name }) => name);
  assert.deepEqual(shown(), ['base'], 'it has been compared, and is not attached');
  it.show(it.state().columns.find(({ name }) => name === 'vector')!.id, true);
  assert.deepEqual(shown(), ['base', 'vector']);
});

test('a task adapter that is gone is no security vector, a vector that is gone still is; neither is put in', async () => {
  const [colours, vector] = [adapter('colours'), adapter('vector', { role: 'security' })];
  const before = chat(byName, { states: [base], adapters: [colours, vector] });
  const ids = before.it.state().columns.flatMap(({ id, name }) => (/colours|vector/.test(name) ? [id] : []));
  for (const id of ids) before.it.show(id, true);
  await before.it.send('one');
  const memory = before.kept.at(-1)!;
  const gone = [adapter('colours', { role: null, reason: 'its folder is gone', attached: true })];
  const { it } = chat(byName, { states: [base], memory: { ...memory, shown: {} }, adapters: gone });
  const columns = it.state().columns.map(({ name, danger, unread, shown }) => [name, danger, unread, shown]);
  assert.deepEqual(columns.filter(([, , unread]) => unread), [
    ['colours', false, true, true], ['vector', true, true, false],
  ]); // oxfmt-ignore
  assert.throws(() => it.show(ids[1]!, true), /an adapter of this column is gone or cannot be read/);
  it.show(ids[0]!, false);
  assert.deepEqual(it.state().adapters.map(({ name, role }) => [name, role]), [['plain', 'task'], ['colours', null]]); // oxfmt-ignore
});

test('a column is asked with weights held as by the run that made its adapter, and says so', async () => {
  const both: ModelState = { name: 'both', adapters: [...with_('plain').adapters, ...with_('mix').adapters] };
  const { it, asked, explained } = chat(byName, {
    ...{ states: [base, with_('plain'), with_('mix'), both], adapters: [adapter('mix', { precision: 'int4' })] },
    ...{ precision: 'int4', device: 'webgpu', explain: () => null },
  });
  assert.deepEqual(
    it.state().columns.map(({ name, details }) => [name, details]),
    [
      ['base', 'weights in int4'],
      ['plain', 'plain'],
      ['mix', 'mix, weights in int4'],
      ['both', 'plain + mix'],
    ],
  );
  await it.send('one');
  await new Promise((resolve) => setTimeout(resolve));
  const blocks = ['int4', 'webgpu'];
  const computed = (params: Computing[]): unknown[] => params.map(({ precision, device }) => [precision, device]);
  assert.deepEqual(computed(asked), [blocks, [undefined, 'webgpu'], blocks, [undefined, 'webgpu']]);
  assert.deepEqual(computed(explained), [blocks, blocks, blocks, blocks], 'of the vector');
});

test('a vector says what it would have explained of each answer, to the history that its column had', async () => {
  const { it, explained, kept } = chat(byName, {
    explain: ({ answer }) => (answer === 'of base' ? null : { share: 0.83, unjudged: null }),
  });
  await it.send('one');
  await it.send('two');
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(
    explained.at(-1)!.messages.map(({ content }) => content),
    ['one', 'of plain', 'two'],
  );
  assert.deepEqual([explained.at(-1)!.answer, explained.at(-1)!.device], ['of plain', 'cpu']);
  assert.deepEqual(it.state().rounds.at(-1)!.answers.map((each) => each.explained), [
    undefined, { vector: 'forbidden', share: 0.83, unjudged: null },
  ]); // oxfmt-ignore
  assert.equal(kept.at(-1)!.rounds.at(-1)!.answers[1]!.explained?.share, 0.83);
});

test('an answer that the model has not ended says what ended it, and no end of it is explained', async () => {
  const cut = async (maxNewTokens: number) => {
    const { it, explained } = chat(byName, { stopped: false, maxNewTokens, explain: () => null });
    await it.send('one');
    await new Promise((resolve) => setTimeout(resolve));
    const [round] = it.state().rounds;
    const said = it.said(1, round!.answers[0]!.column);
    assert.deepEqual([said?.cut, explained[0]!.cut], [true, true]);
    return round!.answers[0]!.cut;
  };
  assert.deepEqual(await cut(3), { tokens: 3, by: 'limit' });
  assert.deepEqual(await cut(16), { tokens: 3, by: 'context' });
  const { it, explained } = chat(byName, { explain: () => null });
  await it.send('one');
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual([it.state().rounds[0]!.answers[0]!.cut, explained[0]!.cut], [undefined, undefined]);
});

test('what the engine does before it answers is told until it has', async () => {
  const told: (string | undefined)[] = [];
  const { it, kept } = chat(async (params, { onProgress }) => {
    onProgress!('Converting tiny.gguf to 5 MB');
    told.push(it.state().rounds[0]!.answers[0]!.doing);
    return byName(params, {});
  });
  await it.send('one');
  assert.deepEqual(told, ['Converting tiny.gguf to 5 MB', undefined]);
  assert.doesNotMatch(JSON.stringify(kept), /Converting/);
});

test('what a vector cannot say is a bug for the log, and the answers stay', async () => {
  const { it, bugs, said } = chat(byName, {
    explain: () => {
      throw new HostError({ kind: 'failed', message: 'the engine ended' });
    },
  });
  await it.send('one');
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(bugs.length, 1);
  assert.deepEqual(said(), [['base: of base', 'plain: of plain']]);
});

test('an answer that failed is shown and is no part of the conversation; the other columns answer', async () => {
  let first = true;
  const { it, said, messages } = chat(async (params, listener) => {
    if (!first) return byName(params, listener);
    first = false;
    throw new HostError({ kind: 'failed', message: 'the engine ended' });
  });
  await it.send('one');
  assert.match(it.state().rounds[0]!.answers[0]!.error!.message, /ended/);
  assert.deepEqual(said(), [['base: ', 'plain: of plain']]);
  await it.send('two');
  assert.deepEqual([messages(-2), messages(-1)], [['two'], ['one', 'of plain', 'two']]);
});

test('stopping keeps what was written and asks no further column; clearing drops an answer that is still coming', async () => {
  let finish: (text: string) => void = () => undefined;
  const { it, events, asked, kept } = chat(
    (_params, { onToken }) =>
      new Promise((resolve) => {
        onToken!('half');
        finish = resolve;
      }),
  );
  const stopped = it.send('one');
  await assert.rejects(it.send('two'), /still being written/);
  assert.equal(it.state().busy, true);
  it.stop();
  finish('half');
  await stopped;
  assert.deepEqual(
    it.state().rounds[0]!.answers.map(({ content, stopped }) => [content, stopped]),
    [['half', true]],
  );
  assert.equal(it.said(1, it.state().columns[0]!.id)!.cut, true);
  assert.equal(asked.length, 1);
  const cleared = it.send('three');
  it.clear();
  finish('late');
  await cleared;
  assert.deepEqual(it.state().rounds, []);
  assert.deepEqual(kept.at(-1)!.rounds, []);
  assert.equal(events.filter((event) => event.type === 'token').length, 2);
});

test('a window that is closed while a column answers loses neither the question nor what the others have answered', async () => {
  const { it, kept } = chat((params, { onToken }) => {
    if (params.adapters.length === 0) return Promise.resolve('of base');
    onToken!('half');
    return new Promise(() => undefined);
  });
  void it.send('one');
  const [asked] = kept;
  await new Promise(setImmediate);
  const answers = (memory: ChatMemory | undefined) =>
    chat(byName, { memory })
      .it.state()
      .rounds.map(({ question, answers }) => [
        question,
        answers.map(({ name, content, phase, stopped }) => [name, content, phase, stopped]),
      ]);
  assert.deepEqual(answers(asked), [
    ['one', [['base', '', 'done', true]]],
  ]); // oxfmt-ignore
  assert.deepEqual(answers(kept.at(-1)), [
    ['one', [['base', 'of base', 'done', undefined], ['plain', '', 'done', true]]],
  ]); // oxfmt-ignore
  const again = chat(byName, { memory: kept.at(-1)! });
  await again.it.send('two');
  assert.deepEqual([again.messages(-2), again.messages(-1)], [['one', 'of base', 'two'], ['two']]);
});

test('without a column nobody is asked', async () => {
  const { it } = chat(byName);
  for (const { id } of it.state().columns) it.show(id, false);
  await assert.rejects(it.send('one'), /no column is chosen/);
  assert.deepEqual(it.state().rounds, []);
});

test('a chat with a model without a tokenizer says at once which file is missing', () => {
  const missing = { message: 'this model folder has no tokenizer.json.', remedy: 'Copy it.' };
  const { it } = chat(async () => '', { info: { chatTemplate: false, missing } as Model['info'] });
  assert.deepEqual(it.state().error, { kind: 'input', ...missing, place: '/m' });
});
