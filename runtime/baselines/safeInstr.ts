import { HumanError } from '../support/errors.js';
import { joined, subset } from '../data/exampleList.js';
import { random } from '../support/random.js';
import type { Method, MethodInputs } from './method.js';

/**
 * SafeInstr (Bianchi et al., arXiv 2309.07875): aligned answers to harmful prompts are mixed into the data, as `share`
 * of all rows, drawn again where there are too few of them; without a share each of them once.
 */
export function safeInstr({ aligned, options: { share }, seed }: MethodInputs): Method {
  return {
    rows: (data) => {
      const wanted = share === undefined ? aligned.length : Math.round((share * data.length) / (1 - share));
      if (wanted === 0)
        throw new HumanError(`a share of ${share} of ${data.length} rows is less than one row.`, {
          place: 'baseline.share',
          remedy: 'Raise the share.',
        });
      const rng = random(`${seed}/safeinstr`);
      const order: number[] = [];
      while (order.length < wanted)
        order.push(...rng.shuffle(Array.from({ length: aligned.length }, (_, i) => i)).slice(0, wanted - order.length));
      return joined(data, subset(aligned, order), data.at(data.length - 1)?.row ?? -1);
    },
  };
}
