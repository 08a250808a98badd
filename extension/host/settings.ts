import * as vscode from 'vscode';
import { CONFIGURATION, type Settings } from './contributions.js';

/** A setting's value; the default is the one in package.json. */
export function setting<K extends keyof Settings>(name: K): Settings[K] {
  const value = vscode.workspace.getConfiguration(CONFIGURATION).get<Settings[K]>(name);
  if (value === undefined) throw new Error(`internal: setting ${CONFIGURATION}.${name} has no default`);
  return value;
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
