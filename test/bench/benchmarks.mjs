/**
 * The benchmarks of `npm run bench`, a line each; names are fixed, so that reports stay comparable.
 *
 * A training has its name, a twin `memory-NAME`, and gemmShare: the time that its floating-point operations need at
 * onnxruntime's rate for matrix products, cold, over its own. `shape` names random weights of weights.ts, `model` a
 * file, `own` options that the peer does not have.
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
  'train-full-135m': training('135m', ['--method=full', '--rows=4', '--tokens=128', '--steps=4'], {
    peer: 'transformers',
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
};

/** Further results that one of these gives. */
export const start = {
  name: 'start-135m',
  from: 'train-lora-135m',
  unit: 'ms to the end of the first step',
  of: 'firstStepMs',
};
export const memoryName = (name) => `memory-${name}`;
export const ESTIMATE = 'estimate-memory';
