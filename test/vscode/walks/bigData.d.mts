export const ROWS: number;
export const SUSPICIOUS: number;
export function isSuspicious(row: number): boolean;
export function writeBigData(from: string, file: string): Promise<void>;
