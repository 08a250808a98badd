/** Which words of a text another does not have, in their order (longest common subsequence). */

interface Piece {
  text: string;
  differs: boolean;
}

/** Of longer texts only the beginnings are compared: the table has the product of both lengths. */
const MOST_WORDS = 1500;

/** Pieces that make up `text`; neighbours are merged. */
export function differences(text: string, other: string): Piece[] {
  const [mine, theirs] = [wordsOf(text), wordsOf(other)];
  const [a, b] = [mine.slice(0, MOST_WORDS), theirs.slice(0, MOST_WORDS)];
  const width = b.length + 1;
  /** Common words of a from i on and b from j on. */
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i * width + j] =
        a[i]!.word === b[j]!.word
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
  const pieces: Piece[] = [];
  const add = ({ word, space }: Word, differs: boolean): void => {
    const last = pieces.at(-1);
    if (last?.differs === differs) last.text += space + word;
    // The space before a marked word is not marked.
    else if (differs && space && last) {
      last.text += space;
      pieces.push({ text: word, differs });
    } else pieces.push({ text: space + word, differs });
  };
  let j = 0;
  mine.forEach((word, i) => {
    // What the other has in between is passed over, as far as nothing common is lost.
    while (
      i < a.length &&
      j < b.length &&
      word.word !== b[j]!.word &&
      common[i * width + j + 1]! >= common[(i + 1) * width + j]!
    )
      j++;
    const isCommon = i < a.length && j < b.length && word.word === b[j]!.word;
    add(word, !isCommon);
    if (isCommon) j++;
  });
  return pieces;
}

interface Word {
  space: string;
  word: string;
}

const wordsOf = (text: string): Word[] =>
  [...text.matchAll(/(\s*)(\S+)/g)].map(([, space = '', word = '']) => ({ space, word }));
