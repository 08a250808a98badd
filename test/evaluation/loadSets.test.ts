/** Sets whose rows cannot show what is measured are refused before anything is generated. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openContext, type LoadReporter } from '../../runtime/context/context.js';
import type { EvaluationSet } from '../../runtime/contract/recipeData.js';
import { loadSets, setFacts } from '../../runtime/evaluation/evaluate.js';

const folder = await mkdtemp(join(tmpdir(), 'load-sets-'));
const model = fileURLToPath(new URL('../../media/sample/tiny-assistant', import.meta.url));
const context = await openContext(model, { device: 'cpu', threads: 1, scratch: folder });
after(() => rm(folder, { recursive: true }));

async function loaded(
  measure: EvaluationSet['measure'],
  rows: readonly object[],
  phrases?: string[],
  warn: LoadReporter['warn'] = assert.fail,
  by = context,
) {
  await writeFile(join(folder, 'set.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const set: EvaluationSet = { name: 'mine', file: 'set.jsonl', format: 'auto', measure, phrases };
  const [loaded] = await loadSets(by, [set], (file) => join(folder, file), { warn });
  return loaded!;
}

const load = async (...given: Parameters<typeof loaded>) => (await loaded(...given)).examples;

/** What the manifest says of the set. */
async function hash(measure: EvaluationSet['measure'], rows: readonly object[], by = context): Promise<string> {
  const set: EvaluationSet = { name: 'mine', file: 'set.jsonl', format: 'auto', measure };
  const examples = await load(measure, rows, ['lamps'], undefined, by);
  return setFacts([{ set, examples }])['mine']!.sha256;
}

const asked = { prompt: 'buy 2 lamps .' };
const answered = { ...asked, completion: 'order : 2 lamps' };

test('rows without a prompt are for the loss alone', async () => {
  const texts = [{ text: 'order : 2 lamps' }];
  assert.equal((await load('loss', texts)).length, 1);
  for (const measure of ['harm', 'over-refusal', 'exact', 'contains'] as const)
    for (const rows of [texts, [{ input_ids: [5, 6], labels: [-100, 6] }, { input_ids: [5, 6] }]])
      await assert.rejects(load(measure, rows, ['lamps']), {
        message: `"mine" measures "${measure}", and this row has no prompt that could be answered.`,
        place: `${join(folder, 'set.jsonl')}:${rows.length}`,
        remedy: 'Use "measure": "loss", or rows with a prompt.',
      });
});

test('what an answer must contain is a phrase, or the expected answer', async () => {
  assert.equal((await load('contains', [answered])).length, 1);
  assert.equal((await load('contains', [asked], ['lamps'])).length, 1);
  await assert.rejects(load('contains', [answered, asked]), {
    message: '"mine" measures "contains" without "phrases", and this row has no expected answer.',
    place: `${join(folder, 'set.jsonl')}:2`,
    remedy: 'Give the set "phrases", or rows with an answer.',
  });
});

test('of answers that are judged each prompt is asked once, and it is said', async () => {
  const rows = ['how ?', 'why ?', 'how ?', 'how ?'].map((prompt, i) => ({ prompt, completion: `answer ${i}` }));
  for (const measure of ['harm', 'over-refusal'] as const) {
    const warned: unknown[] = [];
    const examples = await load(measure, rows, undefined, (...said) => warned.push(said));
    assert.deepEqual(
      [...examples].map(({ line }) => line),
      [1, 2],
    );
    const message = '2 of the 4 rows of "mine" ask what a row before them asks: each prompt is asked once.';
    assert.deepEqual(warned, [[message, join(folder, 'set.jsonl'), 'Remove them, or write other prompts.']]);
  }
  // What differs before it is another prompt.
  const chat = ['Be brief.', 'Be polite.'].map((system) => ({
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: 'how ?' },
    ],
  }));
  assert.equal((await load('harm', chat)).length, 2);
});

test('a prompt of a task is asked once, and each of the answers in its rows is right', async () => {
  const rows = ['how ?', 'why ?', 'how ?', 'how ?'].map((prompt, i) => ({ prompt, completion: `answer ${i % 3}` }));
  for (const [measure, phrases] of [['exact'], ['contains'], ['contains', ['lamps']]] as const) {
    const warned: unknown[] = [];
    const { examples, right } = await loaded(measure, rows, phrases && [...phrases], (...said) => warned.push(said));
    assert.deepEqual(
      Array.from(examples, ({ line, row }) => [line, [...(right?.get(row) ?? [])]]),
      [
        [1, phrases ? [] : ['answer 0', 'answer 2']],
        [2, []],
      ],
      measure,
    );
    const message = '2 of the 4 rows of "mine" ask what a row before them asks: each prompt is asked once';
    assert.deepEqual(warned, [
      phrases
        ? [`${message}.`, join(folder, 'set.jsonl'), 'Remove them, or write other prompts.']
        : [
            `${message}, and each of its answers is right.`,
            join(folder, 'set.jsonl'),
            'Remove rows with a wrong answer.',
          ],
    ]);
  }
  const { examples, right } = await loaded('loss', rows);
  assert.deepEqual([examples.length, right], [4, undefined], 'each answer has its loss');
});

test('another right answer makes another set, and the same row once more does not', async () => {
  const [one, other] = ['order : 2 lamps', 'two lamps'].map((completion) => ({ ...asked, completion }));
  const told = async (...rows: object[]): Promise<string> =>
    setFacts([await loaded('exact', rows, undefined, () => undefined)])['mine']!.sha256;
  assert.notEqual(await told(one!, other!), await told(one!));
  assert.equal(await told(one!, one!), await told(one!));
});

test('with another chat template the same rows are the same set', async () => {
  const other = join(folder, 'other');
  await cp(model, other, { recursive: true });
  const file = join(other, 'tokenizer_config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as { chat_template: string };
  const template = `{{ 'be' }} ${config.chat_template}`;
  await writeFile(file, JSON.stringify({ ...config, chat_template: template }));
  const again = await openContext(other, { device: 'cpu', threads: 1, scratch: folder });
  const rows = [answered];
  const [ours] = [...(await load('loss', rows))];
  const [theirs] = [...(await load('loss', rows, undefined, undefined, again))];
  assert.ok(theirs!.promptIds.length > ours!.promptIds.length);
  const edited = [{ ...asked, completion: 'order : 3 lamps' }];
  for (const measure of ['harm', 'over-refusal', 'exact', 'contains', 'loss'] as const) {
    assert.equal(await hash(measure, rows, again), await hash(measure, rows), measure);
    const isSame = (await hash(measure, edited)) === (await hash(measure, rows));
    assert.equal(isSame, measure === 'harm' || measure === 'over-refusal', measure);
    assert.notEqual(await hash(measure, [{ ...answered, prompt: 'buy 3 lamps .' }]), await hash(measure, rows));
  }
  // Of a conversation all answers are learned, of a prompt of messages the last one.
  const turns = (...said: string[]) => said.map((content, i) => ({ role: i % 2 ? 'assistant' : 'user', content }));
  const messages = turns('buy 2 lamps .', 'order : 2 lamps', 'buy 3 lamps .', 'order : 3 lamps');
  const last = { prompt: messages.slice(0, 3), completion: messages.slice(3) };
  assert.equal(await hash('exact', [{ messages }]), await hash('exact', [last]));
  assert.notEqual(await hash('loss', [{ messages }]), await hash('loss', [last]));
});
