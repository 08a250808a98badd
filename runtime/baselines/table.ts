import type { BaselineName } from '../contract/baselines.js';
import { asft } from './asft.js';
import { lisa } from './lisa.js';
import type { Method, MethodInputs } from './method.js';
import { inoculation, ptst } from './prompts.js';
import { reinforced } from './reinforce.js';
import { safeGrad } from './safeGrad.js';
import { safeInstr } from './safeInstr.js';
import { safeLora } from './safeLora.js';
import { steering } from './steering.js';

/** Each published method by its name in a recipe. */
export const METHODS: Readonly<Record<BaselineName, (inputs: MethodInputs) => Method | Promise<Method>>> = {
  safeinstr: safeInstr,
  lisa,
  safegrad: safeGrad,
  safelora: safeLora,
  asft,
  'preventative-steering': steering,
  'buffer-and-reinforce': reinforced,
  ptst,
  inoculation,
};
