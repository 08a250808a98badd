import * as vscode from 'vscode';
import * as z from 'zod';
import { DEVICE_CHOICES } from '../../runtime/contract/recipeWords.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { CONFIGURATION } from './contributions.js';
import { HostError } from './errors.js';
import { t } from './text.js';

/** Settings as in package.json, which is the only place for their defaults. */
export const SETTINGS = {
  // read as lines are drawn, where nobody would see an error
  codeLens: z.boolean().catch(true),
  threads: z.int().min(0).max(1024),
  device: z.enum(DEVICE_CHOICES),
  scanFalseAlarms: z.number().min(0.0001).max(0.5),
  chatMaxNewTokens: z.int().min(1).max(8192),
};
export type Settings = { [Name in keyof typeof SETTINGS]: z.infer<(typeof SETTINGS)[Name]> };

/**
 * A setting's value; the default is the one in package.json.
 * @throws HostError for a value that it cannot have, which VS Code gives all the same
 */
export function setting<K extends keyof Settings>(name: K): Settings[K] {
  const id = `${CONFIGURATION}.${name}`;
  const value = vscode.workspace.getConfiguration(CONFIGURATION).get<unknown>(name);
  if (value === undefined) throw new Error(`internal: setting ${id} has no default`);
  const parsed = safeParse<unknown>(SETTINGS[name], value);
  if (parsed.data === undefined)
    throw new HostError({
      kind: 'input',
      code: 'setting',
      place: id,
      message: t('this setting cannot be {0}.', JSON.stringify(value).slice(0, 40)),
      remedy: t('Correct it in the settings of VS Code, or reset it.'),
    });
  return parsed.data as Settings[K];
}

export const onDidChangeSetting = (name: keyof Settings, listener: () => unknown): vscode.Disposable =>
  vscode.workspace.onDidChangeConfiguration((e) => e.affectsConfiguration(`${CONFIGURATION}.${name}`) && listener());

/** The editor's own proxy, in the variables by which the engine finds one. */
export function proxyEnvironment(): Record<string, string> {
  const http = vscode.workspace.getConfiguration('http');
  const proxy = http.get<string>('proxy');
  const none = http.get<string[]>('noProxy') ?? [];
  if (!proxy) return {};
  return { http_proxy: proxy, https_proxy: proxy, ...(none.length ? { no_proxy: none.join() } : {}) };
}
