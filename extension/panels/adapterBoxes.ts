import type { ChatAdapter } from '../../webview/protocol/chat.js';
import type { Model } from '../workspace/models.js';

/** The adapters of a model that a page has boxes for: those that can be attached, or are. */
export const adapterBoxes = (model: Pick<Model, 'adapters'> | undefined): ChatAdapter[] =>
  (model?.adapters ?? [])
    .filter(({ reason, attached }) => reason === null || attached)
    .map(({ path, name, role, attached }) => ({ path, name, role, attached }));
