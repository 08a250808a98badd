import paths, { type PlatformPath } from 'node:path';

/** `name`, `name-2`, `name-3`, …: the first that is not taken. */
export async function firstFree(name: string, taken: (name: string) => Promise<boolean>): Promise<string> {
  for (let i = 1; ; i++) {
    const one = i === 1 ? name : `${name}-${i}`;
    if (!(await taken(one))) return one;
  }
}

/** Whether it is the folder, or lies in it. */
export const isWithin = (path: string, folder: string, { sep }: Pick<PlatformPath, 'sep'> = paths): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);

/** The innermost of these folders that it lies in. */
export const folderOf = (path: string, folders: readonly string[]): string | undefined =>
  folders.filter((folder) => isWithin(path, folder)).sort((a, b) => b.length - a.length)[0];

/**
 * A path as the editor gives those of its documents, so that both are one text: on Windows with `\\` and a small letter
 * for the drive, where people write `C:/` and programs `C:\\`. Other paths stay as they are, those of other systems,
 * too.
 */
export function editorPath(path: string, at: PlatformPath = paths): string {
  if (at.sep !== '\\' || !at.isAbsolute(path) || at.parse(path).root.length < 3) return path;
  return at.resolve(path).replace(/^[A-Z]:/, (drive) => drive.toLowerCase());
}
