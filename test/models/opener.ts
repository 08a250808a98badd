/** A process that opens a model with a cache, says so, and stays until its input ends: `opener.ts MODEL CACHE`. */
import { openModel } from '../../runtime/models/folder.js';

const [model, cache] = process.argv.slice(2);
const { tensors } = await openModel(model!, { cache });
console.log(tensors.size);
process.stdin.resume().on('end', () => process.exit());
