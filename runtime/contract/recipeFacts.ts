/**
 * A recipe as whoever shows it reads it: leniently, so that one that is being typed has its lenses. Whether it can run
 * is for the schema (recipe.ts) to say. The keys that name files are those of recipeInputs.ts.
 */
import { withoutSlash } from './address.js';
import type { ErrorData } from './errors.js';
import type { RunEvent } from './events.js';
import { isObject } from './isObject.js';
import { KINDS, type InputRole } from './kinds.js';
import { COLUMN_FIELDS, type Columns, type ReadAs } from './mapping.js';
import { namedProbes, type NamedProbes } from './probeRows.js';
import type { Recipe } from './recipe.js';
import type { ClusterTarget } from './recipeCluster.js';
import type { EvaluationSet } from './recipeData.js';
import type { EndpointChoice, JudgeChoice } from './recipeJudges.js';
import { DATA_FORMATS, MEASURES, type DataFormat, type MeasureKind } from './recipeWords.js';
import { RECIPE_KINDS, recipeInputs, valueAt } from './recipeInputs.js';
import { secretKey, type SecretName } from './secrets.js';

/** What is known of a recipe, with its paths as `at` makes them. */
export interface RecipeFacts {
  kind: Recipe['kind'];
  /** Empty for a sweep, whose base names it. */
  model: string;
  /** Run folder. */
  output: string;
  /** Data files: `data`, or `harmful` and `benign`. */
  data: string[];
  /** Data files and evaluation sets whose columns are mapped. */
  columns: ReadonlyMap<string, Columns>;
  /** The same, whose row format is named. */
  formats: ReadonlyMap<string, DataFormat>;
  /** finetune: security vectors that are active while training. */
  vectors: string[];
  evaluate: EvaluationFacts[];
  /** evaluate: adapters judged. */
  adapters: string[];
  /** Models and adapters of any use, which other runs may have made. */
  uses: string[];
  /** How answers are generated, and how many at once, as it is written. */
  generation?: unknown;
  batch?: unknown;
  /** Who judges, as it is written, but for the paths. */
  judges?: readonly unknown[];
  /** finetune: its own rows for the charts. */
  probes?: NamedProbes;
  /** vector: stop.harmfulLoss. */
  goalHarmfulLoss?: number;
  /** Where it computes, if not here, and the secrets that this takes; of a sweep the addresses of all clusters. */
  cluster?: { address: string; secrets: SecretName[] };
  /** Secrets that its judges take. */
  judgeSecrets?: SecretName[];
  /** As it is written, for comparisons with other runs. */
  raw: Record<string, unknown>;
}

export interface EvaluationFacts {
  name: string;
  file: string;
  measure: MeasureKind;
  columns?: Columns;
  /** The set as it is written, for recipes made from this one. */
  raw: Record<string, unknown>;
}

/** An object that may have the keys of T, with anything as their values. */
type Written<T> = Record<string, unknown> & { [K in T extends T ? keyof T : never]?: unknown };

/**
 * Undefined when the value is no recipe, or not enough of one yet.
 * @param at a path as it is written → what it stands for.
 */
export function recipeFacts(value: unknown, at: (path: string) => string): RecipeFacts | undefined {
  const kind = recipeKind(value);
  const output = recipeOutput(value);
  if (!isWritten<Recipe>(value) || kind === undefined || output === undefined) return undefined;
  if (!isText(kind === 'sweep' ? value.base : value.model)) return undefined;
  const paths = (role: InputRole): string[] => recipeInputs({ ...value, kind }, role).map(({ path }) => at(path));
  const sourcesWith = <T>(name: keyof ReadAs, read: (value: unknown) => T | undefined): Map<string, T> =>
    new Map(
      SOURCES.flatMap((role) => recipeInputs({ ...value, kind }, role)).flatMap(({ key, path }): [string, T][] => {
        const found = read(valueAt(value, key.replace(/file$/, name)));
        return found === undefined ? [] : [[at(path), found]];
      }),
    );
  const stop = isWritten<{ harmfulLoss: number }>(value.stop) ? value.stop.harmfulLoss : undefined;
  return {
    kind,
    model: isText(value.model) ? at(value.model) : '',
    output: at(output),
    data: paths('data'),
    columns: sourcesWith('columns', columnsOf),
    formats: sourcesWith('format', formatOf),
    vectors: paths('vector'),
    evaluate: list(value.evaluate).flatMap((set) => evaluationFacts(set, at)),
    adapters: paths('adapter'),
    uses: usesOf({ ...value, kind }, at),
    generation: value.generation,
    batch: value.batch,
    judges: Array.isArray(value.judges) ? value.judges.map((judge) => judgeFacts(judge, at)) : undefined,
    ...(kind === 'finetune' && { probes: namedProbes(value, at) }),
    goalHarmfulLoss: typeof stop === 'number' ? stop : undefined,
    ...clusterFacts([value.on]),
    ...judgeSecretsFacts(list(value.judges)),
    raw: value,
  };
}

/** Models and adapters that a recipe names, whatever it uses them for. */
export const usesOf = (recipe: { kind: string }, at: (path: string) => string): string[] =>
  MADE.flatMap((role) => recipeInputs(recipe, role).map(({ path }) => at(path)));

/** Whether a key of a fine-tuning holds, or is, one of these. */
export function holdsUses(key: string): boolean {
  const parts = key.split('.');
  return USED_KEYS.some(
    (used) => parts.length <= used.length && parts.every((part, i) => used[i] === '*' || used[i] === part),
  );
}

