/** What calls open, wherever it is named. */
import { dirname } from 'node:path';
import { hubAdapters } from '../adapters/hubAdapters.js';
import { openContext, scratchFolder, templateWarning, unusedWarning, type Context } from '../context/context.js';
import type { ModelReference } from '../contract/modelInfo.js';
import type { Computing } from '../contract/recipeWords.js';
import { warnsOf, type Reporter } from './reporter.js';

/** Adapters that are named by the Hub, as folders. */
export async function local(
  adapters: ModelReference['adapters'],
  reporter: Reporter,
): Promise<ModelReference['adapters']> {
  const hub = await hubAdapters(
    adapters.map(({ path }) => path),
    reporter,
  );
  return adapters.map(({ path, scale }) => ({ path: hub.get(path)?.folder ?? path, scale }));
}

export async function opened(
  model: string,
  beside: string,
  reporter: Reporter,
  { device = 'auto', precision }: Computing,
): Promise<Context> {
  const context = await openContext(model, {
    device,
    precision,
    scratch: scratchFolder(dirname(beside)),
    onMessage: (text) => reporter.onProgress(text),
    signal: reporter.signal,
  });
  const warning = unusedWarning(context);
  if (warning) warnsOf(reporter)(warning.message, warning.place, warning.remedy);
  return context;
}

const warned = new WeakSet<Context>();
/** Of a model to which conversations are written, once. */
export function warnOfTemplate(context: Context, reporter: Reporter): void {
  const warning = warned.has(context) ? undefined : templateWarning(context);
  warned.add(context);
  if (warning) warnsOf(reporter)(warning.message, warning.place, warning.remedy);
}
