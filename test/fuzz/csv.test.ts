import { fuzz } from './harness.js';
import { tables } from './tables.js';

fuzz(tables('CSV table', 'csv', ','));
