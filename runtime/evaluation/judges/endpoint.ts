/** A language model behind a server that speaks the OpenAI API (`POST …/chat/completions`). */
import { setTimeout as delay } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import * as z from 'zod';
import { withoutSlash } from '../../contract/address.js';
import { errorText } from '../../contract/errors.js';
import { HumanError } from '../../support/errors.js';
import { jsonOrNone } from '../../support/jsonFile.js';
import { onDemand } from '../../support/onDemand.js';
import { safeParse } from '../../contract/safeParse.js';
import type { EndpointChoice } from '../../contract/recipeJudges.js';
import { JudgeFault, type LanguageModel, type Reply } from './languageModel.js';

/** How often an answer is asked about, and how long is waited before the second time; then twice as long each time. */
export interface Attempts {
  readonly count: number;
  readonly firstMs: number;
}
const ATTEMPTS: Attempts = { count: 4, firstMs: 1000 };
/** Whatever a server asks for. */
const LONGEST_WAIT_MS = 60_000;
const MOST_BYTES = 2 ** 20;
/** A word is enough; the rest is for models that think aloud first. */
const MOST_TOKENS = 1024;
/** What newer models call `max_tokens`. */
const NEW_LIMIT = 'max_completion_tokens';

const count = z.number().int().min(0).nullish();
const completion = z.object({
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
      }),
    )
    .min(1),
  usage: z.object({ prompt_tokens: count, completion_tokens: count }).nullish(),
});

interface Answer {
  readonly status: number;
  readonly text: string;
  /** How long the server asks to wait. */
  readonly waitMs?: number;
}

