/** What a model is asked to write, and how likely it finds a row. */
import type { ModelReference } from './modelInfo.js';
import type { GenerationOptions } from './recipeJudges.js';
import type { Computing } from './recipeWords.js';

export interface ScoreRow {
  row: number;
  /** Sum of the negative log-likelihood over supervised tokens, nats. */
  nll: number;
  /** Supervised tokens. */
  tokens: number;
}

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface GenerateParams extends ModelReference, Computing {
  /** One of the three. */
  messages?: ChatMessage[];
  prompt?: string;
  ids?: number[];
  options: GenerationOptions & { seed?: number };
}
