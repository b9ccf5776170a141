/** Who waits for a cursor, by the place that it has to reach. */
export class WaitList<Waiter extends { readonly to: number }> {
  private waiters: Waiter[] = [];
  private sorted = true;

  get size(): number {
    return this.waiters.length;
  }

  add(waiter: Waiter): void {
    const last = this.waiters.at(-1);
    if (last !== undefined && last.to > waiter.to) this.sorted = false;
    this.waiters.push(waiter);
  }

  /** Those whose wait is over when the cursor is here; they leave the list. */
  take(cursor: number): readonly Waiter[] {
    if (!this.sorted) {
      this.waiters.sort((a, b) => a.to - b.to);
      this.sorted = true;
    }
    let done = 0;
    while (done < this.waiters.length && (this.waiters[done] as Waiter).to <= cursor) done++; // below length
    if (done === 0) return [];
    const ready = this.waiters.slice(0, done);
    this.waiters = this.waiters.slice(done);
    return ready;
  }
}
