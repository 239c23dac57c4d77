/**
 * What a run has done so far, kept outside of it: a run that was killed goes on where it was.
 *
 * @module
 */

export interface Journal {
  /**
   * Every line that was appended, in order. A line that an interrupted append left torn is not among them, and the next
   * append is not harmed by it.
   *
   * @throws when it cannot be read.
   */
  read(): Promise<readonly string[]>

  /**
   * Appends one line, without a line break in it. It is there for the next program once this resolves. After a rejection it may
   * be there or not; a reader has to bear both. One append at a time.
   */
  append(line: string): Promise<void>
}

/** A journal of this process, for runs that need not be gone on with. */
export function memoryJournal(lines: string[] = []): Journal {
  return {
    read: async () => [...lines],
    append: async (line) => {
      lines.push(line)
    },
  }
}
