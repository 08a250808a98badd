/**
 * Preloaded (`node --import`) into a process whose peak resident memory is wanted: written, in bytes, to PEAK_FILE at
 * its end.
 */
import { writeFileSync } from 'node:fs';

process.on('exit', () => writeFileSync(process.env.PEAK_FILE, String(process.resourceUsage().maxRSS * 1024)));
