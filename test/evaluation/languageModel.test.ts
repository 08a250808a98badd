import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { Cancelled } from '../../runtime/support/errors.js';
import { closeJudges, openJudges } from '../../runtime/evaluation/judges/judges.js';
import type { Judge, Opinion } from '../../runtime/evaluation/judges/judge.js';
import {
  JudgeFault,
  languageModelJudge,
  openSession,
  type LanguageModel,
} from '../../runtime/evaluation/judges/languageModel.js';
import { readReply, RUBRIC } from '../../runtime/evaluation/judges/rubric.js';
import type { JudgeChoice } from '../../runtime/contract/recipeJudges.js';
import type { AskEditor } from '../../runtime/evaluation/judges/editor.js';
import { completion, judgeServer, type JudgeServer } from '../support/judgeServer.js';

const servers: JudgeServer[] = [];
after(async () => {
  for (const server of servers) await server.close();
});
const serverOf = async (says: JudgeServer['says']): Promise<JudgeServer> => {
  const server = await judgeServer(says);
  servers.push(server);
  return server;
};

const SET = { name: 'topic', measure: 'harm' as const, phrases: undefined };
const TOKEN = 'sk-very-secret-0123456789';
type More = Partial<Extract<JudgeChoice, { endpoint: string }>>;

async function opened(
  endpoint: string,
  more: More = {},
  secrets: () => string | undefined = () => TOKEN,
): Promise<Judge> {
  const choice = { endpoint, model: 'judge-1', concurrency: 4, timeoutSeconds: 5, ...more };
  const attempts = { count: 3, firstMs: 1 };
  const means = { path: (path: string) => path, threads: 1, answers: 9, secrets, attempts };
  return (await openJudges(['refusal-phrases', choice], [SET], means))[1]!;
}

const answers = (...texts: string[]) => texts.map((answer, i) => ({ prompt: `How do I ${i}?`, answer, expected: [] }));
const ask = async (judge: Judge, ...texts: string[]): Promise<Opinion[]> => judge.opinions(answers(...texts), SET);

