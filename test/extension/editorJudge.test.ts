import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import type { AskModel } from '../../extension/engine/editorModels.js';
import { fake, LanguageModelError, lm } from './fake/vscode.js';
import { keeping } from './fake/memory.js';
import { WorkAtHand } from '../../extension/host/workAtHand.js';

const { editorModels, hasLanguageModels } = await import('../../extension/engine/editorModels.js');
const { judgeAgain, labelAnswers } = await import('../../extension/commands/judgeAgain.js');
const { applyEvent, createRun } = await import('../../extension/runs/run.js');

interface Sent {
  texts: string[];
  justification?: string;
  modelOptions?: object;
}
const sent: Sent[] = [];
const selected: unknown[] = [];

function offer(reply: (texts: string[]) => string, models = 1): void {
  const model = {
    name: 'Stub One',
    vendor: 'stub',
    id: 'one',
    countTokens: async (text: string) => text.length,
    async sendRequest(texts: string[], options: Omit<Sent, 'texts'>) {
      sent.push({ texts, ...options });
      const said = reply(texts);
      return {
        text: (async function* () {
          yield said.slice(0, 3);
          yield said.slice(3);
        })(),
      };
    },
  };
  lm.selectChatModels = async (selector) => {
    selected.push(selector);
    return Array.from({ length: models }, () => model);
  };
}

afterEach(() => {
  sent.length = selected.length = fake.asked.length = 0;
  fake.choose = () => undefined;
  delete lm.selectChatModels;
});

const token = { isCancellationRequested: false, onCancellationRequested: () => ({ dispose: () => undefined }) };
const allow = (): void => void (fake.choose = ([send]) => send);
const asked = { judge: 'editor', model: { family: 'stub' }, most: 96, system: 'Judge.', user: '{"answer":"Sure."}' };
const ask = (models: AskModel, more: Partial<typeof asked> = {}) => models({ ...asked, ...more }, token);

describe('a language model of VS Code as a judge', () => {
  test('asks the person first, once, and says how many answers it is about', async () => {
    offer(() => 'COMPLIED');
    allow();
    const models = editorModels();
    const reply = await ask(models);
    assert.deepEqual(reply, { text: 'COMPLIED', model: 'stub/one', inputTokens: 6 + 18, outputTokens: 8 });
    await ask(models, { user: '{"answer":"No."}' });
    assert.equal(fake.asked.length, 1);
    assert.equal(fake.asked[0]!.message, 'May "editor" judge up to 96 answers?');
    assert.match(fake.asked[0]!.detail!, /Stub One \(stub\), at most 96 requests in all/);
    assert.deepEqual(selected, [{ family: 'stub' }]);
    assert.deepEqual(sent[0]!.texts, ['Judge.', '{"answer":"Sure."}']);
    assert.deepEqual(sent[0]!.modelOptions, { temperature: 0 });
    assert.match(sent[0]!.justification!, /judge the answers/);
    // Another judge of the run is another question.
    await ask(models, { judge: 'second' });
    assert.equal(fake.asked.length, 2);
  });

  test('asks anew for what is more than the person was told, and for another model', async () => {
    offer(() => 'COMPLIED');
    allow();
    const models = editorModels();
    for (const answer of [1, 2, 3]) await ask(models, { most: 2, user: `{"answer":"${answer}"}` });
    assert.deepEqual(
      fake.asked.map(({ message }) => message),
      ['May "editor" judge up to 2 answers?', 'May "editor" judge up to 2 answers?'],
    );
    await ask(models, { most: 2, model: { family: 'other' } });
    assert.equal(fake.asked.length, 3);
  });

  test('sends nothing where the person does not agree', async () => {
    offer(() => 'COMPLIED');
    assert.deepEqual(await ask(editorModels()), { fault: 'sending it the answers was not allowed.', over: true });
    assert.equal(sent.length, 0);
  });

  test('says what is missing: models, one of this kind, or an editor that has some', async () => {
    assert.equal(hasLanguageModels(), false);
    assert.match(JSON.stringify(await ask(editorModels())), /version 1\.91 or newer does/);
    offer(() => '', 0);
    assert.equal(hasLanguageModels(), true);
    assert.match(JSON.stringify(await ask(editorModels())), /no such language model/);
    lm.selectChatModels = () => Promise.reject(new Error('CANNOT use API proposal: languageModels'));
    assert.match(JSON.stringify(await ask(editorModels())), /CANNOT use API proposal/);
    assert.equal(fake.asked.length, 0);
  });

  test('that fails says why, and whether asking again is of use', async () => {
    allow();
    const outcomes: [Error, RegExp, boolean][] = [
      [new LanguageModelError('NoPermissions'), /not allowed to use it/, true],
      [new LanguageModelError('Blocked'), /quota/, true],
      [new LanguageModelError('NotFound', 'gone'), /no reply: gone/, true],
      [new Error('filtered'), /no reply: filtered/, false],
    ];
    for (const [error, why, over] of outcomes) {
      offer(() => {
        throw error;
      });
      const reply = await ask(editorModels());
      assert.ok('fault' in reply);
      assert.match(reply.fault, why);
      assert.equal(reply.over, over);
    }
  });
});

test('a point of a sweep that is labelled has its sweep read again, too', async () => {
  const read: string[] = [];
  const run = Object.assign(createRun('/sweeps/s/points/a', 'a'), {
    manifest: { point: { values: {}, depends: 'x' } },
  });
  const services = {
    assertTrusted: () => undefined,
    workAtHand: new WorkAtHand(keeping()),
    engine: { request: async () => ({}) },
    store: { read: async (folder: string) => (read.push(folder), folder === run.folder ? run : undefined) },
  };
  await labelAnswers(services as unknown as Parameters<typeof labelAnswers>[0], run.folder, []);
  assert.deepEqual(read, ['/sweeps/s/points/a', '/sweeps/s']);
});

test('a sweep is judged as a whole; it and its points are read again, and its page is shown', async () => {
  const run = Object.assign(createRun('/s', 's'), { manifest: { kind: 'sweep' }, points: [{}] });
  const seen: unknown[] = [];
  const services = {
    assertTrusted: () => undefined,
    workAtHand: new WorkAtHand(keeping()),
    engine: { request: async (name: string, params: object) => (seen.push([name, params]), { judges: [] }) },
    secrets: {},
    store: {
      open: async () => run,
      read: async (folder: string) => (seen.push(folder), folder === run.folder ? run : undefined),
      pointsOf: () => [createRun('/s/points/a', 'a')],
      whileJudged: (_: string, judge: () => unknown) => judge(),
    },
    runPanels: { show: async (...shown: unknown[]) => seen.push(shown) },
  };
  const judges = ['refusal-phrases' as const];
  await judgeAgain(services as unknown as Parameters<typeof judgeAgain>[0], { run: run.folder, judges });
  assert.deepEqual(seen, [
    ['judge', { run: '/s', judges, secrets: {} }],
    '/s',
    '/s/points/a',
    ['/s', { answers: false }],
  ]);
});

test('a point that was judged again takes the place of what was said of it', () => {
  const run = createRun('/sweeps/s', 's');
  const point = (folder: string, verdict: string, judged?: true): unknown =>
    applyEvent(run, {
      ...{ kind: 'point', values: {}, folder, verdict, headline: '', measurements: [], seconds: 1 },
      ...(judged && { judged }),
    });
  point('a', 'held');
  point('b', 'held');
  point('a', 'lost', true);
  assert.deepEqual(
    run.points.map(({ folder, verdict }) => [basename(folder), verdict]),
    [['a', 'lost'], ['b', 'held']], // oxfmt-ignore
  );
});
