/**
 * An adapter, a security vector or a model as a repository of the Hugging Face Hub, with a model card. What leaves the
 * machine is listed first (`planPublish`); what was not listed is not sent.
 */
import type { PublishPlan } from '../contract/exports.js';
import type { Requests } from '../contract/protocol.js';
import type { DownloadParams, DownloadReporter } from '../models/hub/hub.js';
import { HumanError } from '../support/errors.js';
import { sha256 } from '../support/files.js';
import { modelCard } from './card.js';
import { contentOf, isRepository, textFile, type Content } from './contents.js';

type Params = Requests['planPublish']['params'] & Pick<DownloadParams, 'endpoint'>;

/** Reads and hashes everything, and looks at what is in the repository; sends nothing. */
export async function planPublish(
  params: Params,
  reporter: Pick<DownloadReporter, 'signal' | 'onLog'>,
): Promise<PublishPlan> {
  return (await prepared(params, reporter)).plan;
}

/** @throws HumanError when something else would be sent than the plan listed; as `upload`. Cancelled. */
export async function publish(
  { planned, ...params }: Params & Pick<Requests['publish']['params'], 'planned'>,
  reporter: DownloadReporter,
): Promise<Requests['publish']['result']> {
  reporter.onProgress('reading what is published');
  const { plan, content } = await prepared(params, reporter);
  if (plan.sha256 !== planned)
    throw new HumanError('the folder or the repository has changed since it was listed; nothing was sent.', {
      place: params.folder,
      remedy: 'Publish again, and look at the new list.',
    });
  const { repository, isPublic, removed } = plan;
  const { token, endpoint } = params;
  const { kind, files } = content;
  const title = `Upload ${WHAT[plan.what]} with Security Vectors`;
  // with the network it is loaded by who asks for it
  const { upload } = await import('../models/hub/upload.js');
  return upload({ kind, repository, isPublic, title, files, removed, token, endpoint }, reporter);
}

const WHAT: Record<PublishPlan['what'], string> = { adapter: 'adapter', vector: 'security vector', model: 'model' };

async function prepared(
  params: Params,
  reporter: Pick<DownloadReporter, 'signal' | 'onLog'>,
): Promise<{ plan: PublishPlan; content: Content }> {
  const { repository, isPublic = false, base, token, endpoint } = params;
  for (const name of [repository, base])
    if (name !== undefined && !isRepository(name))
      throw new HumanError('this is not the name of a repository.', { place: name, remedy: 'Write OWNER/NAME.' });
  const content = await contentOf(params);
  const card = textFile('README.md', modelCard(repository.split('/')[1], content));
  const files = [card, ...content.files];
  const listed = files.map(({ path, size, sums }) => ({ path, size, sha256: sums.sha256 }));
  const what: PublishPlan['what'] =
    content.kind === 'model' ? 'model' : content.role === 'security' ? 'vector' : 'adapter';
  const { leftovers } = await import('../models/hub/upload.js');
  const removed = await leftovers({ kind: content.kind, repository, files, token, endpoint }, reporter);
  const plan = { repository, isPublic, what, base: content.base ?? null, files: listed, removed };
  return {
    plan: { ...plan, card: (card.source as { text: string }).text, sha256: sha256(JSON.stringify(plan)) },
    content: { ...content, files },
  };
}
