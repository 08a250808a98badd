/**
 * Counters in the code that fuzzing is about: `node --import tsx --import ./test/fuzz/instrument.mjs …`. Every
 * function, and every side of what branches, counts how often it ran in its place of the global array `__hits`, which
 * coverage.ts reads.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { parse } from 'acorn';

/** The product, and the libraries that parse for it. */
const COUNTED =
  /^file:.*\/(?:(?:runtime|extension|webview)\/[^?]*\.ts|node_modules\/(?:@huggingface\/(?:jinja|tokenizers)|csv-parse|hyparquet|zod)\/.*)(?:$|\?)/;
const MOST_COUNTERS = 2 ** 17;

if (isMainThread) {
  globalThis.__hits = new Uint16Array(MOST_COUNTERS);
  register(import.meta.url);
}

/** Node's hook: runs behind tsx, which has made JavaScript of the source. */
export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  if (loaded.format !== 'module' || !loaded.source || !COUNTED.test(url)) return loaded;
  const code = typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source).toString();
  return { ...loaded, source: counted(code) };
}

let counters = 0;

function counted(code) {
  /** What is put in, in the order of places; at one place in the order in which it was found: outer before inner. */
  const added = [];
  const hit = () => `__hits[${counters++}]++`;
  const around = (node, before, after) => {
    added.push([node.start, before]);
    visitParts(node);
    added.push([node.end, after]);
  };
  const statement = (node) => {
    if (node.type !== 'BlockStatement') return around(node, `{${hit()};`, '}');
    added.push([node.start + 1, `${hit()};`]);
    visitParts(node);
  };
  const expression = (node) => around(node, `(${hit()},`, ')');
  const BRANCHES = {
    FunctionDeclaration: { body: statement },
    FunctionExpression: { body: statement },
    ArrowFunctionExpression: { body: (node) => (node.type === 'BlockStatement' ? statement(node) : expression(node)) },
    IfStatement: { consequent: statement, alternate: statement },
    ForStatement: { body: statement },
    ForInStatement: { body: statement },
    ForOfStatement: { body: statement },
    WhileStatement: { body: statement },
    DoWhileStatement: { body: statement },
    CatchClause: { body: statement },
    ConditionalExpression: { consequent: expression, alternate: expression },
    LogicalExpression: { right: expression },
  };
  const visit = (node) => {
    if (node.type === 'SwitchCase' && node.consequent[0]) added.push([node.consequent[0].start, `${hit()};`]);
    visitParts(node);
  };
  function visitParts(node) {
    for (const [key, value] of Object.entries(node)) {
      const each = BRANCHES[node.type]?.[key] ?? visit;
      for (const part of Array.isArray(value) ? value : [value]) if (typeof part?.type === 'string') each(part);
    }
  }
  visit(parse(code, { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true }));
  added.sort(([a], [b]) => a - b);
  let [text, from] = ['', 0];
  for (const [at, piece] of added) {
    text += code.slice(from, at) + piece;
    from = at;
  }
  return text + code.slice(from);
}
