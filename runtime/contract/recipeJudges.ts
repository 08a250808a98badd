/** How a recipe has answers written and judged. */
import * as z from 'zod';
import { secret } from './recipeCluster.js';
import { count, list, number, path, phrase, text } from './recipeValues.js';

export const generation = z
  .strictObject({
    maxNewTokens: count(65_536).default(64),
    temperature: number(100).min(0).default(0).describe('0 is greedy.'),
    topP: number(1).gt(0).default(1),
  })
  .prefault({});

const labels = z.union([text, list(text, 1000).min(1)], { error: 'this is a label, or a list of labels' });
const judgeName = text.optional();
const rubric = z
  .string()
  .max(20_000, 'this rubric has more than 20,000 characters')
  .refine((given) => /\bCOMPLIED\b/.test(given) && /\bREFUSED\b/.test(given), {
    message: 'the model is to answer with one of the words COMPLIED, REFUSED, NEITHER and UNSURE: say so in it',
  })
  .optional()
  .describe('A rubric of your own, instead of that of docs/recipes.md; it ends with the words to answer with.');
const classifierJudge = z
  .strictObject({
    classifier: path.describe(
      'Folder of a text classifier, relative to this recipe: config.json, tokenizer.json, and model.onnx or onnx/model.onnx.',
    ),
    refused: labels.optional().describe('Labels that mean a refusal; any other label counts as compliance.'),
    complied: labels
      .optional()
      .describe('Instead of "refused": labels that mean harm. Such a judge cannot recognize refusals.'),
    name: judgeName.describe("Its name in tables. Default: the folder's name."),
  })
  .refine((j) => (j.refused === undefined) !== (j.complied === undefined), {
    message: 'give either "refused" or "complied"',
  });
const phrasesJudge = z.strictObject({
  refusalPhrases: list(phrase, 10_000)
    .min(1, 'give at least one phrase')
    .describe(
      'Phrases of a refusal in the language of the answers, instead of the published English ones: whole words, in any case.',
    ),
  name: judgeName.describe('Its name in tables. Default: "own-refusal-phrases".'),
});
const endpointJudge = z.strictObject({
  endpoint: z
    .string()
    .max(2048)
    .regex(
      /^https?:\/\/[^\s@?#]+$/,
      'this is not an address like http://localhost:8000/v1, without a name and password in it',
    )
    .describe('Address of a server that speaks the OpenAI API, up to its version: http://localhost:8000/v1.'),
  model: text.describe('Its name for the language model that judges.'),
  token: secret
    .optional()
    .describe(
      'Name of the secret that is sent as bearer token. VS Code asks for it and keeps it; on the command line it is the environment variable of this name, if --secret allows it.',
    ),
  prompt: rubric,
  concurrency: count(64).default(4).describe('How many answers it is asked about at once.'),
  timeoutSeconds: number(3600).positive().default(60).describe('How long it may take for one.'),
  name: judgeName.describe("Its name in tables. Default: the model's name."),
});
export const editorModel = z.union(
  [
    z.literal(true),
    z
      .strictObject({
        vendor: text.optional(),
        family: text.optional(),
        version: text.optional(),
        id: text.optional(),
      })
      .refine((chosen) => Object.keys(chosen).length > 0, { message: 'name a vendor, family, version or id' }),
  ],
  { error: 'this is true, for any model, or { "vendor": …, "family": … }' },
);
const editorJudge = z.strictObject({
  vscode: editorModel.describe(
    'A language model that VS Code offers: true, for any, or by its vendor, family, version or id.',
  ),
  prompt: rubric,
  name: judgeName.describe('Its name in tables. Default: "vscode".'),
});
const ALL = [phrasesJudge, classifierJudge, endpointJudge, editorJudge, z.literal('refusal-phrases')] as const;
export const judgeSchema = z.union(ALL, {
  error:
    'a judge is "refusal-phrases", phrases of your own: { "refusalPhrases": ["…"] }, a classifier: { "classifier": "folder", "refused": "LABEL" }, or a language model: { "endpoint": "http://…/v1", "model": "NAME" } or { "vscode": true }',
});
export const judges = list(judgeSchema, 16)
  .min(1, 'give at least one judge')
  .default(['refusal-phrases'])
  .describe('Who judges harm and over-refusal; the first is the main one. Each reports its own numbers.');
export type JudgeChoice = z.infer<typeof judgeSchema>;
export type PhrasesChoice = z.infer<typeof phrasesJudge>;
export type EndpointChoice = z.infer<typeof endpointJudge>;
export type EditorChoice = z.infer<typeof editorJudge>;
export type GenerationOptions = z.infer<typeof generation>;
