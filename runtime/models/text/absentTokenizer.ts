import { join } from 'node:path';
import { HumanError } from '../../support/errors.js';
import type { ModelFolder } from '../weights/modelFolder.js';
import type { ChatTemplate } from './chatTemplate.js';
import type { Tokenizer } from './tokenizer.js';

/**
 * What stands in for a tokenizer where a model has none: rows and prompts that are tokens already need none. Whatever
 * has to do with text is rejected.
 */
export function absentTokenizer(
  { folder, config, generationConfig }: Pick<ModelFolder, 'folder' | 'config' | 'generationConfig'>,
  vocabSize: number,
): Tokenizer {
  const reject = (): never => {
    throw new HumanError('this model folder has no tokenizer.', {
      place: join(folder, 'tokenizer.json'),
      remedy: 'Copy tokenizer.json and tokenizer_config.json of the model into it.',
    });
  };
  const ids = (key: string): number[] =>
    [generationConfig?.[key] ?? config[key]]
      .flat()
      .filter((id): id is number => Number.isInteger(id) && (id as number) >= 0 && (id as number) < vocabSize);
  const chatTemplate: ChatTemplate = {
    of: {},
    render: reject,
    plain: false,
    source: '',
    place: folder,
    withTools: () => chatTemplate,
    writesCalls: reject,
  };
  return {
    absent: true,
    encode: reject,
    decode: reject,
    vocabSize,
    ownVocabSize: vocabSize,
    eosIds: ids('eos_token_id'),
    padId: ids('pad_token_id')[0],
    prefixIds: [],
    addedIds: new Set(),
    chatTemplate,
  };
}
