/** docs/recipes.md against the schema of recipes. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, type ParseError } from 'jsonc-parser';
import { test } from 'node:test';
import * as z from 'zod';
import { PATTERN_LIMIT_MS } from '../../runtime/adapters/peftPatterns.js';
import { MEASURES, MOST_HELD_OUT } from '../../runtime/contract/recipeWords.js';
import { recipeSchema, recipeSchemas } from '../../runtime/contract/recipe.js';
import { JUDGES } from '../../runtime/evaluation/judges/harmfulness.js';
import { RUBRIC } from '../../runtime/evaluation/judges/rubric.js';
import { BEST_PARTS, strategyOf } from '../../runtime/recipes/protection/strategy.js';
import { plannedPoints } from '../../runtime/recipes/reading/sweepPoints.js';
import { blocks, code, PAGES, read, ROOT, rows, section } from './pages.js';

const TEXT = read('docs/recipes.md');

interface Schema {
  default?: unknown;
  deprecated?: boolean;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  maximum?: number;
  enum?: string[];
}
const schemaOf = (kind: keyof typeof recipeSchemas): Schema =>
  z.toJSONSchema(recipeSchemas[kind] as z.ZodType, { io: 'input' }) as Schema;

/** Data sources and attached adapters stand in tables of their own, once for all keys that take them. */
function shared(key: string): string {
  return (
    key
      .replace(
        /^(?:harmful|benign|data(?:\.mix(?=\.(?!share)))?(?!\.mix)|probes\.(?:harmful|benign)|protection\.ordinary|baseline\.(?:aligned|harmful))\./,
        'data source: ',
      )
      // The keys of a mapping are those of a data source.
      .replace(/^evaluate\[\]\.columns\..*/, 'evaluate[].columns')
      .replace(/^(?:states\[\]\.)?(?:adapters|vectors)\[\]\./, 'attached adapter: ')
  );
}

/** Keys of a recipe → what they are without a value: "required", "–", or JSON. */
function keysOf(schema: Schema, at = '', found = new Map<string, string>()): Map<string, string> {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (property.deprecated) continue;
    const key = `${at}${name}`;
    const parts = [property, ...(property.anyOf ?? [])];
    const objects = parts.filter((part) => part.properties);
    const items = parts
      .flatMap(({ items: item }) => (item ? [item, ...(item.anyOf ?? [])] : []))
      .filter((item) => item.properties);
    const isGroup = property.properties !== undefined && property.default !== undefined;
    // Groups without a default are listed by their keys, but for `stop`, whose presence means something, and data
    // sources.
    if (!isGroup) {
      const needed = schema.required?.includes(name) ? 'required' : '–';
      found.set(shared(key), property.default === undefined ? needed : JSON.stringify(property.default));
    }
    for (const part of objects) keysOf(part, `${key}.`, found);
    for (const part of items) keysOf(part, `${key}[].`, found);
  }
  return found;
}

