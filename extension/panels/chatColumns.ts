import { basename } from 'node:path';
import type { Precision } from '../../runtime/contract/recipeWords.js';
import { stateName, TABLE_STRINGS } from '../../runtime/contract/table.js';
import { translated } from '../host/strings.js';
import { t, times } from '../host/text.js';
import { sameAdapter, type Model } from '../workspace/models.js';
import { precisionWith } from '../workspace/precision.js';

/** A state of a model: its base, or another model in its place, with adapters. */
export interface ModelState {
  name: string;
  /** A fully fine-tuned model instead of the base. */
  model?: string;
  adapters: { path: string; scale: number }[];
}

/** A state that may answer in a chat beside others. */
export interface Column extends ModelState {
  /** The same base with the same adapters is the same column. */
  id: string;
  /** What is in it, where the name does not say it. */
  details: string;
  attached: boolean;
  /** A security vector is on in it, as is known now, or was when it answered. */
  danger: boolean;
  /** One of its adapters is gone or cannot be read. */
  unread: boolean;
  /** Unless the person has chosen otherwise. */
  isUsual: boolean;
  /** How its weights are held, where not in float32. */
  precision?: Precision;
}

/** One that has answered in a chat, and whether a security vector was on in it then. */
export interface Answered extends ModelState {
  danger?: boolean;
}

/** @returns the same for the same model with the same adapters, in whatever order */
export const stateId = ({ model = '', adapters }: Omit<ModelState, 'name'>): string =>
  JSON.stringify([model, adapters.map(({ path, scale }) => `${scale} ${path.replace(/[\\/]adapter$/, '')}`).sort()]);

/**
 * The columns that a chat may have: what is compared elsewhere, too (base, plain, protected, and what is attached now),
 * states that have answered in it before, and each other adapter that fits by itself.
 */
export function chatColumns(model: Model, compared: readonly ModelState[], answered: readonly Answered[]): Column[] {
  const wasDanger = new Map(answered.map((state) => [stateId(state), state.danger ?? false]));
  const attached = stateId({ adapters: model.adapters.filter((adapter) => adapter.attached) });
  const alone = model.adapters
    .filter(({ reason }) => reason === null)
    .map(({ name, path }): ModelState => ({ name, adapters: [{ path, scale: 1 }] }));
  const found = new Map<string, Column>();
  const add = (state: ModelState, isUsual: boolean): void => {
    const id = stateId(state);
    if (found.has(id)) return;
    const own = state.adapters.map(({ path, scale }) => ({
      scale,
      known: model.adapters.find((adapter) => sameAdapter(adapter.path, path)),
      path,
    }));
    const details = own.map(({ known, path, scale }) => [known?.name ?? basename(path), scale !== 1 && times(scale)]);
    const parts = [state.model && basename(state.model), ...details.map((parts) => parts.filter(Boolean).join(' '))];
    // A fully fine-tuned model was trained in float32.
    const precision = state.model === undefined ? precisionWith(model, state.adapters) : undefined;
    const unread = own.some(({ known }) => !known?.role);
    found.set(id, {
      ...{ name: state.name, model: state.model, adapters: state.adapters },
      id,
      precision,
      details: [parts.filter(Boolean).join(' + '), precision && t('weights in {0}', precision)]
        .filter(Boolean)
        .join(', '),
      attached: own.length > 0 && id === attached,
      danger: own.some(({ known }) => known?.role === 'security') || (unread && (wasDanger.get(id) ?? false)),
      unread,
      isUsual,
    });
  };
  const words = translated(TABLE_STRINGS);
  for (const state of compared) add({ ...state, name: stateName(state.name, words) }, true);
  for (const state of answered) add(state, true);
  for (const state of alone) add(state, false);
  return [...found.values()];
}
