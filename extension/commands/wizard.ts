import * as vscode from 'vscode';
import { Cancelled, errorData } from '../host/errors.js';
import { unlinked } from '../host/messages.js';
import { describe } from '../host/notices.js';

export interface Choice<T> extends vscode.QuickPickItem {
  value: T;
}

/** The person went back to the question before. */
class Back extends Error {}

/**
 * Asks the questions of `script` in one Quick Pick, from the second on with its number and a way back: going back
 * forgets the last answer and runs the script again on the answers that are left, so a script must ask the same
 * questions for the same answers. How many there are depends on the answers.
 */
export async function wizard<R>(title: string, script: (ask: Questions) => Promise<R>): Promise<R> {
  const session: Session = { answers: [], found: new Map(), isLeft: false };
  try {
    for (;;) {
      try {
        const result = await script(new Questions(title, session));
        if (session.isLeft) throw new Cancelled();
        return result;
      } catch (error) {
        if (!(error instanceof Back)) throw error;
        session.answers.pop();
      }
    }
  } finally {
    session.box?.dispose();
  }
}

type Box = vscode.QuickPick<vscode.QuickPickItem> | vscode.InputBox;

/** What the questions of a wizard share. */
interface Session {
  readonly answers: unknown[];
  readonly found: Map<string, unknown>;
  /**
   * Of the last question. It stays until the next one is there, however long that takes: else what is typed meanwhile
   * would go into the file in front.
   */
  box?: Pick<vscode.QuickInput, 'dispose'>;
  /** The person has left between two questions. */
  isLeft: boolean;
}

/** Each question ends with its answer, or with `Cancelled` when the person leaves. */
export class Questions {
  private asked = 0;

  constructor(
    private readonly title: string,
    private readonly session: Session,
  ) {}

  /**
   * What `look` finds here when the script comes by for the first time: on the way back it finds the same, although the
   * script may have changed it meanwhile. `about`: what is looked for, as other answers lead to something else.
   */
  atFirst<T>(about: string, look: () => T): T {
    const key = `${this.asked} ${about}`;
    const { found } = this.session;
    if (!found.has(key)) found.set(key, look());
    return found.get(key) as T;
  }

  pick<T>(placeholder: string, choices: readonly Choice<T>[]): Promise<T> {
    return this.ask((step) => this.quickPick<T, T>(step, placeholder, choices, false, ([chosen]) => chosen?.value));
  }

  /** Any number of them, also none. */
  pickMany<T>(placeholder: string, choices: readonly Choice<T>[]): Promise<T[]> {
    return this.ask((step) =>
      this.quickPick<T, T[]>(step, placeholder, choices, true, (chosen) => chosen.map((c) => c.value)),
    );
  }

  /**
   * `check` says what is wrong with a text. What `look` throws, once the text is given, is said in the box as well: the
   * person types again, as they do where they cancel it.
   */
  input(
    prompt: string,
    value: string,
    check: (text: string) => string | undefined,
    look?: (text: string) => Promise<unknown>,
  ): Promise<string> {
    return this.ask((step) => {
      const box = this.prepared(vscode.window.createInputBox(), step);
      Object.assign(box, { prompt: unlinked(prompt), value });
      const checked = (text: string): string => unlinked(check(text) ?? '');
      return this.shown<string, vscode.InputBox>(box, (accept, fail) => {
        const take = async (): Promise<void> => {
          const text = box.value;
          box.validationMessage = checked(text);
          if (box.validationMessage) return;
          if (!look) return accept(text);
          Object.assign(box, { enabled: false, busy: true });
          try {
            await look(text);
            accept(text);
          } catch (error) {
            const data = errorData(error);
            if (error instanceof Cancelled) return;
            if (data.kind === 'internal') fail(error);
            else box.validationMessage = describe(data);
          } finally {
            Object.assign(box, { enabled: true, busy: false });
          }
        };
        box.onDidChangeValue((text) => (box.validationMessage = checked(text)));
        box.onDidAccept(() => void take());
      });
    });
  }

  /** A file or folder by the system's dialog; leaving it goes back to the question before. */
  browse(options: vscode.OpenDialogOptions): Promise<string> {
    return this.ask(async () => {
      const dialog = vscode.window.showOpenDialog(options);
      this.replaceBox(undefined);
      const [uri] = (await dialog) ?? [];
      if (!uri) throw new Back();
      return uri.fsPath;
    });
  }

  private async ask<T>(show: (step: number) => Promise<T>): Promise<T> {
    const { answers } = this.session;
    const index = this.asked++;
    if (index < answers.length) return answers[index] as T;
    if (this.session.isLeft) throw new Cancelled();
    const answer = await show(index + 1);
    answers.push(answer);
    return answer;
  }

  private quickPick<T, R>(
    step: number,
    placeholder: string,
    choices: readonly Choice<T>[],
    many: boolean,
    result: (chosen: readonly Choice<T>[]) => R | undefined,
  ): Promise<R> {
    const pick = this.prepared(vscode.window.createQuickPick<Choice<T>>(), step);
    Object.assign(pick, {
      placeholder,
      items: choices,
      canSelectMany: many,
      matchOnDescription: true,
      matchOnDetail: true,
    });
    if (many) pick.selectedItems = choices.filter((choice) => choice.picked);
    return this.shown<R, vscode.QuickPick<Choice<T>>>(pick, (accept) => {
      pick.onDidAccept(() => {
        const chosen = result(pick.selectedItems);
        if (chosen !== undefined) accept(chosen);
      });
    });
  }

  private prepared<B extends Box>(box: B, step: number): B {
    Object.assign(box, { title: this.title, ignoreFocusOut: true });
    if (step > 1) Object.assign(box, { step, buttons: [vscode.QuickInputButtons.Back] });
    return box;
  }

  /** Shows it in place of the one before. Answered, it takes no more answers. */
  private async shown<R, B extends Box>(
    box: B,
    listen: (accept: (value: R) => void, fail: (error: unknown) => void) => void,
  ): Promise<R> {
    try {
      return await new Promise<R>((resolve, reject) => {
        listen(resolve, reject);
        box.onDidTriggerButton((button) => button === vscode.QuickInputButtons.Back && reject(new Back()));
        box.onDidHide(() => {
          if (this.session.box === box) this.session.isLeft = true;
          reject(new Cancelled());
        });
        box.show();
        this.replaceBox(box);
      });
    } finally {
      Object.assign(box, { enabled: false, busy: true });
    }
  }

  private replaceBox(box: Session['box']): void {
    const before = this.session.box;
    this.session.box = box;
    before?.dispose();
  }
}