/** @param targets `on` of recipes that are run together */
export function clusterFacts(targets: readonly unknown[]): Pick<RecipeFacts, 'cluster'> {
  const there = targets.flatMap((on) =>
    isWritten<ClusterTarget>(on) && isText(on.ray) ? [{ ...on, ray: on.ray }] : [],
  );
  if (there.length === 0) return {};
  const secrets = there.flatMap(({ ray, token, headers }) => {
    const names = [token, ...(isWritten<Record<string, string>>(headers) ? Object.values(headers) : [])];
    return names.filter(isText).map((name) => ({ address: ray, name }));
  });
  const addresses = new Set(there.map(({ ray }) => ray));
  return { cluster: { address: [...addresses].join(', '), secrets: eachOnce(secrets) } };
}

function judgeSecretsFacts(judges: readonly unknown[]): Pick<RecipeFacts, 'judgeSecrets'> {
  const judgeSecrets = secretsOfJudges(judges);
  return judgeSecrets.length > 0 ? { judgeSecrets } : {};
}

/** Each once. */
export const secretsOfJudges = (judges: readonly unknown[]): SecretName[] =>
  eachOnce(
    judges.flatMap((judge) =>
      isWritten<EndpointChoice>(judge) && isText(judge.endpoint) && isText(judge.token)
        ? [{ address: judge.endpoint, name: judge.token }]
        : [],
    ),
  );

const eachOnce = (secrets: readonly SecretName[]): SecretName[] => [
  ...new Map(secrets.map((one) => [secretKey(one.address, one.name), one])).values(),
];

/**
 * What judges have refused, or missed, by the warnings of a run.
 * @param wanted all secrets, for a judge that the list does not have: that of a sweep is in its base
 */
export function refusedSecrets(
  events: readonly RunEvent[],
  judges: readonly unknown[],
  wanted: readonly SecretName[],
): SecretName[] {
  const refused = events.flatMap((event) =>
    event.kind === 'warning' ? (/^judges\.(\d+)\.token$/.exec(event.place ?? '')?.[1] ?? []) : [],
  );
  return [...new Set(refused)].flatMap((i) => (Number(i) in judges ? secretsOfJudges([judges[Number(i)]]) : wanted));
}

/** Those of the cluster that refuses one, as an error or a warning says. */
export function refusedByCluster(
  { code, place }: Pick<ErrorData, 'code' | 'place'>,
  wanted: readonly SecretName[],
): SecretName[] {
  // Of a point its values stand before the address.
  const at = place?.split(' → ').at(-1);
  return code === 'secret' ? wanted.filter(({ address }) => withoutSlash(address) === at) : [];
}

const MADE: readonly InputRole[] = ['model', 'origin', 'vector', 'start', 'adapter'];
const USED_KEYS = KINDS.finetune.inputs.flatMap(([key, role]) => (MADE.includes(role) ? [key.split('.')] : []));
const SOURCES = ['data', 'set', 'probes'] as const satisfies InputRole[];

/** What of a mapping can be used, if anything. */
function columnsOf(value: unknown): Columns | undefined {
  if (!isWritten<Columns>(value)) return undefined;
  const columns = Object.fromEntries(COLUMN_FIELDS.flatMap((f) => (isText(value[f]) ? [[f, value[f]]] : [])));
  return Object.keys(columns).length > 0 ? columns : undefined;
}

/** A row format that is named; `auto` names none. */
const formatOf = (value: unknown): DataFormat | undefined =>
  DATA_FORMATS.find((format) => format === value && format !== 'auto');

/** The kind of a recipe; undefined for what is none. */
export const recipeKind = (value: unknown): Recipe['kind'] | undefined =>
  isWritten<Recipe>(value) ? RECIPE_KINDS.find((kind) => kind === value.kind) : undefined;

/** `output` as it is written. */
export const recipeOutput = (value: unknown): string | undefined =>
  isWritten<Recipe>(value) && isText(value.output) ? value.output : undefined;

/** Keys of recipes: each has one of them, whatever else is wrong with it. */
export const RECIPE_KEYS = ['model', 'output', 'harmful', 'data'] as const;

/** Where a text of JSON says that it is a recipe, whatever else is wrong with it. */
export const KIND_IN_TEXT = new RegExp(`"kind"\\s*:\\s*"(?:${RECIPE_KINDS.join('|')})"`);

/** A list, or a line that is an object before another one: rows, which may have a column of that name. */
const ROWS = /^\uFEFF?\s*(?:\[|\{[^\n]*\}[^\S\n]*\n\s*\{)/;

/** Whether a text of JSON says that it is a recipe. */
export const saysKind = (text: string): boolean => KIND_IN_TEXT.test(text) && !ROWS.test(text);

function evaluationFacts(set: unknown, at: (path: string) => string): EvaluationFacts[] {
  if (!isWritten<EvaluationSet>(set) || !isText(set.file)) return [];
  const measure = MEASURES.find((known) => known === set.measure);
  if (measure === undefined) return [];
  const file = set.file.split(/[\\/]/).at(-1) ?? set.file;
  const columns = columnsOf(set.columns);
  const name = isText(set.name) ? set.name : file;
  return [{ name, file: at(set.file), measure, ...(columns && { columns }), raw: set }];
}

const judgeFacts = (judge: unknown, at: (path: string) => string): unknown =>
  isWritten<Exclude<JudgeChoice, string>>(judge) && isText(judge.classifier)
    ? { ...judge, classifier: at(judge.classifier) }
    : judge;

const isWritten = <T>(value: unknown): value is Written<T> => isObject(value);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
