export function unpackBrowser(): Promise<void>;
export function browserExecutable(): Promise<{ executablePath: string; env: Record<string, string> }>;
export function vulkanEnv(): Promise<Record<string, string> | undefined>;
