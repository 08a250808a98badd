import { readText } from '../host/checkedFile.js';
import { HostError } from '../host/errors.js';
import { hasState } from '../host/state.js';
import { isRecipesFolder, readRecipe, type RecipeFacts } from '../runs/recipe.js';

/** The recipes of the workspace: which data files and evaluation sets they name, and what they would run. */
export class RecipeIndex {
  private recipes = new Map<string, RecipeFacts>();
  /** In the order of their files; sorted when it is asked for, as it is for each data file. */
  private sorted: readonly RecipeFacts[] | undefined;
  /** Another one after each change. */
  version = 0;

  list(): readonly RecipeFacts[] {
    return (this.sorted ??= [...this.recipes.values()].sort((a, b) => a.file.localeCompare(b.file)));
  }

  /**
   * Reads a file again; one that is gone or no recipe any more is forgotten.
   * @throws HostError for what is meant to be a recipe and is none
   */
  async read(file: string): Promise<void> {
    const { facts, problem } = await read(file);
    if (facts) this.recipes.set(file, facts);
    if (facts || this.recipes.delete(file)) this.changed();
    if (problem) throw problem;
  }

  get(file: string): RecipeFacts | undefined {
    return this.recipes.get(file);
  }

  forget(file: string): void {
    if (this.recipes.delete(file)) this.changed();
  }

  /** Recipes that measure `file`. */
  measuring(file: string): RecipeFacts[] {
    return this.list().filter((recipe) => recipe.evaluate.some((set) => set.file === file));
  }

  /** Is the file an evaluation set: named by a recipe, or in a folder called `eval`? */
  isEvaluationSet(file: string): boolean {
    return /[\\/]eval(?:uation)?s?[\\/][^\\/]+$/.test(file) || this.measuring(file).length > 0;
  }

  private changed(): void {
    this.version++;
    this.sorted = undefined;
  }
}

/** Data in a .json file may be as large as it likes, and is not looked into. */
async function read(file: string): Promise<ReturnType<typeof readRecipe>> {
  const ours = async (): Promise<boolean> => isRecipesFolder(file) && (await hasState(file));
  try {
    const text = await readText(file);
    return text === undefined ? {} : readRecipe(text, file, await ours());
  } catch (error) {
    if (!(error instanceof HostError) || (await ours())) return { problem: error as HostError };
    return {};
  }
}
