import type { Manifest } from './protocol.js';
import { RECIPE_KINDS } from './recipeInputs.js';

const OUTCOMES: readonly unknown[] = ['running', 'finished', 'stopped', 'failed'] satisfies Manifest['outcome'][];
const KINDS: readonly unknown[] = RECIPE_KINDS;

/** Whether a value read from a manifest.json is one that this program wrote, of this version or an earlier one. */
export function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) return false;
  const manifest = value as Partial<Record<keyof Manifest, unknown>>;
  const model = manifest.model as Partial<Record<keyof Manifest['model'], unknown>> | null | undefined;
  return (
    manifest.version === 1 &&
    KINDS.includes(manifest.kind) &&
    OUTCOMES.includes(manifest.outcome) &&
    typeof manifest.started === 'string' &&
    typeof model?.path === 'string' &&
    Array.isArray(manifest.data) &&
    Array.isArray(manifest.vectors)
  );
}
