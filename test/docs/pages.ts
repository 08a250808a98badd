/** README.md, SECURITY.md and docs/ as text: sections, tables, code, links. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLI } from '../calls/support.js';

export const ROOT = join(import.meta.dirname, '../..');
export const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
export const json = (file: string): unknown => JSON.parse(read(file));

/** Every page for users, relative to the repository. */
export const PAGES: readonly string[] = [
  ...['README.md', 'SECURITY.md', 'media/sample/README.md', 'media/smollm2/README.md'],
  ...readdirSync(join(ROOT, 'docs')).map((file) => `docs/${file}`),
];

/** Text below a heading, up to the next one of its level or above. */
export function section(text: string, heading: string): string {
  const start = `\n${text}`.indexOf(`\n${heading}\n`);
  assert.ok(start >= 0, `there is no section "${heading}"`);
  const body = text.slice(start + heading.length + 1);
  const end = body.search(new RegExp(`^#{1,${heading.indexOf(' ')}} `, 'm'));
  return end < 0 ? body : body.slice(0, end);
}

/** Cells of the rows of all tables in a text, without their heads. A `\|` does not end a cell. */
export function rows(text: string): string[][] {
  const lines = text.split('\n');
  const isRow = (line: string | undefined, i: number): boolean =>
    line!.startsWith('|') && !line!.startsWith('|-') && !lines[i + 1]?.startsWith('|-');
  return lines.filter(isRow).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.replaceAll('\\|', '|').trim()),
  );
}

/** What stands in `code`. */
export const code = (text: string): string[] => [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);

/** Blocks of code in one of these languages. */
export const blocks = (text: string, ...languages: string[]): string[] =>
  [...text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].flatMap(([, language, body]) =>
    languages.includes(language!) ? [body!] : [],
  );

/** Targets of all links and pictures but web addresses. */
export const links = (text: string): string[] =>
  [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!).filter((link) => !/^\w+:/.test(link));

/** Anchors of the headings of a page, as GitHub and VS Code make them. */
export const anchors = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

/** TypeScript files below a folder of the repository. */
export const sources = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`);

/** Commands of `--help`, each with its line, or lines, of use. */
export function help(): { text: string; commands: Map<string, string> } {
  const text = execFileSync(process.execPath, [CLI, '--help'], { encoding: 'utf8' });
  return {
    text,
    commands: new Map([...text.matchAll(/^ {2}([a-z]+)\b(?!-) ?(.*)$/gm)].map(([, name, use]) => [name!, use!])),
  };
}

/** Names of the tests in a file, and of the steps of a scenario; what changes from test to test is "…". */
export function testsOf(file: string): string[] {
  const names = read(file).matchAll(
    /^\s*(?:test|it|(?:await )?step)\(\s*(?:'((?:\\.|[^'\\])*)'|"([^"]*)"|`([^`]*)`|(\w+),)/gm,
  );
  return [...names].map(([, single, double, template, constant]) => {
    if (constant) return new RegExp(`const ${constant} = '(.*)';`).exec(read(file))?.[1] ?? '';
    return (single ?? double ?? template!).replace(/\$\{[^}]+\}/g, '…').replace(/\\(.)/g, '$1');
  });
}
