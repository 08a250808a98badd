/** Whether runs were asked the same: numbers of a set compare where they were. */
import type { Difference } from './comparison.js';
import type { Measurement } from './events.js';
import type { Manifest } from './manifest.js';

type Sets = Pick<Manifest, 'sets'>;

/**
 * Whether two runs asked the same by the name of a set, or by the names that each has for it; undefined where one of
 * them is of an earlier version.
 */
export function asksSame(a: Sets | undefined, b: Sets | undefined, name: string, its = name): boolean | undefined {
  const [ours, theirs] = [a?.sets?.[name]?.sha256, b?.sets?.[its]?.sha256];
  return ours === undefined || theirs === undefined ? undefined : ours === theirs;
}

/** Sets of the same name that ask something else: a file was edited, or one training has seen some of the prompts. */
export function setDifferences(ours: Sets, theirs: Sets, promptsOf: (set: string) => string): Difference[] {
  return Object.entries(ours.sets ?? {}).flatMap(([name, own]) => {
    const other = theirs.sets?.[name];
    if (!other || own.sha256 === other.sha256) return [];
    const said = ({ rows, sha256 }: typeof own): string =>
      own.rows === other.rows ? `${rows} (${sha256.slice(0, 8)})` : String(rows);
    return [{ key: promptsOf(name), theirs: said(other), ours: said(own) }];
  });
}

/**
 * Sets of which people have labelled more answers of one run than of the other: what they have corrected there stands
 * here as the judge said it. Of the trained models: the base stands for none of them.
 */
export function labelDifferences(
  runs: [ours: readonly Measurement[], theirs: readonly Measurement[]],
  labelsOf: (set: string) => string,
): Difference[] {
  const [ours, theirs] = runs.map((all) => all.filter(({ state }) => state !== 'base'));
  const most = (all: readonly Measurement[], set: string): number =>
    Math.max(...all.map(({ name, labelled = 0 }) => (name === set ? labelled : 0)));
  const names = new Set(theirs.map(({ name }) => name));
  return [...names].flatMap((name) => {
    const [a, b] = [most(ours, name), most(theirs, name)];
    const isMeasured = ours.some((one) => one.name === name);
    return isMeasured && a !== b ? [{ key: labelsOf(name), theirs: String(b), ours: String(a) }] : [];
  });
}
