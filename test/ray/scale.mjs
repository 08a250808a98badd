/**
 * What a protected fine-tuning on a cluster takes, on paper: memory of a GPU by part, bytes over the network, hours and
 * cost.
 *
 *   node test/ray/scale.mjs            the tables of docs/scale.md
 *   node test/ray/scale.mjs --check [PYTHON] the same sums for the sample's model, against two CPU workers (measure.py)
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const GB = 1e9;
/** Of Llama 3.1: layers, width, width of the MLP, of keys and values, vocabulary. */
const MODELS = {
  '8B on one node': { layers: 32, H: 4096, F: 14336, KV: 1024, V: 128256, nodes: 1, perGpu: 4096 },
  '70B on four': { layers: 80, H: 8192, F: 28672, KV: 1024, V: 128256, nodes: 4, perGpu: 1024 },
  '405B on sixteen': { layers: 126, H: 16384, F: 53248, KV: 1024, V: 128256, nodes: 16, perGpu: 512, recompute: true },
};
/**
 * A node of eight H100: bytes, FLOP/s in bf16 of which a share is reached, bytes per second and GPU. The price is an
 * assumption.
 */
const NODE = { gpus: 8, memory: 80 * GB, flops: 989e12, reached: 0.35, inNode: 450 * GB, between: 50 * GB, dollars: 7 };
/** Of each worker in the check. */
const TOKENS = 128;
const RUN = { rank: 16, rows: 1000, tokens: 512, epochs: 3, anchors: 2, batch: 128 };

/** Weights of a layer, and of the embedding and the head; of a LoRA on all linear layers. */
export function counts({ layers, H, F, KV, V, tied = false }, rank) {
  const linear = [
    [H, H],
    [H, KV],
    [H, KV],
    [H, H],
    [H, F],
    [H, F],
    [F, H],
  ];
  const layer = linear.reduce((sum, [a, b]) => sum + a * b, 0) + 2 * H;
  const ends = (tied ? 1 : 2) * V * H + H;
  const lora = layers * linear.reduce((sum, [a, b]) => sum + rank * (a + b), 0);
  return { layer, ends, all: layers * layer + ends, lora };
}

/**
 * Bytes that one worker receives in one forward and backward with the base cut over `workers`: every layer is gathered
 * for the forward and once more for the backward, the ends once and kept.
 */
export const gathered = ({ layer, ends }, layers, workers, size) =>
  ((2 * layers * layer + ends) * size * (workers - 1)) / workers;

/** Of the base, that one worker keeps. */
export const shard = ({ all }, workers, size) => (all * size) / workers;

/**
 * Bytes that the layers keep of `tokens` for the backward: inputs of the linear layers and of what lies between or,
 * where those are computed again, the input of each layer.
 */
export const activations = ({ layers, H, F }, tokens, size, recompute = false) =>
  tokens * layers * size * (recompute ? H : 10 * H + 4 * F);

function estimate(model) {
  const { layers, V, nodes, perGpu, recompute } = model;
  const gpus = nodes * NODE.gpus;
  const sizes = counts(model, RUN.rank);
  const memory = {
    'base, sharded': shard(sizes, gpus, 2),
    'all-gathered: two layers, embedding and head': (2 * sizes.layer + sizes.ends) * 2,
    'task adapter, gradient, AdamW (fp32)': 16 * sizes.lora,
    'vector (fp32, whole)': 4 * sizes.lora,
    // A layer that is computed again keeps all of it for the while.
    activations:
      activations(model, perGpu, 2, recompute) + (recompute ? activations({ ...model, layers: 1 }, perGpu, 2) : 0),
    'logits and their loss (fp32)': 3 * 4 * perGpu * V,
  };
  const total = Object.values(memory).reduce((a, b) => a + b, 0);
  const link = nodes > 1 ? NODE.between : NODE.inNode;
  const once = gathered(sizes, layers, gpus, 2);
  // Rows with the vector on and with it off are two passes; the anchor's teacher is a forward of its own.
  const perStep = 2.5 * once;
  const speed = gpus * NODE.flops * NODE.reached;
  const fileTokens = RUN.rows * RUN.tokens;
  const steps = Math.ceil((RUN.rows * RUN.epochs) / RUN.batch);
  const anchorTokens = steps * RUN.anchors * 64;
  const compute = {
    scan: (4 * sizes.all * fileTokens) / speed,
    training: ((recompute ? 6 : 4) * sizes.all * fileTokens * RUN.epochs) / speed,
    anchor: (6 * sizes.all * anchorTokens) / speed,
  };
  const passes = Math.max(1, Math.ceil((RUN.batch * RUN.tokens) / (gpus * perGpu)));
  const network = {
    scan: (2 * once * Math.max(1, fileTokens / (gpus * perGpu))) / 2 / link,
    training: (steps * passes * 2 * once) / link,
    anchor: (steps * 0.5 * once) / link,
  };
  const seconds = Object.fromEntries(
    Object.keys(compute).map((part) => [part, Math.max(compute[part], network[part])]),
  );
  const hours = Object.values(seconds).reduce((a, b) => a + b, 0) / 3600;
  const bound = network.training > compute.training ? 'network' : 'computing';
  return {
    gpus,
    sizes,
    memory,
    total,
    perStep: perStep * passes,
    seconds,
    hours,
    dollars: hours * gpus * NODE.dollars,
    bound,
  };
}