export function endpointModel(
  choice: EndpointChoice,
  { token, attempts = ATTEMPTS }: { token?: string; attempts?: Attempts },
): LanguageModel {
  const address = withoutSlash(choice.endpoint);
  const network = onDemand(async () => {
    const { proxyAgent, request } = await import('../../support/network.js');
    return { request, dispatcher: proxyAgent() };
  });
  const timeout = choice.timeoutSeconds * 1000;
  /** Some models know no temperature, or another name for the limit: what was refused is not sent from then on. */
  const parameters = new Map([
    ['temperature', 0],
    ['max_tokens', MOST_TOKENS],
  ]);
  /** Keys of requests that were answered: a server that knows them refuses the one that it is asked about, not them. */
  const accepted = new Set<string>();
  const missing = choice.token !== undefined && !token;

  async function post(content: object, signal: AbortSignal, sent: () => void): Promise<Answer> {
    const { request, dispatcher } = await network();
    sent();
    const {
      statusCode,
      headers,
      body: stream,
    } = await request(`${address}/chat/completions`, {
      method: 'POST',
      dispatcher,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
      headers: {
        'content-type': 'application/json',
        'user-agent': 'security-vectors',
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(content),
    });
    const seconds = Number(headers['retry-after']);
    return {
      status: statusCode,
      text: await bounded(stream),
      ...(Number.isFinite(seconds) && { waitMs: seconds * 1000 }),
    };
  }

  /**
   * Sends again without the parameter that was refused. If that helps, later requests leave it out, too. Requests
   * overlap: only what this one sent counts.
   */
  async function send(system: string, user: string, signal: AbortSignal, sent: () => void): Promise<Answer> {
    const messages = [
      { role: 'system', content: system },
      { role: 'user', content: user },
    ];
    const own = new Map(parameters);
    const unknown = new Set<string>();
    for (;;) {
      const content = { model: choice.model, messages, ...Object.fromEntries(own) };
      const answer = await post(content, signal, sent);
      if (answer.status === 200) {
        for (const key of Object.keys(content)) accepted.add(key);
        for (const key of unknown) if (!accepted.has(key)) parameters.delete(key);
        // Also one that was refused for the sake of another answer meanwhile.
        for (const [key, value] of own) parameters.set(key, value);
        if (accepted.has('max_tokens')) parameters.delete(NEW_LIMIT);
      }
      const refused = answer.status === 400 && [...own.keys()].find((key) => answer.text.includes(key));
      if (!refused) return answer;
      own.delete(refused);
      if (accepted.has(refused) || TOO_LONG.test(answer.text)) continue;
      unknown.add(refused);
      if (refused === 'max_tokens' && answer.text.includes(NEW_LIMIT)) own.set(NEW_LIMIT, MOST_TOKENS);
    }
  }

  async function ask(system: string, user: string, signal: AbortSignal, sent: () => void): Promise<Reply> {
    if (missing) throw new JudgeFault(`there is no secret "${choice.token}".`, 'judge', 'token');
    let fault: JudgeFault | undefined;
    for (let attempt = 0; attempt < attempts.count; attempt++) {
      let waitMs = attempts.firstMs * 2 ** attempt;
      try {
        const answer = await send(system, user, signal, sent);
        if (answer.status === 200) return replyOf(answer.text, address);
        if ([400, 403].includes(answer.status) && MODERATED.test(answer.text)) return REFUSED;
        fault = statusFault(answer.status, answer.text, choice, accepted.size > 0);
        if (!PASSING.has(answer.status) && answer.status < 500) throw fault;
        waitMs = Math.max(waitMs, answer.waitMs ?? 0);
      } catch (error) {
        if (error instanceof JudgeFault || signal.aborted) throw error;
        fault = connectionFault(error, choice, address);
        if (error instanceof HumanError) throw fault;
      }
      if (attempt + 1 < attempts.count)
        await delay(Math.min(waitMs, LONGEST_WAIT_MS), undefined, { signal }).catch(() => undefined);
      signal.throwIfAborted();
    }
    throw fault!;
  }

  return {
    at: address,
    model: () => choice.model,
    concurrency: choice.concurrency,
    ask,
    close: async () => (await network().catch(() => undefined))?.dispatcher.close(),
  };
}

/** What a server says that knows the limit, and for which this answer leaves too little room. */
const TOO_LONG = /too large|context (length|window|size)|input tokens/i;
/** Statuses that another attempt may cure. */
const PASSING = new Set([408, 409, 425, 429]);
/** What a server says whose filter stands before the model: harmful prompts are what it is for. */
const MODERATED = /content_?(filter|policy)|moderation|flagged/i;
const REFUSED: Reply = { text: '', refused: true, inputTokens: 0, outputTokens: 0 };

async function bounded(stream: Dispatcher.ResponseData['body']): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MOST_BYTES) {
      stream.destroy();
      throw new JudgeFault('its reply is larger than any reply should be.', 'answer');
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function replyOf(text: string, address: string): Reply {
  const value = jsonOrNone(text) as { error?: unknown } | null | undefined;
  const read = safeParse(completion, value);
  if (!read.success) {
    if (!value?.error) throw new JudgeFault(`${address} does not answer like a server of the OpenAI API.`, 'judge');
    if (MODERATED.test(text)) return REFUSED;
    throw new JudgeFault('the server answers with an error.', 'answer');
  }
  const [{ finish_reason: end, message }] = read.data.choices;
  const { usage } = read.data;
  return {
    text: message.content ?? '',
    cut: end === 'length',
    refused: Boolean(message.refusal) || end === 'content_filter',
    inputTokens: usage?.prompt_tokens ?? null,
    outputTokens: usage?.completion_tokens ?? null,
  };
}

/**
 * What a server says is not repeated: it may quote the token, or the answer.
 * @param isKnown it has answered before: it then knows the token
 */
function statusFault(status: number, text: string, { model, token }: EndpointChoice, isKnown: boolean): JudgeFault {
  if (status === 401 || (status === 403 && !isKnown))
    return new JudgeFault(
      token === undefined
        ? `the server wants a token (${status}).`
        : `the server refuses the token "${token}" (${status}).`,
      // What stands before a server may refuse one answer, too.
      status === 401 ? 'judge' : 'answer',
      'token',
    );
  if (status === 404)
    return new JudgeFault(`there is no model "${model}" at this address, or nothing that chats (404).`, 'judge');
  if (status === 402 || /insufficient_quota|billing/i.test(text))
    return new JudgeFault(`its quota is used up (${status}).`, 'judge');
  if (status === 429) return new JudgeFault('the server is asked too often (429).', 'answer');
  return new JudgeFault(`the server answers with the status ${status}.`, 'answer');
}

const GONE = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'CERT_HAS_EXPIRED']);

function connectionFault(error: unknown, { timeoutSeconds }: EndpointChoice, address: string): JudgeFault {
  // a proxy that is none
  if (error instanceof HumanError) return new JudgeFault(errorText(error), 'judge');
  const { name, code, message } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError' || /TIMEOUT/.test(code ?? ''))
    return new JudgeFault(`it gave no reply within ${timeoutSeconds} s.`, 'answer');
  return new JudgeFault(
    `${address} cannot be reached (${code ?? message}).`,
    code !== undefined && GONE.has(code) ? 'judge' : 'answer',
  );
}
