/** The README says what the program does: recipe keys and defaults, commands, formats, families, tolerances. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { SUPPORTED_FAMILIES } from '../../runtime/models/families/table.js';
import { ARCHITECTURES } from '../../runtime/models/gguf/architectures/table.js';
import { READABLE_TYPES } from '../../runtime/models/gguf/file/types.js';
import { DATA_FORMATS, EXIT, EXPORT_FORMATS, MEASURES } from '../../runtime/contract/protocol.js';
import { recipeSchemas } from '../../runtime/contract/recipe.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const json = (file: string): unknown => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));

/** Text of a section, up to the next one. */
function section(title: string): string {
  const [, text] = README.split(`\n## ${title}\n`);
  assert.ok(text !== undefined, `there is no section "${title}"`);
  return text.split('\n## ')[0]!;
}

/** Cells of the rows of all tables in a text, without their heads. A `\|` is no border. */
const rows = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => /^\|(?!-)/.test(line))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.replaceAll('\\|', '|').trim()),
    );

const code = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);

interface Schema {
  type?: string;
  default?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
}

/** Data sources and adapters are said once for all keys that take them. */
function shared(key: string): string {
  return key
    .replace(/^(?:harmful|benign|data|probes\.(?:harmful|benign))\./, 'data: ')
    .replace(/^(?:states\[\]\.)?(?:adapters|vectors)\[\]\./, 'adapter: ');
}

/** Keys of a recipe → what they are without a value: "required", "–", or JSON. */
function keysOf(schema: Schema, at = '', found = new Map<string, string>()): Map<string, string> {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const key = `${at}${name}`;
    const parts = [property, ...(property.anyOf ?? [])];
    const objects = parts.filter((part) => part.properties);
    const items = parts
      .flatMap(({ items: item }) => (item ? [item, ...(item.anyOf ?? [])] : []))
      .filter((item) => item.properties);
    const isGroup = property.properties !== undefined && property.default !== undefined;
    if (!isGroup) {
      const needed = schema.required?.includes(name) ? 'required' : '–';
      found.set(shared(key), property.default === undefined ? needed : JSON.stringify(property.default));
    }
    for (const part of objects) keysOf(part, `${key}.`, found);
    for (const part of items) keysOf(part, `${key}[].`, found);
  }
  return found;
}

