/**
 * What a person does in the window: open files, run commands, look at views, lenses and pages. Selectors live here
 * only.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Scenarios run in the dark one, which comes last. */
const THEMES = {
  light: { label: 'Light Modern', type: 'vs' },
  contrast: { label: 'Dark High Contrast', type: 'hc-black' },
  dark: { label: 'Dark Modern', type: 'vs-dark' },
};

/** Of the pictures of the main views; of the others with --themes: changing a theme takes two seconds. */
export const ALL_THEMES = Object.keys(THEMES);

const RUN_PAGE = 'main.page header.run .facts';

/** Waits until `probe` gives something other than false, null or undefined. */
export async function until(probe, what, timeoutMs = 30_000) {
  const end = Date.now() + timeoutMs;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value !== false && value !== null && value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      throw new Error(`${what}: not within ${timeoutMs / 1000} s${last ? ` (${last.message})` : ''}`);
    await sleep(150);
  }
}

/** The step that the page of a run shows; NaN where it shows none. */
export const stepOf = async (run) =>
  Number(/step (\d+)/.exec(await run.locator('header.run .facts').textContent())?.[1] ?? Number.NaN);

/** @param usual themes of a picture that names none */
export function workbench(page, screenshots, usual = ['dark']) {
  const quickInput = page.locator('.quick-input-widget');
  const rows = quickInput.locator('.quick-input-list .monaco-list-row');
  const pane = (title) => page.locator('.pane').filter({ has: page.locator(`.pane-header[aria-label*="${title}"]`) });

  /** Folds views of a container up, or opens them again. */
  async function fold(titles, folded) {
    for (const title of titles) {
      const header = pane(title).locator('.pane-header');
      await header.waitFor();
      if ((await header.getAttribute('aria-expanded')) === String(folded)) await header.click();
    }
  }

  const input = quickInput.locator('input.input');

  /** Waits until the quick input asks this and has the keys. */
  async function asked(question) {
    const asks = async () => (await input.getAttribute('placeholder')) ?? '';
    await until(async () => (await quickInput.isVisible()) && question.test(await asks()), String(question));
    await until(() => input.evaluate((element) => element === document.activeElement), `${question} has the keys`);
  }

  /** Answers the question by keyboard: with the first entry that what is typed leaves. */
  async function typed(question, text) {
    await asked(question);
    for (let tries = 1; ; tries++) {
      await page.keyboard.type(text);
      const value = await input.inputValue();
      if (value === text) break;
      // A window of a loaded machine may lose a key.
      if (tries === 3) throw new Error(`${question}: typed "${text}", and the box has "${value}"`);
      await page.keyboard.press('Control+a');
    }
    await quickInput.locator('.quick-input-list .monaco-list-row.focused').filter({ hasText: text }).waitFor();
    await page.keyboard.press('Enter');
  }

  /** Opens the quick input by a key and types into it. */
  async function ask(key, text) {
    await page.keyboard.press(key);
    await input.waitFor({ state: 'visible' });
    await input.fill(text);
  }

  /** The same and chooses an entry. The quick input closes when something else takes the focus: then once more. */
  async function choose(key, text, label, attempts = 4) {
    for (let attempt = 1; ; attempt++) {
      try {
        await ask(key, text);
        return await rows.filter({ hasText: label }).first().click({ timeout: 4000 });
      } catch (error) {
        if (attempt === attempts) throw error;
        await page.keyboard.press('Escape');
        await sleep(500);
      }
    }
  }

  /** The extension's own document that has this selector, among all visible webviews. */
  const webview = (selector, timeoutMs) =>
    until(
      async () => {
        const outer = page.locator('iframe.webview.ready');
        for (let i = 0; i < (await outer.count()); i++) {
          const frame = outer.nth(i).contentFrame().locator('iframe#active-frame').contentFrame();
          if ((await frame.locator(selector).count()) > 0) return frame;
        }
        return false;
      },
      `a page with ${selector}`,
      timeoutMs,
    );

  const lens = (text) => page.locator('.codelens-decoration a').filter({ hasText: text });
  const notification = (text) => page.locator('.notification-list-item-message').filter({ hasText: text });

  /**
   * Clicks a lens or row, and waits for what it does. One that is drawn anew under the mouse takes no click: then once
   * more.
   */
  async function press(item, effect) {
    await item.first().click();
    return effect(10_000).catch(async () => {
      await item.first().click();
      return effect(30_000);
    });
  }

  let shown = 'dark';
  const command = (title) => choose('F1', `>${title}`, title);
  /** By the window's own command, which keeps its layout first; a browser's reload may be too quick for that. */
  const reloadWindow = async () => {
    await Promise.all([page.waitForEvent('load', { timeout: 120_000 }), command('Developer: Reload Window')]);
    await page.locator('.monaco-workbench').waitFor();
  };

  async function theme(name, attempts = 3) {
    const { label, type } = THEMES[name];
    await command('Preferences: Color Theme');
    try {
      await until(async () => (await input.inputValue()) === '', 'the list of themes', 5000);
      await input.fill(label);
      await rows.filter({ hasText: label }).first().click({ timeout: 5000 });
      await page.locator(`.monaco-workbench.${type}`).waitFor({ timeout: 10_000 });
    } catch (error) {
      // The list closes when something else takes the focus.
      if (attempts === 1) throw error;
      await page.keyboard.press('Escape');
      return theme(name, attempts - 1);
    }
    await quickInput.waitFor({ state: 'hidden' });
    await sleep(400); // pages redraw their charts
    shown = name;
  }

  return {
    page,
    until,
    command,
    reloadWindow,
    themes: usual,

    /** Pictures of the window, by their themes: NAME-light.png, NAME-contrast.png, NAME-dark.png. */
    async shot(name, themes = usual) {
      await mkdir(screenshots, { recursive: true });
      for (const each of themes) {
        if (each !== shown) await theme(each);
        await page.screenshot({ path: path.join(screenshots, `${name}-${each}.png`) });
      }
    },

    /** Titles that the palette offers for a text. */
    async commandsLike(text) {
      await ask('F1', `>${text}`);
      await sleep(700);
      const titles = await rows.locator('.monaco-icon-label .label-name').allTextContents();
      await page.keyboard.press('Escape');
      return titles;
    },

    asked,
    typed,

    /**
     * The quick fixes of the line with the cursor, one of which has this text: there are none before the editor has its
     * marks.
     */
    quickFix: (text) =>
      until(async () => {
        await page.keyboard.press('Control+.');
        const found = page.locator('.action-widget').getByText(text);
        const isThere = await found.waitFor({ timeout: 3000 }).then(
          () => true,
          () => false,
        );
        if (!isThere) await page.keyboard.press('Escape');
        return isThere;
      }, `the quick fix "${text}"`),

    /** Chooses in the quick pick that is shown: the first entry that has this text. */
    pick: (text) => rows.filter({ hasText: text }).first().click(),

    /** Types into the quick input that says this, and accepts. */
    async answer(said, text) {
      await quickInput.filter({ hasText: said }).waitFor();
      // A dialog for files looks the path up, and fills in its own while it opens.
      for (let tries = 0; tries < 10; tries++) {
        await input.fill(text);
        await sleep(500);
        if ((await input.inputValue()) === text) break;
      }
      await input.press('Enter');
    },

    /** Opens a file of the workspace by its path. */
    async open(file) {
      const tab = page.locator(`.tab.active[data-resource-name="${path.basename(file)}"]`);
      // The list may close before it takes the click: then once more.
      for (let tries = 1; ; tries++) {
        await choose('Control+P', file, path.basename(file));
        const isThere = tab.waitFor({ timeout: 10_000 });
        if (tries === 3) return isThere;
        if (await isThere.then(() => true, () => false)) return; // oxfmt-ignore
      }
    },

    /**
     * Shows a view container of the activity bar; the training panel in it only where it is asked for, as the trees
     * need room.
     */
    async container(title, { training = false } = {}) {
      const item = page.locator(`.activitybar .action-item:has(a[aria-label^="${title}"])`);
      const shown = (timeout) =>
        page.locator('.sidebar .composite.title').filter({ hasText: title }).waitFor({ timeout });
      // A window that is still restoring its layout may show it by itself: then a click has hidden it.
      if ((await item.getAttribute('class'))?.includes('checked')) await shown();
      else await press(item.locator('a'), shown);
      if (title === 'Security Vectors') await fold(['Training'], !training);
    },

    /** Drags the border of the sidebar until it has this width. */
    async sidebar(width) {
      const box = () => page.locator('.part.sidebar').boundingBox();
      const { x, y, width: now } = await box();
      await page.mouse.move(x + now, y + 200);
      await page.mouse.down();
      await page.mouse.move(x + width, y + 200, { steps: 5 });
      await page.mouse.up();
      await until(async () => Math.abs((await box()).width - width) <= 2, `a sidebar of ${width} px`);
    },

    fold,
    pane,
    /** Rows of a tree view that have a text. */
    row: (view, text) => pane(view).locator('.monaco-list-row').filter({ hasText: text }),
    /** What is shown over a row of a tree view: all of its tooltip. */
    async tooltip(view, text) {
      const hover = page.locator('.workbench-hover');
      await page.mouse.move(700, 450);
      await hover.waitFor({ state: 'hidden' });
      await pane(view).locator('.monaco-list-row').filter({ hasText: text }).locator('.label-name').hover();
      await hover.waitFor();
      return hover.innerText();
    },

    lens,
    statusBar: (text) => page.locator('.statusbar-item').filter({ hasText: text }),
    notification,
    dialog: (text) => page.locator('.monaco-dialog-box').filter({ hasText: text }),

    webview,

    press,
    /** Scans the file in front by its lens; gives the lens that says what was found. */
    async scan(vector) {
      const found = lens('look harmful').first();
      const begun = notification('Scanning').or(found).first();
      await press(lens(`Scan for harmful rows with ${vector}`), (timeout) => begun.waitFor({ timeout }));
      await found.waitFor({ timeout: 120_000 });
      return found;
    },
    /** Clicks a lens or row that opens the page of a run; gives its document. */
    runPage: (item) => press(item, (timeout) => webview(RUN_PAGE, timeout)),
  };
}
