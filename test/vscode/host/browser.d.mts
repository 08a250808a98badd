export function unpackBrowser(): Promise<void>;
export function launchBrowser<B>(
  chromium: { launch(options: object): Promise<B> },
  args?: readonly string[],
): Promise<B>;
export function vulkanEnv(): Promise<Record<string, string> | undefined>;
