/**
 * VS Code's server on a free port of 127.0.0.1, and a headless browser as its window. The extension host is the real
 * one; webviews are shown by the real workbench.
 */
import { execFile, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { launchBrowser } from './browser.mjs';
import { node, server } from './versions.mjs';

const serverMain = path.join(server, 'out/server-main.js');
const START_MS = 60_000;

/** User settings that keep tips, chat, telemetry and update checks out of the window. */
const quiet = {
  'workbench.colorTheme': 'Dark Modern',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  // What moves is drawn by the processor here.
  'workbench.reduceMotion': 'on',
  'editor.cursorBlinking': 'solid',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'chat.commandCenter.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'git.enabled': false,
  'window.commandCenter': false,
  'update.showReleaseNotes': false,
};

// A signal must run the exit handlers below, which end the children.
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }))
  process.once(signal, () => process.exit(code));

const freePort = () =>
  new Promise((resolve, reject) => {
    const socket = net.createServer();
    socket.on('error', reject);
    socket.listen(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });

const answers = (port) =>
  new Promise((resolve) => {
    http
      .get({ host: '127.0.0.1', port, path: '/version' }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      })
      .on('error', () => resolve(false));
  });

/**
 * @param {object} o
 * @param {string} o.dataDir           everything the server writes
 * @param {string} o.extensionsDir
 * @param {boolean} [o.driver]         needed for a development folder or a suite; it hides notification toasts
 * @param {boolean} [o.trust]          true: workspace trust is on, and a folder that is opened first is not trusted
 * @param {Record<string, unknown>} [o.settings]  user settings
 * @param {Record<string, string>} [o.env]        environment of the extension host
 * @param {string[]} [o.nodeArguments]            options of Node, for the extension host too
 */
export async function startServer({
  dataDir,
  extensionsDir,
  driver = false,
  trust = false,
  settings = {},
  env = {},
  nodeArguments = [],
}) {
  const port = await freePort();
  const userFolder = path.join(dataDir, 'data/User');
  await mkdir(userFolder, { recursive: true });
  await mkdir(extensionsDir, { recursive: true });
  const all = { ...quiet, 'security.workspace.trust.enabled': trust, ...settings };
  await writeFile(path.join(userFolder, 'settings.json'), JSON.stringify(all, null, 2));

  const args = [
    ...nodeArguments,
    serverMain,
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--without-connection-token',
  ];
  args.push('--accept-server-license-terms', '--server-data-dir', dataDir, '--extensions-dir', extensionsDir);
  args.push('--telemetry-level', 'off');
  if (!trust) args.push('--disable-workspace-trust');
  if (driver) args.push('--enable-smoke-test-driver');
  const xdg = path.join(dataDir, 'xdg');
  const child = spawn(node, args, {
    // No gallery: nothing is looked up outside. The runtime folder holds its sockets, which would pile up elsewhere.
    env: {
      ...process.env,
      EXTENSIONS_GALLERY: '{}',
      XDG_RUNTIME_DIR: dataDir,
      XDG_CONFIG_HOME: xdg,
      XDG_DATA_HOME: xdg,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a process group of its own: the server alone would leave its extension host behind
  });
  const log = createWriteStream(path.join(dataDir, 'server.log'));
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  const endGroup = () => {
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {
      // already gone
    }
  };
  process.once('exit', endGroup);

  const end = Date.now() + START_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`VS Code server ended with ${child.exitCode}`);
    if (Date.now() > end) throw new Error(`VS Code server did not answer within ${START_MS / 1000} s`);
    await sleep(100);
  }
  const stop = () =>
    new Promise((resolve) => {
      const done = () => {
        endGroup();
        process.off('exit', endGroup);
        resolve();
      };
      if (child.exitCode !== null) return done();
      child.once('exit', done);
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 5000).unref();
    });
  return {
    port,
    child,
    stop,
    uri: (file) => `vscode-remote://127.0.0.1:${port}${path.resolve(file)}`,
    /** Address of a window; `payload` are pairs of the workbench's own options. */
    address: (folder, payload = []) => {
      const query = new URLSearchParams(folder ? { folder: path.resolve(folder) } : { ew: 'true' });
      if (payload.length) query.set('payload', JSON.stringify(payload));
      return `http://127.0.0.1:${port}/?${query}`;
    },
  };
}

export async function installVsix(vsix, dataDir, extensionsDir) {
  const args = [serverMain, '--accept-server-license-terms', '--server-data-dir', dataDir];
  args.push('--extensions-dir', extensionsDir, '--install-extension', path.resolve(vsix));
  const { stdout } = await promisify(execFile)(node, args, { env: { ...process.env, EXTENSIONS_GALLERY: '{}' } });
  return stdout.trim().split('\n').at(-1);
}

export const startBrowser = () =>
  launchBrowser(chromium, ['--disable-quic', '--disable-component-update', '--disable-sync']);

/** What moves while something runs would be drawn thirty times a second, by the processor here. */
const STILL = '*, *::before, *::after { animation: none !important; transition: none !important }';

/** A page in which a window of VS Code is opened, where nothing moves. */
export async function openPage(browser, options) {
  const page = await browser.newPage(options);
  page.on('domcontentloaded', () => void page.addStyleTag({ content: STILL }).catch(() => {}));
  return page;
}
