/**
 * `node --import tsx test/paper/report.ts SWEEP [OUT [PAGE]]`: the paper's tables of a sweep, printed and as
 * report.html and paper.json in OUT; with PAGE also as a page of the documentation.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SweepFile } from '../../runtime/contract/sweep.js';
import { sum } from '../../runtime/contract/sum.js';

import { html, type Html } from '../../runtime/evaluation/report/html.js';
import { reportPage } from '../../runtime/evaluation/report/page.js';
import { writeFileAtomic } from '../../runtime/support/files.js';
import { textTable } from '../../runtime/commandLine/textTable.js';
import { paperTables, type PaperTable } from './table.js';

const TITLE = 'The protocol of the paper';
const SOURCE =
  'Paper: Zhou et al., Making Harmful Behaviors Unlearnable for Large Language Models, arXiv 2311.02105, LLaMA-2-7B-chat. “–”: not measured, or not known for certain. Other models and data: compare the pattern, not the numbers.';

/** `sweep.json` of smollm2.mjs, whose tables the page has, too. */
const SMOLLM2 = path.join(import.meta.dirname, 'results/smollm2.json');

/** @param sweep folder of a sweep with the axes of table.ts. @param page file of the documentation */
export async function writePaper(sweep: string, out: string, page?: string): Promise<void> {
  const file = JSON.parse(await readFile(path.join(sweep, 'sweep.json'), 'utf8')) as SweepFile;
  const tables = paperTables(file);
  await writeFileAtomic(path.join(out, 'paper.json'), `${JSON.stringify(tables, null, 2)}\n`);
  await writeFileAtomic(path.join(out, 'report.html'), renderPaper(tables));
  if (page) await writeFileAtomic(page, await markdown(file, tables));
  for (const { title, note, rows } of tables) console.log(`\n${title}\n\n${textTable(rows)}\n\n${note}`);
  const seconds = sum(file.points.map((point) => point.seconds));
  console.log(
    `\n${SOURCE}\n${file.points.length} of ${file.of} points, ${Math.round(seconds)} s\nReport   ${path.join(out, 'report.html')}`,
  );
}

async function markdown({ points }: SweepFile, tables: readonly PaperTable[]): Promise<string> {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const pageTables = (of: readonly PaperTable[], level: string): string =>
    of
      .map(({ title, note, rows: [head = [], ...rows] }) =>
        [
          ...[`${level} ${title}\n`, line(head), `|${head.map(() => '---|').join('')}`],
          ...[...rows.map(line), `\n${note}`],
        ].join('\n'),
      )
      .join('\n\n');
  const smollm2 = JSON.parse(await readFile(SMOLLM2, 'utf8')) as SweepFile;
  const seeds = new Set(points.map(({ values }) => values.seed)).size;
  const parts = {
    tables: pageTables(tables, '##'),
    smollm2: pageTables(paperTables(smollm2), '###'),
    source: SOURCE,
    runs: `${seeds} ${seeds === 1 ? 'seed' : 'seeds'}, and in brackets the smallest and the largest`,
    points: String(points.length),
  };
  const template = await readFile(path.join(import.meta.dirname, 'page.template.md'), 'utf8');
  const text = Object.entries(parts).reduce((all, [name, part]) => all.replace(`{${name}}`, () => part), template);
  return text.replaceAll('\u00a0', ' ');
}

const renderPaper = (tables: readonly PaperTable[]): string =>
  reportPage(
    TITLE,
    html`<p class="muted">${SOURCE}</p>
      ${tables.map(tableHtml)}`,
  );

function tableHtml({ title, note, rows: [head = [], ...rows] }: PaperTable): Html {
  return html`<h2>${title}</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            ${head.map((cell) => html`<th scope="col">${cell}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ([first, ...cells]) =>
              html`<tr>
                <th scope="row">${first}</th>
                ${cells.map((cell) => html`<td>${cell}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <p class="muted">${note}</p>`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [sweep, out = sweep && path.join(sweep, '..'), page] = process.argv.slice(2);
  if (!sweep || !out) {
    console.error('Name the folder of a sweep.');
    process.exit(2);
  }
  await writePaper(path.resolve(sweep), path.resolve(out), page);
}
