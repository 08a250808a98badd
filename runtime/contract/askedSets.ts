/** Whether runs were asked the same: numbers of a set compare where they were. */
import type { Difference } from './comparison.js';
import type { Manifest } from './manifest.js';

type Sets = Pick<Manifest, 'sets'>;

/** Whether two runs asked the same by the name of a set; undefined where one of them is of an earlier version. */
export function asksSame(a: Sets | undefined, b: Sets | undefined, name: string): boolean | undefined {
  const [ours, theirs] = [a, b].map((run) => run?.sets?.[name]?.sha256);
  return ours === undefined || theirs === undefined ? undefined : ours === theirs;
}

/** Sets of the same name that ask something else: a file was edited, or one training has seen some of the prompts. */
export function setDifferences(ours: Sets, theirs: Sets): Difference[] {
  return Object.keys(ours.sets ?? {}).flatMap((name) => {
    if (asksSame(ours, theirs, name) !== false) return [];
    const [a, b] = [ours, theirs].map(({ sets }) => sets![name]!);
    const said = ({ rows, sha256 }: NonNullable<typeof a>): string =>
      a!.rows === b!.rows ? `${rows} (${sha256.slice(0, 8)})` : String(rows);
    return [{ key: `prompts of "${name}"`, theirs: said(b!), ours: said(a!) }];
  });
}
