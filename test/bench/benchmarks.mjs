/**
 * The benchmarks of `npm run bench`, a line each; names are fixed, so that reports stay comparable.
 *
 * A training has its name, a twin `memory-NAME`, and gemmShare: the time that its floating-point operations need at
 * onnxruntime's rate for matrix products, cold, over its own. `shape` names random weights of weights.ts, `model` a
 * file, `own` options that the peer does not have. A `part` is compared with ours without it: without its own options,
 * or with what `without` says.
 */

/** Random weights of this shape are made on the spot. */
const training = (shape, args, more = {}) => ({
  script: 'step',
  peer: 'peft',
  shape,
  args: ['--method=lora', '--rank=8', ...args],
  result: { unit: 'ms/step', of: 'bestStepMs' },
  ...more,
});
const generation = (args, more = {}) => ({
  script: 'generate',
  peer: 'transformers',
  shape: '135m',
  args,
  result: { unit: 'tokens/s', of: 'tokensPerSecond', higherIsBetter: true },
  ...more,
});
/** What is compared with ours without it. */
const part = (args, own, more = {}) => ({
  ...training('135m', args, more),
  ...{ peer: undefined, part: true, own, result: { unit: 'ms/step', of: 'meanStepMs' }, ...more },
});
/** How much longer the next token of a chat takes. */
const attaching = (shape, more = {}) => ({
  ...{ script: 'attach', shape, args: [], result: { unit: 'ms', of: 'attachMs' }, ...more },
});
/** The file is in 4 bits, and both sides keep them. */
const gguf = {
  peer: 'llama.cpp',
  shape: undefined,
  model: process.env.SMOLLM2_GGUF,
  needs: 'SMOLLM2_GGUF',
  own: ['--precision=int4'],
};

export const benchmarks = {
  'train-lora-135m': training('135m', ['--rows=4', '--tokens=128', '--steps=6'], { quick: true, profile: true }),
  'train-lora-135m-1x2048': training('135m', ['--rows=1', '--tokens=2048', '--steps=3']),
  'train-lora-135m-1x8192': training('135m', ['--rows=1', '--tokens=8192', '--steps=2']),
  'train-lora-0.5b': training('0.5b', ['--rows=4', '--tokens=128', '--steps=4']),
  'train-lora-1b': training('1b', ['--rows=2', '--tokens=128', '--steps=3']),
  // as recipes have it unless they say otherwise; the peer has no weights in 4 bits on a CPU: it holds them as the file
  // does
  'train-lora-1.5b-int4': training('1.5b', ['--rows=1', '--tokens=512', '--steps=3'], {
    own: ['--precision=int4', '--recompute'],
  }),
  // a file of 15 GB, on a machine of 24 GB; the peer would hold it as it is
  'train-lora-7b-int4': training('7b', ['--rows=1', '--tokens=512', '--steps=2'], {
    ...{ peer: undefined, rounds: 1, own: ['--precision=int4', '--recompute'] },
  }),
  'train-full-135m': training('135m', ['--method=full', '--rows=4', '--tokens=128', '--steps=4'], {
    peer: 'transformers',
  }),
  'step-with-vector': part(['--rows=8', '--tokens=96', '--steps=7'], ['--vectors=1']),
  'step-protected': part(['--rows=8', '--tokens=96', '--steps=8'], ['--vectors=1', '--anchored=usual']),
  'step-protected-refused': part(['--rows=8', '--tokens=96', '--steps=8'], ['--vectors=1', '--anchored=refused']),
  'step-recomputed': part(['--rows=1', '--tokens=2048', '--steps=3'], ['--recompute']),
  // two micro-batches in place of one
  'step-accumulated': part(['--method=full', '--rows=4', '--tokens=128', '--steps=4'], ['--accumulate=2'], {
    weightBytes: 0,
  }),
  // 2,048 tokens are supervised
  'step-256k-vocabulary': part(['--rows=4', '--tokens=1024', '--steps=3'], [], {
    ...{ shape: '135m-256k', without: { shape: '135m' } },
    weightBytes: 4 * 576 * (262_144 - 49_152),
  }),
  'generate-135m-1': generation(['--rows=1', '--new=96'], { quick: true }),
  'generate-135m-16': generation(['--rows=16', '--new=64'], { quick: true }),
  // answers of unlike lengths, 16 at once, against the rate of one full batch
  'generate-135m-many': generation(['--rows=16', '--new=64'], {
    peer: undefined,
    own: ['--prompts=256'],
    result: { unit: 'of the rate of one batch', of: 'ofBatchRate', higherIsBetter: true },
  }),
  // the file is in BF16
  'generate-0.5b-1': generation(['--rows=1', '--new=32'], { shape: '0.5b' }),
  'generate-q4_1-1': generation(['--rows=1', '--new=96'], gguf),
  'generate-q4_1-16': generation(['--rows=16', '--new=64'], gguf),
  'attach-135m': attaching('135m'),
  'attach-q4_1': attaching(undefined, { ...gguf, peer: undefined }),
};