describe('the README lists', () => {
  it('every key of every recipe with its default, and no other key', () => {
    const said: Record<string, Record<string, string>> = { v: {}, f: {}, e: {} };
    for (const [cell, kinds, defaults] of rows(section('Recipes')).slice(1)) {
      const group = /^(?:data|adapter): /.exec(cell!)?.[0] ?? '';
      const values = defaults!.split(/, (?=`|required|–)/);
      for (const [i, name] of code(cell!).entries()) {
        const value = values.length === 1 ? values[0]! : values[i];
        assert.ok(value !== undefined, `${cell}: one default for all keys, or one for each`);
        const given = code(value)[0];
        const text = given === undefined ? value : JSON.stringify(JSON.parse(given));
        for (const kind of kinds!.split(' ')) said[kind]![group + name] = text;
      }
    }
    for (const [kind, schema] of Object.entries(recipeSchemas)) {
      const keys = keysOf(z.toJSONSchema(schema as z.ZodType, { io: 'input' }) as Schema);
      assert.ok(keys.size > 15, `${kind}: ${keys.size} keys`);
      const sorted = (entries: Iterable<[string, string]>): object =>
        Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
      assert.deepEqual(sorted(Object.entries(said[kind[0]!]!)), sorted(keys), kind);
    }
  });

  it('every command of the command line, its options and its exit codes', () => {
    const help = execFileSync(process.execPath, ['--import', 'tsx', 'runtime/cli.ts', '--help'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    const text = section('Command line');
    const said = rows(text).map(([cell]) => code(cell!)[0]?.split(' ')[0]);
    const commands = [...help.matchAll(/^ {2}([a-z]+)(?= )/gm)].map((match) => match[1]!);
    assert.ok(commands.length >= 9, commands.join());
    assert.deepEqual(
      said.filter((name) => name !== undefined),
      commands,
    );
    const all = section('Devices') + text;
    for (const [option] of help.matchAll(/--[a-z-]+/g)) assert.ok(all.includes(option), `${option} is missing`);
    const codes = /Exit codes: ([^.]+)\./
      .exec(text)![1]!
      .split(' · ')
      .map((part) => Number(part.split(' ')[0]));
    assert.deepEqual(codes, Object.values(EXIT));
    for (const format of EXPORT_FORMATS) assert.ok(text.includes(`\`${format}\``), `export as ${format}`);
  });

  it('the families and GGUF types that are read, each checked by a fixture', () => {
    const text = section('Your own model');
    const list = (start: string): string[] => code(text.slice(text.indexOf(start)).split('. ')[0]!);
    assert.deepEqual(
      list('Families (').filter((name) => !/model_type|config\.json/.test(name)),
      SUPPORTED_FAMILIES,
    );
    assert.deepEqual(list('GGUF architectures:').sort(), Object.keys(ARCHITECTURES).sort());
    const types = /Tensor types: ([^.]+)\./.exec(text)![1]!.split(/,\s+/);
    assert.deepEqual(types.sort(), [...READABLE_TYPES].sort());

    const references = 'test/fixtures/reference';
    const checked = readdirSync(join(ROOT, references), { withFileTypes: true })
      .filter((entry) => existsSync(join(ROOT, references, entry.name, 'config.json')))
      .map((entry) => (json(`${references}/${entry.name}/config.json`) as { model_type: string }).model_type);
    for (const family of SUPPORTED_FAMILIES) assert.ok(checked.includes(family), `${family} has no reference`);
  });

  it('row formats and measures', () => {
    const formats = rows(section('Your own data')).flatMap(([cell]) => code(cell!));
    assert.deepEqual(formats.slice(1).sort(), DATA_FORMATS.filter((format) => format !== 'auto').sort());
    const measures = rows(section('Recipes')).find(([cell]) => cell === '`evaluate[].measure`')!;
    assert.deepEqual(code(measures[3]!), [...MEASURES]);
  });

  it('the tolerances that the tests hold', () => {
    const text = section('Checked against transformers and PEFT');
    const { tolerance } = json('test/fixtures/reference/llama/reference.json') as {
      tolerance: Record<string, { max_rel: number; rms_rel: number }>;
    };
    const said = rows(text)
      .slice(1)
      .map(([group, max, rms]) => [code(group!)[0], { max_rel: Number(max), rms_rel: Number(rms) }]);
    const { exact, ...groups } = tolerance;
    assert.deepEqual(exact, { max_rel: 0, rms_rel: 0 });
    assert.deepEqual(Object.fromEntries(said), groups);
  });

  it('the settings of the extension', () => {
    const { contributes } = json('package.json') as { contributes: { configuration: { properties: object } } };
    const text = section('In VS Code');
    for (const name of Object.keys(contributes.configuration.properties)) assert.ok(text.includes(`\`${name}\``), name);
  });

  it("the sample's numbers", () => {
    const sample = (file: string): string[] =>
      readFileSync(join(ROOT, 'media/sample/data', file), 'utf8')
        .trimEnd()
        .split('\n');
    const train = sample('train.jsonl');
    const harmful = train.filter((line) => (JSON.parse(line) as { label?: string }).label === 'harmful');
    const text = README.replaceAll('\n', ' ');
    assert.ok(text.includes(`Of the ${train.length} rows in their file, ${harmful.length} show`));
    const [harm, benign] = [sample('harmful.jsonl').length, sample('benign.jsonl').length];
    assert.ok(text.includes(`is trained on ${harm} harmful and ${benign} ordinary ones`), `${harm} and ${benign}`);
  });

  it('the two lines to copy, each on a line of its own', () => {
    for (const line of ['npm ci && npm start', 'npm ci && npm test'])
      assert.ok(README.split('\n').includes(line), line);
  });

  it('only files and scripts that are there', () => {
    const { scripts } = json('package.json') as { scripts: Record<string, string> };
    for (const [, file] of README.matchAll(/\]\(([^):]+)\)/g)) assert.ok(existsSync(join(ROOT, file!)), file);
    for (const [, script] of README.matchAll(/npm run ([\w:]+)/g)) assert.ok(script! in scripts, `npm run ${script}`);
  });
});
