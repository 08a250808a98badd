/** Where a recipe computes, when it is not here. */
import * as z from 'zod';
import { count, number, path } from './recipeValues.js';

export const secret = z
  .string()
  .max(128)
  .regex(/^\w+$/, 'this is the name of a secret: letters, digits and underscores')
  .describe('Name of a secret, never the secret itself.');
/** Folders there: jobs of Ray work in folders of their own, from which no relative path leads to them. */
const ABSOLUTE = '(/|[A-Za-z]:[\\\\/])';
const cluster = z.strictObject({
  ray: z
    .string()
    .max(2048)
    .regex(/^https?:\/\/[^\s@?#]+$/, 'this is not an address like http://head:8265, without a name and password in it')
    .describe('Address of the Ray dashboard: http://head:8265.'),
  token: secret
    .optional()
    .describe(
      'Name of the secret that is sent as bearer token. VS Code asks for it and keeps it; on the command line it is the environment variable of this name, if --secret allows it.',
    ),
  headers: z
    .record(z.string().regex(/^[\w-]{1,128}$/), secret)
    .optional()
    .describe('Further headers: { "X-Key": name of a secret }.'),
  ca: path.optional().describe('File of certificates (PEM) that are trusted, relative to this recipe.'),
  model: path
    .regex(new RegExp(`^${ABSOLUTE}`), 'this is no absolute path on the cluster, like /models/8b')
    .describe('The model\'s folder on the cluster, the same on every worker: the same weights and config as "model".'),
  workers: count(4096).default(1).describe('How many workers train.'),
  gpu: number(16).min(0).default(1).describe('GPUs of each worker; 0 trains on the CPU.'),
  storage: path
    .regex(
      new RegExp(`^(${ABSOLUTE}|[a-z][a-z0-9+.-]*://)`),
      'this is neither an absolute path on the cluster, like /shared, nor a bucket, like s3://bucket/runs',
    )
    .describe(
      'Where the cluster keeps checkpoints and results: a folder that all workers share, or a bucket (s3://…, gs://…).',
    ),
  precision: z
    .enum(['fp32', 'bf16'])
    .default('fp32')
    .describe('Of the base model; adapters are always trained in fp32.'),
  strategy: z
    .enum(['ddp', 'fsdp'])
    .default('ddp')
    .describe('"ddp": each worker has the whole model. "fsdp": its weights are cut over the workers.'),
  tokens: count(2 ** 24)
    .default(4096)
    .describe('Tokens that a worker computes at once, with padding; a longer row runs alone.'),
  install: z.boolean().default(false).describe('Let Ray install the pinned Python packages for the job.'),
});
export const on = cluster
  .optional()
  .describe(
    'Where the run computes. Absent: on this machine. On a Ray cluster: its address, the model there, and how many workers.',
  );
export type ClusterTarget = z.infer<typeof cluster>;
