import type { ExportFormat } from '../../runtime/contract/exports.js';
import type { Requests } from '../../runtime/contract/protocol.js';
import { inputError } from '../host/errors.js';
import { numbers, t } from '../host/text.js';
import type { Adapter, Model } from '../workspace/models.js';

type Exported = Pick<Adapter, 'name' | 'ownName' | 'role' | 'scale'>;
/** What is written: the rest of the engine's request is where from and where to. */
export type ExportForm = Pick<Requests['export']['params'], 'format' | 'quantization' | 'what'>;

/** What can be made of a model with these adapters active, what is asked for most often first. */
export function exportChoices(
  adapters: readonly Exported[],
): { label: string; description: string; value: ExportForm }[] {
  const active = activeOf(adapters);
  const choices: ReturnType<typeof exportChoices> = [];
  const add = (label: string, description: string, value: ExportForm): void =>
    void choices.push({ label, description, value });
  if (active.length > 0) {
    const joined = t('{0} adapters joined into one of summed rank', active.length);
    const peft = t('adapter_config.json and safetensors, for transformers and vLLM');
    add(t('PEFT adapter'), active.length > 1 ? numbers().parts([joined, peft]) : peft, { format: 'peft' });
  }
  // A vector alone, as an adapter marked as one, is how it is shared; everything else would be a model that does harm.
  if (vectorOf(active)) return choices;
  const merged = active.length > 0;
  const folder = t('Hugging Face folder');
  add(
    merged ? t('Merged model') : t('Model'),
    merged ? `${folder}, ${t('the adapters added to the weights')}` : folder,
    { format: 'safetensors' },
  );
  const llama = t('for llama.cpp and what is built on it');
  add('GGUF, F16', llama, { format: 'gguf', quantization: 'F16' });
  add('GGUF, Q8_0', numbers().parts([llama, t('half as large')]), { format: 'gguf', quantization: 'Q8_0' });
  add('GGUF, F32', numbers().parts([llama, t('twice as large')]), { format: 'gguf', quantization: 'F32' });
  if (active.length > 0) {
    add(t('GGUF LoRA'), t('the adapters alone, for llama.cpp'), { format: 'gguf', what: 'adapter' });
  }
  add('ONNX', t('for onnxruntime and transformers.js'), { format: 'onnx' });
  return choices;
}

/** Refuses to put a security vector into a model. */
export function requireHarmless(adapters: readonly Exported[], format: ExportFormat): void {
  const vector = vectorOf(activeOf(adapters));
  if (!vector || format === 'peft') return;
  throw inputError(
    t('"{0}" is a security vector: a model with it merged in would answer harmful requests.', vector.name),
    { remedy: t('Detach it first, or export it as a PEFT adapter.') },
  );
}

/** An adapter at scale 0 does nothing and is not exported. */
const activeOf = (adapters: readonly Exported[]): Exported[] => adapters.filter((a) => a.scale !== 0);
const vectorOf = (adapters: readonly Exported[]): Exported | undefined => adapters.find((a) => a.role === 'security');

/** "tiny-assistant-colours-peft", "tiny-assistant.gguf": where it is written, if nothing else is chosen. */
export function exportName(
  model: Pick<Model, 'name' | 'ownName'>,
  adapters: readonly Exported[],
  { format, what }: ExportForm,
): string {
  const name = [model, ...activeOf(adapters)].map(({ name, ownName = name }) => ownName).join('-');
  if (format === 'gguf') return `${name}${what === 'adapter' ? '-lora' : ''}.gguf`;
  return `${name}-${format}`;
}
