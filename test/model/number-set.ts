/** Numbers in the order they came, each once, with its position. Open addressing: some 20 bytes a number where a Map takes 60. */
export interface NumberSet {
  /** Position of the number; `fresh` says that it was not there before. */
  add(value: number): { readonly at: number; readonly fresh: boolean };
  at(position: number): number;
  size(): number;
}

export const numberSet = (): NumberSet => {
  let values = new Float64Array(1 << 12);
  let table = new Int32Array(1 << 13).fill(-1);
  let size = 0;

  const slotOf = (value: number): number => {
    const mask = table.length - 1;
    let hash = Math.imul(value | 0, 0x9e3779b1) ^ Math.imul((value / 0x1_0000_0000) | 0, 0x85ebca6b);
    hash ^= hash >>> 15;
    let slot = hash & mask;
    for (;;) {
      const position = table[slot] as number;
      if (position === -1 || values[position] === value) return slot;
      slot = (slot + 1) & mask;
    }
  };
  const grow = (): void => {
    const larger = new Float64Array(values.length * 2);
    larger.set(values);
    values = larger;
    table = new Int32Array(values.length * 2).fill(-1);
    for (let position = 0; position < size; position++) table[slotOf(values[position] as number)] = position;
  };

  return {
    add(value) {
      const slot = slotOf(value);
      const known = table[slot] as number;
      if (known !== -1) return { at: known, fresh: false };
      if (size === values.length) {
        grow();
        return this.add(value);
      }
      values[size] = value;
      table[slot] = size;
      return { at: size++, fresh: true };
    },
    at: (position) => values[position] as number,
    size: () => size,
  };
};
