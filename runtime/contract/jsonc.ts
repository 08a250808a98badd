/** JSON as people write it: with comments and a comma too many. One parser for the engine and the editor. */
import { createScanner, parse, printParseErrorCode, visit, type ParseError } from 'jsonc-parser';

/** What no file of ours comes near; parsers and printers that call themselves for each level end in a full stack. */
export const MAX_DEPTH = 64;

interface Parsed {
  /** Of a text with a fault, what can be read of it: a recipe that is being typed has a value too. */
  value: unknown;
  fault?: ParseFault;
}

interface ParseFault {
  offset: number;
  /** From 1. */
  line: number;
  /** `TooDeep`, or what jsonc-parser calls it. */
  code: string;
  /** The same in words: "comma expected". */
  words: string;
}

/** The value of a text, and its first fault. Never throws. */
export function parseJsonc(text: string): Parsed {
  const faultAt = (offset: number, code: string): ParseFault => ({
    offset,
    line: lineOf(text, offset),
    code,
    words: code.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase(),
  });
  const deep = tooDeep(text);
  if (deep !== undefined) return { value: undefined, fault: faultAt(deep, 'TooDeep') };
  const errors: ParseError[] = [];
  // Some editors begin a file with a mark of its byte order.
  const value: unknown = parse(text.replace(/^\uFEFF/, ' '), errors, { allowTrailingComma: true });
  const [first] = errors;
  return first ? { value, fault: faultAt(first.offset, printParseErrorCode(first.error)) } : { value };
}

interface SecondKey {
  key: string;
  offset: number;
  /** From 1. */
  line: number;
}

/**
 * The first key that stands in its object for the second time, of a text without a fault: parsers take its last value.
 */
export function secondKey(text: string): SecondKey | undefined {
  const open: Set<string>[] = [];
  let found: SecondKey | undefined;
  visit(text.replace(/^\uFEFF/, ' '), {
    onObjectBegin: () => void open.push(new Set()),
    onObjectEnd: () => void open.pop(),
    onObjectProperty(key, offset) {
      if (open.at(-1)!.has(key)) found ??= { key, offset, line: lineOf(text, offset) };
      open.at(-1)!.add(key);
    },
  });
  return found;
}

export const secondKeyText = ({ key }: SecondKey): string => `the key "${key}" appears twice here`;

/** The line of an offset, from 1. */
export const lineOf = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;

/** Where the text becomes deeper than is allowed; found by reading its tokens one after the other. */
function tooDeep(text: string): number | undefined {
  const scanner = createScanner(text, true);
  for (let depth = 0; scanner.getPosition() < text.length;) {
    scanner.scan();
    const first = text[scanner.getTokenOffset()];
    if (first === '{' || first === '[') depth++;
    else if (first === '}' || first === ']') depth--;
    if (depth > MAX_DEPTH) return scanner.getTokenOffset();
  }
  return undefined;
}
