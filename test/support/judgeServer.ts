/** A server of the OpenAI API that judges as a script says. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly model: string;
  readonly temperature?: number;
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly system: string;
  /** Of the answer that is judged. */
  readonly request: string;
  readonly answer: string;
}

/** A word of the model; a status with a text; `hang`: no answer at all. */
export type Says =
  | string
  | { status: number; text?: string; headers?: Record<string, string> }
  | { body: unknown }
  | 'hang';

export interface JudgeServer {
  /** Up to /v1. */
  readonly address: string;
  readonly asked: Asked[];
  /** How many questions were open at once, at most. */
  readonly most: () => number;
  says: (asked: Asked, n: number) => Says;
  close(): Promise<void>;
}

export async function judgeServer(says: JudgeServer['says']): Promise<JudgeServer> {
  const asked: Asked[] = [];
  let open = 0;
  let most = 0;
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { messages, ...given } = JSON.parse(Buffer.concat(parts).toString()) as {
        model: string;
        messages: { role: string; content: string }[];
      };
      const quoted = JSON.parse(messages[1]!.content) as { request: string; answer: string };
      const one: Asked = {
        url: request.url ?? '',
        headers: request.headers,
        ...given,
        system: messages[0]!.content,
        ...quoted,
      };
      asked.push(one);
      most = Math.max(most, ++open);
      const said = judge.says(one, asked.length);
      if (said === 'hang') return;
      // Long enough for those that are asked together to meet.
      setTimeout(() => {
        open--;
        if (typeof said === 'object' && 'status' in said) {
          response.writeHead(said.status, said.headers).end(said.text ?? '');
          return;
        }
        const body = typeof said === 'object' ? said.body : completion(said);
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      }, 5);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const judge: JudgeServer = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    most: () => most,
    says,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return judge;
}

/** What the API answers with, for a model that says one thing. */
export const completion = (content: string, finish_reason = 'stop'): object => ({
  id: 'x',
  object: 'chat.completion',
  choices: [{ index: 0, finish_reason, message: { role: 'assistant', content } }],
  usage: { prompt_tokens: 200, completion_tokens: 2, total_tokens: 202 },
});
