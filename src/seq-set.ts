const CHUNK_BITS = 65_536;

/** A set of seqs at one bit each, and only where there are any: facts that are kept for ever must be cheap. */
export class SeqSet {
  private readonly chunks = new Map<number, Uint8Array>();
  size = 0;

  /** True when it was not in yet. */
  add(seq: number): boolean {
    if (this.has(seq)) return false;
    const index = Math.floor(seq / CHUNK_BITS);
    const chunk = this.chunks.get(index) ?? new Uint8Array(CHUNK_BITS / 8);
    this.chunks.set(index, chunk);
    const byte = (seq % CHUNK_BITS) >> 3;
    chunk[byte] = (chunk[byte] as number) | (1 << (seq & 7)); // within the chunk
    this.size++;
    return true;
  }

  has(seq: number): boolean {
    const chunk = this.chunks.get(Math.floor(seq / CHUNK_BITS));
    return chunk !== undefined && ((chunk[(seq % CHUNK_BITS) >> 3] as number) & (1 << (seq & 7))) !== 0; // within the chunk
  }
}
