/** The JSON Schema of recipes, by which editors complete and check them. */
import * as z from 'zod';
import { recipeSchema } from './recipe.js';
import { RECIPE_KEYS } from './recipeFacts.js';
import { RECIPE_KINDS } from './recipeInputs.js';

type Schema = Record<string, unknown>;

/**
 * What the schema is for. Other programs have files in folders called `recipes`, too: one that has none of our keys is
 * theirs. One without any value is a recipe that is being begun.
 */
const OURS: Schema = {
  type: 'object',
  anyOf: [
    ...RECIPE_KEYS.map((key) => ({ required: [key] })),
    { properties: { kind: { enum: RECIPE_KINDS } }, required: ['kind'] },
    { properties: { $schema: true }, additionalProperties: false },
  ],
};

export function editorSchema(): Schema {
  const { $schema, ...schema } = z.toJSONSchema(recipeSchema, { io: 'input', target: 'draft-7' });
  sayLimits(schema);
  return {
    title: 'Security Vectors recipe',
    // The editor's own check would complain of comments and of commas at the end.
    allowComments: true,
    allowTrailingCommas: true,
    $schema,
    if: OURS,
    then: schema,
  };
}

/** Adds to the description of each number its largest value. */
function sayLimits(schema: unknown): void {
  if (typeof schema !== 'object' || schema === null) return;
  const { maximum, description } = schema as { maximum?: unknown; description?: unknown };
  if (typeof maximum === 'number' && maximum > 1 && maximum < Number.MAX_SAFE_INTEGER)
    Object.assign(schema, {
      description: `${typeof description === 'string' ? `${description} ` : ''}At most ${maximum}.`,
    });
  for (const part of Object.values(schema)) sayLimits(part);
}
