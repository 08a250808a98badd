import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as z from 'zod';
import {
  COMMANDS,
  CONFIGURATION,
  CONTEXTS,
  DONE,
  ITEMS,
  PANELS,
  STEPS,
  VIEWS,
  WALKTHROUGH,
} from '../../extension/host/contributions.js';
import { SETTINGS } from '../../extension/host/settings.js';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
interface Contribution {
  command: string;
  when?: string;
}
const json = JSON.parse(read('package.json')) as {
  activationEvents: string[];
  capabilities: {
    untrustedWorkspaces: { supported: string };
    virtualWorkspaces: { supported: boolean; description: string };
  };
  extensionKind: string[];
  contributes: {
    commands: { command: string; title: string; category: string }[];
    views: Record<string, { id: string; icon: string; type?: string }[]>;
    viewsWelcome: { view: string; contents: string; when?: string }[];
    menus: Record<string, Contribution[]>;
    configuration: {
      properties: Record<string, { default?: unknown; description?: string; markdownDescription?: string }>;
    };
    walkthroughs: { id: string; steps: { id: string; media: { svg: string }; completionEvents: string[] }[] }[];
  };
};
const nls = JSON.parse(read('package.nls.json')) as Record<string, string>;
const { contributes } = json;
const sources = readdirSync(join(root, 'extension'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => read(join('extension', file)));

test('commands of the code and of package.json are the same, in one category', () => {
  assert.deepEqual(contributes.commands.map((c) => c.command).sort(), Object.values<string>(COMMANDS).sort());
  assert.deepEqual([...new Set(contributes.commands.map((c) => c.category))], ['Security Vectors']);
});

test('views have an icon, and a tree that is empty a text', () => {
  const views = contributes.views['securityVectors']!;
  assert.deepEqual(views.map((v) => v.id).sort(), Object.values<string>(VIEWS).sort());
  for (const view of views) {
    assert.match(read(view.icon), /currentColor/);
    assert.ok(view.type === 'webview' || contributes.viewsWelcome.some((welcome) => welcome.view === view.id), view.id);
  }
});

test('an empty tree offers one thing to do, and a model first', () => {
  const buttons = (view: string, hasModel: boolean): string[] =>
    contributes.viewsWelcome
      .filter(
        ({ when = '' }) => !when.startsWith('isWeb') && !/workspaceFolderCount == 0|!isWorkspaceTrusted/.test(when),
      )
      .filter(({ when = '' }) => !when.includes(hasModel ? '!securityVectors.hasModel' : ' securityVectors.hasModel'))
      .filter((welcome) => welcome.view === view)
      .flatMap(({ contents }) => [...nls[contents.replaceAll('%', '')]!.matchAll(/^\[.+\]\(command:(.+)\)$/gm)])
      .map(([, command]) => command!);
  assert.deepEqual(buttons(VIEWS.models, false), [COMMANDS.openSample]);
  assert.deepEqual(buttons(VIEWS.data, false), []);
  assert.deepEqual(buttons(VIEWS.data, true), [COMMANDS.trainPublic]);
  assert.deepEqual(buttons(VIEWS.runs, false), [COMMANDS.addModel]);
  assert.deepEqual(buttons(VIEWS.runs, true), [COMMANDS.trainVector]);
});

test('menus name commands that exist and items that views make', () => {
  const commands = new Set(contributes.commands.map((c) => c.command));
  const items = Object.values<string>(ITEMS);
  for (const [menu, entries] of Object.entries(contributes.menus)) {
    for (const { command, when = '' } of entries) {
      assert.ok(commands.has(command), `${menu}: ${command}`);
      const exact = /viewItem == (\S+)/.exec(when)?.[1];
      if (exact) assert.ok(items.includes(exact), when);
      const pattern = /viewItem =~ \/(.+)\//.exec(when)?.[1];
      if (pattern)
        assert.ok(
          items.some((item) => new RegExp(pattern).test(item)),
          when,
        );
    }
  }
  // At most three actions on a row.
  for (const item of items) {
    const shown = contributes.menus['view/item/context']!.filter(({ when = '', ...entry }) => {
      const group = (entry as { group?: string }).group ?? '';
      const exact = /viewItem == (\S+)/.exec(when)?.[1];
      const pattern = /viewItem =~ \/(.+)\//.exec(when)?.[1];
      return group.startsWith('inline') && (exact ? exact === item : pattern ? new RegExp(pattern).test(item) : true);
    });
    assert.ok(shown.length <= 3, `${item}: ${shown.length}`);
  }
});

test('recipes can be run from the file tree and from their editors, and what others keep in `recipes` cannot', () => {
  for (const menu of ['explorer/context', 'editor/title/run']) {
    const { when } = contributes.menus[menu]!.find(({ command }) => command === COMMANDS.runRecipe)!;
    const [listed, named] = when!.split(' || ');
    assert.equal(listed, `resourcePath in ${CONTEXTS.recipes}`);
    const name = new RegExp(/^resourcePath =~ \/(.+)\/$/.exec(named!)![1]!);
    assert.deepEqual(['/w/a.recipe.json', '/w/recipes/soup.json'].map((file) => name.test(file)), [true, false]); // oxfmt-ignore
  }
});

test('the palette offers what makes sense: without a folder only what needs none', () => {
  const hidden = new Map(contributes.menus['commandPalette']!.map(({ command, when }) => [command, when]));
  for (const [command, when] of hidden) assert.ok(when, command);
  assert.deepEqual(
    Object.values<string>(COMMANDS)
      .filter((command) => !hidden.has(command))
      .sort(),
    ['clearCache', 'openSample', 'openWalkthrough', 'setHubToken', 'showLog'].map((name) => `${CONFIGURATION}.${name}`),
  );
  const titles = contributes.menus['view/title']!.filter(({ command }) => command === COMMANDS.addModel);
  assert.match(titles[0]!.when!, /workspaceFolderCount > 0/);
});

test('the palette offers what is done with a data file of any ending that is listed', () => {
  const named = contributes.menus['commandPalette']!.filter(({ when }) => when!.includes('resourceExtname'));
  assert.ok(named.length > 0);
  for (const { command, when } of named)
    assert.ok(when!.split(' || ').includes(`resourcePath in ${CONTEXTS.dataFiles}`), command);
});

test('settings have a default and a description, and are those that the code reads', () => {
  for (const [name, setting] of Object.entries(contributes.configuration.properties)) {
    assert.ok(name.startsWith(`${CONFIGURATION}.`));
    assert.notEqual(setting.default, undefined, name);
    assert.ok(setting.description ?? setting.markdownDescription, name);
  }
  const read_ = new Set(
    sources.flatMap((text) => [...text.matchAll(/setting\('(\w+)'\)/g)].map((m) => `${CONFIGURATION}.${m[1]}`)),
  );
  assert.deepEqual(Object.keys(contributes.configuration.properties).sort(), [...read_].sort());
  for (const [name, schema] of Object.entries(SETTINGS)) {
    const { type, enum: values, minimum, maximum } = z.toJSONSchema(schema);
    const own = contributes.configuration.properties[`${CONFIGURATION}.${name}`] as z.core.JSONSchema.BaseSchema;
    assert.deepEqual([type, values, minimum, maximum], [own.type, own.enum, own.minimum, own.maximum], name);
  }
});

test('every %text% of package.json is there, and none too many', () => {
  const used = new Set([...read('package.json').matchAll(/"%([^%"]+)%"/g)].map((m) => m[1]!));
  assert.deepEqual(Object.keys(nls).sort(), [...used].sort());
});

test('the walkthrough has pictures in the colours of the theme, and the steps that pages ask for', () => {
  const [walkthrough] = contributes.walkthroughs;
  assert.equal(walkthrough!.id, WALKTHROUGH);
  const ids = walkthrough!.steps.map((step) => step.id);
  for (const step of Object.values(STEPS)) assert.ok(ids.includes(step), step);
  assert.ok(ids.length <= 6);
  // A recipe that is run may be of either kind, and a command may end without having done anything.
  const done = Object.fromEntries(walkthrough!.steps.map((step) => [step.id, step.completionEvents]));
  const chats = [`onContext:activeWebviewPanelId == '${PANELS.chat}'`];
  for (const [step, key] of Object.entries(DONE))
    assert.deepEqual(done[step], [`onContext:${key}`, ...(step === 'attach' ? chats : [])]);
  assert.deepEqual(ids, Object.keys(DONE));
  const words = (svg: string): string[] => [...svg.matchAll(/<text[^>]*>([^<]+)</g)].map((m) => m[1]!);
  const isName = (text: string): boolean => /^[\w./]*[-.][\w./-]*$|^colours$|%$/.test(text);
  for (const { media } of walkthrough!.steps) {
    const pictures = ['', '.de', '.fr'].map((language) => {
      const strings = JSON.parse(read(`package.nls${language}.json`)) as Record<string, string>;
      return read(strings[media.svg.replaceAll('%', '')]!);
    });
    const [english, ...others] = pictures.map(words) as [string[], ...string[][]];
    for (const picture of pictures) assert.match(picture, /var\(--vscode-\w*foreground/i);
    for (const said of others) {
      assert.equal(said.length, english.length, media.svg);
      const left = english.filter((text, i) => text === said[i] && !isName(text) && text !== 'base');
      assert.deepEqual(left, [], `${media.svg}: left in English`);
    }
  }
  const commands = Object.values(nls).flatMap((text) =>
    [...text.matchAll(/\(command:(securityVectors\.[\w.]+)\)/g)].map((m) => m[1]!),
  );
  // VS Code itself makes a command that shows a view.
  const known = [...Object.values<string>(COMMANDS), ...Object.values<string>(VIEWS).map((view) => `${view}.focus`)];
  for (const command of commands) assert.ok(known.includes(command), command);
});

test('a window starts the extension where a folder holds recipes or its state, else nothing does; pages come back after a reload', () => {
  assert.deepEqual(json.activationEvents, [
    'onLanguage:jsonl',
    'workspaceContains:.security-vectors/workspace.json',
    'workspaceContains:recipes/*.json',
    ...Object.values(PANELS).map((id) => `onWebviewPanel:${id}`),
  ]);
});

test('trust and place are declared with their reasons', () => {
  assert.equal(json.capabilities.untrustedWorkspaces.supported, 'limited');
  assert.equal(json.capabilities.virtualWorkspaces.supported, false);
  assert.ok(nls[json.capabilities.virtualWorkspaces.description.replaceAll('%', '')]);
  assert.deepEqual(json.extensionKind, ['workspace']);
});

test('when clauses use contexts that the code sets', () => {
  const used = new Set(
    [...read('package.json').matchAll(/securityVectors\.(hasModel|running|\w+)(?= |"|\))/g)].map((m) => m[0]),
  );
  const contexts = Object.values<string>({ ...CONTEXTS, ...DONE });
  for (const context of contexts) assert.ok(used.has(context), context);
});