test('every key of every recipe is listed with its default, and no other key', () => {
  const listed: Record<string, Record<string, string>> = { v: {}, f: {}, e: {}, s: {} };
  const keys = section(TEXT, '## Keys');
  for (const [, title] of keys.matchAll(/^### (.+)$/gm)) {
    const group =
      title === 'Data sources' ? 'data source: ' : title === 'Attached adapters' ? 'attached adapter: ' : '';
    for (const [cell, kinds, defaults] of rows(section(keys, `### ${title}`))) {
      const values = defaults!.split(/, (?=`|required|–)/);
      for (const [i, name] of code(cell!).entries()) {
        const value = values.length === 1 ? values[0]! : values[i];
        assert.ok(value !== undefined, `${cell}: one default for all keys, or one for each`);
        const given = code(value)[0];
        for (const kind of kinds!.split(' ')) {
          const key = group + name;
          assert.ok(!(key in listed[kind]!), `${key} is listed twice for ${kind}`);
          listed[kind]![key] = given === undefined ? value : JSON.stringify(JSON.parse(given));
        }
      }
    }
  }
  for (const kind of ['vector', 'finetune', 'evaluate', 'sweep'] as const) {
    const expected = keysOf(schemaOf(kind));
    assert.ok(expected.size > (kind === 'sweep' ? 4 : 15), `${kind}: ${expected.size} keys`);
    assert.deepEqual(listed[kind[0]!], Object.fromEntries(expected), kind);
  }
});

test('the kinds, measures and devices are those of the schema', () => {
  const kinds = rows(section(TEXT, '# Recipes').split('## ')[0]!);
  assert.deepEqual(
    kinds.map(([kind, letter]) => [code(kind!)[0], letter]),
    Object.keys(recipeSchemas).map((kind) => [kind, kind[0]]),
  );
  const first = (heading: string): string[] => rows(section(TEXT, heading)).map(([cell]) => code(cell!)[0]!);
  assert.deepEqual(first('## Measures'), [...MEASURES]);
  const measure = rows(section(TEXT, '### Evaluation')).find(([cell]) => cell === '`evaluate[].measure`')!;
  assert.deepEqual(code(measure[3]!), [...MEASURES]);
  assert.deepEqual(first('## Devices').sort(), [...schemaOf('finetune').properties!.device!.enum!].sort());
});

test('the largest values are those of the schema', () => {
  const text = section(TEXT, '### Largest values').replaceAll('\n', ' ');
  const named = [...text.matchAll(/`([\w.]+)` (?:may be )?([\d,]+\d)/g)];
  assert.ok(named.length >= 4, text);
  for (const [, key, most] of named) {
    const at = key!.split('.').reduce<Schema | undefined>((one, part) => one?.properties?.[part], schemaOf('finetune'));
    assert.equal(Number(most!.replaceAll(',', '')), at?.maximum, key);
  }
  assert.equal(PATTERN_LIMIT_MS, 500, 'half a second');
});

test('how many rows are held out at most is said wherever `heldOut` is explained', () => {
  const most = `at most ${MOST_HELD_OUT} rows`;
  const explained = rows(TEXT).filter(([key]) => key === '`heldOut`');
  assert.deepEqual(explained.map(([, kind]) => kind), ['v', 'f']); // oxfmt-ignore
  for (const [, kind, , meaning] of explained) assert.ok(meaning!.includes(most), kind);
  for (const kind of ['vector', 'finetune'] as const)
    assert.match(
      schemaOf(kind).properties!.heldOut!.description!,
      new RegExp(`${most}( of each)?, more only if the held-out prompts have more`),
      kind,
    );
  assert.ok(section(read('docs/data.md'), '## How many rows').replaceAll('\n', ' ').includes(most));
  assert.ok(section(read('docs/vscode.md'), '## Own data').replaceAll('\n', ' ').includes(most));
});

test('the recipes shown are recipes', () => {
  const errors: ParseError[] = [];
  const shown = blocks(TEXT, 'jsonc').map((text) => parse(text, errors) as unknown);
  assert.ok(shown.length > 0);
  for (const recipe of shown) assert.ok(recipeSchema.safeParse(recipe).success, JSON.stringify(recipe));
  const finetune = shown.find((recipe) => (recipe as { kind: string }).kind === 'finetune') as object;
  const keys = blocks(TEXT, 'json').map((text) => JSON.parse(`{${text}}`) as object);
  assert.deepEqual(keys.flatMap(Object.keys), ['protection', 'protection', 'judges', 'judges', 'judges']);
  for (const some of keys) assert.ok(recipeSchema.safeParse({ ...finetune, ...some }).success, JSON.stringify(some));
  assert.ok(TEXT.includes(`\`\`\`text\n${RUBRIC}\n\`\`\``), 'the rubric is the one that is asked with');
  assert.deepEqual(errors, []);
});

test('the protection that is shown beside a watch is what true is, wherever a page shows one', () => {
  const of = (protection: unknown): unknown => {
    const recipe = { kind: 'finetune', model: 'm', data: { file: 'd' }, vectors: [{ adapter: 'v' }], steps: 1 };
    const parsed = recipeSchemas.finetune.parse({ ...recipe, protection, output: 'o' });
    return JSON.parse(JSON.stringify(strategyOf(parsed)));
  };
  const [block] = blocks(section(TEXT, '#### A part of `true`'), 'json');
  const { protection } = JSON.parse(`{${block}}`) as { protection: { watch: string } };
  assert.equal(protection.watch, 'restore');
  assert.deepEqual(of(protection), of(true));
  assert.ok(section(TEXT, '### Security vectors and protection').includes(`\`{ ${BEST_PARTS} }\``));
  const shown = PAGES.flatMap((page) => [...read(page).matchAll(/"protection": (\{.*?\})(?=`|\n)/g)]);
  const watching = shown.map(([, text]) => JSON.parse(text!) as object).filter((value) => 'watch' in value);
  assert.ok(watching.length >= 1);
  for (const value of watching) assert.deepEqual(of(value), of(true), JSON.stringify(value));
});

test("the sweep that is shown is one of the sample's, of as many points as the text says", async () => {
  const text = section(TEXT, '## Sweeps');
  const sweep = recipeSchemas.sweep.parse(parse(blocks(text, 'jsonc')[0]!));
  const folder = join(ROOT, 'media/sample/recipes');
  const points = await plannedPoints(sweep, { file: join(folder, 'sweep.json'), path: (name) => join(folder, name) });
  assert.ok(text.includes(`: ${points.length} points here`), `${points.length} points`);
});

test('the CUDA provider comes by the script of onnxruntime-node, which npm does not run in a clone', () => {
  const [, script, choice] = /`node (node_modules\S+) --onnxruntime-node-install=(\w+)`/.exec(TEXT)!;
  assert.ok(existsSync(join(ROOT, `${script}.js`)), script);
  assert.match(read('.npmrc'), /^ignore-scripts=true$/m);
  const metadata = readFileSync(join(ROOT, script!, '../install-metadata.js'), 'utf8');
  // of no other platform
  const platforms = [...metadata.matchAll(/'(\w+\/\w+)': \[(?:'\w+', )*'(\w+)'/g)].map(([, ...found]) => found);
  assert.deepEqual(platforms, [['linux/x64', choice]]);
});

test('the names of the built-in judges are those of the program', () => {
  const named = rows(section(TEXT, '## Judges')).map(([name]) => code(name!)[0]);
  assert.deepEqual(named, [...Object.values(JUDGES), 'cross-entropy']);
  assert.match(read('runtime/evaluation/evaluate.ts'), /measure: 'loss',[^}]*judge: 'cross-entropy'/);
});
