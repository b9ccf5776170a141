// The part that this example uses of a package that ships no types.
declare module 'mnist' {
  /** One per digit: its images, 784 grey values from 0 to 1 each, behind each other. */
  const digits: Readonly<Record<number, { readonly raw: readonly number[]; readonly length: number }>>;
  export default digits;
}