const bytes = (n) => (n >= GB ? `${(n / GB).toFixed(1)} GB` : `${(n / 1e6).toFixed(0)} MB`);

/** The two tables, as Markdown. */
export function tables() {
  const names = Object.keys(MODELS);
  const all = names.map((name) => estimate(MODELS[name]));
  const table = (first, lines) =>
    [
      `| ${first} | ${names.join(' | ')} |`,
      `|---|${names.map(() => '---|').join('')}`,
      ...lines.map((l) => `| ${l.join(' | ')} |`),
    ].join('\n');
  const memory = table('Memory of one GPU', [
    ...Object.keys(all[0].memory).map((part) => [part, ...all.map((one) => bytes(one.memory[part]))]),
    ['all, of 80 GB', ...all.map((one) => `${bytes(one.total)}${one.total > NODE.memory ? ', too much' : ''}`)],
  ]);
  const work = table('1,000 rows of 512 tokens, 3 epochs', [
    ['GPUs', ...all.map(({ gpus }) => gpus)],
    ['`on.tokens`', ...names.map((name) => MODELS[name].perGpu)],
    ['`recompute`', ...names.map((name) => MODELS[name].recompute ?? false)],
    ['received by a GPU per step', ...all.map((one) => bytes(one.perStep))],
    ['scan', ...all.map(({ seconds }) => `${Math.ceil(seconds.scan)} s`)],
    ['training', ...all.map(({ seconds }) => `${Math.ceil(seconds.training)} s`)],
    ['anchor', ...all.map(({ seconds }) => `${Math.ceil(seconds.anchor)} s`)],
    ['hours', ...all.map(({ hours }) => hours.toFixed(2))],
    [
      `cost at $ ${NODE.dollars} per GPU and hour`,
      ...all.map(({ dollars }) => `$ ${dollars.toFixed(dollars < 10 ? 2 : 0)}`),
    ],
    ['limited by', ...all.map(({ bound }) => bound)],
  ]);
  return `${memory}\n\n${work}\n`;
}

/** The sums above for the sample's model in fp32 on two workers, and what two workers did. */
function check(python) {
  const here = path.dirname(fileURLToPath(import.meta.url));
  const folder = path.join(here, '../../media/sample/tiny-assistant');
  const config = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8'));
  const { num_hidden_layers: layers, hidden_size: H, intermediate_size: F, vocab_size: V } = config;
  const KV = (H / config.num_attention_heads) * config.num_key_value_heads;
  const sizes = counts({ layers, H, F, KV, V, tied: config.tie_word_embeddings }, 8);
  const temporary = mkdtempSync(path.join(os.tmpdir(), 'scale-'));
  const file = path.join(temporary, 'measured.json');
  const job = path.join(here, '../../runtime/cluster/job');
  try {
    const run = ['-m', 'torch.distributed.run', '--nproc-per-node=2', '--standalone', path.join(here, 'measure.py')];
    execFileSync(python, [...run, folder, file, String(TOKENS)], {
      env: { ...process.env, PYTHONPATH: job, OMP_NUM_THREADS: '1' },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    const measured = JSON.parse(readFileSync(file, 'utf8'));
    const wanted = {
      shard: shard(sizes, 2, 4),
      gathered: gathered(sizes, layers, 2, 4),
      lora: 4 * sizes.lora,
      summed: 4 * sizes.lora,
      recomputed: activations({ layers, H, F }, TOKENS, 4, true),
      activations: activations({ layers, H, F }, TOKENS, 4),
    };
    for (const [name, value] of Object.entries(wanted)) {
      const ratio = measured[name] / value;
      console.log(`${name}: ${value} bytes on paper, ${measured[name]} measured (${ratio.toFixed(3)})`);
      // What lies between linear layers is a matter of kernels; all else is to be equal.
      if (Math.abs(ratio - 1) > (name === 'activations' ? 0.2 : 0)) process.exitCode = 1;
    }
  } catch (error) {
    // Of what Python says of all workers the first line that names an error.
    const said = /^.*(?:Error|Exception): .*/m.exec(error.stderr) ?? error.message;
    console.error(
      `${python} does not measure: ${said}\nName a Python with the packages of runtime/cluster/job/requirements.txt: --check PYTHON (npm run test:ray makes one in out/ray/python).`,
    );
    process.exitCode = 2;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === '--check') check(process.argv[3] ?? 'python3');
  else console.log(tables());
}
