/** A text classifier in the layout of transformers and optimum, small enough to be worked out by hand. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { checkGraph } from '../../runtime/onnx/check.js';
import { Builder, type DType } from '../../runtime/onnx/graph.js';
import { Add, Cast, Div, Expand, Gather, MatMul, Mul, Range, ReduceSum, Unsqueeze } from '../../runtime/onnx/ops.js';
import { serialize } from '../../runtime/onnx/serialize.js';

export interface Tiny {
  /** Folder with the tokenizer. */
  tokenizer: string;
  /** The score of a text is the mean weight of its tokens; a word's weight is that of its first token. */
  weights: Record<string, number>;
  /** Logit of a label: slope · score + bias. Default: NORMAL −(score − 0.01), REJECTION score − 0.01. */
  logits?: [slope: number, bias: number][];
  /** Padding weighs much: a classifier that looks at it is wrong. */
  padWeight?: number;
  config?: Record<string, unknown>;
  /** Of model.onnx in the folder. */
  file?: string;
  /** Positions of the graph; a longer text is an error in it. */
  positions?: number;
  input?: string;
  inputType?: DType;
  moreInputs?: string[];
  mask?: boolean;
  output?: string;
  /** Fixed number of texts. */
  batch?: number;
  /** Side of a square matrix of nothing that is made on the way, and how often it is multiplied with itself. */
  bomb?: [side: number, times: number];
}

export async function makeClassifier(folder: string, tiny: Tiny): Promise<string> {
  const tokenizer = await loadTokenizer(tiny.tokenizer);
  const { file = 'model.onnx', logits = [[-1, 0.01], [1, -0.01]], inputType = 'int64', mask = true } = tiny; // oxfmt-ignore
  await mkdir(dirname(join(folder, file)), { recursive: true });
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    await cp(join(tiny.tokenizer, name), join(folder, name)).catch(() => undefined);
  const config = {
    architectures: ['TinyForSequenceClassification'],
    id2label: { 0: 'NORMAL', 1: 'REJECTION' },
    vocab_size: tokenizer.vocabSize,
    ...tiny.config,
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));

  const table = new Float32Array(tokenizer.vocabSize);
  for (const [word, weight] of Object.entries(tiny.weights))
    table[tokenizer.encode(word, { addSpecialTokens: false })[0]!] = weight;
  if (tokenizer.padId !== undefined && tiny.padWeight !== undefined) table[tokenizer.padId] = tiny.padWeight;

  const g = new Builder('classifier');
  const shape = [tiny.batch ?? 'B', 'T'];
  const given = g.input(tiny.input ?? 'input_ids', inputType, shape);
  const ids = inputType === 'int64' ? given : Cast(g, given, 'int64');
  let tokens = Gather(g, g.constant('float32', [table.length, 1], table), ids); // [B, T, 1]
  if (tiny.positions !== undefined) {
    const zeros = g.constant('float32', [tiny.positions, 1], new Float32Array(tiny.positions));
    tokens = Add(g, tokens, Gather(g, zeros, Range(g, 'T')));
  }
  let ones = Cast(g, ids, 'float32');
  ones = Add(g, Mul(g, ones, g.scalar(0)), g.scalar(1));
  const used = Unsqueeze(g, mask ? Cast(g, g.input('attention_mask', 'int64', shape), 'float32') : ones, [2]);
  for (const name of tiny.moreInputs ?? []) {
    const zero = Mul(g, Cast(g, g.input(name, 'int64', shape), 'float32'), g.scalar(1000));
    tokens = Add(g, tokens, Unsqueeze(g, zero, [2]));
  }
  const score = Div(g, ReduceSum(g, Mul(g, tokens, used), [1], false), ReduceSum(g, used, [1], false)); // [B, 1]
  const slopes = g.constant(
    'float32',
    [1, logits.length],
    Float32Array.from(logits, ([slope]) => slope),
  );
  const biases = g.constant(
    'float32',
    [logits.length],
    Float32Array.from(logits, ([, bias]) => bias),
  );
  let nothing = g.scalar(0);
  if (tiny.bomb) {
    const [side, times] = tiny.bomb;
    // of a value that is known only when the graph runs
    const one = ReduceSum(g, Mul(g, score, g.scalar(0)), [0, 1], false);
    let square = Expand(g, one, [side, side]);
    for (let i = 0; i < times; i++) square = MatMul(g, square, square);
    nothing = ReduceSum(g, square, [0, 1], false);
  }
  g.outputAs(tiny.output ?? 'logits', Add(g, nothing, Add(g, MatMul(g, score, slopes), biases)));
  await writeFile(join(folder, file), serialize(checkGraph(g.graph()), { order: 'standard' }));
  return folder;
}

/** Changes a JSON file of a folder. */
export async function change(file: string, changes: Record<string, unknown>): Promise<void> {
  const json = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  await writeFile(file, JSON.stringify({ ...json, ...changes }));
}
