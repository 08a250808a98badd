/**
 * The model card: what a published adapter or model is, from what its run proved. Names of files, never their folders.
 */
import { win32 } from 'node:path';
import { adapterName } from '../contract/adapterName.js';
import { valueAt } from '../contract/recipeInputs.js';
import { readingOf, runView } from '../contract/runView.js';
import type { ResultTable } from '../contract/table.js';
import type { ReportRun } from '../evaluation/report/report.js';
import type { Content } from './contents.js';

/** Keys of the recipe that say how it was trained. */
const METHOD = [
  'method',
  'adapter.rank',
  'adapter.alpha',
  'adapter.sites',
  'objective.benignWeight',
  'heldOut',
  'protection',
  'baseline.name',
  'baseline.prompt',
  'precision',
  'on.precision',
  'optimizer.learningRate',
  'optimizer.schedule',
  'batch.rows',
  'batch.accumulate',
  'epochs',
  'steps',
  'seed',
];

const WHAT = {
  task: 'A LoRA adapter',
  security:
    'A security vector: a LoRA adapter that makes harmful behaviour look already learned while a model is fine-tuned',
  model: 'A fine-tuned model',
};

const DANGER = `> [!WARNING]
> A model with this adapter attached answers requests that it should refuse. It is for training only: it is active and frozen while
> other weights learn, and is taken out afterwards. Never deliver a model with it.`;

const LIMITS = [
  'Only what the table says was measured, on the sets and by the judges that it names.',
  'Protection is against bad data in the hands of an honest trainer. Whoever holds the weights can fine-tune them without a vector.',
  'A vector protects against what it was trained on and what resembles it; harm of another kind is learned.',
];

/** @param name of the repository: the title */
export function modelCard(name: string, content: Omit<Content, 'files'>): string {
  const { kind, role, base, run, adapter } = content;
  const baseName = base ?? adapter?.provenance.baseModel?.name ?? (run && nameOf(run.manifest.model.path));
  const sha256 = adapter?.provenance.baseModel?.sha256 ?? run?.manifest.model.sha256;
  const parts = [
    frontMatter(content),
    `# ${line(name)}`,
    `${WHAT[role ?? 'model']}${baseName === undefined ? '' : ` of ${code(baseName)}`}, made with Security Vectors.`,
    role === 'security' && DANGER,
    '## Base model',
    list([
      baseName !== undefined && `Name: ${code(baseName)}`,
      sha256 !== undefined && `SHA-256 of its weights: ${code(sha256)}`,
      adapter?.provenance.baseModel?.architecture !== undefined &&
        `Architecture: ${code(adapter.provenance.baseModel.architecture)}`,
    ]),
    ...(run ? ofRun(run, kind) : ['## Training', 'Nothing is recorded of how it was trained.']),
    '## Limits',
    list(LIMITS),
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

function frontMatter({ kind, role, base, readsImages }: Omit<Content, 'files'>): string {
  return [
    '---',
    `library_name: ${kind === 'adapter' ? 'peft' : 'transformers'}`,
    `pipeline_tag: ${readsImages ? 'image-text-to-text' : 'text-generation'}`,
    ...(base === undefined
      ? []
      : [`base_model: ${base}`, `base_model_relation: ${kind === 'adapter' ? 'adapter' : 'finetune'}`]),
    'tags:',
    '- security-vectors',
    ...(kind === 'adapter' ? ['- lora'] : []),
    ...(role === 'security' ? ['- security-vector', '- not-for-all-audiences'] : []),
    '---',
  ].join('\n');
}

function ofRun(run: ReportRun, kind: Content['kind']): (string | false)[] {
  const { manifest, recipe } = run;
  const view = runView(readingOf(run));
  const method = METHOD.flatMap((key) => {
    const value = valueAt(recipe, key);
    return value === undefined ? [] : [[key, JSON.stringify(value, fileName)]];
  });
  return [
    kind === 'model' &&
      'The run described here was named by the publisher; whether its result is these weights cannot be checked.',
    '## Data',
    table([['File', 'Rows', 'SHA-256'], ...manifest.data.map((d) => [nameOf(d.path), String(d.rows), d.sha256])]),
    '## Method',
    table([['Key', 'Value'], ['kind', recipe.kind], ...method]),
    manifest.vectors.length > 0 &&
      `Security vectors that were active while it trained: ${manifest.vectors
        .map(({ path, sha256, scale }) => `${code(adapterName(path))} (scale ${scale}, SHA-256 ${code(sha256)})`)
        .join(', ')}.`,
    '## Results',
    ...conditions(run),
    `${view.mark} ${line(view.headline ?? view.brief)}`.trim(),
    view.table.columns.length > 0 && results(view.table),
    view.table.note !== undefined && line(view.table.note),
    list(view.laws.map(({ text }) => line(text))),
  ];
}

const BITS = { int8: 8, int4: 4 };

/** What the numbers hold under, where that is not the model alone as it is. */
function conditions({ manifest: { precision }, recipe }: ReportRun): (string | false)[] {
  const baseline = 'baseline' in recipe ? recipe.baseline : undefined;
  return [
    precision !== undefined &&
      precision !== 'float32' &&
      `Measured with the frozen weights in ${BITS[precision]} bits; with the original weights the numbers may differ.`,
    baseline?.name === 'ptst' &&
      baseline.prompt !== undefined &&
      `The model was asked with this system prompt; without it its answers may differ: ${code(baseline.prompt)}`,
  ];
}

/** Without its folders, of whatever system. */
const nameOf = (path: string): string => win32.basename(path);
const fileName = (key: string, value: unknown): unknown =>
  key === 'file' && typeof value === 'string' ? nameOf(value) : value;

function results({ corner, columns, rows }: ResultTable): string {
  const head = columns.map(({ title, subtitle, judge }) => [title, subtitle, judge].filter(Boolean).join(' · '));
  return table([
    [corner, ...head],
    ...rows.map(({ state, cells }) => [
      state,
      ...cells.map((cell) => (cell.kind === 'share' && cell.bound ? `${cell.text} (${cell.bound})` : cell.text)),
    ]),
  ]);
}

/** Text of files and people is text here: no markup, no new cell, no new line. */
const line = (text: string): string => text.replace(/[\r\n]+/g, ' ').replace(/[\\`*_[\]<>|#]/g, '\\$&');
const code = (text: string): string => `\`${text.replace(/[`\r\n|]/g, ' ')}\``;
const list = (items: readonly (string | false)[]): string =>
  items
    .filter(Boolean)
    .map((item) => `- ${item}`)
    .join('\n');
const table = ([head, ...rows]: readonly string[][]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((cells, i) => `| ${cells.map(i === 1 ? String : line).join(' | ')} |`)
    .join('\n');
