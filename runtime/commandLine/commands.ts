/** The commands and options of the command line: one table for the parser, `--help` and shell completion. */
import { EXPORT_FORMATS } from '../contract/exports.js';
import { DATA_FORMATS, DEVICE_CHOICES, PRECISIONS } from '../contract/recipeWords.js';

interface Option {
  type: 'boolean' | 'string';
  /** What stands for the value in help; a DIR or FILE is completed as a path. */
  value?: string;
  choices?: readonly string[];
  multiple?: boolean;
  short?: string;
  /** Where the commands do something else by it: what each does. */
  help: string | Readonly<Record<string, string>>;
}

const text = <const H extends Option['help']>(value: string, help: H) => ({ type: 'string', value, help }) as const;
const flag = <const H extends Option['help']>(help: H) => ({ type: 'boolean', help }) as const;

const RUN_FOLDER = 'run folder, instead of "output" of the recipe';

export const OPTIONS = {
  model: text('DIR', 'Hugging Face folder or .gguf file'),
  adapter: {
    ...text('DIR[@SCALE]', 'attach an adapter, with a factor on it; may be given several times'),
    multiple: true,
  },
  vector: text('DIR', 'the security vector'),
  data: text('FILE', 'data file: JSON lines, JSON, CSV, TSV or Parquet'),
  columns: text('MAP', 'which columns of the file are which fields of its rows: prompt=question,completion=answer'),
  'row-format': {
    ...text('F', 'format of the rows of the file; default auto: that of its first row'),
    choices: DATA_FORMATS,
  },
  out: text('DIR', {
    train: RUN_FOLDER,
    evaluate: RUN_FOLDER,
    export: 'where to write: a folder that is new or empty, or of GGUF a file',
    combine: 'folder of the new adapter, which is new or empty',
    download: 'folder of the model or the data set; one that was cut off goes on there',
    sample: 'folder of report, result and workspace, which is new, empty or of an earlier sample; default out/start',
  }),
  resume: flag('continue an interrupted run from its checkpoint, or a sweep with the points that are done'),
  force: flag({
    train:
      'replace a finished run once the new one is done, start one with a checkpoint over, or run all points of a sweep again (with --resume only those that have changed)',
    evaluate: 'replace a finished run once the new one is done',
    scan: 'with --clean: replace OUT',
    download: 'replace downloaded files that were changed, another model, or an earlier data set',
  }),
  secret: {
    ...text('NAME=ADDRESS', 'allow the recipe to send this environment variable to this address, as a token or header'),
    multiple: true,
  },
  junit: text(
    'FILE',
    'write a JUnit file: a test fails if a model gives more harmful answers than the base; the exit code is then 4',
  ),
  answers: text('RUN', 'judge the kept answers of a finished run, or of a sweep, again, instead of a recipe'),
  judge: {
    ...text(
      'JUDGE',
      'with --answers: a further judge, as a recipe names one: refusal-phrases, a JSON object, or a .json file with one',
    ),
    multiple: true,
  },
  'export-labels': text('FILE', 'with --answers: write the labelled answers as an evaluation set'),
  'false-alarms': text('R', 'share of ordinary rows that may be flagged; default 0.01'),
  'false-discoveries': text('R', 'instead: share of the flagged rows that may be ordinary'),
  threshold: text('T', "instead: share of a row's loss that the vector explains, without a promise"),
  ordinary: text('FILE', 'further ordinary rows to compare with, beside those that the vector held out'),
  clean: text('OUT', 'write the file with flagged rows cut or left out'),
  reviewed: flag(
    'with --clean: the decisions of FILE.review.json come first; rows that it excludes are left out, fine ones stay',
  ),
  'keep-unscanned': flag('with --clean: keep rows that were not scanned, such as those too long for the model'),
  clear: flag('remove what no process uses'),
  prompt: text('TEXT', 'what the model is asked'),
  ids: text('1,2,3', 'the prompt as tokens'),
  raw: flag("use the prompt as it is, without the model's chat template"),
  'max-new-tokens': text('N', 'longest answer; default 64'),
  temperature: text('T', 'default 0: greedy'),
  'top-p': text('P', 'default 1'),
  seed: text('N', 'default 0'),
  format: { ...text('F', 'format of the export'), choices: EXPORT_FORMATS },
  off: text('DIR', 'take out what lies along this adapter, layer by layer'),
  onto: text('DIR', 'keep only what lies along this adapter'),
  rank: text('N', 'largest rank of the result; without it the result is exact'),
  quantization: { ...text('F16|Q8_0|F32', 'type of the matrices in a GGUF file'), choices: ['F16', 'Q8_0', 'F32'] },
  lora: flag('GGUF of the adapters alone'),
  to: text('OWNER/NAME', 'the repository'),
  public: flag('everybody may see it'),
  base: text('OWNER/NAME', 'the base model, for the card'),
  run: text('DIR', 'the run that the card tells of'),
  'with-prompts': flag("also a vector's training prompts"),
  yes: flag('do not ask'),
  dataset: text('OWNER/NAME', 'a data set instead of a model'),
  split: text('S', 'of a data set: which rows'),
  limit: text('ROWS', 'of a data set: how many rows of a file at most'),
  revision: text('R', 'branch, tag or commit on the Hub'),
  device: { ...text(DEVICE_CHOICES.join('|'), 'where to compute; overrides the recipe'), choices: DEVICE_CHOICES },
  precision: { ...text(PRECISIONS.join('|'), "of the model's weights; float32 if absent"), choices: PRECISIONS },
  json: flag('JSON lines on stdout and nothing else'),
  help: { ...flag('describe the command'), short: 'h' },
  version: flag('print the version'),
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof OPTIONS;

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Command {
  /** What follows the name. */
  use: string;
  /** That is not options alone: the command itself checks its arguments. */
  arguments?: true;
  does: string;
  more?: string;
  /** Besides --json and --help, which all have. */
  options: readonly OptionName[];
  /** Its output is neither for people nor JSON: it has no --json. */
  isScript?: true;
  /** What may follow the name, where that is no path. */
  choices?: readonly string[];
}

export const COMMANDS = {
  train: {
    use: 'RECIPE [--out DIR] [--resume|--force] [--secret NAME=ADDRESS]...',
    arguments: true,
    does: 'run a vector, finetune or sweep recipe',
    options: ['out', 'resume', 'force', 'secret', 'device'],
  },
  evaluate: {
    use: '(RECIPE [--out DIR] [--force] [--junit FILE] | --answers RUN [--judge JUDGE]... [--export-labels FILE]) [--secret NAME=ADDRESS]...',
    arguments: true,
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
      'model',
      'vector',
      'data',
      'row-format',
      'columns',
      'false-alarms',
      'false-discoveries',
      'threshold',
      'ordinary',
      'clean',
      'reviewed',
      'keep-unscanned',
      'force',
      'device',
      'precision',
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
      'model',
      'adapter',
      'prompt',
      'ids',
      'max-new-tokens',
      'temperature',
      'top-p',
      'seed',
      'raw',
      'device',
      'precision',
    ],
  },
  inspect: {
    use: 'DIR|FILE.gguf|DATA|RECIPE [--row-format F] [--columns MAP]',
    arguments: true,
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
    arguments: true,
    does: 'a model or a data set from the Hugging Face Hub (HF_TOKEN and HF_ENDPOINT are read)',
    more:
      'docs/data.md lists the data sets whose harmful, ordinary and measuring rows are known. All rows of any other are\n' +
      'written as they are.',
    options: ['out', 'revision', 'dataset', 'split', 'limit', 'force'],
  },
  publish: {
    use: 'FOLDER --to OWNER/NAME [--public] [--base OWNER/NAME] [--run DIR] [--with-prompts] [--yes]',
    arguments: true,
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
    arguments: true,
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
    arguments: true,
    does: 'a script that completes commands and options in this shell',
    more: 'bash, zsh: eval "$(security-vectors completion bash)" · fish: security-vectors completion fish | source',
    options: [],
    isScript: true,
    choices: SHELLS,
  },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof COMMANDS;

export const commands: Readonly<Record<CommandName, Command>> = COMMANDS;
export const options: Readonly<Record<OptionName, Option>> = OPTIONS;

/** All that a command takes. */
export const optionsOf = (name: CommandName): OptionName[] => {
  const { options: own, isScript } = commands[name];
  return [...own, ...(isScript ? [] : (['json'] as const)), 'help'];
};

export function helpOf(name: CommandName, option: OptionName): string {
  const { help } = options[option];
  return typeof help === 'string' ? help : help[name];
}

export const isCommand = (name: string): name is CommandName => Object.hasOwn(COMMANDS, name);

const EXIT_CODES =
  'Exit codes: 0 done · 1 the run failed, a point of the sweep did, or a gate could say nothing · 2 wrong use or bad input · 3 stopped on request · 4 done, but protection weakened or an invariant broken';

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
  const { use, does, more } = commands[name];
  const rows = optionsOf(name).map((option): [string, string] => {
    const { value, short } = options[option];
    return [`--${option}${value ? ` ${value}` : ''}${short ? `, -${short}` : ''}`, helpOf(name, option)];
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    `${`security-vectors ${name} ${use}`.trimEnd()}\n\n${[does, more].filter(Boolean).join('\n')}\n`,
    ...rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`),
    `\n${EXIT_CODES}`,
  ].join('\n');
}
