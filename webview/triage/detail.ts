import { fill, type Numbers } from '../../runtime/contract/format.js';
import type { RowText } from '../../runtime/contract/dataInfo.js';
import type { ExplainedToken } from '../../runtime/contract/scan.js';
import { isExtrapolated, perThousand } from '../../runtime/contract/scanText.js';
import { el } from '../dom.js';
import type { TriageState, TriageStrings } from '../protocol/triage.js';
import type { Rows } from './rows.js';

/** Share of a token's loss that must be explained before it is marked. */
const MARKED = 0.2;
/** Tokens of less loss are known already: a share of it says nothing. Nats. */
const KNOWN = 0.3;

/** What is known of one row: its scores in words, its texts, and which words of the answer the vector explains. */
export class Detail {
  readonly element: HTMLElement;
  compared: TriageState['compared'] = null;
  private shown: string | undefined;

  constructor(
    private readonly strings: TriageStrings,
    private readonly numbers: Numbers,
  ) {
    this.element = el('aside', { class: 'detail', tabindex: 0, 'aria-label': strings.detailTitle.replace(' {0}', '') });
    this.clear();
  }

  clear(): void {
    this.shown = undefined;
    this.element.replaceChildren(el('p', { class: 'empty' }, this.strings.detailEmpty));
  }

  /** @param row its index in the table; @param text undefined until it is read, null where it is gone */
  show(
    rows: Rows,
    row: number,
    text: RowText | null | undefined,
    tokens: readonly ExplainedToken[] | null,
    pending: boolean,
  ): void {
    const { strings: s } = this;
    const title = fill(s.detailTitle, this.numbers.count(rows.lineOf(row, text)));
    const isOther = this.shown !== rows.hashes[row];
    this.shown = rows.hashes[row];
    const content: (Node | null)[] = [
      el('h2', {}, title),
      el('p', { class: 'why' }, this.scores(rows, row)),
      text === null ? el('p', { class: 'notice warning' }, s.notThere) : null,
      ...(text ? [el('h3', {}, s.detailPrompt), el('div', { class: 'text' }, text.prompt)] : []),
      ...(text ? [el('h3', {}, s.detailAnswer), ...this.answer(text, tokens, pending)] : []),
    ];
    this.element.setAttribute('aria-label', title);
    this.element.replaceChildren(...content.filter((each) => each !== null));
    if (isOther) this.element.scrollTop = 0;
  }

  private scores(rows: Rows, row: number): string {
    const { strings: s, numbers: n } = this;
    const [p, harmful, share] = [rows.ps[row]!, rows.harmfulPs[row]!, rows.shares[row]!];
    const parts: string[] = [];
    if (rows.flags[row] === 'k') parts.push(s.detailKnown);
    if (rows.flags[row] === 's') parts.push(s.detailShort);
    if (rows.isFlagged(row)) parts.push(s.detailFlagged);
    if (rows.flags[row] === 'r') parts.push(s.detailRelated);
    if (!Number.isNaN(p)) parts.push(this.ordinary(p));
    if (!Number.isNaN(harmful))
      parts.push(this.rarity(harmful, this.compared?.harmful, s.detailHarmfulP, s.detailHarmfulPBeyond));
    const [without, withVector] = [rows.without[row]!, rows.with[row]!];
    parts.push(fill(s.detailShare, n.percent(share), n.number(without), n.number(withVector)));
    return parts.join(' ');
  }

  /** Rows of few prompts are extrapolated from, too, where some look like this. */
  private ordinary(p: number): string {
    const { strings: s, numbers: n } = this;
    const { ordinary = 0, ordinaryPrompts = ordinary } = this.compared ?? {};
    return !isExtrapolated(p, ordinary) && isExtrapolated(p, ordinaryPrompts)
      ? fill(s.detailPBeyondPrompts, n.count(ordinary), n.count(ordinaryPrompts), perThousand(p, n))
      : this.rarity(p, ordinary, s.detailP, s.detailPBeyond);
  }

  /** How many rows look like this: what was counted, or, beyond the rows that were compared, extrapolated. */
  private rarity(p: number, compared = 0, counted: string, beyond: string): string {
    const { numbers: n } = this;
    return isExtrapolated(p, compared)
      ? fill(beyond, n.count(compared), perThousand(p, n))
      : fill(counted, perThousand(p, n));
  }

  private answer({ answer }: RowText, tokens: readonly ExplainedToken[] | null, pending: boolean): HTMLElement[] {
    const { strings: s, numbers: n } = this;
    if (!tokens || tokens.every(([text]) => text === '')) {
      const plain = el('div', { class: 'text' }, answer);
      return pending ? [plain, el('p', { class: 'muted' }, s.explaining)] : [plain];
    }
    const gains = tokens.map(([, without, withVector]) =>
      without < KNOWN ? 0 : Math.max(0, Math.min(1, (without - withVector) / without)),
    );
    const words = el('div', { class: 'text' });
    tokens.forEach(([text, without, withVector], i) => {
      const gain = gains[i]!;
      const title = fill(s.tokenTitle, n.number(without), n.number(withVector));
      const token = el('span', { class: gain >= MARKED ? 'token marked' : 'token', title }, text);
      token.style.setProperty('--gain', gain.toFixed(2));
      words.append(token);
    });
    const marked = spans(tokens, gains);
    return [
      words,
      el('p', { class: 'muted' }, s.legend),
      el(
        'p',
        { class: 'for-readers' },
        marked.length > 0 ? fill(s.explainedWords, marked.join(' … ')) : s.explainedNothing,
      ),
    ];
  }
}

/** The texts of neighbouring marked tokens. */
function spans(tokens: readonly ExplainedToken[], gains: readonly number[]): string[] {
  const found: string[] = [];
  tokens.forEach(([text], i) => {
    if (gains[i]! < MARKED) return;
    if (i > 0 && gains[i - 1]! >= MARKED) found[found.length - 1] += text;
    else found.push(text);
  });
  return found.map((text) => text.trim()).filter(Boolean);
}
