/** What of a run folder must be the same after a kill and a resume as in a run that nothing happened to. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sha256 } from '../../runtime/support/files.js';
import { readBytes, readSafetensors } from '../../runtime/models/weights/safetensors.js';

/** Time, and what is measured in it. */
const TIMES = new Set(['stepMs', 'secondsLeft', 'seconds', 'memoryBytes', 'started', 'resumed', 'ended', 'since']);
/** Where a run stood in between: a resumed one prepares twice and may have saved at another step. */
const PASSING = new Set(['state', 'checkpoint']);

const withoutTimes = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).filter(([key]) => !TIMES.has(key)))
    : value;

/**
 * A text for each file of the folder. Byte for byte: adapter/, model/, prompts.jsonl, scan.json, answers.jsonl,
 * recipe.json. Of events.jsonl all steps, evaluations, warnings and the end, of manifest.json everything, both without
 * times and with `folder` left out of paths; of the checkpoint all tensors; of report.html, which draws the same and
 * shows durations, that it is there.
 */
export async function snapshot(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  // A copy that was finished when it was taken names the folder that it is a copy of.
  const place = new RegExp(`${dirname(dirname(folder))}/[^/"]+/${basename(folder)}`, 'g');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((one) => one.isFile())) {
    const file = join(entry.parentPath, entry.name);
    const name = file.slice(folder.length + 1);
    const text = async (): Promise<string> => (await readFile(file, 'utf8')).replaceAll(place, '');
    if (name === 'report.html') found[name] = 'there';
    else if (name === 'manifest.json') found[name] = JSON.stringify(JSON.parse(await text()), withoutTimes);
    else if (name === 'events.jsonl') found[name] = events(await text());
    else if (name.startsWith('checkpoint/')) found[name] = await tensors(file);
    else found[name] = sha256(await readFile(file));
  }
  return found;
}

/** Lines that differ between two snapshots. */
export const differences = (a: Record<string, string>, b: Record<string, string>): string[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((name) => a[name] !== b[name])
    .map((name) => (name in a ? (name in b ? `${name} differs` : `${name} is missing`) : `${name} is left over`));

function events(text: string): string {
  const kept: string[] = [];
  for (const line of text.split('\n').filter(Boolean)) {
    const event = JSON.parse(line) as { kind: string };
    if (!PASSING.has(event.kind)) kept.push(JSON.stringify(event, withoutTimes));
  }
  return kept.join('\n');
}

async function tensors(file: string): Promise<string> {
  const header = await readSafetensors(file);
  const parts = [];
  for (const info of header.tensors.values())
    if (info.dtype === 'F32') parts.push(`${info.name} ${info.shape.join('x')} ${sha256(await readBytes(info))}`);
  return [`step ${(JSON.parse(header.metadata.checkpoint!) as { step: number }).step}`, ...parts].join('\n');
}
