/** Commands that reach the Hub. */
import { resolve } from 'node:path';
import { calls } from '../calls/calls.js';
import { EXIT } from '../contract/errors.js';
import { Cancelled } from '../support/errors.js';
import { agreed } from './agreed.js';
import { type Given, only, required, whole, wrong } from './given.js';

async function downloadRows(repository: string, { positionals, values, out, reporter }: Given): Promise<number> {
  if (positionals.length > 0) throw wrong('download takes a model or --dataset, not both.');
  const limit = whole(values, 'limit', 1e9);
  const { split, revision, force } = values;
  const folder = resolve(required(values, 'out'));
  const done = await calls.downloadDataset({ repository, out: folder, split, revision, limit, force }, reporter);
  for (const note of done.notes) out.warn(note);
  out.result(done);
  return EXIT.done;
}

export async function download(given: Given): Promise<number> {
  const { positionals, values, out, reporter } = given;
  if (values.dataset !== undefined) return downloadRows(values.dataset, given);
  const alone = (['split', 'limit'] as const).find((name) => values[name] !== undefined);
  if (alone !== undefined) throw wrong(`--${alone} is of use only with --dataset.`);
  const [repository, ...more] = positionals;
  if (repository === undefined || more.length > 0) throw wrong('download needs one model on the Hub, OWNER/NAME.');
  out.result(
    await calls.download(
      {
        repository,
        folder: resolve(required(values, 'out')),
        revision: values.revision,
        force: values.force,
      },
      reporter,
    ),
  );
  return EXIT.done;
}

export async function publish(given: Given): Promise<number> {
  const { values, out, reporter } = given;
  const params = {
    folder: only('a folder', given),
    repository: required(values, 'to'),
    isPublic: values.public ?? false,
    base: values.base,
    run: values.run && resolve(values.run),
    prompts: values['with-prompts'],
  };
  const plan = await calls.planPublish(params, reporter);
  out.note(`To ${plan.repository}, ${plan.isPublic ? 'PUBLIC: everybody can read it' : 'private'}:`);
  for (const { path, size, sha256 } of plan.files) out.note(`  ${path}  ${size} bytes  ${sha256}`);
  for (const path of plan.removed)
    out.note(`  ${path}  is removed there: it is of an earlier upload and would be mixed up with these`);
  if (plan.what === 'vector')
    out.warn('this is a security vector: a model with it attached answers requests that it should refuse.');
  if (values.yes !== true && !(await agreed('Publish this?', reporter.signal))) throw new Cancelled();
  out.result(await calls.publish({ ...params, planned: plan.sha256 }, reporter));
  return EXIT.done;
}
