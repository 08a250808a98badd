/**
 * `node --import tsx test/protection/point.ts RECIPE`: runs it alone in this process; prints its end with what it took,
 * as JSON.
 */
import { runRecipe } from '../../runtime/calls/run.js';
import { silent } from '../support/silent.js';

const done = await runRecipe(process.argv[2]!, silent);
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
console.log(JSON.stringify({ ...done, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakBytes: maxRSS * 1024 }));
