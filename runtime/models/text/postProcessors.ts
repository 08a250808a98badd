import { isObject } from '../../contract/isObject.js';
import { sum } from '../../contract/sum.js';
import { shown } from '../../support/jsonFile.js';
import { checkId, MAX_DEPTH } from './tokenizerFile.js';

/** What a tokenizer puts around a text: its special tokens. */
type PostProcess = (ids: number[]) => number[];

type Config = Record<string, unknown>;
/** Ids that may be put around a text; real files have one or two. */
const MAX_IDS = 4096;

/**
 * The post-processor of a tokenizer.json for a single text.
 * @throws Error naming what is not known.
 */
export function postProcessor(config: unknown, depth = 0): PostProcess {
  if (config === null || config === undefined) return (ids) => ids;
  const type = isObject(config) ? config.type : undefined;
  if (depth > MAX_DEPTH) throw new Error('post-processors are nested too deeply');
  if (typeof type !== 'string' || !Object.hasOwn(PROCESSORS, type))
    throw new Error(`unknown post-processor ${shown(type)}`);
  return PROCESSORS[type](config as Config, depth);
}

const PROCESSORS: Record<string, (config: Config, depth: number) => PostProcess> = {
  // It changes offsets only.
  ByteLevel: () => (ids) => ids,
  TemplateProcessing: template,
  BertProcessing: around,
  RobertaProcessing: around,
  Sequence: ({ processors }, depth) => {
    if (!Array.isArray(processors)) throw new Error('"processors" must be a list');
    const steps = processors.map((part) => postProcessor(part, depth + 1));
    return (ids) => steps.reduce((processed, step) => step(processed), ids);
  },
};

function template({ single, special_tokens: special }: Config): PostProcess {
  if (!Array.isArray(single)) throw new Error('the "single" of a TemplateProcessing must be a list');
  // Each further copy of the text would multiply those of the processors before it.
  const texts = (single as unknown[]).filter((item) => isObject(item) && isObject(item.Sequence)).length;
  if (texts > 1) throw new Error(`a TemplateProcessing repeats the text ${texts} times`);
  const parts = (single as unknown[]).map((item): number[] | undefined => {
    if (isObject(item) && isObject(item.Sequence)) return undefined;
    const name = isObject(item) && isObject(item.SpecialToken) ? item.SpecialToken.id : undefined;
    const token = isObject(special) && typeof name === 'string' ? special[name] : undefined;
    return idsOf(isObject(token) ? token.ids : undefined, name);
  });
  checkCount(sum(parts.map((part) => part?.length ?? 0)));
  return (ids) => parts.flatMap((part) => part ?? ids);
}

function around({ cls, sep }: Config): PostProcess {
  const [before, behind] = [cls, sep].map((token) => {
    const [name, id] = Array.isArray(token) ? (token as unknown[]) : [];
    return idsOf([id], name);
  });
  return (ids) => [...before, ...ids, ...behind];
}

function idsOf(ids: unknown, name: unknown): number[] {
  if (!Array.isArray(ids)) throw new Error(`the special token ${shown(name)} of the post-processor has no ids`);
  checkCount(ids.length);
  return ids.map((id) => checkId(id, String(name)));
}

function checkCount(ids: number): void {
  if (ids > MAX_IDS)
    throw new Error(`the post-processor puts ${ids} tokens around a text; at most ${MAX_IDS} are used`);
}
