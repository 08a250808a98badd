import { fuzz } from './harness.js';
import { tables } from './tables.js';

fuzz(tables('TSV table', 'tsv', '\t'));
