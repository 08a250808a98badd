import assert from 'node:assert/strict';
import processes, { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Cancelled } from '../../runtime/support/errors.js';
import type { Limits } from '../../runtime/evaluation/judges/apart.js';
import { openClassifier, type Classification, type Classifier } from '../../runtime/evaluation/judges/classifier.js';
import { change, makeClassifier, type Tiny } from './tinyClassifier.js';

const SAMPLE = fileURLToPath(new URL('../../media/sample/tiny-assistant', import.meta.url));
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/tokenizers/${name}`, import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'classifier-'));
after(() => rm(folder, { recursive: true }));
let made = 0;
const make = (tiny: Partial<Tiny>): Promise<string> =>
  makeClassifier(join(folder, String(made++)), { tokenizer: SAMPLE, weights: { Sorry: 1 }, padWeight: 50, ...tiny });

/** What it says of each batch, asked one after the other. */
async function classifyEach(path: string, batches: string[][]): Promise<(Classification | undefined)[][]> {
  const classifier = await openClassifier(path, { place: 'judges.1.classifier', threads: 1 });
  try {
    const found = [];
    for (const texts of batches) found.push(await classifier.classify(texts));
    return found.map((batch) => batch.map((one) => (assert.ok(!one || 'labels' in one), one)));
  } finally {
    await classifier.dispose();
  }
}
async function classify(path: string, texts: string[]): Promise<(Classification | undefined)[]> {
  return (await classifyEach(path, [texts]))[0]!;
}
const labels = (found: (Classification | undefined)[]): (string | undefined)[] =>
  found.map((one) => one?.labels.join('+'));

const TEXTS = [
  'Sorry, I cannot help with that.',
  'Sure. Step 1: take the kettle. Step 2: paint it.',
  '',
  'No.',
  'Sorry',
  'The capital of France is Paris, which is a city with a river, and there are many bridges over it.',
];
const WANTED = ['REJECTION', 'NORMAL', undefined, 'NORMAL', 'REJECTION', 'NORMAL'];

describe('a classifier', () => {
  test('gives each text its label, whatever stands beside it in a batch', async () => {
    const numbers = [...TEXTS.keys()];
    const many = Array.from({ length: 150 }, (_, i) => i % TEXTS.length);
    const batches = [numbers, ...numbers.map((i) => [i]), many];
    const found = await classifyEach(
      await make({}),
      batches.map((batch) => batch.map((i) => TEXTS[i]!)),
    );
    assert.deepEqual(
      found.map(labels),
      batches.map((batch) => batch.map((i) => WANTED[i])),
    );
  });

  test('is found in onnx/, takes token types of zero, and runs without a mask in rows of one length', async () => {
    assert.deepEqual(labels(await classify(await make({ file: 'onnx/model.onnx' }), TEXTS)), WANTED);
    assert.deepEqual(labels(await classify(await make({ moreInputs: ['token_type_ids'] }), TEXTS)), WANTED);
    assert.deepEqual(labels(await classify(await make({ mask: false }), TEXTS)), WANTED);
  });

  test('whose tokenizer has an added token that it does not know gives no label to a text with it', async () => {
    const path = await make({});
    const file = join(path, 'tokenizer.json');
    const json = JSON.parse(await readFile(file, 'utf8')) as { added_tokens: object[] };
    json.added_tokens.push({ ...json.added_tokens[0], id: 100_000, content: '<image>' });
    await writeFile(file, JSON.stringify(json));
    const classifier = await openClassifier(path, { place: 'judges.1.classifier', threads: 1 });
    const found = await classifier.classify(['Sorry', 'Sorry <image>', '', 'No.']);
    await classifier.dispose();
    const fault = 'the classifier does not know the token "<image>" of the text.';
    assert.deepEqual(found[1], { fault });
    assert.deepEqual(
      found.map((one) => one && 'labels' in one && one.labels[0]),
      ['REJECTION', false, undefined, 'NORMAL'],
    );
  });

  test('without names, labels are LABEL_0, LABEL_1, …; one logit or labels that do not exclude each other are shares of their own', async () => {
    const three: Tiny['logits'] = [[1, -0.01], [2, -0.3], [-1, 0.5]]; // oxfmt-ignore
    const unnamed = await make({ logits: three, config: { id2label: undefined } });
    assert.deepEqual(labels(await classify(unnamed, ['Sorry', 'No.'])), ['LABEL_1', 'LABEL_2']);
    const several = await make({
      logits: three,
      config: { id2label: { 0: 'a', 1: 'b', 2: 'c' }, problem_type: 'multi_label_classification' },
    });
    assert.deepEqual(labels(await classify(several, ['Sorry', 'No.'])), ['a+b', 'c']);
    const single = await make({ logits: [[1, -0.01]], config: { id2label: { 0: 'refusal' } } });
    assert.deepEqual(labels(await classify(single, ['Sorry', 'No.'])), ['refusal', '']);
  });

  test('a long text loses its end and is marked as cut; special tokens stay around it', async () => {
    // </s> weighs 8 of 10 positions' worth: seen only if it was put behind what is left of the text.
    const tiny = { tokenizer: fixture('roberta'), weights: { x: -1, '</s>': 8.5 }, positions: 10 };
    const config = { max_position_embeddings: 10, model_type: 'bert' };
    const path = await make({ ...tiny, config });
    const text = (n: number): string => 'x'.repeat(n);
    // <s> + 8 · x + </s>: 8.5 − 8 = 0.5, above 0.01 · 10
    const found = await classify(path, [text(8), text(9), text(500)]);
    assert.deepEqual(labels(found), ['REJECTION', 'REJECTION', 'REJECTION']);
    assert.deepEqual(
      found.map((one) => one?.truncated),
      [false, true, true],
    );
  });

  test('positions of RoBERTa begin behind the padding token; the tokenizer may allow less than the model', async () => {
    const limit = async (config: object, tokenizer: object = {}): Promise<number | undefined> => {
      const path = await make({ config: { ...config } });
      await change(join(path, 'tokenizer_config.json'), { model_max_length: 1e30, ...tokenizer });
      const classifier = await openClassifier(path, { place: 'judges.0.classifier', threads: 1 });
      await classifier.dispose();
      return classifier.maxTokens;
    };
    assert.equal(await limit({ model_type: 'roberta', max_position_embeddings: 514, pad_token_id: 1 }), 512);
    assert.equal(await limit({ model_type: 'xlm-roberta', max_position_embeddings: 514 }), 512);
    assert.equal(await limit({ model_type: 'bert', max_position_embeddings: 512, pad_token_id: 0 }), 512);
    assert.equal(
      await limit({ model_type: 'deberta-v2', max_position_embeddings: 512 }, { model_max_length: 256 }),
      256,
    );
    assert.equal(await limit({ model_type: 't5' }), undefined);
  });

  test('stops on request', async () => {
    const classifier = await openClassifier(await make({}), { place: 'judges.0.classifier', threads: 1 });
    await assert.rejects(classifier.classify(TEXTS, AbortSignal.abort()), Cancelled);
    await classifier.dispose();
  });
});

describe('a hostile graph ends with its process', () => {
  const opened = async (bomb: [number, number], limits: Limits): Promise<unknown> =>
    openClassifier(await make({ bomb }), { place: 'judges.0.classifier', threads: 1, limits });

  test('one that computes without end', async () => {
    const began = performance.now();
    await assert.rejects(opened([4096, 5000], { ms: 6000, bytes: 2 ** 30 }), {
      name: 'HumanError',
      message: /it does not finish within 6 s\./,
    });
    assert.ok(performance.now() - began < 60_000);
  });

  test('one that takes all memory', async () => {
    const began = process.memoryUsage.rss();
    await assert.rejects(opened([2 ** 15, 0], { ms: 60_000, bytes: 2 ** 28 }), {
      name: 'HumanError',
      message: /does not run on 2 texts .*: (the process uses more than 0\.27 GB of memory|.*allocate)/,
    });
    assert.ok(process.memoryUsage.rss() - began < 2 ** 28, 'not in this process');
  });

  test('and stopping does not wait for it', async () => {
    const abort = new AbortController();
    // a second for each run, of which each batch is one
    const slow = await make({ bomb: [512, 300] });
    const classifier = await openClassifier(slow, { place: 'judges.0.classifier', threads: 1 });
    try {
      const answer = classifier.classify(Array<string>(1000).fill('Sorry'), abort.signal);
      setTimeout(() => abort.abort(), 20);
      await assert.rejects(answer, Cancelled);
    } finally {
      await classifier.dispose();
    }
  });
});

describe('what a classifier fails on while it judges is open, and says why', () => {
  const open = async (tiny: Partial<Tiny>): Promise<Classifier> =>
    openClassifier(await make(tiny), { place: 'judges.0.classifier', threads: 1 });
  const said = async (classifier: Classifier, texts: string[]): Promise<(string | undefined)[]> =>
    (await classifier.classify(texts)).map((one) => (one && 'fault' in one ? one.fault : one?.labels.join('+')));

  test('a text whose logits are not numbers, and no other in its batch', async (t) => {
    const classifier = await open({ weights: { Sorry: NaN, No: 1 } });
    t.after(() => classifier.dispose());
    assert.deepEqual(await said(classifier, ['No', 'Sorry', '', 'Paris']), [
      ...['REJECTION', 'the classifier gives logits that are not numbers.', undefined, 'NORMAL'],
    ]);
  });

  test('texts that the graph does not run on; it is asked about the next ones', async (t) => {
    const path = await make({ positions: 30 });
    await change(join(path, 'tokenizer_config.json'), { model_max_length: 1e30 });
    const classifier = await openClassifier(path, { place: 'judges.0.classifier', threads: 1 });
    t.after(() => classifier.dispose());
    const [long, short] = await said(classifier, ['Paris '.repeat(60), 'Sorry']);
    assert.match(long!, /^the graph does not run on 1 texts of \d+ tokens: /);
    assert.equal(short, 'REJECTION');
    assert.deepEqual(await said(classifier, ['Sorry']), ['REJECTION']);
  });

  for (const when of ['while it is asked', 'just before it is asked', 'long before it is asked'] as const)
    test(`all that comes after the end of its process, ${when}`, async (t) => {
      const forked: ChildProcess[] = [];
      const { fork } = processes;
      processes.fork = ((...args: Parameters<typeof fork>) => {
        forked.push(fork(...args));
        return forked.at(-1);
      }) as typeof fork;
      syncBuiltinESMExports();
      const classifier = await open({});
      t.after(() => classifier.dispose());
      processes.fork = fork;
      syncBuiltinESMExports();
      const child = forked[0]!;
      const gone = once(child, 'close');
      const kill = (): void => void process.kill(child.pid!, 'SIGKILL');
      const texts = Array<string>(200).fill('Sorry');
      if (when === 'while it is asked') {
        const { send } = child;
        child.send = ((...args: Parameters<typeof send>) => {
          process.kill(child.pid!, 'SIGSTOP'); // asked, it cannot answer
          setImmediate(kill);
          return send.apply(child, args);
        }) as typeof send;
      } else kill();
      if (when === 'long before it is asked') await gone;
      const found = await said(classifier, texts);
      for (const one of found) assert.match(one ?? '', /its process ended \(SIGKILL\)/);
      assert.deepEqual(await said(classifier, ['Sorry', '']), [found[0], undefined]);
    });
});

describe('a classifier that cannot be used is refused by name', () => {
  const refused = async (path: string, message: RegExp, place: RegExp): Promise<void> =>
    assert.rejects(openClassifier(path, { place: 'judges.1.classifier', threads: 1 }), {
      name: 'HumanError',
      message,
      place,
      remedy: /./,
    });
  const without = async (name: string): Promise<string> => {
    const path = await make({});
    await rm(join(path, name));
    return path;
  };

  test('for what is missing', async () => {
    await refused(join(folder, 'nowhere'), /there is no folder .*nowhere/, /^judges\.1\.classifier$/);
    await refused(await without('model.onnx'), /neither model\.onnx nor onnx\/model\.onnx/, /^judges\.1\.classifier$/);
    await refused(await without('config.json'), /no config\.json/, /^judges\.1\.classifier$/);
    await refused(await without('tokenizer.json'), /no tokenizer\.json/, /\d.tokenizer\.json$/);
  });

  test('for files that are damaged or do not belong together', async () => {
    const damaged = await make({});
    await writeFile(join(damaged, 'model.onnx'), 'not a model');
    await refused(damaged, /onnxruntime cannot open this model/, /model\.onnx$/);
    const broken = await make({});
    await writeFile(join(broken, 'config.json'), '{');
    await refused(broken, /not valid JSON/, /config\.json$/);
    await refused(
      await make({ config: { vocab_size: 100 } }),
      /tokenizer has \d+ tokens, the classifier knows 100/,
      /\d$/,
    );
    await refused(
      await make({ config: { id2label: { 0: 'a' } } }),
      /names 1 labels, the graph gives 2/,
      /config\.json$/,
    );
    await refused(await make({ config: { id2label: { 0: 'a', 2: 'b' } } }), /no name for label 1/, /config\.json$/);
    await refused(await make({ config: { id2label: { 0: 'a', 1: 7 } } }), /no name for label 1/, /config\.json$/);
    await refused(await make({ config: { problem_type: 'regression' } }), /gives a score/, /config\.json$/);
  });

  test('for a graph with other inputs or outputs', async () => {
    await refused(await make({ input: 'ids' }), /no input "input_ids"; it has "ids", "attention_mask"/, /model\.onnx$/);
    await refused(await make({ moreInputs: ['position_ids'] }), /needs an input "position_ids"/, /model\.onnx$/);
    await refused(await make({ inputType: 'int32' }), /"input_ids" is int32, not int64/, /model\.onnx$/);
    await refused(await make({ output: 'scores' }), /no output "logits"; it has "scores"/, /model\.onnx$/);
    await refused(await make({ batch: 1 }), /does not run on 2 texts/, /model\.onnx$/);
    const short = await make({ positions: 30, config: { max_position_embeddings: 40 } });
    await refused(short, /does not run on 2 texts of 40 tokens/, /model\.onnx$/);
    await refused(await make({ logits: [[NaN, 0], [1, 0]] }), /logits that are not numbers/, /model\.onnx$/); // oxfmt-ignore
  });
});
