/** A row that cannot be used. The message is a clause: "the row has no messages". */
export class InvalidRow extends Error {}

/** The row is valid, but this model cannot be trained on it: its answer cannot be told apart. */
export class UnfitRow extends InvalidRow {}

/** The row is valid, but has too many tokens. */
export class TooLongRow extends UnfitRow {
  /** @param tokens where they were counted */
  constructor(
    message: string,
    readonly tokens?: number,
  ) {
    super(message);
  }
}
