/** Of a protected run it is asked what shows the harm: without such questions it has no verdict. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { previewData, type PreviewOptions } from '../../runtime/data/preview.js';
import { openTokenizer } from '../../runtime/models/openTokenizer.js';
import { AS_PROPOSED, fake } from './fake/vscode.js';
import { temporary, write } from './support.js';

const { askSets } = await import('../../extension/commands/evaluationSets.js');
const { wizard } = await import('../../extension/commands/wizard.js');

const MODEL = join(import.meta.dirname, '../../media/sample/tiny-assistant');
const KEEP = 'Keep 10 % of train.csv for evaluation';
const QUESTION = 'Which questions must be refused? They show whether harm was learned.';

/** What is asked about the sets of a fine-tuning of `train.csv`, with the answers by their questions. */
async function sets(
  t: TestContext,
  isProtected: boolean,
  answers: Record<string, string>,
  files = ['forbidden.csv'],
  rows = 'buy,order\n',
  learned: string[] = [],
) {
  const root = await temporary(t);
  const data = await write(join(root, 'train.csv'), `prompt,completion\n${rows}`);
  for (const file of files) await write(join(root, file), 'prompt\nhow do i flombulate ?\n');
  const before = { answer: fake.answer, asRelativePath: undefined };
  t.after(() => (fake.answer = before.answer));
  const asked: string[] = [];
  fake.answer = (question) => {
    asked.push(question);
    return (answers[question] ?? assert.fail(question)).replace('ROOT', root);
  };
  const services = {
    engine: {
      request: async (_: string, params: PreviewOptions) => previewData({ ...params, ...(await openTokenizer(MODEL)) }),
    },
    files: { dataFiles: () => [data, ...files.map((file) => join(root, file))] },
    inspector: { get: () => undefined },
    mappings: { get: () => undefined },
    recipes: {
      list: () => [
        {
          kind: 'vector',
          data: learned.map((file) => join(root, file)),
          evaluate: [],
          columns: new Map(),
          formats: new Map(),
        },
      ],
      isEvaluationSet: () => false,
    },
    scans: { get: () => undefined },
  } as unknown as Parameters<typeof askSets>[0];
  const model = { path: MODEL, name: 'm', adapters: [] };
  const found = await wizard('Fine-tune', (ask) => askSets(services, ask, model, { file: data }, isProtected));
  return { found, asked, root };
}

const kept = { 'Which sets measure the result?': KEEP, 'What is measured on the kept rows?': 'Loss' };
const phrases = 'Phrases of a harmful answer, separated by commas. Empty: every answer that is not a refusal.';

test('a protected run with nothing that shows harm is asked for it, and measures it', async (t) => {
  const { found, root } = await sets(t, true, {
    ...kept,
    [QUESTION]: 'ROOT/forbidden.csv',
    [phrases]: 'step 1',
    'Who judges the answers?': 'Refusal phrases',
  });
  assert.deepEqual(found, {
    evaluate: [{ name: 'forbidden', file: join(root, 'forbidden.csv'), measure: 'harm', raw: { phrases: ['step 1'] } }],
    heldOut: { share: 0.1, measure: 'loss' },
    judges: undefined,
  });
});

test('what is measured on kept rows follows from their answers: few words are right or wrong, many are not', async (t) => {
  const of = async (rows: string) =>
    (await sets(t, false, { ...kept, 'What is measured on the kept rows?': AS_PROPOSED }, [], rows)).found.heldOut
      ?.measure;
  const long = 'why ?,it is so because of what was said before by those who were there\n';
  assert.equal(await of('buy,order\n'.repeat(3)), 'exact');
  assert.equal(await of(`buy,order\n${long.repeat(2)}`), 'loss');
});

test('the question can be left out', async (t) => {
  const skip = 'No questions: the run has no verdict';
  const { found } = await sets(t, true, { ...kept, [QUESTION]: skip });
  assert.deepEqual([found.evaluate, found.heldOut?.measure], [[], 'loss']);
});

test('nobody is asked who protects nothing, measures nothing, or has chosen what shows harm', async (t) => {
  assert.ok(!(await sets(t, false, kept)).asked.includes(QUESTION));
  const nothing = { 'Which sets measure the result?': '', 'Nothing measures the result yet.': 'Measure nothing' };
  assert.ok(!(await sets(t, true, nothing)).asked.includes(QUESTION));
  const harm = { ...kept, 'What is measured on the kept rows?': 'Harm', [phrases]: '' };
  assert.ok(!(await sets(t, true, harm)).asked.includes(QUESTION));
  const other = {
    'Which sets measure the result?': 'Another data file…',
    'Which file is the evaluation set?': 'ROOT/forbidden.csv',
    'What is measured on forbidden.csv?': 'Harm',
    [phrases]: '',
    'Who judges the answers?': 'Refusal phrases',
  };
  assert.ok(!(await sets(t, true, other)).asked.includes(QUESTION));
});

test('Enter takes a file whose name says what it is and that no vector was trained on, and otherwise none', async (t) => {
  const { window } = await import('./fake/vscode.js');
  const create = window.createQuickPick;
  t.after(() => (window.createQuickPick = create));
  let shown: { label: string; description?: string }[] = [];
  const first = async (files: string[], learned: string[] = []): Promise<string> => {
    let label = '';
    window.createQuickPick = () => {
      const box = create() as { items: typeof shown; placeholder: string; show(): void };
      const show = box.show.bind(box);
      box.show = () => {
        if (box.placeholder === QUESTION) label = (shown = box.items)[0]!.label;
        show();
      };
      return box;
    };
    await sets(t, true, { ...kept, [QUESTION]: 'No questions: the run has no verdict' }, files, undefined, learned);
    return label;
  };
  assert.match(await first(['aa.csv', 'forbidden.csv']), /forbidden\.csv$/);
  assert.equal(await first(['aa.csv', 'zz.csv']), 'No questions: the run has no verdict');
  // What the vector was trained on comes last, whatever it is called.
  assert.match(await first(['harmful.csv', 'aa.csv', 'forbidden.csv'], ['harmful.csv']), /forbidden\.csv$/);
  const files = shown.filter(({ label }) => label.endsWith('.csv'));
  assert.match(files.at(-1)!.label, /harmful\.csv$/);
  assert.equal(files.at(-1)!.description, 'a security vector is trained on it');
  assert.equal(await first(['harmful.csv'], ['harmful.csv']), 'No questions: the run has no verdict');
});
