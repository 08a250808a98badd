import { Cancelled } from '../host/errors.js';
import { isAgreed } from '../host/messages.js';

/** Asks before something is lost or leaves the machine. @throws Cancelled where the person does not want it */
export async function confirm(question: string, detail: string, button: string): Promise<void> {
  if (!(await isAgreed(question, detail, button))) throw new Cancelled();
}
