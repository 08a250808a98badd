import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inflateRawSync } from 'node:zlib';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const DEFLATED = 8;

/** Name → bytes of a file in the archive; read only when asked for. No zip64, no encryption: what vsce writes. */
export const readZip = async (file: string): Promise<Map<string, () => Buffer>> =>
  zipEntries(await readFile(file), file);

/** The same of an archive in memory; `file` names it in errors. */
export function zipEntries(bytes: Buffer, file: string): Map<string, () => Buffer> {
  const end = bytes.lastIndexOf(Buffer.from(Uint32Array.of(END_OF_DIRECTORY).buffer));
  if (end < 0) throw new Error(`${file} is not a zip archive`);
  const entries = new Map<string, () => Buffer>();
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    if (bytes.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Error(`${file}: no directory entry at ${at}`);
    const method = bytes.readUInt16LE(at + 10);
    const packed = bytes.readUInt32LE(at + 20);
    const nameLength = bytes.readUInt16LE(at + 28);
    const local = bytes.readUInt32LE(at + 42);
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    entries.set(name, () => {
      const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
      const data = bytes.subarray(start, start + packed);
      return method === DEFLATED ? inflateRawSync(data) : data;
    });
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return entries;
}

/** Writes the entries under `prefix` into a folder, without the prefix. */
export async function unzip(entries: Map<string, () => Buffer>, prefix: string, folder: string): Promise<void> {
  for (const [name, read] of entries) {
    if (!name.startsWith(prefix) || name.endsWith('/')) continue;
    const file = path.join(folder, name.slice(prefix.length));
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, read());
  }
}
