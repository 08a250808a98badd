import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import { fineTunings, textOf, type ShownRecipe, type TrainingParts } from './trainingPicture.js';
import { firstRecipe } from './trainingState.js';
import type { Remembered } from '../host/sharedMemory.js';

/** The recipe in the workspace's memory. */
const KEY = 'training.recipe';

/** Which recipe of the workspace the training panel shows. */
export class TrainingChoice {
  /** Recipes that there were when a new one was asked for. */
  private before: Set<string> | undefined;

  constructor(
    private readonly parts: Pick<TrainingParts, 'recipes'>,
    private readonly memento: Remembered,
  ) {}

  async choose(file: string | undefined): Promise<string> {
    if (file === undefined) throw inputError(t('there is no recipe to run.'), { remedy: t('Make one first.') });
    await this.memento.update(KEY, file);
    return file;
  }

  /** The recipe that was chosen, with its text; one that is gone makes room for the first. */
  async shown(): Promise<ShownRecipe> {
    await this.chooseMade();
    const all = fineTunings(this.parts);
    const kept = this.memento.get(KEY);
    const text = typeof kept === 'string' ? await textOf(kept) : undefined;
    if (typeof kept === 'string' && text !== undefined) return { file: kept, text };
    const file = firstRecipe(all)?.file;
    return file === undefined ? {} : { file, text: await textOf(file) };
  }

  /** Chooses the recipe that a wizard makes. What has not come when the wizard is over comes from elsewhere. */
  async untilMade(wizard: () => Thenable<unknown>): Promise<void> {
    const before = (this.before = new Set(this.parts.recipes.list().map(({ file }) => file)));
    const over = async (): Promise<void> => {
      if (this.before !== before) return;
      await this.chooseMade();
      this.before = undefined;
    };
    await wizard().then(over, over);
  }

  /** The recipe that was asked for, once it is there. */
  private async chooseMade(): Promise<void> {
    const made = this.before && fineTunings(this.parts).find(({ file }) => !this.before?.has(file));
    if (!made) return;
    this.before = undefined;
    await this.choose(made.file);
  }
}
