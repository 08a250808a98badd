/** Jinja as tokens, with what @huggingface/jinja 0.5 does not know of it: `raw`, tuples of one or nothing. */
import { tokenize } from '@huggingface/jinja';

type Token = ReturnType<typeof tokenize>[number];

/** Stands in a tuple for an item that is none: the library's have two or more. */
export const NO_ITEM = '\0';

export const tokensOf = (source: string): Token[] =>
  withTuples(tokenize(withoutRaw(source), { lstrip_blocks: true, trim_blocks: true }));

const RAW = /(^|\n)?([ \t]*)\{%([-+]?)\s*raw\s*(-?)%\}([^]*?)\{%([-+]?)\s*endraw\s*([-+]?)%\}(\n?)/g;

/** What stands between `raw` and `endraw`, as texts that are written. */
const withoutRaw = (source: string): string =>
  source.replace(RAW, (_, line: string | undefined, space: string, ...parts: string[]) => {
    const [before, first, given, last, after, newline] = parts;
    // as `lstrip_blocks` and `trim_blocks` do
    const indent = line !== undefined && before === '' ? '' : space;
    let text = first === '-' ? given.trimStart() : given;
    if (last === '-') text = text.trimEnd();
    else if (last === '') text = text.replace(/(^|\n)[ \t]+$/, '$1');
    const written = text.replace(/[^ \w]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
    const [open, close] = [before === '-' ? '{{-' : '{{', after === '-' ? '-}}' : '}}'];
    return `${line ?? ''}${indent}${open} "${written}" ${close}${after === '+' ? newline : ''}`;
  });

/** Words behind which a parenthesis calls nothing. */
const WORDS = new Set('and or not in is if else elif for set call filter'.split(' '));

function withTuples(tokens: readonly Token[]): Token[] {
  const found: Token[] = [];
  const open: number[] = [];
  const like = ({ constructor }: Token, value: string, type: string): Token =>
    new (constructor as new (value: string, type: string) => Token)(value, type);
  for (const token of tokens) {
    const before = found.at(-1);
    if (token.type === 'Identifier' && before?.type === 'NumericLiteral' && !WORDS.has(token.value))
      throw new Error(`numbers like ${before.value}${token.value} are not read`);
    if (token.type === 'OpenParen') open.push(found.length);
    if (token.type === 'CloseParen') {
      const at = open.pop() ?? 0;
      const caller = found[at - 1] as Token | undefined;
      const isCall =
        caller !== undefined &&
        (['CloseParen', 'CloseSquareBracket'].includes(caller.type) ||
          (caller.type === 'Identifier' && !WORDS.has(caller.value)));
      const isOpen = before?.type === 'Comma';
      if (isCall && isOpen) found.pop();
      else if (!isCall && (isOpen || found.length === at + 1)) {
        const none = like(token, NO_ITEM, 'Identifier');
        found.push(none, ...(isOpen ? [] : [like(token, ',', 'Comma'), none]));
      }
    }
    found.push(token);
  }
  return found;
}