describe('a language model behind an endpoint', () => {
  test('is asked about request and answer at temperature 0, and its words are counted', async () => {
    const server = await serverOf(({ answer }) => (answer.startsWith('Sure') ? 'COMPLIED' : ' **Refused.**\n'));
    const judge = await opened(`${server.address}/`, { token: 'JUDGE_KEY' });
    const said = await ask(judge, 'Sure, take it.', 'No way.');
    assert.deepEqual(said, [{ verdict: 'complied' }, { verdict: 'refused' }]);
    const [first] = server.asked;
    assert.equal(first!.url, '/v1/chat/completions');
    assert.equal(first!.headers.authorization, `Bearer ${TOKEN}`);
    const { model, temperature, system, request } = first!;
    assert.deepEqual([model, temperature, system, request], ['judge-1', 0, RUBRIC, 'How do I 0?']);
    assert.deepEqual(judge.remote!.take(), { requests: 2, inputTokens: 400, outputTokens: 4 });
    assert.deepEqual(judge.remote!.take(), { requests: 0, inputTokens: 0, outputTokens: 0 }, 'what was taken is taken');
    const { rubric, ...facts } = judge.facts!();
    assert.deepEqual(facts, { name: 'judge-1', at: server.address, model: 'judge-1' });
    assert.match(rubric!, /^[0-9a-f]{64}$/);
    assert.ok(!JSON.stringify(judge.facts!()).includes(TOKEN));
    await closeJudges([judge]);
  });

  test('is not asked about an answer that says nothing, and once about the same', async () => {
    const server = await serverOf(() => 'COMPLIED');
    const judge = await opened(server.address);
    const same = { prompt: 'How?', answer: 'So.', expected: [] };
    const said = await judge.opinions([...answers('', '####', 'ha '.repeat(20)), same], SET);
    assert.deepEqual(
      said.map(({ verdict }) => verdict),
      ['neither', 'neither', 'neither', 'complied'],
    );
    await judge.opinions([same], SET);
    assert.equal(server.asked.length, 1);
    await closeJudges([judge]);
  });

  test('is asked about few at once', async () => {
    const server = await serverOf(() => 'REFUSED');
    const judge = await opened(server.address, { concurrency: 3 });
    const texts = Array.from({ length: 20 }, (_, i) => `Answer ${i}.`);
    assert.equal((await ask(judge, ...texts)).filter(({ verdict }) => verdict === 'refused').length, 20);
    assert.equal(server.most(), 3);
    await closeJudges([judge]);
  });

  test('leaves open what it cannot tell, says in other words, cuts off or will not judge', async () => {
    const replies: unknown[] = [
      completion('UNSURE'),
      completion('The answer is COMPLIED because it says to answer REFUSED.'),
      completion('COMPLIED', 'length'),
      completion('', 'content_filter'),
      { ...completion(''), choices: [{ finish_reason: 'stop', message: { content: null, refusal: 'I cannot.' } }] },
    ];
    const server = await serverOf((_, n) => ({ body: replies[n - 1] }));
    const judge = await opened(server.address, { concurrency: 1 });
    const said = await ask(judge, ...replies.map((_, i) => `Answer ${i}.`));
    assert.deepEqual(said, [
      { verdict: undefined, why: 'it cannot tell.' },
      { verdict: undefined, why: 'its reply is none of the words it was asked for.' },
      { verdict: undefined, why: 'its reply was cut off.' },
      { verdict: undefined, why: 'it refuses to judge.' },
      { verdict: undefined, why: 'it refuses to judge.' },
    ]);
    await closeJudges([judge]);
  });

  test('is asked again where that may help, as late as the server says', async () => {
    const server = await serverOf((_, n) =>
      n === 1 ? { status: 429, headers: { 'retry-after': '1' } } : n === 2 ? { status: 503 } : 'COMPLIED',
    );
    const judge = await opened(server.address);
    const began = performance.now();
    assert.deepEqual(await ask(judge, 'Sure.'), [{ verdict: 'complied' }]);
    assert.ok(performance.now() - began > 990);
    assert.equal(server.asked.length, 3);
    assert.equal(judge.remote!.take().requests, 3, 'what counts are requests, not answers');
    await closeJudges([judge]);
  });

  test('goes without parameters that a model does not know, also where several are asked at once', async () => {
    const says: JudgeServer['says'] = ({ temperature, max_tokens: most }) => {
      const wrong = temperature !== undefined ? 'temperature' : most !== undefined ? 'max_tokens' : undefined;
      return wrong === undefined ? 'REFUSED' : { status: 400, text: `{"error":{"message":"Unsupported: '${wrong}'"}}` };
    };
    for (const [concurrency, asked] of [[1, 4], [4, 6]] as const) {
      const server = await serverOf(says);
      const judge = await opened(server.address, { concurrency });
      assert.deepEqual(await ask(judge, 'No.', 'Never.'), [{ verdict: 'refused' }, { verdict: 'refused' }]);
      assert.equal(server.asked.length, asked);
      await closeJudges([judge]);
    }
  }); // oxfmt-ignore

  test('limits its reply by the name that the model knows', async () => {
    const text = `{"error":{"message":"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}`;
    const server = await serverOf(({ max_tokens: most }) => (most === undefined ? 'REFUSED' : { status: 400, text }));
    const judge = await opened(server.address);
    const texts = Array.from({ length: 8 }, (_, i) => `Answer ${i}.`);
    assert.ok((await ask(judge, ...texts)).every(({ verdict }) => verdict === 'refused'));
    const { temperature, max_tokens: most, max_completion_tokens: limit } = server.asked.at(-1)!;
    assert.deepEqual([temperature, most, limit], [0, undefined, server.asked[0]!.max_tokens]);
    await closeJudges([judge]);
  });

  const eight = Array.from({ length: 8 }, (_, i) => `Answer ${i}.`);
  const isThird = ({ answer }: { answer: string }): boolean => answer === eight[2];

  test('has its replies limited also after an answer for which that was too much', async () => {
    const text = `{"error":{"message":"'max_tokens' or 'max_completion_tokens' is too large: 1024. This model's maximum context length is 2048 tokens and your request has 1500 input tokens"}}`;
    for (const concurrency of [1, 4]) {
      const server = await serverOf((one) =>
        isThird(one) && (one.max_tokens ?? one.max_completion_tokens) !== undefined ? { status: 400, text } : 'REFUSED',
      );
      const judge = await opened(server.address, { concurrency });
      assert.ok((await ask(judge, ...eight)).every(({ verdict }) => verdict === 'refused'));
      const { max_tokens: most, max_completion_tokens: other } = server.asked.findLast((one) => !isThird(one))!;
      assert.deepEqual([most, other], [1024, undefined]);
      await closeJudges([judge]);
    }
  });

  test('has its replies limited after a first answer for which that was too much, or that is refused whatever is sent', async () => {
    const isFirst = ({ answer }: { answer: string }): boolean => answer === eight[0];
    const tooLarge = `{"error":{"message":"'max_tokens' or 'max_completion_tokens' is too large: 1024. This model's maximum context length is 2048 tokens and your request has 1500 input tokens"}}`;
    const repeated = '{"error":{"message":"bad request: {\\"temperature\\":0,\\"max_tokens\\":1024}"}}';
    for (const [text, isHelped] of [
      [tooLarge, true],
      [repeated, false],
    ] as const) {
      const server = await serverOf((one) =>
        isFirst(one) && !(isHelped && (one.max_tokens ?? one.max_completion_tokens) === undefined)
          ? { status: 400, text }
          : 'REFUSED',
      );
      const judge = await opened(server.address, { concurrency: 1 });
      const said = await ask(judge, ...eight);
      assert.equal(said.filter(({ verdict }) => verdict === 'refused').length, isHelped ? 8 : 7);
      const later = server.asked.filter((one) => !isFirst(one));
      assert.equal(later.length, 7);
      for (const { temperature, max_tokens: most, max_completion_tokens: other } of later)
        assert.deepEqual([temperature, most, other], [0, 1024, undefined]);
      await closeJudges([judge]);
    }
  });

  const context = '{"error":{"code":400,"message":"the request exceeds the available context size"}}';
  const flagged = '{"error":{"code":403,"message":"Your chosen model requires moderation and your input was flagged"}}';
  const rejections: [string, Exclude<ReturnType<JudgeServer['says']>, string>, RegExp][] = [
    ['that is too long', { status: 400, text: context }, /^the server answers with the status 400\.$/],
    ['that is forbidden', { status: 403 }, /403/],
    ['that is flagged', { status: 403, text: flagged }, /^it refuses to judge\.$/],
    ['that an error is the reply to', { body: JSON.parse(context) as object }, /^the server answers with an error\.$/],
    ['that is flagged in a reply', { body: JSON.parse(flagged) as object }, /^it refuses to judge\.$/],
  ];
  for (const [what, rejection, why] of rejections)
    test(`goes on after an answer ${what}`, async () => {
      for (const concurrency of [1, 4]) {
        const server = await serverOf((one) => (isThird(one) ? rejection : 'REFUSED'));
        const judge = await opened(server.address, { concurrency, token: 'KEY' });
        const said = await ask(judge, ...eight);
        assert.equal(said.filter(({ verdict }) => verdict === 'refused').length, 7);
        assert.match(said[2]!.why!, why);
        assert.equal(judge.remote!.place(), 'judges.1');
        assert.equal(server.asked.length, 8, 'it is not asked again');
        await closeJudges([judge]);
      }
    });

  test('goes on after any number of answers that it refuses to judge', async () => {
    const server = await serverOf(({ answer }) => (answer === eight[7] ? 'REFUSED' : { status: 403, text: flagged }));
    const judge = await opened(server.address, { concurrency: 1, token: 'KEY' });
    assert.deepEqual((await ask(judge, ...eight)).at(-1), { verdict: 'refused' });
    await closeJudges([judge]);
  });

  test('is not asked any more after three answers that it forbids, and names its token where it has answered none', async () => {
    for (const [answered, place] of [[0, 'judges.1.token'], [1, 'judges.1']] as const) {
      const server = await serverOf((_, n) => (n <= answered ? 'REFUSED' : { status: 403 }));
      const judge = await opened(server.address, { concurrency: 1, token: 'KEY' });
      await ask(judge, ...eight);
      assert.equal(server.asked.length, answered + 3);
      assert.equal(judge.remote!.place(), place);
      await closeJudges([judge]);
    }
  }); // oxfmt-ignore

  const over: [string, JudgeServer['says'], RegExp][] = [
    [
      'a token that is refused',
      () => ({ status: 401, text: `Incorrect key ${TOKEN}` }),
      /^the server refuses the token "KEY" \(401\)\.$/,
    ],
    ['a model that is not there', () => ({ status: 404 }), /no model "judge-1"/],
    [
      'a quota that is used up',
      () => ({ status: 429, text: '{"error":{"code":"insufficient_quota"}}' }),
      /quota is used up/,
    ],
    ['another server', () => ({ body: { hello: 1 } }), /does not answer like a server of the OpenAI API/],
  ];
  for (const [what, says, why] of over)
    test(`is not asked any more after ${what}`, async () => {
      const server = await serverOf(says);
      const judge = await opened(server.address, { concurrency: 1, token: 'KEY' });
      const said = await ask(judge, 'A one.', 'A two.', 'A three.');
      for (const one of said) {
        assert.equal(one.verdict, undefined);
        assert.match(one.why!, why);
        assert.ok(!one.why!.includes(TOKEN));
      }
      const attempts = what.includes('quota') ? 3 : 1;
      assert.equal(server.asked.length, attempts);
      assert.equal(judge.remote!.place(), what.includes('token') ? 'judges.1.token' : 'judges.1');
      await closeJudges([judge]);
    });

  test('that does not answer, or is not there, leaves everything open', async () => {
    const server = await serverOf(() => 'hang');
    const slow = await opened(server.address, { timeoutSeconds: 0.05, concurrency: 1 });
    const said = await ask(slow, 'A one.', 'A two.', 'A three.', 'A four.', 'A five.');
    assert.deepEqual(new Set(said.map(({ why }) => why)), new Set(['it gave no reply within 0.05 s.']));
    assert.equal(server.asked.length, 9, 'three attempts for each of three answers, then it is not asked any more');
    await server.close();
    const gone = await opened(server.address);
    assert.match((await ask(gone, 'A.'))[0]!.why!, /cannot be reached \(ECONNREFUSED\)/);
    process.env.http_proxy = 'socks5://127.0.0.1:1';
    const behind = await opened(server.address);
    const unasked = await ask(behind, 'A.').finally(() => delete process.env.http_proxy);
    assert.match(unasked[0]!.why!, /^http_proxy: this is not the address of an HTTP proxy/);
    await closeJudges([slow, gone, behind]);
  });

  test('is asked once more when it was left alone for long enough, and then like any other', async () => {
    let now = 0;
    let isThere = false;
    const asked: string[] = [];
    const model: LanguageModel = {
      ...{ at: 'here', model: () => 'm', concurrency: 1, close: async () => undefined },
      ask: async (_, user) => {
        asked.push(user);
        if (!isThere) throw new JudgeFault('it gave no reply.', 'answer');
        return { text: 'COMPLIED', inputTokens: 1, outputTokens: 1 };
      },
    };
    const choice = { endpoint: 'http://here/v1', model: 'm', concurrency: 1, timeoutSeconds: 5 };
    const session = openSession(choice, model, () => now);
    const judge = languageModelJudge(choice, 'judges.0', session, () => model.close());
    const verdicts = async (...texts: string[]) => (await ask(judge, ...texts)).map(({ verdict }) => verdict ?? null);
    assert.deepEqual(await verdicts('A.', 'B.', 'C.', 'D.'), [null, null, null, null]);
    assert.equal(asked.length, 3);
    now += 599_000;
    await verdicts('A.');
    assert.equal(asked.length, 3);
    now += 2000;
    await verdicts('A.', 'B.');
    assert.equal(asked.length, 4, 'one more fault ends it again');
    isThere = true;
    now += 601_000;
    assert.deepEqual(await verdicts('A.', 'B.'), ['complied', 'complied']);
  });

  test('is not asked twice about what is on its way', async () => {
    const server = await serverOf(() => 'COMPLIED');
    const judge = await opened(server.address);
    const same = { prompt: 'How?', answer: 'So.', expected: [] };
    const said = await judge.opinions([same, same, same], SET);
    assert.deepEqual(said, Array(3).fill({ verdict: 'complied' }));
    assert.equal(server.asked.length, 1);
    await closeJudges([judge]);
  });

  test('takes no reply of unlimited size', async () => {
    const server = await serverOf(() => ({ body: { choices: [], padding: 'x'.repeat(2 ** 21) } }));
    const judge = await opened(server.address);
    assert.deepEqual(await ask(judge, 'A.'), [
      { verdict: undefined, why: 'its reply is larger than any reply should be.' },
    ]);
    assert.equal(server.asked.length, 1);
    await closeJudges([judge]);
  });

  test('without its secret is not asked', async () => {
    const server = await serverOf(() => 'COMPLIED');
    const judge = await opened(server.address, { token: 'KEY' }, () => undefined);
    assert.deepEqual(await ask(judge, 'A.'), [{ verdict: undefined, why: 'there is no secret "KEY".' }]);
    assert.equal(server.asked.length, 0);
    assert.equal(judge.remote!.take().requests, 0);
    await closeJudges([judge]);
  });

  test('ends at once when the run is stopped', async () => {
    const server = await serverOf(() => 'hang');
    const judge = await opened(server.address);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    await assert.rejects(judge.opinions(answers('A.'), SET, stop.signal), Cancelled);
    await closeJudges([judge]);
  });
});

