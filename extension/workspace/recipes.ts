import { readFile } from 'node:fs/promises';
import { recipeFacts, type RecipeFacts } from '../runs/recipe.js';

/** The recipes of the workspace: which data files and evaluation sets they name, and what they would run. */
export class RecipeIndex {
  private recipes = new Map<string, RecipeFacts>();

  list(): RecipeFacts[] {
    return [...this.recipes.values()].sort((a, b) => a.file.localeCompare(b.file));
  }

  /** Reads a file again; one that is gone or no recipe any more is forgotten. */
  async read(file: string): Promise<void> {
    const facts = await readFile(file, 'utf8').then(
      (text) => recipeFacts(text, file),
      () => undefined,
    );
    if (facts) this.recipes.set(file, facts);
    else this.recipes.delete(file);
  }

  get(file: string): RecipeFacts | undefined {
    return this.recipes.get(file);
  }

  forget(file: string): void {
    this.recipes.delete(file);
  }

  /** Recipes that measure `file`. */
  measuring(file: string): RecipeFacts[] {
    return this.list().filter((recipe) => recipe.evaluate.some((set) => set.file === file));
  }

  /** Is the file an evaluation set: named by a recipe, or in a folder called `eval`? */
  isEvaluationSet(file: string): boolean {
    return /[\\/]eval(?:uation)?s?[\\/][^\\/]+$/.test(file) || this.measuring(file).length > 0;
  }
}
