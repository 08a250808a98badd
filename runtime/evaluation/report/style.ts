import { DASHES, SERIES_COLORS } from '../../contract/series.js';
import { PRINTED } from './results.js';

const DASH_RULES = Object.entries(DASHES)
  .map(([name, lengths]) => `.${name} { stroke-dasharray: ${lengths.join(' ') || 'none'}; }`)
  .join(' ');
const COLOR_RULES = SERIES_COLORS.map(
  (name) => `.${name} { stroke: var(--${name}); } circle.${name} { fill: var(--${name}); }`,
).join(' ');

/**
 * On A4 a report of one or two runs is two pages: the verdict, the table and the charts, then answers, and in small
 * type how.
 */
const PAPER = `@page { size: A4; margin: 12mm; }
@media print {
:root { color-scheme: light;
  --page: #ffffff; --text: #1f2328; --muted: #59636e; --line: #d1d9e0; --good: #1a7f37; --bad: #cf222e; --warn: #9a6700;
  --delivered: #0969da; --vector: #8250df; --harmful: #cf222e; --benign: #1a7f37; --plain: #59636e; --goal: #59636e; }
body { font-size: 10px; line-height: 1.4; print-color-adjust: exact; }
main { max-width: none; padding: 0; }
h2 { margin: 14px 0 4px; break-after: avoid; } h3 { break-after: avoid; }
h2 ~ h3:not(h2 + h3) { margin-top: 8px; }
figure, tr, .verdict, .notice { break-inside: avoid; }
.verdict { margin: 8px 0; padding: 6px 10px; }
.charts { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 8px; }
figure { gap: 4px; padding: 8px; }
details { display: none; }
.scroll { overflow: visible; }
th, td { padding: 2px 10px 2px 0; }
.answers tbody tr:nth-child(n + ${PRINTED + 1}), .count span { display: none; }
.count::before { content: attr(data-paper); }
.answers .text { display: -webkit-box; -webkit-line-clamp: 4; -webkit-box-orient: vertical; overflow: hidden; }
.methods { font-size: 7.5px; color: var(--muted); } .methods h2 { font-size: 1.3em; }
.methods table { width: 100%; } .methods th, .methods td { padding: 1px 8px 1px 0; }
.paper { display: block; overflow-wrap: anywhere; }
}`;

/** The report's whole style: light and dark by the reader's system, and for paper. */
export const STYLE = `
:root { color-scheme: light dark;
  --page: #ffffff; --text: #1f2328; --muted: #59636e; --line: #d1d9e0; --good: #1a7f37; --bad: #cf222e; --warn: #9a6700;
  --delivered: #0969da; --vector: #8250df; --harmful: #cf222e; --benign: #1a7f37; --plain: #59636e; --goal: #59636e; }
@media (prefers-color-scheme: dark) { :root {
  --page: #0d1117; --text: #e6edf3; --muted: #9198a1; --line: #3d444d; --good: #3fb950; --bad: #f85149; --warn: #d29922;
  --delivered: #58a6ff; --vector: #bc8cff; --harmful: #ff7b72; --benign: #56d364; --plain: #9198a1; --goal: #9198a1; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 32px clamp(12px, 3vw, 32px) 64px; }
h1 { margin: 0; font-size: 1.7em; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 40px 0 8px; font-size: 1.2em; }
h3 { margin: 0; font-size: 1em; } h3 .unit { display: block; }
h2 ~ h3:not(h2 + h3) { margin-top: 28px; } table + details, .scroll + details { margin-top: 8px; }
p, ul { margin: 6px 0; }
code, pre { font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere; }
pre { overflow-x: auto; padding: 10px; border: 1px solid var(--line); }
summary { cursor: pointer; color: var(--muted); }
.muted, .unit, figcaption, .notes, .tick { color: var(--muted); }
.unit { font-size: 0.85em; font-weight: normal; }
.verdict { margin: 16px 0; padding: 10px 14px; border: 1px solid var(--line); border-left: 4px solid var(--muted); font-size: 1.1em; }
.verdict.good { border-left-color: var(--good); } .verdict.warning { border-left-color: var(--warn); } .verdict.bad { border-left-color: var(--bad); }
.verdict::before { margin-right: 8px; content: '\\25CB'; } .verdict.good::before { content: '\\25CF'; color: var(--good); }
.verdict.warning::before { content: '\\25B2'; color: var(--warn); } .verdict.bad::before { content: '\\2717'; color: var(--bad); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 16px; }
figure { display: grid; align-content: start; gap: 8px; min-width: 0; margin: 0; padding: 12px; border: 1px solid var(--line); }
figure > svg { width: 100%; height: auto; }
@supports (grid-template-rows: subgrid) { figure { grid-row: span 6; grid-template-rows: subgrid; } }
figcaption { font-size: 0.92em; }
.legend, .notes, .laws { margin: 0; padding: 0; list-style: none; }
.legend { align-self: end; font-size: 0.92em; }
.legend li { display: flex; gap: 8px; align-items: center; }
.legend svg { flex: none; } .legend output { margin-left: auto; font-variant-numeric: tabular-nums; white-space: nowrap; }
.notes { font-size: 0.88em; }
.empty { padding: 40px 8px; border: 1px dashed var(--line); color: var(--muted); text-align: center; }
.grid { stroke: var(--line); stroke-width: 1; } .tick { fill: var(--muted); font-size: 11px; }
path { fill: none; stroke-width: 2; stroke-linejoin: round; }
${COLOR_RULES}
${DASH_RULES}
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: 6px 20px 6px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: normal; } thead th { vertical-align: bottom; } td { font-variant-numeric: tabular-nums; }
.results thead strong, .results tbody th { display: block; font-weight: 600; }
.results thead span { display: block; font-size: 0.85em; color: var(--muted); white-space: nowrap; }
.results td { font-size: 1.1em; } .results tbody th { border: 0; padding-top: 8px; }
.bar { display: block; width: 72px; height: 3px; fill: var(--line); } .bar .good { fill: var(--good); } .bar .bad { fill: var(--bad); } .bar .neutral { fill: var(--muted); }
.answers { width: 100%; table-layout: fixed; } .answers :is(th, td) { overflow-wrap: anywhere; }
.answers .text { display: block; } .answers :is(.text, tbody th) { white-space: pre-wrap; }
.chip { padding: 0 6px; border: 1px solid var(--muted); border-radius: 8px; font-size: 0.85em; }
.chip.good { border-color: var(--good); } .chip.bad { border-color: var(--bad); }
.held::before { margin-right: 8px; content: '\\2713'; color: var(--good); } .broken::before { margin-right: 8px; content: '\\2717'; color: var(--bad); }
.unchecked::before { margin-right: 8px; content: '\\2013'; color: var(--muted); }
.notice { margin: 12px 0; padding: 8px 14px; border: 1px solid var(--line); border-left: 4px solid var(--bad); }
.paper { display: none; }
${PAPER}
`;
