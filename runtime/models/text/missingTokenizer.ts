import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HumanError } from '../../support/errors.js';

/** Files that tokenizers have in formats which are not read. */
const OLDER = ['tokenizer.model', 'vocab.json', 'vocab.txt'];

/**
 * Says which file a model without a tokenizer lacks, and where to get it.
 * @param path of a Hugging Face folder, or of a GGUF file
 */
export function missingTokenizer(path: string): HumanError {
  if (path.toLowerCase().endsWith('.gguf'))
    return new HumanError('this GGUF file has no tokenizer.', {
      place: path,
      remedy: 'Use a GGUF file of this model that has one, or its Hugging Face folder.',
    });
  const older = OLDER.find((name) => existsSync(join(path, name)));
  return new HumanError('this model folder has no tokenizer.json.', {
    place: join(path, 'tokenizer.json'),
    remedy:
      older === undefined
        ? "Copy tokenizer.json and tokenizer_config.json into it: they lie beside the weights on the model's page on the Hub, or in the folder of the model that it was fine-tuned from."
        : `Its ${older} is of an older format: save the tokenizer again with transformers (AutoTokenizer.from_pretrained(…).save_pretrained(…)).`,
  });
}
