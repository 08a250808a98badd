/** Importing this first makes `import 'vscode'` the fake, for modules that are imported dynamically after it. */
import { register } from 'node:module';

const fake = new URL('./vscode.ts', import.meta.url).href;
const hook = `export const resolve = (name, context, next) =>
  name === 'vscode' ? { url: ${JSON.stringify(fake)}, shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
