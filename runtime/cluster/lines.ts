const WRITE_CHARACTERS = 2 ** 20;

/** Lines of a file as bytes, as they come: all of them may be more than a string holds, or than the heap should. */
export class Lines {
  readonly #written: Buffer[] = [];
  #waiting: string[] = [];
  #characters = 0;

  add(line: string): void {
    this.#waiting.push(`${line}\n`);
    if ((this.#characters += line.length) >= WRITE_CHARACTERS) this.#write();
  }

  bytes(): Buffer {
    this.#write();
    return Buffer.concat(this.#written);
  }

  #write(): void {
    this.#written.push(Buffer.from(this.#waiting.join('')));
    [this.#waiting, this.#characters] = [[], 0];
  }
}