/** Further results that these give. */
export const FURTHER = [
  { name: 'start-135m', from: 'train-lora-135m', unit: 'ms to the end of the first step', of: 'firstStepMs' },
  { name: 'first-step-135m', from: 'train-lora-135m', unit: 'times a later step', of: 'firstOfLater' },
  { name: 'attach-135m-unread', from: 'attach-135m', unit: 'ms', of: 'unreadMs' },
  { name: 'attach-q4_1-first', from: 'attach-q4_1', unit: 'ms', of: 'firstMs' },
  { name: 'attach-q4_1-unread', from: 'attach-q4_1', unit: 'ms', of: 'unreadMs' },
];
export const memoryName = (name) => `memory-${name}`;
export const ESTIMATE = 'estimate-memory';
export const TIME_ESTIMATE = 'estimate-time';
/** By name: which error of a result an estimate is judged by. */
export const ESTIMATES = { [ESTIMATE]: 'error', [TIME_ESTIMATE]: 'timeError' };

const ratio = (name, least) => ({ name, of: 'ratio', least });
const ours = (name, most) => ({ name, of: 'ours', most });
/** What was aimed at. */
export const GOALS = [
  ...['train-lora-135m', 'train-lora-0.5b', 'train-lora-1b'].map((name) => ratio(name, 1.5)),
  ...['train-lora-135m-1x2048', 'train-lora-135m-1x8192', 'train-full-135m'].map((name) => ratio(name, 1.3)),
  ratio('train-lora-1.5b-int4', 1),
  ...Object.keys(benchmarks)
    .filter((name) => name.startsWith('train-'))
    .map((name) => ({ name, of: 'gemmShare', least: 0.8 })),
  ratio(memoryName('train-full-135m'), 1 / 0.9),
  ours(memoryName('train-lora-1.5b-int4'), 3e9),
  ours(memoryName('train-lora-7b-int4'), 24e9),
  ours(ESTIMATE, 0.15),
  ours('start-135m', 2000),
  ours('first-step-135m', 1.3),
  { name: 'step-with-vector', of: 'times', most: 1.15 },
  { name: 'step-protected', of: 'times', most: 1.15 },
  { name: 'step-protected-refused', of: 'times', most: 1.15 },
  { name: 'step-recomputed', of: 'times', most: 1.35 },
  { name: 'step-accumulated', of: 'more', most: 0.2e9 },
  { name: 'step-256k-vocabulary', of: 'more', most: 0.3e9 },
  ratio('generate-q4_1-1', 0.9),
  ratio('generate-q4_1-16', 0.9),
  { name: 'generate-135m-many', of: 'ours', least: 0.83 },
  ours('attach-135m', 50),
  ours('attach-q4_1', 50),
];
