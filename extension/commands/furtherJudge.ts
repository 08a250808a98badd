import * as vscode from 'vscode';
import { judgeSchema, type JudgeChoice } from '../../runtime/contract/recipeJudges.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { hasLanguageModels } from '../engine/editorModels.js';
import { inputError } from '../host/errors.js';
import { t } from '../host/text.js';
import type { Run } from '../runs/run.js';
import type { Services } from '../services/services.js';
import { wizard, type Choice, type Questions } from './wizard.js';

const ADDRESS = 'http://localhost:8000/v1';

/** Asks who shall judge the answers of a run, too; none: the labels alone. */
export function askFurtherJudge({ recipes }: Pick<Services, 'recipes'>, run: Run): Promise<JudgeChoice[]> {
  const has = new Set((run.recipe?.judges ?? ['refusal-phrases']).map((judge) => JSON.stringify(judge)));
  const others = new Map(
    recipes
      .list()
      .flatMap(({ judges = [] }) => judges)
      .filter((judge) => !has.has(JSON.stringify(judge)))
      .map((judge) => [JSON.stringify(judge), safeParse(judgeSchema, judge).data]),
  );
  const known = [...others.values()].filter((judge) => judge !== undefined);
  return wizard(t('Judge the answers again'), async (ask) => {
    const chosen = await ask.pick<JudgeChoice | 'endpoint' | 'vscode' | 'labels'>(t('By whom?'), [
      ...known.map((judge) => ({ label: titleOf(judge), description: t('named by a recipe'), value: judge })),
      { label: t('A server of the OpenAI API…'), description: ADDRESS, value: 'endpoint' },
      ...(hasLanguageModels() ? [{ label: t('A language model of VS Code…'), value: 'vscode' as const }] : []),
      { label: t('By human labels only'), value: 'labels' },
    ]);
    if (chosen === 'labels') return [];
    if (chosen === 'endpoint') return [await askEndpoint(ask)];
    return [chosen === 'vscode' ? await askEditor(ask) : chosen];
  });
}

function titleOf(judge: JudgeChoice): string {
  if (typeof judge === 'string') return t('Refusal phrases');
  if ('refusalPhrases' in judge) return judge.name ?? t('Refusal phrases of your own');
  if ('endpoint' in judge) return judge.name ?? judge.model;
  return judge.name ?? ('vscode' in judge ? t('A language model of VS Code') : judge.classifier);
}

async function askEndpoint(ask: Questions): Promise<JudgeChoice> {
  const check =
    (key: 'endpoint' | 'model' | 'token') =>
    (text: string): string | undefined => {
      const given = { endpoint: ADDRESS, model: 'm', [key]: text };
      return key === 'token' && text === ''
        ? undefined
        : safeParse(judgeSchema, given).success
          ? undefined
          : t('This cannot be used here.');
    };
  const endpoint = await ask.input(t('Its address, up to the version'), ADDRESS, check('endpoint'));
  const model = await ask.input(t('Its name for the language model'), '', check('model'));
  const token = await ask.input(
    t('Name of the secret that it wants, such as JUDGE_KEY; empty for none'),
    '',
    check('token'),
  );
  const judge = safeParse(judgeSchema, { endpoint, model, ...(token !== '' && { token }) }).data;
  if (!judge)
    throw inputError(t('This cannot be used here.'), {
      place: endpoint,
      remedy: t('Judge the answers again, with another address.'),
    });
  return judge;
}

async function askEditor(ask: Questions): Promise<JudgeChoice> {
  const models = await vscode.lm.selectChatModels();
  if (models.length === 0)
    throw inputError(t('VS Code offers no language model now.'), {
      remedy: t('Sign in to a provider, such as GitHub Copilot.'),
    });
  return ask.pick<JudgeChoice>(
    t('Which language model?'),
    models.map((model): Choice<JudgeChoice> => ({
      label: model.name,
      description: model.vendor,
      value: { vscode: { vendor: model.vendor, id: model.id }, name: model.name },
    })),
  );
}
