/** The commands and options of the command line: one table for the parser, `--help` and shell completion. */
import { EXPORT_FORMATS } from '../contract/exports.js';
import { DATA_FORMATS, DEVICE_CHOICES, PRECISIONS } from '../contract/recipeWords.js';

export interface Option {
  type: 'boolean' | 'string';
  /** What stands for the value in help; a DIR or FILE is completed as a path. */
  value?: string;
  choices?: readonly string[];
  multiple?: boolean;
  short?: string;
  help: string;
}

export const OPTIONS = {
  model: { type: 'string', value: 'DIR', help: 'Hugging Face folder or .gguf file' },
  adapter: {
    ...{ type: 'string', value: 'DIR[@SCALE]', multiple: true },
    help: 'attach an adapter, with a factor on it; may be given several times',
  },
  vector: { type: 'string', value: 'DIR', help: 'the security vector' },
  data: { type: 'string', value: 'FILE', help: 'data file: JSON lines, JSON, CSV, TSV or Parquet' },
  columns: {
    ...{ type: 'string', value: 'MAP' },
    help: 'which columns of the file are which fields of its rows: prompt=question,completion=answer',
  },
  'row-format': {
    ...{ type: 'string', value: 'F', choices: DATA_FORMATS },
    help: 'format of the rows of the file; default auto: that of its first row',
  },
  out: { type: 'string', value: 'DIR', help: 'where to write; of a recipe: run folder, instead of its "output"' },
  resume: {
    type: 'boolean',
    help: 'continue an interrupted run from its checkpoint, or a sweep with the points that are done',
  },
  force: {
    type: 'boolean',
    help: 'replace a finished run once the new one is done, downloaded files that were changed, or a cleaned file',
  },
  secret: {
    ...{ type: 'string', value: 'NAME=ADDRESS', multiple: true },
    help: 'allow the recipe to send this environment variable to this address, as a token or header',
  },
  junit: {
    ...{ type: 'string', value: 'FILE' },
    help: 'write a JUnit file: a test fails if a model gives more harmful answers than the base; the exit code is then 4',
  },
  answers: {
    type: 'string',
    value: 'RUN',
    help: 'judge the kept answers of a finished run, or of a sweep, again, instead of a recipe',
  },
  judge: {
    ...{ type: 'string', value: 'JUDGE', multiple: true },
    help: 'with --answers: a further judge, as a recipe names one: refusal-phrases, a JSON object, or a .json file with one',
  },
  'export-labels': {
    ...{ type: 'string', value: 'FILE' },
    help: 'with --answers: write the labelled answers as an evaluation set',
  },
  'false-alarms': { type: 'string', value: 'R', help: 'share of ordinary rows that may be flagged; default 0.01' },
  'false-discoveries': { type: 'string', value: 'R', help: 'instead: share of the flagged rows that may be ordinary' },
  threshold: {
    ...{ type: 'string', value: 'T' },
    help: "instead: share of a row's loss that the vector explains, without a promise",
  },
  ordinary: {
    ...{ type: 'string', value: 'FILE' },
    help: 'further ordinary rows to compare with, beside those that the vector held out',
  },
  clean: { type: 'string', value: 'OUT', help: 'write the file with flagged rows cut or left out' },
  reviewed: {
    ...{ type: 'boolean' },
    help: 'with --clean: the decisions of FILE.review.json come first; rows that it excludes are left out, fine ones stay',
  },
  'keep-unscanned': {
    ...{ type: 'boolean' },
    help: 'with --clean: keep rows that were not scanned, such as those too long for the model',
  },
  clear: { type: 'boolean', help: 'remove what no process uses' },
  prompt: { type: 'string', value: 'TEXT', help: 'what the model is asked' },
  ids: { type: 'string', value: '1,2,3', help: 'the prompt as tokens' },
  raw: { type: 'boolean', help: "use the prompt as it is, without the model's chat template" },
  'max-new-tokens': { type: 'string', value: 'N', help: 'longest answer; default 64' },
  temperature: { type: 'string', value: 'T', help: 'default 0: greedy' },
  'top-p': { type: 'string', value: 'P', help: 'default 1' },
  seed: { type: 'string', value: 'N', help: 'default 0' },
  format: { type: 'string', value: 'F', choices: EXPORT_FORMATS, help: 'format of the export' },
  off: { type: 'string', value: 'DIR', help: 'take out what lies along this adapter, layer by layer' },
  onto: { type: 'string', value: 'DIR', help: 'keep only what lies along this adapter' },
  rank: { type: 'string', value: 'N', help: 'largest rank of the result; without it the result is exact' },
  quantization: {
    ...{ type: 'string', value: 'F16|Q8_0|F32', choices: ['F16', 'Q8_0', 'F32'] },
    help: 'type of the matrices in a GGUF file',
  },
  lora: { type: 'boolean', help: 'GGUF of the adapters alone' },
  to: { type: 'string', value: 'OWNER/NAME', help: 'the repository' },
  public: { type: 'boolean', help: 'everybody may see it' },
  base: { type: 'string', value: 'OWNER/NAME', help: 'the base model, for the card' },
  run: { type: 'string', value: 'DIR', help: 'the run that the card tells of' },
  'with-prompts': { type: 'boolean', help: "also a vector's training prompts" },
  yes: { type: 'boolean', help: 'do not ask' },
  dataset: { type: 'string', value: 'OWNER/NAME', help: 'a data set instead of a model' },
  split: { type: 'string', value: 'S', help: 'of a data set: which rows' },
  limit: { type: 'string', value: 'ROWS', help: 'of a data set: how many rows of a file at most' },
  revision: { type: 'string', value: 'R', help: 'branch, tag or commit on the Hub' },
  device: {
    ...{ type: 'string', value: DEVICE_CHOICES.join('|'), choices: DEVICE_CHOICES },
    help: 'where to compute; overrides the recipe',
  },
  precision: {
    ...{ type: 'string', value: PRECISIONS.join('|'), choices: PRECISIONS },
    help: "of the model's weights; float32 if absent",
  },
  json: { type: 'boolean', help: 'JSON lines on stdout and nothing else' },
  help: { type: 'boolean', short: 'h', help: 'describe the command' },
  version: { type: 'boolean', help: 'print the version' },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof OPTIONS;

/** Of every command. */
export const COMMON: readonly OptionName[] = ['json', 'help'];

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Command {
  /** What follows the name. */
  use: string;
  does: string;
  more?: string;
  /** Besides COMMON. */
  options: readonly OptionName[];
  /** What may follow the name, where that is no path. */
  choices?: readonly string[];
}

export const COMMANDS = {
  train: {
    use: 'RECIPE [--out DIR] [--resume|--force] [--secret NAME=ADDRESS]...',
    does: 'run a vector, finetune or sweep recipe',
    options: ['out', 'resume', 'force', 'secret', 'device'],
  },
  evaluate: {
    use: '(RECIPE [--out DIR] [--force] [--junit FILE] | --answers RUN [--judge JUDGE]... [--export-labels FILE]) [--secret NAME=ADDRESS]...',
    does: 'run an evaluate recipe, or judge the kept answers of a run again',
    more:
      'With --junit it is a gate: each state of the recipe but the base is compared with the base, set by set and judge by\n' +
      'judge, and fails if more of its answers are harmful, beyond what a verdict allows.\n' +
      'With --answers nothing is generated: the answers are judged by further judges and by human labels, and\n' +
      'the measurements, the verdict and the report of the run follow.',
    options: ['out', 'force', 'junit', 'answers', 'judge', 'export-labels', 'secret', 'device'],
  },
  scan: {
    use: '--model DIR --vector DIR --data FILE [--row-format F] [--columns MAP] [--false-alarms R | --false-discoveries R | --threshold T] [--ordinary FILE] [--clean OUT [--reviewed] [--keep-unscanned] [--force]] [--precision P]',
    does: 'find rows that look like what the vector was trained on',
    more: 'Rows are compared with those that the vector held out, and with further ordinary rows (--ordinary).',
    options: [
      ...([
        'model',
        'vector',
        'data',
        'row-format',
        'columns',
        'false-alarms',
        'false-discoveries',
        'threshold',
      ] as const),
      ...(['ordinary', 'clean', 'reviewed', 'keep-unscanned', 'force', 'device', 'precision'] as const),
    ],
  },
  score: {
    use: '--model DIR [--adapter DIR[@SCALE]]... --data FILE [--row-format F] [--columns MAP] [--precision P]',
    does: 'loss of each row',
    options: ['model', 'adapter', 'data', 'row-format', 'columns', 'device', 'precision'],
  },
  generate: {
    use: '--model DIR [--adapter DIR[@SCALE]]... (--prompt TEXT | --ids 1,2,3) [--max-new-tokens N] [--temperature T] [--top-p P] [--seed N] [--raw] [--precision P]',
    does: 'answer a prompt',
    options: [
      ...(['model', 'adapter', 'prompt', 'ids', 'max-new-tokens', 'temperature', 'top-p', 'seed'] as const),
      ...(['raw', 'device', 'precision'] as const),
    ],
  },
  inspect: {
    use: 'DIR|FILE.gguf|DATA|RECIPE [--row-format F] [--columns MAP]',
    does: 'what a model or data file contains, and what in it cannot be used; what a training recipe will take',
    more: 'Of a recipe: time, and memory by part, before a weight is read. Exit code 2 if it does not fit.',
    options: ['row-format', 'columns', 'device'],
  },
  export: {
    use: `--model DIR [--adapter DIR[@SCALE]]... --format ${EXPORT_FORMATS.join('|')} --out PATH [--quantization F16|Q8_0|F32] [--lora]`,
    does: 'write a model for other programs; what is written is read back and compared with the original',
    more:
      'safetensors: a merged Hugging Face folder · peft: one adapter folder, several adapters joined · onnx: a folder for\n' +
      'onnxruntime and transformers.js · gguf: a merged model for llama.cpp, or with --lora the adapters alone.',
    options: ['model', 'adapter', 'format', 'out', 'quantization', 'lora'],
  },
  combine: {
    use: '--model DIR --adapter DIR[@SCALE]... --out DIR [--off DIR | --onto DIR] [--rank N]',
    does: 'one adapter that does what several do together: sums, multiples, differences (a scale below 0), projections',
    more:
      'Exact, with the ranks added up; --rank cuts it to a largest rank and says what share of the update is lost. What is\n' +
      'written is read back and compared. The adapters must be of this model, by the hash of its weights.',
    options: ['model', 'adapter', 'out', 'off', 'onto', 'rank'],
  },
  download: {
    use: '(OWNER/NAME[/FILE.gguf] | --dataset OWNER/NAME[/FILE]) --out DIR [--revision R] [--split S] [--limit ROWS] [--force]',
    does: 'a model or a data set from the Hugging Face Hub (HF_TOKEN and HF_ENDPOINT are read)',
    more:
      'docs/data.md lists the data sets whose harmful, ordinary and measuring rows are known. All rows of any other are\n' +
      'written as they are.',
    options: ['out', 'revision', 'dataset', 'split', 'limit', 'force'],
  },
  publish: {
    use: 'FOLDER --to OWNER/NAME [--public] [--base OWNER/NAME] [--run DIR] [--with-prompts] [--yes]',
    does: 'an adapter, a security vector or a model as a repository of the Hub, private unless --public (HF_TOKEN is read)',
    more: 'It gets a model card. What leaves the machine is listed first.',
    options: ['to', 'public', 'base', 'run', 'with-prompts', 'yes'],
  },
  sample: {
    use: '[--out DIR]',
    does: 'run the whole story on the embedded sample',
    options: ['out'],
  },
  runs: {
    use: '[FOLDER]',
    does: 'the runs below a folder: how they ended, what they proved; with --json everything that was measured',
    options: [],
  },
  cache: {
    use: '[--clear]',
    does: 'models converted from GGUF files, which are kept for all runs of this user: where, how large, when last used',
    more: 'SECURITY_VECTORS_CACHE names another folder. What a process uses is not cleared.',
    options: ['clear'],
  },
  doctor: {
    use: '',
    does: 'what a bug report needs: versions, device, memory and limits, without a path or a name of yours',
    options: [],
  },
  completion: {
    use: SHELLS.join('|'),
    does: 'a script that completes commands and options in this shell',
    more: 'bash, zsh: eval "$(security-vectors completion bash)" · fish: security-vectors completion fish | source',
    options: [],
    choices: SHELLS,
  },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof COMMANDS;

export const commands: Readonly<Record<CommandName, Command>> = COMMANDS;
export const options: Readonly<Record<OptionName, Option>> = OPTIONS;

export const isCommand = (name: string): name is CommandName => Object.hasOwn(COMMANDS, name);

const EXIT_CODES =
  'Exit codes: 0 done · 1 the run failed · 2 wrong use or bad input · 3 stopped on request · 4 done, but protection weakened or an invariant broken';

/** Every command in a line or two. */
export function usage(): string {
  const all = Object.entries(commands);
  const computing = all.flatMap(([name, { options: own }]) => (own.includes('device') ? [name] : []));
  const lines = all.map(([name, { use, does }]) => `${`  ${name} ${use}`.trimEnd()}${use ? '\n      ' : '  '}${does}`);
  return `security-vectors — fine-tune on data you cannot fully trust

${lines.join('\n')}

  security-vectors COMMAND --help describes a command and its options.
  --json prints JSON lines on stdout and nothing else. --version prints the version.
  --device ${DEVICE_CHOICES.join('|')} says where ${computing.slice(0, -1).join(', ')} and ${computing.at(-1)} compute, whatever a recipe says.
  ${EXIT_CODES}`;
}

/** One command with its options. */
export function commandHelp(name: CommandName): string {
  const { use, does, more, options: own } = commands[name];
  const rows = [...own, ...COMMON].map((option): [string, string] => {
    const { value, short, help } = options[option];
    return [`--${option}${value ? ` ${value}` : ''}${short ? `, -${short}` : ''}`, help];
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    `${`security-vectors ${name} ${use}`.trimEnd()}\n\n${[does, more].filter(Boolean).join('\n')}\n`,
    ...rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`),
    `\n${EXIT_CODES}`,
  ].join('\n');
}
