/**
 * What a job says in its log (job/messages.py): lines with numbers, of which each is taken once, whatever is read
 * again.
 */
import { gunzipSync } from 'node:zlib';
import * as z from 'zod';
import { jsonOrNone } from '../support/jsonFile.js';
import { safeParse } from '../contract/safeParse.js';
import { HumanError } from '../support/errors.js';
import { sha256 } from '../support/files.js';

/** Stands before each value in the log. */
export const MARK = '@security-vectors ';
const MOST_BYTES = 512 * 2 ** 20;

const count = z.int().min(0);
const real = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);
const row = z.array(real);
const set = z.object({ rows: z.array(row), norm: real.optional() });
const message = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('step'),
    step: count,
    stage: count,
    nll: real,
    tokens: count,
    harmfulNll: real,
    harmfulTokens: count,
    norm: real,
    rate: real,
    ms: real,
    memory: real,
  }),
  z.object({ kind: z.literal('measured'), step: count, sets: z.record(z.string(), set) }),
  z.object({ kind: z.literal('checkpoint'), step: count, stage: count }),
  z.object({
    kind: z.literal('adapter'),
    name: z.string(),
    sha256: z.string(),
    bytes: count,
    place: z.string(),
    data: z.string().optional(),
  }),
  z.object({ kind: z.literal('answers'), sets: z.record(z.string(), z.array(z.array(count))) }),
  z.object({ kind: z.literal('done') }),
]);
export type JobMessage = z.infer<typeof message>;
export type MeasuredSet = z.infer<typeof set>;

const part = z.object({ kind: z.literal('part'), data: z.string(), sha256: z.string().optional() });
const resources = z.record(z.string(), z.number());
const note = z.object({
  note: z.string(),
  step: count.optional(),
  wanted: resources.optional(),
  there: resources.optional(),
  free: resources.optional(),
  workers: count.optional(),
});
export type JobNote = z.infer<typeof note>;

export interface MessageReader {
  /** The number of the last message that was taken. */
  readonly taken: number;
  /** Messages of one complete line of the log; none for what is no message, or was taken before. */
  line(text: string): Promise<void>;
}

/**
 * @param after the number of the last message that is known already
 * @throws HumanError from `line` for a message that is damaged
 */
export function messageReader(
  after: number,
  hooks: { onMessage: (message: JobMessage, seq: number) => Promise<void>; onNote: (note: JobNote) => Promise<void> },
): MessageReader {
  let taken = after;
  let parts: string[] = [];
  let previous = after;
  return {
    get taken() {
      return taken;
    },
    async line(text) {
      for (const value of valuesIn(text)) await hear(value);
    },
  };

  async function hear(value: unknown): Promise<void> {
    const said = safeParse(note, value);
    if (said.success) {
      // What follows was said once more from the last checkpoint on: a message in parts that broke off begins again.
      if (said.data.note === 'restarted') [previous, parts] = [taken, []];
      return hooks.onNote(said.data);
    }
    const seq = (value as { seq?: unknown } | undefined)?.seq;
    if (typeof seq !== 'number' || seq <= previous) return;
    if (seq !== previous + 1) throw damaged(`message ${previous + 1} is missing`);
    previous = seq;
    const piece = safeParse(part, value);
    let whole = value;
    if (piece.success) {
      parts.push(piece.data.data);
      if (piece.data.sha256 === undefined) return;
      const bytes = unpacked(parts.join(''));
      if (!bytes || sha256(bytes) !== piece.data.sha256) throw damaged(`message ${seq} is not what was sent`);
      whole = jsonOrNone(bytes.toString());
      parts = [];
    }
    const checked = safeParse(message, whole);
    if (!checked.success) throw damaged(`message ${seq} is not understood`);
    // A message in parts that was cut off by a stop is read again from its first part.
    taken = seq;
    await hooks.onMessage(checked.data, seq);
  }
}

/** Undefined for what is no whole message, or one that is too large. */
function unpacked(text: string): Buffer | undefined {
  try {
    return gunzipSync(Buffer.from(text, 'base64'), { maxOutputLength: MOST_BYTES });
  } catch {
    return undefined;
  }
}

/** The values behind the marks of a line. Other things may stand around them: whatever a job runs writes to its log. */
function* valuesIn(text: string): Generator<unknown> {
  for (let at = text.indexOf(MARK); at >= 0; at = text.indexOf(MARK, at + 1)) {
    const from = at + MARK.length;
    const end = objectEnd(text, from);
    if (end !== undefined) yield jsonOrNone(text.slice(from, end));
  }
}

/** Where the JSON object ends that begins here; undefined where it does not end. */
function objectEnd(text: string, from: number): number | undefined {
  let depth = 0;
  let isQuoted = false;
  for (let at = from; at < text.length; at++) {
    const c = text[at];
    if (c === '"') isQuoted = !isQuoted;
    else if (isQuoted) at += c === '\\' ? 1 : 0;
    else if (c === '{') depth++;
    else if (c === '}' && --depth === 0) return at + 1;
  }
  return undefined;
}

const damaged = (what: string): HumanError =>
  new HumanError(`the log of the job is damaged: ${what}.`, {
    kind: 'failed',
    remedy: 'Resume the run: the log is read again. If it stays so, start the run over.',
  });
