import type { Agreement } from '../../runtime/contract/agreement.js';
import type { Wording } from '../../runtime/contract/format.js';
import { agreementCells, agreementHead, type JudgeStrings } from '../../runtime/contract/judgeText.js';
import { el } from '../dom.js';

/** How far each two judges agree. */
export function agreementElement(agreements: readonly Agreement[], wording: Wording<JudgeStrings>): HTMLElement {
  const { strings: s } = wording;
  return el(
    'table',
    { class: 'agreement' },
    el('caption', {}, s.agreementTitle),
    el('thead', {}, el('tr', {}, ...agreementHead(s).map((text) => el('th', { scope: 'col' }, text)))),
    el(
      'tbody',
      {},
      ...agreements.map((one) => {
        const { set, model, judges, kappa, differ } = agreementCells(one, wording);
        return el(
          'tr',
          {},
          el('th', { scope: 'row' }, set),
          ...[model, judges, kappa, differ].map((text) => el('td', {}, text)),
        );
      }),
    ),
  );
}
