import {
  ESTIMATE_STRINGS,
  estimateDetails,
  estimateText,
  hasRoom,
  type Estimate,
  type EstimateStrings,
} from '../../runtime/contract/estimate.js';
import type { Wording } from '../../runtime/contract/format.js';
import { Turns } from '../../runtime/contract/turns.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import { translated } from '../host/strings.js';
import { numbers } from '../host/text.js';

/** What a recipe will take, in words. */
interface Expectation {
  /** "about 40 s · 0.4 GB". */
  text: string;
  details: string;
  fits: boolean;
}

const wording = (): Wording<EstimateStrings> => ({ strings: translated(ESTIMATE_STRINGS), numbers: numbers() });

export const expectation = (estimate: Estimate): Expectation => ({
  text: estimateText(estimate, wording()),
  details: estimateDetails(estimate, wording()).join('\n'),
  fits: estimate.fits && hasRoom(estimate),
});

/** What the engine expects of recipes; asked once for each text of a recipe, one recipe at a time. */
export class Estimates implements Disposable {
  private known = new Map<string, { key: string; estimate: Estimate | null }>();
  private wanted = new Map<string, string>();
  private version = 0;
  private readonly turns = new Turns();
  private readonly changes = new Emitter<string>();
  /** Fires with the recipe whose estimate has come. */
  readonly onDidChange = this.changes.event;

  /** @param ask null for a recipe of which there is no estimate */
  constructor(
    private readonly ask: (recipe: string, text: string) => Promise<Estimate | null>,
    private readonly mayAsk: () => boolean,
  ) {}

  /** What is known, at once, perhaps of the text before; asks for the rest. */
  get(recipe: string, text: string): Expectation | undefined {
    const key = `${this.version} ${text}`;
    const known = this.known.get(recipe);
    if (known?.key !== key && this.wanted.get(recipe) !== key && this.mayAsk()) {
      this.wanted.set(recipe, key);
      void this.turns.take(() => this.answer(recipe, text, key));
    }
    return known?.estimate ? expectation(known.estimate) : undefined;
  }

  /** Data, models or what runs have taken may be other than before. */
  changed(): void {
    this.version++;
  }

  dispose(): void {
    this.changes.dispose();
  }

  private async answer(recipe: string, text: string, key: string): Promise<void> {
    // The text has changed again in the meantime.
    if (this.wanted.get(recipe) !== key) return;
    // Whatever is wrong with the recipe or its inputs is told elsewhere.
    const estimate = await this.ask(recipe, text).catch(() => null);
    this.known.set(recipe, { key, estimate });
    this.changes.fire(recipe);
  }
}
