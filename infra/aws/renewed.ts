/**
 * One value that is made when it is first asked for, and again when it is not `good` any more for whoever asks. Those who ask while
 * it is being made wait for the same one. A failure is everybody's who waits, and is not kept.
 */
export const renewed = <T>(make: () => Promise<T>): ((good: (value: T) => boolean) => Promise<T>) => {
  let current: { readonly value: T } | undefined;
  let making: Promise<T> | undefined;
  const begin = async (): Promise<T> => {
    try {
      const value = await make();
      current = { value };
      return value;
    } finally {
      making = undefined;
    }
  };
  return (good) => {
    if (current !== undefined && good(current.value)) return Promise.resolve(current.value);
    return (making ??= begin());
  };
};
