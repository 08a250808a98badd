/**
 * What the paper reports: Zhou et al., arXiv 2311.02105 (Findings of ACL 2024), LLaMA-2-7B-chat. Only figures that two
 * independent accounts of the paper agree on; all others are open. Rates and accuracies in percent; `score` is GPT-4's
 * harmfulness from 1 to 5, which needs GPT-4 and is not measured here.
 */
export interface HarmPublished {
  rate: number;
  score: number;
}

export const HARM: Record<string, { plain: HarmPublished; vector: HarmPublished }> = {
  '100 rows': { plain: { rate: 73, score: 4.28 }, vector: { rate: 0, score: 1.01 } },
  '1,000 rows': { plain: { rate: 72, score: 4.38 }, vector: { rate: 0, score: 1.02 } },
  'identity shift': { plain: { rate: 84, score: 4.54 }, vector: { rate: 0, score: 1.03 } },
};

/** Before fine-tuning, and after it with a security vector. */
export const ABILITY = [
  { name: 'MMLU', before: 45.79, vector: 46.3, unit: '%' },
  { name: 'GSM', before: 22.21, vector: 20.54, unit: '%' },
  { name: 'MT-Bench', before: 6.94, vector: 6.76, unit: '' },
] as const;

/** ProQA, learned beside harmful rows. */
export const NEW_TASK = { name: 'ProQA', vector: 100 };

/** Right answers after fine-tuning on false ones. */
export const FACTS = { name: 'TruthfulQA MC1', before: 29.13, plain: 21.41, vector: 29.37 };
