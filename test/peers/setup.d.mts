export const peersSupported: boolean;
export function peersInstalled(): boolean;
export function setupPeers(): Promise<boolean>;
