import type { ProtectionVerdict } from '../../runtime/evaluation/protocol.js';
import type { RunStrings } from '../protocol.js';
import { fill, type Numbers } from '../text.js';

export interface VerdictLine {
  tone: 'good' | 'bad' | 'neutral';
  text: string;
}

/** Below this share of its first value the loss has visibly fallen. */
const LEARNED = 0.9;

/** The verdict as one sentence with its numbers. */
export function verdictLine(verdict: ProtectionVerdict, s: RunStrings, n: Numbers): VerdictLine {
  const { gradientShare, lossShare, lossBefore, lossNow } = verdict;
  const share = (value: number | undefined) => (value === undefined ? s.noNumber : n.percent(value));
  const loss = (value: number | undefined) => (value === undefined ? s.noNumber : n.number(value));
  switch (verdict.kind) {
    case 'unknown':
      return { tone: 'neutral', text: s.verdictUnknown };
    case 'ready':
      return { tone: 'good', text: fill(s.verdictReady, share(lossShare)) };
    case 'unready':
      return { tone: 'neutral', text: fill(s.verdictUnready, share(lossShare)) };
    case 'unprotected':
      return lossBefore !== undefined && lossNow !== undefined && lossNow < LEARNED * lossBefore
        ? { tone: 'bad', text: fill(s.verdictUnprotectedLoss, loss(lossBefore), loss(lossNow)) }
        : { tone: 'bad', text: s.verdictUnprotected };
    case 'open':
      return {
        tone: 'neutral',
        text:
          gradientShare === undefined
            ? fill(s.verdictOpenLoss, share(lossShare), loss(lossNow), loss(lossBefore))
            : fill(s.verdictOpen, share(gradientShare), loss(lossNow), loss(lossBefore)),
      };
    case 'holds':
      return {
        tone: 'good',
        text:
          gradientShare === undefined
            ? fill(s.verdictHoldsLoss, share(lossShare))
            : fill(s.verdictHolds, share(gradientShare)),
      };
    case 'weak':
      return { tone: 'bad', text: weak() };
  }

  function weak(): string {
    switch (verdict.cause) {
      case 'evaluation':
        return fill(s.verdictWeakReason, verdict.reason ?? '');
      case 'learned':
        return fill(s.verdictWeakLoss, loss(lossBefore), loss(lossNow));
      case 'gradient':
        return fill(s.verdictWeakGradient, share(gradientShare));
      case 'loss':
      case undefined:
        return fill(s.verdictWeakShare, share(lossShare));
    }
  }
}
