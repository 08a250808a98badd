/** The Test Explorer of the fake window: its items, the handlers of one controller, and what its runs were told. */
import type { Range, Uri } from './values.js';

class Items {
  private readonly all = new Map<string, TestItem>();
  constructor(private readonly owner?: TestItem) {}
  get size(): number {
    return this.all.size;
  }
  get = (id: string): TestItem | undefined => this.all.get(id);
  add(item: TestItem): void {
    item.parent = this.owner;
    this.all.set(item.id, item);
  }
  delete = (id: string): boolean => this.all.delete(id);
  replace(items: TestItem[]): void {
    this.all.clear();
    for (const item of items) this.add(item);
  }
  forEach(each: (item: TestItem) => void): void {
    for (const item of this.all.values()) each(item);
  }
  [Symbol.iterator](): IterableIterator<[string, TestItem]> {
    return this.all[Symbol.iterator]();
  }
}

export class TestItem {
  parent?: TestItem;
  range?: Range;
  readonly children = new Items(this);
  constructor(
    readonly id: string,
    readonly label: string,
    readonly uri?: Uri,
  ) {}
}

type RunTests = (request: { include?: TestItem[]; exclude?: TestItem[] }, token: object) => Promise<void>;

const items = new Items();
export const explorer = {
  items,
  resolve: undefined as ((item?: TestItem) => Promise<void>) | undefined,
  run: undefined as RunTests | undefined,
  /** "passed LABEL", in the order in which it was said. */
  said: [] as string[],
  /** What went to the terminal, and what failed tests say. */
  output: [] as string[],
};

const say =
  (what: string) =>
  ({ label }: TestItem, message?: TestMessage): void => {
    explorer.said.push(`${what} ${label}${what === 'errored' ? `: ${message?.message}` : ''}`);
    if (message) explorer.output.push(message.message);
  };

export const tests = {
  createTestController: () => ({
    items,
    set resolveHandler(handler: typeof explorer.resolve) {
      explorer.resolve = handler;
    },
    createTestItem: (id: string, label: string, uri?: Uri) => new TestItem(id, label, uri),
    createRunProfile: (_label: string, _kind: number, run: RunTests) => void (explorer.run = run),
    createTestRun: () => ({
      started: () => undefined,
      passed: say('passed'),
      failed: say('failed'),
      skipped: say('skipped'),
      errored: say('errored'),
      appendOutput: (text: string) => void explorer.output.push(text),
      end: () => undefined,
    }),
    dispose: () => undefined,
  }),
};
export const TestRunProfileKind = { Run: 1 };
export class TestMessage {
  location?: Location;
  constructor(readonly message: string) {}
}
export class Location {
  constructor(
    readonly uri: Uri,
    readonly range: Range,
  ) {}
}
