/** What the training panel says above its form, or in place of it. */
import type { TrainingNotice } from '../../webview/protocol/training.js';
import { t } from '../host/text.js';
import { runTitle } from '../runs/compare.js';
import { isRunning, kindOf } from '../runs/run.js';
import type { Services } from '../services/services.js';

export const untrusted = (): TrainingNotice => ({
  text: t('This workspace is not trusted: nothing is run or changed in it.'),
  buttons: [{ action: 'trust', label: t('Manage workspace trust') }],
});

export const vectorInTraining = (store: Services['store']): string | undefined => {
  const run = store.list().find((one) => isRunning(one) && kindOf(one) === 'vector');
  return run && runTitle(run);
};

export const nothingYet = (hasModel: boolean, hasVector: boolean, inTraining: string | undefined): TrainingNotice => {
  if (!hasModel)
    return {
      text: t('Fine-tune a model on data that nobody has read row by row, and keep harmful rows from being learned.'),
      buttons: [
        { action: 'openSample', label: t('Open the sample') },
        { action: 'addModel', label: t('Add a model') },
      ],
    };
  if (inTraining !== undefined) return { text: t('{0} is being trained.', inTraining), buttons: [] };
  if (!hasVector)
    return {
      text: t(
        'First train a security vector on some examples of what must not be learned. It then protects the fine-tuning.',
      ),
      buttons: [
        { action: 'trainVector', label: t('Train a security vector') },
        { action: 'newRecipe', label: t('Fine-tune without protection') },
      ],
    };
  return {
    text: t('There is no fine-tuning recipe in this workspace yet.'),
    buttons: [
      { action: 'newRecipe', label: t('Fine-tune with protection') },
      { action: 'trainVector', label: t('Train a security vector') },
    ],
  };
};
