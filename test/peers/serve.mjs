import { createInterface } from 'node:readline';

/**
 * Answers requests until standard input ends: each a line of JSON, and so is its answer. To start a program takes
 * longer than to ask it.
 */
export async function serve(answer) {
  for await (const line of createInterface({ input: process.stdin }))
    console.log(JSON.stringify(await answer(JSON.parse(line))));
}
