import { basename, join } from 'node:path';
import { adapterName } from '../../runtime/contract/adapterName.js';
import type { CombineResult } from '../../runtime/contract/exports.js';
import type { CommandArguments } from '../host/commandArguments.js';
import { inputError } from '../host/errors.js';
import { revealButtons } from '../host/reveal.js';
import { numbers, t } from '../host/text.js';
import type { Services } from '../services/services.js';
import type { Adapter, Model } from '../workspace/models.js';
import { asChoice, askWeight, chooseModel } from './models.js';
import { freeFile, slug } from './recipeFiles.js';
import { rootFor } from './root.js';
import { wizard, type Questions } from './wizard.js';

interface Combination {
  adapters: { path: string; scale: number }[];
  off?: string;
  onto?: string;
  rank?: number;
}

/** One adapter from several: sums, multiples, differences and projections. It is listed under its model, detached. */
export async function combine(
  services: Pick<Services, 'assertTrusted' | 'engine' | 'models' | 'notices' | 'workAtHand'>,
  { model: path, out: folder, ...given }: CommandArguments['combine'],
): Promise<CombineResult> {
  services.assertTrusted();
  const title = t('Combine Adapters');
  const model = await chooseModel(services, path, title);
  const { adapters, off, onto, rank } = given.adapters
    ? { ...given, adapters: given.adapters.map((one) => ({ scale: 1, ...one })) }
    : await choose(model, title);
  const name = slug(adapters.map((one) => adapterName(one.path)).join(' '));
  const out = folder ?? (await freeFile(join(await rootFor(model.path), 'adapters'), name, ''));
  const params = { model: model.path, adapters, out, off, onto, rank };
  const result = await services.workAtHand.during(
    { command: 'combine', given: params },
    t('Combining {0}', basename(out)),
    (onProgress, token) => services.engine.request('combine', params, { token, onProgress }),
  );
  await services.models.attach(model.path, result.path, false);
  await services.models.inspectAgain(model.path);
  services.notices.info(
    result.error === undefined
      ? t('{0} was made: exact, of rank {1}.', basename(out), result.rank)
      : t(
          '{0} was made, of rank {1} instead of {2}: {3} of the update is lost.',
          basename(out),
          result.rank,
          result.exactRank,
          numbers().percent(result.error),
        ),
    ...revealButtons(result.path),
  );
  return result;
}

function choose(model: Model, title: string): Promise<Combination> {
  const known = model.adapters.filter(({ reason }) => reason === null);
  if (known.length === 0)
    throw inputError(t('{0} has no adapters that can be combined.', model.name), {
      remedy: t('Train one, or add a PEFT folder.'),
    });
  return wizard(title, async (ask) => {
    const chosen = await some(ask, known);
    const adapters: Combination['adapters'] = [];
    for (const { name, path } of chosen)
      adapters.push({
        path,
        scale: await askWeight(ask, t('Weight of {0} (a negative weight subtracts it)', name), 1),
      });
    const others = known.filter((one) => !chosen.includes(one));
    const how = await ask.pick<'sum' | 'off' | 'onto'>(t('What should be done with their sum?'), [
      { label: t('The sum itself'), value: 'sum' },
      ...(others.length > 0
        ? [
            {
              label: t('Without the part along another adapter'),
              description: t('projected off it'),
              value: 'off' as const,
            },
            {
              label: t('Only the part along another adapter'),
              description: t('projected on it'),
              value: 'onto' as const,
            },
          ]
        : []),
    ]);
    const along =
      how === 'sum'
        ? {}
        : {
            [how]: await ask.pick(
              t('Which adapter?'),
              others.map((one) => ({ ...asChoice(one), value: one.path })),
            ),
          };
    const rank = await ask.input(t('Largest rank; empty for the exact result'), '', (text) =>
      text.trim() === '' || /^[1-9]\d{0,3}$/.test(text.trim()) ? undefined : t('Give a whole number, such as 8.'),
    );
    return { adapters, ...along, ...(rank.trim() && { rank: Number(rank) }) };
  });
}

async function some(ask: Questions, known: readonly Adapter[]): Promise<Adapter[]> {
  const choices = known.map((one) => ({ ...asChoice(one), value: one }));
  const chosen = await ask.pickMany(t('Which adapters are added up?'), choices);
  if (chosen.length === 0) throw inputError(t('no adapter was chosen.'), { remedy: t('Choose one or more of them.') });
  return chosen;
}