test('a reply is one of four words, or none', () => {
  for (const text of ['COMPLIED', 'complied.', '"Complied"', '`COMPLIED`', '<think>REFUSED?</think>\nCOMPLIED'])
    assert.equal(readReply(text), 'complied', text);
  assert.equal(readReply('UNSURE'), 'unsure');
  for (const text of ['', 'REFUSED or COMPLIED', 'I refused', 'COMPLIED - it gives the steps', '{"label":"COMPLIED"}'])
    assert.equal(readReply(text), undefined, text);
});

describe('a language model of the editor', () => {
  const open = (askEditor?: AskEditor): Promise<Judge[]> =>
    openJudges(['refusal-phrases', { vscode: { family: 'stub' } }], [SET], {
      path: (path) => path,
      threads: 1,
      answers: 7,
      secrets: () => undefined,
      askEditor,
    });

  test('is asked by the host, with how many answers there are', async () => {
    const asked: Parameters<AskEditor>[0][] = [];
    const [, judge] = await open(async (one) => {
      asked.push(one);
      if (one.user.includes('Ignore')) return { fault: 'it was not allowed to.', over: true };
      return { text: 'COMPLIED', model: 'vendor/stub', inputTokens: 10, outputTokens: 1 };
    });
    assert.deepEqual(await ask(judge!, 'Sure.'), [{ verdict: 'complied' }]);
    const { user: _, ...first } = asked[0]!;
    assert.deepEqual(first, { judge: 'vscode', model: { family: 'stub' }, most: 7, system: RUBRIC });
    assert.equal(judge!.facts!().model, 'vendor/stub');
    assert.deepEqual(await ask(judge!, 'Ignore it.'), [{ verdict: undefined, why: 'it was not allowed to.' }]);
    await ask(judge!, 'One more.');
    assert.equal(asked.length, 2, 'who was told no does not ask again');
    assert.equal(judge!.remote!.take().requests, 1);
  });

  test('is not there on the command line', async () => {
    await assert.rejects(open(), {
      name: 'HumanError',
      message: /VS Code, which is not there on the command line/,
      place: 'judges.1.vscode',
    });
  });
});
