/** What runs need of the window that they are in. */
import type { SecretName } from '../../runtime/contract/secrets.js';
import type { AskModel } from '../engine/editorModels.js';
import type { Engine, Token } from '../engine/engine.js';
import type { RecipeFacts } from './recipe.js';
import type { RunStore } from './store.js';

export interface RunnerOptions {
  store: RunStore;
  /** A child of its own for each run: a crash ends that run and nothing else. */
  engine(): Pick<Engine, 'request' | 'dispose'>;
  /** Throws where running is not allowed (a workspace that is not trusted). */
  assertTrusted(): void;
  /** Refuses a folder that another process works in, or in which a run of another window is to begin. */
  requireFree?(folder: string): Promise<void>;
  /** Those of the workspace: the one of a run may be called otherwise than when it began. */
  recipes?(): readonly RecipeFacts[];
  /** Of the Hub, for adapters that recipes name by it. */
  token?(): Promise<string | undefined>;
  /**
   * Of clusters, by `secretKey`: those that are kept, and others from the person. Throws when they give none, or the
   * run is stopped.
   */
  secrets?(wanted: readonly SecretName[], token: Token): Promise<Record<string, string>>;
  /** They were refused: they are asked for again. Throws where they cannot be taken out of what keeps them. */
  forgetSecrets?(refused: readonly SecretName[]): Promise<void>;
  /**
   * Of judges, by `secretKey`. A person is asked when they start a run, not when it is its turn: a judge never holds
   * one up.
   */
  judgeSecrets?: {
    /** Those that are kept, and others from the person, which are kept then. */
    get(wanted: readonly SecretName[]): Promise<Record<string, string>>;
    /** Those that are kept alone. */
    kept(wanted: readonly SecretName[]): Promise<Record<string, string>>;
    forget(refused: readonly SecretName[]): Promise<void>;
  };
  /** Asks a language model of the editor, for judges of one run that are one. */
  askModel?(): AskModel;
  /** What fails beside a run, and does not end it. */
  onError?(error: unknown): void;
}
